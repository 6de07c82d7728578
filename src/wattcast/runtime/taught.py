"""What held states learn from their errors, reading by reading: as `nets.errors` has it for whole days."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wattcast.features.signals import LEAST_LEVEL
from wattcast.nets.errors import Day, Learned, Said, bounded, corrected, heard, said_of
from wattcast.runtime import record as rec
from wattcast.runtime.clock import Block
from wattcast.runtime.model import Model
from wattcast.runtime.record import MeterState
from wattcast.runtime.window import level


def hear(model: Model, states: MeterState, y: NDArray[np.float64], block: Block, row: int) -> None:
    """Readings, before they enter the records; in place.

    Args:
        model: whose states they are.
        states: `[meter]`.
        y: in their unit `[meter]`; NaN where missing.
        block: calendar.
        row: of the interval that was read in it.
    """
    lay, slot, counts = model.grounds.layout, int(block.phase[row]), states["basis"] > 0
    twice = slot == lay.day - 1 and block.phase[row - 1] == slot  # the last hour of a day of 25
    if twice or slot >= lay.horizon or not counts.any():
        return
    value = (y / states["scale"] / np.where(counts, states["basis"], 1.0))[:, None]
    said = Said(*states["said"][:, :, slot, None].swapaxes(0, 1))
    then = states["bands_then"]
    day = Day(said, np.nan_to_num(value), np.isfinite(value) & counts[:, None])
    known = heard(Learned(states["drift"][:, slot, None], then), day, model.grounds.learning, lay)
    states["drift"][:, slot] = known.drift[:, 0]
    states["bands"] += known.bands - then


def say(model: Model, states: MeterState, q: NDArray[np.float64]) -> None:
    """What an advance says of its day, to be held against what comes; in place.

    Args:
        model: whose states they are.
        states: `[meter]`.
        q: finished quantiles in the unit of the readings, of at most a day `[meter, lead, quantile]`.
    """
    lay = model.grounds.layout
    now = level(lay, states, rec.readings(model.record, states))
    said = said_of(np.nan_to_num(q) / states["scale"][:, None, None], now, lay)
    bands = bounded(Learned(states["drift"], states["bands"])).bands
    keep(states, said, np.where((now > LEAST_LEVEL) & (states["count"] >= lay.history), now, 0.0), bands)


def keep(states: MeterState, said: Said, basis: NDArray[np.floating], bands: NDArray[np.floating]) -> None:
    """What was said at an advance, at which level, and with which bands; in place."""
    states["said"], states["basis"] = np.stack(said, axis=1), basis
    states["bands"] = states["bands_then"] = bands


def taught(model: Model, states: MeterState, block: Block, row: int, q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Finished quantiles `[meter, lead, quantile]` with what the errors taught."""
    lay, learned = model.grounds.layout, Learned(states["drift"][None], states["bands"][None])
    basis = (states["basis"] * states["scale"])[None]
    return corrected(q[None], lay, block.phase[row : row + 1], learned, basis, model.grounds.learning)[0]
