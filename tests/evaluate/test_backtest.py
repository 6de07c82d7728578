from dataclasses import replace
from datetime import datetime, timedelta
from datetime import time as Time

import numpy as np
import polars as pl
import pytest
import utilsforecast.losses as uf
from panels import load_panel
from utilsforecast.evaluation import evaluate

from wattcast.baselines import BASELINES, Persistence, SeasonalNaiveDay, SeasonalNaiveWeek
from wattcast.evaluate import METRICS, backtest, compare, daily_origins
from wattcast.schema import NotReady


@pytest.fixture
def panel():
    return load_panel(days=60, gaps=0.02)


def test_it_holds_what_each_model_said_and_what_came(panel):
    origins = daily_origins(panel, 24, 10)
    test = backtest(panel, [Persistence(), SeasonalNaiveDay()], horizon=24, origins=origins)
    assert list(test.forecasts) == ["persistence", "seasonal_naive_day"]
    assert test.y.shape == (10, 24, 2) and test.forecasts["persistence"].shape == (10, 24, 2, 11)
    np.testing.assert_array_equal(test.y[3], panel.y[origins[3] : origins[3] + 24])
    assert test.times[0, 0] == np.datetime64(panel.time(origins[0]))
    assert (test.hours == np.arange(24)).all()
    assert set(test.seconds["persistence"]) == {"fit", "predict"}


class Recorder(Persistence):
    """Remembers where it was fitted and what it was asked."""

    fits: list[int] = []
    asked: list[list[int]] = []

    def fit(self, view):
        self.fits.append(view.origin)
        return super().fit(view)

    def predict(self, panel, origins, horizon):
        self.asked.append(list(origins))
        return super().predict(panel, origins, horizon)


@pytest.mark.parametrize(("refit", "fits"), [(None, [0]), (2, [0, 2, 4]), (1, [0, 1, 2, 3, 4])])
def test_refitting_sees_what_lies_before_its_origins(panel, refit, fits, monkeypatch):
    monkeypatch.setattr(Recorder, "fits", [])
    monkeypatch.setattr(Recorder, "asked", [])
    told = []
    origins = daily_origins(panel, 24, 5)
    backtest(panel, [Recorder()], horizon=24, origins=origins, refit=refit, progress=lambda *a: told.append(a))
    assert Recorder.fits == [origins[k] for k in fits]
    assert sum(Recorder.asked, []) == origins
    assert told[-1] == ("persistence", 1.0)


def test_the_frame_suits_the_ecosystem():
    panel = load_panel(days=60)
    origins = daily_origins(panel, 24, 10)
    test = backtest(panel, [Persistence(), SeasonalNaiveDay()], horizon=24, origins=origins)
    frame = test.frame()
    assert frame.columns[:4] == ["unique_id", "ds", "cutoff", "y"]
    assert {"persistence-lo-80", "persistence-hi-90", "seasonal_naive_day-lo-90"} <= set(frame.columns)
    assert frame["cutoff"].min() == panel.time(origins[0] - 1)
    theirs = evaluate(frame, metrics=[uf.mae, uf.coverage], level=[80])
    ours = compare(test).models
    for metric, key in (("mae", "mae"), ("coverage_level80", "coverage_80")):
        means = theirs.filter(pl.col("metric") == metric)
        for name in test.forecasts:
            assert means[name].mean() == pytest.approx(ours[name][key])
    assert set(ours["persistence"]) == set(METRICS)


def test_the_frame_leaves_out_what_was_not_read(panel):
    test = backtest(panel, [Persistence()], horizon=24, origins=daily_origins(panel, 24, 10))
    assert len(test.frame()) == np.isfinite(test.y).sum() < test.y.size


def test_origins_are_local_midnights_a_day_apart():
    panel = load_panel(days=120, zone="Europe/Zurich")
    origins = daily_origins(panel, 24, 60)
    hours = [panel.time(o).hour for o in origins]
    assert set(hours) == {22, 23}  # UTC hours of midnight, summer and winter
    assert panel.time(origins[-1]) == datetime(2022, 5, 1, 22)
    assert origins[-1] + 24 <= panel.end


@pytest.mark.parametrize(
    ("every", "stride"), [(timedelta(days=1), 24), (timedelta(days=7), 168), (timedelta(hours=6), 6)]
)
def test_other_strides(every, stride):
    panel = load_panel(days=30)
    origins = daily_origins(panel, 48, 3, every=every)
    assert np.diff(origins).tolist() == [stride, stride]
    assert origins[-1] <= panel.end - 48 < origins[-1] + stride


def test_an_hour_other_than_midnight():
    panel = load_panel(days=30, minutes=30)
    assert panel.time(daily_origins(panel, 10, 1, at=Time(9))[0]).hour == 9


def test_a_time_of_day_that_no_step_begins_at():
    with pytest.raises(ValueError, match="No step of 0:30:00 begins at 09:10 on the clock of UTC"):
        daily_origins(load_panel(days=30, minutes=30), 10, 1, at=Time(9, 10))


def test_origins_at_nine_of_the_local_clock_all_year():
    panel = load_panel(days=120, minutes=30, zone="Europe/Zurich")
    hours = {panel.time(o).hour for o in daily_origins(panel, 48, 60, at=Time(9))}
    assert hours == {7, 8}  # UTC hours of nine, summer and winter


class Sighted(SeasonalNaiveDay):
    """Remembers the first and last moment it learned from, and could look back to."""

    learned: list[tuple[datetime, datetime]] = []
    seen: list[datetime] = []

    def fit(self, view):
        self.learned.append((view.panel.time(0), view.cutoff))
        return super().fit(view)

    def predict(self, panel, origins, horizon):
        self.seen.append(panel.time(0))
        return super().predict(panel, origins, horizon)


@pytest.mark.parametrize("window", [None, 30 * 24])
def test_a_sliding_window_hides_what_lies_before_it(panel, window, monkeypatch):
    monkeypatch.setattr(Sighted, "learned", [])
    monkeypatch.setattr(Sighted, "seen", [])
    origins = daily_origins(panel, 24, 6)
    test = backtest(panel, [Sighted()], horizon=24, origins=origins, refit=2, window=window)
    first = [panel.time(origins[k] - window if window else 0) for k in (0, 2, 4)]
    assert [a for a, _ in Sighted.learned] == Sighted.seen == first
    assert [b for _, b in Sighted.learned] == [panel.time(origins[k] - 1) for k in (0, 2, 4)]
    if window:  # the errors that make the bands are other ones, the point is yesterday's either way
        whole = backtest(panel, [SeasonalNaiveDay()], horizon=24, origins=origins, refit=2)
        a, b = test.forecasts["seasonal_naive_day"], whole.forecasts["seasonal_naive_day"]
        np.testing.assert_array_equal(a[..., 5], b[..., 5])
        assert (a[..., 0] != b[..., 0]).any()


class Grown(Persistence):
    """Counts how many fits it goes back to."""

    fits = 0
    ages: list[int] = []

    def fit(self, view):
        grown = replace(super().fit(view))
        object.__setattr__(grown, "fits", self.fits + 1)
        self.ages.append(grown.fits)
        return grown


@pytest.mark.parametrize(("warm", "ages"), [(False, [1, 1, 1]), (True, [1, 2, 3])])
def test_a_warm_start_goes_on_from_the_model_before(panel, warm, ages, monkeypatch):
    monkeypatch.setattr(Grown, "ages", [])
    backtest(panel, [Grown()], horizon=24, origins=daily_origins(panel, 24, 6), refit=2, warm=warm)
    assert Grown.ages == ages


def test_what_lies_before_the_window_does_not_reach_a_forecast(panel):
    origins = daily_origins(panel, 24, 4)
    models = [b() for b in BASELINES.values()]
    before = backtest(panel, models, horizon=24, origins=origins, refit=1, window=25 * 24)
    other = replace(panel, y=panel.y.copy())
    other.y[: origins[0] - 25 * 24] = 1e9
    after = backtest(other, models, horizon=24, origins=origins, refit=1, window=25 * 24)
    for name, q in before.forecasts.items():
        np.testing.assert_array_equal(q, after.forecasts[name])


def test_a_given_limit_is_every_meters(panel):
    test = backtest(panel, [Persistence()], horizon=24, origins=daily_origins(panel, 24, 2), limit=12.5)
    assert test.limit.tolist() == [12.5, 12.5]


def test_too_few_readings_are_said():
    with pytest.raises(NotReady, match="10 origins .* hold only 4"):
        daily_origins(load_panel(days=5), 24, 10)


@pytest.mark.parametrize(
    ("origins", "message"),
    [
        ([], "at least one origin"),
        ([48, 48], "ascending"),
        ([0], "readings before it"),
        ([1430], "do not fit"),
    ],
)
def test_origins_that_cannot_be(panel, origins, message):
    with pytest.raises(ValueError, match=message):
        backtest(panel, [Persistence()], horizon=24, origins=origins)


def test_names_must_differ(panel):
    with pytest.raises(ValueError, match="same name"):
        backtest(panel, [SeasonalNaiveWeek(), SeasonalNaiveWeek()], horizon=24, origins=[500])
