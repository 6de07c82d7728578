"""The decoder: one meaning, whichever path runs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels.paths import TARGETS, assert_close, needs_native

from wattcast import kernels
from wattcast.kernels import native, reference

VALUES, GRADIENTS = 2e-6, 2e-5
WEIGHTS = (0, 2, 3, 4)  # places of what has a gradient in training: all but the local inputs


def problem(origins: int, inputs: int, outputs: int, units: int, params: int, members: tuple = ()) -> tuple:
    """Arrays of a call, and the gradient of a loss with respect to its result."""
    draw = np.random.default_rng(0)

    def array(*shape: int) -> jax.Array:
        return jnp.asarray(draw.standard_normal((*members, *shape)) * 0.5, jnp.float32)

    given = array(origins, units), array(inputs, origins, outputs), array(inputs, units), array(outputs, units)
    return (*given, array(units, params)), array(origins, outputs, params)


def results(decode: Callable, given: tuple, d_raw: Any, wanted: tuple = WEIGHTS) -> tuple:
    """Value and gradients."""

    def loss(*args: Any) -> Any:
        return jnp.sum(decode(*args) * d_raw)

    return jax.block_until_ready((decode(*given), jax.grad(loss, wanted)(*given)))


def exact(given: tuple, d_raw: Any, wanted: tuple = WEIGHTS) -> tuple:
    """The reference in f64."""
    with jax.enable_x64(True):
        wide, d_wide = jax.tree.map(lambda a: jnp.asarray(np.asarray(a), jnp.float64), (given, d_raw))
        return jax.tree.map(np.asarray, results(reference.decode, wide, d_wide, wanted))


@needs_native
@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(TARGETS or ["none"]),
    sizes=st.tuples(st.integers(1, 9), st.integers(1, 20), st.integers(1, 110), st.integers(1, 70), st.integers(1, 3)),
)
def test_any_size(name: str, sizes: tuple) -> None:
    task, before = problem(*sizes), native.target()
    native.use_target(name)
    try:
        got = results(native.decode, *task)
    finally:
        native.use_target(before)
    want = exact(*task)
    assert_close(got[0], want[0], VALUES)
    assert_close(got[1], want[1], GRADIENTS)


@needs_native
@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_members_of_an_ensemble_share_threads_and_inputs(threads: int) -> None:
    members, before = 3, native.threads()
    given, d_raw = problem(5, 6, 50, 33, 3, (members,))
    given = (given[0], given[1][0], *given[2:])  # one set of local inputs for all

    def together(decode: Callable) -> Callable:
        return jax.vmap(decode, in_axes=(0, None, 0, 0, 0))

    native.use_threads(threads)
    try:
        got = results(together(native.decode), given, d_raw)
    finally:
        native.use_threads(before)
    want = results(together(reference.decode), given, d_raw)
    assert_close(got[0], want[0], VALUES)
    assert_close(got[1], want[1], GRADIENTS)


@needs_native
def test_local_inputs_have_a_gradient_where_it_is_asked_for() -> None:
    task = problem(4, 3, 7, 9, 3)
    assert_close(results(native.decode, *task, (1,)), exact(*task, (1,)), GRADIENTS)


@needs_native
def test_a_result_that_nobody_reads_has_no_gradient() -> None:
    given, _ = problem(4, 3, 7, 9, 3)
    found = jax.grad(lambda *args: jnp.sum(args[2]) + 0 * jnp.sum(jax.lax.stop_gradient(native.decode(*args))), 2)
    np.testing.assert_array_equal(found(*given), jnp.ones_like(given[2]))


@pytest.mark.parametrize("wrong", range(5))
def test_shapes_that_do_not_fit_are_refused(wrong: int) -> None:
    given = list(problem(4, 3, 7, 9, 3)[0])
    given[wrong] = given[wrong][:-1]
    jaxtyping.config.update("jaxtyping_disable", True)  # the checks of the tests would speak first
    try:
        with pytest.raises(ValueError, match="must have shapes"):
            kernels.decode(*given)
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.parametrize("sizes", [(4, 3, 7, 9, 4), (0, 3, 7, 9, 3)], ids=["four params", "no origins"])
def test_what_the_native_side_does_not_know_goes_another_way(sizes: tuple) -> None:
    given, _ = problem(*sizes)
    assert_close(kernels.decode(*given), reference.decode(*given), VALUES)


def test_f64_stays_f64() -> None:
    with jax.enable_x64(True):
        given = [jnp.asarray(np.asarray(a), jnp.float64) for a in problem(4, 3, 7, 9, 3)[0]]
        assert kernels.decode(*given).dtype == jnp.float64
