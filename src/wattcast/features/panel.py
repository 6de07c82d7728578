"""Readings -> Panel: the same readings as dense arrays on one regular grid, time first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wattcast.schema import AVAILABLE_AT, DS, ID, QUALITY, Readings, ReadingsError, Y

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Panel:
    """Meters on one time grid, from the first stamp of any to the last.

    Attributes:
        ids: `unique_id` of each meter, in the order of the arrays.
        start: start of the first interval [UTC].
        step: length of an interval.
        zone: clock of midnights, weekdays and holidays.
        y: readings `[time, meter]`; NaN where there is none or it is marked as not to be used.
        covariates: `[time, meter, covariate]`; NaN where unknown. May reach past the last reading.
        names: names of the covariates.
        known_from: grid index of the first origin at which the covariates of a row were known `[time, meter]`; None
            where all were known ahead at any origin.
    """

    ids: tuple[str, ...]
    start: datetime
    step: timedelta
    zone: str
    y: Floats
    covariates: Floats
    names: tuple[str, ...]
    known_from: NDArray[np.int32] | None = None

    @property
    def length(self) -> int:
        """Steps on the grid, later ones without readings included."""
        return self.y.shape[0]

    @property
    def day(self) -> int:
        """Steps in a day."""
        return max(1, round(timedelta(days=1) / self.step))

    @property
    def end(self) -> int:
        """Index after the last reading of any meter: the natural origin of a forecast."""
        seen = np.flatnonzero(np.isfinite(self.y).any(axis=1))
        return int(seen[-1]) + 1 if seen.size else 0

    def time(self, index: int) -> datetime:
        """Start of interval `index` [UTC]."""
        return self.start + index * self.step

    def times(self, first: int, last: int) -> pl.Series:
        """Starts of intervals `first` .. `last - 1` [UTC]; may reach past the grid."""
        import polars as pl  # noqa: PLC0415  (arrays alone, as the runtime has them, do without)

        return pl.datetime_range(
            self.time(first), self.time(last), self.step, closed="left", time_unit="us", eager=True
        ).alias(DS)

    def index(self, when: datetime) -> int:
        """Grid index of the interval that starts at `when`."""
        return round((when - self.start) / self.step)


def panel(readings: Readings, covariates: Sequence[str] = ()) -> Panel:
    """Lays readings on their grid; readings marked as anything but "ok" become NaN.

    Args:
        readings: checked readings.
        covariates: which covariate columns to keep.

    Raises:
        ReadingsError: a named covariate is not there, or there is no reading.
    """
    import polars as pl  # noqa: PLC0415

    missing = [c for c in covariates if c not in readings.covariates]
    if missing:
        have = ", ".join(readings.covariates) or "none"
        raise ReadingsError(f"{readings.source} has no covariate column {missing[0]!r}; it has: {have}.")
    frame = readings.frame
    if frame.is_empty():
        raise ReadingsError(f"{readings.source} holds no readings.")
    start, last = frame[DS].min(), frame[DS].max()
    assert isinstance(start, datetime) and isinstance(last, datetime)
    ids = readings.meters
    row = ((frame[DS] - start).dt.total_microseconds() // _microseconds(readings.step)).to_numpy()
    column = frame[ID].replace_strict(ids, list(range(len(ids))), return_dtype=pl.Int64).to_numpy()
    length = round((last - start) / readings.step) + 1
    y = np.full((length, len(ids)), np.nan)
    values = frame[Y]
    if QUALITY in frame.columns:
        values = pl.select(pl.when(frame[QUALITY].cast(pl.String) == "ok").then(values)).to_series()
    y[row, column] = values.cast(pl.Float64).to_numpy()
    cov = np.full((length, len(ids), len(covariates)), np.nan)
    for k, name in enumerate(covariates):
        cov[row, column, k] = frame[name].cast(pl.Float64).to_numpy()
    known_from = None
    if covariates and AVAILABLE_AT in frame.columns:
        known_from = np.zeros((length, len(ids)), np.int32)
        known_from[row, column] = _known_from(frame[AVAILABLE_AT], start, readings.step, row)
    return Panel(tuple(ids), start, readings.step, readings.zone, y, cov, tuple(covariates), known_from)


def mean(x: Floats, axis: int) -> Floats:
    """Mean over what is not NaN; NaN where nothing is."""
    known = np.isfinite(x)
    count = known.sum(axis)
    total = np.where(known, x, 0.0).sum(axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _known_from(available_at: pl.Series, start: datetime, step: timedelta, row: NDArray[np.int64]) -> NDArray[np.int32]:
    """First origin whose first interval starts no earlier than each moment; without one, when the row is over."""
    import polars as pl  # noqa: PLC0415

    late = (available_at - start).dt.total_microseconds()
    origins = -(-late // _microseconds(step))  # rounded up
    origins = origins.zip_with(origins.is_not_null(), pl.Series(row + 1))
    return origins.clip(0, np.iinfo(np.int32).max).to_numpy().astype(np.int32)


def _microseconds(step: timedelta) -> int:
    return step // timedelta(microseconds=1)
