"""Signals and inputs: causal, scaled from the past, the same in NumPy and JAX."""

from dataclasses import replace
from datetime import datetime, time, timedelta

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from panels import load_panel

from wattcast.features.calendar import calendar
from wattcast.features.layout import layout
from wattcast.features.signals import HALF_LIFE, HINGES, Signals, fill, inputs, scaling, signals, sizes

ZONE = "America/Sao_Paulo"
PANEL = load_panel(days=30, gaps=0.05)
LAYOUTS = [
    layout(day=24, horizon=h, weekly=w, gap=g) for h, g in ((1, 0), (3, 1), (24, 0), (30, 2)) for w in (True, False)
]


def made(panel, lay, **how):
    return signals(panel, scaling(panel), lay, **how)


def test_scaling_by_hand():
    y = np.array([[1.0, np.nan], [-3.0, np.nan], [np.nan, np.nan]])
    cov = np.arange(6.0).reshape(3, 2, 1)
    scale = scaling(replace(load_panel(days=1, meters=2), y=y, covariates=cov))
    np.testing.assert_array_equal(scale.meter, [2, 1])  # mean absolute reading; 1 where there is none
    assert scale.mean[0] == 2.5
    assert scale.std[0] == pytest.approx(np.sqrt(35 / 12))
    expected = (np.array([1.25, 2.5, 3.75]) - 2.5) / scale.std[0]  # quartiles of 0 .. 5
    np.testing.assert_allclose(scale.hinges, [expected])


def test_scaling_where_nothing_varies_or_nothing_is_known():
    panel = load_panel(days=2)
    flat = np.concatenate([np.full((48, 2, 1), 7.0), np.full((48, 2, 1), np.nan)], axis=-1)
    scale = scaling(replace(panel, y=panel.y * 0, covariates=flat, names=("flat", "unknown")))
    np.testing.assert_array_equal(scale.meter, [1, 1])
    np.testing.assert_array_equal(scale.mean, [7, 0])
    np.testing.assert_array_equal(scale.std, [1, 1])
    np.testing.assert_array_equal(scale.hinges, np.zeros((2, HINGES)))


def gone(y, *where):
    """A meter of two readings a day, with readings gone at some steps."""
    y = np.asarray(y, float)[:, None].copy()
    y[list(where)] = np.nan
    return y


def test_gaps_near_the_start_hold_the_last_reading_and_before_it_there_is_zero():
    y = gone([1, 2, 3, 4, 5], 0, 1)
    assert fill(y, 2)[:2, 0].tolist() == [0, 0]
    assert fill(gone([1, 2, 3, 4, 5], 1), 2)[1, 0] == 1
    assert np.isnan(y[0, 0])  # the readings themselves stay


def test_gaps_take_the_same_slot_before_moved_by_how_far_the_last_reading_was_off():
    def moved(off, steps):
        return off * 0.5 ** (steps / (HALF_LIFE * 2))  # of two readings a day

    day = fill(gone([10, 20, 13, 23, 13], 3, 4), 2)[:, 0]  # the last reading is 3 above that of the day before
    assert day[3] == pytest.approx(20 + moved(3, 1))
    assert day[4] == pytest.approx(13 + moved(3, 2))
    week = fill(gone([10, 20] * 7 + [12, 22, 12, 22], 15, 17), 2)[:, 0]  # 2 above the week before
    assert week[15] == pytest.approx(20 + moved(2, 1))
    assert week[17] == pytest.approx(20 + moved(2, 1))


def test_a_fill_feeds_in_only_where_the_slot_before_did():
    assert fill(gone([10, 1, 2, 1], 3), 2)[3, 0] == 0  # 1 - 8 would lie below zero
    assert fill(gone([10, -1, 2, 1], 3), 2)[3, 0] == -1


def test_levels_by_hand_and_their_floors():
    lay = LAYOUTS[0]
    panel = replace(load_panel(days=30, meters=1, temperature=False), y=np.zeros((720, 1)))
    panel.y[:168] = 8.0
    s = signals(panel, scaling(panel), lay)
    scale = 8.0 * 168 / 720
    top = 8.0 / scale
    assert s.level[0, 0] == pytest.approx(1e-3)  # nothing seen yet
    assert s.level[100, 0] == pytest.approx(top)
    assert s.level[252, 0] == pytest.approx(top / 2)  # half of the last week
    # a tenth of the mean of all that came before, where the last week says less
    assert s.level[336, 0] == pytest.approx(0.1 * top / 2, rel=1e-5)
    assert s.mean[168, 0] == pytest.approx(top, rel=1e-5) and s.mean[192, 0] == pytest.approx(0.0, abs=1e-5)


def test_clock_and_phase():
    panel = load_panel(days=30, zone="Asia/Tokyo")  # starts at 09:00 of a Monday there
    s = made(panel, LAYOUTS[4])
    np.testing.assert_array_equal(s.phase[:17], [*range(9, 24), 0, 1])
    assert len(s.phase) == panel.length + 1
    turn = 2 * np.pi * 9 / 24
    np.testing.assert_allclose(s.clock[0, :2], [np.sin(turn), np.cos(turn)], rtol=1e-5)
    np.testing.assert_array_equal(s.clock[0, 10:17], [1, 0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(s.clock[15, 10:17], [0, 1, 0, 0, 0, 0, 0])


def test_steps_since_the_day_began():
    panel = load_panel(days=330, zone="Europe/Berlin")
    s = made(panel, LAYOUTS[4])
    clock = calendar(panel.start, panel.step, panel.length + 1, zone=panel.zone).hour
    long, short = (int(s.advances[:-1][np.diff(s.advances) == n][0]) for n in (25, 23))
    np.testing.assert_array_equal(s.phase[long : long + 26], [*range(24), 23, 0])
    np.testing.assert_array_equal(s.phase[short : short + 24], [*range(23), 0])
    usual = (short // 24 + 2) * 24 - 2  # in summer midnight is 22:00 UTC
    np.testing.assert_array_equal(s.phase[usual : usual + 24], clock[usual : usual + 24])
    np.testing.assert_array_equal(made(panel, LAYOUTS[0]).phase, 0)


def test_days_begin_at_the_hour_asked_for():
    s = made(PANEL, LAYOUTS[4], at=time(9, 30))
    assert (s.advances % 24 == 10).all() and s.advances[0] >= LAYOUTS[4].history
    np.testing.assert_array_equal(s.phase[s.advances], 0)
    np.testing.assert_array_equal(s.phase[:12], [*range(14, 24), 0, 1])


def test_meters_by_their_place_among_those_trained_on():
    assert made(PANEL, LAYOUTS[4], ids=("x", "meter1", "meter0")).who.tolist() == [2, 1]
    assert made(PANEL, LAYOUTS[4], ids=("meter1", "x")).who.tolist() == [2, 0]


def since(first, **how):
    """Ten weeks of hours of two meters from a local midnight on."""
    return replace(load_panel(days=70, temperature=False), start=first, **how)


def test_holidays_of_each_meter():
    panel = since(datetime(2024, 12, 1), ids=("DE", "AU_VIC"))
    lay = LAYOUTS[4]
    s = made(panel, lay, country="meter")
    of = [s.holiday[: panel.length, s.country[m]].reshape(-1, 24) for m in range(2)]
    assert all((days == days[:, :1]).all() for days in of)
    assert of[0][:60, 0].nonzero()[0].tolist() == [24, 25, 31]  # 25 and 26 December, 1 January
    assert of[1][:60, 0].nonzero()[0].tolist() == [24, 25, 31, 57]  # 27 January
    table = made(panel, lay, country={"DE": "DE"})
    np.testing.assert_array_equal(table.holiday[:, table.country[0]], s.holiday[:, s.country[0]])
    assert not table.holiday[:, table.country[1]].any()
    none = made(panel, lay)
    assert none.holiday.shape[1] == 1 and not none.holiday.any() and none.country.tolist() == [0, 0]


def test_the_day_that_resembles_by_hand():
    """From Sunday 1 December 2024 on; 25 December is a Wednesday, 26 a Thursday, 1 January a Wednesday."""
    s = made(since(datetime(2024, 12, 1)), LAYOUTS[4], country="DE")
    back = s.alike[:1680, 0].reshape(-1, 24)
    assert (back == back[:, :1]).all()

    def of(day):
        """Days back of the `day` of December."""
        return int(back[day - 1, 0])

    assert of(16) == 7  # Monday: the Monday before
    assert (of(17), of(18), of(19)) == (5, 1, 1)  # Tuesday: Thursday; then the day before
    assert (of(20), of(21), of(22)) == (7, 7, 7)  # Friday, Saturday, Sunday
    assert (of(25), of(26)) == (3, 1)  # a holiday counts as a Sunday: the 22nd, and then the day before
    assert of(27) == 7
    assert of(29) == 3  # Sunday: the holiday on Thursday
    assert of(31) == 7  # Tuesday: the last of Tuesday to Thursday that was no holiday is the 24th
    assert of(32) == 3  # New Year: Sunday the 29th
    plain = made(since(datetime(2024, 12, 1)), LAYOUTS[4]).alike[:1680, 0].reshape(-1, 24)
    assert (plain[24, 0], plain[25, 0], plain[28, 0]) == (1, 1, 7)
    two_days = next(lay for lay in LAYOUTS if lay.horizon == 30 and lay.weekly)
    later = made(since(datetime(2024, 12, 1)), two_days, country="DE").alike[:1680, 0].reshape(-1, 24)
    assert (later[17, 0], later[24, 0], later[25, 0]) == (6, 3, 4)  # the day before is not sure to be over


def test_no_day_that_resembles_counts_whole_weeks_or_days():
    for lay, back in ((LAYOUTS[4], 7), (LAYOUTS[5], 1)):
        s = made(replace(PANEL, start=datetime(2024, 12, 1)), lay)
        assert s.alike[0, 0] == back  # the first Sunday
    every = {f"meter{m}": "DE" for m in range(2)}
    assert made(PANEL, LAYOUTS[6], country=every).alike.min() >= 2


@settings(max_examples=20, deadline=None)
@given(k=st.integers(2, 7), day=st.integers(0, 700), hours=st.integers(0, 23), zone=st.sampled_from(["UTC", ZONE]))
def test_a_day_that_resembles_lies_before_any_origin(k, day, hours, zone):
    lay = LAYOUTS[k]
    if lay.stride == 1:
        return
    start = datetime(2023, 1, 1) + timedelta(days=day, hours=hours)
    panel = replace(PANEL, start=start, zone=zone)
    s = made(panel, lay, country="DE")
    t = np.arange(lay.history, panel.length + 1)
    target = t[:, None] + lay.targets[s.phase[t]]
    there = target - s.alike[target, 0] * lay.day
    assert (there < t[:, None]).all() and (there >= 0).all()


def test_what_a_day_saw_that_resembles_and_holidays_by_hand():
    lay = LAYOUTS[4]
    s = made(since(datetime(2024, 12, 1)), lay, country="DE")
    t = 24 * 24  # midnight before 25 December
    x, local = inputs(s, lay, np.array([t]), np.array([1]))
    same = s.y[t - 72 : t - 48, 1] / s.level[t, 1] - 1  # Sunday the 22nd
    profiles = lay.recent.shape[1] + lay.lags.shape[1]
    np.testing.assert_allclose(x[0, profiles : profiles + 24], same, rtol=1e-5, atol=1e-6)
    blocks = lay.lags.shape[1] // 24
    np.testing.assert_allclose(local[blocks + 1, 0], same, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(local[blocks + 2, 0], 1)
    # two weeks, one week, two days, a day before; today and tomorrow
    np.testing.assert_array_equal(x[0, -6:], [0, 0, 0, 0, 1, 1])
    later, _ = inputs(s, lay, np.array([t + 72]), np.array([1]))
    np.testing.assert_array_equal(later[0, -6:], [0, 0, 1, 0, 0, 0])  # the 28th


def test_known_is_standardised_bent_and_zero_where_unknown():
    panel = load_panel(days=30)
    panel.covariates[100] = np.nan
    s = made(panel, LAYOUTS[4])
    scale = scaling(panel)
    z = (panel.covariates[5, 0, 0] - scale.mean[0]) / scale.std[0]
    np.testing.assert_allclose(s.known[5, 0], [z, *np.maximum(z - scale.hinges[0], 0)], rtol=1e-5)
    assert not s.known[100].any() and not s.known[panel.length :].any()


def everywhere(panel, lay):
    """Inputs of every meter at every origin with history enough."""
    t, m = np.meshgrid(np.arange(lay.history, panel.length + 1), np.arange(2), indexing="ij")
    return inputs(made(panel, lay), lay, t, m)


@settings(max_examples=15, deadline=None)
@given(k=st.integers(0, len(LAYOUTS) - 1), t=st.integers(400, 719), seed=st.integers(0, 99))
def test_what_comes_at_or_after_an_origin_changes_nothing_before_it(k, t, seed):
    lay, scale = LAYOUTS[k], scaling(PANEL)
    rng = np.random.default_rng(seed)
    y, cov = PANEL.y.copy(), PANEL.covariates.copy()
    y[t:] = np.where(rng.random(y[t:].shape) < 0.3, np.nan, rng.normal(0, 1e4, y[t:].shape))
    cov[t + lay.horizon :] = rng.normal(0, 1e3, cov[t + lay.horizon :].shape)
    before, after = (signals(p, scale, lay, "DE") for p in (PANEL, replace(PANEL, y=y, covariates=cov)))
    for name in ("level", "mean", "phase"):
        np.testing.assert_array_equal(getattr(before, name)[: t + 1], getattr(after, name)[: t + 1])
    for name in ("y", "seen"):
        np.testing.assert_array_equal(getattr(before, name)[:t], getattr(after, name)[:t])
    at = np.arange(lay.history, t + 1)
    for a, b in zip(*(inputs(s, lay, at, at * 0) for s in (before, after)), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("lay", LAYOUTS[2:6], ids=lambda lay: f"{lay.horizon}-{lay.gap}-{lay.weekly}")
def test_numpy_and_jax_see_the_same(lay):
    s = made(PANEL, lay)
    t, m = np.array([[600, 601], [613, 720]]), np.array([[0, 1], [1, 0]])
    theirs = jax.jit(lambda s, t, m: inputs(s, lay, t, m, jnp))(Signals(*map(jnp.asarray, s)), t, m)
    for a, b in zip(inputs(s, lay, t, m), theirs, strict=True):
        assert a.dtype == b.dtype == np.float32
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("covariates", [0, 1, 3])
@pytest.mark.parametrize("lay", LAYOUTS, ids=lambda lay: f"{lay.horizon}-{lay.gap}-{lay.weekly}")
def test_sizes_say_what_inputs_give(lay, covariates):
    cov = np.repeat(PANEL.covariates, covariates, axis=-1)
    panel = replace(PANEL, covariates=cov, names=tuple("abc"[:covariates]))
    x, local = inputs(made(panel, lay), lay, np.array([600, 601, 613]), np.array([0, 1, 0]))
    features, locals_, outputs = sizes(lay, covariates)
    assert x.shape == (3, features) and local.shape == (locals_, 3, outputs)
    assert np.isfinite(x).all() and np.isfinite(local).all()


@pytest.mark.parametrize("lay", LAYOUTS, ids=lambda lay: f"{lay.horizon}-{lay.gap}-{lay.weekly}")
def test_some_outputs_see_what_they_see_among_all(lay):
    t, m, some = np.array([600, 601, 613]), np.array([0, 1, 0]), np.arange(lay.outputs)[::-2]
    s = made(PANEL, lay)
    (x, local), (same, few) = inputs(s, lay, t, m), inputs(s, lay, t, m, some=some)
    np.testing.assert_array_equal(x, same)
    np.testing.assert_array_equal(local[..., some], few)


def test_inputs_by_hand_in_a_day_of_four():
    lay = layout(day=4, horizon=4, weekly=False)
    panel = load_panel(days=20, minutes=360, meters=1, temperature=False)
    panel = replace(panel, y=np.arange(1.0, 81.0)[:, None])
    scale = replace(scaling(panel), meter=np.ones(1))
    s = signals(panel, scale, lay)
    x, local = inputs(s, lay, np.array([41]), np.array([0]))  # phase 1: slots 1 2 3 of that day are ahead
    level = np.arange(14.0, 42.0).mean()  # readings 13 .. 40
    # by slot 0 1 2 3: the last readings seen are those of steps 40 37 38 39
    np.testing.assert_allclose(x[0, :4], np.array([41, 38, 39, 40]) / level - 1, rtol=1e-5)
    np.testing.assert_allclose(x[0, 4:8], np.array([37, 34, 35, 36]) / level - 1, rtol=1e-5)  # and the day before
    # targets by slot: steps 44 41 42 43, a day before them 40 37 38 39
    np.testing.assert_allclose(x[0, 8:12], np.array([41, 38, 39, 40]) / level - 1, rtol=1e-5)
    np.testing.assert_allclose(local[0, 0], np.array([41, 38, 39, 40]) / level - 1, rtol=1e-5)
    days = [np.arange(o - 3.0, o + 1).mean() for o in range(41, 0, -4)]  # means of the last days
    np.testing.assert_array_equal(x[0, 12:16], x[0, 8:12])  # the day that resembles is the day before
    np.testing.assert_array_equal(local[2, 0], local[0, 0])
    np.testing.assert_allclose(x[0, 16:26], np.array(days[:10]) / level - 1, rtol=1e-4, atol=1e-5)


def test_habits_by_hand():
    """Two outputs of two days, at an origin with all days behind it and at one whose weeks reach before the first."""
    lay = layout(day=4, horizon=8, weekly=True)
    y = 10 + np.random.default_rng(0).uniform(0, 5, (60 * 4, 1))
    s = made(
        replace(PANEL, y=y, covariates=np.zeros((len(y), 1, 0)), names=(), ids=("a",), step=timedelta(hours=6)), lay
    )
    for t in (45 * 4, 15 * 4):
        local = inputs(s, lay, np.array([t]), np.array([0]))[1][5:, 0]
        value = lambda at, t=t: s.y[at % 28 if at < 0 else at, 0] / s.level[t, 0] - 1  # noqa: E731
        for output in (1, 6):
            hour, week = t + output % 4, t + output - 28
            days = [value(hour - 4 * k) for k in range(1, 9)]
            near = [value(min(of + k, t - 1)) for of in (week, hour - 4) for k in (-2, -1, 1, 2)]
            expected = [*days[1:], value(week - 56), value(week - 84), *near, *sorted(days[:7])]
            np.testing.assert_allclose(local[:, output], expected, rtol=1e-5, atol=1e-6)


def test_a_meter_over_its_level_does_not_show_its_size():
    lay = LAYOUTS[4]
    x, local = everywhere(replace(PANEL, y=PANEL.y[:, :1] * [1.0, 1000.0]), lay)
    np.testing.assert_allclose(x[:, 0], x[:, 1], rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(local[:, :, 0], local[:, :, 1], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("lay", LAYOUTS[:6:2], ids=lambda lay: f"{lay.gap}-{lay.horizon}")
def test_inputs_hold_no_covariate_before_it_was_known(lay):
    rng = np.random.default_rng(0)
    shape = (PANEL.length, len(PANEL.ids))
    known_from = (np.arange(PANEL.length)[:, None] + rng.integers(-40, 5, shape)).clip(0).astype(np.int32)
    t, m = np.repeat(np.arange(500, 640, 7), 2), np.tile([0, 1], 20)
    panel, scale = replace(PANEL, known_from=known_from), scaling(PANEL)
    seen = inputs(signals(panel, scale, lay), lay, t, m)
    open_ = inputs(signals(PANEL, scale, lay), lay, t, m)
    for k, (origin, meter) in enumerate(zip(t, m, strict=True)):
        there = (known_from <= origin)[..., None]
        other = replace(panel, covariates=np.where(there, panel.covariates, -999.0))
        theirs = inputs(signals(other, scale, lay), lay, np.array([origin]), np.array([meter]))
        np.testing.assert_array_equal(seen[0][k : k + 1], theirs[0])
        np.testing.assert_array_equal(seen[1][:, k : k + 1], theirs[1])
    assert all((a != b).any() for a, b in zip(seen, open_, strict=True))


@pytest.mark.parametrize("yearly", [True, False])
def test_the_time_of_year_is_hidden_where_readings_are_too_short_to_tell_it(yearly):
    s = made(PANEL, layout(day=24, horizon=24, weekly=True, yearly=yearly))
    assert s.clock[:, 6:10].any() == yearly  # after three harmonics of the day
    assert s.clock[:, :6].any() and s.clock[:, 10:].any()
