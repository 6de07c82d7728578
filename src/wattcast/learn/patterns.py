"""The five patterns of sequence in and sequence out, each on a task of its own, beside rules of one line."""

from __future__ import annotations

import numpy as np

from wattcast.evaluate import NETWORK
from wattcast.learn.demand import DAY, demand
from wattcast.learn.kinds import Told, meters, tell_apart
from wattcast.learn.lesson import Lesson
from wattcast.learn.tasks import Answer, Task, answer, tasks
from wattcast.report.page import Code, Figure, Section, Table, Text
from wattcast.report.style import COLUMN, GRID, INK, NETWORK_COLOUR, QUIET, colour, drawing

#: For the drawing: steps that read and steps that say something, by pattern.
STEPS = {
    "one-to-one": ({0}, {0}),
    "one-to-many": ({0}, {0, 1, 2}),
    "many-to-one": ({0, 1, 2}, {2}),
    "in-step": ({0, 1, 2}, {0, 1, 2}),
    "encoder-decoder": ({0, 1, 2}, {3, 4}),
}


def run(*, seed: int = 0) -> Lesson:
    """The lesson on sequence patterns; starts and batches of the trainings follow from `seed`."""
    d = demand()
    asked = tasks(d)
    found = [answer(task, d, seed=seed) for task in asked]
    told = tell_apart(meters(d), seed=seed)
    facts: dict[str, float] = {}
    for task, got in zip(asked, found, strict=True):
        key = task.name.replace("-", "_")
        facts[f"mae_mw_{key}"] = 1000 * got.mae
        facts |= {f"mae_mw_{key}_rule_{k}": 1000 * e for k, e in enumerate(got.rules.values(), 1)}
        facts[f"skill_{key}"] = 1 - got.mae / min(got.rules.values())
    facts |= {"right_kind": told.right, "right_kind_nearest_course": told.nearest}
    won = sum(got.mae < min(got.rules.values()) for got in found) + (told.right > told.nearest)
    headline = (
        f"One network, run over sequences of different lengths, does six jobs; it beats the best rule of one line in "
        f"{won} of them."
    )
    sections = [_shapes(), _scores(asked, found, told), _kinds(told), _courses(found)]
    return Lesson("patterns", "Sequence in, sequence out: five patterns", headline, sections, facts)


def _shapes() -> Section:
    with drawing((10.0, 2.2)) as drawn:
        axes, left = drawn.axes, 0.0
        for name, (reads, says) in STEPS.items():
            steps = sorted(reads | says)
            axes.text(left, 2.75, name, color=INK, fontsize=10)
            for step in range(steps[-1] + 1):
                x = left + step
                if step:
                    axes.annotate("", (x - 0.25, 1), (x - 0.75, 1), arrowprops={"arrowstyle": "->", "color": QUIET})
                axes.plot(x, 1, "o", color=NETWORK_COLOUR, markersize=13)
                for here, low, high in ((step in reads, 0, 0.75), (step in says, 1.25, 2)):
                    if here:
                        axes.annotate("", (x, high), (x, low), arrowprops={"arrowstyle": "->", "color": QUIET})
                        at = low if low == 0 else high
                        axes.plot(x, at, "s", color=INK if at else GRID, markersize=9, markeredgecolor=INK)
            left += steps[-1] + 2.2
        axes.set(xlim=(-0.6, left - 1.2), ylim=(-0.4, 3.1))
        axes.set_axis_off()
    text = [
        "A recurrent network is one step that is done again and again: an input and the last state go in, the next "
        "state comes out. What goes in when, and what is taken out when, makes five patterns. `wattcast.nets.pattern` "
        "makes each by its name; all are called the same way."
    ]
    code = (
        'from wattcast.nets import pattern\n\nmodel = pattern("encoder-decoder", inputs=4, outputs=1, key=key, '
        "hidden=(32,), steps=48)\nnext_day = model(week)  # [336, batch, 4] -> [48, batch, 1]"
    )
    alt = "The five patterns, unrolled in time: inputs below, states in the middle, outputs above."
    return Section("shapes", "Five ways to run one step", [Text(text), Figure(drawn.svg, alt, wide=True), Code(code)])


def _scores(asked: list[Task], found: list[Answer], told: Told) -> Section:
    rows: list[list[str]] = []
    for task, got in zip(asked, found, strict=True):
        rule = min(got.rules, key=lambda name: got.rules[name])
        errors = f"{1000 * got.mae:.0f} MW", f"{1000 * got.rules[rule]:.0f} MW"
        rows.append([task.name, task.reads, task.says, *errors, rule])
    shares = f"{told.right:.1%} right", f"{told.nearest:.1%} right"
    rows.append(
        ["many-to-one", "a day of half hours, scaled by itself", "the kind of meter", *shares, "nearest mean course"]
    )
    won = [got.mae < min(got.rules.values()) for got in found] + [told.right > told.nearest]
    best = frozenset((row, 3 if network else 4) for row, network in enumerate(won))
    text = [
        "Victoria 2014, half-hourly. The networks (GRU, 32 hidden; classifier 24) learn from the first 292 days and "
        "are scored on the last 73; only the calendar's task keeps back every fifth day, since a calendar cannot know "
        "months it has not seen. Errors are mean absolute errors. The rule beside each is the best of those tried."
    ]
    head = ["pattern", "reads", "says", "network", "rule", "which rule"]
    return Section("scores", "Each on a task", [Text(text), Table(head, rows, best, numeric=False)])


def _kinds(told: Told) -> Section:
    rows = [
        [kind, *(f"{n:.0f}" for n in row), f"{row[k] / row.sum():.1%}"]
        for k, (kind, row) in enumerate(zip(told.kinds, told.table, strict=True))
    ]
    text = [
        "Three series that come with wattcast[samples]: Victoria's demand, England and Wales' (12 weeks of 2000, the "
        "last 4 scored), and a thermometer in Melbourne. A window of 48 readings begins at any half hour; its own mean "
        "is taken off and its own spread divided out, so size and unit say nothing. What is left is the course. A "
        "classifier is a many-to-one whose output is a score a kind; softmax makes probabilities of them, and training "
        "lowers -log of the right one's."
    ]
    said = [f"said {kind}" for kind in told.kinds]
    return Section("kinds", "Which kind of meter", [Text(text), Table(["windows of", *said, "right"], rows)])


def _courses(found: list[Answer]) -> Section:
    course, day = found[1], found[4]
    hours = np.arange(DAY) / 2
    figures = []
    for got, size, title in (
        (course, COLUMN, "A calendar day, written"),
        (day, COLUMN, "The next day, after a week was read"),
    ):
        shown = int(np.argsort(np.abs(got.said - got.came).mean(axis=0))[got.said.shape[1] // 2])  # the median day
        with drawing(size) as drawn:
            drawn.axes.plot(hours, got.came[:, shown], color=INK, label="came")
            drawn.axes.plot(hours, got.said[:, shown], color=colour(NETWORK), label="network")
            drawn.axes.set(xlabel="hour", ylabel="GW", xticks=range(0, 25, 6))
            drawn.axes.set_title(title)
            drawn.axes.legend()
        figures.append(Figure(drawn.svg, f"{title}: load of one day as it came and as the network wrote it."))
    text = ["The day drawn is the one in the middle when all are sorted by their error: neither chosen well nor badly."]
    return Section("courses", "What comes out", [Text(text), *figures])
