from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from backtests import run

from wattcast.evaluate import NETWORK, compare
from wattcast.report.sections import (
    backtest_page,
    days_sections,
    errors_section,
    findings_section,
    peaks_sections,
    scores_section,
)
from wattcast.report.style import UNCLEAR
from wattcast.schema import Finding


@pytest.fixture(scope="module")
def test():
    return run()


def test_the_page_tells_all(test):
    html = backtest_page(
        test,
        compare(test),
        title="house.csv",
        unit="kW",
        findings=[Finding("meter0", "gap", 12, datetime(2022, 1, 4), datetime(2022, 1, 4, 3), "left empty")],
        settings={"model": {"cell": "gru", "hidden": 32}, "known": ["temperature"]},
        command="wattcast backtest house.csv --horizon 24",
    )
    for text in (
        "wattcast beats both baselines", "15 forecasts of the next 24 hours", "house.csv", "Best:", "Median:",
        "Worst:", "left empty", "model.hidden", "wattcast backtest house.csv --horizon 24",
        "better than seasonal naive day: error", "Error by kind of day", "hour hit", "95 % intervals",
    ):  # fmt: skip
        assert text in html, text
    assert html.count("<svg") == 8


def test_the_network_comes_first_and_the_best_is_bold(test):
    table = scores_section(test, compare(test), "kW").parts[0]
    assert table.rows[0][0] == NETWORK and table.marked == {0}
    assert (0, table.head.index("MAE")) in table.best


def test_losing_is_said_plainly():
    bad = run(factor=3.0)
    html = backtest_page(bad, compare(bad), title="house.csv")
    assert "does not beat a single baseline" in html and 'class="bad"' in html


def test_the_days_shown_are_the_best_the_median_and_the_worst(test):
    figures = days_sections(test, compare(test))[0].parts
    errors = np.nansum(np.abs(test.y - test.forecasts[NETWORK][..., 5]), (1, 2)) / np.nansum(test.y, (1, 2))
    for figure, i in zip(figures[1:], np.argsort(errors)[[0, 7, 14]], strict=True):
        assert f"{test.panel.time(test.origins[i]):%a %d %b %Y}" in figure.alt


def test_hours_are_drawn_where_they_differ_from_leads(test):
    assert len(errors_section(test, compare(test)).parts) == 3
    hourly = run(every=timedelta(hours=5), horizon=3)
    assert len(errors_section(hourly, compare(hourly)).parts) == 3


@pytest.mark.parametrize("meters", [2, 30])
def test_meters_are_compared(meters):
    many = run(meters=meters if meters < 9 else 2)
    if meters > 9:
        many = replace(
            many,
            panel=replace(many.panel, ids=tuple(f"m{k}" for k in range(meters))),
            y=np.repeat(many.y[..., :1], meters, axis=2),
            forecasts={n: np.repeat(q[..., :1, :], meters, axis=2) for n, q in many.forecasts.items()},
            scale=np.repeat(many.scale[:1], meters),
            limit=np.repeat(many.limit[:1], meters),
        )
    html = backtest_page(many, compare(many), title="houses.csv")
    assert f"of {meters} meters" in html and "the meter whose error is the median one" in html
    assert ("The five meters with the largest" in html) == (meters == 30)


def test_what_may_be_luck_is_grey_and_said(test):
    twin = test.forecasts["persistence"] * (1 + 1e-3 * np.where(np.arange(15) % 2, 1, -1)[:, None, None, None])
    luck = replace(test, forecasts={NETWORK: twin, "persistence": test.forecasts["persistence"]})
    html = backtest_page(luck, compare(luck), title="house.csv")
    assert "beats no baseline clearly; no clear difference to persistence" in html
    assert "no clear difference to persistence: error" in html and UNCLEAR in html and 'class="bad"' not in html


def test_peaks_are_told_with_their_limit(test):
    table = peaks_sections(replace(test, limit=np.array([14.5])), compare(test), "kW")[0].parts[0]
    assert table.head[1:] == [
        "height error", "hour hit", "top 3 hours", "precision", "recall", "peak pinball",
    ]  # fmt: skip
    assert "Limit: 14.50 kW" in table.caption and (0, 1) in table.best


def test_without_a_network_the_best_baseline_is_shown(test):
    alone = replace(test, forecasts={n: q for n, q in test.forecasts.items() if n != NETWORK})
    html = backtest_page(alone, compare(alone), title="house.csv")
    assert "The best of two baselines is" in html


def test_a_constant_series_is_reported_without_fuss(test):
    flat = {n: np.full_like(q, 7.0) for n, q in test.forecasts.items()}
    constant = replace(test, y=np.full_like(test.y, 7.0), forecasts=flat, scale=np.zeros(1))
    html = backtest_page(constant, compare(constant), title="house.csv")
    assert "does not beat a single baseline" in html and "makes no error at all" in html


def test_a_meter_without_readings_is_left_out():
    two = run(meters=2)
    two.y[..., 1] = np.nan
    html = backtest_page(two, compare(two), title="houses.csv")
    assert "of 1 meters" in html or "on 1 of 1" in html


def test_many_findings_are_counted():
    many = [Finding(f"m{k}", "gap", 1, None, None, "left empty") for k in range(50)]
    table = findings_section(many).parts[0]
    assert len(table.rows) == 40 and "10 more findings" in table.caption
