"""Problems and paths that the tests of the recurrent ops share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wattcast.kernels import native, reference
from wattcast.kernels.reference import ElmanState, GRUState, LSTMState, Weights

CELLS = {"elman": (ElmanState, 1), "gru": (GRUState, 3), "lstm": (LSTMState, 4)}


class Problem(NamedTuple):
    """A layer's arguments, and gradients of a loss with respect to its results."""

    weights: Weights
    xs: Any
    state: Any
    d_hs: Any
    d_last: Any


def problem(cell: str, time: int, batch: int, inputs: int, hidden: int, seed: int = 0) -> Problem:
    """Seeded f32 arrays on a scale at which no cell is chaotic."""
    draw = np.random.default_rng(seed)
    state, gates = CELLS[cell]

    def array(*shape: int, scale: float = 0.5) -> jax.Array:
        return jnp.asarray(draw.standard_normal(shape) * scale, jnp.float32)

    weights = Weights(
        array(inputs, gates * hidden, scale=0.7 * inputs**-0.5),
        array(hidden, gates * hidden, scale=0.7 * hidden**-0.5),
        array(gates * hidden),
        array(hidden if cell == "gru" else 0),
    )
    states = [state(*(array(batch, hidden) for _ in state._fields)) for _ in range(2)]
    return Problem(weights, array(time, batch, inputs), states[0], array(time, batch, hidden), states[1])


def scan_path(weights: Weights, xs: Any, state: Any) -> tuple[Any, Any]:
    """The reference: `lax.scan` of the step."""
    return reference.scan(step_of(state), weights, xs, state)


def loop_path(weights: Weights, xs: Any, state: Any) -> tuple[Any, Any]:
    """Step by step in Python."""
    hs = []
    for x in xs:
        state = step_of(state)(weights, x, state)
        hs.append(state.h)
    return jnp.stack(hs), state


def one_by_one_path(weights: Weights, xs: Any, state: Any) -> tuple[Any, Any]:
    """The native layer, a call for each step."""
    hs = []
    for x in xs:
        _, state = native.layer(weights, x[None], state)
        hs.append(state.h)
    return jnp.stack(hs), state


def step_of(state: Any) -> Callable:
    """The reference's step for a state."""
    return {ElmanState: reference.elman_step, GRUState: reference.gru_step, LSTMState: reference.lstm_step}[type(state)]


def is_built() -> bool:
    """Whether the native library is there."""
    try:
        native.library()
    except native.Unavailable:
        return False
    return True


needs_native = pytest.mark.skipif(not is_built(), reason="the native library is not built")
TARGETS = [name for name in native.targets() if name != "bf16"] if is_built() else []
needs_bf16 = pytest.mark.skipif(
    not is_built() or "bf16" not in native.targets(), reason="the library or this processor has no bf16 products"
)
PATHS = ["scan", "loop", *(f"native-{name}" for name in TARGETS), *(["native-one-by-one"] if TARGETS else [])]


@contextmanager
def path(name: str) -> Iterator[Callable]:
    """The function of a path, its target in force."""
    if not name.startswith("native-"):
        yield {"scan": scan_path, "loop": loop_path}[name]
        return
    target = name.removeprefix("native-")
    if target == "one-by-one":
        yield one_by_one_path
        return
    before = native.target()
    native.use_target(target)
    try:
        yield native.layer
    finally:
        native.use_target(before)


@functools.cache
def exact(cell: str, sizes: tuple[int, int, int, int]) -> tuple[tuple, tuple]:
    """Results and gradients of the reference in f64."""
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf), jnp.float64), problem(cell, *sizes))
        return jax.tree.map(np.asarray, jax.jit(functools.partial(results, scan_path))(wide))


def doubles(given: Problem) -> tuple[np.ndarray, tuple]:
    """The ops once more, in NumPy f64: it compiles nothing, so it serves any number of sizes."""
    (w, u, b, bn), xs, state = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), given[:3])
    hs, h, c = [], state.h, getattr(state, "c", None)
    for x in xs:
        gates, size = x @ w + b, h.shape[1]
        if w.shape[1] == size:
            h = np.tanh(gates + h @ u)
        elif w.shape[1] == 3 * size:
            past = h @ u
            r, z = (_sigmoid(gates[:, k * size :][:, :size] + past[:, k * size :][:, :size]) for k in (0, 1))
            n = np.tanh(gates[:, 2 * size :] + r * (past[:, 2 * size :] + bn))
            h = n + z * (h - n)
        else:
            i, f, g, o = np.split(gates + h @ u, 4, axis=1)
            c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
            h = _sigmoid(o) * np.tanh(c)
        hs.append(h)
    return np.stack(hs), type(state)(*([h] if c is None else [h, c]))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def results(layer: Callable, given: Problem) -> tuple[tuple, tuple]:
    """(hs, last state), and (gradients of weights, xs, state).

    Worked out when it returns: JAX runs calls later, when target or threads may be others than those asked for.
    """
    out, pull = jax.vjp(layer, given.weights, given.xs, given.state)
    return jax.block_until_ready((out, pull((given.d_hs, given.d_last))))


def assert_close(got: Any, want: Any, tolerance: float) -> None:
    """Each array within `tolerance` of its own largest value (at least 0.1, for those that nearly vanish)."""
    got_leaves, want_leaves = jax.tree.leaves(got), jax.tree.leaves(want)
    assert len(got_leaves) == len(want_leaves)
    for one, other in zip(got_leaves, want_leaves, strict=True):
        one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)  # noqa: PLW2901
        assert one.shape == other.shape
        if other.size:
            assert np.abs(one - other).max() <= tolerance * max(np.abs(other).max(), 0.1)
