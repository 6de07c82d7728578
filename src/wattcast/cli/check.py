"""`wattcast check`: the meter doctor; what is odd in a file of readings, and what is done about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattcast.cli import options
from wattcast.cli.console import emit, errors, out

if TYPE_CHECKING:
    import polars as pl

    from wattcast.schema import Finding

EXAMPLE = "Example: [bold]wattcast check meters.csv --zone Europe/Lisbon[/]"
#: Meters and findings listed in the terminal.
MOST_METERS, MOST_FINDINGS = 20, 40


@options.reading
def command(
    file: options.File,
    read: dict[str, Any],
    report: options.Report = Path("wattcast-report/check.html"),
    json: options.Json = False,
) -> None:
    """Looks for what is most likely not load: gaps, frozen runs, spikes, clock changes, other units, ...

    It marks, and never fills or drops; what is marked is left out of training, lags and scores.
    """
    with errors():
        checked = options.checked(file, options.how_read(read))
        from wattcast.check import quality_counts
        from wattcast.report.page import write
        from wattcast.report.quality import check_page, quality_headline, ranked

        counts = quality_counts(checked)
        write(check_page(checked), report)
        if json:
            emit(
                {
                    "meters": counts.rename({"unique_id": "meter"}).to_dicts(),
                    "quality": {k: int(counts[k].sum()) for k in counts.columns[1:]},
                    "findings": [vars(f) for f in checked.findings],
                    "notes": list(checked.notes),
                    "report": str(report),
                }
            )
            return
        _print_meters(ranked(counts), checked.findings)
        _print_findings(checked.findings)
        out.print(quality_headline(counts), soft_wrap=True)
        out.print(f"report: {report}", soft_wrap=True)


def _print_meters(counts: pl.DataFrame, findings: Sequence[Finding]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("meter", overflow="fold", max_width=20)
    for head in ("readings", "suspect", "missing", "gap", "findings"):
        table.add_column(head, justify="right", no_wrap=True)
    found = Counter(f.meter for f in findings)
    for row in counts.head(MOST_METERS).iter_rows(named=True):
        meter = str(row["unique_id"])
        cells = [f"{n:,}" if n else "–" for n in (row["suspect"], row["missing"], row["gap"], found[meter])]
        table.add_row(escape(meter), f"{row['readings']:,}", *cells)
    out.print(table)
    if len(counts) > MOST_METERS:
        out.print(f"... and {len(counts) - MOST_METERS:,} better meters; --meters chooses, --json lists all.")
    out.print()


def _print_findings(findings: Sequence[Finding]) -> None:
    from rich.markup import escape
    from rich.table import Table

    if not findings:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("meter", overflow="fold", max_width=14)
    table.add_column("found", no_wrap=True)
    table.add_column("count", justify="right", no_wrap=True)
    table.add_column("first, last [UTC]", no_wrap=True)
    table.add_column("what is done", min_width=20)
    before = None
    for f in findings[:MOST_FINDINGS]:
        times = dict.fromkeys(f"{t:%Y-%m-%d %H:%M}" for t in (f.first, f.last) if t is not None)
        name = "" if f.meter == before else escape(f.meter)
        table.add_row(name, f.kind, f"{f.count:,}", "\n".join(times), escape(f.action))
        before = f.meter
    out.print(table)
    if len(findings) > MOST_FINDINGS:
        out.print(f"... and {len(findings) - MOST_FINDINGS:,} more findings; --json lists all.")
    out.print()
