"""The raw file of UCI ElectricityLoadDiagrams20112014, in bounded memory.

A row holds all clients: `"2011-01-01 00:15:00";0;12,69...` under a header that begins with an empty name; `;`
between cells, decimal commas, kW, stamps at the END of 15 minutes, on Portugal's clock made to 96 values a day:
in March the hour that does not exist is all zeros, in October the hour that is there twice holds the sum of both.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl

from wattcast.read.csv import LINE, UNREADABLE, plain_names
from wattcast.read.dialect import is_missing, is_number
from wattcast.read.layout import Layout
from wattcast.read.source import DAMAGED, chunks, is_packed
from wattcast.schema import DS, ReadingsError

ZONE, UNIT, STEP = "Europe/Lisbon", "kW", timedelta(minutes=15)
NOTE = (
    "The layout of UCI ElectricityLoadDiagrams: kW, separator ';', decimal sign ',', stamps are ends of intervals on "
    f"clock {ZONE} with 96 values each day."
)

#: Largest file unpacked [bytes]; the real one has 0.7 GB.
_MAX_UNPACKED = 16 * 2**30
_STAMP = re.compile(rb'"?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"?;')


def head_of(path: Path) -> tuple[str, ...] | None:
    """Names of the clients, if a file has this layout, packed or not."""
    try:
        start = next(chunks(path), b"")
    except (*DAMAGED, ReadingsError):
        return None  # whoever reads it next says what is wrong
    first, _, rest = start.partition(b"\n")
    if not first.startswith((b'"";', b";")) or not _STAMP.match(rest):
        return None
    try:
        names = [name.strip().strip('"') for name in first.decode().split(";")[1:]]
    except UnicodeDecodeError:
        return None
    usable = all(names) and len(set(names)) == len(names) and DS not in names and plain_names(names) == names
    return tuple(names) if usable else None


def layout_of(asked: Layout) -> Layout:
    """The layout of such a file, where the caller does not say otherwise."""
    step = asked.step or STEP
    return replace(asked, step=step, zone=asked.zone or ZONE, label=asked.label or "end", unit=asked.unit or UNIT)


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """The path of the plain text; what is packed lies in a temporary file meanwhile.

    Raises:
        ReadingsError: a damaged file, or one that holds too much.
    """
    if not is_packed(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        plain, size = Path(folder) / "raw.txt", 0
        try:
            with plain.open("wb") as out:
                for chunk in chunks(path):
                    size += out.write(chunk)
                    if size > _MAX_UNPACKED:
                        raise ReadingsError(
                            f"{path.name} unpacks to more than {_MAX_UNPACKED >> 30} GiB; do it by hand."
                        )
        except DAMAGED as error:
            raise ReadingsError(f"{path.name} is cut short or damaged ({error}); fetch it again.") from error
        yield plain


def scan(plain: Path, names: Sequence[str], meters: Sequence[str] | None = None) -> pl.LazyFrame:
    """Columns `ds` (text) and one of numbers for each client wanted.

    Types are given, not guessed: early columns begin with whole zeros.

    Raises:
        ReadingsError: a client that is not there.
    """
    if unknown := [meter for meter in meters or () if meter not in names]:
        raise ReadingsError(
            f"There is no meter {unknown[0]!r}; there are {len(names)}, {names[0]!r} to {names[-1]!r}.",
            meter=unknown[0],
        )
    schema = {DS: pl.String(), **{name: pl.Float64() for name in names}}
    lazy = pl.scan_csv(
        plain,
        separator=";",
        decimal_comma=True,
        has_header=False,
        skip_lines=1,
        schema=schema,
        missing_columns="insert",
    )
    return lazy.select(DS, *(meters or names))


def stamps(text: pl.Series, source: str) -> pl.Series:
    """Naive times of the stamps; they are the file's, not yet starts of intervals.

    Raises:
        ReadingsError: one cannot be read; its line is named.
    """
    times = text.str.strip_chars(' "\r').str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)
    if times.null_count():
        row = times.is_null().arg_true()[0]
        raise ReadingsError(
            f"{source}, line {row + 2}: the time {str(text[row])[:40]!r} cannot be read; mend or remove the line.",
            when=f"line {row + 2}",
        )
    return times


def frame(path: Path, names: Sequence[str], meters: Sequence[str] | None = None) -> pl.DataFrame:
    """The wide table with `ds` and `LINE`, for those clients.

    Raises:
        ReadingsError: an unknown client, a cell that is no number, a stamp that is none.
    """
    with opened(path) as plain:
        try:
            table = scan(plain, names, meters).collect()
        except UNREADABLE as error:
            raise bad_cell(plain, names, path.name) from error
    if table.is_empty():
        raise ReadingsError(f"{path.name} has a header but no rows; add readings below it.")
    return table.with_columns(stamps(table[DS], path.name), pl.int_range(2, pl.len() + 2, dtype=pl.Int64).alias(LINE))


def bad_cell(plain: Path, names: Sequence[str], source: str) -> ReadingsError:
    """Where the first cell is that is no number, once the fast reader has given up."""
    with plain.open("rb") as file:
        for number, line in enumerate(file, start=1):
            cells = line.decode("utf-8", errors="replace").rstrip("\r\n").split(";")
            if number == 1:
                continue
            if len(cells) > len(names) + 1:
                what = f"{len(cells)} cells where {len(names) + 1} are expected; mend the line."
                return ReadingsError(f"{source}, line {number}: {what}", when=f"line {number}")
            for name, cell in zip(names, cells[1:], strict=False):
                if not is_number(cell) and not is_missing(cell):
                    what = f"column {name!r} holds {cell[:40]!r} where a number should be; mend it, or leave it empty."
                    return ReadingsError(f"{source}, line {number}: {what}", when=f"line {number}", meter=name)
    return ReadingsError(f"{source} is not written as it should be (quotes that do not close?); mend it.")
