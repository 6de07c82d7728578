import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from panels import load_panel

from wattcast.baselines import Persistence, Ridge, SeasonalNaiveDay, SeasonalNaiveWeek
from wattcast.evaluate import METRICS, NETWORK, PEAK_METRICS, backtest, beats, by, compare, daily_origins
from wattcast.evaluate.backtest import DAY_TYPES
from wattcast.evaluate.metrics import mae, pinball


def run(models, days=60, count=10):
    panel = load_panel(days=days)
    return backtest(panel, models, horizon=24, origins=daily_origins(panel, 24, count))


@pytest.fixture(scope="module")
def test():
    t = run([Ridge(), Persistence(), SeasonalNaiveDay()])
    return replace(t, forecasts={NETWORK if n == "ridge" else n: q for n, q in t.forecasts.items()})


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
    assert set(out) == {"models", "skill", "tests", "peaks", "coverage"}
    assert set(out["skill"]["persistence"]) == set(out["tests"]["persistence"]) == {"mae", "pinball"}
    assert json.loads(json.dumps(out, allow_nan=False)) == out


def test_better_is_said_only_when_it_is(test):
    clear = compare(test).tests["persistence"]["mae"]
    assert clear.verdict == "better" and 0 < clear.low < clear.skill < clear.high
    assert clear.skill == pytest.approx(compare(test).skill["persistence"]["mae"])
    twin = test.forecasts["persistence"] * (1 + 1e-3 * np.where(np.arange(10) % 2, 1, -1)[:, None, None, None])
    luck = compare(replace(test, forecasts={NETWORK: twin, "persistence": test.forecasts["persistence"]}))
    assert luck.tests["persistence"]["mae"].verdict == "no clear difference"
    other = {NETWORK: test.forecasts["persistence"], "ridge": test.forecasts[NETWORK]}
    assert compare(replace(test, forecasts=other)).tests["ridge"]["pinball"].verdict == "worse"


@pytest.mark.parametrize(
    ("group", "column", "count"), [("meter", "unique_id", 2), ("lead", "lead", 24), ("hour", "hour", 24)]
)
@pytest.mark.parametrize("metric", [mae, pinball])
def test_groups_hold_every_point_once(test, group, column, count, metric):
    table = by(group, test, test.y, test.forecasts, metric)
    assert table.columns[0] == column and len(table) == count
    whole = compare(test).models[NETWORK][metric.__name__]
    assert table[NETWORK].mean() == pytest.approx(whole)


def test_kinds_of_days_follow_the_country_of_each_meter(test):
    # the last ten days of the panel reach from Wednesday 23 February to 3 March 2022; Estonia is free on the 24th
    local = replace(test, country={"meter1": "EE"})
    kinds = local.day_types
    assert kinds.shape == (10, 24, 2)
    assert [DAY_TYPES[k] for k in kinds[:5, 0, 1]][0] == "working day"
    names = by("day_type", local, test.y, test.forecasts, mae)["day_type"].to_list()
    assert names == ["working day", "Saturday", "Sunday", "public holiday"]
    assert (kinds == 3).sum() == 24 and (kinds[..., 0] == 3).sum() == 0
    weekend = by("day_type", test, test.y, test.forecasts, mae)
    saturday = [test.panel.time(o).weekday() == 5 for o in test.origins]
    expected = mae(test.y[saturday], test.forecasts[NETWORK][saturday], test.scale)
    assert weekend.filter(pl.col("day_type") == "Saturday")[NETWORK].item() == pytest.approx(expected)


def test_coverage_has_an_error_and_peaks_a_limit(test):
    scores = compare(test)
    held = scores.coverage[NETWORK]
    assert held["80"] == pytest.approx(scores.models[NETWORK]["coverage_80"]) and 0 < held["80_se"] < 0.2
    assert set(held) == {"80", "80_se", "90", "90_se"} and held["90"] >= held["80"]
    assert set(scores.peaks[NETWORK]) == set(PEAK_METRICS)
    assert scores.peaks[NETWORK]["peak_height"] < scores.peaks["persistence"]["peak_height"]
