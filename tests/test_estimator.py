"""The Python side, with frames of three kinds."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import wattcast
from wattcast import LoadForecaster, NetworkSettings, NotReady, ReadingsError, TrainSettings, synthetic
from wattcast.evaluate import Backtest, Scores

NETWORK = NetworkSettings(hidden=(4,), decoder=4, members=1)
TRAIN = TrainSettings(epochs=2, steps=3, batch=2, context=4)
LEVELS = (90, 80, 60, 40, 20)
BANDS = [f"wattcast-{side}-{level}" for level in LEVELS for side in ("lo", "hi")]
KINDS = {"polars": lambda f: f, "pandas": pl.DataFrame.to_pandas, "arrow": pl.DataFrame.to_arrow}
TYPES = {"polars": pl.DataFrame, "pandas": pd.DataFrame, "arrow": pa.Table}


def forecaster(horizon=24, **options):
    return LoadForecaster(horizon, network=NETWORK, train=TRAIN, **options)


def plain(answer) -> pl.DataFrame:
    return answer if isinstance(answer, pl.DataFrame) else pl.from_arrow(pa.table(answer)) if isinstance(
        answer, pa.Table
    ) else pl.from_pandas(answer)  # fmt: skip


@pytest.fixture(scope="module")
def frame():
    return synthetic(meters=2, days=60)


@pytest.fixture(scope="module")
def fitted(frame):
    return forecaster().fit(frame)


@pytest.fixture(scope="module")
def knowing(frame):
    """A forecaster that knows the temperature ahead; fitted on pandas with the caller's own names and zone."""
    named = frame.rename({"unique_id": "site", "ds": "at", "y": "kW"})
    named = named.with_columns(pl.col("at").dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Berlin"))
    return forecaster(12, known=["temperature"], country="DE").fit(named.to_pandas(), id="site", ds="at", y="kW")


@pytest.mark.parametrize("kind", KINDS)
def test_answers_come_in_the_callers_kind(frame, fitted, kind):
    answer = fitted.predict(KINDS[kind](frame))
    assert type(answer) is TYPES[kind]
    table = plain(answer)
    assert table.columns == ["unique_id", "ds", "cutoff", "wattcast", *BANDS]
    assert table["unique_id"].to_list() == ["meter_1"] * 24 + ["meter_2"] * 24
    stamps = [datetime(2024, 3, 1) + timedelta(hours=i) for i in range(24)]
    assert table["ds"].to_list() == stamps * 2 and table["ds"].dtype.time_zone is None
    assert set(table["cutoff"].to_list()) == {datetime(2024, 2, 29, 23)}
    assert table.drop("unique_id", "ds", "cutoff").equals(
        fitted.predict().drop("unique_id", "ds", "cutoff"), null_equal=False
    )


def test_fit_on_any_kind_gives_the_same(frame, fitted):
    answer = forecaster().fit(frame.to_pandas()).predict()
    assert isinstance(answer, pd.DataFrame)
    np.testing.assert_array_equal(answer["wattcast"], fitted.predict()["wattcast"])


def test_zoned_stamps_and_other_names_are_kept(knowing):
    ahead = pd.DataFrame({"at": pd.date_range("2024-03-01 01:00", periods=12, freq="h", tz="Europe/Berlin")})
    future = pd.concat([ahead.assign(site=site, temperature=5.0) for site in ("meter_1", "meter_2")])
    answer = knowing.predict(future=future)
    assert list(answer.columns[:4]) == ["site", "at", "cutoff", "wattcast"]
    assert str(answer["at"].dt.tz) == "Europe/Berlin"
    assert answer["at"].iloc[0] == pd.Timestamp("2024-03-01 00:00", tz="UTC") and len(answer) == 24
    warm = knowing.predict(future=future.assign(temperature=30.0))
    assert not np.array_equal(warm["wattcast"], answer["wattcast"])


def test_covariates_known_ahead_are_asked_for(knowing, frame):
    with pytest.raises(ReadingsError, match="needs temperature for the 12 steps .* for 0 steps"):
        knowing.predict()
    short = pd.DataFrame({"at": pd.date_range("2024-03-01 01:00", periods=3, freq="h", tz="Europe/Berlin")})
    short = pd.concat([short.assign(site=site, temperature=5.0) for site in ("meter_1", "meter_2")])
    with pytest.raises(ReadingsError, match="for 3 steps"):
        knowing.predict(future=short)
    assert len(knowing.predict(future=short, horizon=3)) == 6
    with pytest.raises(ReadingsError, match="temperature"):
        knowing.predict(future=short.drop(columns="temperature"))
    with pytest.raises(ReadingsError, match="Temperature|temperature"):
        forecaster(known=["nope"]).fit(frame)


def test_covariates_not_yet_available_are_not_asked_for(frame):
    """A day is issued at 10:00 of the day before: of 36 hours from midnight the last 12 are not there yet."""
    issue = (pl.col("ds").dt.truncate("1d") - timedelta(hours=14)).alias("available_at")
    found = forecaster(36, known=["temperature"]).fit(frame.with_columns(issue))
    stamps = [datetime(2024, 3, 1) + timedelta(hours=i) for i in range(36)]
    rows = [(m, t, 5.0) for m in ("meter_1", "meter_2") for t in stamps]
    future = pl.DataFrame(rows, schema=["unique_id", "ds", "temperature"], orient="row")
    warm = pl.when(pl.col("ds") >= stamps[24]).then(30.0).otherwise("temperature").alias("temperature")
    answer = found.predict(future=future.with_columns(issue))
    assert answer.equals(found.predict(future=future.with_columns(issue, warm)))
    assert answer.equals(found.predict(future=future.filter(pl.col("ds") < stamps[24])))
    assert not answer.equals(found.predict(future=future.with_columns(warm)))  # without moments they are there now
    with pytest.raises(ReadingsError, match="for 0 steps"):
        found.predict()


def test_future_without_known_covariates_is_refused(fitted, frame):
    with pytest.raises(ReadingsError, match="knows no covariates ahead"):
        fitted.predict(future=frame)


def test_one_meter_without_a_name(frame):
    one = frame.filter(pl.col("unique_id") == "meter_1").drop("unique_id", "temperature")
    answer = forecaster().fit(one).predict(horizon=3)
    assert len(answer) == 3 and answer["unique_id"].n_unique() == 1


def test_later_readings_move_the_forecast_on(frame, fitted):
    cut = frame.filter(pl.col("ds") < datetime(2024, 2, 20))
    answer = fitted.predict(cut, horizon=2)
    assert answer["ds"].to_list() == [datetime(2024, 2, 20), datetime(2024, 2, 20, 1)] * 2


def test_an_unknown_meter_can_be_forecast(frame, fitted):
    """Also one of another size: its scale comes from its own readings."""
    other = frame.filter(pl.col("unique_id") == "meter_1").with_columns(
        pl.lit("new").alias("unique_id"), pl.col("y") * 1000
    )
    known = fitted.predict(frame.filter(pl.col("unique_id") == "meter_1"))["wattcast"].to_numpy()
    answer = fitted.predict(other)["wattcast"].to_numpy()
    assert np.abs(answer / 1000 / known - 1).max() < 0.2


SCRIPT = """
import sys, numpy as np, polars as pl, wattcast
out = wattcast.load("m.wattcast").predict(pl.read_parquet("a.parquet"))
np.save("f.npy", out.drop("unique_id", "ds", "cutoff").to_numpy())
"""


def test_a_fresh_process_gives_the_same_forecast(frame, fitted, tmp_path):
    fitted.save(tmp_path / "m.wattcast")
    frame.write_parquet(tmp_path / "a.parquet")
    subprocess.run([sys.executable, "-c", SCRIPT], cwd=tmp_path, check=True)
    mine = fitted.predict().drop("unique_id", "ds", "cutoff").to_numpy()
    np.testing.assert_allclose(np.load(tmp_path / "f.npy"), mine, rtol=1e-6)


def test_what_was_asked_for_comes_back_on_loading(knowing, tmp_path):
    knowing.save(tmp_path / "m.wattcast")
    again = wattcast.load(tmp_path / "m.wattcast")
    assert (again.horizon, tuple(again.known), again.country) == (12, ("temperature",), "DE")
    rows = synthetic(meters=2, days=30).rename({"unique_id": "site", "ds": "at", "y": "kW"})
    future = rows.with_columns(pl.col("at") + timedelta(days=30)).drop("kW").filter(pl.col("at") < datetime(2024, 2, 1))
    answer = again.predict(rows, future=future)
    assert answer.columns[:2] == ["site", "at"] and answer.equals(knowing.predict(rows, future=future))


def test_asking_too_early(frame, fitted, tmp_path):
    with pytest.raises(ValueError, match=r"not trained yet; call fit\(frame\) first"):
        forecaster().predict(frame)
    with pytest.raises(ValueError, match=r"not trained yet; call fit\(frame\) first"):
        forecaster().save(tmp_path / "m.wattcast")
    fitted.save(tmp_path / "m.wattcast")
    with pytest.raises(ValueError, match="holds no readings; give predict"):
        wattcast.load(tmp_path / "m.wattcast").predict()


def test_bad_frames(frame, fitted):
    with pytest.raises(ReadingsError, match="no column 'when'"):
        forecaster().fit(frame, ds="when")
    with pytest.raises(ReadingsError, match="no rows"):
        forecaster().fit(frame.head(0))
    with pytest.raises(NotReady, match="too few"):
        forecaster().fit(frame.filter(pl.col("ds") < datetime(2024, 1, 5)))
    with pytest.raises(ReadingsError, match="horizon of 25"):
        fitted.predict(horizon=25)


def test_horizon_zero_is_refused(fitted):
    with pytest.raises(ValueError, match="horizon"):
        fitted.predict(horizon=0)


def test_a_warm_start_trains_a_quarter_and_no_search(frame):
    seen = []
    how = {"horizon": 24, "origins": 4, "refit": 2, "network": NETWORK, "train": TRAIN.model_copy(update={"epochs": 5})}
    test, _ = wattcast.backtest(frame, **how, warm=True, epoch=seen.append)
    stages = [e.stage for e in seen]
    assert stages[-2:] == ["final", "final"] and stages.count("search") <= 5  # 5 epochs, then a quarter of them: 2
    cold, _ = wattcast.backtest(frame, **how)
    np.testing.assert_array_equal(test.forecasts["wattcast"][:2], cold.forecasts["wattcast"][:2])
    assert (test.forecasts["wattcast"][2:] != cold.forecasts["wattcast"][2:]).any()
    np.testing.assert_array_equal(test.forecasts["ridge"], cold.forecasts["ridge"])


def test_backtest_scores_the_network_beside_every_baseline(frame):
    seen = []
    test, scores = wattcast.backtest(
        frame.to_pandas(),
        horizon=24,
        origins=3,
        network=NETWORK,
        train=TRAIN,
        progress=lambda name, share: seen.append((name, share)),
    )
    names = ["wattcast", "persistence", "seasonal_naive_day", "seasonal_naive_week", "slot_mean", "ridge"]
    assert isinstance(test, Backtest) and isinstance(scores, Scores)
    assert list(test.forecasts) == names and [name for name, share in seen if share == 1.0] == names
    assert [test.panel.time(o) for o in test.origins] == [datetime(2024, 2, d, tzinfo=UTC) for d in (27, 28, 29)]
    said = scores.json()
    assert list(said["models"]) == names and set(said["skill"]) == set(names[1:])
    actual = frame.filter(pl.col("unique_id") == "meter_2")["y"].to_numpy()[-24:]
    np.testing.assert_array_equal(test.y[-1, :, 1], actual)
