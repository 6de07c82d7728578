"""Files and frames -> Readings. What is found out on the way is said in `notes` and `findings`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

from wattcast.read import columns as parts
from wattcast.read import csv, dialect
from wattcast.read.csv import LINE
from wattcast.read.frame import like, read_frame
from wattcast.read.grid import known_zone, say_step, settle
from wattcast.read.source import existing, is_parquet, load
from wattcast.read.synthetic import synthetic
from wattcast.read.wide import MADE_UP_START, long
from wattcast.schema import Readings, ReadingsError

__all__ = ["like", "read", "read_frame", "synthetic"]

#: Step of files without times where none is given.
ASSUMED_STEP = timedelta(minutes=15)


def read(
    path: str | Path,
    *,
    id: str | None = None,
    ds: str | None = None,
    y: str | Sequence[str] | None = None,
    step: timedelta | None = None,
    zone: str | None = None,
    unit: str | None = None,
    day_first: bool | None = None,
) -> Readings:
    """Readings of a file: text (plain, gz, zst) or Parquet, one meter, long or wide.

    Args:
        path: the file.
        id: column of meter names; None finds it.
        ds: column of times; None finds it. A file without times gets made-up ones from 2011-01-01 00:00.
        y: column of the load, or several that are a meter each; None finds it.
        step: length of an interval; None finds it, or takes 15 min for a file without times.
        zone: IANA name of the clock of stamps without offset, and of the meters; None means UTC.
        unit: unit of `y` [kW, kWh, MW, ...]; None takes it from the column's name.
        day_first: order of day and month in dates such as 03/04/2025; None finds it.

    Raises:
        ReadingsError: a file that cannot be read as readings; the message says where and what would do.
    """
    path = existing(path)
    known_zone(zone)
    if step is not None and step <= timedelta(0):
        raise ReadingsError(f"A step of {step} is no step; give one longer than zero.")
    table, named, notes = _parquet(path) if is_parquet(path) else _text(path, day_first)
    if ds is not None:
        _is_time(table, ds, path.name)
    found = parts.find(table.drop(LINE), path.name, id=id, ds=ds, y=y, named=named)
    made_up = (step or ASSUMED_STEP) if found.ds is None else None
    rows = long(table, found, path.name, meter=path.name.split(".")[0], step=made_up)
    notes += found.notes
    if made_up is not None:
        how = "given" if step else "assumed"
        notes += (
            f"No column of times: stamps are made up from {MADE_UP_START:%Y-%m-%d %H:%M}, step "
            f"{say_step(made_up)} {how}.",
        )
    readings = settle(
        rows,
        path.name,
        step=made_up or step,
        zone=_zone(table, found.ds, zone),
        unit=unit or found.unit,
        notes=notes,
    )
    return replace(readings, clocked=made_up is None)


def _text(path: Path, day_first: bool | None) -> tuple[pl.DataFrame, bool, tuple[str, ...]]:
    """Typed columns, whether they have names, and what was taken for granted."""
    source = load(path)
    how = dialect.detect(source.text, source.name)
    cells = csv.texts(source, how)
    table, guesses = csv.typed(cells, source.name, how.decimal, day_first=day_first)
    sign = {"\t": "tab"}.get(how.separator, how.separator)
    first = f"{'a header' if how.header else 'no header'} and rows from line {how.first_row} on"
    note = f"Text in {source.encoding}, separator {sign!r}, decimal sign {how.decimal!r}, {first}."
    return table, how.header is not None, (note, *guesses)


def _parquet(path: Path) -> tuple[pl.DataFrame, bool, tuple[str, ...]]:
    try:
        table = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise ReadingsError(
            f"{path.name} is not whole Parquet ({type(error).__name__}); write it again."
        ) from error
    if table.is_empty():
        raise ReadingsError(f"{path.name} has columns but no rows; give a file with readings.")
    return table.with_columns(pl.lit(None, dtype=pl.Int64).alias(LINE)), True, ("Parquet.",)


def _is_time(table: pl.DataFrame, ds: str, source: str) -> None:
    if ds in table.columns and not (table[ds].dtype == pl.Date or table[ds].dtype.base_type() == pl.Datetime):
        raise ReadingsError(
            f"{source}: column {ds!r} does not hold times (its first cell is {table[ds][0]!r}); name "
            "another one as ds."
        )


def _zone(table: pl.DataFrame, ds: str | None, zone: str | None) -> str | None:
    kind = table[ds].dtype if ds else None
    own = kind.time_zone if isinstance(kind, pl.Datetime) else None
    return zone or (own if own != "UTC" else None)


def __getattr__(name: str) -> Any:
    """Samples need packages and network code that plain reading does not."""
    if name in ("locate", "sample"):
        from wattcast.read import samples  # noqa: PLC0415

        return getattr(samples, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
