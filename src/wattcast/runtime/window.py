"""Records -> Signals: what a network looks at from the origin of held states, for `features.signals.inputs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wattcast.features.layout import Layout
from wattcast.features.signals import FARTHEST, HINGES, LEAST_LEVEL, Signals, mean_days
from wattcast.runtime import record as rec
from wattcast.runtime.clock import Block, Countries
from wattcast.runtime.record import MeterState

if TYPE_CHECKING:
    from wattcast.runtime.model import Model


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
        y=_repeated(lay, states, y),
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


def _repeated(lay: Layout, states: MeterState, y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Before a meter's first reading its first week again, as `features.signals.usual_offsets` has it."""
    first = len(y) - states["count"]
    if not lay.habits or first.max() <= 0:
        return y
    at = np.arange(len(y))[:, None] - first
    return np.take_along_axis(y, np.where(at < 0, at % (7 * lay.day), at) + first, axis=0)


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
    lay, m = model.grounds.layout, np.arange(len(states))
    codes, column = countries(model, states)
    column = np.zeros(len(states), np.int64) if column is None else column
    holiday, alike = (a[rows] for a in model.clock.days(block, codes))
    if (states["count"] >= FARTHEST * lay.day).all():
        return holiday, alike, column
    age = np.arange(len(holiday))[:, None] - model.record.window + states["count"]  # since each meter's first
    first = np.maximum(model.record.window - states["count"], 0)
    holiday, alike = holiday[:, column], alike[:, column]
    holiday = np.where(age < 0, holiday[np.minimum(first, len(holiday) - 1), m], holiday)
    return holiday, np.where(age >= alike * lay.day, alike, lay.season), m


def countries(model: Model, states: MeterState) -> tuple[Countries, NDArray[np.int64] | None]:
    """Countries of the meters, and the place of each meter's among them `[meter]`; None where there is but one."""
    if model.one_country:
        return (model.country if isinstance(model.country, str) else None,), None
    codes = states["country"]
    if rec.same(codes, codes[0]):
        return (codes[0].decode() or None,), None
    found, column = np.unique(codes, return_inverse=True)
    return tuple(code.decode() or None for code in found), column


def standard(model: Model, known: NDArray[np.float64]) -> NDArray[np.float32]:
    """Covariates, standardised."""
    scale = model.grounds.scaling
    return ((known - scale.mean) / scale.std).astype(np.float32)
