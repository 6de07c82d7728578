"""Text -> times: finds the format of a column of stamps and parses all of it.

Read are ISO dates and dates with the day or the month first, month names, 12- and 24-hour clocks, fractions
of any length, `24:00`, offsets from UTC, and intervals ("01/01/2025 00:00 - 01/01/2025 00:15").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_DATE = (
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})"
    rf"|\d{{1,2}}[-/ ]{_MONTH}[-/ ]\d{{4}}|{_MONTH} \d{{1,2}},? \d{{4}})"
)
_TIME = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s*[ap]\.?m\.?)?"
_OFFSET = r"\s*(?:Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)"
_ONE = rf"{_DATE}(?:[T\s]\s*{_TIME}(?:{_OFFSET})?)?"
_STAMP = re.compile(rf"{_ONE}(?:\s+(?:-|–|to)\s+{_ONE})?", re.IGNORECASE)
_INTERVAL = r"^(.+?)\s+(?:-|–|to)\s+(.+)$"
_TIMES = ("%H:%M:%S", "%H:%M", "%H:%M:%S%.f", "%I:%M:%S %p", "%I:%M %p")
_YEAR_FIRST = re.compile(r"\d{4}([-/.])")
_NUMBERS_FIRST = re.compile(r"\d{1,2}([-/.])\d{1,2}[-/.](\d{4}|\d{2})\b")
_DAY_MONTHNAME = re.compile(r"\d{1,2}([-/ ])[a-z]+([-/ ])\d{4}", re.IGNORECASE)
_MONTHNAME = re.compile(r"[a-z]+ \d{1,2}(,?) \d{4}", re.IGNORECASE)


@dataclass(frozen=True)
class Stamps:
    """A column of stamps, parsed.

    Attributes:
        ds: Datetime in us; UTC where the stamps carry offsets, else without zone; null where unreadable.
        date_format: format of the date as `strptime` writes it.
        guessed: the order of day and month could not be told from the stamps.
        offsets: offsets from UTC found [min]; empty for stamps without.
        length: length of the intervals, where stamps are intervals.
    """

    ds: pl.Series
    date_format: str
    guessed: bool
    offsets: pl.Series | None
    length: timedelta | None


def looks_like(cell: str) -> bool:
    """Whether a cell is written as a date, a time of a date, or an interval between two."""
    return len(cell) < 80 and _STAMP.fullmatch(cell.strip()) is not None


def parse(column: pl.Series, *, day_first: bool | None = None) -> Stamps:
    """Parses a text column of stamps.

    Args:
        column: text, of which at least the first filled cell is a stamp.
        day_first: order of day and month in dates such as 03/04/2025; None finds out.
    """
    text = column.str.strip_chars()
    first = str(text.drop_nulls().head(1).item())
    if re.match(_INTERVAL, first) and looks_like(first):
        begins, ends = (text.str.extract(_INTERVAL, part) for part in (1, 2))
        if begins.null_count() < len(text):  # what a space is, Polars and `re` do not agree on
            starts, stops = parse(begins, day_first=day_first), parse(ends, day_first=day_first)
            length = _commonest_length(stops.ds - starts.ds)
            return Stamps(starts.ds, starts.date_format, starts.guessed, starts.offsets, length)
    text, offsets = _without_offset(text)
    text = text.str.replace(r"^([\d/.-]+)T(\d)", "$1 $2")
    formats = _date_formats(text, day_first)
    parsed = [_parsed(text, date) for date in formats]
    best = min(range(len(parsed)), key=lambda i: (parsed[i].null_count(), _backward(parsed[i])))
    guessed = len(parsed) == 2 and parsed[0].null_count() == parsed[1].null_count()
    guessed = guessed and not parsed[0].equals(parsed[1], null_equal=True)
    ds = parsed[best]
    if offsets is not None:
        ds = (ds - offsets * timedelta(minutes=1)).dt.replace_time_zone("UTC")
    return Stamps(ds, formats[best], guessed, offsets, None)


def _commonest_length(lengths: pl.Series) -> timedelta | None:
    modes = lengths.drop_nulls().mode().sort()
    length = modes[0] if len(modes) else None
    return length if isinstance(length, timedelta) and length > timedelta(0) else None


def _without_offset(text: pl.Series) -> tuple[pl.Series, pl.Series | None]:
    """Stamps without their offset, and the offsets [min] if any stamp has one."""
    pattern = r"(?i)(:\d{2}(?:[.,]\d+)?)\s*(Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)$"
    if not text.head(1000).str.contains(pattern).any():
        return text, None
    zone = text.str.extract(pattern, 2)
    hours = zone.str.extract(r"^([+-]\d{2})", 1).cast(pl.Int64, strict=False)
    minutes = zone.str.extract(r"^[+-]\d{2}:?(\d{2})$", 1).cast(pl.Int64, strict=False).fill_null(0)
    table = pl.DataFrame({"zone": zone, "h": hours, "m": minutes, "negative": zone.str.starts_with("-")})
    sign = pl.when("negative").then(-1).otherwise(1)
    offset = pl.when(pl.col("zone").is_null()).then(None).otherwise(pl.col("h").fill_null(0) * 60 + sign * pl.col("m"))
    return text.str.replace(pattern, "$1"), table.select(offset.alias("offset")).to_series()


def _date_formats(text: pl.Series, day_first: bool | None) -> list[str]:
    """The formats the dates may have, by the first stamp; two where the order of day and month is open."""
    first = str(text.drop_nulls().head(1).item())
    if found := _YEAR_FIRST.match(first):
        return [f"%Y{found[1]}%m{found[1]}%d"]
    if found := _NUMBERS_FIRST.match(first):
        sign, year = found[1], "%Y" if len(found[2]) == 4 else "%y"
        day, month = f"%d{sign}%m{sign}{year}", f"%m{sign}%d{sign}{year}"
        return [day, month] if day_first is None else [day if day_first else month]
    if found := _DAY_MONTHNAME.match(first):
        return [f"%d{found[1]}%B{found[2]}%Y"]
    if found := _MONTHNAME.match(first):
        return [f"%B %d{found[1]} %Y"]
    return ["%Y%m%d"]


def _parsed(text: pl.Series, date: str) -> pl.Series:
    """Times by the date's format and any of the clock's; a stamp without clock is midnight."""
    late = text.str.contains(r"\s24:00")
    if late.any():
        text = text.str.replace(r"\s24:00", " 00:00")
    if text.head(1000).str.contains(r":\d{2},\d").any():
        text = text.str.replace(r"(:\d{2}),(\d)", "$1.$2")
    ds = pl.Series(text.name, [None] * len(text), dtype=pl.Datetime("us"))
    for format_ in (*(f"{date} {time}" for time in _TIMES), date):
        left = ds.is_null() & text.is_not_null()
        if not left.any():
            break
        found = text.filter(left).str.to_datetime(format_, time_unit="us", strict=False)
        if found.null_count() < len(found):
            ds = ds.scatter(left.arg_true(), found) if not left.all() else found
    return ds + pl.select(pl.when(late.fill_null(False)).then(timedelta(days=1)).otherwise(timedelta(0))).to_series()


def _backward(ds: pl.Series) -> int:
    """Steps back in time from one row to the next: few in the right order of day and month."""
    return int((ds.drop_nulls().diff() < timedelta(0)).sum())
