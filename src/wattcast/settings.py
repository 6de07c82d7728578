"""All settings in one place: one TOML file, a table a stage; options of the command line come on top."""

from __future__ import annotations

import tomllib
from datetime import datetime, time
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from wattcast.nets.forecaster import NetworkSettings
from wattcast.read.settings import SettingsError, Stages, span, validated
from wattcast.train import TrainSettings


def clock(text: str) -> time:
    """`09:00` as a time of day.

    Raises:
        ValueError: it is none.
    """
    try:
        return datetime.strptime(text, "%H:%M").time()
    except ValueError:
        raise ValueError(f"{text!r} is no time of day such as 09:00") from None


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


class Settings(Stages):
    """Settings of every stage."""

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
    return validated(Settings, tables, path)
