"""The state of a meter as one flat record of fixed size, and how a reading enters it.

Many meters are an array of records `[meter]`. The newest readings stand in a ring: reading number t at t modulo its
length, so that a reading moves nothing. Before a meter's first reading it is 0, as `features.signals.fill` has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattcast.features.layout import Layout
from wattcast.features.signals import FARTHEST, HALF_LIFE, WEEK, mean_days

#: An array of records of the type `Record.dtype`: one meter `[]`, or many `[meter]`.
MeterState = NDArray[np.void]
#: Changes when a record changes its meaning.
VERSION = 2
#: Longest code of a country with its subdivision.
CODE = 24


@dataclass(frozen=True)
class Kind:
    """What the size of a record follows from.

    Attributes:
        layout: which readings are looked at.
        covariates: how many are known ahead.
        members: networks of the ensemble.
        hidden: units of each layer.
        cells: whether layers have cell values as well (LSTM).
        learns: whether errors are learned from.
    """

    layout: Layout
    covariates: int
    members: int
    hidden: tuple[int, ...]
    cells: bool
    learns: bool


@dataclass(frozen=True)
class Record:
    """How records lie in memory.

    Attributes:
        kind: what it follows from.
        window: readings kept.
        before, after: rows of covariates kept: before the origin, and from it on.
        dtype: fields, all native and aligned:
            `model` fingerprint; `start` of reading 0 [us since 1970]; `count` of readings, missing ones included;
            `heard` of real ones; `moved`: advances of the state; `age`: readings since the last real one, it included;
            `who`: place among the trained meters; `scale` of the meter; `total` of all readings over it, absolute;
            `last`: the last real reading over the scale, `off_week`, `off_day`: its deviation from the reading of the
            same slot a week and a day before, 0 where there was none; `country` whose holidays count; `y` the ring of
            filled readings over the scale; `state` `[member, units]`: h of each layer, then (LSTM) c of each;
            `output` `[member, hidden]` of the stack at the last advance (day layout); `known` the ring of standardised
            covariates `[row, covariate]`, NaN where not known (yet). Where errors are learned from (nets/errors.py):
            `drift` `[slot]`, `bands` `[2]` and `bands_then`, at the last advance; `said` by it `[3, slot]` and `basis`,
            the level it is relative to, 0 where what comes will not be held against it.
    """

    kind: Kind
    window: int
    before: int
    after: int
    dtype: np.dtype[np.void]

    @cached_property
    def bytes(self) -> np.dtype[np.void]:
        """A record as bytes alone: NumPy copies these at once, and fields one by one."""
        return np.dtype((np.void, self.dtype.itemsize))

    @cached_property
    def ring(self) -> NDArray[np.int64]:
        """0 .. window - 1."""
        return np.arange(self.window)


def record_type(kind: Kind) -> Record:
    """The record of a model."""
    lay = kind.layout
    days = max(mean_days(lay), 7, FARTHEST if lay.stride > 1 and lay.weekly else 0)
    usual = (lay.season + 3 * WEEK) * lay.day if lay.habits else 0
    window = max(days * lay.day, int(-lay.lags.min()), int(-lay.recent.min()), usual)
    before, after = (max(0, int(-lay.moments.min())), int(lay.moments.max()) + 1) if kind.covariates else (0, 0)
    slots, halves = (lay.day, 2) if kind.learns else (0, 0)
    units = sum(kind.hidden) * (2 if kind.cells else 1)
    fields: list[tuple[Any, ...]] = [
        ("model", "u8"), ("start", "i8"), ("count", "i8"), ("heard", "i8"), ("moved", "i8"), ("scale", "f8"),
        ("total", "f8"), ("basis", "f8"), ("bands", "f8", (halves,)), ("bands_then", "f8", (halves,)),
        ("age", "i4"), ("who", "i4"), ("last", "f4"), ("off_week", "f4"), ("off_day", "f4"), ("version", "i4"),
        ("country", f"S{CODE}"), ("y", "f4", (window,)), ("state", "f4", (kind.members, units)),
        ("output", "f4", (kind.members, kind.hidden[-1] if lay.stride > 1 else 0)),
        ("known", "f4", (before + after, kind.covariates)), ("drift", "f4", (slots,)), ("said", "f4", (3, slots)),
    ]  # fmt: skip
    return Record(kind, window, before, after, np.dtype(fields, align=True))


def same(field: NDArray[Any], value: Any) -> bool:
    """Whether all entries of a field are this one; of one record without 3 us of array work."""
    return bool(field.item() == value if field.size == 1 else (field == value).all())


def least(field: NDArray[Any]) -> Any:
    """The smallest entry of a field, likewise."""
    return field.item() if field.size == 1 else field.min()


def append(record: Record, states: MeterState, y: NDArray[np.float64]) -> None:
    """One more reading of each meter, in place; NaN where it is missing. The fill is that of `features.signals.fill`.

    Args:
        record: type of the records.
        states: `[meter]`.
        y: readings in their unit `[meter]`.
    """
    day, window = record.kind.layout.day, record.window
    t, m = states["count"], np.arange(len(states))
    real = y / states["scale"]
    gone = ~np.isfinite(real)
    week, yesterday = (states["y"][m, (t - lag) % window] for lag in (7 * day, day))
    base = np.where(t >= 7 * day, week, yesterday).astype(np.float64)
    off = np.where(t >= 7 * day, states["off_week"], states["off_day"])
    near = base + off * 0.5 ** (states["age"] / (HALF_LIFE * day))  # the reading that is missing is one step older
    filled = np.where(t < day, states["last"], np.maximum(near, np.minimum(base, 0.0)))
    value = np.where(gone, filled, real).astype(np.float32)
    states["y"][m, t % window] = value
    states["age"] = np.where(gone, states["age"] + 1, 1)
    states["last"] = np.where(gone, states["last"], value)
    states["off_week"] = np.where(gone, states["off_week"], np.where(t >= 7 * day, value - week, 0.0))
    states["off_day"] = np.where(gone, states["off_day"], np.where(t >= day, value - yesterday, 0.0))
    states["heard"] += ~gone
    states["total"] += np.abs(value)
    states["count"] = t + 1
    if record.kind.covariates:
        _forget(record, states)


def learn(record: Record, states: MeterState, z: NDArray[np.float32], first: int) -> None:
    """Covariates that are known now, in place; what is NaN stays as it was.

    Args:
        record: type of the records.
        states: `[meter]`.
        z: standardised `[meter, row, covariate]`.
        first: the first row, counted from the origin (the next reading's interval is 0).
    """
    rows = np.arange(z.shape[1]) + first
    keep = (rows >= -record.before) & (rows < record.after)
    at = (states["count"][:, None] + rows[keep]) % (record.before + record.after)
    m, z = np.arange(len(states))[:, None], z[:, keep]
    states["known"][m, at] = np.where(np.isnan(z), states["known"][m, at], z)


def _forget(record: Record, states: MeterState) -> None:
    """After a reading: the row of covariates that came into reach at the far end is not known yet; in place."""
    at = (states["count"] + record.after - 1) % (record.before + record.after)
    states["known"][np.arange(len(states)), at] = np.nan


def readings(record: Record, states: MeterState) -> NDArray[np.float32]:
    """The newest `window` filled readings over the scale, the last one last `[window, meter]`."""
    at = (states["count"][:, None] + record.ring) % record.window
    return np.take_along_axis(states["y"], at, axis=1).T


def known(record: Record, states: MeterState) -> NDArray[np.float32]:
    """Covariates of the rows from `before` steps before the origin on `[before + after, meter, covariate]`."""
    rows = record.before + record.after
    at = (states["count"][:, None] - record.before + np.arange(rows)) % max(1, rows)
    return np.take_along_axis(states["known"], at[..., None], axis=1).swapaxes(0, 1)
