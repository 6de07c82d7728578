"""Rows with times -> Readings on one step: UTC, sorted, each stamp once, nothing off the grid."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from wattcast.read.csv import LINE
from wattcast.schema import DS, ID, Finding, Readings, ReadingsError, Y

#: So many equal differences in a row that are not the step are a second step, not gaps.
_SECOND_STEP_RUN = 20


def settle(
    rows: pl.DataFrame,
    source: str,
    *,
    step: timedelta | None = None,
    zone: str | None = None,
    unit: str | None = None,
    notes: tuple[str, ...] = (),
) -> Readings:
    """Puts rows on a grid.

    Args:
        rows: `unique_id` (String), `ds` (Datetime, naive or UTC), `y` and covariates (Float64), and `LINE`,
            the line of each row (null for frames).
        source: name for messages.
        step: length of an interval; None takes the commonest difference.
        zone: clock of naive stamps, and the meters' own zone.
        unit: unit of `y`.
        notes: what was taken for granted so far.

    Raises:
        ReadingsError: stamps missing, twice with different readings, off the grid, or on two steps.
    """
    _no_empty_stamps(rows, source)
    findings: list[Finding] = []
    step = step or _commonest_step(rows, source)
    if zone is not None and step >= timedelta(days=1):
        notes += (f"Steps of {say_step(step)} are kept in UTC, as days of clock {zone} differ in length.",)
        zone = None
    rows = _in_utc(rows, source, zone, findings)
    rows = _sorted(rows, findings)
    rows = _once_each(rows, source, findings)
    _on_grid(rows, source, step)
    frame = rows.drop(LINE).with_columns(pl.exclude(ID, DS).cast(pl.Float64).fill_nan(None))
    others = [c for c in frame.columns if c not in (ID, DS, Y)]
    return Readings(
        frame=frame.select(ID, DS, Y, *others),
        step=step,
        zone=zone or "UTC",
        unit=unit,
        source=source,
        findings=tuple(findings),
        notes=notes,
    )


def known_zone(zone: str | None) -> str | None:
    """The zone, if it is one.

    Raises:
        ReadingsError: no such zone.
    """
    if zone is not None:
        try:
            ZoneInfo(zone)
        except (ValueError, OSError, KeyError) as error:
            raise ReadingsError(
                f"There is no time zone {zone!r}; give an IANA name such as 'Europe/Lisbon'."
            ) from error
    return zone


def say_step(step: timedelta) -> str:
    """A step in words: '15 min', '1 h', '1 d'."""
    seconds = step.total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def place(source: str, line: int | None) -> str:
    """Where a row is, for messages."""
    return source if line is None else f"{source}, line {line}"


def _no_empty_stamps(rows: pl.DataFrame, source: str) -> None:
    for column, what in ((DS, "time"), (ID, "name of the meter")):
        empty = rows.filter(pl.col(column).is_null())
        if len(empty):
            raise ReadingsError(
                f"{place(source, empty[LINE][0])}: the {what} is empty or unreadable ({len(empty)} rows so); "
                "mend or remove these rows.",
                when=f"line {empty[LINE][0]}",
            )


def _commonest_step(rows: pl.DataFrame, source: str) -> timedelta:
    ordered = rows.lazy().sort(ID, DS).select(pl.col(DS).diff().over(ID).alias("step"))
    counts = ordered.filter(pl.col("step") > timedelta(0)).group_by("step").len()
    best = counts.sort("len", "step", descending=[True, False]).head(1).collect()
    if best.is_empty():
        raise ReadingsError(
            f"{source} has a single time for each meter, so no step can be found; give more readings, "
            "or the step."
        )
    step = best["step"][0]
    assert isinstance(step, timedelta)
    return step


def _in_utc(rows: pl.DataFrame, source: str, zone: str | None, findings: list[Finding]) -> pl.DataFrame:
    """UTC stamps. Of an hour that the clock shows twice, rows that come first are the first hour."""
    dtype = rows.schema[DS]
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return rows.with_columns(pl.col(DS).dt.convert_time_zone("UTC").dt.cast_time_unit("us"))
    if zone is None:
        return rows.with_columns(pl.col(DS).dt.replace_time_zone("UTC").dt.cast_time_unit("us"))
    again = pl.int_range(pl.len()).over(ID, DS) > 0
    side = pl.when(again).then(pl.lit("latest")).otherwise(pl.lit("earliest"))
    try:
        local = pl.col(DS).dt.replace_time_zone(zone, ambiguous=side, non_existent="null")
        shown = rows.with_columns(local.dt.convert_time_zone("UTC").dt.cast_time_unit("us").alias("utc"))
    except pl.exceptions.PolarsError as error:
        raise ReadingsError(
            f"{source}: the stamps do not fit time zone {zone!r}; name another zone."
        ) from error
    lost = shown.filter(pl.col("utc").is_null())
    for (meter,), part in lost.with_columns(pl.col(DS).dt.replace_time_zone("UTC")).group_by(
        ID, maintain_order=True
    ):
        action = f"left out: clock {zone} skips these times (shown as the file has them)"
        findings.append(_finding(str(meter), "not_existing", len(part), part, action))
    return shown.filter(pl.col("utc").is_not_null()).with_columns(pl.col("utc").alias(DS)).drop("utc")


def _sorted(rows: pl.DataFrame, findings: list[Finding]) -> pl.DataFrame:
    back = rows.with_columns((pl.col(DS).diff().over(ID) < timedelta(0)).alias("back")).filter("back")
    for (meter,), part in back.group_by(ID, maintain_order=True):
        findings.append(_finding(str(meter), "unsorted", len(part), part, "sorted by time"))
    return _ordered(rows, rows[ID].unique(maintain_order=True))


def _once_each(rows: pl.DataFrame, source: str, findings: list[Finding]) -> pl.DataFrame:
    """One row for each stamp. Equal rows become one; rows that differ are an error."""
    twice = rows.filter(pl.len().over(ID, DS) > 1)
    if twice.is_empty():
        return rows
    clash = twice.filter(pl.col(Y).drop_nulls().n_unique().over(ID, DS) > 1)
    if len(clash):
        meter, when = clash[ID][0], clash[DS][0]
        same = clash.filter((pl.col(ID) == meter) & (pl.col(DS) == when))
        lines = ", ".join(str(line) for line in same[LINE].drop_nulls())
        raise ReadingsError(
            f"{source}: meter {meter!r} has {len(same)} different readings "
            f"({', '.join(f'{v:g}' for v in same[Y].drop_nulls())}) "
            f"at {when:%Y-%m-%d %H:%M}{f' (lines {lines})' if lines else ''}; keep one of them.",
            meter=meter,
            when=when,
        )
    for (meter,), part in twice.group_by(ID, maintain_order=True):
        count = len(part) - part[DS].n_unique()
        findings.append(
            _finding(str(meter), "duplicate", count, part, "equal readings of one time were merged")
        )
    filled = rows.sort(pl.col(Y).is_null(), maintain_order=True)
    kept = filled.unique([ID, DS], keep="first", maintain_order=True)
    return _ordered(kept, rows[ID].unique(maintain_order=True))


def _ordered(rows: pl.DataFrame, meters: pl.Series) -> pl.DataFrame:
    """Rows by meter, in the order given, and time."""
    rank = pl.DataFrame({ID: meters, "rank": range(len(meters))})
    return rows.join(rank, on=ID, how="left").sort("rank", DS, maintain_order=True).drop("rank")


def _on_grid(rows: pl.DataFrame, source: str, step: timedelta) -> None:
    steps = rows.with_columns(pl.col(DS).diff().over(ID).alias("step"))
    runs = steps.with_columns(pl.struct(ID, "step").rle_id().alias("run"))
    runs = runs.filter((pl.col("step") != step) & (pl.len().over("run") >= _SECOND_STEP_RUN))
    if len(runs):
        row = runs.row(0, named=True)
        raise ReadingsError(
            f"{place(source, row[LINE])}: meter {row[ID]!r} has a step of {say_step(row['step'])} from "
            f"{row[DS]:%Y-%m-%d %H:%M} on, while {say_step(step)} is the commonest; split the file "
            "there, or bring it "
            "to one step first.",
            meter=row[ID],
            when=row[DS],
        )
    micro = int(step / timedelta(microseconds=1))
    phase = (pl.col(DS).dt.timestamp("us") % micro).alias("phase")
    off = rows.with_columns(phase).filter(pl.col("phase") != pl.col("phase").mode().min().over(ID))
    if len(off):
        row = off.row(0, named=True)
        raise ReadingsError(
            f"{place(source, row[LINE])}: meter {row[ID]!r} has {len(off)} readings off its step of "
            f"{say_step(step)}, the "
            f"first at {row[DS]:%Y-%m-%d %H:%M:%S}; remove or mend them, or give the step.",
            meter=row[ID],
            when=row[DS],
        )


def _finding(meter: str, kind: str, count: int, part: pl.DataFrame, action: str) -> Finding:
    first, last = part[DS].min(), part[DS].max()
    assert isinstance(first, datetime) and isinstance(last, datetime)
    return Finding(meter, kind, count, first, last, action)
