"""How a source is written: what the caller says, the rest found out; can be kept for the next file like it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import time, timedelta
from typing import Any, TypedDict

from wattcast.read.clock import Label, known_zone
from wattcast.read.dialect import Decimal
from wattcast.schema import Readings, ReadingsError


class Told(TypedDict, total=False):
    """What a caller may say of a source; see `Layout`."""

    id: str | None
    ds: str | None
    y: str | Sequence[str] | None
    step: timedelta | None
    zone: str | None
    label: Label | None
    unit: str | None
    separator: str | None
    decimal: Decimal | None
    day_first: bool | None
    table: str | None
    halve: bool
    available_at: str | None


@dataclass(frozen=True)
class Layout:
    """How a source is written; None is found out.

    Attributes:
        id: column of meter names.
        ds: column of times.
        y: column of the load, or several that are a meter each.
        step: length of an interval; 15 min for sources without times unless given.
        zone: IANA name of the clock of stamps without offset, and of the meters; UTC unless known.
        label: side of the interval that stamps name, "start" or "end".
        unit: unit of the load [kW, kWh, MW, ...].
        separator: sign between cells of a text.
        decimal: sign before decimals in a text, "." or ",".
        day_first: order of day and month in dates such as 03/04/2025.
        table: sheet of a spreadsheet, or table of a database.
        halve: give each of the two hours that the clock shows as one in autumn half of what is there once.
        available_at: column of the moments from which covariates known ahead were there, or an hour of the day before
            ("10:00") for day-ahead forecasts. A column named so is taken for it; else they count as always known.
    """

    id: str | None = None
    ds: str | None = None
    y: str | tuple[str, ...] | None = None
    step: timedelta | None = None
    zone: str | None = None
    label: Label | None = None
    unit: str | None = None
    separator: str | None = None
    decimal: Decimal | None = None
    day_first: bool | None = None
    table: str | None = None
    halve: bool = False
    available_at: str | None = None

    def __post_init__(self) -> None:
        """Refuses what cannot be."""
        known_zone(self.zone)
        if self.step is not None and self.step <= timedelta(0):
            raise ReadingsError(f"A step of {self.step} is no step; give one longer than zero.")
        if self.label not in (None, "start", "end"):
            raise ReadingsError(f"label must be 'start' or 'end', got {self.label!r}.")
        if self.decimal not in (None, ".", ","):
            raise ReadingsError(f"decimal must be '.' or ',', got {self.decimal!r}.")
        if self.separator is not None and len(self.separator.encode()) != 1:
            raise ReadingsError(f"separator must be one plain character, got {self.separator!r}.")

    @property
    def day_before(self) -> time | None:
        """`available_at` as an hour, if it is one."""
        try:
            return time.fromisoformat(self.available_at or "")
        except ValueError:
            return None

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON or TOML: what is known, `step` in seconds."""
        known = {name: value for name, value in asdict(self).items() if value not in (None, False)}
        if self.step is not None:
            known["step"] = self.step.total_seconds()
        return {name: list(value) if isinstance(value, tuple) else value for name, value in known.items()}


#: Under this key a Parquet file keeps what is known of its readings beside the columns.
KEPT = "wattcast"


def kept(readings: Readings) -> dict[str, str]:
    """What a Parquet file keeps of its readings beside the columns: step, zone, unit."""
    zone = None if readings.zone == "UTC" else readings.zone
    return {KEPT: json.dumps(Layout(step=readings.step, zone=zone, label="start", unit=readings.unit).as_dict())}


def told(values: Told) -> Layout:
    """A layout from what a caller says."""
    return overruled(Layout(), values)


def overruled(layout: Layout, values: Told) -> Layout:
    """A layout of which a caller says otherwise in parts."""
    plain: dict[str, Any] = dict(values)
    if plain.get("y") is not None and not isinstance(plain["y"], str):
        plain["y"] = tuple(plain["y"])
    return replace(layout, **plain)


def from_dict(values: Mapping[str, Any]) -> Layout:
    """The layout that `Layout.as_dict` wrote.

    Raises:
        ReadingsError: a key that is none of a layout's, or a value that cannot be.
    """
    names = [f.name for f in fields(Layout)]
    if unknown := [key for key in values if key not in names]:
        raise ReadingsError(f"A layout has no {unknown[0]!r}; it has {', '.join(names)}.")
    plain: dict[str, Any] = dict(values)
    if "step" in plain:
        plain["step"] = timedelta(seconds=plain["step"])
    return told(plain)  # type: ignore[arg-type]
