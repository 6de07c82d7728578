"""The linear path between two advances: a direct autoregression, from the newest readings to the medians ahead.

The one for advances (nets/linear.py) has a weight for each hour of the day, so it speaks where days begin alone. This
one has a weight for each lag and lead, the same at any hour, and needs no calendar. That a linear map from the readings
alone is hard to beat on long horizons is what RLinear (Li 2023, arXiv:2305.10721) and the closed form of Toner and
Darlow (2024, arXiv:2403.14587) show. Half-hourly load of Victoria, a day ahead from noon, validation fold, pinball: one
network .0151, this path .0172, 40 % of it .0140.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattcast.features.layout import Layout
from wattcast.features.regression import solve
from wattcast.features.signals import LEAST_LEVEL, Signals
from wattcast.nets.linear import ENOUGH_READ, chosen_penalty

Array = Any  # numpy or jax
#: Rows that are learned from, and numbers in them, at most.
MOST_ROWS, MOST_NUMBERS = 40_000, 25_000_000
#: Weights at most: a month of quarter hours would take 46 MB.
LARGEST = 2_000_000
#: Blocks of time, each held out once to choose a penalty, on so many of the leads.
FOLDS, LEADS = 3, 24


def fit_between(s: Signals, lay: Layout, end: int, meters: int) -> NDArray[np.float32]:
    """Weights from readings to the leads `[reading, lead]`, whatever the unit: those of a lead add up to 1.

    They are those of a regression on the readings' distance from the mean of their last day, in which all meters have
    one spread: over their levels, a meter whose readings change sign would outweigh all others.

    Args:
        s: signals of the training part, NumPy.
        lay: layout in days.
        end: grid index at which the training part ends.
        meters: how many there are.

    Returns:
        No weights at all where there are too few readings, or would be too many weights.
    """
    reach, leads = lay.history, lay.horizon - lay.gap
    none, first = np.zeros((0, 0), np.float32), lay.needed
    origins = end - lay.horizon - first + 1
    if reach * leads > LARGEST or origins < 2 * FOLDS:
        return none
    rows = min(MOST_ROWS, MOST_NUMBERS // reach, origins * meters)
    pick = np.sort(np.random.default_rng(0).choice(origins * meters, rows, replace=False))
    t, m = first + pick // meters, pick % meters
    past, ahead = (t[:, None] + np.arange(*ends) for ends in ((-reach, 0), (lay.gap, lay.horizon)))
    level = s.level[t, m]
    read = np.minimum(*(s.seen[at, m[:, None]].mean(1) for at in (past, ahead)))
    use = (level > LEAST_LEVEL) & (read >= ENOUGH_READ)
    if use.sum() <= reach:
        return none
    m = m[use]
    x, y = (s.y[at[use], m[:, None]].astype(np.float64) for at in (past, ahead))
    centre = x[:, -lay.day :].mean(1, keepdims=True)
    size = np.sqrt(np.bincount(m, np.square(x - centre).mean(1)) / np.maximum(np.bincount(m), 1))[m, None]
    x, y = ((a - centre) / np.maximum(size, LEAST_LEVEL) for a in (x, y))
    some = np.unique(np.linspace(0, leads - 1, min(leads, LEADS)).astype(int))
    penalty, _ = chosen_penalty(x, y[:, some], pick[use] * FOLDS // (origins * meters))
    solved = solve(x, y)
    weights = solved.weights(penalty) / solved.width[:, None]  # a constant has no unit that all meters share
    weights[-lay.day :] += (1.0 - weights.sum(0)) / lay.day  # the mean of the last day, given back
    return weights.astype(np.float32)


def between_medians(weights: Array, s: Signals, lay: Layout, t: Array, m: Array, xp: Any = np) -> Array:
    """What the path says at origins `t` of meters `m`, relative to the level `[*, output]`.

    Outputs that are not asked for have any number.

    Args:
        weights: of the path.
        s: signals.
        lay: layout in days.
        t: origins, each with as many readings before it as the path takes `[*]`.
        m: meters `[*]`.
        xp: numpy or jax.numpy.
    """
    back = xp.asarray(np.arange(-len(weights), 0, dtype=np.int32)).reshape((1,) * t.ndim + (-1,))
    past = s.y[t[..., None] + back, m[..., None]] / s.level[t, m][..., None] - 1.0
    lead = xp.clip(xp.asarray(lay.targets)[s.phase[t]] - lay.gap, 0, weights.shape[1] - 1)
    return xp.take_along_axis(past @ weights, lead, axis=-1)
