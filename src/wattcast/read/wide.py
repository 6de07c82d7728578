"""Typed columns whose parts are known -> long rows: one meter, many by name, or each column a meter."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from wattcast.read.columns import Columns
from wattcast.read.csv import LINE
from wattcast.read.grid import place
from wattcast.schema import AVAILABLE_AT, DS, ID, QUALITY, ReadingsError, Y

#: Where files without times begin.
MADE_UP_START = datetime(2011, 1, 1)


def long(frame: pl.DataFrame, columns: Columns, source: str, *, meter: str, step: timedelta | None) -> pl.DataFrame:
    """Rows `unique_id, ds, y`, covariates, `available_at` where the table has it, and `LINE`.

    Args:
        frame: typed table with `LINE`.
        columns: which column is what.
        source: name for messages.
        meter: name of the meter where the table has none.
        step: step of made-up times, where the table has no times; None where it has.
    """
    times = _times(frame, columns, source) if step is None else _made_up(frame, columns, step)
    names = {c: f"{c}_covariate" if c in (ID, DS, Y, QUALITY, AVAILABLE_AT) else c for c in columns.covariates}
    covariates = [pl.col(c).cast(pl.Float64).alias(name) for c, name in names.items()]
    issued = [] if columns.available_at is None else [pl.col(columns.available_at).alias(AVAILABLE_AT)]
    marks = [pl.col(QUALITY).cast(pl.String)] if columns.marked else []
    if columns.wide:
        fixed = frame.select(LINE, times.alias(DS), *covariates, *issued)
        parts = (fixed.with_columns(pl.lit(v).alias(ID), frame[v].cast(pl.Float64).alias(Y)) for v in columns.values)
        return pl.concat(parts).select(ID, DS, Y, *names.values(), *(AVAILABLE_AT for _ in issued), LINE)
    name = pl.lit(meter) if columns.id is None else pl.col(columns.id).cast(pl.String)
    value = pl.col(columns.values[0]).cast(pl.Float64)
    return frame.select(name.alias(ID), times.alias(DS), value.alias(Y), *covariates, *issued, *marks, LINE)


def _times(frame: pl.DataFrame, columns: Columns, source: str) -> pl.Series:
    assert columns.ds is not None
    times = frame[columns.ds].cast(pl.Datetime("us")) if frame[columns.ds].dtype == pl.Date else frame[columns.ds]
    if columns.hour is None:
        return times
    hours = frame[columns.hour]
    if hours.null_count():
        line = frame[LINE][hours.is_null().arg_true()[0]]
        raise ReadingsError(f"{place(source, line)}: the hour in column {columns.hour!r} is empty; fill it in.")
    # Hours 1 to 24 name the end of an interval, 0 to 23 its start.
    ending = 1 if hours.max() == 24 else 0
    return times + (hours - ending) * timedelta(hours=1)


def _made_up(frame: pl.DataFrame, columns: Columns, step: timedelta) -> pl.Series:
    count = pl.int_range(pl.len()) if columns.id is None else pl.int_range(pl.len()).over(columns.id)
    return frame.select((pl.lit(MADE_UP_START) + count * pl.lit(step)).cast(pl.Datetime("us")).alias(DS)).to_series()
