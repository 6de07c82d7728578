"""`wattcast fit`: a file of readings to a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattcast.cli import options
from wattcast.cli.console import Exit, emit, err, errors, fail, note, out

if TYPE_CHECKING:
    from wattcast.nets.forecaster import Forecaster

EXAMPLE = "Example: [bold]wattcast fit meters.csv -o model.wattcast --horizon 24h --known temperature --country DE[/]"


@options.reading
def command(
    file: options.File,
    read: dict[str, Any],
    output: Annotated[Path, typer.Option("--output", "-o", help="Model file to write.")] = Path("model.wattcast"),
    horizon: options.Horizon = None,
    known: options.Known = None,
    country: options.Country = None,
    cell: options.Cell = None,
    members: options.Members = None,
    epochs: options.Epochs = None,
    seed: options.Seed = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted training.")] = False,
    config: options.Config = None,
    print_config: options.PrintConfig = False,
    json: options.Json = False,
) -> None:
    """Trains a network on a file, and says how it does against simple rivals on the file's last part.

    Ctrl-C leaves OUTPUT.checkpoint, a usable model of the best epoch so far; --resume goes on from it.
    """
    with errors():
        settings = options.in_force(
            config,
            read=read,
            network={"known": options.listed(known), "country": country, "cell": cell, "members": members},
            train={"epochs": epochs, "seed": seed},
        )
        if print_config:
            options.print_settings(settings, horizon)
            return
        _say(_fit(file, options.place(output), horizon, settings, resume), output, json)


def _fit(file: str, output: Path, horizon: str | None, settings: Any, resume: bool) -> Forecaster:
    from wattcast.cli.progress import training_bar
    from wattcast.estimator import fit_readings
    from wattcast.nets.artifact import save_forecaster

    readings = options.readings(file, settings.read)
    network = options.with_horizon(settings, horizon, readings.step)
    checkpoint = output.with_name(output.name + ".checkpoint")
    if resume and not checkpoint.exists():
        fail(f"There is no {checkpoint} to go on from; start without --resume.", Exit.INPUT)
    try:
        with training_bar() as bar:
            trained = fit_readings(
                readings, network, settings.train, progress=bar, checkpoint=checkpoint, resume=resume
            )
    except KeyboardInterrupt:
        if checkpoint.exists():
            err.print(f"stopped; {checkpoint} is a usable model of the best epoch so far, --resume goes on from it.")
        raise
    save_forecaster(trained, output)
    checkpoint.unlink(missing_ok=True)
    return trained


def _say(trained: Forecaster, output: Path, json: bool) -> None:
    about = trained.about
    if json:
        emit(
            {
                "model": str(output),
                "best_epoch": about["best_epoch"],
                "epochs": about["history"],
                **about["scores"],
                "settings": trained.settings.model_dump(mode="json"),
            }
        )
        return
    from wattcast.cli.tables import scores_tables

    note("Scores on the validation tail, which chose the epoch: `wattcast backtest` gives an untouched test.")
    out.print(scores_tables(about["scores"]))
    out.print(f"model: {output}", soft_wrap=True)
