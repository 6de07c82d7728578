"""A network trained on, and forecasting from, readings with many missing: nearly as good, and never NaN."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from wattcast import NetworkSettings, TrainSettings, forecast
from wattcast.check import check
from wattcast.evaluate import daily_origins
from wattcast.features.panel import panel
from wattcast.features.signals import fill
from wattcast.features.view import View
from wattcast.read import read, read_frame
from wattcast.schema import QUANTILES
from wattcast.train import fit

DAY, WEEK, MIDDLE = 24, 168, QUANTILES.index(0.5)
NETWORK = NetworkSettings(horizon=DAY, country="AU-VIC")
TRAIN = TrainSettings(epochs=5, final=False)


@pytest.fixture(scope="module")
def load(data):
    """Demand of Victoria, three years of hourly means, complete."""
    frame = read(data / "victoria" / "vic_electricity.csv", y="Demand").frame
    hourly = frame.group_by_dynamic("ds", every="1h").agg(pl.col("y").mean()).head(152 * WEEK)
    found = panel(check(read_frame(hourly)))
    assert np.isfinite(found.y).all()
    return replace(found, zone="Australia/Melbourne")


def masked(y, seed=0):
    """A fifth of the readings gone one by one, and 5 % in runs of 6 hours to 3 days."""
    rng = np.random.default_rng(seed)
    gone = rng.random(y.shape) < 0.2
    left = round(0.05 * len(y))
    while left > 0:
        first, length = rng.integers(len(y)), min(left, rng.integers(6, 3 * DAY))
        gone[first : first + length] = True
        left -= length
    return np.where(gone, np.nan, y)


def skill(load, seen, origins, seed=0):
    """Of a network that sees `seen`, against the same hour of last week; both judged by all that came."""
    sight = replace(load, y=seen)
    trained = fit(View(sight, origins[0], DAY), NETWORK, TRAIN.model_copy(update={"seed": seed}))
    quantiles = forecast.predict(trained, sight, origins, DAY)
    assert np.isfinite(quantiles).all()
    assert all(np.isfinite(epoch["loss"]) for epoch in trained.about["history"])
    came = np.stack([load.y[o : o + DAY] for o in origins])
    naive = np.stack([load.y[o - WEEK : o - WEEK + DAY] for o in origins])
    return 1 - np.abs(quantiles[..., MIDDLE] - came).mean() / np.abs(naive - came).mean()


def test_a_quarter_gone_costs_a_tenth_of_the_skill_at_most(load):
    origins = daily_origins(load, DAY, 56, every=timedelta(days=1))
    gaps = masked(load.y)
    assert 0.22 < np.isnan(gaps).mean() < 0.26
    complete, with_gaps = skill(load, load.y, origins), skill(load, gaps, origins)
    assert complete > 0.2 and with_gaps >= 0.9 * complete


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
