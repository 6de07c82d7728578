"""Cells: how they start, and that one step and a whole sequence say the same."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wattcast.nets.cells import CELLS, orthogonal

GATES = {"elman": 1, "gru": 3, "lstm": 4}


@pytest.fixture(params=CELLS)
def name(request):
    return request.param


@pytest.fixture
def cell(name):
    return CELLS[name](5, 6, jax.random.key(1))


def test_recurrence_is_orthogonal_in_every_gate(name, cell):
    assert cell.weights.u.shape == (6, 6 * GATES[name])
    for u in np.split(np.asarray(cell.weights.u), GATES[name], axis=1):
        np.testing.assert_allclose(u @ u.T, np.eye(6), atol=1e-5)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (7, 7), (40, 40), (30, 9)])
def test_an_orthogonal_start_is_the_one_of_qr(rows, columns):
    key = jax.random.key(3)
    expected = jax.nn.initializers.orthogonal()(key, (rows, columns), jnp.float32)
    np.testing.assert_allclose(orthogonal(key, rows, columns), expected, atol=2e-6)


def test_the_start_of_an_ensemble_calls_no_lapack(name):
    """Several batches of its QR in one compiled call hung trainings on two cores for good."""
    keys = jax.random.split(jax.random.key(0), 3)
    start = jax.jit(jax.vmap(lambda key: CELLS[name](5, 6, key).weights)).lower(keys).as_text()
    assert "lapack" not in start


def test_input_weights_are_glorot_uniform_in_every_gate(name):
    w = np.asarray(CELLS[name](30, 20, jax.random.key(0)).weights.w)
    bound = np.sqrt(6 / (30 + 20))
    for gate in np.split(w, GATES[name], axis=1):
        assert np.abs(gate).max() <= bound
        assert gate.std() == pytest.approx(bound / np.sqrt(3), rel=0.1)  # of a uniform on +-bound


def test_biases_are_zero_but_the_forget_gates(name, cell):
    expected = np.zeros(6 * GATES[name])
    if name == "lstm":
        expected[6:12] = 1.0
    np.testing.assert_array_equal(cell.weights.b, expected)
    np.testing.assert_array_equal(cell.weights.bn, np.zeros(6 if name == "gru" else 0))


def test_gates_start_unlike_each_other(name, cell):
    gates = np.split(np.asarray(cell.weights.u), GATES[name], axis=1)
    assert all(not np.allclose(gates[0], other) for other in gates[1:])


def test_the_key_decides(name, cell):
    same, other = (CELLS[name](5, 6, jax.random.key(k)) for k in (1, 2))
    np.testing.assert_array_equal(same.weights.w, cell.weights.w)
    assert not np.array_equal(other.weights.w, cell.weights.w)


@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
def test_it_starts_from_zeros_of_any_batch_shape(cell, batch):
    state = cell.initial_state(*batch)
    for leaf in state:
        assert leaf.shape == (*batch, 6)
        assert not leaf.any()
    x = jax.random.normal(jax.random.key(0), (*batch, 5))
    h = cell.step(x, state).h
    assert h.shape == (*batch, 6)
    flat = cell.step(x.reshape(-1, 5), cell.initial_state(x.size // 5)).h
    np.testing.assert_allclose(h.reshape(-1, 6), flat, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("time", "batch"), [(1, 1), (4, 3)])
def test_a_sequence_is_its_steps(cell, time, batch):
    xs = jax.random.normal(jax.random.key(0), (time, batch, 5))
    hs, last = cell.scan(xs, cell.initial_state(batch))
    state, said = cell.initial_state(batch), []
    for x in xs:
        state = cell.step(x, state)
        said.append(state.h)
    np.testing.assert_allclose(hs, jnp.stack(said), rtol=1e-5, atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), last, state)


def test_a_sequence_in_two_parts_is_the_whole(cell):
    xs = jax.random.normal(jax.random.key(0), (5, 2, 5))
    whole, last = cell.scan(xs, cell.initial_state(2))
    first, state = cell.scan(xs[:2], cell.initial_state(2))
    second, end = cell.scan(xs[2:], state)
    np.testing.assert_allclose(whole, jnp.concatenate([first, second]), rtol=1e-5, atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), last, end)
