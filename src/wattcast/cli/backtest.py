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
    from datetime import timedelta

    from wattcast.schema import Readings
    from wattcast.settings import BacktestSettings, Settings

EXAMPLE = "Example: [bold]wattcast backtest meters.csv --horizon 24h --origins 28 --known temperature --country US[/]"
#: Tables of `Scores` that --json gives as columns.
GROUPS = ("by_meter", "by_lead", "by_hour", "by_day_type", "calibration")
Origins = Annotated[
    int | None, typer.Option(help="Moments to forecast from, the file's last. Default: 28.", show_default=False)
]
Every = Annotated[str | None, typer.Option(help="From one to the next: steps, or 6h. Default: 1d.", show_default=False)]
At = Annotated[str | None, typer.Option(help="Local time of day of the origins. Default: 00:00.", show_default=False)]
Window = Annotated[
    str | None, typer.Option(help="Learn from the newest part only: 365d. Default: from all.", show_default=False)
]
Refit = Annotated[
    str | None,
    typer.Option(help="Train anew before every so many origins (7), or days (7d). Default: once.", show_default=False),
]
Warm = Annotated[
    bool, typer.Option("--warm", help="Then go on from the weights there are, in a quarter of the epochs.")
]
Limit = Annotated[
    float | None,
    typer.Option(help="Load that counts as a peak. Default: exceeded 5 % of the time.", show_default=False),
]
Rivals = Annotated[
    bool, typer.Option("--rivals", help="Beside them MSTL, AutoETS, AutoTheta and LightGBM (extra: rivals).")
]
RequireSkill = Annotated[
    bool, typer.Option("--require-skill", help="Exit with 4 unless the skill against every baseline is positive.")
]


@options.reading
def command(
    file: options.File,
    read: dict[str, Any],
    horizon: options.Horizon = None,
    origins: Origins = None,
    every: Every = None,
    at: At = None,
    window: Window = None,
    refit: Refit = None,
    warm: Warm = False,
    limit: Limit = None,
    rivals: Rivals = False,
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
            backtest={
                "origins": origins,
                "every": every,
                "at": at,
                "window": window,
                "refit": refit,
                "warm": warm or None,
                "limit": limit,
                "rivals": rivals or None,
            },
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
    from wattcast.cli.tables import scores_tables
    from wattcast.estimator import backtest
    from wattcast.evaluate import beats
    from wattcast.report.page import write
    from wattcast.report.sections import backtest_page
    from wattcast.report.words import headline

    with training_bar() as bar:
        test, scores = backtest(
            readings,
            horizon=settings.network.horizon,
            **_moments(settings.backtest, readings.step),
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
        groups = {k: getattr(scores, k).to_dict(as_series=False) for k in GROUPS}
        emit({**scores.json(), **groups, **counts, "seconds": seconds, "report": str(report)})
    else:
        for why in scores.left_out.values():
            note(why)
        out.print(scores_tables(scores.json()))
        out.print(headline(scores), soft_wrap=True)
        out.print(f"{seconds['total']:.1f} s; report: {report}", soft_wrap=True)
    if require_skill and not beats(scores):
        fail("the network does not beat every baseline.", Exit.NO_SKILL)


def _moments(plan: BacktestSettings, step: timedelta) -> dict[str, Any]:
    """The settings as `estimator.backtest` takes them: times of day and lengths of time for texts."""
    from wattcast.read.settings import span
    from wattcast.settings import clock

    every = step * options.steps(plan.every, step, "--every")
    refit = None if plan.refit is None else options.steps(plan.refit, every, "--refit")
    window = None if plan.window is None else span(plan.window)
    return {
        "origins": plan.origins, "every": every, "at": clock(plan.at), "window": window, "refit": refit,
        "warm": plan.warm, "limit": plan.limit, "rivals": plan.rivals,
    }  # fmt: skip
