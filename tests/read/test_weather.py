from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import polars as pl
import pytest

from wattcast.read import read, read_frame, synthetic
from wattcast.read.weather import Forecasts, day_ahead, forecasts, join
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


def test_only_issues_that_were_there_are_known():
    rows = [
        (datetime(2024, 1, 2, 0), datetime(2024, 1, 1, 6), 1.0),
        (datetime(2024, 1, 2, 0), datetime(2024, 1, 1, 12), 2.0),
        (datetime(2024, 1, 2, 1), datetime(2024, 1, 1, 12), 3.0),
    ]
    frame = pd.DataFrame(rows, columns=["ds", "available_at", "temperature"])
    issued = forecasts(frame)

    def known(hour):
        return issued.known_at(datetime(2024, 1, 1, hour, tzinfo=UTC))["temperature"].to_list()

    assert (known(5), known(6), known(11), known(12)) == ([], [1.0], [1.0], [2.0, 3.0])
    with pytest.raises(ReadingsError, match="has no zone"):
        issued.known_at(datetime(2024, 1, 1))
    with pytest.raises(ReadingsError, match="need a column 'available_at'"):
        forecasts(frame.drop(columns="available_at"))


def test_what_comes_later_changes_nothing_that_was_known():
    frame = pl.DataFrame(
        {
            "ds": [START + timedelta(hours=i % 48) for i in range(200)],
            "available_at": [START + timedelta(minutes=17 * i) for i in range(200)],
            "wind": [float(i) for i in range(200)],
        }
    )
    origin = datetime(2024, 1, 2, tzinfo=UTC)
    later = pl.col("available_at") > pl.lit(origin).dt.replace_time_zone(None)
    other = frame.with_columns(pl.when(later).then(-999.0).otherwise("wind").alias("wind"))
    assert forecasts(frame).known_at(origin).equals(forecasts(other).known_at(origin))


def test_day_ahead_forecasts_of_california(data):
    readings = read(data / "caiso" / "caiso_system_load.csv")
    issued = day_ahead(readings, ["temp_forecast_dayahead_los_angeles"], at=time(10))
    zone = ZoneInfo("America/Los_Angeles")
    before = issued.known_at(datetime(2020, 7, 1, 9, 59, tzinfo=zone))
    after = issued.known_at(datetime(2020, 7, 1, 10, 0, tzinfo=zone))
    assert before["ds"].max() == datetime(2020, 7, 1, 23, tzinfo=zone)
    assert after["ds"].max() == datetime(2020, 7, 2, 23, tzinfo=zone)
    assert isinstance(issued, Forecasts)
