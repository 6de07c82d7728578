"""Regression rows of the ridge baseline: what is known at an origin, over the meter's recent level."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from wattcast.baselines.past import Ints, carried, filled, take
from wattcast.features.calendar import Calendar
from wattcast.features.panel import Floats, mean

#: Share of the training mean below which the level does not fall: empty homes would blow ratios up.
LEVEL_FLOOR = 0.3
#: Shares of the training readings of a covariate at which its effect may bend (cold, warm, hot).
BENDS = (0.3, 0.7, 0.9)
#: Days back whose mean is a feature.
DAILY_MEANS = 14


@dataclass(frozen=True)
class Scales:
    """What the training part fixes for each meter.

    Attributes:
        floor: least level `[meter]` [unit of y].
        knots: where covariates bend `[bend, meter, covariate]`; NaN for those with two values or fewer.
        least, most: range of covariates `[meter, covariate]`; a straight line says nothing beyond it.
    """

    floor: Floats
    knots: Floats
    least: Floats
    most: Floats


def scales(y: Floats, covariates: Floats) -> Scales:
    """Level floors and bends from the training part."""
    size = mean(np.abs(y), 0)
    typical = float(np.median(size[np.isfinite(size)])) if np.isfinite(size).any() else 1.0
    floor = np.maximum(LEVEL_FLOOR * np.nan_to_num(size), 0.05 * typical)
    knots = np.full((len(BENDS), *covariates.shape[1:]), np.nan)
    for m, k in np.ndindex(*covariates.shape[1:]):
        known = covariates[np.isfinite(covariates[:, m, k]), m, k]
        if len(np.unique(known[:1000])) > 2:
            knots[:, m, k] = np.quantile(known, BENDS)
    known = np.isfinite(covariates)
    least = np.where(known, covariates, np.inf).min(0, initial=np.inf)
    most = np.where(known, covariates, -np.inf).max(0, initial=-np.inf)
    return Scales(np.where(floor > 0, floor, 1.0), knots, least, most)


class Known:
    """Readings and covariates up to one moment, ready to take rows from.

    Args:
        y: readings `[time, meter]`, NaN where missing.
        covariates: `[time, meter, covariate]`, may reach past `y`.
        clock: calendar of the steps, reaching at least two days past the last target.
        free: 1 on a meter's public holidays, else 0 `[time, meter]`, reaching as far.
        day: steps in a day.
        scale: what the training part fixed.
    """

    def __init__(
        self, y: Floats, covariates: Floats, clock: Calendar, free: NDArray[np.float32], day: int, scale: Scales
    ):
        self.y, self.day, self.clock, self.scale = filled(y, day), day, clock, scale
        zero = np.zeros((1, y.shape[1]))
        self._free = np.concatenate([zero, np.cumsum(free, 0, dtype=np.float64)])
        self.bent = _bend(np.clip(carried(covariates, day), scale.least, scale.most), scale.knots)
        finite = np.isfinite(self.y)
        self._count = np.concatenate([zero, np.cumsum(finite, 0)])
        self._sum = np.concatenate([zero, np.cumsum(np.where(finite, self.y, 0.0), 0)])
        self._size = np.concatenate([zero, np.cumsum(np.where(finite, np.abs(self.y), 0.0), 0)])

    def level(self, origins: Ints) -> Floats:
        """Mean |y| of the week before each origin `[origin, meter]`, floored; NaN without readings."""
        size = self._window(self._size, origins - 7 * self.day, origins)
        return np.where(np.isfinite(size), np.maximum(size, self.scale.floor), np.nan)

    def _window(self, total: Floats, first: Ints, last: Ints) -> Floats:
        a, b = np.maximum(first, 0), np.maximum(last, 0)
        count = self._count[b] - self._count[a]
        return np.where(count > 0, (total[b] - total[a]) / np.maximum(count, 1), np.nan)

    def profile(self, first: Ints) -> Floats:
        """One day of readings from `first` `[origin, meter, hour or step]`."""
        return _coarse(take(self.y, first[:, None] + np.arange(self.day)), self.day, finest=48)

    def daily_means(self, origins: Ints) -> Floats:
        """Means of the days before each origin `[origin, meter, day]`; where unknown, of the day before."""
        ends = [origins - k * self.day for k in range(DAILY_MEANS)]
        means = np.stack([self._window(self._sum, e - self.day, e) for e in ends], -1)
        return np.where(np.isfinite(means), means, means[..., :1])

    def holidays(self, first: Ints) -> Floats:
        """Share of holiday in the day from `first`, its neighbours and the week before `[origin, meter, day]`."""
        last = len(self._free) - 1
        starts = [np.clip(first + shift * self.day, 0, last) for shift in (0, -1, -7, 1)]
        ends = [np.clip(a + self.day, 0, last) for a in starts]
        return np.stack([self._free[b] - self._free[a] for a, b in zip(starts, ends, strict=True)], -1) / self.day

    def weather(self, first: Ints, width: int) -> Floats:
        """Covariates of `width` steps from `first`, by the hour, with bends `[origin, meter, feature]`."""
        steps = take(self.bent, first[:, None] + np.arange(width))
        flat = steps.reshape(*steps.shape[:2], math.prod(steps.shape[2:]))
        hours = _coarse(flat, self.day, finest=24)
        kinds, parts = self.bent.shape[-1], hours.shape[-1]
        return hours.reshape(len(first), self.y.shape[1], kinds * parts)


def aligned(known: Known, origins: Ints, ahead: int, width: int, *, yearly: bool) -> Floats:
    """Rows for origins at one time of day and the targets of one day ahead `[origin, meter, feature]`.

    Args:
        known: what was read up to the last origin.
        origins: origins in it.
        ahead: 0 for the day that begins at the origin, 1 for the next, ...
        width: targets of that day, fewer than a day's for the last of a broken horizon.
        yearly: whether the training part is long enough for harmonics of the year.
    """
    day, start = known.day, origins + ahead * known.day
    same = start - (ahead // 7 + 1) * 7 * day
    one = known.profile(origins - day)
    profiles = [one] + [_else(known.profile(origins - 2 * day), one), _else(known.profile(same), one)]
    if day <= 48:
        profiles.append(_else(known.profile(same - 7 * day), profiles[-1]))
    loads = np.concatenate([*profiles, known.daily_means(origins)], -1) / known.level(origins)[..., None]
    parts = [loads, _spread_meters(_dates(known.clock, start, yearly), loads.shape[1]), known.holidays(start)]
    if known.bent.shape[-1]:
        before = known.weather(start - day, day)
        week = _by_kind(known.weather(same, day), known.bent.shape[-1])
        parts += [known.weather(start, width), before, week]
    return np.concatenate(parts, -1)


def sliding(known: Known, origins: Ints, horizon: int, *, yearly: bool) -> Floats:
    """Rows for origins at any time of day and a horizon of hours `[origin, meter, feature]`.

    The last readings, the same stretch one, two and seven days before with the steps around it, the level,
    the time of day (apart for workdays, Saturdays, Sundays), weekday.
    """
    day = known.day
    last = take(known.y, origins[:, None] + np.arange(-min(12, 2 * day), 0))
    windows = [last]
    for back in (1, 2, 7, 14):
        around = np.arange(-4, min(horizon + 2, day)) - back * day
        windows.append(take(known.y, origins[:, None] + around))
    newest = last[:, -1:]
    loads = np.concatenate([_else(w, np.broadcast_to(newest, w.shape)) for w in windows], 1).swapaxes(1, 2)
    level = known.level(origins)[..., None]
    loads = np.concatenate([loads, known.daily_means(origins)[..., :7]], -1) / level
    dates = np.concatenate([_hours(known.clock, origins), _dates(known.clock, origins, yearly)], -1)
    parts = [loads, _spread_meters(dates, loads.shape[1]), known.holidays(origins)]
    if known.bent.shape[-1]:
        yesterday = _by_kind(known.weather(origins - day, day), known.bent.shape[-1])
        parts += [known.weather(origins - 1, horizon + 1), yesterday]
    return np.concatenate(parts, -1)


def _bend(covariates: Floats, knots: Floats) -> Floats:
    """Covariates and their hinges `[time, meter, feature]`: below the first bend, above each other one."""
    if not covariates.shape[-1]:
        return covariates
    below = np.maximum(knots[0] - covariates, 0.0)
    above = [np.maximum(covariates - k, 0.0) for k in knots[1:]]
    return np.concatenate([covariates, below, *above], -1)


def _coarse(steps: Floats, day: int, finest: int) -> Floats:
    """`[origin, step, x]` -> `[origin, x, part]`: hourly means where a day has more steps than `finest`."""
    each = day // 24 if day > finest and day % 24 == 0 else 1
    if each > 1:
        whole = -(-steps.shape[1] // each) * each
        padded = np.full((len(steps), whole, steps.shape[2]), np.nan)
        padded[:, : steps.shape[1]] = steps
        steps = mean(padded.reshape(len(steps), whole // each, each, -1), 2)
    return steps.swapaxes(1, 2)


def _by_kind(weather: Floats, kinds: int) -> Floats:
    """Mean over the hours of `[origin, meter, kind * hour]`, hour last."""
    return mean(weather.reshape(*weather.shape[:2], kinds, weather.shape[-1] // kinds), -1)


def _else(x: Floats, other: Floats) -> Floats:
    return np.where(np.isfinite(x), x, other)


def _spread_meters(x: Floats, meters: int) -> Floats:
    return np.broadcast_to(x[:, None], (len(x), meters, x.shape[-1]))


def _hours(clock: Calendar, at: Ints) -> Floats:
    """Harmonics of the local time of day, for workdays, Saturdays and Sundays each `[origin, feature]`."""
    turn = 2 * np.pi * clock.hour[at].astype(np.float64)[:, None] / 24 * np.arange(1, 9)
    waves = np.concatenate([np.sin(turn), np.cos(turn)], -1)
    weekday = clock.weekday[at][:, None]
    return np.concatenate([waves, waves * (weekday == 5), waves * (weekday == 6)], -1)


def _dates(clock: Calendar, at: Ints, yearly: bool) -> Floats:
    """Weekday and harmonics of the year `[origin, feature]`."""
    parts = [np.eye(7)[clock.weekday[at]]]
    if yearly:
        turn = 2 * np.pi * clock.year_phase[at].astype(np.float64)[:, None] * np.array([1, 2])
        parts += [np.sin(turn), np.cos(turn)]
    return np.concatenate(parts, -1)


def cut(clock: Calendar, first: int, last: int) -> Calendar:
    """The calendar of steps `first` .. `last - 1`."""
    return Calendar(**{f.name: getattr(clock, f.name)[first:last] for f in fields(clock)})


def time_blocks(origins: Ints, folds: int) -> Ints:
    """Which of `folds` blocks of time each origin lies in; blocks hold equally many."""
    return np.arange(len(origins)) * folds // max(len(origins), 1)


def known_share(y: Floats, origins: Sequence[int] | Ints, width: int) -> Floats:
    """Share of the targets that were read `[origin, meter]`."""
    return np.isfinite(take(y, np.asarray(origins)[:, None] + np.arange(width))).mean(1)
