"""The words of wattcast as code: column names, the tables that travel between stages, the two errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # frames come from elsewhere; a runtime that holds states has none
    import polars as pl

ID, DS, Y, QUALITY, CUTOFF = "unique_id", "ds", "y", "quality", "cutoff"
AVAILABLE_AT = "available_at"

#: Levels every quantile forecast carries; pinball scores use 0.1 ... 0.9 of them.
QUANTILES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
SCORED_QUANTILES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)

#: What a reading may be marked as. Only "ok" readings enter scaling, loss, lags and scores.
QUALITIES = ("ok", "missing", "suspect")


class ReadingsError(ValueError):
    """Readings cannot be used as they are: what was found, where, and what would do.

    Attributes:
        meter: the meter it happened to, or None.
        when: the time or line it happened at, or None.
    """

    def __init__(self, message: str, *, meter: str | None = None, when: datetime | str | None = None):
        super().__init__(message)
        self.meter = meter
        self.when = when


class NotReady(ReadingsError):
    """A meter has too little history for what was asked."""


@dataclass(frozen=True)
class Finding:
    """One thing seen in the readings of one meter, and what is done about it.

    Attributes:
        meter: `unique_id` of the meter.
        kind: one word (`gap`, `missing`, `duplicate`, `unsorted`, `negative`, `constant`, ...).
        count: number of readings concerned.
        first: start of the first interval concerned [UTC].
        last: start of the last interval concerned [UTC].
        action: what is done about it, in plain words.
    """

    meter: str
    kind: str
    count: int
    first: datetime | None
    last: datetime | None
    action: str


@dataclass(frozen=True)
class Readings:
    """Readings of one or many meters on one step.

    Attributes:
        frame: columns `unique_id` (String), `ds` (Datetime us, UTC, start of the interval), `y` (Float64),
            further Float64 covariate columns; sorted by meter and time, no stamp twice for a meter. After
            `check` also `quality` (one of `QUALITIES`). Where covariates are forecasts `available_at` (Datetime
            us, UTC): the moment from which those of the row were known; null: when its interval was over.
        step: length of an interval.
        zone: IANA name of the clock whose midnights and weekdays matter; "UTC" for files without zones.
        clocked: False for a file without stamps (made-up ones begin on 2011-01-01 00:00).
        unit: unit of `y`, where known [kW, kWh, MW, ...].
        source: file name or "frame", for messages.
        findings: what was seen so far.
        notes: what reading the source took for granted, a sentence each (separator, columns, clock, step).
        layout: how the source is written, in plain values that `wattcast.read.layout.from_dict` takes.
    """

    frame: pl.DataFrame
    step: timedelta
    zone: str = "UTC"
    clocked: bool = True
    unit: str | None = None
    source: str = "frame"
    findings: tuple[Finding, ...] = field(default=())
    notes: tuple[str, ...] = ()
    layout: Mapping[str, object] = field(default_factory=dict)

    @property
    def meters(self) -> list[str]:
        """`unique_id`s in the order of the frame."""
        return self.frame[ID].unique(maintain_order=True).to_list()

    @property
    def covariates(self) -> list[str]:
        """Names of the covariate columns."""
        return [c for c in self.frame.columns if c not in (ID, DS, Y, QUALITY, AVAILABLE_AT)]

    @property
    def season_length(self) -> int:
        """Readings in a day (at least 1)."""
        return max(1, round(timedelta(days=1) / self.step))


Season = Literal["day", "week"]


@dataclass(frozen=True)
class Forecast:
    """What is said of the steps after the last reading.

    Attributes:
        quantiles: `[step, quantile]` for one meter, `[meter, step, quantile]` for many, in the unit of the readings,
            over `QUANTILES`; NaN for a meter without any reading.
        ds: start of each interval [UTC] `[step]`.
        cutoff: start of the last interval seen [UTC].
    """

    quantiles: NDArray[np.float64]
    ds: NDArray[np.datetime64]
    cutoff: np.datetime64

    @property
    def median(self) -> NDArray[np.float64]:
        """The point forecast."""
        return self.quantiles[..., QUANTILES.index(0.5)]
