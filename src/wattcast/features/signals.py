"""Panel -> Signals -> inputs: what a network sees at an origin, from the past and what is known ahead, only.

Every array is causal: its entry for origin t depends on readings before t alone. `inputs` is written for NumPy
and JAX arrays alike, so training, batch forecasts and live state share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattcast.features.calendar import Calendar, Country, calendar, holidays_by_country
from wattcast.features.layout import Layout
from wattcast.features.panel import Panel
from wattcast.features.plan import advances_of

Array = Any  # numpy or jax
HINGES = 3
#: Time after which the last reading's deviation from its usual slot counts half as much for a gap [d].
HALF_LIFE = 0.25
#: Level over the meter's scale below which no level falls; a meter that was not heard yet has this one.
LEAST_LEVEL = 1e-3
#: Days that resemble one another; a public holiday counts as a Sunday: Mo, Tu-Th, Fr, Sa, Su.
KIND = np.array([0, 1, 1, 1, 2, 3, 4])
#: Days a day that resembles is looked for.
FARTHEST = 28
#: Days from the origin whose public holidays the network sees, beside those it forecasts and the one after.
HOLIDAYS_BEFORE = (-14, -7, -2, -1)
#: Days whose readings of one hour are looked at in the order of their size as well.
WEEK = 7
#: Exchanges that bring seven numbers into order; 16 are the least there are (Knuth, TAOCP 3, 5.3.4).
BY_SIZE = (
    (0, 6), (2, 3), (4, 5), (0, 2), (1, 4), (3, 6), (0, 1), (2, 5), (3, 4), (1, 2), (4, 6), (2, 3), (4, 5), (1, 2),
    (3, 4), (5, 6),
)  # fmt: skip


@dataclass(frozen=True)
class Scaling:
    """What is learned of the scale of each series, from the training part alone.

    Attributes:
        meter: mean absolute reading of each meter (1 where all are zero) `[meter]`.
        mean, std: of each covariate, over all meters `[covariate]`.
        hinges: quantiles of each standardised covariate at which its effect may bend `[covariate, hinge]`.
    """

    meter: NDArray[np.float64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    hinges: NDArray[np.float64]


def scaling(past: Panel) -> Scaling:
    """Scale of every meter and covariate of a panel that ends where training ends."""
    seen = np.isfinite(past.y)
    size = np.where(seen, np.abs(past.y), 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    size = np.where(size > 0, size, 1.0)
    flat = past.covariates.reshape(past.length * len(past.ids), len(past.names))
    mean = np.array([np.nanmean(c) if np.isfinite(c).any() else 0.0 for c in flat.T])
    std = np.array([np.nanstd(c) if np.isfinite(c).any() else 0.0 for c in flat.T])
    std = np.where(std > 0, std, 1.0)
    levels = np.linspace(0, 1, HINGES + 2)[1:-1]
    bends = [
        np.nanquantile((c - m) / s, levels) if np.isfinite(c).any() else np.zeros(HINGES)
        for c, m, s in zip(flat.T, mean, std, strict=True)
    ]
    return Scaling(size, mean, std, np.array(bends).reshape(-1, HINGES))


class Signals(NamedTuple):
    """Arrays a network reads; time first, float32.

    Attributes:
        y: readings over the meter's scale, gaps filled by `fill` `[time, meter]`.
        seen: 1 where a reading is real `[time, meter]`.
        level: mean absolute reading of the last seven days before each origin, floored `[time + 1, meter]`.
        mean: mean reading of the last day before each origin `[time + 1, meter]`.
        clock: calendar features of every step `[time + ahead, feature]`.
        holiday: 1 on public holidays of each country `[time + ahead, country]`.
        alike: days back to the last one of the same kind that lies before any origin `[time + ahead, country]`.
        country: of each meter, a column of those two `[meter]`.
        who: place of each meter among those trained on; their number for any other `[meter]`.
        known: standardised covariates known ahead, with their hinges `[time + ahead, meter, feature]`.
        advances: origins at which the state moves on `[advance]`.
        phase: steps since the last of them, for every origin, less than a stride `[time + 1]`.
        known_from: first origin at which a row of `known` was known `[time + ahead, meter]`; `[0, 0]` where any is.
    """

    y: Array
    seen: Array
    level: Array
    mean: Array
    clock: Array
    holiday: Array
    alike: Array
    country: Array
    who: Array
    known: Array
    advances: Array
    phase: Array
    known_from: Array


def signals(  # noqa: PLR0913, PLR0917  (what a network is told)
    p: Panel, scale: Scaling, lay: Layout, country: Country = None, at: time = time(0), ids: Sequence[str] = ()
) -> Signals:
    """Signals of a panel; covariates reach as far past the last reading as the panel knows them.

    Args:
        p: readings.
        scale: what the training part fixed.
        lay: what a forecast looks at.
        country: whose public holidays count.
        at: local time at which days begin.
        ids: meters trained on.
    """
    seen = np.isfinite(p.y)
    y = fill(np.where(seen, p.y / scale.meter, np.nan), p.day)
    ahead = lay.targets.max() + 2 + p.day
    level = np.maximum(_trailing(np.abs(y), 7 * p.day), 0.1 * _trailing(np.abs(y), None))
    z = (p.covariates - scale.mean) / scale.std
    bent = np.maximum(z[..., None] - scale.hinges, 0.0).reshape(*z.shape[:2], -1)
    known = np.nan_to_num(np.concatenate([z, bent], axis=-1))
    known = np.concatenate([known, np.zeros((ahead, *known.shape[1:]))])
    known_from = np.zeros((0, 0)) if p.known_from is None else np.pad(p.known_from, ((0, ahead), (0, 0)))
    cal = calendar(p.start, p.step, p.length + ahead, zone=p.zone)
    holiday, column = holidays_by_country(p.start, p.step, p.length + ahead, zone=p.zone, ids=p.ids, country=country)
    moves = advances_of(p, lay, p.length, at)
    place = {meter: k for k, meter in enumerate(ids)}
    return Signals(
        y=_f32(y),
        seen=_f32(seen),
        level=_f32(np.maximum(level, LEAST_LEVEL)),
        mean=_f32(_trailing(y, p.day)),
        clock=clock_features(cal, lay),
        holiday=_f32(holiday),
        alike=alike(cal, holiday, lay),
        country=column,
        who=np.array([place.get(meter, len(ids)) for meter in p.ids], np.int32),
        known=_f32(known),
        advances=moves,
        phase=phase_of(moves, p.length, lay.stride),
        known_from=known_from.astype(np.int32),
    )


def clock_features(cal: Calendar, lay: Layout) -> NDArray[np.float32]:
    """Time of day, of the year and of the week `[time, feature]`."""
    turn, year = 2 * np.pi * cal.hour / 24, 2 * np.pi * cal.year_phase
    clock = [f(k * turn) for k in (1, 2, 3) for f in (np.sin, np.cos)]
    clock += [f(k * year) * lay.yearly for k in (1, 2) for f in (np.sin, np.cos)]
    clock += [cal.weekday == d for d in range(7)]
    return _f32(np.stack(clock, axis=-1))


def _f32(a: NDArray[Any]) -> NDArray[np.float32]:
    return np.ascontiguousarray(a, np.float32)


def phase_of(moves: NDArray[np.int32], length: int, stride: int) -> NDArray[np.int32]:
    """Steps since the last advance; on a day of 25 hours the last slot holds twice."""
    t = np.arange(length + 1)
    if not len(moves):
        return (t % stride).astype(np.int32)
    since = t - moves[np.maximum(np.searchsorted(moves, t, "right") - 1, 0)]
    return np.where(since >= 0, np.minimum(since, stride - 1), since % stride).astype(np.int32)


def alike(cal: Calendar, holiday: NDArray[Any], lay: Layout) -> NDArray[np.int32]:
    """Days back to the last day of the same kind; where none is near, whole weeks back (or days, without weeks)."""
    found = np.full(holiday.shape, lay.season, np.int32)
    kind = np.where(holiday > 0, KIND[6], KIND[cal.weekday][:, None])
    farthest = FARTHEST if lay.weekly else 1
    for back in range(farthest, lay.days - 1, -1):
        n = back * lay.day
        found[n:][kind[n:] == kind[:-n]] = back
    return found


def fill(y: NDArray[np.float64], day: int) -> NDArray[np.float64]:
    """Gaps take the same slot a week before, else a day before, moved by how far the last reading was off its own.

    The network cannot tell a filled reading from a real one, so a fill has to be near: of 20 % of readings gone at
    random, the same slot a week before alone missed by 7 % of the load of Victoria, moved so by 1.3 %. Nothing later
    is looked at. Before the first reading of a meter there are zeros.
    """
    y, gone = y.copy(), np.isnan(y)
    last = np.maximum.accumulate(np.where(gone, -1, np.arange(len(y))[:, None]), axis=0)
    for t in np.flatnonzero(gone.any(axis=1)):
        m = np.flatnonzero(gone[t])
        at, lag = last[t, m], 7 * day if t >= 7 * day else day
        if t < lag:
            y[t, m] = np.where(at >= 0, y[at, m], 0.0)
            continue
        base = y[t - lag, m]
        off = np.where(at >= lag, y[at, m] - y[at - lag, m], 0.0)
        near = base + off * 0.5 ** ((t - at) / (HALF_LIFE * day))
        y[t, m] = np.maximum(near, np.minimum(base, 0.0))  # no feed-in where there was none
    return y


def _trailing(y: NDArray[np.float64], window: int | None) -> NDArray[np.float64]:
    """Mean of the last `window` (or all) rows before each origin `[time + 1, ...]`; 0 before the first."""
    total = np.concatenate([np.zeros((1, *y.shape[1:])), np.cumsum(y, axis=0)])
    t = np.arange(len(total))
    first = np.maximum(t - (window or len(total)), 0)
    return (total[t] - total[first]) / np.maximum(t - first, 1)[:, None]


def inputs(s: Signals, lay: Layout, t: Array, m: Array, xp: Any = np, some: Array | None = None) -> tuple[Array, Array]:
    """What the network sees at origins `t` of meters `m` (any shape, same for both).

    Args:
        s: signals.
        lay: what a forecast looks at.
        t: origins `[*]`.
        m: meters `[*]`.
        xp: numpy or jax.numpy.
        some: outputs that `local` is wanted of; all unless given.

    Returns:
        x: `[*, feature]`, all relative to the level.
        local: `[feature, *, output]`: of those, what belongs to one target; feature 0 is the base forecast that
            the network corrects. Features come first, as XLA puts them together, and multiplies them by weights, a
            third faster than where they come last.
    """
    now, t, m = t, t[..., None], m[..., None]
    p = s.phase[now]
    level = s.level[t, m]
    recent, lags = (s.y[t + xp.asarray(offsets)[p], m] / level - 1.0 for offsets in (lay.recent, lay.lags))
    at = t[..., None] + xp.asarray(lay.moments)[p]
    known = s.known[at, m[..., None]]
    if s.known_from.size:  # what was not yet known counts as a missing covariate does
        there = s.known_from[at, m[..., None]] <= t[..., None]
        known = xp.where(there[..., None], known, xp.zeros_like(known))
    back = xp.asarray(np.arange(mean_days(lay)) * -lay.day, dtype=np.int32).reshape((1,) * now.ndim + (-1,))
    means = s.mean[xp.maximum(t + back, 0), m] / level - 1.0
    n = lay.targets.shape[1]
    country = s.country[m]
    around = holidays_around(lay) * lay.day
    holidays = s.holiday[xp.maximum(t + xp.asarray(around).reshape((1,) * now.ndim + (-1,)), 0), country]
    clock = xp.concatenate([s.clock[now], holidays], axis=-1)

    def of(a: Array, first: int = 0) -> Array:
        return a[..., first : first + n] if some is None else a[..., first + some]

    if lay.stride == 1:
        blocks = [of(xp.broadcast_to(recent[..., -1:], (*recent.shape[:-1], n)))]
    else:
        ahead = xp.asarray(lay.targets)[p]
        target = t + ahead
        same = s.y[xp.maximum(target - s.alike[target, country] * lay.day, 0), m] / level - 1.0
        blocks = [of(lags, k) for k in range(0, lags.shape[-1], n)]
        blocks += [of(xp.concatenate([recent[..., : lay.day]] * lay.days, axis=-1)), of(same)]
        blocks.append(s.holiday[of(target), country])
        if lay.habits:
            at = t[None] + xp.stack(usual_offsets(lay, of(ahead), xp, some))
            blocks += habits(s.y[xp.where(at < 0, at % (7 * lay.day), at), m[None]] / level[None] - 1.0, xp)
        lags = xp.concatenate([lags, same], axis=-1)
    others = known if some is None else known[..., some, :, :]
    others = xp.moveaxis(others.reshape(*others.shape[:-2], -1), -1, 0)
    local = xp.concatenate([xp.stack(blocks), others])
    # hinges and other moments only where they belong to one target: in x they are many weights and overfit
    straight = known[..., 0, : known.shape[-1] // (1 + HINGES)]
    x = xp.concatenate([recent, lags, means, clock, straight.reshape(*straight.shape[:-2], -1)], axis=-1)
    return x, local


def usual_offsets(lay: Layout, ahead: Array, xp: Any = np, some: Array | None = None) -> list[Array]:
    """Readings that say what is usual at a step ahead, as offsets from the origin.

    The same hour of the last `WEEK` days and of the day before them; two and three weeks before the week that `lags`
    begin with; neighbours of the reading of that week and of the last day. Before the first reading of a meter the
    same hour of its first week stands in.

    Args:
        lay: what a forecast looks at.
        ahead: `lay.targets` of the phase `[*, output]`.
        xp: numpy or jax.numpy.
        some: which outputs they are; all unless given.
    """
    day, week = lay.day, ahead - lay.season * lay.day
    whole_days = (np.arange(lay.outputs, dtype=np.int32) if some is None else some) // day * day
    first = ahead - whole_days.reshape((1,) * (ahead.ndim - 1) + (-1,))
    near = [xp.minimum(of + k, -1) for of in (week, first - day) for k in (-2, -1, 1, 2)]
    return [*(first - k * day for k in range(1, WEEK + 2)), week - 2 * WEEK * day, week - 3 * WEEK * day, *near]


#: How many those are.
USUAL = WEEK + 1 + 2 + 8


def habits(usual: Array | Sequence[Array], xp: Any = np) -> list[Array]:
    """What a step ahead is told of those readings: all but the last day's, which it knows, and the week by size."""
    week = list(usual[:WEEK])
    for low, high in BY_SIZE:  # elementwise, as XLA sorts rows of seven far slower
        week[low], week[high] = xp.minimum(week[low], week[high]), xp.maximum(week[low], week[high])
    return [*usual[1:], *week]


def holidays_around(lay: Layout) -> NDArray[np.int32]:
    """Days from the origin whose public holidays the network sees."""
    return np.array([*HOLIDAYS_BEFORE, *range(lay.days + 1)] if lay.stride > 1 else [0], np.int32)


def mean_days(lay: Layout) -> int:
    """Days before the origin whose means the network sees."""
    return 8 if lay.stride == 1 else 15


def clock_size(lay: Layout) -> int:
    """How many features tell of the calendar: time of day, year and week, and holidays."""
    return 17 + len(holidays_around(lay))


def sizes(lay: Layout, covariates: int) -> tuple[int, int, int]:
    """Numbers of features, of features local to one step ahead, and of outputs, as `inputs` gives them."""
    n = lay.targets.shape[1]
    steps = lay.stride == 1
    moments = lay.moments.shape[2]
    readings = lay.recent.shape[1] + lay.lags.shape[1] + (0 if steps else n)
    features = readings + mean_days(lay) + clock_size(lay) + n * covariates
    blocks = 1 if steps else lay.lags.shape[1] // n + 3 + (USUAL - 1 + WEEK) * lay.habits
    return features, blocks + moments * covariates * (1 + HINGES), n
