"""Settings of reading, and how settings of any stage are checked and refused; knows no JAX."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator


class SettingsError(ValueError):
    """A setting that does not exist or cannot have that value."""


_UNITS = {"s": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def span(text: str) -> timedelta:
    """`30min`, `24h`, `2d`, `1w` as a length of time.

    >>> span("30min"), span("2d")
    (datetime.timedelta(seconds=1800), datetime.timedelta(days=2))

    Raises:
        ValueError: it is none.
    """
    number = text.rstrip("sminhdw")
    unit = _UNITS.get(text[len(number) :])
    if unit is None or not number.isdigit():
        raise ValueError(f"{text!r} is no time such as 30min, 24h, 2d, 1w")
    try:
        return timedelta(**{unit: int(number)})
    except OverflowError:
        raise ValueError(f"{text!r} is longer than time is counted") from None


class ReadSettings(BaseModel):
    """How a file is read; None means: found out, and said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str | None = Field(None, description="column of meter names")
    ds: str | None = Field(None, description="column of times")
    y: str | None = Field(None, description="column of the load")
    zone: str | None = Field(None, description="clock of naive stamps, and of midnights (Europe/Berlin)")
    label: Literal["start", "end"] | None = Field(None, description="side of the interval that stamps name")
    unit: str | None = Field(None, description="unit of the load")
    step: str | None = Field(None, description="length of an interval: 15min, 1h")
    separator: str | None = Field(None, description="sign between cells of a text")
    decimal: Literal[".", ","] | None = Field(None, description="sign before decimals in a text")
    day_first: bool | None = Field(None, description="whether 03/04/2025 is in April")
    table: str | None = Field(None, description="sheet of a spreadsheet, table of a database")
    halve: bool | None = Field(None, description="share out an hour that is there once though the clock shows it twice")
    available_at: str | None = Field(
        None,
        description="when known covariates were there: a column of times, or 10:00 of the day before",
    )
    meters: tuple[str, ...] | None = Field(None, description="meters wanted")

    @field_validator("step")
    @classmethod
    def _is_span(cls, step: str | None) -> str | None:
        if step is not None:
            span(step)
        return step

    def told(self) -> dict[str, Any]:
        """What `wattcast.read.read` is told beside the meters: parts of its `Layout`."""
        given = self.model_dump(exclude={"meters"}, exclude_none=True)
        return given if self.step is None else {**given, "step": span(self.step)}


class Stages(BaseModel):
    """Settings of the stages that every verb has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    read: ReadSettings = ReadSettings()


S = TypeVar("S", bound=Stages)


def validated(kind: type[S], tables: dict[str, Any], path: Path | None = None) -> S:
    """Settings from tables.

    Args:
        kind: which stages there are.
        tables: a table a stage.
        path: the file they are from.

    Raises:
        SettingsError: an unknown key or a value out of range; the message names it.
    """
    try:
        return kind.model_validate(tables)
    except ValidationError as e:
        raise SettingsError(_said(e, kind, path)) from None


def _said(e: ValidationError, kind: type[BaseModel], path: Path | None) -> str:
    where = f" of {path}" if path else ""
    first = e.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = kind.model_fields
        if len(first["loc"]) > 1:
            known = known[str(first["loc"][0])].annotation.model_fields  # type: ignore[union-attr]
        return f"There is no setting {name!r}{where}; there are: {', '.join(known)}."
    return f"The setting {name!r}{where} cannot be {first['input']!r}: {first['msg']}."
