"""The strong honest baseline: ridge regression on lags, calendar and covariates known ahead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from wattcast.baselines.past import (
    ERROR_DAYS,
    FEW_ERRORS,
    Ints,
    alike_origins,
    filled,
    holidays,
    lopsided,
    never_negative,
    slots,
    spread,
    take,
)
from wattcast.baselines.rows import Known, Scales, aligned, cut, known_share, scales, sliding, time_blocks
from wattcast.features.calendar import Calendar, Country, calendar
from wattcast.features.panel import Floats, Panel
from wattcast.features.regression import FOLDS, Regression, fit_regression
from wattcast.features.view import View
from wattcast.schema import QUANTILES

#: Days of rows from which a meter has its own model; with fewer, meters share one.
OWN_DAYS = 200
#: Rows under which nothing is learned.
LEAST_ROWS = 8
#: Days of readings an origin looks back where each has a past of its own: the two weeks of the rows, and as many weeks
#: to fill gaps from.
DAYS_BACK = 63
#: Rows of all meters together in the sliding design; more cost seconds and gain nothing.
MOST_ROWS = 150_000
#: Shares of a day's targets that must have been read for the day to be learned from.
ENOUGH_READ = 0.75


@dataclass(frozen=True)
class _Fitted:
    """Regressions of one stretch of leads, one a meter (None where there is nothing to learn from).

    Attributes:
        models: a regression for each meter, the same one where meters share it.
        spreads: quantiles of held-out errors `[lead, meter, quantile]` [levels], by hour of origin in the
            sliding design, under key 0 in the aligned one.
    """

    models: tuple[Regression | None, ...]
    spreads: dict[int, Floats]


@dataclass(frozen=True)
class Ridge:
    """Ridge regression in units of a meter's level of the last week; one solve gives all leads of a day.

    Horizons from a quarter of a day: origins of one time of day have their own model (whole profiles of the
    days before), made when first asked for, from the training part. Shorter ones: one model for every time of
    day, fed with the last readings. Quantiles are those of held-out errors by step.

    Attributes:
        country: whose public holidays are features, one for all meters or by meter.
    """

    name: ClassVar[str] = "ridge"
    country: Country = None
    trained: View | None = None
    scale: Scales | None = None
    _models: dict[tuple[int, int], list[_Fitted]] = field(default_factory=dict, repr=False, compare=False)

    def fit(self, view: View) -> Self:
        """Fits the model for origins at the time of day at which the training part ends."""
        scale = scales(view.y, view.panel.covariates[: view.origin])
        fitted = replace(self, trained=view, scale=scale, _models={})
        clock = slots(view.panel, view.origin + 1)
        fitted._for(int(clock[view.origin]), view.horizon)
        return fitted

    def predict(self, panel: Panel, origins: Sequence[int], horizon: int) -> Floats:
        """Regression plus quantiles of its held-out errors `[origin, horizon, meter, quantile]`."""
        if self.trained is None or self.scale is None:
            raise ValueError(f"The baseline {self.name} was asked for a forecast before it was fitted.")
        out = np.full((len(origins), horizon, len(panel.ids), len(QUANTILES)), np.nan)
        if not len(origins):
            return out
        clock, free = self._calendar(panel, max(origins), horizon)
        slot_of = slots(panel, max(origins) + 1)
        floor = np.where(never_negative(self.trained.y), 0.0, -np.inf)[:, None]
        for some, past, first in self._pasts(panel, np.asarray(origins), horizon, clock, free):
            at, slot = np.asarray(origins)[some] - first, int(slot_of[origins[some[0]]])
            level = past.level(at)[:, None, :, None]
            hours = slot_of[np.asarray(origins)[some]] * 24 // panel.day
            for lead, fitted, x in self._stretches(past, at, slot, horizon):
                spreads = np.stack([fitted.spreads.get(int(hour), fitted.spreads[0]) for hour in hours])
                point = np.full((*spreads.shape[:2], len(panel.ids)), np.nan)
                for m, model in enumerate(fitted.models):
                    if model is not None:
                        point[..., m] = model.predict(x[:, m])
                ahead = slice(lead, lead + point.shape[1])
                out[some, ahead] = np.maximum((point[..., None] + spreads) * level, floor)
        return out

    def _pasts(
        self, panel: Panel, origins: Ints, horizon: int, clock: Calendar, free: NDArray[np.float32]
    ) -> Iterator[tuple[Ints, Known, int]]:
        """Places of origins that are worked on together, what is known there, and the grid index where that begins.

        Rows look back from their origin, so one past serves many. Of issued covariates each origin knew others.
        """
        assert self.scale is not None
        if panel.known_from is not None:
            for i, origin in enumerate(origins):
                first = max(int(origin) - DAYS_BACK * panel.day, 0)
                view = View(panel, int(origin), horizon)
                past = Known(
                    view.y[first:],
                    _reaching(view, horizon)[first:],
                    cut(clock, first, len(clock.hour)),
                    free[first:],
                    panel.day,
                    self.scale,
                )
                yield np.array([i]), past, first
            return
        view = View(panel, int(origins.max()), horizon)
        past = Known(view.y, _reaching(view, horizon), clock, free, panel.day, self.scale)
        for some in alike_origins(panel, origins, horizon, apart=not _is_short(horizon, panel.day)):
            yield some, past, 0

    def _stretches(self, past: Known, at: Ints, slot: int, horizon: int) -> Iterable[tuple[int, _Fitted, Floats]]:
        """First lead, regressions and rows of each stretch of leads."""
        fits = self._for(slot, horizon)
        if _is_short(horizon, past.day):
            yield 0, fits[0], sliding(past, at, horizon, yearly=self._yearly)
            return
        for ahead, fitted in enumerate(fits):
            width = min(past.day, horizon - ahead * past.day)
            yield ahead * past.day, fitted, aligned(past, at, ahead, width, yearly=self._yearly)

    @property
    def _yearly(self) -> bool:
        assert self.trained is not None
        return self.trained.origin >= 365 * self.trained.panel.day

    def _calendar(self, panel: Panel, last: int, horizon: int) -> tuple[Calendar, NDArray[np.float32]]:
        """The clock of the steps and each meter's public holidays, to three days past the last target."""
        length = last + horizon + 3 * panel.day
        clock = calendar(panel.start, panel.step, length, zone=panel.zone)
        return clock, holidays(panel, length, self.country)

    def _for(self, slot: int, horizon: int) -> list[_Fitted]:
        """Regressions for origins at this slot of the day, learned when first asked for."""
        assert self.trained is not None and self.scale is not None
        view, panel = self.trained, self.trained.panel
        short = _is_short(horizon, panel.day)
        key = (-1 if short else slot, horizon)
        if key not in self._models:
            clock, free = self._calendar(panel, view.origin, horizon)
            past = Known(view.y, _reaching(view, view.horizon), clock, free, panel.day, self.scale)
            learn = self._learn_short if short else self._learn_long
            self._models[key] = learn(past, view, slot, horizon)
        return self._models[key]

    def _learn_long(self, past: Known, view: View, slot: int, horizon: int) -> list[_Fitted]:
        day, every = past.day, slots(view.panel, view.origin)
        fits = []
        for ahead in range(-(-horizon // day)):
            width = min(day, horizon - ahead * day)
            end = view.origin - ahead * day - width
            origins = np.flatnonzero(every[: max(end + 1, 0)] == slot)
            origins = origins[origins >= _first(origins, day)]
            x = aligned(past, origins, ahead, width, yearly=self._yearly)
            y = _targets(past, view.y, origins, ahead * day, width)
            models, errors = _regress(x, y, origins, OWN_DAYS)
            recent = errors[-ERROR_DAYS:]
            fits.append(_Fitted(models, {0: spread(recent, centred=not lopsided(recent))}))
        return fits

    def _learn_short(self, past: Known, view: View, slot: int, horizon: int) -> list[_Fitted]:
        day, meters = past.day, view.y.shape[1]
        end = max(view.origin - horizon + 1, 0)
        origins = np.arange(0, end)
        origins = origins[origins >= _first(origins[::day], day)]
        stride = -(-len(origins) * meters // MOST_ROWS)
        origins = origins[:: stride | 1]  # an odd stride meets every slot of the day
        x = sliding(past, origins, horizon, yearly=self._yearly)
        y = _targets(past, view.y, origins, 0, horizon)
        models, errors = _regress(x, y, origins, 7 * day)
        hours = slots(view.panel, view.origin)[origins] * 24 // day
        recent = origins >= view.origin - ERROR_DAYS * day
        centred = not lopsided(errors[recent])
        spreads = {0: spread(errors[recent], centred=centred)}
        for hour in np.unique(hours):
            mine = recent & (hours == hour)
            if mine.sum() >= 4 * FEW_ERRORS:
                spreads[int(hour)] = spread(errors[mine], centred=centred)
        return [_Fitted(models, spreads)]


def _is_short(horizon: int, day: int) -> bool:
    return 4 * horizon < day


def _first(origins: Ints, day: int) -> int:
    """First origin to learn from: two weeks in, or less where that would leave few rows."""
    for days in (14, 7):
        if (origins >= days * day).sum() >= 2 * LEAST_ROWS:
            return days * day
    return day


def _reaching(view: View, horizon: int) -> Floats:
    """Covariates up to the horizon, NaN where the panel ends before."""
    known = view.panel.covariates
    out = np.full((view.origin + horizon, *known.shape[1:]), np.nan)
    out[: len(known)] = known[: len(out)]
    return out


def _targets(past: Known, y: Floats, origins: Ints, lead: int, width: int) -> Floats:
    """Targets in levels `[origin, lead, meter]`; NaN for a meter's origin that too few readings back."""
    index = (origins + lead)[:, None] + np.arange(width)
    target = take(filled(y, past.day), index) / past.level(origins)[:, None]
    target = np.where(known_share(y, origins + lead, width)[:, None] >= ENOUGH_READ, target, np.nan)
    return np.where(np.isfinite(target).all(1, keepdims=True), target, np.nan)


def _regress(x: Floats, y: Floats, origins: Ints, own: int) -> tuple[tuple[Regression | None, ...], Floats]:
    """A regression for each meter and its held-out errors `[origin, lead, meter]`.

    Args:
        x: `[origin, meter, feature]`.
        y: `[origin, lead, meter]`, NaN for rows not to learn from.
        origins: time of the rows, ascending.
        own: rows from which a meter has a model of its own.
    """
    usable = np.asarray(np.isfinite(y).all(1))
    block = time_blocks(origins, FOLDS)
    errors = np.full(y.shape, np.nan)
    meters = y.shape[2]
    shared: Regression | None = None
    alone = meters == 1
    if not alone and (usable.sum(0) < own).any() and usable.sum() >= LEAST_ROWS:
        rows, which = np.nonzero(usable)
        shared = fit_regression(x[rows, which], y[rows, :, which], block[rows])
        errors[rows, :, which] = shared.errors
    models: list[Regression | None] = []
    for m in range(meters):
        rows = np.flatnonzero(usable[:, m])
        if len(rows) >= (LEAST_ROWS if alone else own):
            mine = fit_regression(x[rows, m], y[rows, :, m], block[rows])
            errors[:, :, m] = np.nan
            errors[rows, :, m] = mine.errors
            models.append(mine)
        else:
            models.append(shared)
    return tuple(models), errors
