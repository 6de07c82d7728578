"""Power and energy: kW of an interval, or kWh in it; they convert by the step."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Literal

import polars as pl

from wattcast.schema import Readings, ReadingsError, Y

#: How many W or Wh a unit is, and whether it is power or energy.
UNITS: dict[str, tuple[float, Literal["power", "energy"]]] = {
    **{"W": (1.0, "power"), "kW": (1e3, "power"), "MW": (1e6, "power"), "GW": (1e9, "power")},
    **{"Wh": (1.0, "energy"), "kWh": (1e3, "energy"), "MWh": (1e6, "energy"), "GWh": (1e9, "energy")},
}


def factor(unit: str, to: str, step: timedelta) -> float:
    """What a reading in one unit is multiplied with to be in the other; energy is that of one step.

    >>> factor("kW", "kWh", timedelta(minutes=15))
    0.25

    Raises:
        ReadingsError: an unknown unit.
    """
    for name in (unit, to):
        if name not in UNITS:
            raise ReadingsError(f"{name!r} is no unit that can be converted; there are {', '.join(UNITS)}.")
    (size, kind), (wanted, other) = UNITS[unit], UNITS[to]
    hours = step / timedelta(hours=1)
    if kind == other:
        return size / wanted
    return size / wanted * hours if kind == "power" else size / wanted / hours


def to_unit(readings: Readings, unit: str) -> Readings:
    """Readings in another unit, with a quarter of an hour at 4 kW being 1 kWh.

    Args:
        readings: whose `unit` is known.
        unit: W, kW, MW, GW, Wh, kWh, MWh or GWh.

    Raises:
        ReadingsError: the readings' unit is not known, or one cannot be converted.
    """
    if readings.unit is None:
        raise ReadingsError(f"The unit of {readings.source} is not known; name it when reading (unit='kW').")
    times = factor(readings.unit, unit, readings.step)
    return replace(readings, frame=readings.frame.with_columns(pl.col(Y) * times), unit=unit)
