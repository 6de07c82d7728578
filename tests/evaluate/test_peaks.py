"""Peak metrics against scikit-learn, utilsforecast's pinball and counting by hand."""

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given
from hypothesis import strategies as st

from wattcast.evaluate import peaks
from wattcast.evaluate.metrics import pinball, point
from wattcast.schema import QUANTILES, SCORED_QUANTILES

LIMIT = np.array([60.0, 600.0])


@pytest.fixture(params=range(3))
def case(request):
    rng = np.random.default_rng(request.param)
    size = np.array([1.0, 10.0])
    y = rng.gamma(9.0, 5.0, (12, 24, 2)) * size
    q = np.sort(y[..., None] + rng.normal(0, 9, (12, 24, 2, len(QUANTILES))) * size[:, None], -1)
    return y, q


def test_height_hour_and_top_hours_by_hand(case):
    y, q = case
    said, heights, hours, tops = point(q), [], [], []
    for d in range(12):
        for m in range(2):
            a, b = y[d, :, m].tolist(), said[d, :, m].tolist()
            heights.append(abs(max(b) - max(a)) / max(a))
            hours.append(a.index(max(a)) == b.index(max(b)))
            top = [set(sorted(range(24), key=lambda h, x=x: -x[h])[:3]) for x in (a, b)]
            tops.append(len(top[0] & top[1]) / 3)
    assert peaks.peak_height(y, q, LIMIT, 1) == pytest.approx(np.mean(heights))
    assert peaks.peak_hour(y, q, LIMIT, 1) == pytest.approx(np.mean(hours))
    assert peaks.top_hours(y, q, LIMIT, 1) == pytest.approx(np.mean(tops))


def test_precision_and_recall_are_scikit_learns(case):
    y, q = case
    pair = ((y > LIMIT).ravel(), (point(q) > LIMIT).ravel())
    assert peaks.precision(y, q, LIMIT, 1) == pytest.approx(sk.precision_score(*pair))
    assert peaks.recall(y, q, LIMIT, 1) == pytest.approx(sk.recall_score(*pair))


def test_the_peak_pinball_counts_what_is_above_the_limit(case):
    y, q = case
    a, b = np.maximum(y, LIMIT), np.maximum(q, LIMIT[:, None])
    nine = [sk.mean_pinball_loss(a.ravel(), b[..., QUANTILES.index(t)].ravel(), alpha=t) for t in SCORED_QUANTILES]
    assert peaks.pinball_peak(y, q, LIMIT, 1) == pytest.approx(np.mean(nine))
    low = np.zeros(2)
    assert peaks.pinball_peak(y, np.maximum(q, 0), low, 1) == pytest.approx(pinball(y, np.maximum(q, 0), low))
    assert peaks.pinball_peak(y, q, np.full(2, 1e9), 1) == 0.0


def test_the_honest_forecast_has_the_best_peak_pinball():
    rng = np.random.default_rng(0)
    y = rng.normal(50, 10, (4000, 1, 1))
    honest = np.quantile(rng.normal(50, 10, 100_000), QUANTILES)
    scores = [
        peaks.pinball_peak(y, np.broadcast_to(honest + off, (4000, 1, 1, 11)), np.array([60.0]), 1)
        for off in (-4, 0, 4)
    ]
    assert scores[1] < min(scores[0], scores[2])


def test_hours_of_shorter_steps_are_compared(case):
    y, q = case
    fine, fan = np.repeat(y, 4, 1), np.repeat(q, 4, 1)
    for metric in (peaks.peak_height, peaks.peak_hour, peaks.top_hours):
        assert metric(fine, fan, LIMIT, 4) == pytest.approx(metric(y, q, LIMIT, 1))


@pytest.mark.parametrize("name", peaks.PEAK_METRICS)
def test_a_day_with_a_gap_is_skipped_and_nothing_gives_nan(case, name):
    y, q = case
    metric = peaks.PEAK_METRICS[name]
    holes = y.copy()
    holes[0] = np.nan
    assert metric(holes, q, LIMIT, 1) == pytest.approx(metric(y[1:], q[1:], LIMIT, 1))
    assert np.isnan(metric(np.full_like(y, np.nan), q, LIMIT, 1))
    if name in ("peak_height", "peak_hour", "top_hours"):
        holes = y.copy()
        holes[0, 3] = np.nan
        assert metric(holes, q, LIMIT, 1) == pytest.approx(metric(y[1:], q[1:], LIMIT, 1))


@given(st.integers(1, 60), st.integers(1, 24))
def test_days_of_a_horizon(horizon, day):
    x = np.arange(3 * horizon * 2).reshape(3, horizon, 2)
    days = peaks.by_day(x, day)
    assert days.shape[1] == min(day, horizon)
    whole = horizon // days.shape[1]
    np.testing.assert_array_equal(days.reshape(3, -1, 2), x[:, : whole * days.shape[1]])


def test_limits_are_exceeded_one_time_in_twenty():
    y = np.random.default_rng(0).normal(size=(2000, 2))
    y[:50, 0] = np.nan
    limit = peaks.limits(np.column_stack([y, np.full(2000, np.nan)]))
    assert ((y > limit[:2]).sum(0) / np.isfinite(y).sum(0)) == pytest.approx([0.05, 0.05], abs=1e-3)
    assert np.isnan(limit[2])
