"""Rows of the tree rival: what is known at an origin of one target ahead, over the meter's recent level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wattcast.baselines import Country, holidays
from wattcast.baselines.past import Ints, carried, filled, take
from wattcast.features.calendar import calendar
from wattcast.features.panel import Floats, Panel, mean

#: Days and weeks back whose same slot is a feature.
DAYS, WEEKS = range(1, 9), range(1, 5)
#: Hours over which covariates are averaged up to the target.
SPANS = (3, 6, 24, 48, 72, 168)
Rows = NDArray[np.float32]


class Design:
    """Readings up to one moment and covariates as far as they are known, ready to take rows from.

    Args:
        panel: its `y` ends at the last origin (`View.panel`).
        horizon: steps ahead.
        floor: least level of each meter `[meter]` [unit of y].
        country: whose public holidays are features.
    """

    #: Columns of the rows that are names, not sizes: the weekday and the meter.
    categorical = (2, -1)

    def __init__(self, panel: Panel, horizon: int, floor: Floats, country: Country):
        self.day, self.horizon, self.floor, self.meters = panel.day, horizon, floor, len(panel.ids)
        self.y = filled(panel.y, panel.day)
        length = panel.length + horizon + panel.day
        clock = calendar(panel.start, panel.step, length, zone=panel.zone)
        self.dates = np.stack([clock.hour, clock.weekday, clock.year_phase], -1).astype(np.float32)
        self.free = holidays(panel, length, country).astype(np.float64)
        known = np.full((length, *panel.covariates.shape[1:]), np.nan)
        known[: len(panel.covariates)] = panel.covariates[:length]
        self.covariates = carried(known, panel.day)
        self.total = running(self.y)
        self.sizes = running(np.abs(self.y))
        self.weather = running(self.covariates)

    def level(self, origins: Ints, meter: int) -> Floats:
        """Mean |y| of the week before each origin, floored `[origin]`; NaN without readings."""
        size = between(_of(self.sizes, meter), origins - 7 * self.day, origins)
        return np.where(np.isfinite(size), np.maximum(size, self.floor[meter]), np.nan)

    def rows(self, origins: Ints, meter: int) -> Rows:
        """`[origin * horizon, feature]`; readings in levels, NaN where unknown."""
        lead = np.arange(self.horizon)
        shape = (len(origins), self.horizon)
        at_target = [np.broadcast_to(lead, shape), *self._known_ahead(origins[:, None] + lead, meter)]
        at_target += self._same_slot(origins, lead, meter)
        at_origin = self._at_origin(origins, meter)[:, None]
        parts = [np.stack(at_target, -1), np.broadcast_to(at_origin, (*shape, at_origin.shape[-1]))]
        return np.concatenate(parts, -1).reshape(len(origins) * self.horizon, -1).astype(np.float32)

    def _same_slot(self, origins: Ints, lead: Ints, meter: int) -> list[Floats]:
        """The target's slot on days and weeks before the origin, with neighbours, and what they have in common."""
        day, y, level = self.day, self.y[:, meter], self.level(origins, meter)[:, None]
        target = origins[:, None] + lead
        yesterday = target - (lead // day + 1) * day
        last_week = target - (lead // (7 * day) + 1) * 7 * day
        days = [take(y, yesterday - (k - 1) * day) / level for k in DAYS]
        weeks = [take(y, last_week - (k - 1) * 7 * day) / level for k in WEEKS]
        around = [take(y, np.minimum(yesterday + k, origins[:, None] - 1)) / level for k in (-2, -1, 1, 2)]
        around += [take(y, last_week + k) / level for k in (-2, -1, 1, 2) if day > 1]
        habits = [f(np.stack(x), 0) for x in (days[:7], weeks) for f in (mean, _least, _most)]
        return [*days, *weeks, *around, *habits, np.sort(np.stack(days[:7]), 0)[3]]

    def _known_ahead(self, target: Ints, meter: int) -> list[Floats]:
        """Clock, public holidays and covariates at the target `[origin, lead]` each."""
        day = self.day
        out = [self.dates[target, k] for k in range(3)]
        if self.free.any():
            out += [take(self.free[:, meter], target + k * day) for k in (0, -1, -7, 1)]
        for k in range(self.covariates.shape[2]):
            x, total = self.covariates[:, meter, k], _of(self.weather, meter, k)
            out += [take(x, target), *(take(x, target) - take(x, target - n * day) for n in (1, 7))]
            out += [between(total, target + 1 - max(1, h * day // 24), target + 1) for h in SPANS if h * day >= 24]
            out += self._of_the_day(x, target)
        return out

    def _of_the_day(self, x: Floats, target: Ints) -> list[Floats]:
        """Mean, least and most of a covariate in the target's day ahead, and what changed from the day before."""
        leads = np.arange(self.horizon)
        first = target[:, :1] + leads[:: self.day]
        steps = first[..., None] + np.arange(self.day)
        ahead = take(x, np.minimum(steps, target[:, -1:, None]))
        now, before = mean(ahead, -1), mean(take(x, steps - self.day), -1)
        days = (now, _least(ahead, -1), _most(ahead, -1), now - before)
        return [d[:, leads // self.day] for d in days]

    def _at_origin(self, origins: Ints, meter: int) -> Floats:
        """Last readings and their change on the week, means of days before, the meter `[origin, feature]`."""
        day, y, level = self.day, self.y[:, meter], self.level(origins, meter)
        out = []
        for back in (1, 2, 4, 8, max(day // 2, 1)):
            last = take(y, origins - back)
            out += [last / level, (last - take(y, origins - back - 7 * day)) / level]
        total = _of(self.total, meter)
        means = [between(total, origins - k * day, origins - (k - 1) * day) / level for k in (1, 2, 3, 7, 8)]
        recent = between(total, origins - max(1, day // 8), origins) / level
        month = between(total, origins - 28 * day, origins) / level
        profile = take(y, origins[:, None] - day + np.arange(day)) / level[:, None]
        out += [*means, recent, month, _least(profile.T, 0), _most(profile.T, 0)]
        out.append(np.full(len(origins), meter if self.meters <= 64 else 0))
        return np.stack(out, -1)


def running(x: Floats) -> tuple[Floats, Floats]:
    """Sums and counts of what is not NaN before each step `[time + 1, ...]`."""
    zero, known = np.zeros((1, *x.shape[1:])), np.isfinite(x)
    sums = np.concatenate([zero, np.cumsum(np.where(known, x, 0.0), 0)])
    return sums, np.concatenate([zero, np.cumsum(known, 0)])


def _of(running: tuple[Floats, Floats], *column: int) -> tuple[Floats, Floats]:
    sums, counts = running
    for k in column:
        sums, counts = sums[:, k], counts[:, k]
    return sums, counts


def between(running: tuple[Floats, Floats], first: Ints, last: Ints) -> Floats:
    """Mean of what is known from `first` to before `last`."""
    a, b = (np.clip(i, 0, len(running[0]) - 1) for i in (first, last))
    count = running[1][b] - running[1][a]
    return np.where(count > 0, (running[0][b] - running[0][a]) / np.maximum(count, 1), np.nan)


def _least(x: Floats, axis: int) -> Floats:
    return _or_nan(np.where(np.isfinite(x), x, np.inf).min(axis))


def _most(x: Floats, axis: int) -> Floats:
    return _or_nan(np.where(np.isfinite(x), x, -np.inf).max(axis))


def _or_nan(x: Floats) -> Floats:
    return np.where(np.isfinite(x), x, np.nan)
