"""Rows with times -> Readings on one step: UTC, sorted, each stamp once, nothing off the grid."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from wattcast.read.clock import Label, in_utc, label_of, moment
from wattcast.read.csv import LINE
from wattcast.schema import AVAILABLE_AT, DS, ID, QUALITY, Finding, Readings, ReadingsError, Y

#: So many equal differences in a row that are not the step are a second step, not gaps.
_SECOND_STEP_RUN = 20
#: Share of a meter's readings that may lie off its step and be left out.
_FEW = 0.01
#: Grids of more steps than this, and of so many times the rows, come of a wrong stamp.
_MANY_STEPS, _EMPTY = 2_000_000, 100
#: First and last year of a stamp; nanoseconds, as some frames count, reach no further.
_YEARS = (1678, 2261)
_PACKED = "covariates\n"


def settle(
    rows: pl.DataFrame,
    source: str,
    *,
    step: timedelta | None = None,
    zone: str | None = None,
    label: Label | None = "start",
    halve: bool = False,
    unit: str | None = None,
    notes: tuple[str, ...] = (),
) -> Readings:
    """Puts rows on a grid.

    Args:
        rows: `unique_id` (String), `ds` (Datetime, naive or zoned), `y` and covariates (Float64), and `LINE`,
            the line of each row (null for frames); `quality` if there are marks already, `available_at` if covariates
            are forecasts: of several issues of one time the first is taken.
        source: name for messages.
        step: length of an interval; None takes the commonest difference.
        zone: clock of naive stamps, and the meters' own zone.
        label: side of the interval that the stamps name; None finds out.
        halve: share out an hour that is there once though the clock shows it twice.
        unit: unit of `y`.
        notes: what was taken for granted so far.

    Raises:
        ReadingsError: stamps missing, too many off the grid, or on two steps.
    """
    _only_real_stamps(rows, source)
    covariates = [c for c in rows.columns if c not in (ID, DS, Y, QUALITY, AVAILABLE_AT, LINE)]
    if covariates:  # packed, so that none has a name that is used below
        rows = rows.select(pl.exclude(covariates), pl.struct(covariates).alias(_PACKED))
    step = step or _commonest_step(rows, source)
    if zone is not None and step >= timedelta(days=1):
        notes += (f"Steps of {say_step(step)} are kept in UTC, as days of clock {zone} differ in length.",)
        zone = None
    if label is None and (label := label_of(rows[DS], step)) == "end":
        notes += ("Stamps are taken as ends of intervals: they begin one step after midnight and end at it.",)
    if label == "end":
        rows = rows.with_columns(pl.col(DS) - step)
    rows = _first_issue(rows, zone)
    rows, findings = in_utc(rows, source, zone, halve=halve)
    rows = _sorted(rows, findings)
    rows = _once_each(rows, findings)
    rows = _on_grid(rows, source, step, findings)
    _no_endless_gap(rows, source, step)
    frame = rows.unnest(_PACKED) if covariates else rows
    marks = [c for c in (AVAILABLE_AT, QUALITY) if c in frame.columns]
    numbers = pl.col(Y, *covariates).cast(pl.Float64).fill_nan(None)
    return Readings(
        frame=frame.select(ID, DS, Y, *covariates, *marks).with_columns(numbers),
        step=step,
        zone=zone or "UTC",
        unit=unit,
        source=source,
        findings=tuple(findings),
        notes=notes,
    )


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


def _only_real_stamps(rows: pl.DataFrame, source: str) -> None:
    for column, what in ((DS, "time"), (ID, "name of the meter")):
        empty = rows.filter(pl.col(column).is_null())
        if len(empty):
            raise ReadingsError(
                f"{place(source, empty[LINE][0])}: the {what} is empty or unreadable ({len(empty)} rows so); "
                "mend or remove these rows.",
                when=f"line {empty[LINE][0]}",
            )
    off = rows.filter(~pl.col(DS).dt.year().is_between(*_YEARS))
    if len(off):
        raise ReadingsError(
            f"{place(source, off[LINE][0])}: the time lies in the year {off[DS].dt.year()[0]} ({len(off)} rows so); "
            "mend or remove these rows.",
            when=f"line {off[LINE][0]}",
        )


def _commonest_step(rows: pl.DataFrame, source: str) -> timedelta:
    ordered = rows.lazy().sort(ID, DS).select(pl.col(DS).diff().over(ID).alias("step"))
    counts = ordered.filter(pl.col("step") > timedelta(0)).group_by("step").len()
    best = counts.sort("len", "step", descending=[True, False]).head(1).collect()
    if best.is_empty():
        raise ReadingsError(
            f"{source} has a single time for each meter, so no step can be found; give more readings, or the step."
        )
    step = best["step"][0]
    assert isinstance(step, timedelta)
    return step


def _first_issue(rows: pl.DataFrame, zone: str | None) -> pl.DataFrame:
    """`available_at` in UTC; of several issues of one time the first, so that nothing counts as known too early."""
    if AVAILABLE_AT not in rows.columns:
        return rows
    kind = rows.schema[AVAILABLE_AT]
    zoned = isinstance(kind, pl.Datetime) and kind.time_zone is not None
    when = pl.col(AVAILABLE_AT)
    rows = rows.with_columns(when.dt.convert_time_zone("UTC").dt.cast_time_unit("us") if zoned else moment(when, zone))
    first = when.min().over(ID, DS, Y)
    return rows.filter(when.eq_missing(first) | first.is_null())


def _sorted(rows: pl.DataFrame, findings: list[Finding]) -> pl.DataFrame:
    back = rows.with_columns((pl.col(DS).diff().over(ID) < timedelta(0)).alias("back")).filter("back")
    for (meter,), part in back.group_by(ID, maintain_order=True):
        findings.append(_finding(str(meter), "unsorted", len(part), part, "sorted by time"))
    return _ordered(rows, rows[ID].unique(maintain_order=True))


def _once_each(rows: pl.DataFrame, findings: list[Finding]) -> pl.DataFrame:
    """One row for each stamp: of equal ones one; of ones that differ the first, marked suspect."""
    as_before = (pl.col(DS) == pl.col(DS).shift(1)) & (pl.col(ID) == pl.col(ID).shift(1))
    if not rows.select(as_before.any()).item():
        return rows
    twice = rows.filter(pl.len().over(ID, DS) > 1)
    clashes = pl.col(Y).drop_nulls().n_unique().over(ID, DS) > 1
    clash = twice.filter(clashes)
    equal = twice.filter(~clashes)
    for part, kind, action in (
        (equal, "duplicate", "equal readings of one time were merged"),
        (clash, "conflict", "of different readings of one time the first is kept, marked suspect"),
    ):
        for (meter,), own in part.group_by(ID, maintain_order=True):
            findings.append(_finding(str(meter), kind, len(own) - own[DS].n_unique(), own, action))
    if len(clash):
        before = pl.col(QUALITY) if QUALITY in rows.columns else pl.lit("ok")
        rows = rows.with_columns(pl.when(clashes).then(pl.lit("suspect")).otherwise(before).alias(QUALITY))
    filled = rows.sort(pl.col(Y).is_null(), maintain_order=True)
    kept = filled.unique([ID, DS], keep="first", maintain_order=True)
    return _ordered(kept, rows[ID].unique(maintain_order=True))


def _ordered(rows: pl.DataFrame, meters: pl.Series) -> pl.DataFrame:
    """Rows by meter, in the order given, and time."""
    rank = pl.DataFrame({ID: meters, "rank": range(len(meters))})
    return rows.join(rank, on=ID, how="left").sort("rank", DS, maintain_order=True).drop("rank")


def _on_grid(rows: pl.DataFrame, source: str, step: timedelta, findings: list[Finding]) -> pl.DataFrame:
    """Rows on the step; a few others are left out, and many, or a second step, are an error."""
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
    on = pl.col("phase") == pl.col("phase").mode().min().over(ID)
    phased = rows.with_columns(phase).with_columns(on.alias("on"), pl.len().over(ID).alias("rows"))
    off = phased.filter(~pl.col("on"))
    for (meter,), part in off.group_by(ID, maintain_order=True):
        if len(part) > _FEW * part["rows"][0]:
            row = part.row(0, named=True)
            raise ReadingsError(
                f"{place(source, row[LINE])}: meter {meter!r} has {len(part)} readings off its step of "
                f"{say_step(step)}, the first at {row[DS]:%Y-%m-%d %H:%M:%S}; remove or mend them, or give the step.",
                meter=str(meter),
                when=row[DS],
            )
        findings.append(
            _finding(str(meter), "off_grid", len(part), part, f"left out: not on the step of {say_step(step)}")
        )
    return rows if off.is_empty() else phased.filter("on").drop("phase", "on", "rows")


def _no_endless_gap(rows: pl.DataFrame, source: str, step: timedelta) -> None:
    """Refuses a stamp that lies ages off: what is looked at step by step would fill the memory."""
    spans = rows.group_by(ID).agg(((pl.col(DS).max() - pl.col(DS).min()) / step).alias("steps"), pl.len())
    endless = (pl.col("steps") > _MANY_STEPS) & (pl.col("steps") > _EMPTY * pl.col("len"))
    if spans.filter(endless).is_empty():
        return
    gaps = rows.with_columns(pl.col(DS).diff().over(ID).alias("gap"), pl.col(DS).shift(1).over(ID).alias("before"))
    row = gaps.sort("gap", descending=True, nulls_last=True).row(0, named=True)
    raise ReadingsError(
        f"{place(source, row[LINE])}: meter {row[ID]!r} has no reading between {row['before']:%Y-%m-%d %H:%M} and "
        f"{row[DS]:%Y-%m-%d %H:%M}, with steps of {say_step(step)}; one of the two stamps is wrong, mend or remove it.",
        meter=row[ID],
        when=row[DS],
    )


def _finding(meter: str, kind: str, count: int, part: pl.DataFrame, action: str) -> Finding:
    first, last = part[DS].min(), part[DS].max()
    assert isinstance(first, datetime) and isinstance(last, datetime)
    return Finding(meter, kind, count, first, last, action)
