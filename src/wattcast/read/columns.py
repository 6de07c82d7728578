"""Which column is what: time, meter, load, covariates. By names and types, and it says what it took."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from wattcast.schema import AVAILABLE_AT, QUALITIES, QUALITY, ReadingsError

_DS_NAMES = ("ds", "datetime", "timestamp", "time", "date_time", "interval_start_time", "date")
_ID_NAMES = frozenset(
    "unique_id id meter meter_id meterid lclid client client_id customer customer_id household "
    "household_id house "
    "house_id site site_id building building_id area zone region country series series_id item_id "
    "sensor device "
    "device_id name mpan nmi".split()
)
_Y_NAMES = tuple("y load demand consumption target usage value power energy reading kwh kw mw mwh gw".split())
_Y_TOKENS = frozenset("load demand consumption usage kwh kw mw mwh gw gwh power energy".split())
_NOT_Y = frozenset(
    "forecast predicted prediction price lag temp temperature humidity wind solar dewpoint rad radiation "
    "holiday diff error".split()
)
#: So many columns, one of them named as a total, are the total and what it is made of.
_PARTS_OF_TOTAL = 6
_COUNTERS = frozenset(
    "hour hr minute day month year week iso_week weekday dayofweek day_of_week dow quarter step index "
    "row rownames unnamed_0".split()
)
_UNITS = {"w": "W", "kw": "kW", "mw": "MW", "gw": "GW", "wh": "Wh", "kwh": "kWh", "mwh": "MWh", "gwh": "GWh"}


@dataclass(frozen=True)
class Columns:
    """What the columns of a table are.

    Attributes:
        ds: column of times, or None.
        hour: column of the hour that belongs to a date in `ds`, or None.
        id: column of meter names, or None.
        values: the load; several where each column is a meter.
        covariates: numbers that are not the load.
        unit: unit of the load, where its name says.
        notes: what was taken for what, in sentences.
        as_meters: a value column is a meter, and its name the meter's, even where it is the only one.
        marked: there are marks of an earlier check in `quality`.
        available_at: column of moments from which the covariates were known, or None.
    """

    ds: str | None
    hour: str | None
    id: str | None
    values: tuple[str, ...]
    covariates: tuple[str, ...]
    unit: str | None
    notes: tuple[str, ...]
    as_meters: bool = False
    marked: bool = False
    available_at: str | None = None

    @property
    def wide(self) -> bool:
        """Whether each value column is a meter."""
        return self.as_meters or len(self.values) > 1


def find(
    frame: pl.DataFrame,
    source: str,
    *,
    id: str | None = None,
    ds: str | None = None,
    y: str | Sequence[str] | None = None,
    named: bool = True,
    available_at: str | None = None,
) -> Columns:
    """Finds the part of each column.

    Args:
        frame: typed table: times are Datetime or Date, numbers and booleans have their types.
        source: name for messages.
        id: column of meter names, where the caller knows.
        ds: column of times, likewise.
        y: column of the load, or the columns that are a meter each.
        named: whether the columns' names mean anything.
        available_at: column of moments from which covariates were known; None takes one of that name.

    Raises:
        ReadingsError: a column that is not there, or no column of numbers.
    """
    wanted = [y] if isinstance(y, str) else list(y or ())
    for name in [*(c for c in (id, ds, available_at) if c), *wanted]:
        if name not in frame.columns:
            raise ReadingsError(f"{source} has no column {name!r}; it has {', '.join(map(repr, frame.columns))}.")
    available_at = _issue_column(frame, source, ds, available_at)
    frame = frame if available_at is None else frame.drop(available_at)
    ds = ds or _time_column(frame)
    hour = _hour_column(frame, ds)
    marked = _marks(frame)
    left = [c for c in frame.columns if c not in (ds, hour, id) and not (marked and c == QUALITY)]
    if id is None:
        id = _id_column(frame.select(left), frame[ds] if ds and not hour else None, wanted)
        left = [c for c in left if c != id]
    numbers = [c for c in left if frame[c].dtype.is_numeric() or frame[c].dtype == pl.Boolean]
    alike = [] if id is not None or not named else _alike(numbers)
    counters = [c for c in numbers if _is_counter(c) and c not in wanted and c not in alike]
    numbers = [c for c in numbers if c not in counters]
    values = wanted or _values(numbers, alike, grouped=id is not None, named=named)
    if not values:
        raise ReadingsError(
            f"{source} has no column of numbers to take as load (columns: "
            f"{', '.join(map(repr, frame.columns))}); "
            "give a table with one number for each time."
        )
    for name in wanted:
        if name not in numbers:
            raise ReadingsError(f"{source}: column {name!r} does not hold numbers; name another one as y.")
    covariates = [c for c in numbers if c not in values]
    dropped = [c for c in left if c not in values and c not in covariates]
    unit = _UNITS.get(next((t for t in reversed(_tokens(values[0])) if t in _UNITS), "")) if len(values) == 1 else None
    notes = _notes(ds, id, values, covariates, dropped, asked=bool(wanted))
    if available_at is not None:
        notes += (f"Covariates count as known from the times in column {available_at!r} on.",)
    meter = named and not wanted and id is None and re.fullmatch(r"[A-Za-z]+[_ -]?\d+", values[0]) is not None
    return Columns(ds, hour, id, tuple(values), tuple(covariates), unit, notes, meter, marked, available_at)


def _notes(
    ds: str | None,
    id: str | None,
    values: list[str],
    covariates: list[str],
    dropped: list[str],
    *,
    asked: bool,
) -> tuple[str, ...]:
    notes = []
    if ds is not None:
        notes.append(f"Times are taken from column {ds!r}.")
    if id is not None:
        notes.append(f"Meters are taken from column {id!r}.")
    if len(values) > 1:
        notes.append(f"Each of {len(values)} columns is taken as a meter ({_shown(values)}).")
    elif not asked and covariates:
        notes.append(f"Load is taken from column {values[0]!r}; y names another one (or several, a meter each).")
    if covariates:
        notes.append(f"Covariates: {_shown(covariates)}.")
    if dropped:
        notes.append(f"Not used: {_shown(dropped)} (text, dates, or counters of rows and of the calendar).")
    return tuple(notes)


def _marks(frame: pl.DataFrame) -> bool:
    return (
        QUALITY in frame.columns
        and _is_text(frame[QUALITY])
        and bool(frame[QUALITY].cast(pl.String).is_in(QUALITIES).all())
    )


def _shown(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:8]))
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _plain(name: str) -> str:
    return "_".join(_tokens(name))


def _tokens(name: str) -> list[str]:
    """Words of a name in lower case; joined words are cut (`TotalP`), units are not (`kWh`)."""
    tokens = []
    for word in re.findall(r"[^\W_]+", name):
        parts = [word] if word.lower() in _UNITS else re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_]+", word)
        tokens += [part.lower() for part in parts]
    return tokens


def _is_counter(name: str) -> bool:
    return _plain(name) in _COUNTERS or name == "" or re.fullmatch(r"step_\d+_?min", _plain(name)) is not None


def _time_column(frame: pl.DataFrame) -> str | None:
    """The column of times with most values; of equals the one with the usual name, else the first."""
    times = [c for c in frame.columns if frame[c].dtype.is_temporal() and frame[c].dtype not in (pl.Duration, pl.Time)]
    usual = {name: rank for rank, name in enumerate(_DS_NAMES)}
    distinct = {c: frame[c].n_unique() for c in times}
    return min(times, key=lambda c: (-distinct[c], usual.get(_plain(c), len(usual))), default=None)


def _issue_column(frame: pl.DataFrame, source: str, ds: str | None, named: str | None) -> str | None:
    """A column of moments beside the times, by its usual name unless named."""
    times = [c for c in frame.columns if frame[c].dtype.base_type() == pl.Datetime and c != ds]
    if named is not None and named not in times:
        raise ReadingsError(f"{source}: column {named!r} does not hold the times at which covariates were available.")
    usual = (c for c in times if _plain(c) == AVAILABLE_AT and len(times) > (ds is None))
    return named or next(usual, None)


def _hour_column(frame: pl.DataFrame, ds: str | None) -> str | None:
    """A column of whole hours beside a column of mere dates."""
    if ds is None or not _mere_dates(frame[ds]):
        return None
    for name in frame.columns:
        if _plain(name) in ("hour", "hr", "hour_ending", "he") and frame[name].dtype.is_integer():
            low, high = frame[name].min(), frame[name].max()
            if isinstance(low, int) and isinstance(high, int) and 0 <= low <= high <= 24:
                return name
    return None


def _mere_dates(times: pl.Series) -> bool:
    return times.dtype == pl.Date or (
        times.dtype.base_type() == pl.Datetime and bool((times.dt.truncate("1d") == times).all())
    )


def _id_column(frame: pl.DataFrame, times: pl.Series | None, wanted: list[str]) -> str | None:
    """A column with a meter's usual name, or the text that tells rows of the same time apart."""
    able = [c for c in frame.columns if c not in wanted and (frame[c].dtype.is_integer() or _is_text(frame[c]))]
    for name in able:
        plain = _plain(name)
        if (plain in _ID_NAMES or plain.replace("_", "") in _ID_NAMES) and frame[name].n_unique() < max(2, len(frame)):
            return name
    if times is None or times.n_unique() == len(times):
        return None
    for name in able:
        pairs = pl.DataFrame({"ds": times, "id": frame[name]})
        if _is_text(frame[name]) and pairs.n_unique() == len(pairs):
            return name
    return None


def _is_text(column: pl.Series) -> bool:
    return column.dtype in (pl.String, pl.Categorical) or column.dtype.base_type() == pl.Enum


def _values(numbers: list[str], alike: list[str], *, grouped: bool, named: bool) -> list[str]:
    """The load among columns of numbers; several where they are meters."""
    if not named and not grouped:
        return numbers
    if len(alike) > 1 and len(alike) >= len(numbers) / 2:
        return alike
    loads = [c for c in numbers if not _NOT_Y & set(_tokens(c))]
    if not grouped and len(loads) >= _PARTS_OF_TOTAL and any("total" in _tokens(c) for c in loads):
        return loads  # a total and the zones or feeders it is made of
    for name in _Y_NAMES:
        if match := [c for c in numbers if _plain(c) == name]:
            return match[:1]
    match = [c for c in numbers if _Y_TOKENS & set(_tokens(c)) and not _NOT_Y & set(_tokens(c))]
    return (match or numbers)[:1]


def _alike(names: list[str]) -> list[str]:
    """Names as meters have them: one stem and a number (MT_001, 8775499), or short codes (AT, BE)."""
    codes = [c for c in names if re.fullmatch(r"[A-Z]{2,4}", c)]
    if len(codes) > 2:
        return codes
    stems = {c: found[1] for c in names if (found := re.fullmatch(r"(\D*)\d+", c)) and found[1] != "column_"}
    usable = Counter(stem for stem in stems.values() if not _NOT_Y & set(_tokens(stem)))
    if not usable:
        return []
    stem = usable.most_common(1)[0][0]
    return [c for c in names if stems.get(c) == stem]
