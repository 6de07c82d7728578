"""The plain loop is the gradient; cut short it is biased, and exact where the chunk covers the sequence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wattcast.learn.training import in_step
from wattcast.nets.truncated import truncated_gradient

SIZES = {"steps": 60, "epochs": 0, "cells": ("elman",)}


def test_numpy_and_jax_agree(lesson):
    assert lesson("bptt", **SIZES).facts["numpy_against_jax_relative"] < 1e-6


def test_the_loop_as_printed_never_runs(lesson):
    facts = lesson("bptt", **SIZES).facts
    assert facts["passes_while_error_below_epsilon"] == 0 < facts["passes_while_error_above_epsilon"]
    assert facts["error_reached"] <= 0.02


def test_longer_chunks_are_nearer_to_the_full_gradient_and_need_more_memory(lesson):
    facts = lesson("bptt", **SIZES).facts
    error = {chunk: facts[f"relative_error_elman_chunk_{chunk}"] for chunk in (6, 336, 1344)}
    memory = {chunk: facts[f"memory_mb_elman_chunk_{chunk}"] for chunk in (6, 336, 1344)}
    assert error[6] > 2 * error[336] > 0 and error[1344] == 0
    assert memory[6] < memory[336] < memory[1344]


@pytest.mark.parametrize("cell", ["elman", "lstm"])
def test_a_chunk_over_the_whole_sequence_gives_the_full_gradient(cell):
    model = in_step(cell, 4)(jax.random.key(0))
    xs, ys = jax.random.normal(jax.random.key(1), (2, 24, 3, 1))
    loss, cut = truncated_gradient(model, xs, ys, 24)
    expected, full = jax.value_and_grad(lambda m: jnp.mean(jnp.square(m(xs) - ys)), allow_int=True)(model)
    assert float(loss) == pytest.approx(float(expected), rel=1e-6)
    for one, other in zip(jax.tree.leaves(cut), jax.tree.leaves(full), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    loss, shorter = truncated_gradient(model, xs, ys, 6)
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)  # the state runs on: the forecasts are the same
    assert not np.allclose(shorter.stack.cells[0].weights.u, full.stack.cells[0].weights.u, rtol=1e-3)


def test_chunks_that_do_not_fit_are_refused():
    xs = jnp.zeros((10, 1, 1))
    with pytest.raises(ValueError, match="no whole number of chunks"):
        truncated_gradient(in_step("elman", 2)(jax.random.key(0)), xs, xs, 4)
