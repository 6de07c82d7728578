"""A text table -> typed columns, each row with its line number."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence

import polars as pl

from wattcast.read import stamps
from wattcast.read.clock import zone_of_offsets
from wattcast.read.dialect import MISSING_WORDS, Decimal, Dialect, is_missing, is_number
from wattcast.read.source import Source
from wattcast.schema import ReadingsError

#: What Polars raises over text that it cannot take apart; some of it a panic, which is no `Exception`.
UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
#: Column of line numbers beside the columns of the file; no header can be that name, as it holds a line end.
LINE = "line\n"

_BOOLEANS = frozenset({"true", "false", "yes", "no"})
_SAMPLE = 2000


def texts(source: Source, dialect: Dialect) -> pl.DataFrame:
    """All cells as text, empty rows left out, with the line number in column `LINE`.

    Raises:
        ReadingsError: rows of unequal length, or quotes that do not close.
    """
    try:
        table = pl.read_csv(
            source.text,
            separator=dialect.separator,
            has_header=False,
            missing_columns="insert",
            skip_lines=dialect.first_row - 1,
            schema={name: pl.String for name in _names(dialect, source.name)},
        )
    except UNREADABLE as error:
        raise _broken(source, dialect) from error
    table = table.with_row_index(LINE, offset=dialect.first_row).with_columns(pl.col(LINE).cast(pl.Int64))
    table = table.filter(pl.any_horizontal(pl.exclude(LINE).is_not_null()))
    if table.is_empty():
        raise ReadingsError(f"{source.name} has no rows of readings; add some below the header.")
    return table


def typed(
    table: pl.DataFrame, source: str, decimal: Decimal, *, day_first: bool | None
) -> tuple[pl.DataFrame, list[str]]:
    """Text columns turned into times, numbers and booleans where that is what they hold.

    Args:
        table: text columns and `LINE`; columns that have a type already keep it.
        source: name for messages.
        decimal: sign before the decimals.
        day_first: order of day and month in dates, None to find out.

    Returns:
        The table, and what was taken for granted.

    Raises:
        ReadingsError: text or an infinity where a number should be; line and column are named.
    """
    notes: list[str] = []
    columns = []
    for column in table.drop(LINE):
        kind = _kind(column) if column.dtype == pl.String else "typed"
        if kind == "stamp":
            columns.append(_times(column, day_first, notes))
        elif kind == "number":
            columns.append(numbers(column, table[LINE], source, decimal))
        elif kind == "boolean":
            columns.append(column.str.strip_chars().str.to_lowercase().is_in(["true", "yes"]))
        elif kind == "typed":
            columns.append(column)
        else:
            columns.append(column.str.strip_chars())
    return pl.DataFrame([table[LINE], *columns]), notes


def numbers(column: pl.Series, lines: pl.Series, source: str, decimal: Decimal) -> pl.Series:
    """Int64 where all are whole numbers, else Float64; null where a cell says there is no reading.

    Raises:
        ReadingsError: text or an infinity where a number should be; line and column are named.
    """
    if decimal == "," and column.dtype == pl.String:
        text = column.str.replace_all(r"[.\s']", "").str.replace(",", ".", literal=True)
    else:
        text = column.str.strip_chars()
        grouped = text.str.contains(r"^[+-]?\d{1,3}([, '\x{a0}\x{202f}]\d{3})+(\.\d+)?$")
        if grouped.any():
            text = pl.select(
                pl.when(grouped).then(text.str.replace_all(r"[, '\x{a0}\x{202f}]", "")).otherwise(text)
            ).to_series()
    found = text.cast(pl.Float64, strict=False)
    bad = (
        found.is_null() & ~column.str.strip_chars().str.to_lowercase().is_in(list(MISSING_WORDS)).fill_null(True)
    ) | (found.is_infinite().fill_null(False))
    if bad.any():
        row = bad.arg_true()[0]
        raise ReadingsError(
            f"{source}, line {lines[row]}: column {column.name!r} holds {_cell(column[row])} where a "
            "finite number should "
            "be; mend the cell, or leave it empty where there was no reading.",
            when=f"line {lines[row]}",
        )
    found = found.fill_nan(None)
    whole = found.cast(pl.Int64, strict=False)
    is_whole = not text.head(_SAMPLE).str.contains(r"[.eE]").any() and whole.null_count() == found.null_count()
    return (whole if is_whole and bool((whole == found).all()) else found).alias(column.name)


def _cell(value: str) -> str:
    return repr(value if len(value) <= 40 else value[:37] + "...")


def _kind(column: pl.Series) -> str:
    """What most of the first filled cells are."""
    cells = [c for c in column.drop_nulls().head(_SAMPLE).to_list() if not is_missing(c)]
    if not cells:
        filled = [c for c in column.drop_nulls().to_list() if not is_missing(c)]
        cells = filled[:_SAMPLE]
        if not cells:
            return "number"
    kinds = Counter(
        "stamp"
        if stamps.looks_like(c)
        else "number"
        if is_number(c)
        else "boolean"
        if c.strip().lower() in _BOOLEANS
        else "text"
        for c in cells
    )
    kind, count = kinds.most_common(1)[0]
    return kind if count > len(cells) / 2 else "text"


def _times(column: pl.Series, day_first: bool | None, notes: list[str]) -> pl.Series:
    filled = column.str.strip_chars()
    filled = filled.set(filled.str.to_lowercase().is_in(list(MISSING_WORDS)), None)
    parsed = stamps.parse(filled, day_first=day_first)
    if parsed.guessed:
        notes.append(
            f"Days and months of column {column.name!r} could be read either way; taken as "
            f"{parsed.date_format} "
            "(day_first overrules)."
        )
    ds = parsed.ds.alias(column.name)
    if parsed.offsets is not None and (zone := zone_of_offsets(ds, parsed.offsets)):
        notes.append(f"Offsets of column {column.name!r} are those of clock {zone}.")
        ds = ds.dt.convert_time_zone(zone)
    elif parsed.offsets is None and re.search(r"\b(utc|gmt)\b", column.name.lower().replace("_", " ")):
        notes.append(f"Times are UTC, as the name of column {column.name!r} says.")
        ds = ds.dt.replace_time_zone("UTC")
    return ds


def _names(dialect: Dialect, source: str) -> list[str]:
    if dialect.header is None:
        return [f"column_{i + 1}" for i in range(dialect.width)]
    repeated = [name for name, count in Counter(dialect.header).items() if count > 1 and name]
    if repeated:
        raise ReadingsError(f"{source} has two columns named {repeated[0]!r}; rename one of them.")
    # Only empty names come twice; the second and later ones get their place as name.
    first_only = [f"column_{i + 1}" if name in dialect.header[:i] else name for i, name in enumerate(dialect.header)]
    return plain_names(first_only)


def plain_names(names: Sequence[str]) -> list[str]:
    """Names of columns that Polars takes as they are; `*` and `^...$` mean many columns to it, so get their place."""
    return [f"column_{i + 1}" if n == "*" or n[:1] == "^" and n[-1:] == "$" else n for i, n in enumerate(names)]


def _broken(source: Source, dialect: Dialect) -> ReadingsError:
    """Which line is unlike the others, once the fast reader has given up."""
    rows = csv.reader(io.StringIO(source.text.decode("utf-8")), delimiter=dialect.separator)
    try:
        for row in rows:
            if rows.line_num >= dialect.first_row and len(row) > dialect.width:
                return ReadingsError(
                    f"{source.name}, line {rows.line_num}: {len(row)} cells where {dialect.width} are "
                    "expected; "
                    "mend the line, or name the separator.",
                    when=f"line {rows.line_num}",
                )
    except csv.Error:
        pass  # a cell without end: the quotes are what is wrong
    return ReadingsError(f'{source.name} is not a table: a quote (") opens and does not close; mend the quotes.')
