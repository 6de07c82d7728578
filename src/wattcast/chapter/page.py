"""The chapter's job as a page: readings, losses, predictions, and what they are worth."""

from __future__ import annotations

import numpy as np

from wattcast.chapter.job import Job, Result
from wattcast.report import plots
from wattcast.report.page import Figure, Section, Table, Text, page

#: Readings the chapter drew.
FIRST = 1500


def verdict(result: Result) -> list[str]:
    """What the numbers say, in plain words."""
    last, ours = result.baselines["persistence"], {"val_mse": result.val_mse, "test_mse": result.test_mse}
    loses = [part for part in ("val_mse", "test_mse") if ours[part] >= last[part]]
    if result.as_printed:
        where = {0: "beats", 1: "loses on one part to", 2: "loses to"}[len(loses)]
        return [
            f"The chapter's network {where} repeating the last reading: {ours['val_mse']:.6f} / "
            f"{ours['test_mse']:.6f} against {last['val_mse']:.6f} / {last['test_mse']:.6f}.",
            "Why: ten epochs leave it undertrained; five readings show neither the day nor the week; and it has to "
            "learn the level of the series, which the last reading gives for nothing.",
        ]
    better = [n for n, row in result.baselines.items() if all(ours[p] < row[p] for p in ours)]
    rest = [n for n in result.baselines if n not in better]
    said = f"wattcast beats {len(better)} of {len(result.baselines)} rules on both parts"
    said += "." if not rest else f"; it does not beat {', '.join(rest)} on both."
    return [
        said,
        "The chapter's own network (`wattcast chapter --as-printed`) loses to repeating the last reading: it is "
        "undertrained, sees no season in five readings, and must learn the level of the series.",
    ]


def chapter_page(job: Job, result: Result) -> str:
    """The report of one run as an HTML page."""
    name = "The chapter's network, as printed" if result.as_printed else "wattcast on the chapter's job"
    lines = verdict(result)
    number = np.arange(FIRST)
    raw = plots.series(number, job.load[:FIRST], title=f"The first {FIRST:,} readings", unit="kW")
    scaled = plots.series(number, job.scaled[:FIRST], title="The same, scaled: (x − 145.33) ÷ 338.21")
    curves = [e for e in result.epochs if e["val_loss"] is not None]
    test = np.arange(len(result.predicted))
    actual = job.load[len(job.scaled) - len(test) :][: len(test)]
    key = "as printed" if result.as_printed else "wattcast"
    week = slice(0, 7 * 96)
    drawn = plots.predicted(
        test[week], actual[week], {key: result.predicted[week]}, title="Predicted against test, first week", unit="kW"
    )
    whole = plots.predicted(test, actual, {key: result.predicted}, title="All test windows", unit="kW")
    losses = plots.loss_curve(curves)
    good = all(
        result.val_mse < row["val_mse"] and result.test_mse < row["test_mse"] for row in result.baselines.values()
    )
    sections = [
        Section("scores", "Mean squared error, scaled", [_scores(result, key), Text(_samples(result))]),
        Section("test", "Predictions", [Figure(drawn, "A week of predictions over what came.", wide=True),
                                        Figure(whole, "All predictions over what came.", wide=True)]),
        Section("training", "Training", [Figure(losses, "Loss and validation loss by epoch."), _epochs(result)]),
        Section("data", "Readings", [_summary(job), Figure(raw, "The first readings.", wide=True),
                                     Figure(scaled, "The same, scaled.", wide=True)]),
    ]  # fmt: skip
    return page(name, lines[0], sections, summary=lines[1:], good=good)


def _scores(result: Result, key: str) -> Table:
    rows = {key: {"val_mse": result.val_mse, "test_mse": result.test_mse}, **result.baselines}
    order = sorted(rows, key=lambda n: rows[n]["val_mse"])
    cells = [[n.replace("_", " "), f"{rows[n]['val_mse']:.6f}", f"{rows[n]['test_mse']:.6f}"] for n in order]
    best = {(min(range(len(order)), key=lambda r: rows[order[r]][p]), c) for c, p in ((1, "val_mse"), (2, "test_mse"))}
    return Table(["model", "validation", "test"], cells, frozenset(best), frozenset({order.index(key)}))


def _samples(result: Result) -> list[str]:
    train, validate, test = result.samples
    return [f"{train:,} windows train, {validate:,} validate, {test:,} test. Seed {result.seed}."]


def _epochs(result: Result) -> Table:
    rows = [
        [str(e["epoch"]), f"{e['loss']:.6f}", "–" if e["val_loss"] is None else f"{e['val_loss']:.6f}"]
        for e in result.epochs
    ]
    return Table(["epoch", "loss", "validation loss"], rows)


def _summary(job: Job) -> Table:
    x = job.load
    names = ("count", "mean", "std", "min", "25%", "50%", "75%", "max")
    values = (x.size, x.mean(), x.std(ddof=1), x.min(), *np.quantile(x, (0.25, 0.5, 0.75)), x.max())
    return Table(["", "Load [kW]"], [[n, f"{v:.6f}"] for n, v in zip(names, values, strict=True)])
