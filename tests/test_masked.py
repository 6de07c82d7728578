"""A network trained on, and forecasting from, readings with many missing: nearly as good, and never NaN."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from wattcast import NetworkSettings, TrainSettings
from wattcast.baselines import baselines
from wattcast.check import check
from wattcast.estimator import NetworkForecaster
from wattcast.evaluate import backtest, compare, daily_origins
from wattcast.features.panel import panel
from wattcast.features.signals import fill
from wattcast.read import read, read_frame
from wattcast.schema import QUANTILES

DAY, WEEK, NAIVE = 24, 168, "seasonal_naive_week"
NETWORK = NetworkSettings(horizon=DAY, country="AU-VIC", hidden=(64,), members=1)
TRAIN = TrainSettings(epochs=4, final=False)


@pytest.fixture(scope="module")
def load(data):
    """Demand of Victoria, two and a half years of hourly means, complete."""
    frame = read(data / "victoria" / "vic_electricity.csv", y="Demand").frame
    hourly = frame.group_by_dynamic("ds", every="1h").agg(pl.col("y").mean()).head(130 * WEEK)
    found = panel(check(read_frame(hourly)))
    assert np.isfinite(found.y).all()
    return replace(found, zone="Australia/Melbourne")


def masked(y, seed=0):
    """A fifth of the readings gone one by one, and 5 % in runs of six hours to a day."""
    rng = np.random.default_rng(seed)
    gone = rng.random(y.shape) < 0.2
    left = round(0.05 * len(y))
    while left > 0:
        first, length = rng.integers(len(y)), min(left, rng.integers(DAY // 4, DAY + 1))
        gone[first : first + length] = True
        left -= length
    return np.where(gone, np.nan, y)


def judged(seen, load):
    """Skill against the same hour of last week as a backtest has it, and the mean error by all that came."""
    origins = daily_origins(seen, DAY, 56, every=timedelta(days=1))
    models = [NetworkForecaster(NETWORK, TRAIN), *(b for b in baselines(None) if b.name == NAIVE)]
    test = backtest(seen, models, horizon=DAY, origins=origins)
    quantiles = test.forecasts["wattcast"]
    assert np.isfinite(quantiles).all()
    error = np.abs(quantiles[..., QUANTILES.index(0.5)] - load.y[test.steps]).mean()
    return compare(test).skill[NAIVE]["mae"], error


def test_a_quarter_gone_costs_a_tenth_of_the_skill_at_most(load):
    """The rule of last week loses readings too, so the network's own error has a bound as well."""
    gaps = masked(load.y)
    assert 0.22 < np.isnan(gaps).mean() < 0.26
    (complete, error), (with_gaps, larger) = judged(load, load), judged(replace(load, y=gaps), load)
    assert complete > 0.2 and with_gaps >= 0.9 * complete
    assert larger <= 1.2 * error, (larger, error)


def test_a_fill_is_nearer_than_last_week_and_looks_at_nothing_later(load):
    gaps = masked(load.y, seed=1)
    filled, gone = fill(gaps, DAY), np.isnan(gaps)
    gone[:WEEK] = False
    week = np.flatnonzero(gone[:, 0])
    assert np.abs(filled - load.y)[gone].mean() < 0.5 * np.abs(load.y[week] - load.y[week - WEEK]).mean()
    cut = 3000
    assert np.array_equal(fill(gaps[:cut], DAY), filled[:cut])
    assert np.array_equal(fill(load.y, DAY), load.y)


def test_a_meter_that_is_not_there_yet_is_zero_until_it_is():
    y = np.full((5 * DAY, 2), np.nan)
    y[:, 0] = 1 + np.arange(5 * DAY) % DAY
    y[60:, 1] = 7.0
    y[[70, 100], 1] = np.nan
    filled = fill(y, DAY)
    assert (filled[:60, 1] == 0).all() and (filled[60:, 1] > 0).all() and filled[100, 1] == pytest.approx(7, abs=0.5)
