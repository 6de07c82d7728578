"""Weather and other covariates from a table of their own: joined by time, or kept by when they were known.

Three kinds differ in what a forecast may use. *Past-only* ones are measured: known up to the origin. *Known
ahead* ones (holidays, tariffs) are columns a user names as known. *Forecasts* have, beside the time they speak
of, the time they were `available_at`: with it they are joined, and a view of an origin shows only what was there then
(`features.view`), so that no backtest sees a later issue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import time, timedelta
from typing import Any

import polars as pl

from wattcast.read.clock import moment
from wattcast.read.frame import as_polars
from wattcast.schema import AVAILABLE_AT, DS, ID, QUALITY, Readings, ReadingsError, Y

#: Where the moments of an earlier join wait; no column of a file can be named so.
_BEFORE = "available before\n"


def join(readings: Readings, weather: Readings | Any, *, columns: Sequence[str] | None = None) -> Readings:
    """Readings with columns of another table as covariates.

    Weather on a finer step is averaged over each interval of the readings. Weather on the same or a coarser step
    gives each interval the value nearest to its start, the earlier of two as near, but none that is further away
    than half the weather's step (a whole one at a tie): where there is none the covariate is missing. Names, and
    with them the units they tell, stay. Weather with a column `available_at` is a forecast: of several
    issues of one time the first is taken; of values that share an interval, or come from two joins, the last moment
    counts.

    Args:
        readings: the load.
        weather: what `read` or `read_frame` gave, or a frame with `ds`, numbers, and perhaps `available_at`. Its
            `unique_id` counts if all the readings' meters are there; else it must be one place, for all meters.
        columns: those to take; None takes all.

    Raises:
        ReadingsError: no such column, a name that the readings have already, several places for one meter.
    """
    table, step = _weather(weather)
    wanted = list(columns) if columns is not None else [c for c in table.columns if c not in (ID, DS, AVAILABLE_AT)]
    issued = [AVAILABLE_AT] if AVAILABLE_AT in table.columns else []
    for name in wanted:
        if name not in table.columns:
            raise ReadingsError(f"The weather has no column {name!r}; it has {', '.join(map(repr, table.columns))}.")
        if name in readings.frame.columns:
            raise ReadingsError(f"Both the readings and the weather have a column {name!r}; rename one.")
    keys = _keys(table, readings)
    values = table.select(*keys, DS, *wanted, *issued)
    if issued:
        values = values.with_columns(pl.col(AVAILABLE_AT).fill_null(pl.col(DS) + step))
        values = values.sort(AVAILABLE_AT, maintain_order=True).unique([*keys, DS], keep="first", maintain_order=True)
    before = readings.frame
    if AVAILABLE_AT in before.columns:
        earlier = pl.col(AVAILABLE_AT).fill_null(pl.col(DS) + readings.step).alias(_BEFORE)
        before = before.select(pl.exclude(AVAILABLE_AT), earlier)
    if step < readings.step:
        values = _averaged(values, keys, readings)
        joined = before.join(values, on=[*keys, DS], how="left")
    else:
        joined = _nearest(before, values, keys, step)
    note = f"Joined by time: {', '.join(map(repr, wanted))}, {joined[wanted[0]].null_count()} of {len(joined)} missing."
    there = [c for c in (AVAILABLE_AT, _BEFORE) if c in joined.columns]
    moments = [pl.max_horizontal(there).alias(AVAILABLE_AT)] if there else []
    order = [c for c in readings.frame.columns if c not in (AVAILABLE_AT, QUALITY)]
    marks = [QUALITY] if QUALITY in readings.frame.columns else []
    return replace(readings, frame=joined.select(*order, *wanted, *moments, *marks), notes=(*readings.notes, note))


def day_ahead(readings: Readings, at: time) -> Readings:
    """Readings whose covariates are day-ahead forecasts: those of a day were there at `at` the day before.

    Args:
        readings: with the forecasts as covariates.
        at: hour of issue on the readings' clock.
    """
    midnight = pl.col(DS).dt.convert_time_zone(readings.zone).dt.replace_time_zone(None).dt.truncate("1d")
    issue = midnight - timedelta(days=1) + timedelta(hours=at.hour, minutes=at.minute)
    frame = readings.frame.with_columns(moment(issue, readings.zone).alias(AVAILABLE_AT))
    marks = [QUALITY] if QUALITY in frame.columns else []
    note = f"Covariates of a day count as known from {at:%H:%M} of the day before on, clock {readings.zone}."
    return replace(readings, frame=frame.select(pl.exclude(marks), *marks), notes=(*readings.notes, note))


def _weather(weather: Readings | Any) -> tuple[pl.DataFrame, timedelta]:
    """The table of numbers and its step; of readings the load itself is a column of weather."""
    if isinstance(weather, Readings):
        own = weather.layout.get("y")
        table = weather.frame.select(pl.exclude(QUALITY)).rename({Y: own if isinstance(own, str) else Y})
        return table, weather.step
    table = as_polars(weather)
    for name in (DS, *({AVAILABLE_AT} & set(table.columns))):
        if name not in table.columns or table[name].dtype.base_type() != pl.Datetime:
            raise ReadingsError(f"The weather needs a column {name!r} of times; it has {table.schema}.")
    numbers = [
        c for c in table.columns if c not in (ID, DS) and (table[c].dtype.is_numeric() or table[c].dtype == pl.Boolean)
    ]
    place = pl.col(ID).cast(pl.String) if ID in table.columns else pl.lit("here").alias(ID)
    moments = [_utc(table, c) for c in (DS, AVAILABLE_AT) if c in table.columns]
    table = table.select(place, *moments, *(pl.col(c).cast(pl.Float64) for c in numbers)).drop_nulls(DS)
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
    return values.group_by(*keys, start.dt.cast_time_unit("us").alias(DS)).agg(
        pl.exclude(*keys, DS, AVAILABLE_AT).mean(), pl.col(f"^{AVAILABLE_AT}$").max()
    )


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
