"""Weights of other libraries give the numbers of those libraries (stored by foreign_numbers.py), or are refused."""

import json
import subprocess
import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wattcast.nets.foreign import gru_from_keras, gru_from_torch, lstm_from_keras, lstm_from_torch
from wattcast.nets.patterns import Bidirectional
from wattcast.nets.stack import Stack

DATA = Path(__file__).parent / "data"
TORCH, KERAS = (json.loads((DATA / f"{name}.json").read_text()) for name in ("torch", "keras"))
TAKEN = {"torch": (lstm_from_torch, gru_from_torch), "keras": (lstm_from_keras, gru_from_keras)}
BOTH = "lstm of both directions"


def arrays(given):
    """Lists of numbers as arrays."""
    if isinstance(given, dict):
        return {k: np.array(v, np.float32) for k, v in given.items()}
    return [[np.array(a, np.float32) for a in layer] for layer in given]


def taken(library, case):
    """The stack of a stored case, and what is stored of it."""
    stored = {"torch": TORCH, "keras": KERAS}[library]["cases"][case]
    return TAKEN[library][case.startswith("gru")](arrays(stored["arrays"])), stored


@pytest.mark.parametrize(
    ("library", "case"),
    [("torch", c) for c in TORCH["cases"] if c != BOTH] + [("keras", c) for c in KERAS["cases"]],
)
def test_outputs_and_states_are_those_of_the_library(library, case):
    stack, stored = taken(library, case)
    xs = jnp.asarray((TORCH if library == "torch" else KERAS)["xs"], jnp.float32)
    hs, last = stack.scan(xs, stack.initial_state(xs.shape[1]))
    np.testing.assert_allclose(hs, np.array(stored["hs"]), rtol=1e-5, atol=1e-6)
    # torch: one array a kind of state, [layer, batch, hidden]; Keras: states of each layer
    kinds = stored["last"] if library == "torch" else [list(kind) for kind in zip(*stored["last"], strict=True)]
    for k, state in enumerate(last):
        for ours, theirs in zip(state, kinds, strict=True):
            np.testing.assert_allclose(ours, np.array(theirs[k]), rtol=1e-5, atol=1e-6)
    states = stack.initial_state(xs.shape[1])
    for x, said in zip(xs, stored["hs"], strict=True):
        h, states = stack.step(x, states)
        np.testing.assert_allclose(h, np.array(said), rtol=1e-5, atol=1e-6)


def test_a_layer_of_both_directions_is_two_stacks():
    stored = TORCH["cases"][BOTH]
    given = arrays(stored["arrays"])
    forward = lstm_from_torch({k: a for k, a in given.items() if not k.endswith("_reverse")})
    backward = lstm_from_torch({k.removesuffix("_reverse"): a for k, a in given.items() if k.endswith("_reverse")})
    both = Bidirectional(forward, backward, 4, jax.random.key(0))
    both = eqx.tree_at(lambda b: b.dense.w, both, jnp.eye(4))  # the outputs themselves
    hs = both(jnp.asarray(TORCH["xs"], jnp.float32))
    np.testing.assert_allclose(hs, np.array(stored["hs"]), rtol=1e-5, atol=1e-6)


def test_the_stored_numbers_would_show_a_wrong_convention():
    """Layers of equal sizes, biases and gates that all differ: no two of them can be exchanged unseen."""
    stack, stored = taken("torch", "gru of two layers")
    xs, want = jnp.asarray(TORCH["xs"], jnp.float32), np.array(stored["hs"])
    first = stack.cells[0].weights
    wrong = {
        "residual": eqx.tree_at(lambda s: s.cells, Stack(3, (3, 3), jax.random.key(0)), stack.cells),
        "gates": eqx.tree_at(lambda s: s.cells[0].weights.b, stack, jnp.roll(first.b, 3)),
        "bn": eqx.tree_at(
            lambda s: (s.cells[0].weights.b, s.cells[0].weights.bn),
            stack,
            (first.b.at[6:].add(first.bn), jnp.zeros(3)),
        ),
    }
    for name, other in wrong.items():
        assert np.abs(other.scan(xs, other.initial_state(2))[0] - want).max() > 1e-3, name


def changed(given, **other):
    """Arrays of a torch case without those that are None, and with others in place."""
    return {k: a for k, a in (given | other).items() if a is not None}


LSTM, GRU = (arrays(TORCH["cases"][c]["arrays"]) for c in ("lstm of three layers", "gru of two layers"))


@pytest.mark.parametrize(
    ("take", "given", "said"),
    [
        (lstm_from_torch, {}, "no arrays"),
        (lstm_from_torch, changed(LSTM, weight_hh_l1=None), "'weight_hh_l1' is missing"),
        (lstm_from_torch, changed(LSTM, bias_hh_l2=None), "'bias_hh_l2' is missing"),
        (lstm_from_torch, {k: a for k, a in LSTM.items() if not k.endswith("l1")}, "'weight_ih_l1' is missing"),
        (lstm_from_torch, changed(LSTM, bias_ih_l0=np.zeros(9)), r"'bias_ih_l0' has shape \(9,\), expected \(12,\)"),
        (lstm_from_torch, changed(LSTM, weight_hh_l0=np.zeros(9)), r"'weight_hh_l0' has shape \(9,\), expected"),
        (lstm_from_torch, changed(LSTM, weight_hh_l0=np.zeros((0, 0))), "'weight_hh_l0' has shape"),
        (lstm_from_torch, changed(LSTM, weight_ih_l1=np.zeros((12, 5))), "Layer 1 reads 5 inputs, the layer before it"),
        (lstm_from_torch, GRU, r"'weight_ih_l0' has shape \(9, 3\), expected \(12, 3\)"),
        (gru_from_torch, LSTM, r"'weight_ih_l0' has shape \(12, 3\), expected \(9, 3\)"),
        (lstm_from_torch, changed(LSTM, bias_ih_l0=np.full(12, np.nan)), "'bias_ih_l0' holds something else"),
        (lstm_from_torch, changed(LSTM, bias_ih_l0=np.full(12, 1e300)), "'bias_ih_l0' holds something else"),
        (lstm_from_torch, changed(LSTM, bias_ih_l0=np.full(12, "a")), "'bias_ih_l0' holds something else"),
        (lstm_from_torch, changed(LSTM, bias_ih_l0=np.full(12, 1j)), "'bias_ih_l0' holds something else"),
        (lstm_from_torch, arrays(TORCH["cases"][BOTH]["arrays"]), "'weight_ih_l0_reverse' belongs to a second direct"),
        (lstm_from_torch, changed(LSTM, weight_hr_l0=np.zeros((2, 3))), r"'weight_hr_l0' is a projection"),
        (gru_from_torch, {f"rnn.{k}": a for k, a in GRU.items()}, "'rnn.weight_ih_l0' is none of a recurrent layer"),
        (lstm_from_keras, [], "no layers"),
        (lstm_from_keras, [[np.zeros((3, 8))]], "Layer 0 has 1 arrays, expected kernel"),
        (lstm_from_keras, [[np.zeros((3, 8)), np.zeros((2, 8)), np.zeros(6)]], r"bias of layer 0 has shape \(6,\)"),
        (lstm_from_keras, [[np.zeros((3, 8)), np.zeros((2, 6))]], "recurrent_kernel of layer 0 has shape"),
        (lstm_from_keras, [[np.zeros((3, 6)), np.zeros((2, 6)), np.zeros((2, 6))]], "kernel of layer 0 has shape"),
        (lstm_from_keras, [[np.zeros((3, 8)), np.zeros((2, 8))]] * 2, "Layer 1 reads 3 inputs"),
        (gru_from_keras, [[np.zeros((3, 6)), np.zeros((2, 6)), np.zeros(6)]], "reset_after=False"),
        (gru_from_keras, [[np.zeros((3, 6)), np.zeros((2, 6))]], r"give zeros of shape \(2, 6\)"),
        (gru_from_keras, [[np.zeros((3, 6)), np.zeros((2, 6)), np.zeros((2, 5))]], "bias of layer 0 has shape"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_named(take, given, said):
    with pytest.raises(ValueError, match=said):
        take(given)


def test_neither_library_is_needed():
    code = "import sys, wattcast.nets.foreign; assert not {'torch', 'keras', 'tensorflow'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
