from __future__ import annotations

import equinox as eqx
import jax
import numpy as np
import optax
import pytest

from wattcast.chapter import as_printed, printed
from wattcast.chapter.job import SIZE


@pytest.fixture
def small(monkeypatch):
    """Two epochs of a smaller network; the baselines have a test of their own."""
    monkeypatch.setattr(printed, "EPOCHS", 2)
    monkeypatch.setattr(printed, "HIDDEN", (6, 8))
    monkeypatch.setattr(printed, "baseline_errors", lambda job: {"persistence": {"val_mse": 1.0, "test_mse": 1.0}})


def test_the_chapters_numbers():
    assert (printed.HIDDEN, printed.DROPOUT, printed.BATCH, printed.EPOCHS) == ((50, 200), 0.2, 512, 10)


def test_parameters_are_those_of_the_layers():
    """LSTM 4 h (h + x + 1): 10,400 and 200,800; dense 200 + 1. The framework counts the same 211,401."""
    model, _ = printed._start(jax.random.key(0), printed.HIDDEN, optax.sgd(0.1))
    count = sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array)))
    assert count == 4 * 50 * (50 + 1 + 1) + 4 * 200 * (200 + 50 + 1) + 201 == 211_401


def test_starting_weights():
    model, _ = printed._start(jax.random.key(0), printed.HIDDEN, optax.sgd(0.1))
    first, second = model.stack.cells
    for cell, inputs, hidden in ((first, 1, 50), (second, 50, 200)):
        w, u = np.asarray(cell.weights.w), np.asarray(cell.weights.u)
        assert sorted(w.shape) == sorted((inputs, 4 * hidden)) and sorted(u.shape) == sorted((hidden, 4 * hidden))
        bound = np.sqrt(6 / (inputs + 4 * hidden))
        assert np.abs(w).max() <= bound and np.abs(w).max() > 0.9 * bound
        square = u @ u.T if u.shape[0] == hidden else u.T @ u
        np.testing.assert_allclose(square, np.eye(hidden), atol=1e-5)
        bias = np.sort(np.asarray(cell.weights.b).ravel())
        np.testing.assert_array_equal(bias, np.repeat([0.0, 1.0], [3 * hidden, hidden]))  # the forget gate's is 1


def test_losses_fall_and_the_seed_counts(small, job):
    seen = []
    first = as_printed(job, seed=1, progress=seen.append)
    assert [e["epoch"] for e in first.epochs] == [1, 2] and seen == first.epochs
    assert first.epochs[1]["loss"] < first.epochs[0]["loss"]
    assert first.epochs[1]["val_loss"] < first.epochs[0]["val_loss"]
    assert first.val_mse == pytest.approx(first.epochs[-1]["val_loss"], rel=1e-4)
    assert first.as_printed and first.seed == 1 and first.samples == (11_960, 1_040, 1_000)
    assert first.predicted.shape == (1000,) and set(first.seconds) == {"compile", "train"}
    square = ((first.predicted - job.load[13_006:14_006]) / SIZE) ** 2
    assert square.mean() == pytest.approx(first.test_mse)
    other = as_printed(job, seed=2)
    assert other.val_mse != first.val_mse


def test_the_test_windows_are_not_learned_from(small, job, make_job):
    """A run beside the first also shows that a seed gives the same numbers."""
    changed = job.load.copy()
    changed[13_006:] = 300
    first, other = as_printed(job, seed=1), as_printed(make_job(changed), seed=1)
    assert [e["loss"] for e in first.epochs] == [e["loss"] for e in other.epochs]
    assert first.val_mse == other.val_mse and first.test_mse != other.test_mse
