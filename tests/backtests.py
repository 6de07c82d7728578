"""Backtests that tests share."""

from dataclasses import replace
from datetime import timedelta

from panels import load_panel

from wattcast.baselines import Persistence, Ridge, SeasonalNaiveDay
from wattcast.evaluate import NETWORK, backtest, daily_origins


def run(meters=1, *, every=timedelta(days=1), horizon=24, factor=1.0):
    """A backtest whose network is the ridge baseline, made worse by a factor."""
    panel = load_panel(days=60, meters=meters, gaps=0.01)
    origins = daily_origins(panel, horizon, 15, every=every)
    test = backtest(panel, [Ridge(), Persistence(), SeasonalNaiveDay()], horizon=horizon, origins=origins)
    return replace(
        test,
        forecasts={
            NETWORK if n == "ridge" else n: q * factor if n == "ridge" else q for n, q in test.forecasts.items()
        },
    )
