"""What the baselines share: readings carried over gaps, moments like this one, quantiles of past errors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from wattcast.features.calendar import Country, calendar, holidays_by_country
from wattcast.features.panel import Floats, Panel
from wattcast.schema import QUANTILES

Ints = NDArray[np.int64]

#: Origins a day apart whose errors make the quantiles: a year of them, so that all seasons count once.
ERROR_DAYS = 365
#: Numbers of a forecast (leads times meters) of origins that are worked on together.
TOGETHER = 500_000
#: Fewer errors than this at one lead say nothing about a tail; all leads are then taken together.
FEW_ERRORS = 8


def carried(x: Floats, period: int) -> Floats:
    """Fills NaN along the first axis from multiples of `period` steps before, never from later.

    Args:
        x: `[time, ...]`.
        period: steps, at least 1.
    """
    if not x.size or np.isfinite(x).all():
        return x
    rows = -(-len(x) // period)
    padded = np.full((rows * period, *x.shape[1:]), np.nan)
    padded[: len(x)] = x
    lattice = padded.reshape(rows, period, *x.shape[1:])
    row = np.arange(rows).reshape(-1, *(1,) * x.ndim)
    last = np.maximum.accumulate(np.where(np.isfinite(lattice), row, 0), axis=0)
    return np.take_along_axis(lattice, last, axis=0).reshape(padded.shape)[: len(x)]


def filled(y: Floats, day: int) -> Floats:
    """Readings with gaps filled from the same slot a week before (or more weeks), else a day before."""
    return carried(carried(y, 7 * day), day)


def take(x: Floats, index: Ints) -> Floats:
    """`x[index]` along the first axis, NaN where the index lies outside."""
    if not len(x):
        return np.full((*index.shape, *x.shape[1:]), np.nan)
    out = x[np.clip(index, 0, len(x) - 1)].astype(np.float64)
    out[(index < 0) | (index >= len(x))] = np.nan
    return out


def slots(panel: Panel, length: int) -> Ints:
    """Slot of the local day of each grid step `[length]`, 0 .. steps a day - 1."""
    hour = calendar(panel.start, panel.step, length, zone=panel.zone).hour
    return np.rint(hour.astype(np.float64) * panel.day / 24).astype(np.int64) % panel.day


def alike_origins(panel: Panel, origins: Ints, horizon: int, *, apart: bool) -> Iterator[Ints]:
    """Places of origins to work on together: not too many, and where `apart` of one slot of the day."""
    clock = slots(panel, int(origins.max()) + 1)[origins] if apart else np.zeros(len(origins), np.int64)
    for slot in np.unique(clock):
        mine = np.flatnonzero(clock == slot)
        yield from np.array_split(mine, -(-len(mine) * horizon * len(panel.ids) // TOGETHER))


def holidays(panel: Panel, length: int, country: Country) -> NDArray[np.float32]:
    """1 where a grid step lies on a public holiday of the meter's country, else 0 `[length, meter]`.

    Meters that a mapping does not name have none.

    Raises:
        ReadingsError: a country without a calendar.
    """
    free, column = holidays_by_country(panel.start, panel.step, length, zone=panel.zone, ids=panel.ids, country=country)
    return free[:, column]


def nan_quantiles(x: Floats, levels: tuple[float, ...] = QUANTILES) -> Floats:
    """Quantiles over the first axis, NaN left out: `[..., level]`; NaN where nothing is left.

    Same interpolation as `numpy.nanquantile`, which takes seconds where this takes a tenth (51,552 columns).
    """
    if not len(x):
        return np.full((*x.shape[1:], len(levels)), np.nan)
    ordered = np.sort(x, axis=0)
    last = np.maximum(np.isfinite(x).sum(axis=0) - 1, 0)
    out = np.empty((*x.shape[1:], len(levels)))
    for k, level in enumerate(levels):
        at = level * last
        low = np.floor(at).astype(np.int64)
        a = np.take_along_axis(ordered, low[None], 0)[0]
        b = np.take_along_axis(ordered, np.minimum(low + 1, last)[None], 0)[0]
        out[..., k] = a + (at - low) * (b - a)
    return out


def spread(errors: Floats, *, centred: bool = True) -> Floats:
    """Quantiles of past errors around a forecast: `[lead, meter, quantile]`.

    Where errors are few, those of all leads count; where there are none, the quantiles are zero.

    Args:
        errors: past reading - forecast `[origin, lead, meter]`, NaN where unknown.
        centred: whether the forecast stays the median: lower quantiles are kept from rising above it and upper ones
            from falling below it.
    """
    by_lead = nan_quantiles(errors)
    few = np.isfinite(errors).sum(axis=0) < FEW_ERRORS
    if few.any():
        pooled = nan_quantiles(errors.reshape(-1, errors.shape[-1]))
        by_lead = np.where(few[..., None], pooled, by_lead)
    by_lead = np.nan_to_num(by_lead)
    if centred:
        levels = np.asarray(QUANTILES)
        by_lead = np.where(levels < 0.5, np.minimum(by_lead, 0.0), by_lead)
        by_lead = np.where(levels > 0.5, np.maximum(by_lead, 0.0), by_lead)
        by_lead[..., levels == 0.5] = 0.0
    return by_lead


def lopsided(errors: Floats) -> bool:
    """Whether the median of errors `[origin, lead, meter]` lies so far off zero that a shift by it pays.

    Least squares forecast the mean. Of homes that is far above the median (WAPE 81 %, shifted 74 %); of most other
    loads a shift only adds noise (the chapter's test error rises by 3 %), so it has to save 2 % of the error.
    """
    size = np.nanmean(np.abs(errors)) if np.isfinite(errors).any() else 0.0
    if not size > 0:
        return False
    middle = spread(errors, centred=False)[..., QUANTILES.index(0.5)]
    return bool(np.nanmean(np.abs(errors - middle)) < 0.98 * size)


def never_negative(training: Floats) -> NDArray[np.bool_]:
    """Meters without a negative reading in `training` `[time, meter]`: their forecasts stop at zero."""
    return np.asarray(~(training < 0).any(axis=0))
