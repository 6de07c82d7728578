"""Heads: quantiles in order whatever the network says, and losses against another's arithmetic."""

from statistics import NormalDist

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from utilsforecast.losses import mqloss

from wattcast.nets.heads import PointHead, QuantileHead
from wattcast.schema import QUANTILES

HEAD = QuantileHead(QUANTILES)
#: raw numbers of a network gone wild, but finite
WILD = st.floats(-1e4, 1e4, width=32)


@settings(max_examples=60, deadline=None)
@given(raw=arrays(np.float32, (4, 3), elements=WILD), shape=arrays(np.float32, (2, 5), elements=WILD))
def test_quantiles_never_cross(raw, shape):
    bent = eqx.tree_at(lambda h: (h.below, h.above), HEAD, (jnp.asarray(shape[0]), jnp.asarray(shape[1])))
    for head in (HEAD, bent):
        q = np.asarray(head(jnp.asarray(raw)))
        assert q.shape == (4, len(QUANTILES))
        assert np.isfinite(q).all()
        assert (np.diff(q, axis=-1) >= -np.finfo(np.float32).tiny).all()  # XLA flushes subnormals to zero
        np.testing.assert_array_equal(q[:, 5], raw[:, 0])


def test_the_first_shape_is_the_normal_distribution():
    raw = jnp.asarray([[0.3, 1.0, 2.0]])
    q = np.asarray(HEAD(raw))[0]
    normal = np.array([NormalDist().inv_cdf(p) for p in QUANTILES])
    low, high = (np.log1p(np.exp(w - 3.0)) + 1e-4 for w in (1.0, 2.0))
    expected = 0.3 + np.where(normal < 0, low, high) * normal
    np.testing.assert_allclose(q, expected, rtol=1e-4, atol=1e-6)


def test_bands_start_a_twentieth_of_the_level_wide():
    q = np.asarray(HEAD(jnp.zeros((1, 3))))[0]
    one_sigma = np.interp(1.0, [NormalDist().inv_cdf(p) for p in QUANTILES], q)
    assert one_sigma == pytest.approx(0.05, abs=0.005)


def test_pinball_by_hand():
    # levels 0.25, 0.5, 0.75 at forecasts 1, 2, 4 against y = 3: 0.25 * 2, 0.5 * 1, (0.75 - 1) * (3 - 4) = 0.25
    head = QuantileHead((0.25, 0.5, 0.75))
    loss = head.loss(jnp.asarray([[1.0, 2.0, 4.0]]), jnp.asarray([3.0]))
    assert float(loss[0]) == pytest.approx((0.5 + 0.5 + 0.25) / 3)


def test_pinball_as_the_ecosystem_has_it():
    rng = np.random.default_rng(0)
    y, q = rng.normal(size=40), np.sort(rng.normal(size=(40, len(QUANTILES))), axis=-1)
    ours = np.asarray(HEAD.loss(jnp.asarray(q, jnp.float32), jnp.asarray(y, jnp.float32))).mean()
    names = [f"q{k}" for k in range(len(QUANTILES))]
    frame = pl.DataFrame({"unique_id": "a", "y": y} | {n: q[:, k] for k, n in enumerate(names)})
    theirs = mqloss(frame, {"m": names}, np.asarray(QUANTILES))["m"][0]
    assert ours == pytest.approx(theirs, rel=1e-5)


@pytest.mark.parametrize(("squared", "expected"), [(True, [4.0, 0.25]), (False, [2.0, 0.5])])
def test_point_losses_by_hand(squared, expected):
    head = PointHead(3, squared=squared)
    said = head(jnp.asarray([[1.0], [-0.5]]))
    np.testing.assert_array_equal(said, [[1.0] * 3, [-0.5] * 3])
    np.testing.assert_allclose(head.loss(said, jnp.asarray([3.0, 0.0])), expected)


@pytest.mark.parametrize("levels", [(0.1, 0.9), (0.5, 0.1), (0.1, 0.5, 0.5)])
def test_levels_that_make_no_head(levels):
    with pytest.raises(ValueError, match="must rise and hold 0.5"):
        QuantileHead(levels)


def test_a_median_alone():
    head = QuantileHead((0.5,))
    np.testing.assert_array_equal(head(jnp.asarray([[2.0, 1.0, 1.0]])), [[2.0]])
