"""Readings -> the same readings with a `quality` column, and findings. It marks; it never fills or drops.

A reading is `missing` (no value), `suspect` (a value that is most likely not load) or `ok`. Suspect are

* zeros before a meter's first reading other than zero, from a day on: the meter was not there yet;
* runs of zeros of a day and more, where zeros are rare otherwise: the meter or its link was down.

Negative readings, single zeros and constant series are said but stay `ok`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import polars as pl

from wattcast.schema import DS, ID, QUALITY, Finding, Readings, Y

#: Share of zeros outside runs of a day, up to which zeros are not a meter's habit.
RARE_ZEROS = 0.01
#: Series shorter than this are said to be too short to learn a day from [d].
SHORT_DAYS = 2

_ACTIONS = {
    "missing": "marked missing",
    "not_yet_there": "zeros before the first load, marked suspect: the meter was not there yet",
    "zero_run": "zeros for a day or longer on a meter that is seldom zero, marked suspect",
    "negative": "kept as they are: load below zero is feed-in where there is any",
    "constant": "kept as they are: all readings are equal, so there is nothing to learn",
    "too_short": f"kept as they are, but shorter than {SHORT_DAYS} days: too short to learn a day from",
}


def check(readings: Readings) -> Readings:
    """Marks every reading and says what was seen.

    Args:
        readings: as read.

    Returns:
        The readings with `quality` and with further findings; rows and values are as they were.
    """
    marked = (
        readings.frame.lazy().with_columns(_zero_run()).with_columns(_kind(readings.season_length)).collect()
    )
    quality = (
        pl.when(pl.col("kind") == "missing")
        .then(pl.lit("missing"))
        .when(pl.col("kind").is_in(["not_yet_there", "zero_run"]))
        .then(pl.lit("suspect"))
        .otherwise(pl.lit("ok"))
    )
    if QUALITY in readings.frame.columns:  # marks that reading made
        quality = pl.when(pl.col(QUALITY) == "suspect").then(pl.lit("suspect")).otherwise(quality)
    frame = marked.select(*(c for c in readings.frame.columns if c != QUALITY), quality.alias(QUALITY))
    findings = (*_gaps(readings), *_marked(marked), *_series(readings))
    return replace(readings, frame=frame, findings=(*readings.findings, *findings))


def _zero_run() -> pl.Expr:
    """Number of the run of zeros, or of other values, a reading lies in; missing values break none."""
    zero = pl.col(Y).forward_fill().over(ID) == 0
    return pl.struct(ID, zero.fill_null(False)).rle_id().alias("run")


def _kind(day: int) -> pl.Expr:
    """What is said of a reading, or null; `run` is the run it lies in."""
    zero = pl.col(Y) == 0
    long = zero & (zero.sum().over("run") >= day)
    first_load = (pl.col(Y).is_not_null() & ~zero).arg_max().over(ID)
    has_load = (pl.col(Y) != 0).any().over(ID)
    early = pl.int_range(pl.len()).over(ID) < first_load
    rare = (zero & ~long & ~early).sum().over(ID) <= RARE_ZEROS * pl.len().over(ID)
    return (
        pl.when(pl.col(Y).is_null())
        .then(pl.lit("missing"))
        .when(long & has_load & early)
        .then(pl.lit("not_yet_there"))
        .when(long & has_load & rare)
        .then(pl.lit("zero_run"))
        .when(pl.col(Y) < 0)
        .then(pl.lit("negative"))
        .alias("kind")
    )


def _gaps(readings: Readings) -> Iterator[Finding]:
    """Steps that have no row."""
    step = readings.step
    before = pl.col(DS).shift(1).over(ID)
    gaps = (
        readings.frame.lazy()
        .with_columns(before.alias("before"))
        .filter(pl.col(DS) - pl.col("before") > step)
        .group_by(ID, maintain_order=True)
        .agg(
            ((pl.col(DS) - pl.col("before")) / step - 1).sum().round().alias("count"),
            (pl.col("before").min() + step).alias("first"),
            (pl.col(DS).max() - step).alias("last"),
            pl.len().alias("gaps"),
        )
        .collect()
    )
    for row in gaps.iter_rows(named=True):
        action = f"left open ({row['gaps']} gaps): nothing is filled in"
        yield Finding(row[ID], "gap", int(row["count"]), row["first"], row["last"], action)


def _marked(marked: pl.DataFrame) -> Iterator[Finding]:
    """One finding for each meter and kind of mark."""
    kinds = marked.filter(pl.col("kind").is_not_null()).group_by(ID, "kind", maintain_order=True)
    for row in kinds.agg(pl.len(), pl.col(DS).min().alias("first"), pl.col(DS).max().alias("last")).iter_rows(
        named=True
    ):
        yield Finding(row[ID], row["kind"], row["len"], row["first"], row["last"], _ACTIONS[row["kind"]])


def _series(readings: Readings) -> Iterator[Finding]:
    """What concerns a series as a whole."""
    series = readings.frame.group_by(ID, maintain_order=True).agg(
        pl.col(Y).min().alias("low"),
        pl.col(Y).max().alias("high"),
        pl.col(Y).count().alias("count"),
        pl.col(DS).min().alias("first"),
        pl.col(DS).max().alias("last"),
    )
    for row in series.iter_rows(named=True):
        if row["count"] > 1 and row["low"] == row["high"]:
            yield Finding(row[ID], "constant", row["count"], row["first"], row["last"], _ACTIONS["constant"])
        if row["count"] * readings.step < timedelta(days=SHORT_DAYS):
            yield Finding(
                row[ID], "too_short", row["count"], row["first"], row["last"], _ACTIONS["too_short"]
            )
