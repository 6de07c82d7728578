"""Gates that give the cell's own outputs, gradients of products of Jacobians, gates held still."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wattcast.nets.cells import CELLS, Elman
from wattcast.nets.probe import HELD, Ablated, gates, gradient_flow, reach, spectral_radius

XS = jax.random.normal(jax.random.key(1), (12, 3, 2))


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_gates_are_those_of_the_scan(kind):
    cell = CELLS[kind](2, 4, jax.random.key(0))
    seen = gates(cell, XS, cell.initial_state(3))
    hs, _ = cell.scan(XS, cell.initial_state(3))
    np.testing.assert_allclose(seen["h"], hs, atol=1e-5)
    if kind == "lstm":
        np.testing.assert_allclose(seen["h"], seen["o"] * jnp.tanh(seen["c"]), atol=1e-6)
        np.testing.assert_allclose(seen["c"][1:], (seen["f"] * jnp.roll(seen["c"], 1, 0) + seen["i"] * seen["g"])[1:],
                                   atol=1e-5)  # fmt: skip
    else:
        before = jnp.concatenate([jnp.zeros((1, 3, 4)), seen["h"][:-1]])
        np.testing.assert_allclose(seen["h"], seen["n"] + seen["z"] * (before - seen["n"]), atol=1e-5)


def test_elman_has_no_gates():
    cell = Elman(2, 4, jax.random.key(0))
    with pytest.raises(ValueError, match="Elman has no gates"):
        gates(cell, XS, cell.initial_state(3))


def test_gradient_flow_of_one_unit_is_the_product_of_its_slopes():
    cell = Elman(2, 1, jax.random.key(0))
    hs, _ = cell.scan(XS[:, :1], cell.initial_state(1))
    slopes = np.abs(np.asarray((1 - hs[:, 0, 0] ** 2) * cell.weights.u[0, 0]))
    expected = np.concatenate([[1.0], np.cumprod(slopes[::-1])[:-1]])
    np.testing.assert_allclose(gradient_flow(cell, XS[:, :1], jax.random.key(2)), expected, rtol=1e-4)


def test_reach_and_radius():
    assert reach(jnp.asarray([1.0, 0.5, 0.01, 0.5]), 0.1) == 2 and reach(jnp.ones(4), 0.1) == 4
    assert spectral_radius(jnp.asarray([[0.0, 2.0], [-2.0, 0.0]])) == pytest.approx(2.0)


@pytest.mark.parametrize(("kind", "gate"), [(kind, gate) for kind, held in HELD.items() for gate in held])
def test_a_gate_taken_away_is_held_still(kind, gate):
    cell = Ablated(kind, gate, 2, 4, jax.random.key(0))
    hs, last = cell.scan(XS, cell.initial_state(3))
    state = cell.initial_state(3)
    for x in XS:
        state = cell.step(x, state)
    np.testing.assert_allclose(hs[-1], state.h, atol=1e-5)
    plain = CELLS[kind](2, 4, jax.random.key(0))
    assert not np.allclose(hs, plain.scan(XS, plain.initial_state(3))[0], atol=1e-3)


@pytest.mark.parametrize("kind", [*HELD])
def test_with_no_gate_taken_away_it_is_the_cell(kind):
    cell, plain = Ablated(kind, None, 2, 4, jax.random.key(0)), CELLS[kind](2, 4, jax.random.key(0))
    said, expected = (c.scan(XS, c.initial_state(3))[0] for c in (cell, plain))
    np.testing.assert_array_equal(said, expected)


def test_a_gate_that_is_not_there():
    with pytest.raises(ValueError, match="no gate 'x'"):
        Ablated("lstm", "x", 1, 2, jax.random.key(0))
