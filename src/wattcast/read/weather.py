"""Weather and other covariates from a table of their own: joined by time, or kept by when they were known.

Three kinds differ in what a forecast may use. *Past-only* ones are measured: known up to the origin. *Known
ahead* ones (holidays, tariffs) are columns a user names as known. *Forecasts* have, beside the time they speak
of, the time they were `available_at`: what may be used at an origin is `Forecasts.known_at(origin)`, and nothing
else can be got from them, so that no backtest sees a later issue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any

import polars as pl

from wattcast.read.frame import as_polars
from wattcast.schema import DS, ID, QUALITY, Readings, ReadingsError, Y

AVAILABLE_AT = "available_at"


def join(readings: Readings, weather: Readings | Any, *, columns: Sequence[str] | None = None) -> Readings:
    """Readings with columns of another table as covariates.

    Weather on a finer step is averaged over each interval of the readings. Weather on the same or a coarser step
    gives each interval the value nearest to its start, the earlier of two as near, but none that is further away
    than half the weather's step (a whole one at a tie): where there is none the covariate is missing. Names, and
    with them the units they tell, stay.

    Args:
        readings: the load.
        weather: what `read` or `read_frame` gave, or a frame with `ds` and columns of numbers. Its `unique_id`
            counts if all the readings' meters are there; else it must be one place, for all meters.
        columns: those to take; None takes all.

    Raises:
        ReadingsError: no such column, a name that the readings have already, several places for one meter.
    """
    table, step = _weather(weather)
    wanted = list(columns) if columns is not None else [c for c in table.columns if c not in (ID, DS)]
    for name in wanted:
        if name not in table.columns:
            raise ReadingsError(f"The weather has no column {name!r}; it has {', '.join(map(repr, table.columns))}.")
        if name in readings.frame.columns:
            raise ReadingsError(f"Both the readings and the weather have a column {name!r}; rename one.")
    keys = _keys(table, readings)
    values = table.select(*keys, DS, *wanted)
    if step < readings.step:
        values = _averaged(values, keys, readings)
        joined = readings.frame.join(values, on=[*keys, DS], how="left")
    else:
        joined = _nearest(readings.frame, values, keys, step)
    note = f"Joined by time: {', '.join(map(repr, wanted))}, {joined[wanted[0]].null_count()} of {len(joined)} missing."
    order = [c for c in readings.frame.columns if c != QUALITY]
    marks = [QUALITY] if QUALITY in readings.frame.columns else []
    return replace(readings, frame=joined.select(*order, *wanted, *marks), notes=(*readings.notes, note))


@dataclass(frozen=True)
class Forecasts:
    """Covariates that were forecast, each with the time it was there.

    Attributes:
        frame: `ds` (start of the interval spoken of, UTC), `available_at` (UTC), columns of numbers, and
            `unique_id` where they differ by meter.
    """

    frame: pl.DataFrame

    @property
    def names(self) -> list[str]:
        """Names of the covariates."""
        return [c for c in self.frame.columns if c not in (ID, DS, AVAILABLE_AT)]

    def known_at(self, origin: datetime) -> pl.DataFrame:
        """What was there at a moment: for each time the latest issue until then.

        Args:
            origin: the moment, with its zone.

        Returns:
            `unique_id` (if there), `ds` and the covariates, sorted; times without an issue by then are left out.

        Raises:
            ReadingsError: a moment without zone.
        """
        if origin.tzinfo is None:
            raise ReadingsError(f"The moment {origin} has no zone; give one, as datetime(..., tzinfo=UTC).")
        keys = [ID, DS] if ID in self.frame.columns else [DS]
        there = self.frame.filter(pl.col(AVAILABLE_AT) <= pl.lit(origin).dt.convert_time_zone("UTC"))
        latest = there.sort(AVAILABLE_AT, maintain_order=True).unique(keys, keep="last", maintain_order=True)
        return latest.select(*keys, *self.names).sort(keys)


def forecasts(frame: Any, *, ds: str = DS, available_at: str = AVAILABLE_AT, id: str = ID) -> Forecasts:
    """Forecasts from a frame of any kind, one row for each time spoken of and each issue.

    Args:
        frame: pandas, Polars or Arrow table; both times naive (taken as UTC) or zoned.
        ds: column of the time spoken of.
        available_at: column of the time the issue was there.
        id: column of meter names, if forecasts differ by meter.

    Raises:
        ReadingsError: not a frame, a column that is not there, or times that are none.
    """
    table = as_polars(frame)
    for name in (ds, available_at):
        if name not in table.columns or table[name].dtype.base_type() != pl.Datetime:
            raise ReadingsError(f"The forecasts need a column {name!r} of times; they have {table.schema}.")
        if table[name].null_count():
            raise ReadingsError(f"Column {name!r} of the forecasts has empty times; fill or remove these rows.")
    table = table.rename({ds: DS, available_at: AVAILABLE_AT, **({id: ID} if id in table.columns else {})})
    numbers = [c for c in table.columns if c not in (ID, DS, AVAILABLE_AT) and table[c].dtype.is_numeric()]
    keys = [pl.col(ID).cast(pl.String)] if ID in table.columns else []
    return Forecasts(
        table.select(*keys, _utc(table, DS), _utc(table, AVAILABLE_AT), *(pl.col(c).cast(pl.Float64) for c in numbers))
    )


def day_ahead(readings: Readings, columns: Sequence[str], *, at: time = time(10)) -> Forecasts:
    """Columns of the readings that are day-ahead forecasts: those of a day were there at `at` the day before.

    Args:
        readings: with the forecasts as covariates.
        columns: their names.
        at: hour of issue on the readings' clock.

    Raises:
        ReadingsError: no such column.
    """
    for name in columns:
        if name not in readings.covariates:
            raise ReadingsError(f"{readings.source} has no covariate {name!r}; it has {readings.covariates}.")
    midnight = pl.col(DS).dt.convert_time_zone(readings.zone).dt.replace_time_zone(None).dt.truncate("1d")
    issue = midnight - timedelta(days=1) + timedelta(hours=at.hour, minutes=at.minute)
    # In an hour that the clock skips or shows twice the later moment is taken: never too early.
    shown = issue.dt.replace_time_zone(readings.zone, ambiguous="latest", non_existent="null")
    after = (issue + timedelta(hours=1)).dt.replace_time_zone(readings.zone, ambiguous="latest")
    known = pl.coalesce(shown, after).dt.convert_time_zone("UTC").alias(AVAILABLE_AT)
    several = [ID] if len(readings.meters) > 1 else []
    return Forecasts(readings.frame.select(*several, DS, known, *columns))


def _weather(weather: Readings | Any) -> tuple[pl.DataFrame, timedelta]:
    """The table of numbers and its step; of readings the load itself is a column of weather."""
    if isinstance(weather, Readings):
        own = weather.layout.get("y")
        table = weather.frame.select(pl.exclude(QUALITY)).rename({Y: own if isinstance(own, str) else Y})
        return table, weather.step
    table = as_polars(weather)
    if DS not in table.columns or table[DS].dtype.base_type() != pl.Datetime:
        raise ReadingsError(f"The weather needs a column 'ds' of times; it has {table.schema}.")
    numbers = [
        c for c in table.columns if c not in (ID, DS) and (table[c].dtype.is_numeric() or table[c].dtype == pl.Boolean)
    ]
    place = pl.col(ID).cast(pl.String) if ID in table.columns else pl.lit("here").alias(ID)
    table = table.select(place, _utc(table, DS), *(pl.col(c).cast(pl.Float64) for c in numbers)).drop_nulls(DS)
    steps = table.sort(ID, DS).select(pl.col(DS).diff().over(ID).alias("step")).filter(pl.col("step") > timedelta(0))
    if steps.is_empty():
        raise ReadingsError("The weather has a single time, so it has no step; give more of it.")
    step = steps["step"].mode().min()
    assert isinstance(step, timedelta)
    return table, step


def _keys(table: pl.DataFrame, readings: Readings) -> list[str]:
    places = table[ID].unique().to_list()
    if set(readings.meters) <= set(places):
        return [ID]
    if len(places) > 1:
        lost = sorted(set(readings.meters) - set(places))[0]
        raise ReadingsError(
            f"The weather is of {len(places)} places, but not of meter {lost!r}; name the places as the meters.",
            meter=lost,
        )
    return []


def _averaged(values: pl.DataFrame, keys: list[str], readings: Readings) -> pl.DataFrame:
    """Means over the intervals of the readings, whose grid may not begin at whole hours."""
    micro = int(readings.step / timedelta(microseconds=1))
    phase = readings.frame[DS][0]
    begin = (pl.col(DS) - phase).dt.total_microseconds()
    start = pl.lit(phase) + pl.duration(microseconds=(begin // micro) * micro)
    return values.group_by(*keys, start.dt.cast_time_unit("us").alias(DS)).agg(pl.exclude(*keys, DS).mean())


def _nearest(frame: pl.DataFrame, values: pl.DataFrame, keys: list[str], step: timedelta) -> pl.DataFrame:
    by = keys or None
    shifted = frame.with_row_index("row\n").sort(DS)
    # A hair earlier, so that of two values as near the earlier one is taken.
    shifted = shifted.with_columns((pl.col(DS) - timedelta(microseconds=1)).alias("near\n"))
    right = values.sort(DS).rename({DS: "near\n"})
    found = shifted.join_asof(
        right, on="near\n", by=by, strategy="nearest", tolerance=step / 2 + timedelta(microseconds=1)
    )
    return found.sort("row\n").drop("row\n", "near\n")


def _utc(table: pl.DataFrame, name: str) -> pl.Expr:
    zoned = pl.col(name).dt.cast_time_unit("us")
    kind = table.schema[name]
    naive = isinstance(kind, pl.Datetime) and kind.time_zone is None
    return (zoned.dt.replace_time_zone("UTC") if naive else zoned.dt.convert_time_zone("UTC")).alias(name)
