"""The list of verbs."""

from __future__ import annotations

from typing import Annotated

import typer

from wattcast.cli import backtest, chapter, demo, describe, fit, forecast

app = typer.Typer(
    name="wattcast",
    help="Forecasts electricity load from meter readings with recurrent neural networks.",
    epilog="Exit codes: 0 done, 2 bad usage, 3 bad input, 4 no skill where --require-skill was given.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for verb in (describe, fit, forecast, backtest, chapter, demo):
    app.command(verb.__name__.rpartition(".")[2], epilog=verb.EXAMPLE)(verb.command)


def _version(wanted: bool) -> None:
    if wanted:
        from wattcast import __version__

        typer.echo(f"wattcast {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")] = False,
) -> None:
    pass


def main() -> None:
    """Entry point of the `wattcast` command."""
    app()
