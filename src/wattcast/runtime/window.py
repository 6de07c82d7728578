"""Records -> Signals: what a network looks at from the origin of held states, for `features.signals.inputs`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattcast.features.layout import Layout
from wattcast.features.signals import FARTHEST, HINGES, LEAST_LEVEL, Signals, holidays_around, mean_days
from wattcast.runtime import record as rec
from wattcast.runtime.clock import Block
from wattcast.runtime.model import Model
from wattcast.runtime.record import MeterState


def window(model: Model, states: MeterState, block: Block, row: int) -> Signals:
    """Signals whose time ends at the origin, index `model.record.window`; all states stand at that moment.

    Args:
        model: whose states they are.
        states: `[meter]`.
        block: calendar.
        row: of the origin in it.
    """
    lay, size, meters = model.grounds.layout, model.record.window, len(states)
    y = rec.readings(model.record, states)
    holiday, alike, column = days(model, states, block, slice(row - size, row + model.clock.ahead))
    return Signals(
        y=y,
        seen=y,
        level=np.broadcast_to(level(lay, states, y), (size + 1, meters)),
        mean=_mean(lay, states, y),
        clock=np.broadcast_to(block.clock[row], (size + 1, block.clock.shape[1])),
        holiday=holiday,
        alike=alike,
        country=column,
        who=states["who"],
        known=_known(model, states),
        advances=np.zeros(0, np.int32),
        phase=np.broadcast_to(block.phase[row], size + 1),
        known_from=np.zeros((0, 0), np.int32),
    )


def level(lay: Layout, states: MeterState, y: NDArray[np.float32]) -> NDArray[np.float32]:
    """As `Signals.level` at the origin `[meter]`."""
    count, week = states["count"], 7 * lay.day
    newest = np.abs(y[-week:]).sum(axis=0, dtype=np.float64) / np.clip(count, 1, week)
    return np.maximum(np.maximum(newest, 0.1 * states["total"] / np.maximum(count, 1)), LEAST_LEVEL).astype(np.float32)


def _mean(lay: Layout, states: MeterState, y: NDArray[np.float32]) -> NDArray[np.float32]:
    """As `Signals.mean`, where it is looked at."""
    size, day = len(y), lay.day
    out = np.zeros((size + 1, y.shape[1]), np.float32)
    for k in range(mean_days(lay)):
        end = size - k * day
        out[end] = y[end - day : end].sum(axis=0, dtype=np.float64) / np.clip(states["count"] - k * day, 1, day)
    return out


def _known(model: Model, states: MeterState) -> NDArray[np.float32]:
    """As `Signals.known`; covariates that are not known are 0 with their hinges."""
    size, covariates = model.record.window, len(model.known)
    out = np.zeros((size + model.clock.ahead, len(states), covariates * (1 + HINGES)), np.float32)
    if covariates:
        z = rec.known(model.record, states)
        bent = np.maximum(z[..., None] - model.grounds.scaling.hinges, 0.0).reshape(*z.shape[:2], -1)
        first = size - model.record.before
        out[first : first + len(z)] = np.nan_to_num(np.concatenate([z, bent], axis=-1))
    return out


def days(
    model: Model, states: MeterState, block: Block, rows: slice
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Holiday and likeness `[time, column]`, and the column of each meter: a country each.

    A meter younger than the farthest like day has a column of its own, as nothing lies before its first reading.
    """
    lay = model.grounds.layout
    codes: list[str | None]
    if model.one_country:
        codes, column = [_only(model)], np.zeros(len(states), np.int64)
    else:
        found, column = np.unique(states["country"], return_inverse=True)
        codes = [code.decode() or None for code in found]
    pairs = [model.clock.days(block, code) for code in codes]
    holiday, alike = (np.stack([pair[k][rows] for pair in pairs], axis=-1) for k in (0, 1))
    if (states["count"] >= FARTHEST * lay.day).all():
        return holiday, alike, column
    age = np.arange(len(holiday))[:, None] - model.record.window + states["count"]  # since each meter's first
    first = np.maximum(model.record.window - states["count"], 0)
    holiday, alike = holiday[:, column], alike[:, column]
    m = np.arange(len(states))
    holiday = np.where(age < 0, holiday[np.minimum(first, len(holiday) - 1), m], holiday)
    season = 7 if lay.weekly else 1
    alike = np.where(age >= alike * lay.day, alike, -(-lay.days // season) * season)
    return holiday, alike, m


def tables(
    model: Model, states: MeterState, block: Block, row: int
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int64] | None]:
    """What the native advance looks at: offsets of readings and calendar, a row a column, and each meter's column."""
    shared = model.one_country and (states["count"] >= FARTHEST * model.grounds.layout.day).all()
    if not shared:
        return _tables(model, block, row, *days(model, states, block, slice(row - model.record.window, None)))
    found = block.tables.get(row)
    if found is None:
        one = _only(model)
        holiday, alike = (a[row - model.record.window :, None] for a in model.clock.days(block, one))
        found = block.tables[row] = _tables(model, block, row, holiday, alike, None)
    return found


def _only(model: Model) -> str | None:
    """The country of all meters."""
    return model.country if isinstance(model.country, str) else None


def _tables(  # noqa: PLR0913, PLR0917  (one row of all that is known of days)
    model: Model, block: Block, row: int, holiday: NDArray[Any], alike: NDArray[Any], column: NDArray[Any] | None
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int64] | None]:
    lay, size, columns = model.grounds.layout, model.record.window, holiday.shape[1]
    phase = block.phase[row]
    offsets = np.tile(np.concatenate([lay.recent[phase], lay.lags[phase]]), (columns, 1))
    if lay.stride > 1:
        target = lay.targets[phase]
        like = target - alike[size + target].T * lay.day
        offsets = np.concatenate([offsets, np.maximum(like, -size)], axis=1)
    around = holidays_around(lay) * lay.day
    rest = np.concatenate([np.tile(block.clock[row], (columns, 1)), holiday[np.maximum(size + around, 0)].T], axis=1)
    return np.ascontiguousarray(offsets, np.int32), np.ascontiguousarray(rest, np.float32), column


def straight(model: Model, states: MeterState, block: Block, row: int) -> NDArray[np.float32] | None:
    """Covariates among the inputs of an advance `[meter, output x covariate]`; None where there are none."""
    if not model.known:
        return None
    moments = model.grounds.layout.moments[block.phase[row]][:, 0]
    z = np.nan_to_num(rec.known(model.record, states)[model.record.before + moments])
    return np.ascontiguousarray(z.swapaxes(0, 1).reshape(len(states), -1), np.float32)
