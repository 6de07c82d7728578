"""`wattcast describe`: what is in a file of readings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattcast.cli import options
from wattcast.cli.console import emit, errors, out

if TYPE_CHECKING:
    from wattcast.schema import Readings

EXAMPLE = "Example: [bold]wattcast describe elec_load.csv --plot[/]"


@options.reading
def command(
    file: options.File,
    read: dict[str, Any],
    plot: Annotated[bool, typer.Option("--plot", help="Draw the first readings, a mean day and week.")] = False,
    first: Annotated[int, typer.Option(min=2, help="Readings the plot begins with.")] = 1500,
    report: options.Report = Path("wattcast-report/describe.html"),
    json: options.Json = False,
) -> None:
    """Summary of each meter: count, mean, std, quartiles, step, range, gaps, zeros, seasons."""
    with errors():
        from wattcast.describe import describe

        readings = options.readings(file, options.how_read(read))
        rows = describe(readings)
        drawn = _draw(readings, first, report) if plot else None
        if json:
            findings = [vars(f) for f in readings.findings]
            emit({"meters": rows, "findings": findings, "notes": list(readings.notes), "report": drawn})
            return
        for row in rows[:MOST]:
            _print(row)
        if len(rows) > MOST:
            out.print(f"... and {len(rows) - MOST} more meters; --meters chooses, --json lists all.")
        if drawn:
            out.print(f"report: {drawn}", soft_wrap=True)


MOST = 20


def _print(row: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(title=str(row["meter"]), show_header=False, title_justify="left")
    unit = f" {row['unit']}" if row["unit"] else ""
    for key in ("count", "mean", "std", "min", "25%", "50%", "75%", "max"):
        value = row[key]
        shown = f"{value:,}" if key == "count" else "–" if value is None else f"{value:.6f}{unit}"
        table.add_row(key, shown)
    table.add_section()
    table.add_row("step", f"{row['step'] / 60:g} min")
    table.add_row("range", f"{row['first']:%Y-%m-%d %H:%M} – {row['last']:%Y-%m-%d %H:%M}")
    for key in ("gaps", "missing", "zeros", "negative"):
        table.add_row(key, f"{row[key]:,}")
    table.add_row("seasons", ", ".join(row["seasons"]) or "none found")
    out.print(table)


def _draw(readings: Readings, first: int, path: Path) -> str:
    from wattcast.features.panel import panel
    from wattcast.report import page, plots

    grid, sections = panel(readings), []
    for m, meter in enumerate(grid.ids[:MOST]):
        y = grid.y[:first, m]
        times = grid.times(0, len(y)).dt.replace_time_zone(None).to_numpy()
        unit = readings.unit or ""
        title = f"The first {len(y):,} readings"
        parts = [
            page.Figure(plots.series(times, y, title=title, unit=unit), f"{title} of {meter}.", wide=True),
            page.Figure(plots.mean_day(grid, m, title="Mean day", unit=unit), f"Mean day of {meter}."),
            page.Figure(plots.mean_week(grid, m, title="Mean week", unit=unit), f"Mean week of {meter}."),
        ]
        sections.append(page.Section(f"meter{m}", meter, parts))
    count = len(grid.ids)
    headline = f"{readings.source}: {count:,} meters" if count > 1 else f"{readings.source}: one meter"
    return str(page.write(page.page("Readings", headline, sections), path))
