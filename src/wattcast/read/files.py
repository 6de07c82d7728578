"""From a path to Readings: which reader, which columns, which clock, then the grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from wattcast.read import columns as parts
from wattcast.read import csv, dialect, raw, sidecar, tables, weather
from wattcast.read.csv import LINE
from wattcast.read.grid import say_step, settle
from wattcast.read.layout import Layout
from wattcast.read.source import existing, load
from wattcast.read.wide import MADE_UP_START, long
from wattcast.schema import DS, ID, Readings, ReadingsError

#: Step of sources without times where none is given.
ASSUMED_STEP = timedelta(minutes=15)


@dataclass(frozen=True)
class _Table:
    """Typed columns with `LINE`, the source's name, whether columns have names, the layout so far, notes."""

    frame: pl.DataFrame
    source: str
    named: bool
    layout: Layout
    notes: tuple[str, ...]
    meter: str


def read_source(
    path: str | Path,
    layout: Layout,
    *,
    meters: Sequence[str] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Readings:
    """What `wattcast.read.read` does, with a whole `Layout`."""
    table = _table(path, layout, meters)
    layout = table.layout
    if layout.ds is not None:
        _is_time(table.frame, layout.ds, table.source)
    at = layout.day_before
    column = layout.available_at if at is None else None
    found = parts.find(
        table.frame.drop(LINE),
        table.source,
        id=layout.id,
        ds=layout.ds,
        y=layout.y,
        named=table.named,
        available_at=column,
    )
    whole = found
    frame, found = _chosen(table.frame, found, meters, table.source)
    made_up = (layout.step or ASSUMED_STEP) if found.ds is None else None
    rows = long(frame, found, table.source, meter=table.meter, step=made_up)
    notes = table.notes + found.notes
    if made_up is not None:
        begin = f"{MADE_UP_START:%Y-%m-%d %H:%M}"
        how = "as given" if layout.step else "assumed (step overrules)"
        notes += (f"No column of times: stamps are made up from {begin}, step {say_step(made_up)} {how}.",)
    zone = _zone(frame, found.ds, layout.zone)
    label = "start" if found.ds is None or found.hour is not None else layout.label
    readings = settle(
        rows,
        table.source,
        step=made_up or layout.step,
        zone=zone,
        label=label,
        halve=layout.halve,
        unit=layout.unit or found.unit,
        notes=notes,
    )
    readings = readings if at is None else weather.day_ahead(readings, at)
    readings = replace(readings, clocked=found.ds is not None, layout=_known(layout, whole, readings))
    return within(readings, start, end)


def within(readings: Readings, start: datetime | None, end: datetime | None) -> Readings:
    """Readings from `start` on and before `end`; naive times are by the readings' zone.

    Raises:
        ReadingsError: nothing lies between.
    """
    frame = readings.frame
    for when, keep in ((start, pl.Expr.ge), (end, pl.Expr.lt)):
        if when is not None:
            aware = when if when.tzinfo else when.replace(tzinfo=ZoneInfo(readings.zone))
            frame = frame.filter(keep(pl.col(DS), pl.lit(aware).dt.convert_time_zone("UTC")))
    if frame.is_empty():
        raise ReadingsError(
            f"{readings.source} has no readings from {start} to {end}; it goes from {readings.frame[DS][0]} to "
            f"{readings.frame[DS][-1]}."
        )
    return replace(readings, frame=frame)


def _table(path: str | Path, layout: Layout, meters: Sequence[str] | None) -> _Table:
    if tables.is_url(path):
        frame, name = tables.database(str(path), layout.table)
        return _retyped(frame, f"table {name}", layout, "A table of a database.", name)
    path = existing(path)
    kind, meter = tables.kind_of(path), path.name.split(".")[0]
    if kind == "parquet":
        frame, known = tables.parquet(path, meters)
        return _retyped(frame, path.name, _joined(layout, known), "Parquet.", meter)
    if kind == "arrow":
        return _retyped(tables.arrow(path), path.name, layout, "Arrow.", meter)
    if kind == "excel":
        return _retyped(tables.excel(path, layout.table), path.name, layout, "A spreadsheet.", meter)
    if (head := raw.head_of(path)) is not None:
        frame = raw.frame(path, head, meters)
        return _Table(frame, path.name, True, raw.layout_of(layout), (raw.NOTE,), meter)
    return _text(path, layout, meter)


def _joined(layout: Layout, known: Layout) -> Layout:
    """What the caller says, else what the file says of itself."""
    return replace(known, **{f.name: v for f in fields(layout) if (v := getattr(layout, f.name)) is not None})


def _text(path: Path, layout: Layout, meter: str) -> _Table:
    source = load(path)
    how = dialect.detect(source.text, source.name, separator=layout.separator, decimal=layout.decimal)
    cells = csv.texts(source, how)
    frame, guesses = csv.typed(cells, source.name, how.decimal, day_first=layout.day_first)
    sign = {"\t": "tab"}.get(how.separator, how.separator)
    first = f"{'a header' if how.header else 'no header'} and rows from line {how.first_row} on"
    note = f"Text in {source.encoding}, separator {sign!r}, decimal sign {how.decimal!r}, {first}."
    named = how.header is not None
    if not named:
        frame, named, more = sidecar.completed(path, frame)
        guesses += more
    layout = replace(layout, separator=how.separator, decimal=how.decimal)
    return _Table(frame, path.name, named, layout, (note, *guesses), meter)


def _retyped(frame: pl.DataFrame, source: str, layout: Layout, note: str, meter: str) -> _Table:
    """Columns of text that hold times or numbers get their types as in a text file."""
    texts = [c for c in frame.columns if frame[c].dtype == pl.String and c != ID]
    guesses: list[str] = []
    if texts:
        typed, guesses = csv.typed(
            frame.select(*texts, LINE), source, layout.decimal or ".", day_first=layout.day_first
        )
        frame = frame.with_columns(typed.get_columns())
    for name, dtype in frame.schema.items():
        if dtype.is_float() and (endless := frame[name].is_infinite().fill_null(False)).any():
            row = frame[LINE][endless.arg_true()[0]]
            where = f"row {endless.arg_true()[0] + 1}" if row is None else f"line {row}"
            raise ReadingsError(
                f"{source}, {where}: column {name!r} is infinite; mend it, or leave it empty.", when=where
            )
    return _Table(frame, source, True, layout, (note, *guesses), meter)


def _chosen(
    frame: pl.DataFrame, found: parts.Columns, meters: Sequence[str] | None, source: str
) -> tuple[pl.DataFrame, parts.Columns]:
    """Only the meters asked for."""
    if meters is None:
        return frame, found
    there = (
        list(found.values)
        if found.id is None
        else frame[found.id].cast(pl.String).unique(maintain_order=True).to_list()
    )
    if missing := [meter for meter in meters if meter not in there]:
        raise ReadingsError(
            f"{source} has no meter {missing[0]!r}; it has {len(there)}: {', '.join(map(str, there[:10]))}.",
            meter=missing[0],
        )
    if found.id is None:
        return frame, replace(found, values=tuple(meters), as_meters=True)
    return frame.filter(pl.col(found.id).cast(pl.String).is_in(list(meters))), found


def _is_time(frame: pl.DataFrame, ds: str, source: str) -> None:
    if ds in frame.columns and not (frame[ds].dtype == pl.Date or frame[ds].dtype.base_type() == pl.Datetime):
        raise ReadingsError(
            f"{source}: column {ds!r} does not hold times (its first cell is {frame[ds][0]!r}); name another one as ds."
        )


def _zone(frame: pl.DataFrame, ds: str | None, zone: str | None) -> str | None:
    kind = frame[ds].dtype if ds else None
    own = kind.time_zone if isinstance(kind, pl.Datetime) else None
    return zone or (own if own != "UTC" else None)


def _known(layout: Layout, found: parts.Columns, readings: Readings) -> dict[str, object]:
    """What is now known of the source, in plain values."""
    y = found.values if found.wide else found.values[0]
    zone = None if readings.zone == "UTC" else readings.zone
    known = replace(layout, id=found.id, ds=found.ds, y=y, step=readings.step, zone=zone, unit=readings.unit)
    return replace(known, available_at=layout.available_at or found.available_at).as_dict()
