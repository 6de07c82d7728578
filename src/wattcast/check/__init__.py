"""The meter doctor: readings -> the same readings with a `quality` column, and findings.

A reading is `missing` (no value), `suspect` (a value that is most likely not load) or `ok`. Nothing is filled or
dropped. Each detector looks at one meter and learns from it what is usual there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl

from wattcast.check import clock, level, runs, series
from wattcast.check.course import Course, Mark, course
from wattcast.schema import DS, ID, QUALITY, Finding, Readings, Y

__all__ = ["check", "quality_by_day", "quality_by_slot", "quality_counts"]

#: Detectors in the order of their findings.
DETECTORS: tuple[Callable[[Course], list[Mark]], ...] = (
    runs.absent,
    runs.zero_runs,
    runs.frozen_runs,
    level.registers,
    level.unit_jumps,
    level.spikes,
    runs.signs,
)


def check(readings: Readings) -> Readings:
    """Marks every reading and says what was seen.

    >>> from wattcast.read import read_frame, synthetic
    >>> check(read_frame(synthetic(meters=1, days=10)[24:-1])).findings
    ()

    Args:
        readings: as read.

    Returns:
        The readings with `quality` and with further findings; rows and values are as they were. Marks that
        reading made stay.
    """
    findings: list[Finding] = []
    parts = [_checked(part, readings, findings) for part in readings.frame.partition_by(ID, maintain_order=True)]
    columns = [c for c in readings.frame.columns if c != QUALITY]
    return replace(readings, frame=pl.concat(parts).select(*columns, QUALITY), findings=(*readings.findings, *findings))


def _checked(part: pl.DataFrame, readings: Readings, findings: list[Finding]) -> pl.DataFrame:
    whole = course(part, readings.step, readings.season_length)
    meter = str(part[ID][0])
    marks = [*series.rows(whole), *(mark for detect in DETECTORS for mark in detect(whole))]
    # a course with zeros or another unit in it is no course of the day
    sound = replace(whole, y=whole.y.copy())
    for mark in marks:
        if mark.suspect:
            sound.y[mark.places] = np.nan
    marks += [*clock.shifts(sound, readings.zone), *clock.change_hours(whole, readings.zone)]
    if any(mark.kind == "register" for mark in marks):
        marks = [m for m in marks if m.kind in ("gap", "missing", "register", "counter_reset")]
    suspect = np.zeros(len(whole.y), bool)
    for mark in marks:
        first, last = whole.time(mark.places[0]), whole.time(mark.places[-1])
        findings.append(Finding(meter, mark.kind, len(mark.places), first, last, mark.action))
        if mark.suspect:
            suspect[mark.places] = True
    bad = pl.Series(suspect[whole.rows])
    before = (
        part[QUALITY].cast(pl.String) == "suspect"
        if QUALITY in part.columns
        else pl.Series([False]).new_from_index(0, len(part))
    )
    quality = pl.when(pl.col(Y).is_null()).then(pl.lit("missing")).when(bad | before).then(pl.lit("suspect"))
    return part.with_columns(quality.otherwise(pl.lit("ok")).alias(QUALITY))


def quality_counts(checked: Readings) -> pl.DataFrame:
    """How each meter fares: `unique_id`, `readings` (rows), of them `ok, suspect, missing`, and `gap`.

    `gap` counts the steps without a row between a meter's first and last.

    Args:
        checked: what `check` gave.
    """
    marks = [(pl.col(QUALITY).cast(pl.String) == kind).sum().alias(kind) for kind in ("ok", "suspect", "missing")]
    step = checked.step // timedelta(microseconds=1)
    steps = (pl.col(DS).last() - pl.col(DS).first()).dt.total_microseconds() // step + 1
    gap = (steps - pl.len()).alias("gap")
    return checked.frame.group_by(ID, maintain_order=True).agg(pl.len().alias("readings"), *marks, gap)


def quality_by_day(checked: Readings, meter: str) -> pl.DataFrame:
    """How each day of a meter fares, for a calendar: `day` (Date, local), `ok, suspect, missing` (readings).

    Readings that are not there count as missing.

    Args:
        checked: what `check` gave.
        meter: `unique_id`.

    Raises:
        KeyError: no such meter.
    """
    day = pl.col(DS).dt.convert_time_zone(checked.zone).dt.date().alias("day")
    counts = [(pl.col(QUALITY) == kind).sum().alias(kind) for kind in ("ok", "suspect", "missing")]
    return _every_step(checked, meter).group_by(day, maintain_order=True).agg(counts)


def quality_by_slot(checked: Readings, meter: str) -> pl.DataFrame:
    """The marks of a meter laid out as a calendar: `day` (Date, local), `slot` of the day, `quality`.

    A slot that the clock shows twice is there twice, one that it skips is not there.

    Args:
        checked: what `check` gave.
        meter: `unique_id`.

    Raises:
        KeyError: no such meter.
    """
    local = pl.col(DS).dt.convert_time_zone(checked.zone)
    since_midnight = local.dt.hour().cast(pl.Int64) * 3600 + local.dt.minute().cast(pl.Int64) * 60 + local.dt.second()
    slot = since_midnight // max(1, int(checked.step.total_seconds()))
    return _every_step(checked, meter).select(local.dt.date().alias("day"), slot.alias("slot"), QUALITY)


def _every_step(checked: Readings, meter: str) -> pl.DataFrame:
    """`ds` of every step from a meter's first row to its last, and `quality`: missing where there is no row."""
    part = checked.frame.filter(pl.col(ID) == meter)
    if part.is_empty():
        raise KeyError(f"There is no meter {meter!r} among {', '.join(checked.meters[:10])}.")
    grid = pl.datetime_range(part[DS][0], part[DS][-1], checked.step, eager=True, time_unit="us").alias(DS).to_frame()
    return grid.join(part.select(DS, QUALITY), on=DS, how="left").with_columns(pl.col(QUALITY).fill_null("missing"))
