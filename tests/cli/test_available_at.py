"""Covariates that are forecasts, on the command line: only what was there at an origin reaches a forecast."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from wattcast import NetworkSettings, TrainSettings, backtest, synthetic
from wattcast.check import check
from wattcast.read import read

START, END = datetime(2024, 1, 1), datetime(2024, 3, 1)


def written(path, *, second_day=10.0, first_day=10.0, issued=False):
    """60 days and a temperature forecast for two more, that of the second issued when the first is under way."""
    past = synthetic(meters=1, days=60)
    ahead = pl.DataFrame(
        {"unique_id": ["meter_1"] * 48, "ds": [END + timedelta(hours=i) for i in range(48)]}
    ).with_columns(temperature=pl.Series([first_day] * 24 + [second_day] * 24))
    both = pl.concat([past, ahead], how="diagonal")
    if issued:
        both = both.with_columns((pl.col("ds").dt.truncate("1d") - timedelta(hours=14)).alias("available_at"))
    both.write_csv(path)
    return path


@pytest.mark.parametrize("issued", [False, True], ids=["hour", "column"])
def test_fit_and_forecast(run, folder, config, issued):
    told = [] if issued else ["--available-at", "10:00"]
    meter = written("a.csv", issued=issued)
    fitted = run("fit", meter, "--config", config, "--known", "temperature", "--horizon", 36, *told, "-o", "m")
    assert fitted.exit_code == 0, fitted.stderr
    assert ("column 'available_at'" if issued else "10:00 of the day before") in " ".join(fitted.stderr.split())
    forecasts = {}
    for name, days in {"a": {}, "b": {"second_day": 35.0}, "c": {"first_day": 35.0}}.items():
        result = run("forecast", "m", written("x.csv", issued=issued, **days), "-o", f"{name}.parquet")
        assert result.exit_code == 0, result.stderr  # the model remembers when its covariates are there
        forecasts[name] = pl.read_parquet(f"{name}.parquet")
    assert forecasts["a"].equals(forecasts["b"])
    assert not forecasts["a"].equals(forecasts["c"])


def test_a_model_of_issued_covariates_wants_to_know_when_they_were_there(run, folder, config):
    run("fit", written("a.csv", issued=True), "--config", config, "--known", "temperature", "--epochs", 1, "-o", "m")
    result = run("forecast", "m", written("b.csv"))
    assert result.exit_code == 3 and "b.csv has no column 'available_at'" in " ".join(result.stderr.split())
    run("fit", "b.csv", "--config", config, "--known", "temperature", "--epochs", 1, "-o", "m")
    result = run("forecast", "m", "a.csv")
    assert result.exit_code == 3 and "same --available-at" in " ".join(result.stderr.split())


def test_backtest_takes_it(run, folder, config):
    words = ("backtest", written("a.csv"), "--config", config, "--known", "temperature", "--horizon", 48)
    scores = []
    for told in ([], ["--available-at", "10:00"]):
        result = run(*words, "--origins", 2, "--json", *told)
        assert result.exit_code == 0, result.stderr
        scores.append(json.loads(result.stdout)["models"]["ridge"]["mae"])
    assert scores[0] != scores[1]


CAISO, COLUMN = "caiso/caiso_system_load.csv", "temp_forecast_dayahead_los_angeles"


def test_a_backtest_of_california_sees_only_what_was_issued(data):
    """Forecast from midnight of the last day but one, 48 hours: that of the last day came at 10:00."""
    readings = read(data / CAISO, start=datetime(2023, 4, 1), available_at="10:00")
    midnight = readings.frame["ds"].dt.convert_time_zone(readings.zone).dt.truncate("1d")
    last = midnight.dt.date() == midnight.dt.date().max()
    before = midnight.dt.date() == midnight.dt.date().max() - timedelta(days=1)

    def forecasts(change):

        warmer = pl.when(change).then(pl.col(COLUMN) + 40).otherwise(COLUMN).alias(COLUMN)
        network = NetworkSettings(hidden=(4,), decoder=4, members=1, known=(COLUMN,))
        train = TrainSettings(epochs=1, steps=3, batch=2, context=4)
        changed = check(replace(readings, frame=readings.frame.with_columns(warmer)))
        return backtest(changed, horizon=48, origins=1, network=network, train=train)[0].forecasts

    as_it_was = forecasts(pl.lit(False))
    for name, q in forecasts(last).items():
        np.testing.assert_array_equal(q, as_it_was[name], err_msg=name)
    of_the_day = forecasts(before)
    for name in ("wattcast", "ridge"):
        assert (of_the_day[name] != as_it_was[name]).any()
