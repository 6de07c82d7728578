"""The raw UCI file -> Parquet: once through the text, then meter by meter; memory does not grow with the file.

Batches of the wide text go to a temporary file, column after column; a meter is gathered from there, marked and
written as one row group. 370 clients of four years (763 MB of text) took 440 MB of memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.io.plugins import register_io_source

from wattcast.read import raw
from wattcast.read.clock import in_utc
from wattcast.read.csv import LINE, UNREADABLE
from wattcast.read.layout import Layout, kept
from wattcast.schema import DS, ID, QUALITIES, QUALITY, Finding, Readings, ReadingsError, Y

#: Told the rows read and the meters written so far.
Progress = Callable[[int, int], None]
Span = tuple[datetime | None, datetime | None]

#: Rows of the wide text taken at a time: of 370 clients they make 24 MB.
_BATCH = 8192
#: Zeros at either end of a series from which on the meter was not there [readings]: a day of them.
_ABSENT = 96
_QUALITY = pl.Enum(QUALITIES)


@dataclass(frozen=True)
class _Spill:
    """Columns of the wide text, batch after batch in a file."""

    file: Any
    times: pl.Series
    batches: tuple[int, ...]
    width: int

    def column(self, index: int) -> NDArray[np.float64]:
        values = np.empty(len(self.times))
        for first, last in pairwise(np.cumsum([0, *self.batches]).tolist()):
            self.file.seek(8 * (first * self.width + index * (last - first)))
            self.file.readinto(values[first:last].view(np.uint8))
        return values


def stream(
    path: Path,
    out: Path,
    names: tuple[str, ...],
    wanted: tuple[str, ...],
    layout: Layout,
    *,
    span: Span,
    progress: Progress | None,
) -> tuple[Readings, int]:
    """Converts a file of the raw layout.

    Args:
        path: the text, or a zip of it.
        out: the Parquet file to write.
        names: clients in the file, in its order.
        wanted: clients to take.
        layout: zone, label, unit; whether to halve.
        span: first time wanted and first no longer wanted.
        progress: told how far it is.

    Returns:
        What is known of the readings, without rows, and how many there are.

    Raises:
        ReadingsError: a cell or a stamp that is none, rows that are not 15 min apart, nothing in the span.
    """
    with raw.opened(path) as plain, tempfile.TemporaryFile(dir=out.parent) as file:
        try:
            spill = _spilled(raw.scan(plain, names, wanted), file, path.name, progress)
        except UNREADABLE as error:
            raise raw.bad_cell(plain, names, path.name) from error
        if spill is None:  # there is a row, or the layout had not been recognised: what Polars says of it got lost
            raise raw.bad_cell(plain, names, path.name)
        rows, clock = _rows(spill.times, layout, path.name, span)
        findings = [replace(finding, meter=meter) for finding in clock for meter in wanted]
        schema = {ID: pl.Enum(wanted), DS: pl.Datetime("us", "UTC"), Y: pl.Float64(), QUALITY: _QUALITY}

        def meters(*_: object) -> Iterator[pl.DataFrame]:
            for index, meter in enumerate(wanted):
                table, absent = _meter(spill.column(index), rows, meter)
                findings.extend(absent)
                yield table.select(pl.lit(meter, dtype=schema[ID]).alias(ID), DS, Y, QUALITY)
                if progress is not None:
                    progress(len(spill.times), index + 1)

        empty = pl.DataFrame(schema=schema)
        readings = Readings(
            empty, raw.STEP, layout.zone or "UTC", unit=layout.unit, source=path.name, notes=(raw.NOTE,)
        )
        # zstd at level 1 wrote 52 million readings in 1.8 s, at its usual 3 in 3.4 s.
        register_io_source(meters, schema=schema).sink_parquet(
            out, compression_level=1, row_group_size=len(rows), metadata=kept(readings)
        )
    return replace(readings, findings=tuple(findings)), len(rows) * len(wanted)


def _spilled(lazy: pl.LazyFrame, file: Any, source: str, progress: Progress | None) -> _Spill | None:
    texts: list[pl.Series] = []
    width = 0
    for batch in lazy.collect_batches(chunk_size=_BATCH):
        texts.append(batch[DS])
        width = batch.width - 1
        for column in batch.get_columns()[1:]:
            file.write(np.ascontiguousarray(column.to_numpy()).data)  # nulls are NaN there
        if progress is not None:
            progress(sum(map(len, texts)), 0)
    if not any(map(len, texts)):
        return None
    file.flush()
    return _Spill(file, raw.stamps(pl.concat(texts), source), tuple(map(len, texts)), width)


def _rows(times: pl.Series, layout: Layout, source: str, span: Span) -> tuple[pl.DataFrame, list[Finding]]:
    """For each reading to write: `ds`, the row it comes from, its share of it (1 or 1/2), `quality`; by time."""
    odd = (times.diff() != raw.STEP).fill_null(False)
    if odd.any():
        row = odd.arg_true()[0]
        raise ReadingsError(
            f"{source}, line {row + 2}: {times[row]} comes after {times[row - 1]}, not 15 min later; mend the "
            "rows there, "
            "or read the file without convert.",
            when=f"line {row + 2}",
        )
    starts = times - raw.STEP if layout.label == "end" else times
    table = pl.DataFrame({ID: "", DS: starts, Y: 1.0, LINE: np.arange(len(times))})
    table, findings = in_utc(table, source, layout.zone, halve=layout.halve)
    for when, keep in zip(span, (pl.Expr.ge, pl.Expr.lt), strict=True):
        if when is not None:
            aware = when if when.tzinfo else when.replace(tzinfo=ZoneInfo(layout.zone or "UTC"))
            table = table.filter(keep(pl.col(DS), pl.lit(aware).dt.convert_time_zone("UTC")))
    if table.is_empty():
        raise ReadingsError(
            f"{source} has no readings from {span[0]} to {span[1]}; it goes from {times[0]} to {times[-1]}."
        )
    if QUALITY not in table.columns:
        table = table.with_columns(pl.lit("ok").alias(QUALITY))
    return table.with_columns(pl.col(QUALITY).cast(_QUALITY)).sort(DS), findings


def _meter(values: NDArray[np.float64], rows: pl.DataFrame, meter: str) -> tuple[pl.DataFrame, list[Finding]]:
    """A meter's readings; long zeros at either end are marked, as it was not there yet or no more."""
    y = values[rows[LINE].to_numpy()] * rows[Y].to_numpy()
    there = np.flatnonzero((y != 0) & np.isfinite(y))
    first, after = (int(there[0]), int(there[-1]) + 1) if there.size else (len(y), len(y))
    findings, absent = [], np.zeros(len(y), bool)
    for begin, stop, kind in ((0, first, "not_yet_there"), (after, len(y), "no_more_there")):
        if stop - begin >= _ABSENT:
            absent[begin:stop] = True
            action = "zeros at the start or end of the series, marked suspect: the meter was not there"
            findings.append(Finding(meter, kind, stop - begin, rows[DS][begin], rows[DS][stop - 1], action))
    quality = rows[QUALITY]
    missing = np.isnan(y)
    if absent.any() or missing.any():
        codes = quality.to_physical().to_numpy().copy()
        codes[absent] = QUALITIES.index("suspect")
        codes[missing] = QUALITIES.index("missing")
        quality = pl.Series(QUALITY, QUALITIES, dtype=_QUALITY).gather(codes)
    return pl.DataFrame({DS: rows[DS], Y: pl.Series(y, nan_to_null=bool(missing.any())), QUALITY: quality}), findings
