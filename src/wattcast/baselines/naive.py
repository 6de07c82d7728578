"""The rules that need no fitting: last reading, same slot a day or a week before, mean of the same slots."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from wattcast.baselines.past import (
    ERROR_DAYS,
    Ints,
    alike_origins,
    carried,
    filled,
    never_negative,
    slots,
    spread,
    take,
)
from wattcast.features.panel import Floats, Panel, mean
from wattcast.features.view import View
from wattcast.schema import QUANTILES

#: Weeks of readings that past errors look back: four, and as many to fill gaps from, and one.
WEEKS_BACK = 9


@dataclass(frozen=True)
class Naive(ABC):
    """A rule, with quantiles from the errors it made at the same time of day in the training part."""

    name: ClassVar[str]
    trained: View | None = None

    @staticmethod
    @abstractmethod
    def rule(y: Floats, origins: Ints, horizon: int, day: int) -> Floats:
        """Forecast `[origin, horizon, meter]` from readings `[time, meter]` before each; later ones may be there."""

    def fit(self, view: View) -> Self:
        """Keeps the training part, whose errors give the quantiles."""
        return replace(self, trained=view)

    def predict(self, panel: Panel, origins: Sequence[int], horizon: int) -> Floats:
        """Rule plus quantiles of past errors `[origin, horizon, meter, quantile]`."""
        if self.trained is None:
            raise ValueError(f"The baseline {self.name} was asked for a forecast before it was fitted.")
        out = np.full((len(origins), horizon, len(panel.ids), len(QUANTILES)), np.nan)
        if not len(origins):
            return out
        clock, at = slots(panel, max([*origins, self.trained.origin]) + 1), np.asarray(origins)
        spreads: dict[int, Floats] = {}
        floor = np.where(never_negative(self.trained.y), 0.0, -np.inf)[:, None]
        y = View(panel, int(at.max()), horizon).y
        for some in alike_origins(panel, at, horizon, apart=True):
            slot = int(clock[at[some[0]]])
            if slot not in spreads:
                spreads[slot] = spread(self._errors(self.trained, clock, slot, horizon))
            point = self.rule(y, at[some], horizon, panel.day)
            out[some] = np.maximum(point[..., None] + spreads[slot], floor)
        return out

    def _errors(self, view: View, clock: Ints, slot: int, horizon: int) -> Floats:
        """Reading - rule `[origin, horizon, meter]` at past origins of this slot of the day."""
        day = view.panel.day
        origins = np.flatnonzero(clock[: max(view.origin - horizon + 1, 0)] == slot)[-ERROR_DAYS:]
        if not len(origins):
            return np.full((0, horizon, view.y.shape[1]), np.nan)
        first = max(int(origins[0]) - WEEKS_BACK * 7 * day, 0)
        y, at = view.y[first:], origins - first
        return take(y, at[:, None] + np.arange(horizon)) - self.rule(y, at, horizon, day)


class Persistence(Naive):
    """The last reading before the origin, for every step ahead."""

    name = "persistence"

    @staticmethod
    def rule(y: Floats, origins: Ints, horizon: int, day: int) -> Floats:
        """The last reading there is `[origin, horizon, meter]`."""
        return _last_season(carried(y, 1), origins, horizon, 1)


class SeasonalNaiveDay(Naive):
    """The reading of the same slot a day before; a missing one is taken from weeks, then days before."""

    name = "seasonal_naive_day"

    @staticmethod
    def rule(y: Floats, origins: Ints, horizon: int, day: int) -> Floats:
        """The last day, repeated `[origin, horizon, meter]`."""
        return _last_season(filled(y, day), origins, horizon, day)


class SeasonalNaiveWeek(Naive):
    """The reading of the same slot a week before; a missing one is taken from earlier weeks."""

    name = "seasonal_naive_week"

    @staticmethod
    def rule(y: Floats, origins: Ints, horizon: int, day: int) -> Floats:
        """The last week, repeated `[origin, horizon, meter]`."""
        return _last_season(carried(y, 7 * day), origins, horizon, 7 * day)


class SlotMean(Naive):
    """Mean of the same slot of the week over the last four weeks, missing ones left out."""

    name = "slot_mean"

    @staticmethod
    def rule(y: Floats, origins: Ints, horizon: int, day: int) -> Floats:
        """Mean of the last four weeks, repeated `[origin, horizon, meter]`."""
        week = 7 * day
        return mean(np.stack([_last_season(y, origins - k * week, horizon, week) for k in range(4)]), 0)


def _last_season(y: Floats, origins: Ints, horizon: int, season: int) -> Floats:
    """The `season` steps before each origin, repeated over the horizon `[origin, horizon, meter]`."""
    return take(y, origins[:, None] - season + np.arange(horizon) % season)
