"""Checked readings as a page: how each meter fares, a calendar of its marks, what was found."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import polars as pl

from wattcast.check import quality_by_slot, quality_counts
from wattcast.report import plots
from wattcast.report.page import Figure, Section, Table, Text, page
from wattcast.report.sections import findings_section
from wattcast.schema import ID, Readings

#: Meters with a calendar, the worst first; a page with more is slow to look at.
MOST_MAPS = 12
#: Meters in the table; `wattcast check --json` has all.
MOST_ROWS = 60


def check_page(checked: Readings) -> str:
    """What the meter doctor says of a file, as one HTML page.

    Args:
        checked: what `check` gave.
    """
    counts = ranked(quality_counts(checked))
    sections = [_meters(counts, checked), _calendar(counts, checked)]
    sections.append(replace(findings_section(checked.findings), key="findings", title="What was found"))
    sections.append(Section("read", "How the file was read", [Text(checked.notes)]))
    suspect = int(counts["suspect"].sum())
    return page(checked.source, quality_headline(counts), sections, summary=[_about(checked)], good=suspect == 0)


def ranked(counts: pl.DataFrame) -> pl.DataFrame:
    """`quality_counts` with the worst meter first: by the share of steps that are suspect, missing or not there."""
    bad = pl.col("suspect") + pl.col("missing") + pl.col("gap")
    return counts.sort(bad / (pl.col("readings") + pl.col("gap")), descending=True, maintain_order=True)


def quality_headline(counts: pl.DataFrame) -> str:
    """One sentence: is there anything that is not load?"""
    total = {k: int(counts[k].sum()) for k in ("readings", "ok", "suspect", "missing", "gap")}
    meters = f"{len(counts):,} meters" if len(counts) > 1 else "one meter"
    if total["ok"] == total["readings"] and not total["gap"]:
        return f"All {total['readings']:,} readings of {meters} look right."
    words = {"suspect": "suspect", "missing": "missing", "gap": "steps without a row"}
    parts = [f"{total[k]:,} {said}" for k, said in words.items() if total[k]]
    return f"{total['ok']:,} of {total['readings']:,} readings of {meters} are ok; {', '.join(parts)}."


def _about(checked: Readings) -> str:
    minutes = checked.step.total_seconds() / 60
    unit = f" [{checked.unit}]" if checked.unit else ""
    step = f"A reading every {minutes:g} minutes{unit}; days by the clock of {checked.zone}."
    return f"{step} Nothing is filled or dropped: what is marked is left out of training, lags and scores."


def _meters(counts: pl.DataFrame, checked: Readings) -> Section:
    keys = ("readings", "ok", "suspect", "missing", "gap")
    found = Counter(f.meter for f in checked.findings)
    rows = [
        [str(row[ID]), *(f"{row[k]:,}" for k in keys), f"{found[str(row[ID])]:,}"]
        for row in counts.head(MOST_ROWS).iter_rows(named=True)
    ]
    more = len(counts) - len(rows)
    note = "The worst come first. Gaps are steps without a row."
    note += f" {more:,} more meters are not listed." if more else ""
    return Section("meters", "Meters", [Table(["meter", *keys, "findings"], rows, caption=note)])


def _calendar(counts: pl.DataFrame, checked: Readings) -> Section:
    bad = counts.filter(pl.col("suspect") + pl.col("missing") + pl.col("gap") > 0)
    if bad.is_empty():
        return Section("calendar", "Calendar", [Text(["Nothing is marked, so there is no calendar to draw."])])
    figures = []
    for meter in bad[ID].head(MOST_MAPS).cast(pl.String):
        picture = plots.quality_map(quality_by_slot(checked, meter), checked.season_length, title=meter)
        figures.append(Figure(picture, f"Calendar of the quality of {meter}: days across, hours down.", wide=True))
    said = "A column is a day, a row an hour of it. Where several readings share a cell, it shows the worst of them."
    if len(bad) > MOST_MAPS:
        said += f" Drawn are the worst {MOST_MAPS} of {len(bad):,} meters with marks."
    return Section("calendar", "Calendar", [Text([said]), *figures])
