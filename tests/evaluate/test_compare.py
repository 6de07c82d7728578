from dataclasses import replace

import numpy as np
import pytest
from panels import load_panel

from wattcast.baselines import Linear, Persistence, SeasonalNaiveDay, SeasonalNaiveWeek
from wattcast.evaluate import METRICS, NETWORK, backtest, beats, compare, daily_origins
from wattcast.evaluate.metrics import mae


def run(models, days=60, count=10):
    panel = load_panel(days=days)
    return backtest(panel, models, horizon=24, origins=daily_origins(panel, 24, count))


@pytest.fixture(scope="module")
def test():
    t = run([Linear(), Persistence(), SeasonalNaiveDay()])
    return replace(t, forecasts={NETWORK if n == "linear" else n: q for n, q in t.forecasts.items()})


def test_scores_and_skill(test):
    scores = compare(test)
    assert list(scores.models) == [NETWORK, "persistence", "seasonal_naive_day"]
    assert all(list(s) == list(METRICS) for s in scores.models.values())
    ratio = scores.models[NETWORK]["mae"] / scores.models["persistence"]["mae"]
    assert scores.skill["persistence"]["mae"] == pytest.approx(1 - ratio)
    assert scores.points == 10 * 24 * 2
    assert beats(scores) and beats(scores, "pinball")


def test_a_network_that_loses_to_one_does_not_beat_all(test):
    worse = replace(test, forecasts={**test.forecasts, NETWORK: test.forecasts[NETWORK] * 1.5})
    assert not beats(compare(worse))


def test_beating_needs_a_network():
    with pytest.raises(ValueError, match="no model named wattcast among persistence"):
        beats(compare(run([Persistence()])))


def test_all_are_scored_on_the_points_all_forecast(test):
    holes = test.forecasts["persistence"].copy()
    holes[:4] = np.nan
    scores = compare(replace(test, forecasts={**test.forecasts, "persistence": holes}))
    assert scores.points == 6 * 24 * 2
    expected = mae(test.y[4:], test.forecasts[NETWORK][4:], test.scale)
    assert scores.models[NETWORK]["mae"] == pytest.approx(expected)


def test_a_model_without_a_forecast_is_left_out_and_named():
    scores = compare(run([Persistence(), SeasonalNaiveWeek()], days=6, count=1))
    assert list(scores.models) == ["persistence"]
    assert "seasonal_naive_week is left out" in scores.left_out["seasonal_naive_week"]


def test_tables_split_the_error(test):
    scores = compare(test)
    assert scores.by_meter["unique_id"].to_list() == ["meter0", "meter1"]
    assert scores.by_lead["lead"].to_list() == list(range(24))
    assert scores.by_hour["hour"].to_list() == list(range(24))
    weight = np.abs(test.y).sum((0, 2))
    whole = (scores.by_lead[NETWORK].to_numpy() * weight).sum() / weight.sum()
    assert whole == pytest.approx(scores.models[NETWORK]["wape"])
    levels = scores.calibration[NETWORK].to_numpy()
    assert (np.diff(levels) >= 0).all() and scores.calibration["level"][0] == 0.05


def test_json_has_no_nan(test):
    constant = replace(test, scale=np.zeros(2))
    out = compare(constant).json()
    assert out["models"][NETWORK]["mase"] is None
    assert set(out) == {"models", "skill"} and set(out["skill"]["persistence"]) == {"mae", "pinball"}
