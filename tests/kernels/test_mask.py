"""A masked step holds the state: each row must be as if its masked steps had never been there."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kernels.paths import CELLS, TARGETS, Problem, assert_close, needs_native, path, problem, results, step_of

from wattcast import kernels
from wattcast.kernels import native, reference

ALL_CELLS = pytest.mark.parametrize("cell", CELLS)


def masked_scan(weights, xs, state, mask):
    return reference.scan(step_of(state), weights, xs, state, mask)


def row_by_row(mask: np.ndarray, weights, xs, state):
    """Each row alone, over the steps that its mask leaves; what is held comes from the state before."""
    hs, lasts = [], []
    for row in range(xs.shape[1]):
        carry = jax.tree.map(lambda leaf, row=row: leaf[row : row + 1], state)
        seen = []
        for t in range(xs.shape[0]):
            if mask[t, row]:
                carry = step_of(state)(weights, xs[t, row : row + 1], carry)
            seen.append(carry.h[0])
        hs.append(jnp.stack(seen))
        lasts.append(carry)
    return jnp.stack(hs, axis=1), jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *lasts)


@ALL_CELLS
@pytest.mark.parametrize("name", ["scan", *TARGETS])
def test_a_masked_step_was_never_there(cell: str, name: str) -> None:
    task = problem(cell, 7, 5, 3, 18)
    mask = np.random.default_rng(0).random((7, 5)) < 0.6
    mask[:, 0], mask[:, 1], mask[0, 2], mask[-1, 3] = False, True, False, False
    want = results(jax.jit(partial(row_by_row, mask)), task)
    with path("scan" if name == "scan" else f"native-{name}") as layer:
        op = masked_scan if name == "scan" else layer
        got = results(lambda *given: op(*given, jnp.asarray(mask)), task)
    assert_close(got[0], want[0], 2e-6)
    assert_close(got[1], want[1], 2e-5)


@needs_native
@ALL_CELLS
def test_over_chunks_of_time_threads_and_members(cell: str) -> None:
    tasks = [problem(cell, 80, 17, 3, 20, seed) for seed in range(2)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *tasks)
    mask = jnp.asarray(np.random.default_rng(1).random((2, 80, 17)) < 0.7)

    def run(op, given: Problem, here):
        return results(lambda *arrays: op(*arrays, here), given)

    got, want = (jax.jit(jax.vmap(partial(run, op)))(stacked, mask) for op in (native.layer, masked_scan))
    assert_close(got, want, 2e-5)


@needs_native
@ALL_CELLS
def test_a_mask_that_holds_nothing_changes_no_bit(cell: str) -> None:
    task = problem(cell, 6, 9, 3, 21)
    everywhere = jnp.ones((6, 9), bool)
    got, want = results(lambda *a: native.layer(*a, everywhere), task), results(native.layer, task)
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


@ALL_CELLS
def test_a_mask_of_another_shape_is_an_error_in_words(cell: str) -> None:
    task = problem(cell, 3, 2, 4, 5)
    with pytest.raises(ValueError, match=r"mask must have shape \(3, 2\)"):
        kernels._check(*task[:3], jnp.ones((2, 3), bool), CELLS[cell][1])
