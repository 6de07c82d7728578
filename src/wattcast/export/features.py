"""What a network sees, from the tensors of a state: `runtime.record.append` and `features.signals.inputs` in a graph.

The newest reading stands last in `readings`, so an offset from the origin is a place counted from its end, the same for
all meters. Of the calendar come the local clock and public holidays alone; which days are alike is worked out here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from wattcast.features.layout import Layout
from wattcast.features.signals import (
    FARTHEST,
    HALF_LIFE,
    HINGES,
    HOLIDAYS_BEFORE,
    KIND,
    LEAST_LEVEL,
    habits,
    holidays_around,
    mean_days,
    usual_offsets,
)
from wattcast.runtime.model import Model

Array = Any  # `export.array.Array`, on which NumPy's functions work
State = dict[str, Array]
#: Columns of the input `calendar`, the last one of models that learn from their errors.
SECOND, WEEKDAY, YEARDAY, PHASE, COUNTS = range(5)


class Days(NamedTuple):
    """Local calendar around the first step ahead, from `reach(...)[0]` steps before it on.

    Attributes:
        calendar: second of the day, weekday (0 Monday), day of the year (0 first), phase and, where errors are
            learned from, whether those of forecasts from then on count `[step, 4 or 5]` int32.
        holiday: public holidays `[step, 1 or batch]` bool; None for a model that knows of none.
    """

    calendar: Array
    holiday: Array | None


def reach(lay: Layout) -> tuple[int, int]:
    """Steps before the first one ahead whose calendar is looked at, and from it on."""
    if lay.stride == 1:
        return 0, 1
    back = FARTHEST if lay.weekly else -min(HOLIDAYS_BEFORE)
    return back * lay.day, lay.days * lay.day + 1


def appended(lay: Layout, s: State, y: Array) -> State:
    """The state with one more reading of each meter; the fill is that of `features.signals.fill`.

    Args:
        lay: which readings are looked at.
        s: single values of each meter `[batch]`, and `readings` over their scale `[batch, window]`.
        y: in the meters' units `[batch]`; NaN where it is missing.
    """
    day, week, t, last = lay.day, 7 * lay.day, s["count"], s["readings"]
    real = y / s["scale"]
    gone = ~np.isfinite(real)
    of_week, of_day = last[:, last.shape[1] - week], last[:, last.shape[1] - day]
    base = np.where(t >= week, of_week, of_day)
    off = np.where(t >= week, s["off_week"], s["off_day"])
    near = base + off * 0.5 ** (s["age"].astype(np.float32) / (HALF_LIFE * day))
    filled = np.where(t < day, s["last"], np.maximum(near, np.minimum(base, 0.0)))
    value = np.where(gone, filled, real)
    one = gone.trace.constant(1, np.int32)
    return s | {
        "readings": np.concatenate([last[:, 1:], value[:, None]], axis=1),
        "age": np.where(gone, s["age"] + 1, one),
        "last": np.where(gone, s["last"], value),
        "off_week": np.where(gone, s["off_week"], np.where(t >= week, value - of_week, 0.0)),
        "off_day": np.where(gone, s["off_day"], np.where(t >= day, value - of_day, 0.0)),
        "heard": s["heard"] + (~gone).astype(np.int32),
        "total": s["total"] + np.abs(value).astype(np.float64),
        "count": t + 1,
    }


def learned(model: Model, held: Array, rows: Array) -> Array:
    """Standardised covariates, a row further and with what is known now; what is NaN stays as it was.

    Args:
        model: whose they are.
        held: as in the state before the reading `[batch, row, covariate]`.
        rows: in their units, from the interval that was read on `[batch, any, covariate]`.
    """
    before, after, scale, trace = model.record.before, model.record.after, model.grounds.scaling, held.trace
    lone = np.full((1, 1 + after, len(model.known)), np.nan, np.float32)
    unknown = trace.constant(lone).over("batch", 1 + after, len(model.known))
    z = (rows - scale.mean.astype(np.float32)) / scale.std.astype(np.float32)
    z = np.concatenate([z, unknown], axis=1)[:, : 1 + after]
    moved = np.concatenate([held[:, before:], unknown[:, :1]], axis=1)
    return np.concatenate([held[:, 1:before], np.where(np.isnan(z), moved, z)], axis=1)


def inputs(model: Model, s: State, days: Days) -> tuple[Array, Array, Array]:
    """As `features.signals.inputs` at the first step ahead.

    Returns:
        x `[batch, feature]`, local `[feature, batch, output]`, level `[batch, 1]`.
    """
    lay, window = model.grounds.layout, model.record.window
    phase, level, n = days.calendar[reach(lay)[0], PHASE], level_of(lay, s), lay.outputs
    recent, lags = (
        np.take(s["readings"], of_phase(days, window + table, phase), axis=1) / level - 1.0
        for table in (lay.recent, lay.lags)
    )
    known, straight = _known(model, s, days, phase)
    clock = np.concatenate([_clock(lay, days), _around(lay, s, days)], axis=-1)
    if lay.stride == 1:
        blocks = [recent[:, -1:].over("batch", n)]
    else:
        targets, here = of_phase(days, lay.targets, phase), reach(lay)[0]
        at = targets[None] - _alike(lay, s, days, targets + here) * lay.day + window
        same = np.take_along_axis(s["readings"], np.maximum(at, 0), axis=1) / level - 1.0
        blocks = [lags[:, k : k + n] for k in range(0, lay.lags.shape[1], n)]
        blocks += [np.concatenate([recent[:, : lay.day]] * lay.days, axis=-1), same, _holidays(days, targets + here, n)]
        if lay.habits:
            blocks += habits([_usual(lay, s, offset) / level - 1.0 for offset in usual_offsets(lay, targets)])
        lags = np.concatenate([lags, same], axis=-1)
    local = np.concatenate([np.stack(blocks), *(np.moveaxis(of, -1, 0) for of in known)])
    x = np.concatenate([recent, lags, _means(lay, s) / level - 1.0, clock, *straight], axis=-1)
    return x, local, level


def _usual(lay: Layout, s: State, offset: Array) -> Array:
    """Readings at offsets from the first step ahead `[batch, output]`, as `features.signals.inputs` looks them up."""
    readings, week, count = s["readings"], 7 * lay.day, s["count"][:, None]
    at = offset[None] + count
    at = np.where(at < 0, at % week, at) - count + readings.shape[1]
    last = readings.shape[1] - 1  # with less than a week nothing is made of it, but the graph looks all the same
    return np.take_along_axis(readings, np.minimum(at, last), axis=1)


def of_phase(days: Days, table: Any, phase: Array) -> Array:
    """The row of a table of offsets `[phase, ...]` that counts now."""
    rows = days.calendar.trace.constant(table, np.int32)
    return rows[0] if len(table) == 1 else np.take(rows, phase, axis=0)


def level_of(lay: Layout, s: State) -> Array:
    """As `Signals.level` `[batch, 1]`."""
    count, week, y = s["count"], 7 * lay.day, s["readings"]
    newest = np.abs(y[:, y.shape[1] - week :]).sum(axis=1) / np.clip(count, 1, week).astype(np.float32)
    ever = 0.1 * s["total"] / np.maximum(count, 1).astype(np.float64)
    return np.maximum(np.maximum(newest, ever.astype(np.float32)), LEAST_LEVEL)[:, None]


def _means(lay: Layout, s: State) -> Array:
    """Mean readings of whole days before the origin, the last one first `[batch, day]`."""
    back, day, y = np.arange(mean_days(lay)), lay.day, s["readings"]
    newest = y[:, y.shape[1] - len(back) * day :].reshape("batch", len(back), day).sum(axis=-1)
    there = np.clip(s["count"][:, None] - (back * day).astype(np.int32), 1, day)
    return np.take(newest, back[::-1], axis=1) / there.astype(np.float32)


def _clock(lay: Layout, days: Days) -> Array:
    """As `features.signals.clock_features` `[batch, feature]`."""
    now = days.calendar[reach(lay)[0]]
    turn = now[SECOND : SECOND + 1].astype(np.float32) * (2 * np.pi / 86_400)
    year = now[YEARDAY : YEARDAY + 1].astype(np.float32) * (2 * np.pi / 365.25)
    parts = [f(k * turn) for k in (1, 2, 3) for f in (np.sin, np.cos)]
    parts += [f(k * year) * float(lay.yearly) for k in (1, 2) for f in (np.sin, np.cos)]
    parts += [(now[WEEKDAY : WEEKDAY + 1] == np.arange(7, dtype=np.int32)).astype(np.float32)]
    whole: Array = np.concatenate(parts, axis=0)[None]
    return whole.over("batch", whole.shape[1])


def _known(model: Model, s: State, days: Days, phase: Array) -> tuple[list[Array], list[Array]]:
    """Covariates with their hinges `[batch, output, feature]`, and those that belong to no one target; if any."""
    if not model.known:
        return [], []
    lay, covariates = model.grounds.layout, len(model.known)
    at = of_phase(days, model.record.before + lay.moments, phase)
    z = np.take(s["known"], at, axis=1)
    gone, each = np.isnan(z), ("batch", *at.shape, covariates * HINGES)
    bent: Array = np.maximum(z[..., None] - model.grounds.scaling.hinges.astype(np.float32), 0.0)
    bent = np.where(gone[..., None], 0.0, bent)
    whole: Array = np.concatenate([np.where(gone, 0.0, z), bent.reshape(*each)], axis=-1)
    return [whole.reshape("batch", lay.outputs, -1)], [whole[:, :, 0, :covariates].reshape("batch", -1)]


def _around(lay: Layout, s: State, days: Days) -> Array:
    """Public holidays around the origin `[batch, day]`; days before a meter's first reading are like that one's."""
    here, around, trace = reach(lay)[0], holidays_around(lay) * lay.day, days.calendar.trace
    if days.holiday is None:
        return _holidays(days, None, len(around))
    flags, count = _holidays(days, trace.constant(here + around, np.int64), len(around)), s["count"]
    if lay.history >= -int(around.min()):
        return flags
    row = np.maximum(here - count, 0).astype(np.int64)
    place = np.stack([row, np.minimum(trace.each("batch"), trace.size("columns") - 1)], axis=1)
    off = days.holiday.astype(np.float32)
    first = trace.op("GatherND", off, place, dtype=np.float32, shape=("batch",))
    return np.where(count[:, None] + around < 0, first[:, None], flags)


def _holidays(days: Days, rows: Array | None, count: int) -> Array:
    """Public holidays of so many rows of the calendar `[batch, row]`."""
    if days.holiday is None or rows is None:
        none = days.calendar.trace.constant(np.zeros((1, 1), np.float32))
        return none.over("batch", count)
    return np.take(days.holiday.astype(np.float32), rows, axis=0).T.over("batch", count)


def _alike(lay: Layout, s: State, days: Days, targets: Array) -> Array:
    """As `Signals.alike` of some rows of the calendar, each meter's own age considered `[batch, output]` int32."""
    trace, usual, back = targets.trace, lay.season, np.arange(lay.days, (FARTHEST if lay.weekly else 1) + 1)
    if not len(back):
        return trace.constant([[usual]], np.int32).over("batch", lay.outputs)
    kind = np.take(trace.constant(KIND, np.int32), days.calendar[:, WEEKDAY], axis=0)[:, None]
    if days.holiday is not None:
        kind = np.where(days.holiday, KIND[6], kind)
    then = np.take(kind, targets[:, None] - (back * lay.day).astype(np.int32), axis=0)
    same: Array = (then == np.take(kind, targets, axis=0)[:, None]).astype(np.int32)
    nearest = np.argmax(same, axis=1).astype(np.int32) + lay.days  # the first of the 1s
    found: Array = np.where(same.sum(axis=1) > 0, nearest, usual).T
    found = found.over("batch", lay.outputs)
    age = s["count"][:, None] + (targets[None] - reach(lay)[0])
    return np.where(age >= found * lay.day, found, usual)
