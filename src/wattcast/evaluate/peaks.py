"""Scores of the peaks: one function a metric, all with the same arguments.

Shapes: `y [day, step, meter]`, `forecast [day, step, meter, quantile]` (`by_day` makes them from a backtest's arrays),
`limit [meter]` [unit of y], `hour` steps in an hour. The point forecast is the quantile at 0.5. Days of a meter with a
missing reading have no peak and are skipped; a metric without a day is NaN.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wattcast.evaluate.metrics import pinball, point
from wattcast.features.panel import Floats

PeakMetric = Callable[[Floats, Floats, Floats, int], float]

#: Hours of a day that `top_hours` looks for.
TOP = 3
#: Share of the training readings above the limit that is used where none is given.
LIMIT_LEVEL = 0.95


def by_day(x: Floats, day: int) -> Floats:
    """`[origin, lead, ...]` -> `[day, step, ...]`: whole days from each origin; a shorter horizon is one day."""
    day = min(day, x.shape[1])
    whole = x.shape[1] // day
    return x[:, : whole * day].reshape(x.shape[0] * whole, day, *x.shape[2:])


def limits(training: Floats) -> Floats:
    """The load exceeded 5 % of the time in a training part `[time, meter]`, for each meter [unit of y]."""
    known = np.isfinite(training)
    return np.array(
        [np.quantile(c[k], LIMIT_LEVEL) if k.any() else np.nan for c, k in zip(training.T, known.T, strict=True)]
    )


def peak_height(y: Floats, forecast: Floats, limit: Floats, hour: int) -> float:
    """Mean of |highest forecast - highest reading| / |highest reading| of a day [share].

    The MAPE of the daily peak, as peak forecasts are judged in practice (Hong & Fan, Int. J. Forecasting 32, 2016).
    """
    came, said = _complete(y, point(forecast))
    top = came.max(1)
    return _mean(np.abs(said.max(1) - top) / np.where(top == 0, np.nan, np.abs(top)))


def peak_hour(y: Floats, forecast: Floats, limit: Floats, hour: int) -> float:
    """Share of days whose highest hour is forecast to be the highest [share]; of hours that tie the first counts."""
    came, said = _complete(_hourly(y, hour), _hourly(point(forecast), hour))
    hit = came.argmax(1) == said.argmax(1)
    return _mean(np.where(np.isfinite(came).all(1), hit, np.nan))


def top_hours(y: Floats, forecast: Floats, limit: Floats, hour: int) -> float:
    """Share of a day's three highest hours that are among the three highest forecast [share].

    NaN for days of fewer than six hours.
    """
    came, said = _complete(_hourly(y, hour), _hourly(point(forecast), hour))
    if came.shape[1] < 2 * TOP:
        return float("nan")
    first = np.argsort(-came, 1, kind="stable")[:, :TOP, None]
    second = np.argsort(-said, 1, kind="stable")[:, None, :TOP]
    found = (first == second).any(2).mean(1)
    return _mean(np.where(np.isfinite(came).all(1), found, np.nan))


def precision(y: Floats, forecast: Floats, limit: Floats, hour: int) -> float:
    """Of the steps forecast above the limit, the share that came above it [share]."""
    over, called = _above(y, point(forecast), limit)
    return float(over[called].mean()) if called.any() else float("nan")


def recall(y: Floats, forecast: Floats, limit: Floats, hour: int) -> float:
    """Of the steps that came above the limit, the share that was forecast above it [share]."""
    over, called = _above(y, point(forecast), limit)
    return float(called[over].mean()) if over.any() else float("nan")


def pinball_peak(y: Floats, forecast: Floats, limit: Floats, hour: int) -> float:
    """Pinball loss that counts only what is above the limit [unit of y].

    Both sides are raised to the limit first. Unlike weights by what came, this still rewards the honest forecast
    (threshold-weighted CRPS: Gneiting & Ranjan, J. Bus. Econ. Stat. 29, 2011; weights by what came are improper:
    Lerch et al., Statistical Science 32, 2017).
    """
    return pinball(np.maximum(y, limit), np.maximum(forecast, limit[:, None]), limit)


def _complete(y: Floats, forecast: Floats) -> tuple[Floats, Floats]:
    """Both, NaN for all of a meter's day that lacks a step of either."""
    whole = (np.isfinite(y) & np.isfinite(forecast)).all(1, keepdims=True)
    return np.where(whole, y, np.nan), np.where(whole, forecast, np.nan)


def _hourly(x: Floats, hour: int) -> Floats:
    """Means of whole hours along the second axis; an hour with a gap is NaN."""
    if hour <= 1:
        return x
    whole = x.shape[1] // hour
    return x[:, : whole * hour].reshape(len(x), whole, hour, *x.shape[2:]).mean(2)


def _above(y: Floats, forecast: Floats, limit: Floats) -> tuple[np.ndarray, np.ndarray]:
    known = np.isfinite(y) & np.isfinite(forecast) & np.isfinite(limit)
    return (y > limit) & known, (forecast > limit) & known


def _mean(x: Floats) -> float:
    known = x[np.isfinite(x)]
    return float(known.mean()) if known.size else float("nan")


#: Every metric of peaks by the key under which it is reported.
PEAK_METRICS: dict[str, PeakMetric] = {
    f.__name__: f for f in (peak_height, peak_hour, top_hours, precision, recall, pinball_peak)
}
