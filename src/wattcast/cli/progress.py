"""Progress bars on stderr: of a training with loss, skill and speed, and of anything counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from wattcast.cli.console import err

if TYPE_CHECKING:
    from wattcast.train import Epoch


class TrainingBar:
    """Shows epochs as they are told to it; one bar a stage."""

    def __init__(self, progress: Progress):
        self._progress = progress
        self._tasks: dict[str, int] = {}
        self._progress.add_task("compiling", total=None, said="", left="")

    def __call__(self, e: Epoch) -> None:
        """One more epoch is done."""
        if e.stage not in self._tasks:
            for task in list(self._progress.tasks):
                if task.total is None:
                    self._progress.remove_task(task.id)
            name = {"search": "epoch", "final": "final epoch"}[e.stage]
            self._tasks[e.stage] = self._progress.add_task(name, total=e.epochs, said="", left="left")
        val = f" val {e.val_loss:.5f} skill {e.skill:+.1%}" if e.val_loss is not None and e.skill is not None else ""
        said = f"{e.epoch}/{e.epochs} loss {e.loss:.5f}{val} {_short(e.readings)}/s"
        self._progress.update(self._tasks[e.stage], completed=e.epoch, said=said)  # type: ignore[arg-type]


@contextmanager
def training_bar() -> Iterator[TrainingBar]:
    """A bar with epoch, loss, validation loss, skill, readings a second and time left; in 80 columns nothing is cut."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=max(5, min(20, err.width - 75))),
        TextColumn("{task.fields[said]}"),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[left]}"),
        console=err,
    ) as progress:
        yield TrainingBar(progress)


@contextmanager
def download_bar(name: str) -> Iterator[object]:
    """A bar for bytes; shows nothing until something is downloaded."""
    with Progress(TextColumn(name), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeRemainingColumn(),
                  console=err, transient=True) as progress:  # fmt: skip
        task = None

        def told(done: int, total: int | None) -> None:
            nonlocal task
            if task is None:
                task = progress.add_task(name, total=total)
            progress.update(task, completed=done)

        yield told


@contextmanager
def convert_bar() -> Iterator[Callable[[int, int], None]]:
    """Rows read and meters written, as they are told; of a source that is read in one go, only the time."""
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(),
                  console=err, transient=True) as progress:  # fmt: skip
        task = progress.add_task("reading", total=None)

        def told(rows: int, meters: int) -> None:
            progress.update(task, description=f"writing meter {meters:,}" if meters else f"reading row {rows:,}")

        yield told


def _short(number: float) -> str:
    """Three digits: 950, 1.2k, 12k, 1.2M."""
    for size, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.{int(number < 10 * size)}f}{name}"
    return f"{number:.0f}"
