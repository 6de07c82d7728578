"""The five patterns through their one door: shapes, what each output can see, and what is refused."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wattcast.nets import (
    PATTERNS,
    Bidirectional,
    Classifier,
    EncoderDecoder,
    Stack,
    pattern,
)

TIME, BATCH, INPUTS, OUTPUTS, STEPS, HIDDEN = 6, 2, 3, 2, 4, 5

#: name -> (steps it reads, steps it writes)
LENGTHS = {
    "one-to-one": (1, 1),
    "one-to-many": (1, STEPS),
    "many-to-one": (TIME, 1),
    "in-step": (TIME, TIME),
    "encoder-decoder": (TIME, STEPS),
}


def made(name, cell="gru"):
    steps = STEPS if name in ("one-to-many", "encoder-decoder") else None
    return pattern(name, INPUTS, OUTPUTS, jax.random.key(0), hidden=(HIDDEN,), cell=cell, steps=steps)


def inputs(time):
    return jax.random.normal(jax.random.key(1), (time, BATCH, INPUTS))


def test_there_are_five():
    assert set(LENGTHS) == set(PATTERNS)


@pytest.mark.parametrize("name", PATTERNS)
def test_sequence_in_sequence_out(name):
    reads, writes = LENGTHS[name]
    assert made(name)(inputs(reads)).shape == (writes, BATCH, OUTPUTS)


@pytest.mark.parametrize("name", PATTERNS)
def test_rows_of_a_batch_do_not_see_each_other(name):
    xs, model = inputs(LENGTHS[name][0]), made(name)
    whole = model(xs)
    for row in range(BATCH):
        np.testing.assert_allclose(whole[:, row : row + 1], model(xs[:, row : row + 1]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", PATTERNS)
def test_every_weight_counts(name):
    """But the recurrence where there is no past, and the reset of a GRU that has only zeros to forget."""
    xs, model = inputs(LENGTHS[name][0]), made(name, "elman")
    grads = eqx.filter_grad(lambda m: jnp.sum(jnp.square(m(xs))))(model)
    still = [jax.tree_util.keystr(p) for p, g in jax.tree_util.tree_leaves_with_path(grads) if g.size and not g.any()]
    assert still == ([".stack.cells[0].weights.u"] if name == "one-to-one" else [])


def test_one_to_one_is_one_step_from_rest():
    model, xs = made("one-to-one"), inputs(1)
    h, _ = model.stack.step(xs[0], model.stack.initial_state(BATCH))
    np.testing.assert_allclose(model(xs)[0], h @ model.dense.w + model.dense.b[None], rtol=1e-5, atol=1e-6)


def test_in_step_an_output_sees_nothing_after_it():
    model, xs = made("in-step"), inputs(TIME)
    changed = model(xs.at[3].add(1.0))
    np.testing.assert_allclose(changed[:3], model(xs)[:3], atol=1e-6)
    assert (np.abs(changed[3:] - model(xs)[3:]).max(axis=(1, 2)) > 1e-4).all()


def test_in_step_goes_on_from_a_state():
    model, xs = made("in-step"), inputs(TIME)
    first, states = model.scan(xs[:4], model.stack.initial_state(BATCH))
    second, _ = model.scan(xs[4:], states)
    np.testing.assert_allclose(jnp.concatenate([first, second]), model(xs), rtol=1e-5, atol=1e-6)


def test_many_to_one_is_the_last_of_in_step():
    every, last, xs = made("in-step"), made("many-to-one"), inputs(TIME)
    last = eqx.tree_at(lambda m: (m.stack, m.dense), last, (every.stack, every.dense))
    np.testing.assert_allclose(last(xs), every(xs)[-1:], rtol=1e-5, atol=1e-6)


def test_encoder_decoder_is_many_to_one_then_one_to_many():
    model, xs = made("encoder-decoder"), inputs(TIME)
    h, states = model.encoder.scan(xs, model.encoder.initial_state(BATCH))
    said, read = [], h[-1]
    for _ in range(STEPS):
        h, states = model.decoder.step(read, states)
        said.append(model.dense(h))
    np.testing.assert_allclose(model(xs), jnp.stack(said), rtol=1e-5, atol=1e-6)


def test_bidirectional_sees_both_sides_and_reads_a_sequence_back_the_same():
    on, back = (Stack(INPUTS, (HIDDEN,), jax.random.key(k)) for k in (0, 1))
    model, xs = Bidirectional(on, back, OUTPUTS, jax.random.key(2)), inputs(TIME)
    assert (np.abs(model(xs.at[3].add(1.0)) - model(xs)).max(axis=(1, 2)) > 1e-5).all()
    swapped = jnp.concatenate([model.dense.w[HIDDEN:], model.dense.w[:HIDDEN]])
    other = eqx.tree_at(lambda m: (m.forward, m.backward, m.dense.w), model, (back, on, swapped))
    np.testing.assert_allclose(other(xs[::-1]), model(xs)[::-1], rtol=1e-5, atol=1e-6)


def test_classifier_says_probabilities_and_its_loss_is_their_logarithm():
    stack, kinds = Stack(INPUTS, (HIDDEN,), jax.random.key(0)), ("home", "office", "country")
    model = Classifier(stack, kinds, jax.random.key(1))
    said = model(inputs(TIME))
    assert said.shape == (BATCH, 3)
    np.testing.assert_allclose(said.sum(axis=1), 1.0, rtol=1e-6)
    loss = model.loss(inputs(TIME), jnp.asarray([2, 0]))
    np.testing.assert_allclose(loss, -np.log([said[0, 2], said[1, 0]]), rtol=1e-5)


def test_what_does_not_fit_is_refused():
    key, stack = jax.random.key(0), Stack(INPUTS, (HIDDEN,), jax.random.key(0))
    with pytest.raises(ValueError, match="no pattern 'many-to-none'; there are one-to-one"):
        pattern("many-to-none", 1, 1, key)
    with pytest.raises(ValueError, match="one-to-many needs steps of 1 or more, got steps=None"):
        pattern("one-to-many", 1, 1, key)
    with pytest.raises(ValueError, match="many-to-one takes no steps, got steps=3"):
        pattern("many-to-one", 1, 1, key, steps=3)
    with pytest.raises(ValueError, match=r"reads one input.* got a sequence of shape \(6, 2, 3\)"):
        made("one-to-many")(inputs(TIME))
    with pytest.raises(ValueError, match=r"same sizes, got \(5,\) and \(6,\)"):
        EncoderDecoder(stack, Stack(HIDDEN, (6,), key), 1, key, steps=2)
    with pytest.raises(ValueError, match="2 or more, got"):
        Classifier(stack, ("home",), key)
