"""Frames of pandas, Polars, Arrow and others in, answers of the same kind out, through narwhals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import narwhals as nw
import polars as pl

from wattcast.read import columns as parts
from wattcast.read.clock import Label, known_zone
from wattcast.read.csv import LINE, plain_names
from wattcast.read.grid import settle
from wattcast.read.wide import long
from wattcast.schema import CUTOFF, DS, ID, Readings, ReadingsError, Y


def read_frame(
    frame: Any,
    id: str = ID,
    ds: str = DS,
    y: str | Sequence[str] = Y,
    *,
    step: timedelta | None = None,
    zone: str | None = None,
    label: Label = "start",
    unit: str | None = None,
) -> Readings:
    """Readings of a long frame of any kind that narwhals knows.

    Args:
        frame: pandas, Polars or Arrow table (or a lazy one, which is collected).
        id: column of meter names; a frame without it holds one meter.
        ds: column of times, naive or with a zone.
        y: column of the load. Other columns of numbers become covariates.
        step: length of an interval; None finds it.
        zone: IANA name of the clock of naive stamps, and of the meters; None takes the stamps' own, else UTC.
        label: side of the interval that the times name.
        unit: unit of `y` [kW, kWh, MW, ...].

    Raises:
        ReadingsError: not a frame, a column that is not there, times that are no times, a bad grid.
    """
    table = as_polars(frame)
    table = table.rename(dict(zip(table.columns, plain_names(table.columns), strict=True)))
    if table.is_empty():
        raise ReadingsError("The frame has no rows; give one with readings.")
    names = table.columns
    if ds not in names:
        raise ReadingsError(
            f"The frame has no column {ds!r}; it has {', '.join(map(repr, names))}. Name the column of "
            "times with ds "
            "(a pandas index has to be reset first)."
        )
    table = _with_times(table, ds)
    zone = known_zone(zone) or _zone_of(table[ds])
    found = parts.find(table, "The frame", id=id if id in names else None, ds=ds, y=y)
    table = table.with_columns(pl.lit(None, dtype=pl.Int64).alias(LINE))
    _finite(table, (*found.values, *found.covariates), found)
    rows = long(table, found, "The frame", meter="meter", step=None)
    readings = settle(rows, "The frame", step=step, zone=zone, label=label, unit=unit or found.unit, notes=found.notes)
    return replace(readings, source="frame")


def like(frame: Any, answer: pl.DataFrame, *, id: str = ID, ds: str = DS, y: str = Y, zone: str | None = None) -> Any:
    """The answer as the kind of frame the caller gave, with the caller's names and clock.

    Args:
        frame: what `read_frame` was given.
        answer: table with `unique_id`, `ds` (UTC) and any further columns.
        id: the caller's name for `unique_id`.
        ds: the caller's name for `ds`.
        y: the caller's name for `y`.
        zone: what `read_frame` was given: the clock of naive stamps.
    """
    native = nw.from_native(frame)
    kind = native.collect_schema()[ds]
    caller_zone = kind.time_zone if isinstance(kind, nw.Datetime) else None
    naive_clock = "UTC" if caller_zone else (zone or "UTC")
    stamps = [c for c, dtype in answer.schema.items() if dtype.base_type() == pl.Datetime and c in (DS, CUTOFF)]
    plain = answer.with_columns(
        pl.col(c).dt.convert_time_zone(naive_clock).dt.replace_time_zone(None).dt.cast_time_unit(_unit(kind))
        for c in stamps
    )
    names = {ID: id, DS: ds, Y: y}
    plain = plain.rename({old: new for old, new in names.items() if old in plain.columns})
    if native.implementation.is_polars():
        out = nw.from_native(plain.lazy() if isinstance(native, nw.LazyFrame) else plain)
    else:
        data = {c: plain[c].to_list() if plain[c].dtype == pl.String else plain[c].to_numpy() for c in plain.columns}
        out = nw.from_dict(data, backend=native.implementation)
    if caller_zone:
        zoned = [names.get(c, c) for c in stamps]
        out = out.with_columns(nw.col(*zoned).dt.replace_time_zone("UTC").dt.convert_time_zone(caller_zone))
    return nw.to_native(out)


def _unit(kind: object) -> Any:
    return kind.time_unit if isinstance(kind, nw.Datetime) and kind.time_unit != "s" else "us"


def as_polars(frame: Any) -> pl.DataFrame:
    """A frame of any kind, column by column, so that pandas' frames need no pyarrow.

    Raises:
        ReadingsError: not a frame.
    """
    try:
        native = nw.from_native(frame)
    except TypeError as error:
        raise ReadingsError(
            f"A {type(frame).__name__} is not a frame; give a pandas, Polars or Arrow table, or a file to read()."
        ) from error
    table = native.collect() if isinstance(native, nw.LazyFrame) else native
    if table.implementation.is_polars():
        return table.to_polars()
    return pl.DataFrame([_column(table[name]) for name in table.columns])


def _column(column: nw.Series[Any]) -> pl.Series:
    kind = column.dtype
    if isinstance(kind, nw.Datetime):
        zone = kind.time_zone
        if zone is not None:
            column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        times = pl.Series(column.name, column.to_numpy())
        times = times.cast(pl.Datetime("us")) if times.dtype.base_type() != pl.Datetime else times
        return times if zone is None else times.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    if kind == nw.Boolean:
        return pl.Series(column.name, column.to_list(), dtype=pl.Boolean)
    if kind.is_numeric():
        if kind.is_integer() and column.null_count() == 0:
            return pl.Series(column.name, column.to_numpy())
        return pl.Series(column.name, column.cast(nw.Float64).to_numpy()).cast(pl.Float64)
    values = column.to_list()
    if kind == nw.Date:
        return pl.Series(column.name, values, dtype=pl.Date)
    texts = [str(value) if isinstance(value, str | int) else None for value in values]  # pandas has NaN there
    return pl.Series(column.name, texts, dtype=pl.String)


def _with_times(table: pl.DataFrame, ds: str) -> pl.DataFrame:
    kind = table[ds].dtype
    if kind.is_integer():
        raise ReadingsError(
            f"Column {ds!r} holds whole numbers ({kind}), not times; turn them into times first, for "
            "instance "
            "pl.datetime_range(...), or pd.date_range(...), with the meters' real step."
        )
    if not (kind == pl.Date or kind.base_type() == pl.Datetime):
        raise ReadingsError(
            f"Column {ds!r} holds {kind}, not times; parse it first (pd.to_datetime, or "
            "str.to_datetime in Polars), or "
            "name another column with ds."
        )
    return table


def _zone_of(times: pl.Series) -> str | None:
    zone = times.dtype.time_zone if isinstance(times.dtype, pl.Datetime) else None
    return None if zone in (None, "UTC") else zone


def _finite(table: pl.DataFrame, numbers: tuple[str, ...], found: parts.Columns) -> None:
    for name in numbers:
        if table[name].dtype.is_float() and (endless := table[name].is_infinite().fill_null(False)).any():
            row = table.row(endless.arg_true()[0], named=True)
            meter = str(row[found.id]) if found.id else None
            raise ReadingsError(
                f"The frame's column {name!r} is infinite at {row[found.ds or DS]}"
                f"{f' for meter {meter!r}' if meter else ''}; put a missing value there, or mend it.",
                meter=meter,
            )
