"""`wattcast backtest`: an honest score on a file's last part, beside simple rivals, and a report."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattcast.cli import options
from wattcast.cli.console import Exit, emit, errors, fail, note, out

if TYPE_CHECKING:
    from wattcast.schema import Readings
    from wattcast.settings import Settings

EXAMPLE = "Example: [bold]wattcast backtest meters.csv --horizon 24h --origins 28 --known temperature --country US[/]"
RequireSkill = Annotated[
    bool, typer.Option("--require-skill", help="Exit with 4 unless the network beats every baseline.")
]


@options.reading
def command(
    file: options.File,
    read: dict[str, Any],
    horizon: options.Horizon = None,
    origins: Annotated[
        int | None, typer.Option(help="Moments to forecast from, the file's last. Default: 28.", show_default=False)
    ] = None,
    every: Annotated[
        str | None, typer.Option(help="From one to the next: steps, or 6h. Default: 1d at 00:00.", show_default=False)
    ] = None,
    refit: Annotated[
        int | None, typer.Option(help="Train anew before every so many origins.", show_default=False)
    ] = None,
    known: options.Known = None,
    country: options.Country = None,
    cell: options.Cell = None,
    members: options.Members = None,
    epochs: options.Epochs = None,
    seed: options.Seed = None,
    report: options.Report = Path("wattcast-report/backtest.html"),
    require_skill: RequireSkill = False,
    config: options.Config = None,
    print_config: options.PrintConfig = False,
    json: options.Json = False,
) -> None:
    """Forecasts from the file's last origins as if each were now, and scores what came.

    The network is trained on what lies before the first origin (or anew with --refit).
    """
    began = time.perf_counter()
    with errors():
        settings = options.in_force(
            config,
            read=read,
            network={"known": options.listed(known), "country": country, "cell": cell, "members": members},
            train={"epochs": epochs, "seed": seed},
            backtest={"origins": origins, "every": every, "refit": refit},
        )
        if print_config:
            options.print_settings(settings, horizon)
            return
        readings = options.readings(file, settings.read)
        network = options.with_horizon(settings, horizon, readings.step)
        settings = settings.model_copy(update={"network": network})
        run(readings, settings, report, title=readings.source, began=began, json=json, require_skill=require_skill)


def run(
    readings: Readings,
    settings: Settings,
    report: Path,
    *,
    title: str,
    began: float,
    json: bool,
    require_skill: bool,
) -> None:
    """Backtest, report, table; what `backtest` and `demo` share."""
    from wattcast.cli.progress import training_bar
    from wattcast.cli.tables import scores_table
    from wattcast.estimator import backtest
    from wattcast.evaluate import beats
    from wattcast.report.page import write
    from wattcast.report.sections import backtest_page
    from wattcast.report.words import headline

    plan = settings.backtest
    with training_bar() as bar:
        test, scores = backtest(
            readings,
            horizon=settings.network.horizon,
            origins=plan.origins,
            every=readings.step * options.steps(plan.every, readings.step, "--every"),
            refit=plan.refit,
            network=settings.network,
            train=settings.train,
            epoch=bar,
        )
    command = " ".join(["wattcast", *options.without_password(sys.argv[1:])])
    page = backtest_page(
        test,
        scores,
        title=title,
        unit=readings.unit or "",
        findings=readings.findings,
        settings=settings.model_dump(mode="json", exclude_none=True),
        command=command,
    )
    write(page, report)
    seconds: dict[str, Any] = {"total": time.perf_counter() - began, "models": test.seconds}
    if json:
        counts = {"horizon": test.horizon, "origins": len(test.origins), "meters": len(test.panel.ids)}
        emit({**scores.json(), **counts, "seconds": seconds, "report": str(report)})
    else:
        for why in scores.left_out.values():
            note(why)
        out.print(scores_table(scores.json()))
        out.print(headline(scores), soft_wrap=True)
        out.print(f"{seconds['total']:.1f} s; report: {report}", soft_wrap=True)
    if require_skill and not beats(scores):
        fail("the network does not beat every baseline.", Exit.NO_SKILL)
