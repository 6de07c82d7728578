"""The linear path in closed form: a ridge regression from what the network sees to the medians of a whole day.

A network trained by steps learns what is linear slowly and shares it among meters; solved exactly, with a matrix a
meter that shrinks to the shared one, it says what gates need not learn, and the mean of both beats either (one year
of 34 countries to learn from, the next to judge: ridge 2.15 %, networks 2.08 %, their mean 2.02 % MAPE).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattcast.features.layout import Layout
from wattcast.features.panel import Floats
from wattcast.features.regression import Solved, held_out, solve
from wattcast.features.signals import HINGES, LEAST_LEVEL, Signals, inputs, sizes

Array = Any  # numpy or jax
#: Penalties tried, as a share of the variance of a standardised feature.
PENALTIES = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0, 10.0)
#: Blocks of time, each held out once to choose a penalty.
FOLDS = 10
#: Days from which a meter has a matrix of its own.
OWN_DAYS = 150
#: Numbers in all matrices together; with more, meters share one.
LARGEST = 25_000_000
#: Rows the shared matrix learns from, and meters on which the penalty of the own ones is chosen, at most.
MOST_ROWS, MOST_METERS = 40_000, 12
#: Readings a day up to which profiles, and weather, are taken as they are.
PROFILES, WEATHER = 48, 24
#: Share of a day's targets that must have been read for the day to be learned from.
ENOUGH_READ = 0.75


@dataclass(frozen=True)
class LinearPath:
    """Weights from `linear_features`, a 1 after them, to outputs relative to the level.

    Attributes:
        weights: `[meter or one, feature + 1, output]`; the last matrix serves every other meter; none where there is
            no such path.
        share: of the median that comes from here, the rest from the network; 0 .. 1.
        between: the same for forecasts made between two advances, by nets/between.py `[reading, lead]`.
        share_between: of the median then.
    """

    weights: NDArray[np.float32]
    share: float = 0.0
    between: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    share_between: float = 0.0


def no_path() -> LinearPath:
    """None at all, as for short horizons."""
    return LinearPath(np.zeros((0, 0, 0), np.float32))


def linear_features(x: Array, local: Array, lay: Layout, covariates: int, xp: Any = np) -> Array:
    """Features of the regression `[*, feature]` from `inputs`: day profiles and weather no finer than an hour or so.

    Args:
        x: `[*, feature]`.
        local: `[feature, *, output]`.
        lay: layout in days.
        covariates: how many are known ahead.
        xp: numpy or jax.numpy.
    """
    n, profiles = lay.outputs, lay.recent.shape[1] + lay.lags.shape[1] + lay.outputs
    lead = x.shape[:-1]
    some = each(lay.day, PROFILES)
    coarse = x[..., :profiles].reshape(*lead, profiles // some, some).mean(-1)
    parts = [coarse, x[..., profiles : x.shape[-1] - n * covariates], xp.ones_like(x[..., :1])]
    if covariates:
        kinds = covariates * (1 + HINGES)
        weather = xp.moveaxis(local[len(local) - 3 * kinds :], 0, -1).reshape(*lead, n, 3, kinds)
        some = each(lay.day, WEATHER)
        hours = weather.reshape(*lead, n // some, some, 3, kinds).mean(-3)
        ahead, before = hours[..., 0, :], hours[..., : lay.day // some, 1, :]
        flat = [a.reshape(*lead, a.shape[-2] * kinds) for a in (ahead, before)]
        parts = [*parts[:2], *flat, weather[..., 2, :].mean(-2), parts[2]]
    return xp.concatenate(parts, axis=-1)


def linear_size(lay: Layout, covariates: int) -> int:
    """Number of `linear_features`; 0 for layouts that have no linear path."""
    if lay.stride == 1:
        return 0
    features, local, n = sizes(lay, covariates)
    shape = np.zeros((1, features)), np.zeros((local, 1, n))
    return int(linear_features(*shape, lay, covariates).shape[-1])


def each(day: int, finest: int) -> int:
    """Readings that make one feature: as many as an hour has where a day has more than `finest`."""
    return day // 24 if day > finest and day % 24 == 0 else 1


def fit_linear(s: Signals, lay: Layout, covariates: int, end: int, meters: int) -> LinearPath:
    """Solves for the days that end before `end`.

    Args:
        s: signals of the training part, NumPy.
        lay: layout in days.
        covariates: how many are known ahead.
        end: grid index at which the training part ends.
        meters: how many there are.
    """
    t = s.advances[s.advances <= end - lay.horizon]
    rng = np.random.default_rng(0)
    block = np.arange(len(t)) * FOLDS // max(len(t), 1)
    pick = rng.permutation(len(t) * meters)[:MOST_ROWS]
    x, y, use = _rows(s, lay, covariates, t[pick // meters], pick % meters)
    if use.sum() < 2 * FOLDS:
        return no_path()
    learned = x[use], y[use], block[pick // meters][use]
    weights = _weights(solve(*learned[:2]), chosen_penalty([learned]))
    if meters == 1 or len(t) < OWN_DAYS or weights.size * meters > LARGEST:
        return LinearPath(weights[None].astype(np.float32))
    rest = []
    for m in range(meters):
        x, y, use = _rows(s, lay, covariates, t, np.full(len(t), m))
        rest.append((x[use], y[use] - x[use] @ weights, block[use]))
    enough = [m for m in range(meters) if len(rest[m][0]) >= OWN_DAYS]
    if not enough:
        return LinearPath(weights[None].astype(np.float32))
    penalty = chosen_penalty([rest[m] for m in enough[:: -(-len(enough) // MOST_METERS)]])
    own = np.repeat(weights[None], meters + 1, axis=0)
    for m in enough:
        own[m] += _weights(solve(*rest[m][:2]), penalty)
    return LinearPath(own.astype(np.float32))


def _rows(
    s: Signals, lay: Layout, covariates: int, t: NDArray[Any], m: NDArray[Any]
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Features and targets at origins `t` of meters `m`, and which rows were read well enough to learn from."""
    x = linear_features(*inputs(s, lay, t, m), lay, covariates).astype(np.float64)
    at = np.minimum(t[:, None] + lay.targets[s.phase[t]], len(s.y) - 1)
    level = s.level[t, m]
    y = s.y[at, m[:, None]] / level[:, None] - 1.0
    heard = level > LEAST_LEVEL  # over no level at all one row would outweigh all others
    return x, y.astype(np.float64), heard & (s.seen[at, m[:, None]].mean(1) >= ENOUGH_READ)


def chosen_penalty(parts: Sequence[tuple[Floats, Floats, NDArray[Any]]]) -> float:
    """The one of least absolute error on held-out blocks of all parts (features, targets, blocks)."""
    losses = np.zeros(len(PENALTIES))
    for part in parts:
        for _, errors in held_out(*part, PENALTIES):
            losses += np.abs(errors).sum(axis=(1, 2))
    return PENALTIES[int(np.argmin(losses))]


def _weights(solved: Solved, penalty: float) -> Floats:
    """On features as they are; the last feature is the constant."""
    weights = solved.weights(penalty) / solved.width[:, None]
    weights[-1] = solved.offset - solved.centre[:-1] @ weights[:-1]
    return weights


def linear_medians(path: LinearPath, s: Signals, lay: Layout, covariates: int, t: NDArray[Any]) -> NDArray[np.float32]:
    """What the path says at origins `t` of all meters, relative to the level `[origin, meter, output]`; NumPy."""
    out = np.empty((len(t), len(s.who), lay.outputs), np.float32)
    for m, who in enumerate(s.who):
        x = linear_features(*inputs(s, lay, t, np.full(len(t), m)), lay, covariates)
        out[:, m] = x @ path.weights[min(int(who), len(path.weights) - 1)]
    return out


def blended(quantiles: Array, linear: Array, share: Array | float) -> Array:
    """Quantiles moved so that their median is the mean of both paths, `share` of it the linear one's."""
    median = quantiles[..., quantiles.shape[-1] // 2]
    return quantiles + (share * (linear - median))[..., None]
