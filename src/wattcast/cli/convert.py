"""`wattcast convert`: any file of readings to Parquet, which every other verb reads fast."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattcast.cli import options
from wattcast.cli.console import emit, errors, note, out, usage

if TYPE_CHECKING:
    from wattcast.read.convert import Converted

EXAMPLE = "Example: [bold]wattcast convert LD2011_2014.txt -o uci.parquet --meters MT_001,MT_200 --from 2013-01-01[/]"


@options.reading
def command(
    file: options.File,
    read: dict[str, Any],
    output: Annotated[Path, typer.Option("--output", "-o", help="Parquet file to write.", show_default=False)],
    start: Annotated[
        datetime | None, typer.Option("--from", help="First time wanted, by the readings' clock.", show_default=False)
    ] = None,
    end: Annotated[
        datetime | None, typer.Option("--to", help="First time no longer wanted.", show_default=False)
    ] = None,
    json: options.Json = False,
) -> None:
    """Writes readings to Parquet with all that is known of them: step, clock, unit, marks.

    The raw file of UCI ElectricityLoadDiagrams20112014, also inside its zip, is streamed: it may be larger than memory.
    """
    with errors():
        if output.suffix != ".parquet":
            usage(f"{output} must end in .parquet.")
        from wattcast.cli.progress import convert_bar
        from wattcast.read.convert import convert
        from wattcast.read.layout import Layout

        how = options.how_read(read)
        with convert_bar() as bar:
            done = convert(
                file, options.place(output), meters=how.meters, start=start, end=end, layout=Layout(**how.told()),
                progress=bar,
            )  # fmt: skip
        _say(done, json)


def _say(done: Converted, json: bool) -> None:
    known = done.readings
    if json:
        found = [vars(f) for f in known.findings]
        about = {"step": known.step.total_seconds(), "zone": known.zone, "unit": known.unit}
        meters = list(done.meters)
        emit({"output": str(done.path), "rows": done.rows, "meters": meters, **about, "findings": found,
              "notes": list(known.notes)})  # fmt: skip
        return
    for line in known.notes:
        note(line)
    options.say(known.findings)
    size = done.path.stat().st_size / 1e6
    minutes = known.step.total_seconds() / 60
    said = f"{done.rows:,} readings of {len(done.meters):,} meters, every {minutes:g} minutes, {size:,.1f} MB"
    out.print(f"{said}: {done.path}", soft_wrap=True)
