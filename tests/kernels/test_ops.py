"""Cells x paths x what must hold: one meaning, whichever path runs it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels.paths import (
    CELLS,
    PATHS,
    TARGETS,
    Problem,
    assert_close,
    doubles,
    exact,
    needs_bf16,
    needs_native,
    path,
    problem,
    results,
    scan_path,
)

from wattcast import kernels
from wattcast.kernels import native
from wattcast.kernels.reference import Weights

VALUES, GRADIENTS = 2e-6, 2e-5
BF16 = 1e-2  # values and gradients: a factor keeps 8 bits, and the errors of a sum's products part cancel
SIZES = [(1, 1, 1, 1), (3, 2, 1, 5), (6, 13, 3, 17), (4, 64, 8, 64), (5, 9, 20, 40), (2, 3, 70, 130)]
ALL_CELLS = pytest.mark.parametrize("cell", CELLS)


SLOW_TO_COMPILE = ("scan", "loop", "native-one-by-one")


@ALL_CELLS
@pytest.mark.parametrize(
    ("name", "sizes"),
    [(name, sizes) for name in PATHS for sizes in (SIZES[1:2] if name in SLOW_TO_COMPILE else SIZES)],
    ids=str,
)
def test_values_and_gradients_agree_with_f64(cell: str, name: str, sizes: tuple) -> None:
    task = problem(cell, *sizes)
    with path(name) as layer:
        got = results(layer, task)
    want = exact(cell, sizes)
    assert_close(got[0], want[0], VALUES)
    assert_close(got[1], want[1], GRADIENTS)


@needs_bf16
@ALL_CELLS
@pytest.mark.parametrize("sizes", [*SIZES, (150, 5, 3, 20), (60, 37, 8, 48)], ids=str)
def test_bf16_products_are_near(cell: str, sizes: tuple) -> None:
    with path("native-bf16") as layer:
        got = results(layer, problem(cell, *sizes))
    assert_close(got, exact(cell, sizes), BF16)


@ALL_CELLS
def test_f64_gradients_are_finite_differences(cell: str) -> None:
    sizes = (4, 3, 2, 5)
    slope, difference = slopes(problem(cell, *sizes), exact(cell, sizes)[1])
    assert slope == pytest.approx(difference, rel=1e-7)


@needs_native
@settings(max_examples=30, deadline=None)
@given(
    cell=st.sampled_from(sorted(CELLS)),
    name=st.sampled_from(TARGETS or ["none"]),
    sizes=st.tuples(st.integers(1, 12), st.integers(1, 20), st.integers(1, 36), st.integers(1, 70)),
)
def test_any_size(cell: str, name: str, sizes: tuple) -> None:
    task = problem(cell, *sizes)
    with path(f"native-{name}") as layer:
        out, gradients = results(layer, task)
    assert_close(out, doubles(task), VALUES)
    slope, difference = slopes(task, gradients)
    scale = sum(float(np.abs(leaf).sum()) for leaf in jax.tree.leaves(gradients))
    assert abs(slope - difference) <= GRADIENTS * scale


def slopes(task: Problem, gradients: tuple) -> tuple[float, float]:
    """The slope of the loss along one way through all arguments: from gradients, and from differences in f64."""
    wide = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), task)
    way = jax.tree.map(lambda leaf: np.cos(np.arange(leaf.size)).reshape(leaf.shape), wide[:3])

    def loss(step: float) -> float:
        moved = jax.tree.map(lambda leaf, by: leaf + step * by, wide[:3], way)
        return vdot(doubles(Problem(*moved, *wide[3:])), wide[3:])

    return vdot(gradients, way), (loss(1e-5) - loss(-1e-5)) / 2e-5


def vdot(one: object, other: object) -> float:
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return float(sum(np.vdot(np.asarray(a, np.float64), np.asarray(b, np.float64)) for a, b in pairs))


@needs_native
@ALL_CELLS
def test_long_sequences_cross_chunks_of_time(cell: str) -> None:
    sizes = (150, 5, 3, 20)
    got, want = results(native.layer, problem(cell, *sizes)), exact(cell, sizes)
    assert_close(got[0], want[0], VALUES)
    assert_close(got[1], want[1], GRADIENTS)


@needs_native
@ALL_CELLS
def test_many_rows_of_a_wide_layer_cross_slabs_of_rows(cell: str) -> None:
    sizes = (3, 400, 3, 400)  # the slot gradients of a step leave the second-level cache
    got, want = results(native.layer, problem(cell, *sizes)), exact(cell, sizes)
    assert_close(got[0], want[0], VALUES)
    assert_close(got[1], want[1], GRADIENTS)


@needs_native
@ALL_CELLS
def test_number_of_threads_changes_nothing_but_the_sums_over_rows(cell: str) -> None:
    task = problem(cell, 60, 37, 8, 48)
    before, seen = native.threads(), {}
    try:
        for count in (1, 2, 3):
            native.use_threads(count)
            seen[count] = [results(native.layer, task) for _ in range(2)]
    finally:
        native.use_threads(before)
    for first, second in seen.values():
        assert_same_bits(first, second)
    for count in (2, 3):
        (out, (dw, dx, ds)), (alone, (dw1, dx1, ds1)) = seen[count][0], seen[1][0]
        assert_same_bits((out, dx, ds), (alone, dx1, ds1))
        assert_close(dw, dw1, 2e-6)


@needs_native
@ALL_CELLS
@pytest.mark.parametrize(("sizes", "counts"), [((40, 3, 8, 200), (2, 3)), ((3, 40, 8, 700), (12,))])
def test_threads_that_share_hidden_units_change_nothing(
    cell: str, sizes: tuple[int, ...], counts: tuple[int, ...]
) -> None:
    task = problem(cell, *sizes)
    before = native.threads()
    try:
        native.use_threads(1)
        alone = results(native.layer, task)
        for count in counts:
            native.use_threads(count)
            assert_same_bits(results(native.layer, task), alone)
    finally:
        native.use_threads(before)


@needs_native
@ALL_CELLS
@pytest.mark.parametrize("shared", ["weights", "xs", "neither"])
def test_vmap_over_members_is_a_loop(cell: str, shared: str) -> None:
    tasks = [problem(cell, 7, 5, 3, 18, seed) for seed in range(3)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *tasks)
    stacked = stacked._replace(**({} if shared == "neither" else {shared: getattr(tasks[0], shared)}))
    axes = tuple(None if name == shared else 0 for name in ("weights", "xs", "state", "d_hs", "d_last"))

    def run(*arrays: object) -> tuple:
        return results(native.layer, type(tasks[0])(*arrays))

    got = jax.jit(jax.vmap(run, in_axes=axes))(*stacked)
    alone = [t if shared == "neither" else t._replace(**{shared: getattr(tasks[0], shared)}) for t in tasks]
    want = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[results(native.layer, t) for t in alone])
    assert_close(got, want, 1e-6)


@needs_native
def test_nested_vmap_and_gradient_of_shared_weights() -> None:
    task = problem("lstm", 4, 3, 2, 6)
    xs = jnp.stack([jnp.stack([task.xs * (1 + i + 3 * j) for i in range(3)]) for j in range(2)])

    def loss(layer: object, weights: object) -> jax.Array:
        over = jax.vmap(jax.vmap(lambda x: layer(weights, x, task.state)[0]))
        return jnp.sum(over(xs) ** 2)

    got = jax.jit(jax.grad(lambda w: loss(native.layer, w)))(task.weights)
    assert_close(got, jax.jit(jax.grad(lambda w: loss(scan_path, w)))(task.weights), 5e-6)


@needs_native
@ALL_CELLS
def test_inside_scan_and_jit(cell: str) -> None:
    task = problem(cell, 6, 4, 3, 10)

    @jax.jit
    def train(weights: object) -> object:
        def body(w: object, _: object) -> tuple:
            grads = jax.grad(lambda v: jnp.sum(native.layer(v, task.xs, task.state)[1].h ** 2))(w)
            return jax.tree.map(lambda a, g: a - 0.1 * g, w, grads), None

        return jax.lax.scan(body, weights, None, length=3)[0]

    weights = task.weights
    slope = jax.jit(jax.grad(lambda v: jnp.sum(scan_path(v, task.xs, task.state)[1].h ** 2)))
    for _ in range(3):
        grads = slope(weights)
        weights = jax.tree.map(lambda a, g: a - 0.1 * g, weights, grads)
    assert_close(train(task.weights), weights, 1e-5)


@needs_native
@ALL_CELLS
@pytest.mark.parametrize("hidden", [9, 18])  # a folded panel on eight lanes; on eight and sixteen
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_as_in_the_reference(cell: str, bad: float, hidden: int) -> None:
    task = problem(cell, 5, 4, 3, hidden)
    task = task._replace(xs=task.xs.at[2, 1, 0].set(bad))
    got, want = native.layer(task.weights, task.xs, task.state), scan_path(task.weights, task.xs, task.state)
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        np.testing.assert_array_equal(np.isnan(one), np.isnan(other))
        np.testing.assert_allclose(one, other, atol=1e-5)


@needs_native
@ALL_CELLS
@pytest.mark.parametrize("where", ["xs", "d_hs"])
@pytest.mark.parametrize("hidden", [9, 18])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_in_gradients_as_in_the_reference(cell: str, where: str, bad: float, hidden: int) -> None:
    task = problem(cell, 5, 4, 3, hidden)
    task = task._replace(**{where: getattr(task, where).at[2, 1, 0].set(bad)})
    got, want = results(native.layer, task)[1], results(jax.jit(scan_path), task)[1]
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        finite = np.isfinite(one)
        np.testing.assert_array_equal(finite, np.isfinite(other))
        np.testing.assert_allclose(np.where(finite, one, 0), np.where(finite, other, 0), atol=1e-5)
        # JAX's slope of tanh is (g + g y)(1 - y): NaN for an infinite g and y < 0, where ours stays infinite.
        assert not np.any(np.isnan(one) & ~np.isnan(other))


@ALL_CELLS
@pytest.mark.parametrize("sizes", [(0, 2, 3, 4), (3, 0, 2, 4), (3, 2, 0, 4)], ids=str)
def test_zero_sizes(cell: str, sizes: tuple) -> None:
    task = problem(cell, *sizes[:2], max(sizes[2], 1), sizes[3])
    task = task._replace(xs=task.xs[..., : sizes[2]], weights=task.weights._replace(w=task.weights.w[: sizes[2]]))
    out, (dw, dx, _) = results(getattr(kernels, cell), task)
    assert out[0].shape == (*sizes[:2], 4)
    assert dx.shape == sizes[:3]
    assert all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(dw))


@ALL_CELLS
def test_other_precisions_take_the_reference(cell: str) -> None:
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), problem(cell, 3, 2, 3, 4))
        hs, last = getattr(kernels, cell)(*wide[:3])
        assert hs.dtype == last.h.dtype == jnp.float64


@ALL_CELLS
@pytest.mark.parametrize("broken", ["w", "u", "b", "bn", "h", "xs"])
def test_wrong_shapes_are_an_error_in_words(cell: str, broken: str) -> None:
    task = problem(cell, 3, 2, 4, 5)
    weights, xs, state = task[:3]
    if broken in Weights._fields:
        weights = weights._replace(**{broken: jnp.zeros(tuple(n + 1 for n in getattr(weights, broken).shape))})
    elif broken == "h":
        state = state._replace(h=jnp.zeros((3, 5)))
    else:
        xs = xs[..., :3]
    with pytest.raises((ValueError, TypeError)):  # TypeError from the shape annotations, in tests only
        getattr(kernels, cell)(weights, xs, state)
    with pytest.raises(ValueError, match="must have shape"):
        kernels._check(weights, xs, state, None, CELLS[cell][1])


@needs_native
@ALL_CELLS
def test_only_what_is_asked_for_is_worked_out(cell: str) -> None:
    task = problem(cell, 6, 4, 3, 10)

    def last_only(layer: object, weights: object) -> jax.Array:  # no gradient from hs, none to xs
        return jnp.sum(layer(weights, task.xs, task.state)[1].h ** 2)

    got = jax.grad(lambda w: last_only(native.layer, w))(task.weights)
    assert_close(got, jax.grad(lambda w: last_only(scan_path, w))(task.weights), 5e-6)


def assert_same_bits(one: object, other: object) -> None:
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
