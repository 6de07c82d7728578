"""The list of verbs."""

from __future__ import annotations

import os
from typing import Annotated

import platformdirs
import typer

from wattcast.cli import (
    backtest,
    chapter,
    check,
    convert,
    data,
    demo,
    describe,
    doctor,
    export,
    fit,
    forecast,
    inspect,
    learn,
)

app = typer.Typer(
    name="wattcast",
    help="Forecasts electricity load from meter readings with recurrent neural networks.",
    epilog="Exit codes: 0 done, 2 bad usage, 3 bad input, 4 no skill where --require-skill was given.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for verb in (describe, check, convert, fit, forecast, inspect, backtest, export, chapter, learn, demo, doctor):
    app.command(verb.__name__.rpartition(".")[2], epilog=verb.EXAMPLE)(verb.command)
app.add_typer(data.app, name="data", help="Real data sets by name: list, get.")


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
    _environment()
    app()


def _environment() -> None:
    """Compiled code is kept in the user's cache, where a second run finds it 4 s sooner; BLAS stays out of the way.

    The baselines' small products take 4 s on two threads of OpenBLAS that wait for each other, and 1 s on one.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(platformdirs.user_cache_path("wattcast") / "xla"))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")
