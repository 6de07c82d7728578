"""Statistical rivals from statsforecast, fitted anew at every origin to each meter's last weeks."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from wattcast.baselines.past import filled, never_negative
from wattcast.features.panel import Floats, Panel
from wattcast.features.view import View
from wattcast.schema import QUANTILES

#: Bands that hold the quantiles beside the median [%].
BANDS = (20, 40, 60, 80, 90)


@dataclass(frozen=True)
class Statistical(ABC):
    """A model of one series that is fitted where it forecasts from; `fit` only keeps the training part."""

    name: ClassVar[str]
    trained: View | None = None

    @staticmethod
    @abstractmethod
    def season(day: int) -> int:
        """Steps in the season the model knows."""

    @staticmethod
    @abstractmethod
    def model(day: int, length: int) -> Any:
        """An unfitted model of statsforecast for so many readings."""

    @staticmethod
    @abstractmethod
    def weeks(day: int) -> int:
        """Weeks of readings that are fitted."""

    def fit(self, view: View) -> Self:
        """Keeps the training part."""
        return replace(self, trained=view)

    def predict(self, panel: Panel, origins: Sequence[int], horizon: int) -> Floats:
        """Median and bands `[origin, horizon, meter, quantile]`; NaN for less than two seasons and a week."""
        if self.trained is None:
            raise ValueError(f"The rival {self.name} was asked for a forecast before it was fitted.")
        out = np.full((len(origins), horizon, len(panel.ids), len(QUANTILES)), np.nan)
        least = np.where(never_negative(self.trained.y), 0.0, -np.inf)
        week = 7 * panel.day
        for i, origin in enumerate(origins):
            # twice the weeks, so that gaps at their start are filled as well
            y = filled(View(panel, origin, horizon).y[-2 * self.weeks(panel.day) * week :], panel.day)
            for m in range(len(panel.ids)):
                some = _unbroken(y[-self.weeks(panel.day) * week :, m])
                if len(some) >= max(2 * self.season(panel.day), week):
                    out[i, :, m] = np.maximum(self._one(some, panel.day, horizon), least[m])
        return out

    def _one(self, y: Floats, day: int, horizon: int) -> Floats:
        """Quantiles `[horizon, quantile]` of one series."""
        if np.ptp(y) == 0:
            return np.full((horizon, len(QUANTILES)), y[-1])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an optimiser that stops early still gives its best
            said = self.model(day, len(y)).forecast(y=y, h=horizon, level=list(BANDS))
        low = [said[f"lo-{b}"] for b in reversed(BANDS)]
        bands = np.stack([*low, said["mean"], *(said[f"hi-{b}"] for b in BANDS)], -1)
        return np.sort(bands.astype(np.float64), -1)


class MSTL(Statistical):
    """Seasonal-trend decomposition of day and week by LOESS, the rest by exponential smoothing."""

    name = "mstl"

    @staticmethod
    def season(day: int) -> int:
        """A week."""
        return 7 * day

    @staticmethod
    def weeks(day: int) -> int:
        """Eight hourly, fewer of shorter steps."""
        return 8 if day <= 24 else 6 if day <= 48 else 4

    @staticmethod
    def model(day: int, length: int) -> Any:
        """MSTL with AutoETS for the trend."""
        from statsforecast.models import MSTL as Model  # noqa: PLC0415  (an extra)
        from statsforecast.models import AutoETS as Trend  # noqa: PLC0415

        return Model(season_length=[s for s in (day, 7 * day) if s > 1], trend_forecaster=Trend(model="ZZN"))


class AutoETS(Statistical):
    """Exponential smoothing with the season of the day (of the week for daily steps), chosen by AICc."""

    name = "auto_ets"

    @staticmethod
    def season(day: int) -> int:
        """A day; a week of daily steps."""
        return day if day > 1 else 7

    @staticmethod
    def weeks(day: int) -> int:
        """Three; a year of daily steps."""
        return 3 if day > 1 else 52

    @staticmethod
    def model(day: int, length: int) -> Any:
        """AutoETS."""
        from statsforecast.models import AutoETS as Model  # noqa: PLC0415

        return Model(season_length=AutoETS.season(day))


class AutoTheta(Statistical):
    """The Theta method on the series without its daily (weekly) season, variant chosen by its error."""

    name = "auto_theta"

    @staticmethod
    def season(day: int) -> int:
        """A day; a week of daily steps."""
        return day if day > 1 else 7

    @staticmethod
    def weeks(day: int) -> int:
        """Four; a year of daily steps."""
        return 4 if day > 1 else 52

    @staticmethod
    def model(day: int, length: int) -> Any:
        """AutoTheta."""
        from statsforecast.models import AutoTheta as Model  # noqa: PLC0415

        return Model(season_length=AutoTheta.season(day))


def _unbroken(y: Floats) -> Floats:
    """What follows the last gap that could not be filled."""
    gaps = np.flatnonzero(~np.isfinite(y))
    return y[gaps[-1] + 1 :] if len(gaps) else y
