"""Layouts, against tables written by hand for a day of four slots."""

import numpy as np
import pytest

from wattcast.features.layout import in_days, layout, outputs_of


def test_steps_by_hand():
    lay = layout(day=4, horizon=1, weekly=False)
    assert (lay.stride, lay.gap, lay.horizon, lay.outputs) == (1, 0, 1, 1)
    np.testing.assert_array_equal(lay.recent, [[-3, -2, -1]])
    np.testing.assert_array_equal(lay.targets, [[0]])
    np.testing.assert_array_equal(lay.lags, [[-5, -4, -3]])  # a day before, and its neighbours
    np.testing.assert_array_equal(lay.moments, [[[0, -1]]])  # the target, and the last reading
    assert lay.history == 5


def test_steps_look_at_every_day_of_the_week():
    lay = layout(day=4, horizon=1, weekly=True)
    days = -4 * np.arange(1, 8)
    np.testing.assert_array_equal(lay.lags[0].reshape(7, 3), days[:, None] + [-1, 0, 1])
    assert lay.history == 29


def test_steps_after_a_gap():
    lay = layout(day=8, horizon=3, weekly=False, gap=1)
    np.testing.assert_array_equal(lay.targets, [[1, 2]])
    np.testing.assert_array_equal(lay.lags, [[-8, -7, -6, -5]])


def test_steps_where_no_day_lies_far_enough_back():
    lay = layout(day=1, horizon=1, weekly=False)  # daily readings: horizon * 2 >= day, so a day layout
    assert lay.stride == 1
    assert (lay.lags < 0).all()


def test_days_by_hand():
    lay = layout(day=4, horizon=4, weekly=False)
    assert (lay.stride, lay.outputs, lay.history) == (4, 4, 8)
    # a row a phase; column = slot of the day
    np.testing.assert_array_equal(lay.targets, [[0, 1, 2, 3], [3, 0, 1, 2], [2, 3, 0, 1], [1, 2, 3, 0]])
    last = np.array([[-4, -3, -2, -1], [-1, -4, -3, -2], [-2, -1, -4, -3], [-3, -2, -1, -4]])
    np.testing.assert_array_equal(lay.recent, np.concatenate([last, last - 4], axis=1))
    np.testing.assert_array_equal(lay.lags, lay.targets - 4)
    np.testing.assert_array_equal(lay.moments, np.stack([lay.targets, last, lay.targets - 4], axis=-1))


def test_two_days_with_weeks_by_hand():
    lay = layout(day=4, horizon=6, weekly=True)  # six steps take two days, whose second half is not asked for
    np.testing.assert_array_equal(lay.targets[0], range(8))
    np.testing.assert_array_equal(lay.targets[1], [3, 0, 1, 2, 7, 4, 5, 6])
    np.testing.assert_array_equal(lay.lags[0], [*range(-28, -20), *range(-56, -48)])
    np.testing.assert_array_equal(lay.moments[0, :, 0], [0, 1, 2, 3, 4, 5, 2, 3])
    np.testing.assert_array_equal(lay.moments[0, :, 1], [-4, -3, -2, -1] * 2)
    assert lay.history == 56


def test_one_week_back_where_readings_are_short():
    lay = layout(day=4, horizon=6, weekly=True, fortnight=False)
    np.testing.assert_array_equal(lay.lags[0], range(-28, -20))
    assert lay.history == 28 and not lay.fortnight
    assert layout(day=4, horizon=6, weekly=True).fortnight
    for same in ({"horizon": 1, "weekly": True}, {"horizon": 6, "weekly": False}):  # nothing to leave out
        assert layout(day=4, **same, fortnight=False) is layout(day=4, **same)


CASES = [
    (day, horizon, weekly, gap)
    for day in (1, 2, 4, 24, 96)
    for horizon in (1, 2, 5, 24, 60, 168)
    for weekly in (False, True)
    for gap in (0, 1)
    if gap < horizon
]


@pytest.mark.parametrize(("day", "horizon", "weekly", "gap"), CASES)
def test_what_holds_for_every_layout(day, horizon, weekly, gap):
    lay = layout(day=day, horizon=horizon, weekly=weekly, gap=gap)
    phases = np.arange(len(lay.targets))[:, None]
    assert lay.recent.max() < 0 and lay.lags.max() < 0, "only the past is looked at"
    assert lay.moments.max() < horizon, "covariates are known up to the horizon"
    assert lay.history >= -min(lay.recent.min(), lay.lags.min(), lay.moments.min())
    assert all(a.dtype == np.int32 for a in (lay.recent, lay.lags, lay.targets, lay.moments))
    for row in lay.targets:
        assert set(range(gap, horizon)) <= set(row.tolist()) and len(set(row.tolist())) == len(row)
    if lay.stride > 1:
        slots = np.arange(day)
        for table in (lay.recent, lay.targets, lay.lags, lay.moments[..., 0], lay.moments[..., 1], lay.moments[..., 2]):
            np.testing.assert_array_equal((phases + table) % day, np.tile(slots, (day, table.shape[1] // day)))


def test_habits_go_with_weeks_of_days_alone():
    assert (
        layout(day=4, horizon=4, weekly=True).habits and not layout(day=4, horizon=4, weekly=True, habits=False).habits
    )
    for kind in ({"horizon": 1, "weekly": True}, {"horizon": 4, "weekly": False}):
        assert not layout(day=4, **kind).habits
        assert layout(day=4, **kind) is layout(day=4, **kind, habits=False)


@pytest.mark.parametrize(("horizon", "weekly", "season"), [(4, True, 7), (28, True, 7), (29, True, 14), (9, False, 3)])
def test_a_season_lies_in_the_past_for_all_that_is_forecast(horizon, weekly, season):
    assert layout(day=4, horizon=horizon, weekly=weekly).season == season


def test_one_object_a_layout():
    assert layout(day=24, horizon=24, weekly=True) is layout(day=24, horizon=24, weekly=True)


@pytest.mark.parametrize("day", [4, 24, 48])
@pytest.mark.parametrize("horizon", [1, 2, 11, 12, 23, 24, 25, 60])
@pytest.mark.parametrize("gap", [0, 1])
def test_outputs_are_known_before_the_tables(day, horizon, gap):
    lay = layout(day=day, horizon=horizon + gap, weekly=True, gap=gap)
    assert outputs_of(day=day, horizon=horizon + gap, gap=gap) == lay.outputs
    assert in_days(day, horizon + gap) == (lay.stride == day)
