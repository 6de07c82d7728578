import polars as pl
import pytest

from wattcast.evaluate import METRICS, Scores
from wattcast.report.words import against, headline, number, percent, summary


def scores(**mae):
    models = {n: {k: v for k in METRICS} for n, v in mae.items()}
    skill = {}
    if "wattcast" in mae:
        skill = {
            n: dict.fromkeys(("mae", "pinball"), 1 - mae["wattcast"] / v) for n, v in mae.items() if n != "wattcast"
        }
    empty = pl.DataFrame()
    return Scores(models, skill, 2688, 0, {}, empty, empty, empty, empty)


@pytest.mark.parametrize(
    ("mae", "said"),
    [
        ({"wattcast": 1.0, "ridge": 2.0, "persistence": 3.0}, "wattcast beats both baselines."),
        ({"wattcast": 1.0, "ridge": 2.0}, "wattcast beats its baseline."),
        (
            {"wattcast": 2.5, "ridge": 2.0, "slot_mean": 2.5, "persistence": 3.0},
            "wattcast does not beat ridge or slot mean. Use ridge instead.",
        ),
        ({"wattcast": 9.0, "ridge": 2.0}, "wattcast does not beat a single baseline. Use ridge instead."),
        ({"ridge": 2.0, "slot_mean": 3.0}, "The best of two baselines is ridge."),
        ({"wattcast": 2.0}, "wattcast stands alone: no baseline could be scored beside it."),
        ({}, "No model could be scored: the readings are too few."),
    ],
)
def test_the_headline_says_whether_it_wins(mae, said):
    assert headline(scores(**mae)) == said


def test_the_summary_says_by_how_much():
    first, second = summary(scores(wattcast=1.5, ridge=2.0), "MW")
    assert "1.500\N{NO-BREAK SPACE}MW" in first and "25.0\N{NO-BREAK SPACE}% smaller" in first
    assert "2,688 readings" in second
    assert "50.0\N{NO-BREAK SPACE}% larger" in summary(scores(wattcast=3.0, ridge=2.0))[0]


def test_each_baseline_has_its_sentence():
    lines = against(scores(wattcast=2.5, ridge=2.0, persistence=3.0))
    assert lines[0].startswith("ridge: not beaten; error 25.0\N{NO-BREAK SPACE}% larger")
    assert lines[1].startswith("persistence: beaten")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (12345.678, "12,346"), (0.0123456, "0.01235"), (float("nan"), "–"), (-3.14159, "-3.142")],
)
def test_numbers_read_well(value, text):
    assert number(value) == text


def test_percent_of_nothing_is_a_dash():
    assert percent(float("nan")) == "–" and percent(0.12345) == "12.35\N{NO-BREAK SPACE}%"
