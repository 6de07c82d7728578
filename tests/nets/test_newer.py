"""Newer cells: one step and a sequence say the same, numbers by hand, gradients, ties to the classic ones."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wattcast.kernels.reference import GRUState, LSTMState, SLSTMState, Weights
from wattcast.nets.cells import CELLS, LSTM
from wattcast.nets.dilated import Dilated, dilated
from wattcast.nets.newer import NEWER, in_parallel, one_by_one
from wattcast.nets.stack import Stack

TIME, BATCH, INPUTS, HIDDEN = 7, 3, 5, 4


@pytest.fixture(params=[*NEWER, "dilated"])
def name(request):
    return request.param


@pytest.fixture
def cell(name):
    if name == "dilated":
        return Dilated(CELLS["lstm"](INPUTS, HIDDEN, jax.random.key(1)), 3)
    made = NEWER[name](INPUTS, HIDDEN, jax.random.key(1))
    if name == "peephole":  # at the start it is the LSTM
        made = eqx.tree_at(lambda c: c.peephole, made, jax.random.normal(jax.random.key(2), (3, HIDDEN)))
    return made


@pytest.fixture(scope="module")
def xs():
    return jax.random.normal(jax.random.key(0), (TIME, BATCH, INPUTS))


def same(a, b):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6), a, b)


def stepped(cell, xs, state):
    said = []
    for x in xs:
        state = cell.step(x, state)
        said.append(state.h)
    return jnp.stack(said), state


def test_a_sequence_is_its_steps(cell, xs):
    hs, last = cell.scan(xs, cell.initial_state(BATCH))
    assert np.abs(hs).max() > 0.01
    same((hs, last), stepped(cell, xs, cell.initial_state(BATCH)))


@pytest.mark.parametrize("cut", [2, 3])  # shorter than the dilation, and as long
def test_a_sequence_in_two_parts_is_the_whole(cell, xs, cut):
    whole, last = cell.scan(xs, cell.initial_state(BATCH))
    first, state = cell.scan(xs[:cut], cell.initial_state(BATCH))
    second, end = cell.scan(xs[cut:], state)
    same((whole, last), (jnp.concatenate([first, second]), end))


def test_it_starts_from_zeros(cell):
    leaves = jax.tree.leaves(cell.initial_state(BATCH))
    assert leaves and not any(leaf.any() for leaf in leaves)
    assert cell.initial_state().h.shape == (HIDDEN,)


def test_gradients_are_those_of_its_steps(cell, xs):
    """Through scan (a kernel, or a parallel scan) and through a plain loop."""

    def loss(run):
        return eqx.filter_grad(lambda c: jnp.sum(jnp.square(run(c, xs, c.initial_state(BATCH))[0])))(cell)

    found, plain = loss(lambda c, xs, s: c.scan(xs, s)), loss(stepped)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4), found, plain)


@pytest.mark.parametrize("size", [1e3, -1e3])
def test_inputs_far_out_give_finite_outputs_and_gradients(name, cell, xs, size):
    run = lambda c: jnp.sum(c.scan(size * xs, c.initial_state(BATCH))[0])  # noqa: E731
    value, grads = eqx.filter_value_and_grad(run)(cell)
    assert np.isfinite(value), name
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(grads))


def of(name, w, u, b, **more):
    """A cell of one input and one unit with weights given."""
    made = NEWER[name](1, 1, jax.random.key(0))
    weights = Weights(*(jnp.asarray(a, jnp.float32) for a in ([w], [u], b, ())))
    made = eqx.tree_at(lambda c: c.weights, made, weights)
    for field, value in more.items():
        made = eqx.tree_at(lambda c, field=field: getattr(c, field), made, jnp.asarray(value, jnp.float32))
    return made


def ln(p):
    """sigmoid(ln(p)) = p."""
    return math.log(p / (1 - p))


def one(value):
    return jnp.full((1,), value, jnp.float32)


def test_peephole_by_hand():
    # c = 2. i = sigmoid(ln(1/2) + 2 * 1 - 2) = 1/2, f = sigmoid(ln(1/4) + 2 * 3 - 6) = 1/4, g = tanh(ln(3) / 2) = 1/2:
    # c' = 1/4 * 2 + 1/2 * 1/2 = 3/4. o sees the new one: sigmoid(ln(3/4) - 3/4 + 3/4 * 1) = 3/4; h' = 3/4 tanh(3/4)
    bias = [ln(0.5) - 2, ln(0.25) - 6, math.log(3) / 2, ln(0.75) - 0.75]
    made = of("peephole", [0.0] * 4, [0.0] * 4, bias, peephole=[[1.0], [3.0], [1.0]])
    after = made.step(one(9.0), LSTMState(one(0.0), one(2.0)))
    assert float(after.c[0]) == pytest.approx(0.75, rel=1e-6)
    assert float(after.h[0]) == pytest.approx(0.75 * math.tanh(0.75), rel=1e-6)


def test_coupled_by_hand():
    # i = sigmoid(2 * 1/2 + 1 * 1 - 2 + ln(1/4)) = 1/4, so f = 3/4; g = 1/2, o = 1/2, c = 2:
    # c' = 3/4 * 2 + 1/4 * 1/2 = 13/8
    made = of("coupled", [0.5, 0.0, 0.0], [1.0, 0.0, 0.0], [ln(0.25) - 2, math.log(3) / 2, 0.0])
    after = made.step(one(2.0), LSTMState(one(1.0), one(2.0)))
    assert float(after.c[0]) == pytest.approx(13 / 8, rel=1e-6)
    assert float(after.h[0]) == pytest.approx(math.tanh(13 / 8) / 2, rel=1e-6)


def test_mingru_by_hand():
    # z = sigmoid(ln(1/4)) = 1/4, n = 3 * 2 - 1 = 5, not squashed: h' = 3/4 * 1 + 1/4 * 5 = 2
    made = of("mingru", [0.0, 3.0], [], [ln(0.25), -1.0])
    assert float(made.step(one(2.0), GRUState(one(1.0))).h[0]) == pytest.approx(2.0, rel=1e-6)


def test_minlstm_by_hand():
    # i = 1/4, f = 3/4 of which the sum is 1: h' = 3/4 * 1 + 1/4 * 5 = 2. With i = f = 3/4 each half: (1 + 5) / 2 = 3
    made = of("minlstm", [0.0, 0.0, 3.0], [], [ln(0.25), ln(0.75), -1.0])
    assert float(made.step(one(2.0), GRUState(one(1.0))).h[0]) == pytest.approx(2.0, rel=1e-6)
    made = of("minlstm", [0.0, 0.0, 3.0], [], [ln(0.75), ln(0.75), -1.0])
    assert float(made.step(one(2.0), GRUState(one(1.0))).h[0]) == pytest.approx(3.0, rel=1e-6)


def test_slstm_by_hand():
    # i = exp(ln 3) = 3, f = 1/2, g = 1/2, o = 1/2. From rest: c = 3/2, n = 3, h = 1/2 * 1/2 = 1/4.
    # Then with g = -1/2 (x = -1): c = 1/2 * 3/2 - 3/2 = -3/4, n = 1/2 * 3 + 3 = 9/2, h = 1/2 * -1/6 = -1/12
    made = of("slstm", [0.0, 0.0, math.log(3) / 2, 0.0], [0.0] * 4, [math.log(3), 0.0, 0.0, 0.0])
    first = made.step(one(1.0), made.initial_state())
    assert float(first.h[0]) == pytest.approx(1 / 4, rel=1e-6)
    second = made.step(one(-1.0), first)
    assert float(second.h[0]) == pytest.approx(-1 / 12, rel=1e-5)
    scale = math.exp(float(second.m[0]))
    assert float(second.n[0]) * scale == pytest.approx(9 / 2, rel=1e-5)
    assert float(second.c[0]) * scale == pytest.approx(-3 / 4, rel=1e-5)


def test_slstm_is_its_equations_without_the_running_maximum(xs):
    """Exponentials as they stand, and their gradient."""
    cell = NEWER["slstm"](INPUTS, HIDDEN, jax.random.key(1))

    def plain(c):
        h = s = n = jnp.zeros((BATCH, HIDDEN))
        said = []
        for x in xs:
            i, f, g, o = jnp.split(c.from_input(x) + h @ c.weights.u, 4, axis=-1)
            s = jax.nn.sigmoid(f) * s + jnp.exp(i) * jnp.tanh(g)
            n = jax.nn.sigmoid(f) * n + jnp.exp(i)
            h = jax.nn.sigmoid(o) * s / n
            said.append(h)
        return jnp.stack(said)

    same(cell.scan(xs, cell.initial_state(BATCH))[0], plain(cell))
    stable = eqx.filter_grad(lambda c: jnp.sum(jnp.square(c.scan(xs, c.initial_state(BATCH))[0])))(cell)
    naive = eqx.filter_grad(lambda c: jnp.sum(jnp.square(plain(c))))(cell)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5), stable, naive)


def test_the_peephole_starts_as_the_lstm(xs):
    made, plain = NEWER["peephole"](INPUTS, HIDDEN, jax.random.key(1)), LSTM(INPUTS, HIDDEN, jax.random.key(1))
    state = plain.initial_state(BATCH)
    same(made.scan(xs, state), plain.scan(xs, state))


def test_a_dilated_layer_is_its_threads(xs):
    """Rows 0, 3, 6, rows 1, 4 and rows 2, 5 know nothing of each other."""
    plain = CELLS["gru"](INPUTS, HIDDEN, jax.random.key(1))
    hs, _ = Dilated(plain, 3).scan(xs, Dilated(plain, 3).initial_state(BATCH))
    for thread in range(3):
        same(hs[thread::3], plain.scan(xs[thread::3], plain.initial_state(BATCH))[0])


def test_a_dilated_stack_steps_as_it_scans(xs):
    stack = dilated(Stack(INPUTS, (4, 4), jax.random.key(0)), (1, 2))
    hs, last = stack.scan(xs, stack.initial_state(BATCH))
    states, said = stack.initial_state(BATCH), []
    for x in xs:
        h, states = stack.step(x, states)
        said.append(h)
    same((hs, last), (jnp.stack(said), states))


def test_dilations_that_do_not_fit_are_refused():
    stack = Stack(INPUTS, (4, 4), jax.random.key(0))
    with pytest.raises(ValueError, match="2 layers needs as many dilations"):
        dilated(stack, (1, 2, 4))
    with pytest.raises(ValueError, match="1 or more, got 0"):
        dilated(stack, (1, 0))


@pytest.mark.parametrize("name", NEWER)
def test_a_stack_takes_them_by_name(name, xs):
    stack = Stack(INPUTS, (4, 4), jax.random.key(0), cell=name)
    states, said = stack.initial_state(BATCH), []
    for x in xs[:3]:
        h, states = stack.step(x, states)
        said.append(h)
    same(stack.scan(xs[:3], stack.initial_state(BATCH)), (jnp.stack(said), states))


def test_the_parallel_scan_is_the_steps():
    keep, add = jax.nn.sigmoid(jax.random.normal(jax.random.key(0), (2, TIME, BATCH, HIDDEN)))
    h = jnp.ones((BATCH, HIDDEN))
    same(in_parallel(keep, add, h), one_by_one(keep, add, h))
    found, plain = (jax.grad(lambda k, f=f: jnp.sum(jnp.square(f(k, add, h))))(keep) for f in (in_parallel, one_by_one))
    same(found, plain)


def test_no_recurrent_weights_where_the_state_enters_no_gate():
    for name in ("mingru", "minlstm"):
        assert NEWER[name](INPUTS, HIDDEN, jax.random.key(0)).weights.u.size == 0


def test_the_state_of_an_slstm_has_four_parts():
    assert len(NEWER["slstm"](1, 1, jax.random.key(0)).initial_state(2)) == len(SLSTMState._fields) == 4
