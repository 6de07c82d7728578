"""Stacks: layers in their order, dropout only with a key, residual links where sizes agree."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wattcast.nets.cells import CELLS
from wattcast.nets.dropout import kept
from wattcast.nets.stack import Stack

XS = jax.random.normal(jax.random.key(9), (4, 2, 3))


@pytest.mark.parametrize("cell", CELLS)
def test_steps_say_what_the_scan_says(cell):
    stack = Stack(3, (3, 5), jax.random.key(0), cell=cell, dropout=0.5)
    hs, last = stack.scan(XS, stack.initial_state(2))
    states = stack.initial_state(2)
    for x, seen in zip(XS, hs, strict=True):
        h, states = stack.step(x, states)
        np.testing.assert_allclose(seen, h, rtol=1e-5, atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), last, states)


def test_layers_read_one_another():
    stack = Stack(3, (4, 5), jax.random.key(0), residual=False)
    hs, states = stack.scan(XS, stack.initial_state(2))
    first, one = stack.cells[0].scan(XS, stack.cells[0].initial_state(2))
    second, two = stack.cells[1].scan(first, stack.cells[1].initial_state(2))
    np.testing.assert_array_equal(hs, second)
    np.testing.assert_array_equal(states[0].h, one.h)
    np.testing.assert_array_equal(states[1].h, two.h)


@pytest.mark.parametrize(("inputs", "joins"), [(3, True), (4, False)])
def test_a_residual_link_where_sizes_agree(inputs, joins):
    xs = jax.random.normal(jax.random.key(9), (4, 2, inputs))
    stack, plain = (Stack(inputs, (3,), jax.random.key(0), residual=r) for r in (True, False))
    hs, _ = stack.scan(xs, stack.initial_state(2))
    bare, _ = plain.scan(xs, plain.initial_state(2))
    np.testing.assert_array_equal(hs, bare + xs if joins else bare)


def test_dropout_needs_a_key_and_a_share():
    stack = Stack(3, (64,), jax.random.key(0), dropout=0.25)
    state = stack.initial_state(2)
    calm, _ = stack.scan(XS, state)
    once, last = stack.scan(XS, state, jax.random.key(1))
    again, _ = stack.scan(XS, state, jax.random.key(1))
    other, _ = stack.scan(XS, state, jax.random.key(2))
    np.testing.assert_array_equal(once, again)
    assert not np.array_equal(once, other)
    dropped = np.asarray(once == 0)
    assert dropped.mean() == pytest.approx(0.25, abs=0.08)
    np.testing.assert_allclose(once[~dropped], calm[~dropped] / 0.75, rtol=1e-5)
    np.testing.assert_array_equal(last[0].h, calm[-1])  # the state itself is not dropped

    none = Stack(3, (64,), jax.random.key(0), dropout=0.0)
    np.testing.assert_array_equal(none.scan(XS, state, jax.random.key(1))[0], calm)


def test_every_layer_drops_its_own():
    stack = Stack(8, (8, 8), jax.random.key(0), dropout=0.5, residual=False)
    xs = jnp.ones((50, 4, 8))
    keys = jax.random.split(jax.random.key(3), 2)
    masks = [kept(k, 0.5, (50, 4, 8)) for k in keys]
    assert not np.array_equal(*masks)
    hs, _ = stack.scan(xs, stack.initial_state(4), jax.random.key(3))
    np.testing.assert_array_equal(np.asarray(hs != 0), masks[1])
