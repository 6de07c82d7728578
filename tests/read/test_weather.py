from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from wattcast.features.panel import panel
from wattcast.features.view import View
from wattcast.read import read, read_frame, synthetic
from wattcast.read.weather import join
from wattcast.schema import ReadingsError

LOAD = read_frame(synthetic(meters=2, days=2, step_minutes=30).drop("temperature"))
START = datetime(2024, 1, 1)


def every(minutes, values):
    times = [START + timedelta(minutes=minutes * i) for i in range(len(values))]
    return pl.DataFrame({"ds": times, "temperature [°C]": [float(v) for v in values]})


def first(readings, count):
    return readings.frame.filter(unique_id="meter_1")["temperature [°C]"].head(count).to_list()


def test_weather_on_the_same_step_for_all_meters():
    joined = join(LOAD, every(30, range(96)))
    assert joined.covariates == ["temperature [°C]"]
    assert joined.frame["temperature [°C]"].to_list() == [float(i) for i in range(96)] * 2
    assert joined.frame.drop("temperature [°C]").equals(LOAD.frame)


def test_coarser_weather_gives_the_nearest_value_and_of_two_the_earlier():
    joined = join(LOAD, every(60, [10, 20, 30]))
    assert first(joined, 7) == [10, 10, 20, 20, 30, 30, None]  # 0:30 is as near to 0:00 as to 1:00


def test_finer_weather_is_averaged():
    assert first(join(LOAD, every(10, [1, 2, 3, 4, 5, 6, 7])), 4) == [2, 5, 7, None]


def test_gaps_are_not_bridged():
    weather = every(60, range(40)).filter(~pl.col("temperature [°C]").is_between(5, 9))
    column = join(LOAD, weather).frame["temperature [°C]"][:24].to_list()
    assert column[:10] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert column[10:19] == [None] * 9
    assert column[19:21] == [10, 10]


def test_places_named_as_the_meters():
    frame = pl.concat([every(30, range(96)).with_columns(unique_id=pl.lit(m)) for m in ("meter_1", "meter_2", "else")])
    frame = frame.with_columns(
        pl.when(unique_id="meter_2").then(-1.0).otherwise("temperature [°C]").alias("temperature [°C]")
    )
    joined = join(LOAD, frame)
    assert set(joined.frame.filter(unique_id="meter_2")["temperature [°C]"]) == {-1.0}
    with pytest.raises(ReadingsError, match="of 2 places, but not of meter 'meter_1'"):
        join(LOAD, frame.filter(pl.col("unique_id") != "meter_1"))


def test_weather_that_was_read_from_a_file(tmp_path):
    every(30, range(96)).rename({"ds": "time"}).write_csv(tmp_path / "weather.csv")
    assert first(join(LOAD, read(tmp_path / "weather.csv")), 3) == [0, 1, 2]


def test_what_cannot_be_joined():
    weather = every(30, range(96))
    with pytest.raises(ReadingsError, match="no column 'wind'"):
        join(LOAD, weather, columns=["wind"])
    with pytest.raises(ReadingsError, match="Both .* have a column 'y'"):
        join(LOAD, weather.rename({"temperature [°C]": "y"}))
    with pytest.raises(ReadingsError, match="needs a column 'ds' of times"):
        join(LOAD, weather.drop("ds"))


def utc(*when):
    return datetime(*when, tzinfo=UTC)


ISSUES = """time,load,wind,available_at
2024-01-01 00:00,5,1,2023-12-31 06:00
2024-01-01 01:00,6,2,2023-12-31 06:00
2024-01-01 02:00,7,3,2024-01-01 00:30
2024-01-01 03:00,,4,2024-01-01 02:00
2024-01-01 02:00,7,33,2024-01-01 01:30
2024-01-01 03:00,,44,2024-01-01 02:30
2024-01-01 04:00,,5,
"""


def test_of_several_issues_the_first_counts(tmp_path):
    (tmp_path / "a.csv").write_text(ISSUES)
    readings = read(tmp_path / "a.csv")
    assert (readings.meters, readings.covariates, readings.layout["available_at"]) == (["a"], ["wind"], "available_at")
    assert "Covariates count as known from the times in column 'available_at' on." in readings.notes
    assert readings.frame["wind"].to_list() == [1, 2, 3, 4, 5]
    issues = [utc(2023, 12, 31, 6)] * 2 + [utc(2024, 1, 1, 0, 30), utc(2024, 1, 1, 2), None]
    assert readings.frame["available_at"].to_list() == issues
    assert panel(readings, ["wind"]).known_from[:, 0].tolist() == [0, 0, 1, 2, 5]


def test_issues_by_a_local_clock_a_name_of_ones_own_and_through_parquet(tmp_path):
    (tmp_path / "a.csv").write_text(ISSUES.replace("available_at", "issued"))
    readings = read(tmp_path / "a.csv", available_at="issued", zone="Europe/Berlin")
    assert readings.frame["available_at"][0] == utc(2023, 12, 31, 5)
    readings.frame.write_parquet(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet").frame["available_at"].equals(readings.frame["available_at"])
    for name, words in {"load": "does not hold the times", "x": "no column 'x'"}.items():
        with pytest.raises(ReadingsError, match=words):
            read(tmp_path / "a.csv", available_at=name)


def test_frames_of_issues(tmp_path):
    (tmp_path / "a.csv").write_text(ISSUES)
    frame = pl.read_csv(tmp_path / "a.csv", try_parse_dates=True)
    ours, theirs = read_frame(frame, ds="time", y="load"), read(tmp_path / "a.csv")
    assert ours.frame.drop("unique_id").equals(theirs.frame.drop("unique_id"))
    assert read_frame(frame.to_pandas(), ds="time", y="load").frame.equals(ours.frame)


def test_forecasts_are_joined_with_the_moment_they_were_there():
    issued = [START - timedelta(hours=3)] * 4 + [None] * 2
    weather = every(60, range(6)).with_columns(pl.Series("available_at", issued))
    late = weather.with_columns(pl.lit(-1.0).alias("temperature [°C]"), pl.col("available_at") + timedelta(hours=9))
    joined = join(LOAD, pl.concat([late, weather]))
    assert joined.covariates == ["temperature [°C]"] and first(joined, 4) == [0, 0, 1, 1]
    there = joined.frame.filter(unique_id="meter_1")["available_at"].to_list()
    assert there[:8] == [utc(2023, 12, 31, 21)] * 8
    assert there[8:12] == [utc(2024, 1, 1, 5)] * 2 + [utc(2024, 1, 1, 6)] * 2  # not said: when they were over
    finer = every(10, range(12)).rename({"temperature [°C]": "wind"})
    finer = finer.with_columns((pl.col("ds") - timedelta(hours=1)).alias("available_at"))
    twice = join(joined, finer).frame["available_at"].to_list()
    assert twice[:4] == [
        utc(2023, 12, 31, 23, 20),
        utc(2023, 12, 31, 23, 50),
        utc(2024, 1, 1, 0, 20),
        utc(2024, 1, 1, 0, 50),
    ]


CAISO = "caiso/caiso_system_load.csv"
TEMPERATURE = "temp_forecast_dayahead_los_angeles"


def test_day_ahead_forecasts_of_california(data):
    """At 9:59 those of the day itself were there, from 10:00 on those of the next day as well."""
    readings = read(data / CAISO, available_at="10:00")
    assert (
        "Covariates of a day count as known from 10:00 of the day before on, clock America/Los_Angeles."
        in readings.notes
    )
    grid = panel(readings, [TEMPERATURE])
    for local, last in ((9, 1), (10, 2)):  # 2020-07-01, in UTC seven hours later
        origin = grid.index(utc(2020, 7, 1, local + 7))
        seen = View(grid, origin, 72).panel
        end = np.flatnonzero(np.isfinite(seen.covariates[:, 0, 0]))[-1]
        assert grid.time(int(end)) == utc(2020, 7, last + 1, 6)
    for day in (utc(2021, 3, 14, 12), utc(2021, 11, 7, 12)):  # a day of 23 hours, and one of 25
        issue = readings.frame.filter(pl.col("ds") == day)["available_at"].item()
        assert (day - issue).total_seconds() / 3600 == {3: 18, 11: 19}[day.month]
