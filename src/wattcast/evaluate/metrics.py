"""Scores of quantile forecasts: one function a metric, all with the same arguments.

Shapes: `y [..., meter]`, `forecast [..., meter, quantile]` at `schema.QUANTILES` (the point forecast is the
one at 0.5), `scale [meter]`, the seasonal naive error of the training part, which only `mase` reads. Points
where `y` or the forecast is NaN are skipped; a metric without a point is NaN.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wattcast.features.panel import Floats
from wattcast.schema import QUANTILES, SCORED_QUANTILES

Metric = Callable[[Floats, Floats, Floats], float]

MEDIAN = QUANTILES.index(0.5)
_SCORED = [QUANTILES.index(q) for q in SCORED_QUANTILES]


def point(forecast: Floats) -> Floats:
    """The point forecast: the quantile at 0.5 `[..., meter]`."""
    return forecast[..., MEDIAN]


def mse(y: Floats, forecast: Floats, scale: Floats) -> float:
    """Mean squared error [unit of y, squared]."""
    return _mean((y - point(forecast)) ** 2)


def rmse(y: Floats, forecast: Floats, scale: Floats) -> float:
    """Root of the mean squared error [unit of y]."""
    return mse(y, forecast, scale) ** 0.5


def mae(y: Floats, forecast: Floats, scale: Floats) -> float:
    """Mean absolute error [unit of y]."""
    return _mean(np.abs(y - point(forecast)))


def mape(y: Floats, forecast: Floats, scale: Floats) -> float:
    """Mean of |error| / |y| [share]; points with y = 0 are left out."""
    size = np.where(y == 0, np.nan, np.abs(y))
    return _mean(np.abs(y - point(forecast)) / size)


def wape(y: Floats, forecast: Floats, scale: Floats) -> float:
    """Sum of |error| / sum of |y| [share]."""
    error = np.abs(y - point(forecast))
    known = np.isfinite(error)
    size = float(np.abs(y[known]).sum())
    return float(error[known].sum()) / size if size > 0 else float("nan")


def mase(y: Floats, forecast: Floats, scale: Floats) -> float:
    """Mean absolute error / seasonal naive error of the training part, by meter, then their mean [ratio].

    Meters whose scale is zero or unknown are left out.
    """
    error = np.abs(y - point(forecast)).reshape(-1, y.shape[-1])
    known = np.isfinite(error)
    by_meter = np.where(known, error, 0.0).sum(0) / np.where(known.any(0), known.sum(0), np.nan)
    return _mean(by_meter / np.where(scale > 0, scale, np.nan))


def pinball(y: Floats, forecast: Floats, scale: Floats) -> float:
    """Pinball loss, mean over the quantiles 0.1 ... 0.9 [unit of y]; twice it is close to the CRPS."""
    levels = np.asarray(SCORED_QUANTILES)
    error = y[..., None] - forecast[..., _SCORED]
    return _mean(np.maximum(levels * error, (levels - 1) * error))


def pinball_rel(y: Floats, forecast: Floats, scale: Floats) -> float:
    """Pinball loss / mean |y| [share]."""
    size = _mean(np.abs(np.where(np.isfinite(point(forecast)), y, np.nan)))
    return pinball(y, forecast, scale) / size if size > 0 else float("nan")


def coverage(y: Floats, forecast: Floats, level: float) -> float:
    """Share of points inside the central interval of `level`, such as 0.8 [share].

    Raises:
        ValueError: the forecast carries no such interval.
    """
    low, high = interval(level)
    known = np.isfinite(y) & np.isfinite(point(forecast))
    inside = (y >= forecast[..., low]) & (y <= forecast[..., high])
    return float(inside[known].mean()) if known.any() else float("nan")


def coverage_80(y: Floats, forecast: Floats, scale: Floats) -> float:
    """Share of points between the quantiles 0.1 and 0.9 [share]; 0.8 is right."""
    return coverage(y, forecast, 0.8)


def interval(level: float) -> tuple[int, int]:
    """Places in `schema.QUANTILES` of the ends of the central interval of `level`.

    Raises:
        ValueError: the forecast carries no such interval.
    """
    ends = (round(0.5 - level / 2, 6), round(0.5 + level / 2, 6))
    try:
        return QUANTILES.index(ends[0]), QUANTILES.index(ends[1])
    except ValueError:
        held = ", ".join(f"{q:g}" for q in QUANTILES)
        raise ValueError(
            f"An interval of {level:g} needs the quantiles {ends[0]:g} and {ends[1]:g}; there are {held}."
        ) from None


def skill(error: float, baseline: float) -> float:
    """1 - error / error of the baseline: 0 as good as it, 1 perfect, below 0 worse; NaN for a perfect one."""
    return 1.0 - error / baseline if baseline > 0 else float("nan")


def seasonal_error(y: Floats, day: int) -> Floats:
    """Mean |y - y a week before| of a training part, for `mase` `[meter]`; a day before without a week.

    Args:
        y: readings `[time, meter]`.
        day: steps in a day.
    """
    scale = np.full(y.shape[1], np.nan)
    for season in (day, 7 * day):
        change = np.abs(y[season:] - y[:-season])
        known = np.isfinite(change)
        count = known.sum(0)
        scale = np.where(count > 0, np.where(known, change, 0.0).sum(0) / np.maximum(count, 1), scale)
    return scale


def _mean(x: Floats) -> float:
    known = x[np.isfinite(x)]
    return float(known.mean()) if known.size else float("nan")


#: Every metric by the key under which it is reported.
METRICS: dict[str, Metric] = {
    f.__name__: f for f in (mae, rmse, mape, wape, mase, pinball, pinball_rel, coverage_80, mse)
}
