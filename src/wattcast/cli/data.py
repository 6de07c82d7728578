"""`wattcast data`: real data sets by name, downloaded once and kept."""

from __future__ import annotations

from typing import Annotated

import typer

from wattcast.cli import options
from wattcast.cli.console import emit, errors, out

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")


@app.command("get", epilog="Example: [bold]wattcast data get uci-electricity[/]")
def get(
    name: Annotated[str, typer.Argument(help="As `wattcast data list` has it.", show_default=False)],
    json: options.Json = False,
) -> None:
    """Downloads a data set, or goes on where an earlier try stopped; prints the path of the file.

    What is in the folder that WATTCAST_DATA names, or was downloaded before, is taken from there.
    """
    with errors():
        from wattcast.cli.progress import download_bar
        from wattcast.read.samples import locate

        with download_bar(name) as told:
            path = locate(name, progress=told)  # type: ignore[arg-type]
        if json:
            emit({"name": name, "path": str(path), "bytes": path.stat().st_size})
            return
        out.print(path, soft_wrap=True, highlight=False)


@app.command("list", epilog="Example: [bold]wattcast data list[/]")
def names(json: options.Json = False) -> None:
    """The data sets there are, and whether they are on this machine already."""
    with errors():
        from rich.markup import escape

        from wattcast.read.samples import DOWNLOADS, found

        places = {name: found(download) for name, download in DOWNLOADS.items()}
        if json:
            rows = [
                {"name": name, "about": d.about, "url": d.url, "path": places[name] and str(places[name])}
                for name, d in DOWNLOADS.items()
            ]
            emit({"data": rows})
            return
        for name, download in DOWNLOADS.items():
            out.print(f"[bold]{name}[/]  {places[name] or 'not downloaded yet'}", soft_wrap=True, highlight=False)
            out.print(f"  {escape(download.about)}", soft_wrap=True, highlight=False)
