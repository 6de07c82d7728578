"""Rolling origin: every model forecasts from the same past moments, and is held against what came."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import time as Time
from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wattcast.baselines import Country, Forecaster, holidays
from wattcast.evaluate.metrics import interval, point, seasonal_error
from wattcast.evaluate.peaks import limits
from wattcast.features.calendar import calendar
from wattcast.features.panel import Floats, Panel
from wattcast.features.view import View
from wattcast.schema import CUTOFF, DS, ID, NotReady, ReadingsError, Y

#: Told (name of the model, share of its origins done) as a backtest goes on.
Progress = Callable[[str, float], None]

#: Kinds of days that scores are split by; a public holiday is one whatever its weekday.
DAY_TYPES = ("working day", "Saturday", "Sunday", "public holiday")


@dataclass(frozen=True)
class Backtest:
    """Forecasts from past origins beside the readings that followed.

    Attributes:
        panel: what was read, the tested part included.
        origins: index in the panel's grid of the first step each forecast is for, ascending.
        horizon: steps ahead.
        y: readings that followed `[origin, lead, meter]`, NaN where missing.
        forecasts: by model `[origin, lead, meter, quantile]`.
        seconds: by model, `fit` and `predict` [s].
        scale: seasonal naive error before the first origin `[meter]`, for MASE.
        limit: load from which a reading counts as a peak `[meter]`.
        country: whose public holidays are told apart.
    """

    panel: Panel
    origins: tuple[int, ...]
    horizon: int
    y: Floats
    forecasts: dict[str, Floats]
    seconds: dict[str, dict[str, float]]
    scale: Floats
    limit: Floats
    country: Country = None

    @property
    def steps(self) -> NDArray[np.int64]:
        """Grid index of each target `[origin, lead]`."""
        return np.asarray(self.origins)[:, None] + np.arange(self.horizon)

    @property
    def times(self) -> NDArray[np.datetime64]:
        """Start of each target interval [UTC] `[origin, lead]`."""
        start = np.datetime64(self.panel.start.replace(tzinfo=None), "us")
        return start + self.steps * np.timedelta64(self.panel.step)

    @property
    def hours(self) -> NDArray[np.int64]:
        """Hour of the local day of each target `[origin, lead]`, 0 .. 23."""
        p = self.panel
        clock = calendar(p.start, p.step, self.origins[-1] + self.horizon, zone=p.zone)
        return clock.hour.astype(np.int64)[self.steps]

    @property
    def day_types(self) -> NDArray[np.int8]:
        """Kind of the local day of each target `[origin, lead, meter]`, an index into `DAY_TYPES`."""
        p, length = self.panel, self.origins[-1] + self.horizon
        weekday = calendar(p.start, p.step, length, zone=p.zone).weekday
        kind = np.maximum(weekday - 4, 0)[:, None]
        return np.where(holidays(p, length, self.country) > 0, 3, kind).astype(np.int8)[self.steps]

    def frame(self) -> pl.DataFrame:
        """Long frame `unique_id, ds, cutoff, y` and for each model its point, 80 % and 90 % interval.

        Times are UTC without a zone; `cutoff` is the last interval seen; points without a reading are left
        out.
        """
        columns: dict[str, NDArray[np.generic]] = {}
        meters = len(self.panel.ids)
        shape = (len(self.origins), self.horizon, meters)
        cutoff = self.times[:, :1] - np.timedelta64(self.panel.step)
        columns[DS] = np.broadcast_to(self.times[..., None], shape).ravel()
        columns[CUTOFF] = np.broadcast_to(cutoff[..., None], shape).ravel()
        columns[Y] = self.y.ravel()
        for name, q in self.forecasts.items():
            columns[name] = point(q).ravel()
            for level in (80, 90):
                low, high = interval(level / 100)
                columns[f"{name}-lo-{level}"] = q[..., low].ravel()
                columns[f"{name}-hi-{level}"] = q[..., high].ravel()
        ids = pl.Series(ID, list(self.panel.ids) * (len(self.origins) * self.horizon))
        frame = pl.DataFrame({ID: ids, **columns})
        return frame.filter(pl.col(Y).is_finite()).sort(ID, CUTOFF, DS)


def backtest(  # noqa: PLR0913  (every one a question of its own, and named)
    panel: Panel,
    forecasters: Sequence[Forecaster],
    *,
    horizon: int,
    origins: Sequence[int],
    refit: int | None = None,
    warm: bool = False,
    window: int | None = None,
    limit: float | None = None,
    country: Country = None,
    progress: Progress | None = None,
) -> Backtest:
    """Fits each model on what lies before the first origin and forecasts from every origin.

    What a model learns from is a `View` that ends at the origin it is fitted for; a forecast's own past ends at its
    origin.

    Args:
        panel: readings and covariates known ahead.
        forecasters: unfitted models with different names.
        horizon: steps ahead.
        origins: grid indices, ascending; each needs `horizon` steps of the grid after it.
        refit: fit anew before every so many origins; None fits once.
        warm: whether a refit goes on from the model before it, for those that can.
        window: steps before the origin of a fit that are learned from (a sliding window); None takes all (an
            expanding one). Readings before it are out of sight for the forecasts that follow as well.
        limit: load from which a reading counts as a peak; None takes what each meter exceeded 5 % of the time before
            the first origin.
        country: whose public holidays are told apart, one for all meters or by meter.
        progress: told how far each model is.

    Raises:
        ValueError: there is no origin, or they are not ascending, or reach out of the grid, or names repeat.
    """
    _check(panel, forecasters, horizon, origins)
    every = refit or len(origins)
    forecasts: dict[str, Floats] = {}
    seconds: dict[str, dict[str, float]] = {}
    for forecaster in forecasters:
        parts, fitted, spent = [], forecaster, {"fit": 0.0, "predict": 0.0}
        for first in range(0, len(origins), every):
            some = origins[first : first + every]
            begin = max(some[0] - window, 0) if window else 0
            seen = replace(panel, start=panel.time(begin), y=panel.y[begin:], covariates=panel.covariates[begin:])
            t0 = time.perf_counter()
            fitted = (fitted if warm else forecaster).fit(View(seen, some[0] - begin, horizon))
            t1 = time.perf_counter()
            parts.append(fitted.predict(seen, [o - begin for o in some], horizon))
            spent["fit"] += t1 - t0
            spent["predict"] += time.perf_counter() - t1
            if progress:
                progress(forecaster.name, (first + len(some)) / len(origins))
        forecasts[forecaster.name] = np.concatenate(parts)
        seconds[forecaster.name] = spent
    y = panel.y[np.asarray(origins)[:, None] + np.arange(horizon)]
    before = panel.y[: origins[0]]
    scale, at = seasonal_error(before, panel.day), tuple(int(o) for o in origins)
    peak = limits(before) if limit is None else np.full(len(panel.ids), float(limit))
    return Backtest(panel, at, horizon, y, forecasts, seconds, scale, peak, country)


def _check(panel: Panel, forecasters: Sequence[Forecaster], horizon: int, origins: Sequence[int]) -> None:
    names = [f.name for f in forecasters]
    if len(set(names)) < len(names):
        raise ValueError(f"Two models of a backtest have the same name: {', '.join(sorted(names))}.")
    if not len(origins):
        raise ValueError("A backtest needs at least one origin; none was given.")
    if any(b <= a for a, b in zip(origins, origins[1:], strict=False)):
        raise ValueError("The origins of a backtest must be ascending, none twice.")
    if origins[0] < 1 or origins[-1] + horizon > panel.length:
        raise ValueError(
            f"Origins {origins[0]} to {origins[-1]} with a horizon of {horizon} steps do not fit the"
            f" {panel.length} steps of the readings; the first needs readings before it."
        )


def daily_origins(
    panel: Panel, horizon: int, count: int, *, every: timedelta = timedelta(days=1), at: Time = Time(0)
) -> list[int]:
    """The last `count` origins, one of them `at` that local time of day, whose horizon lies before the last reading.

    Args:
        panel: the readings.
        horizon: steps ahead.
        count: how many.
        every: time from one origin to the next; whole days keep to the local clock when it shifts.
        at: local time of day of the origins.

    Raises:
        NotReady: the readings do not hold so many.
        ValueError: `every` is shorter than a step.
        ReadingsError: no step begins at that time of day.
    """
    stride = round(every / panel.step)
    if stride < 1 or count < 1:
        raise ValueError(f"Origins {every} apart, {count} of them: at least one, a step of {panel.step} apart.")
    last = panel.end - horizon
    clock = calendar(panel.start, panel.step, max(last, 0) + 1, zone=panel.zone).hour.astype(np.float64)
    wanted = at.hour + at.minute / 60
    # A step of a day or more, or midnights that the clock of a file does not meet: what holds the time of day counts.
    here = np.floor(clock * panel.day / 24 + 1e-3) == np.floor(wanted * panel.day / 24 + 1e-3)
    if at != Time(0) and not (np.abs(clock[here] - wanted) < 1e-3).all():
        raise ReadingsError(f"No step of {panel.step} begins at {at:%H:%M} on the clock of {panel.zone}.")
    found = np.flatnonzero(here)
    found = found[(found >= 1) & (found <= last)]
    if stride % panel.day == 0:
        found = found[:: -(stride // panel.day)][::-1]
    elif len(found):
        found = np.arange(found[0] % stride or stride, last + 1, stride)
    if len(found) < count:
        raise NotReady(
            f"{count} origins {every} apart with {horizon} steps ahead were asked for, but the readings from"
            f" {panel.time(0):%Y-%m-%d} to {panel.time(panel.end):%Y-%m-%d} hold only {len(found)}."
        )
    return [int(o) for o in found[-count:]]
