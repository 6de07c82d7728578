"""The readings the topics learn from: half-hourly demand of Victoria in 2014, one year, scaled, with its clock."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wattcast.features.panel import Floats
from wattcast.read.samples import elecdemand
from wattcast.schema import DS, Y

#: Readings a day; days of the year that are learned from, the rest is scored.
DAY, TRAIN_DAYS = 48, 292


@dataclass(frozen=True)
class Demand:
    """A year of half hours.

    Attributes:
        times: `[17520]` starts of the intervals.
        load: `[17520]` [GW].
        temperature: `[17520]` [°C].
        workday: `[17520]`, 1 on working days.
        mean, std: of the load of the first `TRAIN_DAYS` days [GW].
    """

    times: NDArray[np.datetime64]
    load: Floats
    temperature: Floats
    workday: Floats
    mean: float
    std: float

    @property
    def scaled(self) -> Floats:
        """`[17520]`: (load - mean) / std."""
        return (self.load - self.mean) / self.std

    @property
    def days(self) -> Floats:
        """`[365, 48]`: the load, a row a day [GW]."""
        return self.load.reshape(-1, DAY)

    @property
    def split(self) -> int:
        """Index of the first reading that is scored."""
        return TRAIN_DAYS * DAY


def demand() -> Demand:
    """The sample `elecdemand`.

    Raises:
        ReadingsError: the package that brings it is not installed.
    """
    frame = elecdemand().frame
    load = frame[Y].to_numpy()
    learned = load[: TRAIN_DAYS * DAY]
    return Demand(
        times=frame[DS].dt.replace_time_zone(None).to_numpy(),
        load=load,
        temperature=frame["Temperature"].to_numpy(),
        workday=frame["WorkDay"].to_numpy(),
        mean=float(learned.mean()),
        std=float(learned.std()),
    )
