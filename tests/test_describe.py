from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest

from wattcast.describe import describe, seasons, shape
from wattcast.read import read, read_frame, synthetic

STATISTICS = ["count", "mean", "std", "min", "25%", "50%", "75%", "max"]


def test_summary_is_that_of_pandas():
    frame = synthetic(meters=3, days=30)
    frame = frame.with_columns(pl.when(pl.int_range(pl.len()) % 7 == 3).then(None).otherwise("y").alias("y"))
    for summary in describe(read_frame(frame)):
        y = frame.filter(pl.col("unique_id") == summary["meter"])["y"]
        expected = pd.Series(y.to_numpy()).describe()
        assert list(expected.index) == STATISTICS
        assert [summary[s] for s in STATISTICS] == pytest.approx(expected.tolist(), rel=1e-12)
        assert summary["missing"] == y.null_count()


def test_counts_and_range():
    frame = synthetic(meters=1, days=10).with_row_index().filter(~pl.col("index").is_between(20, 29)).drop("index")
    frame = frame.with_columns(y=pl.Series([0.0, -1.0, 0.0, *frame["y"][3:]]))
    (summary,) = describe(read_frame(frame, unit="kW"))
    assert (summary["gaps"], summary["zeros"], summary["negative"], summary["step"]) == (10, 2, 1, 3600.0)
    assert (summary["first"], summary["last"]) == (
        datetime(2024, 1, 1, tzinfo=UTC),
        datetime(2024, 1, 10, 23, tzinfo=UTC),
    )
    assert summary["unit"] == "kW"


def wave(period_hours, hours=24 * 42):
    times = pl.datetime_range(datetime(2024, 1, 1), interval="1h", end=datetime(2024, 12, 31), eager=True)[:hours]
    clock = np.arange(hours)
    return read_frame(pl.DataFrame({"ds": times, "y": 2 + (clock % period_hours >= period_hours * 5 / 7)}))


def test_seasons_are_found_where_they_are():
    noise = np.random.default_rng(0).normal(size=24 * 42)
    random = wave(24).frame.with_columns(y=pl.Series(noise))
    assert seasons(wave(24), "meter") == ("day",)
    assert seasons(wave(168), "meter") == ("week",)
    assert seasons(read_frame(random), "meter") == ()
    assert seasons(read_frame(random.with_columns(y=pl.lit(1.0))), "meter") == ()
    assert seasons(read_frame(random.head(20)), "meter") == ()


def test_mean_day_and_week_follow_the_local_clock():
    readings = read_frame(wave(24, 24 * 28).frame.with_columns(pl.col("ds").dt.convert_time_zone("Asia/Tokyo")))
    what = shape(readings, "meter", first=5)
    assert what.first.tolist() == [2, 2, 2, 2, 2]
    assert what.day.tolist() == [2 + (18 <= (h - 9) % 24) for h in range(24)]
    assert what.week.shape == (168,)
    with pytest.raises(KeyError, match="no meter 'x'"):
        shape(readings, "x")


def test_the_chapters_summary(data):
    (summary,) = describe(read(data / "elec_load.csv"))
    expected = [140_256, 145.332503, 48.477976, 0.0, 106.850998, 151.428571, 177.557604, 338.218126]
    assert [round(summary[s], 6) for s in STATISTICS] == expected
    assert summary["zeros"] == 96
