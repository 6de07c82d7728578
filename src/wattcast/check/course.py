"""One meter's readings on its grid, and what a detector says of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wattcast.schema import DS, Y

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Course:
    """One meter on its grid, gaps included.

    Attributes:
        y: readings; NaN where there is none.
        rows: place on the grid of each row of the meter.
        start: first interval [UTC].
        step: length of an interval.
        day: readings in a day (at least 1).
    """

    y: Floats
    rows: Places
    start: datetime
    step: timedelta
    day: int

    def time(self, place: int) -> datetime:
        """Start of the interval at a place [UTC]."""
        return self.start + int(place) * self.step


@dataclass(frozen=True)
class Mark:
    """What a detector saw.

    Attributes:
        kind: one word.
        places: where, on the course's grid.
        action: what is done about it.
        suspect: whether the readings there are marked suspect, or only spoken of.
    """

    kind: str
    places: Places
    action: str
    suspect: bool = True


def course(part: pl.DataFrame, step: timedelta, day: int) -> Course:
    """The course of one meter's rows, which are sorted by time."""
    times = part[DS]
    rows = ((times - times[0]) / step).round().to_numpy().astype(np.int64)
    y = np.full(int(rows[-1]) + 1, np.nan)
    y[rows] = part[Y].to_numpy()
    return Course(y, rows, times[0], step, day)


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Beginning and end (exclusive) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def places(spans: list[tuple[int, int]]) -> Places:
    """All places in the spans."""
    return np.concatenate([np.arange(a, b) for a, b in spans]) if spans else np.zeros(0, np.int64)
