"""The chapter's own job: its network as printed, ours, and why repeating the last reading beat the first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from wattcast.chapter import Job, Result, as_printed, own_recipe, read_job
from wattcast.chapter.job import TRAIN, VALIDATED, WINDOW, errors
from wattcast.features.panel import Floats
from wattcast.learn.lesson import Lesson
from wattcast.read.samples import locate
from wattcast.report import plots
from wattcast.report.page import Code, Figure, Section, Table, Text

PARTS = ("val_mse", "test_mse")


def run(
    *,
    data: str | Path | None = None,
    printed: Callable[[Job], Result] = as_printed,
    ours: Callable[[Job], Result] = own_recipe,
) -> Lesson:
    """The lesson on the chapter's job.

    Args:
        data: the chapter's elec_load.csv; looked for where `wattcast data` keeps it, else downloaded.
        printed: trains the chapter's network.
        ours: trains ours.

    Raises:
        ReadingsError: the file is not there and cannot be downloaded, or is another.
    """
    job = read_job(data or locate("elec_load.csv"))
    results = {"chapter": printed(job), "wattcast": ours(job)}
    rules = results["chapter"].baselines
    helped = with_last_reading(job)
    facts: dict[str, Any] = {f"{p}_{name}": getattr(r, p) for name, r in results.items() for p in PARTS}
    facts |= {f"{p}_{name}": row[p] for name, row in rules.items() for p in PARTS}
    facts |= {f"{p}_linear_differences": helped[p] for p in PARTS}
    facts |= {f"{p}_mean_of_window": mean_of_window(job)[p] for p in PARTS}
    last = results["chapter"].epochs[-1]
    facts |= {"printed_loss": last["loss"], "printed_val_loss": last["val_loss"], "epochs": last["epoch"]}
    facts |= {"autocorrelation_2_steps": autocorrelation(job, 2), "autocorrelation_1_day": autocorrelation(job, 96)}
    facts["share_explained_by_last_reading"] = 1 - rules["persistence"]["val_mse"] / float(job.y[TRAIN:VALIDATED].var())
    headline = (
        f"The chapter's network misses by {facts['val_mse_chapter']:.6f} where repeating the last reading misses by "
        f"{facts['val_mse_persistence']:.6f}, and wattcast by {facts['val_mse_wattcast']:.6f}."
    )
    sections = [_job(job), _scores(facts, rules), _why(facts), _drawn(job, results)]
    return Lesson("chapter", "The chapter's own job", headline, sections, facts)


def autocorrelation(job: Job, lag: int) -> float:
    """Correlation of the readings with those `lag` steps before."""
    x = job.scaled
    return float(np.corrcoef(x[lag:], x[:-lag])[0, 1])


def mean_of_window(job: Job) -> dict[str, float]:
    """Errors of a rule that knows the level only roughly: the mean of the five readings."""
    return errors(job, job.x[TRAIN:].mean(1))


def with_last_reading(job: Job) -> dict[str, float]:
    """Errors of a linear fit on the differences in the window, added to the last reading: the level is given."""
    differences = np.column_stack([np.diff(job.x, axis=1), np.ones(len(job.x))])
    change = job.y - job.x[:, -1]
    weights = np.linalg.lstsq(differences[:TRAIN], change[:TRAIN], rcond=None)[0]
    return errors(job, job.x[TRAIN:, -1] + differences[TRAIN:] @ weights)


def _job(job: Job) -> Section:
    number = np.arange(1500)
    return Section(
        "job",
        "The job",
        [
            Text(
                [
                    f"One client of a Portuguese grid, a reading each quarter hour; {WINDOW} readings give the one two "
                    "steps after them. An LSTM of 50 and one of 200 units, dropout 0.2, ten passes over 11,960 windows."
                ]
            ),
            Figure(
                plots.series(number, job.load[:1500], title="The first 1,500 readings", unit="kW"), "Load.", wide=True
            ),
        ],
    )


def _scores(facts: dict[str, Any], rules: dict[str, dict[str, float]]) -> Section:
    names = {"wattcast": "wattcast", "chapter": "the chapter's network, as printed"}
    names |= {rule: rule.replace("_", " ") for rule in rules}
    order = sorted(names, key=lambda n: facts[f"val_mse_{n}"])
    rows = [[names[n], *(f"{facts[f'{p}_{n}']:.6f}" for p in PARTS)] for n in order]
    return Section(
        "scores",
        "What was printed, and what it is worth",
        [
            Text(
                [
                    f"After epoch {facts['epochs']} the chapter's training prints a loss of "
                    f"{facts['printed_loss']:.6f} and a validation loss of {facts['printed_val_loss']:.6f}. That looks "
                    "small; beside rules without any learning it is not."
                ]
            ),
            Table(
                ["mean squared error, scaled", "validation", "test"], rows, marked=frozenset({order.index("chapter")})
            ),
            Code("wattcast chapter --as-printed\nwattcast chapter"),
        ],
    )


def _why(facts: dict[str, Any]) -> Section:
    return Section(
        "why",
        "Why repeating the last reading beats it",
        [
            Text(
                [
                    "Half an hour is short: readings two steps apart correlate at "
                    f"{facts['autocorrelation_2_steps']:.3f}, and the last one alone explains "
                    f"{100 * facts['share_explained_by_last_reading']:.0f} % of the variance. What is left to gain is "
                    "small, and the network first has to learn to copy its last input through two layers of tanh and "
                    "sigmoid, with a fifth of it dropped.",
                    "Knowing the level a little less well is expensive: the mean of the five readings misses by "
                    f"{facts['val_mse_mean_of_window']:.6f}, against {facts['val_mse_persistence']:.6f} for the last.",
                    f"Given the level for nothing, four weights do: last reading + a linear fit on the differences "
                    f"gives {facts['val_mse_linear_differences']:.6f}. wattcast's network, too, says by how much the "
                    "load differs from a base it is given.",
                    "Five readings show neither the day nor the week, though readings a day apart still correlate at "
                    f"{facts['autocorrelation_1_day']:.3f}. wattcast sees them, and carries its state on.",
                ]
            ),
        ],
    )


def _drawn(job: Job, results: dict[str, Result]) -> Section:
    week = slice(0, 3 * 96)
    predicted: dict[str, Floats] = {
        "as printed": results["chapter"].predicted,
        "wattcast": results["wattcast"].predicted,
    }
    actual = job.load[len(job.scaled) - len(results["chapter"].predicted) : len(job.scaled)]
    shown = {name: values[week] for name, values in predicted.items()}
    picture = plots.predicted(np.arange(3 * 96), actual[week], shown, title="Three days of the test part", unit="kW")
    losses = plots.loss_curve([e for e in results["chapter"].epochs if e["val_loss"] is not None])
    return Section(
        "drawn",
        "Drawn",
        [
            Figure(picture, "Forecasts of both over what came.", wide=True),
            Figure(losses, "Loss of the chapter's training by epoch.", "The chapter's training, ten epochs."),
        ],
    )
