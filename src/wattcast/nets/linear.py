"""The linear path in closed form: a ridge regression from what the network sees to the medians of a whole day.

A network trained by steps learns what is linear slowly and shares it among meters. Solved exactly, for each meter by
itself, it says what gates need not learn and what is that meter's own; the mean of both beats either. Days that no
other days foretell count less (weighted least squares, as of a Student's t: Lange, Little and Taylor 1989). One year of
34 countries to learn from, the next to judge, MAPE: networks 2.17 %, regression 2.17 %, half of it 2.06 %; as one
matrix for all and a rest for each, which was here before, 2.23 and 2.14 %.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattcast.features.layout import PARTS, Layout
from wattcast.features.panel import Floats
from wattcast.features.regression import held_out, median_regression, solve
from wattcast.features.signals import HINGES, LEAST_LEVEL, Signals, clock_size, inputs, mean_days, sizes

Array = Any  # numpy or jax
#: Penalties tried, as a share of the variance of a standardised feature.
PENALTIES = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0, 10.0)
#: Blocks of time, each held out once to choose a penalty; fewer where meters are many.
FOLDS, FEWER_FOLDS, MANY = 10, 3, 100
#: Days from which a meter has a matrix of its own.
OWN_DAYS = 150
#: Numbers in all matrices together; with more, meters share one.
LARGEST = 25_000_000
#: Rows the shared matrix learns from, at most.
MOST_ROWS = 40_000
#: Share of the usual squared error of a day that is added to that of each, before the day counts by the inverse.
CALM = 0.3
#: How freely features get weights: readings of the last day, those a week and more before, the calendar. Others: 1.
LAST_DAY, WEEKS_BEFORE, CALENDAR = 2.0, 0.5, 2.0
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


def fit_linear(s: Signals, lay: Layout, covariates: int, end: int, meters: int, *, rough: bool) -> LinearPath:
    """Solves for the days that end before `end`.

    Args:
        s: signals of the training part, NumPy.
        lay: layout in days.
        covariates: how many are known ahead.
        end: grid index at which the training part ends.
        meters: how many there are.
        rough: whether days are (nets/coarse.py): half of the path is then that of `_of_parts`.
    """
    t = s.advances[s.advances <= end - lay.horizon]
    folds = FOLDS if meters <= MANY else FEWER_FOLDS
    block = np.arange(len(t)) * folds // max(len(t), 1)
    pick = np.random.default_rng(0).permutation(len(t) * meters)[:MOST_ROWS]
    x, y, use = _rows(s, lay, covariates, t[pick // meters], pick % meters)
    if use.sum() < 2 * FOLDS:
        return no_path()
    ease = _ease(lay, x.shape[1])

    def fitted(x: Floats, y: Floats, block: NDArray[Any]) -> Floats:
        whole = _fitted(x, y, block, ease)
        return (whole + _of_parts(x, y, lay, covariates)) / 2 if rough else whole

    shared = fitted(x[use], y[use], block[pick // meters][use])
    if meters == 1 or len(t) < OWN_DAYS or shared.size * meters > LARGEST:
        return LinearPath(shared[None].astype(np.float32))
    own = np.repeat(shared[None].astype(np.float32), meters + 1, axis=0)
    for m in range(meters):
        x, y, use = _rows(s, lay, covariates, t, np.full(len(t), m))
        if use.sum() >= OWN_DAYS:
            own[m] = fitted(x[use], y[use], block[use])
    return LinearPath(own)


def _profile_sizes(lay: Layout) -> tuple[int, int, int, int]:
    """How many of `linear_features` make a day; are recent; lie weeks before; are of the last days of the same kind."""
    some = each(lay.day, PROFILES)
    return lay.day // some, lay.recent.shape[1] // some, lay.lags.shape[1] // some, lay.outputs // some


def _ease(lay: Layout, features: int) -> Floats:
    """How freely each of `linear_features` gets a weight."""
    last, recent, lags, alike = _profile_sizes(lay)
    clock = recent + lags + alike + mean_days(lay)
    ease = np.ones(features)
    ease[:last], ease[recent : recent + lags] = LAST_DAY, WEEKS_BEFORE
    ease[clock : clock + clock_size(lay)] = CALENDAR
    return ease


def _fitted(x: Floats, y: Floats, block: NDArray[Any], ease: Floats) -> Floats:
    """Weights `[feature, output]` on features as they are, the last of which is the constant.

    Args:
        x: features `[row, feature]`.
        y: targets `[row, output]`.
        block: of time, of each row.
        ease: of each feature.
    """
    _, missed = chosen_penalty(x, y, block, None, ease)
    usual = np.median(missed)
    trust = 1.0 / (missed + CALM * usual) if usual > 0 else np.ones(len(x))
    penalty, _ = chosen_penalty(x, y, block, trust, ease)
    solved = solve(x, y, trust, ease)
    weights = solved.weights(penalty) / solved.width[:, None]
    weights[-1] = solved.offset - solved.centre[:-1] @ weights[:-1]
    return weights


def _of_parts(x: Floats, y: Floats, lay: Layout, covariates: int) -> Floats:
    """Weights `[feature, output]` by absolute errors, the same for all outputs of a part of the day.

    What a home does from one half hour to the next is chance. A weight from each reading of the days before to each
    reading ahead follows it, and means lie above medians where a few readings are large.

    Args:
        x: features `[row, feature]`, the last of them 1.
        y: targets `[row, output]`.
        lay: layout in days, of a day that `PARTS` divides.
        covariates: how many are known ahead.
    """
    weights, size = np.zeros((x.shape[1], y.shape[1])), lay.day // PARTS
    for first in range(0, lay.outputs, size):
        outputs = np.arange(first, first + size)
        heard = list(_heard(lay, covariates, outputs))
        rows = np.stack([x[:, columns].mean(axis=2) for columns in heard], axis=-1)
        slopes, constant = median_regression(rows.reshape(-1, len(heard)), y[:, outputs].ravel())
        for columns, slope in zip(heard, slopes, strict=True):
            np.add.at(weights, (columns, outputs[:, None]), slope / columns.shape[1])
        weights[-1, outputs] += constant
    return weights


def _heard(lay: Layout, covariates: int, outputs: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """What outputs are told of, each the mean of columns of `linear_features` `[output, column]`.

    Their own slot in each profile and the part of the day around it, neighbours on the last day and a week before, the
    weather at their hour, and what belongs to no slot.
    """
    day, recent, lags, ahead = _profile_sizes(lay)
    some, hours = lay.day // day, each(lay.day, WEATHER)
    size, profiles = max(1, day // PARTS), recent + lags + ahead
    blocks = [(0, day), (day, day), *((first, ahead) for first in range(recent, profiles, ahead))]
    for first, length in blocks:
        own = outputs // some % length
        yield first + own[:, None]
        if size > 1:
            yield first + (own // size * size)[:, None] + np.arange(size)
        if first in {0, recent}:
            yield from (first + np.clip(own + k, 0, length - 1)[:, None] for k in (-1, 1))
    weather = profiles + mean_days(lay) + clock_size(lay)
    yield from (np.full((len(outputs), 1), k) for k in range(profiles, weather))
    kinds = covariates * (1 + HINGES)
    for length, hour in ((lay.outputs, outputs), (lay.day, outputs % lay.day), (hours, 0 * outputs)):
        yield from ((weather + hour // hours * kinds + k)[:, None] for k in range(kinds))
        weather += length // hours * kinds


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


def chosen_penalty(
    x: Floats, y: Floats, block: NDArray[Any], trust: Floats | None = None, ease: Floats | float = 1.0
) -> tuple[float, Floats]:
    """The penalty of least absolute error on held-out blocks, and the mean square of each row's errors by it.

    Args:
        x: features `[row, feature]`.
        y: targets `[row, output]`.
        block: of each row.
        trust: what each row that is learned from counts.
        ease: of each feature.
    """
    losses, squares = np.zeros(len(PENALTIES)), np.zeros((len(PENALTIES), len(x)))
    for out, errors in held_out(x, y, block, PENALTIES, trust, ease):
        losses += np.abs(errors).sum(axis=(1, 2))
        squares[:, out] = np.square(errors).mean(axis=2)
    best = int(np.argmin(losses))
    return PENALTIES[best], squares[best]


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
