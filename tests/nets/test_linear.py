"""The linear path: it finds a rule that is linear, by meter where there are days enough, and looks at no later day."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from panels import load_panel

from wattcast.features.layout import PARTS, layout
from wattcast.features.signals import HINGES, Signals, clock_size, inputs, scaling, signals
from wattcast.nets import linear
from wattcast.nets.linear import OWN_DAYS, fit_linear, linear_features, linear_medians, linear_size, no_path

DAYS, DAY = 220, 4  # few readings a day, so that a meter has more days than features
LAY = layout(day=DAY, horizon=DAY, weekly=True)
IDS = ("meter0", "meter1")


def ruled(own, days=DAYS):
    """Meters that repeat the day a week before, the second six hours earlier if `own`, with a little that is new."""
    rng = np.random.default_rng(0)
    y = rng.normal(0, 1, (days, DAY, 2))
    for d in range(7, days):
        before = y[d - 7].copy()
        if own:
            before[:, 1] = np.roll(before[:, 1], -1)
        y[d] = 0.9 * before + 0.44 * y[d]
    return replace(load_panel(days=days, minutes=360, temperature=False), y=10 + y.reshape(-1, 2))


def seen(panel, ids=IDS):
    return signals(panel, scaling(panel), LAY, ids=ids)


def error(path, s, days, m):
    """Mean absolute error at midnights of `days`, of the size of the meter."""
    t = np.asarray(days) * DAY
    said = (linear_medians(path, s, LAY, 0, t)[:, m] + 1) * s.level[t, m][:, None]
    return np.abs(said - s.y[t[:, None] + np.arange(DAY), m]).mean()


def test_it_finds_a_linear_rule():
    s = seen(ruled(own=False, days=700))
    path = fit_linear(s, LAY, 0, 650 * DAY, 2, rough=False)
    assert path.weights.shape == (3, linear_size(LAY, 0), DAY) and path.weights.dtype == np.float32
    for m in range(2):
        # what is new in a day makes 0.035, its mean would miss by 0.08
        assert error(path, s, range(655, 699), m) < 0.046


def test_days_that_no_others_foretell_count_less(monkeypatch):
    panel = ruled(own=False)
    wild = np.random.default_rng(2).choice(np.arange(30, 200), 40, replace=False)
    y = panel.y.reshape(DAYS, DAY, 2).copy()
    y[wild] += np.random.default_rng(3).normal(0, 8, (40, DAY, 2))
    s = seen(replace(panel, y=y.reshape(-1, 2)))
    found = []
    for calm in (linear.CALM, 1e9):  # the second: all count alike
        monkeypatch.setattr(linear, "CALM", calm)
        path = fit_linear(s, LAY, 0, 200 * DAY, 2, rough=False)
        found.append(sum(error(path, s, range(205, 219), m) for m in range(2)))
    assert found[0] < 0.93 * found[1]


def test_every_feature_has_its_ease():
    ease = linear._ease(LAY, linear_size(LAY, 0))
    x, local = inputs(seen(ruled(own=False)), LAY, np.array([100 * DAY]), np.array([0]))
    features = linear_features(x, local, LAY, 0)[0]
    last = linear.LAST_DAY * np.ones(DAY)
    np.testing.assert_array_equal(ease[:DAY], last)
    np.testing.assert_array_equal(features[:DAY], x[0, :DAY])  # the readings of the last day come first
    calendar = np.flatnonzero(ease == linear.CALENDAR)[DAY:]
    weekdays = features[calendar][10:17]
    assert len(calendar) == clock_size(LAY) and weekdays.sum() == 1 and set(weekdays) == {0, 1}
    assert (ease[2 * DAY : 4 * DAY] == linear.WEEKS_BEFORE).all()


def test_many_meters_hold_out_fewer_blocks(monkeypatch):
    s = seen(ruled(own=False))
    monkeypatch.setattr(linear, "MANY", 1)
    path = fit_linear(s, LAY, 0, 200 * DAY, 2, rough=False)
    assert len(path.weights) == 3 and error(path, s, range(205, 219), 0) < 0.065


def test_meters_of_different_rules_have_matrices_of_their_own():
    s = seen(ruled(own=True, days=500))
    path = fit_linear(s, LAY, 0, 450 * DAY, 2, rough=False)
    shared = replace(path, weights=path.weights[-1:])
    for m in range(2):
        assert error(path, s, range(455, 499), m) < 0.85 * error(shared, s, range(455, 499), m)


def test_any_other_meter_gets_the_shared_matrix():
    panel = ruled(own=True)
    path = fit_linear(seen(panel), LAY, 0, 200 * DAY, 2, rough=False)
    t = np.array([205 * DAY])
    said = linear_medians(path, seen(panel, ("x", "meter1")), LAY, 0, t)
    only = linear_medians(replace(path, weights=path.weights[-1:]), seen(panel), LAY, 0, t)
    known = linear_medians(path, seen(panel), LAY, 0, t)
    np.testing.assert_array_equal(said[:, 0], only[:, 0])
    assert not np.array_equal(said[:, 0], known[:, 0])


@pytest.mark.parametrize(("days", "matrices"), [(OWN_DAYS + 21, 3), (OWN_DAYS + 10, 1)])
def test_own_matrices_need_days_enough(days, matrices):
    s = seen(ruled(own=True, days=days))
    assert len(fit_linear(s, LAY, 0, days * DAY, 2, rough=False).weights) == matrices


def test_meters_share_one_where_all_would_be_too_large(monkeypatch):
    monkeypatch.setattr(linear, "LARGEST", 2 * linear_size(LAY, 0) * DAY - 1)
    assert len(fit_linear(seen(ruled(own=True)), LAY, 0, DAYS * DAY, 2, rough=False).weights) == 1


def test_too_few_days_give_no_path():
    s = seen(ruled(own=False, days=22))
    path = fit_linear(s, LAY, 0, 22 * DAY, 2, rough=False)
    assert path.weights.size == 0 and path.share == 0


def test_what_comes_after_the_end_does_not_reach_it():
    panel = ruled(own=True)
    y = panel.y.copy()
    y[180 * DAY :] = 1e6
    scale = scaling(panel)
    one, other = (
        fit_linear(signals(p, scale, LAY, ids=IDS), LAY, 0, 180 * DAY, 2, rough=False).weights
        for p in (panel, replace(panel, y=y))
    )
    np.testing.assert_array_equal(one, other)
    y[180 * DAY - 1] = 1e6  # the last reading before does
    last = fit_linear(signals(replace(panel, y=y), scale, LAY, ids=IDS), LAY, 0, 180 * DAY, 2, rough=False).weights
    assert not np.array_equal(one, last)


def test_days_that_were_not_read_are_not_learned_from():
    panel = ruled(own=False)
    y = panel.y.copy()
    broken = np.random.default_rng(1).choice(np.arange(30, 200), 60, replace=False)
    for d in broken:
        y[d * DAY + 1 : (d + 1) * DAY] = np.nan
    s = seen(replace(panel, y=y))
    x, _, use = linear._rows(s, LAY, 0, s.advances, np.zeros(len(s.advances), int))
    assert set((s.advances[~use] // DAY).tolist()) >= set(broken.tolist())
    assert np.isfinite(x).all()


def test_a_meter_that_began_later_spoils_nothing():
    panel = ruled(own=False, days=700)
    y = panel.y.copy()
    y[: 60 * DAY, 1] = np.nan
    s = seen(replace(panel, y=y))
    t = np.array([59, 60, 61]) * DAY  # at the second there is no level yet to hold its readings against
    assert linear._rows(s, LAY, 0, t, np.ones(3, int))[2].tolist() == [False, False, True]
    path = fit_linear(s, LAY, 0, 650 * DAY, 2, rough=False)
    assert max(error(path, s, range(655, 699), m) for m in range(2)) < 0.05


LAYOUTS = [
    layout(day=d, horizon=h, weekly=w) for d, h, w in ((24, 24, True), (24, 30, False), (96, 96, True), (4, 4, False))
]


@pytest.mark.parametrize("covariates", [0, 2])
@pytest.mark.parametrize("lay", LAYOUTS, ids=lambda lay: f"{lay.day}-{lay.horizon}-{lay.weekly}")
def test_numpy_and_jax_make_the_same_features_of_the_size_said(lay, covariates):
    panel = load_panel(days=30, minutes=1440 // lay.day)
    cov = np.repeat(panel.covariates, covariates, axis=-1)
    panel = replace(panel, covariates=cov, names=tuple("ab"[:covariates]))
    s = signals(panel, scaling(panel), lay, "DE")
    t, m = np.array([[25], [26]]) * lay.day, np.array([[0], [1]])
    ours = linear_features(*inputs(s, lay, t, m), lay, covariates)
    assert ours.shape == (2, 1, linear_size(lay, covariates)) and (ours[..., -1] == 1).all()
    fast = jax.jit(lambda s, t, m: linear_features(*inputs(s, lay, t, m, jnp), lay, covariates, jnp))
    np.testing.assert_allclose(ours, fast(Signals(*map(jnp.asarray, s)), t, m), rtol=1e-5, atol=1e-6)


def test_quarter_hours_are_seen_by_the_hour():
    lay = LAYOUTS[2]
    panel = load_panel(days=30, minutes=15)
    s = signals(panel, scaling(panel), lay)
    x, local = inputs(s, lay, np.array([2500 // 96 * 96]), np.array([0]))
    features = linear_features(x, local, lay, 1)
    np.testing.assert_allclose(features[0, :24], x[0, :96].reshape(24, 4).mean(-1), rtol=1e-5, atol=1e-6)
    assert features.shape[-1] == linear_size(lay, 1) < x.shape[-1]


def test_short_horizons_have_none():
    assert linear_size(layout(day=24, horizon=3, weekly=True), 1) == 0 and no_path().weights.size == 0


ROUGH_LAYOUTS = [layout(day=d, horizon=h, weekly=True) for d, h in ((24, 24), (96, 96), (48, 120), (12, 12))]


@pytest.mark.parametrize("covariates", [0, 2])
@pytest.mark.parametrize("lay", ROUGH_LAYOUTS, ids=lambda lay: f"{lay.day}-{lay.horizon}")
def test_outputs_of_a_part_hear_of_their_own_hour(lay, covariates):
    """What they are told of, looked up in features whose readings and weather are the hours they belong to."""
    panel = load_panel(days=40, minutes=1440 // lay.day)
    hour = np.arange(len(panel.y)) % lay.day * 24 // lay.day
    y = np.repeat(1.0 + hour[:, None], 2, axis=1)
    cov = np.repeat(np.repeat(hour.astype(float)[:, None, None], 2, axis=1), covariates, axis=2)
    panel = replace(panel, y=y, covariates=cov, names=tuple("ab"[:covariates]), known_from=None)
    scale = scaling(panel)
    s = signals(panel, scale, lay)
    x = linear_features(*inputs(s, lay, np.array([20 * lay.day]), np.array([0])), lay, covariates)[0]
    level, count = s.level[20 * lay.day, 0], 0
    size = lay.day // PARTS
    for first in range(0, lay.outputs, size):
        outputs = np.arange(first, first + size)
        heard = list(linear._heard(lay, covariates, outputs))
        assert all(columns.max() < len(x) - 1 for columns in heard)  # the constant is no feature
        count = len(heard)
        own = (x[heard[0][:, 0]] + 1) * level * panel.y[:, 0].mean()
        np.testing.assert_allclose(own, 1 + outputs % lay.day * 24 // lay.day, rtol=1e-4)
        if covariates:
            kinds = covariates * (1 + HINGES)
            ahead = x[np.array([columns[:, 0] for columns in heard[-3 * kinds :]])]
            z = (outputs % lay.day * 24 // lay.day - scale.mean[0]) / scale.std[0]
            np.testing.assert_allclose(ahead[0], z, rtol=1e-4, atol=1e-5)  # weather at the target
            np.testing.assert_allclose(ahead[kinds], z, rtol=1e-4, atol=1e-5)  # and on the last day
    assert count < linear_size(lay, covariates) / (2 if lay.day > 12 else 1)


def test_where_days_are_rough_half_of_the_path_says_medians():
    """Seldom and large chance: a mean lies above the median, which repeats the day before."""
    day, days = 12, 500
    lay, rng = layout(day=day, horizon=day, weekly=True), np.random.default_rng(0)
    often = 2.0 + rng.normal(0, 0.1, (days * day, 1))
    y = often + np.where(rng.random((days * day, 1)) < 0.2, rng.exponential(6.0, (days * day, 1)), 0.0)
    panel = replace(load_panel(days=days, minutes=120, meters=1, temperature=False), y=y)
    s, t, missed = signals(panel, scaling(panel), lay), np.arange(455, 499) * day, []
    for rough in (True, False):
        path = fit_linear(s, lay, 0, 450 * day, 1, rough=rough)
        said = (linear_medians(path, s, lay, 0, t)[:, 0] + 1) * s.level[t, 0][:, None]
        missed.append(np.abs(said - s.y[t[:, None] + np.arange(day), 0]).mean())
    assert missed[0] < 0.9 * missed[1]
