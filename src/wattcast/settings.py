"""All settings in one place: one TOML file, a table a stage; options of the command line come on top."""

from __future__ import annotations

import tomllib
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from wattcast.nets.forecaster import NetworkSettings
from wattcast.train import TrainSettings


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


def clock(text: str) -> time:
    """`09:00` as a time of day.

    Raises:
        ValueError: it is none.
    """
    try:
        return datetime.strptime(text, "%H:%M").time()
    except ValueError:
        raise ValueError(f"{text!r} is no time of day such as 09:00") from None


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


class BacktestSettings(BaseModel):
    """Which moments a backtest forecasts from, and what is learned from before them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    origins: int = Field(28, ge=1, description="how many, the last ones of the file")
    every: str = Field("1d", description="time from one to the next: steps, or 6h, 1d")
    at: str = Field("00:00", description="local time of day of the origins")
    window: str | None = Field(None, description="newest part that is learned from (365d); None: all of it")
    refit: int | str | None = Field(None, description="train anew before every so many origins, or after 7d")
    warm: bool = Field(False, description="whether it then goes on from its weights, in a quarter of the epochs")
    limit: float | None = Field(None, description="load that counts as a peak; None: exceeded 5 % of the time")
    rivals: bool = Field(False, description="whether the models of the extra `rivals` are run beside the network")

    @field_validator("at")
    @classmethod
    def _is_clock(cls, at: str) -> str:
        clock(at)
        return at

    @field_validator("window")
    @classmethod
    def _is_length(cls, window: str | None) -> str | None:
        if window is not None:
            span(window)
        return window


class Settings(BaseModel):
    """Settings of every stage."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    read: ReadSettings = ReadSettings()
    network: NetworkSettings = NetworkSettings()
    train: TrainSettings = TrainSettings()
    backtest: BacktestSettings = BacktestSettings()


def load_settings(path: Path | None, options: dict[str, dict[str, Any]]) -> Settings:
    """Settings of a TOML file with options on top; options that are None do not count.

    Raises:
        SettingsError: no such file, not TOML, an unknown key or a value out of range; the message names it.
    """
    tables: dict[str, dict[str, Any]] = {}
    if path is not None:
        try:
            tables = tomllib.loads(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as e:
            raise SettingsError(f"The settings file {path} cannot be read: {e}.") from None
        except tomllib.TOMLDecodeError as e:
            raise SettingsError(f"The settings file {path} is not TOML: {e}.") from None
    for stage, given in options.items():
        if not isinstance(tables.get(stage, {}), dict):
            raise SettingsError(f"{stage!r} of {path} is not a table; write [{stage}] and its settings below it.")
        tables[stage] = {**tables.get(stage, {}), **{k: v for k, v in given.items() if v is not None}}
    try:
        return Settings.model_validate(tables)
    except ValidationError as e:
        raise SettingsError(_said(e, path)) from None


def _said(e: ValidationError, path: Path | None) -> str:
    where = f" of {path}" if path else ""
    first = e.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = Settings.model_fields
        if len(first["loc"]) > 1:
            known = known[str(first["loc"][0])].annotation.model_fields  # type: ignore[union-attr]
        return f"There is no setting {name!r}{where}; there are: {', '.join(known)}."
    return f"The setting {name!r}{where} cannot be {first['input']!r}: {first['msg']}."
