"""How a text table is written: separator, quotes, decimal sign, lines before the header, header or none."""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from wattcast.read import stamps
from wattcast.schema import ReadingsError

Decimal = Literal[".", ","]
MISSING_WORDS = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "--", "?", "#n/a"})

_SAMPLE_BYTES, _SAMPLE_LINES = 1 << 18, 400
_NUMBER = re.compile(r"[+-]?(\d[\d.,' \u00a0\u202f]*|[.,]\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Dialect:
    """How a text table is written.

    Attributes:
        separator: one character between the cells.
        decimal: sign before the decimals.
        skip: lines before the header or, without one, before the first row.
        header: names of the columns, or None.
        width: cells in a row.
    """

    separator: str
    decimal: Decimal
    skip: int
    header: tuple[str, ...] | None
    width: int

    @property
    def first_row(self) -> int:
        """Line number of the first row, from 1."""
        return self.skip + (self.header is not None) + 1


def detect(text: bytes, name: str, *, separator: str | None = None, decimal: Decimal | None = None) -> Dialect:
    """Finds out from the first lines how a table is written.

    Args:
        text: UTF-8 text of the table.
        name: file name for messages.
        separator: overrules the one found.
        decimal: overrules the decimal sign found.

    Raises:
        ReadingsError: no table can be seen in the text.
    """
    lines = _sample_lines(text)
    if not any(line.strip() for line in lines):
        raise ReadingsError(f"{name} begins with nothing but blanks; give a table of readings.")
    separator = separator or _separator(lines)
    rows = [_cells(line, separator) for line in lines]
    width = _commonest(len(r) for r in rows if r)
    skip = next((i for i, r in enumerate(rows) if len(r) == width and any(r)), None)
    if skip is None:
        raise ReadingsError(f"{name} holds no row with content; give a table of readings.")
    table = [r for r in rows[skip:] if any(r)]
    header = _header(table)
    body = table[1:] if header else table
    if header and not body:
        raise ReadingsError(f"{name} has a header ({_short(header)}) but no rows; add readings below it.")
    return Dialect(separator, decimal or _decimal(body, separator), skip, header, width)


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no reading."""
    return cell.strip().lower() in MISSING_WORDS


def is_number(cell: str) -> bool:
    """Whether a cell is written as a number, with either decimal sign."""
    return _NUMBER.fullmatch(cell.strip()) is not None


def _sample_lines(text: bytes) -> list[str]:
    head = text[:_SAMPLE_BYTES]
    lines = head.decode("utf-8", errors="ignore").split("\n")
    if len(head) < len(text) and len(lines) > 1:
        lines.pop()  # its end is outside the sample
    return [line.removesuffix("\r") for line in lines[:_SAMPLE_LINES]]


def _cells(line: str, separator: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]
    except csv.Error:  # a cell beyond the csv module's size limit
        return [line]


def _separator(lines: list[str]) -> str:
    """The sign that cuts most lines into the same number (> 1) of cells; ',' when there is but one column."""
    best, best_share = ",", 0.0
    filled = [line for line in lines if line.strip()]
    for sign in ("\t", ";", "|", ","):
        rows = [_cells(line, sign) for line in filled]
        # A quote left inside a cell says that the sign stood inside quotes.
        widths = [0 if any('"' in cell for cell in row) else len(row) for row in rows]
        width = _commonest(w for w in widths if w > 1)
        share = widths.count(width) / len(widths) if width > 1 else 0.0
        if share > best_share + 0.05:
            best, best_share = sign, share
    if best == "," and _one_column_of_decimal_commas(filled):
        return ";"
    return best if best_share > 0 else ","


def _one_column_of_decimal_commas(lines: list[str]) -> bool:
    """`Load` and then `74,56`: the header has one name, each row one comma."""
    head, rows = lines[0], lines[1:]
    return "," not in head and not is_number(head) and bool(rows) and all(is_number(r) and "," in r for r in rows)


def _commonest(values: object) -> int:
    counts = Counter(values)  # type: ignore[call-overload]
    return counts.most_common(1)[0][0] if counts else 0


def _header(table: list[list[str]]) -> tuple[str, ...] | None:
    """First row, if it has words where the rows below have numbers or stamps, or stands alone."""
    first, body = table[0], table[1:]
    if any(is_number(c) and not c.isdigit() or stamps.looks_like(c) for c in first):
        return None
    if len(body) == 0:
        return None if all(is_number(c) or is_missing(c) for c in first) else tuple(first)
    for i, cell in enumerate(first):
        below = [r[i] for r in body if i < len(r) and not is_missing(r[i])]
        values = [is_number(c) or stamps.looks_like(c) for c in below]
        if not is_missing(cell) and not is_number(cell) and values and sum(values) > len(values) / 2:
            return tuple(first)
    return None


def _decimal(body: list[list[str]], separator: str) -> Decimal:
    """',' if numbers have it as their last sign and never '.' in that place."""
    if separator == ",":
        quoted = [c for r in body for c in r if "," in c and is_number(c)]
    else:
        quoted = [c for r in body for c in r if is_number(c)]
    comma = sum(bool(re.search(r",\d+([eE][+-]?\d+)?$", c)) and not _groups(c, ",") for c in quoted)
    point = sum(bool(re.search(r"\.\d+([eE][+-]?\d+)?$", c)) and not _groups(c, ".") for c in quoted)
    return "," if comma > point else "."


def _groups(cell: str, sign: str) -> bool:
    """Whether the sign stands between groups of thousands, as in 1.234.567 or 29.590,88."""
    other = "," if sign == "." else "."
    return cell.count(sign) > 1 or (other in cell and cell.rfind(other) > cell.rfind(sign))


def _short(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:5])
    return shown + (", ..." if len(names) > 5 else "")
