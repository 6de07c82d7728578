"""`wattcast chapter`: the textbook's job, as printed or by our own recipe, beside rules of one line."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattcast.cli import options
from wattcast.cli.console import emit, errors, note, out
from wattcast.cli.process import age

if TYPE_CHECKING:
    from wattcast.chapter import Job, Result

EXAMPLE = "Example: [bold]wattcast chapter --as-printed[/]"


def command(
    data: Annotated[
        Path | None, typer.Option(help="elec_load.csv. Default: looked for, else downloaded.", show_default=False)
    ] = None,
    as_printed: Annotated[bool, typer.Option("--as-printed", help="The chapter's own network and training.")] = False,
    seed: options.Seed = None,
    report: options.Report = Path("wattcast-report/chapter.html"),
    json: options.Json = False,
) -> None:
    """Forecasts one client two steps of 15 minutes ahead, as the chapter on recurrent networks does."""
    with errors():
        before = age()
        from wattcast import chapter

        imported = age() - before
        job = chapter.read_job(data or _located())
        if not json:
            _describe(job)
        learn = chapter.as_printed if as_printed else chapter.own_recipe
        with ThreadPoolExecutor(1) as beside:  # what draws takes a second to import, which the compiler leaves time for
            beside.submit(import_module, "wattcast.chapter.page")
            result = learn(job, seed=seed or 0, progress=None if json else _say_epoch)
        from wattcast.chapter.page import chapter_page
        from wattcast.report.page import write

        write(chapter_page(job, result), report)
        seconds = {"total": age(), "import": imported, **result.seconds}
        if json:
            emit({**result.json(), "seconds": seconds, "report": str(report)})
            return
        _say(result, seconds, report)


def _located() -> Path:
    from wattcast.cli.progress import download_bar
    from wattcast.read.samples import locate

    with download_bar("elec_load.csv") as told:
        return locate("elec_load.csv", progress=told)  # type: ignore[arg-type]


def _describe(job: Job) -> None:
    import polars as pl

    for row in pl.Series("Load", job.load).describe().iter_rows():
        out.print(f"{row[0]:>12}  {row[1]:>14.6f}")


def _say_epoch(epoch: dict[str, Any]) -> None:
    val_loss = f"  val_loss {epoch['val_loss']:.6f}" if epoch["val_loss"] is not None else ""
    note(f"epoch {epoch['epoch']:>2}  loss {epoch['loss']:.6f}{val_loss}  {epoch['seconds']:.2f} s")


def _say(result: Result, seconds: dict[str, float], report: Path) -> None:
    from rich.table import Table

    from wattcast.chapter.page import verdict

    train, validate, test = result.samples
    out.print(f"{train:,} windows train, {validate:,} validate, {test:,} test; mean squared error, scaled:")
    table = Table(box=None, pad_edge=False)
    table.add_column("model")
    table.add_column("validation", justify="right")
    table.add_column("test", justify="right")
    name = "LSTM as printed" if result.as_printed else "wattcast"
    rows = {name: {"val_mse": result.val_mse, "test_mse": result.test_mse}, **result.baselines}
    for key, row in sorted(rows.items(), key=lambda item: item[1]["val_mse"]):
        style = "bold cyan" if key == name else None
        table.add_row(key, f"{row['val_mse']:.6f}", f"{row['test_mse']:.6f}", style=style)
    out.print(table)
    for line in verdict(result):
        out.print(line, soft_wrap=True)
    out.print(f"{seconds['total']:.1f} s; report: {report}", soft_wrap=True)
