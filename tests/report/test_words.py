import numpy as np
import polars as pl
import pytest

from wattcast.evaluate import METRICS, Difference, Scores
from wattcast.report.words import against, headline, number, percent, summary


def scores(unclear=(), few=False, **mae):
    """Scores in which a difference in MAE is clear but for the baselines in `unclear`."""
    models = {n: {k: v for k in METRICS} for n, v in mae.items()}
    skill = {}
    if "wattcast" in mae:
        skill = {
            n: dict.fromkeys(("mae", "pinball"), 1 - mae["wattcast"] / v) for n, v in mae.items() if n != "wattcast"
        }
    empty = pl.DataFrame()
    tests = {}
    for n, s in skill.items():
        word = "no clear difference" if n in unclear else "better" if s["mae"] > 0 else "worse"
        low, high = (np.nan, np.nan) if few else (s["mae"] - 0.1, s["mae"] + 0.1)
        tests[n] = dict.fromkeys(s, Difference(s["mae"], low, high, 1.0, np.nan if few else 0.01, word))
    coverage = {"wattcast": {"80": 0.78, "80_se": 0.012}} if "wattcast" in mae else {}
    return Scores(models, skill, 2688, 0, {}, empty, empty, empty, empty, empty, tests, {}, coverage)


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
        (
            {"wattcast": 1.0, "ridge": 1.01, "slot_mean": 2.5, "unclear": ("ridge",)},
            "wattcast beats one of two baselines; no clear difference to ridge.",
        ),
        (
            {"wattcast": 1.0, "ridge": 1.01, "slot_mean": 0.99, "unclear": ("ridge", "slot_mean")},
            "wattcast beats no baseline clearly; no clear difference to slot mean and ridge.",
        ),
        (
            {"wattcast": 1.0, "ridge": 0.8, "slot_mean": 0.99, "persistence": 3.0, "unclear": ("slot_mean",)},
            "wattcast does not beat ridge; no clear difference to slot mean. Use ridge instead.",
        ),
        (
            {"wattcast": 1.0, "ridge": 0.8, "slot_mean": 1.2, "few": True},
            "Too few origins to tell skill from luck; on these, wattcast does not beat ridge. Use ridge instead.",
        ),
        ({"wattcast": 2.0}, "wattcast stands alone: no baseline could be scored beside it."),
        ({}, "No model could be scored: the readings are too few."),
    ],
)
def test_the_headline_says_whether_it_wins(mae, said):
    assert headline(scores(**mae)) == said


def test_the_summary_says_by_how_much():
    first, second = summary(scores(wattcast=1.5, ridge=2.0), "MW")
    assert "1.500\N{NO-BREAK SPACE}MW" in first and "25.0\N{NO-BREAK SPACE}% smaller" in first
    assert "held 78.0\N{NO-BREAK SPACE}% ± 1.2\N{NO-BREAK SPACE}% of the 2,688 readings" in second
    assert "50.0\N{NO-BREAK SPACE}% larger" in summary(scores(wattcast=3.0, ridge=2.0))[0]


def test_each_baseline_has_its_sentence():
    lines = against(scores(wattcast=2.5, ridge=2.0, persistence=3.0))
    assert lines[0].startswith("worse than ridge: error 25.0\N{NO-BREAK SPACE}% larger (skill -35.0")
    assert lines[1].startswith("better than persistence: error")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (12345.678, "12,346"), (0.0123456, "0.01235"), (float("nan"), "–"), (-3.14159, "-3.142")],
)
def test_numbers_read_well(value, text):
    assert number(value) == text


def test_percent_of_nothing_is_a_dash():
    assert percent(float("nan")) == "–" and percent(0.12345) == "12.35\N{NO-BREAK SPACE}%"
