"""Tied weights: the same network in fewer numbers, and the rule that says when."""

import jax.numpy as jnp
import numpy as np
import pytest
from networks import untrained
from panels import load_panel

from wattcast.features.layout import PARTS, layout
from wattcast.nets.coarse import Coarse, coarse, roughness

DAY = 24


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape)


@pytest.fixture(scope="module")
def network():
    return untrained(load_panel(days=30), members=2).network


def test_tied_and_whole_again_it_acts_on_means_of_parts(network):
    profiles = 5 * DAY
    tie = Coarse(profiles, 4)
    tied = tie.tied(network)
    whole = tie.whole(tied)
    assert tied.embed.shape[1] == network.embed.shape[1] - profiles + profiles // 4
    assert whole.embed.shape == network.embed.shape and whole.skip.shape == network.skip.shape
    x = jnp.asarray(noise(3, network.embed.shape[1]), jnp.float32)
    means = x.at[:, :profiles].set(jnp.repeat(x[:, :profiles].reshape(3, -1, 4).mean(-1), 4, axis=-1))
    np.testing.assert_allclose(x @ whole.embed[0], means @ network.embed[0], rtol=1e-4, atol=1e-5)
    assert tie.is_tied(whole) and not tie.is_tied(network)
    np.testing.assert_allclose(tie.tied(whole).embed, tied.embed, rtol=1e-6)
    # what is no profile stays as it was
    np.testing.assert_array_equal(whole.embed[:, profiles:], network.embed[:, profiles:])


def test_one_each_changes_nothing(network):
    tie = Coarse(5 * DAY, 1)
    assert tie.tied(network) is network and tie.whole(network) is network and tie.is_tied(network)


def test_roughness_of_noise_and_of_what_lasts():
    t = np.arange(DAY * 60)[:, None]
    daily = np.sin(2 * np.pi * t / DAY)
    assert roughness(daily + noise(len(t), 2), DAY) == pytest.approx(2**0.5, rel=0.1)
    lasting = np.repeat(noise(60, 2), DAY, axis=0)
    assert roughness(daily + lasting, DAY) < 0.1
    assert roughness(daily[: 7 * DAY], DAY) == 0
    gaps = np.where(noise(len(t), 2) > 1, np.nan, daily + noise(len(t), 2))
    assert roughness(gaps, DAY) == pytest.approx(2**0.5, rel=0.1)


def test_rough_days_are_looked_at_in_parts_and_others_as_they_are():
    days = layout(day=48, horizon=48, weekly=True)
    t = np.arange(48 * 60)[:, None]
    smooth = 10 + np.sin(2 * np.pi * t / 48) + 0.1 * np.cumsum(noise(len(t), 1), axis=0)
    assert coarse(smooth + 5 * noise(len(t), 1), days).each == 48 // PARTS
    assert coarse(smooth, days).each == 1
    steps = layout(day=48, horizon=2, weekly=True)
    assert coarse(smooth + 5 * noise(len(t), 1), steps).each == 1
    odd = layout(day=50, horizon=50, weekly=True)
    assert coarse(noise(50 * 60, 1), odd).each == 1
