"""Readings -> what one wants to know of them before anything else, meter by meter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wattcast.schema import DS, ID, Readings, Season, Y

#: Share of the variance that the mean course of a season has to explain for the season to be there.
SEASON_SHARE = 0.1


@dataclass(frozen=True)
class Shape:
    """What to draw of one meter.

    Attributes:
        meter: its `unique_id`.
        first: its first readings, in order.
        day: mean of each slot of the day, from midnight of the readings' clock.
        week: mean of each slot of the week, from Monday's midnight.
    """

    meter: str
    first: NDArray[np.float64]
    day: NDArray[np.float64]
    week: NDArray[np.float64]


def describe(readings: Readings) -> list[dict[str, Any]]:
    """A summary of each meter.

    Args:
        readings: as read or checked.

    Returns:
        For each meter `meter`; `count, mean, std, min, 25%, 50%, 75%, max` as pandas' `describe()` has them;
        `step` [s]; `first, last` [UTC]; `gaps` (steps without a row), `missing` (rows without a value);
        `zeros, negative` (readings); `seasons` (of "day", "week"; see `seasons`); `unit`.
    """
    return [_summary(part, readings) for part in readings.frame.partition_by(ID, maintain_order=True)]


def shape(readings: Readings, meter: str, *, first: int = 1500) -> Shape:
    """What to draw of a meter.

    Args:
        readings: as read or checked.
        meter: `unique_id`.
        first: how many readings from the start.

    Raises:
        KeyError: no such meter.
    """
    part = readings.frame.filter(pl.col(ID) == meter)
    if part.is_empty():
        raise KeyError(f"There is no meter {meter!r} among {', '.join(readings.meters[:10])}.")
    local = pl.col(DS).dt.convert_time_zone(readings.zone)
    seconds = local.dt.hour().cast(pl.Int64) * 3600 + local.dt.minute().cast(pl.Int64) * 60 + local.dt.second()
    slot = seconds // max(1, int(readings.step.total_seconds()))
    weekday = local.dt.weekday().cast(pl.Int64) - 1
    slots = readings.season_length
    table = part.select(pl.col(Y), slot.alias("slot"), (weekday * slots + slot).alias("week"))
    values = part[Y].head(first).to_numpy()
    return Shape(meter, values, _means(table, "slot", slots), _means(table, "week", 7 * slots))


def seasons(readings: Readings, meter: str) -> tuple[Season, ...]:
    """Which seasons a meter has.

    A season is there if its mean course explains at least `SEASON_SHARE` of the variance (adjusted R2, so
    that short series of noise have none): for the day, of the readings less their own day's mean; for the
    week, of the days' means, by weekday. Two whole periods are needed.
    """
    part = readings.frame.filter(pl.col(ID) == meter)
    return _seasons(_on_grid(part, readings.step), readings.step)


def _summary(part: pl.DataFrame, readings: Readings) -> dict[str, Any]:
    y = part[Y]
    first, last = part[DS][0], part[DS][-1]
    quartiles = {f"{q}%": y.quantile(q / 100, interpolation="linear") for q in (25, 50, 75)}
    return {
        "meter": part[ID][0],
        "count": y.count(),
        "mean": y.mean(),
        "std": y.std(),
        "min": y.min(),
        **quartiles,
        "max": y.max(),
        "step": readings.step.total_seconds(),
        "first": first,
        "last": last,
        "gaps": round((last - first) / readings.step) + 1 - len(part),
        "missing": y.null_count(),
        "zeros": int((y == 0).sum()),
        "negative": int((y < 0).sum()),
        "seasons": list(_seasons(_on_grid(part, readings.step), readings.step)),
        "unit": readings.unit,
    }


def _on_grid(part: pl.DataFrame, step: timedelta) -> NDArray[np.float64]:
    """Values at every step from the first to the last, NaN where there is none."""
    index = (
        ((part[DS] - part[DS][0]) / step).round().to_numpy().astype(np.int64) if len(part) else np.zeros(0, np.int64)
    )
    values = np.full(int(index[-1]) + 1 if len(index) else 0, np.nan)
    values[index] = part[Y].to_numpy()
    return values


def _seasons(values: NDArray[np.float64], step: timedelta) -> tuple[Season, ...]:
    slots = max(1, round(timedelta(days=1) / step))
    days = values[: len(values) // slots * slots].reshape(-1, slots)
    seen = np.isfinite(days)
    if len(days) < 2 or not seen.any():
        return ()
    known = seen.sum(axis=1)
    means = np.where(known, np.where(seen, days, 0).sum(axis=1) / np.maximum(known, 1), np.nan)
    found: list[Season] = []
    if slots > 1 and _explained(days - means[:, None]) >= SEASON_SHARE:
        found.append("day")
    weeks = means[: len(means) // 7 * 7].reshape(-1, 7)
    if len(weeks) >= 2 and _explained(weeks) >= SEASON_SHARE:
        found.append("week")
    return tuple(found)


def _explained(periods: NDArray[np.float64]) -> float:
    """Share of the variance that the mean of each column explains, adjusted for their number."""
    seen = np.isfinite(periods)
    count, columns = int(seen.sum()), int(seen.any(axis=0).sum())
    if count <= columns:
        return 0.0
    course = np.where(seen, periods, 0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    total = float(np.var(periods[seen]))
    rest = float(np.mean(((periods - course)[seen]) ** 2))
    # What is left of a constant series is rounding.
    return (
        1 - rest / total * (count - 1) / (count - columns) if total > 1e-12 * float(np.max(periods[seen] ** 2)) else 0.0
    )


def _means(table: pl.DataFrame, by: str, slots: int) -> NDArray[np.float64]:
    means = table.group_by(by).agg(pl.col(Y).mean()).filter(pl.col(by).is_between(0, slots - 1))
    course = np.full(slots, np.nan)
    course[means[by].to_numpy()] = means[Y].to_numpy()
    return course
