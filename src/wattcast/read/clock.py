"""Stamps of a local clock -> UTC starts of intervals; which clock, and which side of the interval is named."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

from wattcast.schema import DS, ID, QUALITY, Finding, ReadingsError, Y

Label = Literal["start", "end"]

_SIDES: tuple[Literal["earliest", "latest"], ...] = ("earliest", "latest")

#: Clocks tried, in this order, on stamps whose offsets from UTC change.
_USUAL_ZONES = (
    *(f"Europe/{city}" for city in ("London", "Lisbon", "Berlin", "Helsinki", "Chisinau")),
    *(
        f"America/{city}"
        for city in ("New_York", "Chicago", "Denver", "Los_Angeles", "Halifax", "Sao_Paulo", "Santiago")
    ),
    *(f"Australia/{city}" for city in ("Sydney", "Adelaide", "Lord_Howe")),
    *(
        "Pacific/Auckland",
        "Asia/Jerusalem",
        "Asia/Tehran",
        "Africa/Casablanca",
        "America/St_Johns",
        "America/Anchorage",
    ),
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


def zone_of_offsets(utc: pl.Series, offsets: pl.Series) -> str | None:
    """A clock whose offsets are those of the stamps; None where only UTC fits, or none.

    Args:
        utc: times [UTC].
        offsets: offset of each from UTC [min].
    """
    table = pl.DataFrame({"utc": utc, "offset": offsets}).drop_nulls()
    different = table["offset"].unique()
    if len(different) == 0 or different.to_list() == [0]:
        return None
    if len(different) == 1:
        hours, rest = divmod(int(different[0]), 60)
        # The signs of these names are those of POSIX: west is plus.
        return f"Etc/GMT{-hours:+d}" if rest == 0 and -14 <= -hours <= 12 else None
    for zone in _USUAL_ZONES:
        local = table["utc"].dt.convert_time_zone(zone)
        found = (local.dt.base_utc_offset() + local.dt.dst_offset()).dt.total_minutes()
        if (found == table["offset"]).all():
            return zone
    return None


def label_of(stamps: pl.Series, step: timedelta) -> Label:
    """Which side of their interval stamps name: the end, if they begin one step after midnight and end at one.

    A file of whole days of starts begins at midnight and ends one step before it; one of ends begins one step
    after midnight and ends at midnight.
    """
    first, last = stamps.min(), stamps.max()
    assert isinstance(first, datetime) and isinstance(last, datetime)
    late = timedelta(hours=first.hour, minutes=first.minute, seconds=first.second) == step
    return (
        "end" if late and (last.hour, last.minute, last.second) == (0, 0, 0) and step < timedelta(days=1) else "start"
    )


def moment(when: pl.Expr, zone: str | None) -> pl.Expr:
    """Moments of a local clock in UTC; in an hour that it skips or shows twice the later one, so never too early."""
    zone, local = zone or "UTC", when.dt.cast_time_unit("us")
    shown = local.dt.replace_time_zone(zone, ambiguous="latest", non_existent="null")
    after = (local + timedelta(hours=1)).dt.replace_time_zone(zone, ambiguous="latest", non_existent="null")
    return pl.coalesce(shown, after).dt.convert_time_zone("UTC")


def in_utc(rows: pl.DataFrame, source: str, zone: str | None, *, halve: bool) -> tuple[pl.DataFrame, list[Finding]]:
    """Rows with UTC stamps, and what the clock's changes did to them.

    Of an hour that the clock shows twice, rows that come first are the first hour. Where it is there once, it
    is marked suspect, as it may hold both hours; or, if `halve`, each hour gets half. Rows in an hour that the
    clock skips are left out.

    Args:
        rows: `unique_id`, `ds` (naive or zoned), `y`.
        source: name for messages.
        zone: clock of naive stamps; None means UTC.
        halve: share out readings of an hour that should be there twice.

    Raises:
        ReadingsError: the stamps do not fit the zone.
    """
    dtype = rows.schema[DS]
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return rows.with_columns(pl.col(DS).dt.convert_time_zone("UTC").dt.cast_time_unit("us")), []
    if zone is None:
        return rows.with_columns(pl.col(DS).dt.replace_time_zone("UTC").dt.cast_time_unit("us")), []
    sides = _sides(rows, source, zone)
    skipped, single = sides.filter(pl.col("utc").is_null()), sides.filter("once")
    findings = _findings(skipped, "not_existing", f"left out: clock {zone} skips this hour")
    twice = f"clock {zone} shows this hour twice, here it is once"
    if len(single) and halve:
        findings += _findings(single, "repeated_hour", f"half given to each of two hours: {twice}")
        single = single.with_columns(pl.col(Y) / 2)
        second = single.with_columns(pl.col("utc later").alias("utc"))
        sides = pl.concat([sides.filter(~pl.col("once")), single, second])
    elif len(single):
        findings += _findings(single, "repeated_hour", f"marked suspect: {twice} and may hold both (halve shares it)")
        before = pl.col(QUALITY) if QUALITY in rows.columns else pl.lit("ok")
        sides = sides.with_columns(pl.when("once").then(pl.lit("suspect")).otherwise(before).alias(QUALITY))
    kept = sides.filter(pl.col("utc").is_not_null()).with_columns(pl.col("utc").alias(DS))
    return kept.drop("utc", "utc later", "once"), findings


def _sides(rows: pl.DataFrame, source: str, zone: str) -> pl.DataFrame:
    """Rows with `utc` (null where the clock skips), `utc later` (its other reading, if any), and `once`."""
    local = pl.col(DS).dt.cast_time_unit("us")
    early, late = (local.dt.replace_time_zone(zone, ambiguous=side, non_existent="null") for side in _SIDES)
    stamps = rows.select(pl.col(DS).unique())  # each is worked out once, however many meters have it
    try:
        known = stamps.with_columns(
            early.dt.convert_time_zone("UTC").alias("utc"), late.dt.convert_time_zone("UTC").alias("utc later")
        )
    except pl.exceptions.PolarsError as error:
        raise ReadingsError(f"{source}: the stamps do not fit time zone {zone!r}; name another zone.") from error
    sides = rows.join(known, on=DS, how="left", maintain_order="left").with_columns(pl.lit(False).alias("once"))
    twice = (pl.col("utc") != pl.col("utc later")).fill_null(False)
    both = sides.with_row_index("row").filter(twice)
    if both.is_empty():
        return sides
    again = pl.int_range(pl.len()).over(ID, DS) > 0
    both = both.with_columns(
        (pl.len().over(ID, DS) == 1).alias("once"), pl.when(again).then("utc later").otherwise("utc").alias("utc")
    )
    rest = sides.with_row_index("row").filter(~twice)
    return pl.concat([rest, both.select(rest.columns)]).sort("row").drop("row")


def _findings(part: pl.DataFrame, kind: str, action: str) -> list[Finding]:
    """One for each meter; times are those of the file where they are none in UTC."""
    shown = part.with_columns(
        pl.coalesce("utc", pl.col(DS).dt.replace_time_zone("UTC").dt.cast_time_unit("us")).alias("utc")
    )
    spans = shown.group_by(ID, maintain_order=True).agg(
        pl.len(), pl.col("utc").min().alias("first"), pl.col("utc").max().alias("last")
    )
    return [Finding(r[ID], kind, r["len"], r["first"], r["last"], action) for r in spans.iter_rows(named=True)]
