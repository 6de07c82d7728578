"""Dropout by bytes: shares, the mean, the key."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattcast.nets.dropout import dropped, kept

KEY = jax.random.key(0)


@pytest.mark.parametrize("share", [0.1, 0.2, 0.4, 0.5])
def test_the_share_is_dropped_and_the_mean_kept(share):
    out = np.asarray(dropped(jnp.ones((500, 400)), share, KEY))
    assert (out == 0).mean() == pytest.approx(share, abs=0.005)
    assert out.mean() == pytest.approx(1, abs=0.005)
    assert np.ptp(out[out > 0]) == 0


@given(st.lists(st.integers(1, 7), min_size=1, max_size=3))
@settings(max_examples=20, deadline=None)
def test_any_shape(shape):
    mask = kept(KEY, 0.5, tuple(shape))
    assert mask.shape == tuple(shape) and mask.dtype == bool


def test_neighbours_and_keys_differ():
    mask = np.asarray(kept(KEY, 0.5, (4, 10_000)))
    for other in (mask[1], np.roll(mask[0], 1), kept(jax.random.key(1), 0.5, (4, 10_000))[0]):
        assert (mask[0] == other).mean() == pytest.approx(0.5, abs=0.03)
