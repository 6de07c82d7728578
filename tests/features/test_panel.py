"""Readings on their grid."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from wattcast.features.panel import Panel, mean, panel
from wattcast.schema import Readings, ReadingsError

START = datetime(2024, 1, 1)


def readings(rows, **more):
    frame = pl.DataFrame(
        {
            "unique_id": [r[0] for r in rows],
            "ds": [START + timedelta(hours=r[1]) for r in rows],
            "y": [r[2] for r in rows],
            "quality": [r[3] for r in rows],
            "temperature": [r[4] for r in rows],
        },
        schema_overrides={"y": pl.Float64, "temperature": pl.Float64},
    )
    return Readings(frame.with_columns(pl.col("ds").dt.replace_time_zone("UTC")), timedelta(hours=1), **more)


ROWS = [
    ("b", 0, 1.0, "ok", 5.0),
    ("b", 1, 2.0, "suspect", 6.0),
    ("b", 3, None, "missing", 7.0),
    ("a", 2, 4.0, "ok", 8.0),
    ("a", 4, None, "missing", None),
]


def test_meters_of_different_length_on_one_grid():
    grid = panel(readings(ROWS, zone="Europe/Berlin"), ["temperature"])
    nan = np.nan
    assert grid.ids == ("b", "a") and grid.zone == "Europe/Berlin" and grid.names == ("temperature",)
    np.testing.assert_array_equal(grid.y, [[1, nan], [nan, nan], [nan, 4], [nan, nan], [nan, nan]])
    np.testing.assert_array_equal(grid.covariates[..., 0], [[5, nan], [6, nan], [nan, 8], [7, nan], [nan, nan]])
    assert (grid.length, grid.day, grid.end) == (5, 24, 3)


def test_times_and_indices():
    grid = panel(readings(ROWS))
    assert grid.covariates.shape == (5, 2, 0)
    assert grid.time(3) == grid.start + timedelta(hours=3)
    assert [grid.index(when) for when in grid.times(2, 7)] == [2, 3, 4, 5, 6]
    assert grid.times(2, 2).is_empty()


def test_a_grid_without_readings_ends_at_its_start():
    assert Panel(("a",), START, timedelta(days=2), "UTC", np.full((3, 1), np.nan), np.zeros((3, 1, 0)), ()).end == 0


def test_steps_longer_than_a_day_still_make_a_day():
    assert Panel(("a",), START, timedelta(days=2), "UTC", np.zeros((3, 1)), np.zeros((3, 1, 0)), ()).day == 1


def test_a_covariate_that_is_not_there():
    with pytest.raises(ReadingsError, match="no covariate column 'wind'; it has: temperature"):
        panel(readings(ROWS), ["wind"])


def test_no_readings():
    with pytest.raises(ReadingsError, match="frame holds no readings"):
        panel(Readings(readings(ROWS).frame.clear(), timedelta(hours=1)))


def test_when_covariates_were_known():
    told = readings(ROWS)
    moments = [START - timedelta(days=3), START + timedelta(minutes=1), None, START + timedelta(hours=2), None]
    moments = pl.Series("available_at", moments).dt.replace_time_zone("UTC")
    told = Readings(told.frame.with_columns(moments), told.step)
    assert told.covariates == ["temperature"]
    np.testing.assert_array_equal(panel(told, ["temperature"]).known_from, [[0, 0], [1, 0], [0, 2], [4, 0], [0, 5]])
    assert panel(told).known_from is None and panel(readings(ROWS), ["temperature"]).known_from is None


def test_mean_leaves_out_nan():
    np.testing.assert_array_equal(mean(np.array([[1.0, np.nan], [3.0, np.nan]]), 0), [2.0, np.nan])
