from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from wattcast.read import like, read_frame, synthetic
from wattcast.schema import ReadingsError

POLARS = synthetic(meters=2, days=3)


def pandas(frame: pl.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {c: frame[c].to_list() if frame[c].dtype == pl.String else frame[c].to_numpy() for c in frame.columns}
    )


KINDS = {"polars": lambda f: f, "lazy": lambda f: f.lazy(), "pandas": pandas, "arrow": lambda f: f.to_arrow()}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_every_kind_of_frame_goes_in_and_out(kind):
    frame = kind(POLARS.rename({"unique_id": "home", "ds": "when", "y": "kW"}))
    readings = read_frame(frame, "home", "when", "kW")
    assert readings.frame.equals(POLARS.with_columns(pl.col("ds").dt.replace_time_zone("UTC")))
    assert (readings.step, readings.covariates, readings.unit) == (timedelta(hours=1), ["temperature"], "kW")
    answer = readings.frame.select("unique_id", "ds", pl.col("ds").alias("cutoff"), "y", pl.col("y").alias("wattcast"))
    back = like(frame, answer, id="home", ds="when", y="kW")
    assert type(back) is type(frame)
    table = pl.DataFrame(back) if isinstance(back, pa.Table) else back
    table = table.collect() if isinstance(table, pl.LazyFrame) else table
    assert list(table.columns) == ["home", "when", "cutoff", "kW", "wattcast"]
    assert pd.Timestamp(table["when"][0]) == pd.Timestamp("2024-01-01")
    assert pd.Timestamp(table["cutoff"][0]).tzinfo is None


def test_zoned_stamps_come_back_zoned():
    times = pd.date_range("2024-10-26 22:00", periods=48, freq="h", tz="Europe/Berlin")
    frame = pd.DataFrame({"unique_id": "a", "ds": times, "y": range(48)})
    readings = read_frame(frame)
    assert readings.zone == "Europe/Berlin"
    assert readings.frame["ds"][0] == datetime(2024, 10, 26, 20, tzinfo=UTC)
    back = like(frame, readings.frame)
    assert (back["ds"] == times).all()
    assert str(back["ds"].dt.tz) == "Europe/Berlin"


def test_naive_local_stamps_come_back_local():
    times = pl.datetime_range(datetime(2024, 1, 1), datetime(2024, 1, 2), "1h", eager=True)
    frame = pl.DataFrame({"ds": times}).with_columns(y=1.0)
    readings = read_frame(frame, zone="Europe/Berlin")
    assert readings.meters == ["meter"]
    assert readings.frame["ds"][0] == datetime(2023, 12, 31, 23, tzinfo=UTC)
    assert like(frame, readings.frame, zone="Europe/Berlin")["ds"].equals(frame["ds"])


def test_missing_values_booleans_and_text():
    times = [datetime(2024, 1, 1) + timedelta(hours=i) for i in range(3)]
    frame = pd.DataFrame(
        {
            "ds": times,
            "y": pd.array([1, None, 3], dtype="Int64"),
            "holiday": [True, False, True],
            "note": ["x", "y", None],
        }
    )
    readings = read_frame(frame)
    assert readings.frame["y"].to_list() == [1.0, None, 3.0]
    assert readings.frame["holiday"].to_list() == [1.0, 0.0, 1.0]
    assert readings.covariates == ["holiday"]
    assert any("Not used: 'note'" in note for note in readings.notes)


HOURS = [datetime(2024, 1, 1, h) for h in range(3)]


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        ([1, 2], "A list is not a frame"),
        (pl.DataFrame({"ds": [], "y": []}), "no rows"),
        (pl.DataFrame({"ds": [1, 2, 3], "y": [1.0, 2, 3]}), "whole numbers .*, not times; turn them"),
        (pl.DataFrame({"ds": ["2024-01-01", "x", "y"], "y": [1.0, 2, 3]}), "not times; parse it first"),
        (pl.DataFrame({"time": HOURS, "y": [1.0, 2, 3]}), "no column 'ds'; it has 'time', 'y'"),
        (pl.DataFrame({"ds": HOURS, "load": [1.0, 2, 3]}), "no column 'y'; it has 'ds', 'load'"),
        (pl.DataFrame({"ds": HOURS, "y": ["a", "b", "c"]}), "'y' does not hold numbers"),
        (pl.DataFrame({"ds": HOURS, "y": [1.0, float("inf"), 3]}), "infinite at 2024-01-01 01:00"),
        (pl.DataFrame({"ds": [*HOURS[:2], None], "y": [1.0, 2, 3]}), "the time is empty"),
    ],
)
def test_bad_frames(frame, words):
    with pytest.raises(ReadingsError, match=words):
        read_frame(frame)


def test_the_order_of_meters_is_kept():
    frame = POLARS.sort("ds")
    assert read_frame(frame).meters == ["meter_1", "meter_2"]
    frame = pl.concat([POLARS.filter(pl.col("unique_id") == f"meter_{i}") for i in (2, 1)])
    assert read_frame(frame).meters == ["meter_2", "meter_1"]
