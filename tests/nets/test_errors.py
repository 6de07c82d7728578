"""What a forecaster learns from its own errors: drift and bands, on made-up errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattcast.features.layout import layout
from wattcast.nets.errors import (
    LARGEST,
    MOST,
    Day,
    Learned,
    Learning,
    Said,
    bounded,
    can_learn,
    corrected,
    heard,
    moved,
    said_of,
)
from wattcast.schema import QUANTILES

RNG = np.random.default_rng(0)
DAY = 24


def run(errors, how, reach=1.0, real=True):
    """What `errors` `[day, slot]` of a forecast of 10 teach, one meter."""
    lay = layout(day=errors.shape[1], horizon=errors.shape[1], weekly=True)
    told = Said(*(np.full((1, errors.shape[1]), v) for v in (10.0, reach, reach)))
    learned, outside = Learned(np.zeros((1, errors.shape[1])), np.zeros((1, 2))), []
    for error in errors:
        off = error - how.gain * learned.drift[0]
        wide = reach * np.exp(learned.bands[0])
        outside.append([(off < -wide[0]).mean(), (off > wide[1]).mean()])
        day = Day(told, 10 + error[None], np.broadcast_to(real, (1, errors.shape[1])))
        learned = bounded(heard(learned, day, how, lay))
    return learned, np.array(outside)


def test_a_lasting_error_of_a_slot_is_learned_by_half_in_a_week():
    errors = np.zeros((7, DAY))
    errors[:, 12] = -0.2
    learned, _ = run(errors, Learning(1.0, 0.0))
    np.testing.assert_allclose(learned.drift[0, 12], -0.1, rtol=1e-6)
    assert not learned.drift[0, :12].any() and not learned.drift[0, 13:].any() and not learned.bands.any()


def test_one_odd_day_is_held():
    assert moved(np.zeros(1), np.array([1e6]), True)[0] == moved(np.zeros(1), np.array([LARGEST]), True)[0]


@pytest.mark.parametrize("spread", [0.4, 1.6])
@pytest.mark.parametrize("shift", [0.0, 0.1])
def test_one_in_ten_falls_out_on_each_side_however_wide_the_errors_become(spread, shift):
    errors = RNG.normal(shift, spread, (400, DAY))
    _, outside = run(errors, Learning(0.0, 0.25))
    assert np.abs(outside[100:].mean(axis=0) - 0.1).max() < 0.01


def test_a_missing_reading_teaches_nothing():
    learned, _ = run(RNG.normal(0, 1, (5, DAY)), Learning(1.0, 0.25), real=False)
    assert not learned.drift.any() and not learned.bands.any()


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=40))
def test_whatever_comes_bands_keep_within_bounds_and_drift_too(errors):
    learned, _ = run(np.array(errors)[:, None], Learning(1.0, 0.25))
    assert np.abs(learned.drift).max() <= LARGEST and np.abs(learned.bands).max() <= MOST


def test_what_was_learned_moves_the_median_by_slot_and_phase_and_each_half_by_its_factor():
    lay = layout(day=DAY, horizon=30, weekly=True)
    q = np.sort(RNG.normal(10, 1, (2, 1, 30, len(QUANTILES))), axis=-1)
    drift, bands = RNG.normal(0, 0.1, (2, 1, DAY)), np.array([[[np.log(2), 0.0]], [[0.0, np.log(0.5)]]])
    phase, level = np.array([0, 5], np.int32), np.array([[10.0], [20.0]])
    out = corrected(q, lay, phase, Learned(drift, bands), level, Learning(0.5, 0.25, between=0.25))
    for k in range(2):
        slots = (phase[k] + np.arange(30)) % DAY
        middle = q[k, 0, :, 5] + [0.5, 0.25][k] * drift[k, 0, slots] * level[k, 0]
        np.testing.assert_allclose(out[k, 0, :, 5], middle)
        np.testing.assert_allclose(middle - out[k, 0, :, 1], (q[k, 0, :, 5] - q[k, 0, :, 1]) * [2.0, 1.0][k])
        np.testing.assert_allclose(out[k, 0, :, 9] - middle, (q[k, 0, :, 9] - q[k, 0, :, 5]) * [1.0, 0.5][k])


def test_what_is_said_of_a_day_ends_with_the_horizon():
    lay = layout(day=DAY, horizon=15, weekly=True)
    q = np.arange(15.0)[:, None] + np.linspace(-1, 1, len(QUANTILES))
    told = said_of(q[None], np.array([2.0]), lay)
    assert all(a.shape == (1, DAY) and not a[0, 15:].any() for a in told)
    np.testing.assert_allclose(told.middle[0, :15], np.arange(15) / 2)
    np.testing.assert_allclose(told.below[0, :15], 0.4)


def test_only_whole_days_from_the_first_step_on_can_be_held_against_what_came():
    assert can_learn(layout(day=DAY, horizon=24, weekly=True))
    assert not can_learn(layout(day=DAY, horizon=3, weekly=True))
    assert not can_learn(layout(day=DAY, horizon=36, weekly=True, gap=12))
