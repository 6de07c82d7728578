"""All cells at equal training time, classic and newer, and a network that reads from both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from wattcast.features.panel import Floats
from wattcast.learn.contest import SCORED, Place, compare, week_before
from wattcast.learn.demand import Demand, demand
from wattcast.learn.gaps import filled
from wattcast.learn.lesson import Lesson
from wattcast.nets.cells import CELLS
from wattcast.read.samples import taylor
from wattcast.report.page import Code, Section, Table, Text
from wattcast.schema import Y


def run(*, seconds: float = 0.5, steps: int = 300, cells: Sequence[str] = (), seed: int = 0) -> Lesson:
    """The lesson on newer cells.

    Args:
        seconds: training of one cell on one set [s].
        steps: batches of the trainings that fill gaps.
        cells: those that take part, the classic three among them; all unless said.
        seed: starts and batches follow from it; how many batches fit into the time, from the machine.
    """
    d = demand()
    sets = hourly(d)
    places = compare(sets, seconds=seconds, seeds=(seed,), cells=cells)
    gaps = filled(d, steps=steps, seed=seed)
    facts: dict[str, float | str] = {"seconds_each": seconds}
    for name, place in places.items():
        key = name.replace(" ", "_")
        facts |= {f"error_{key}": place.mean, f"ms_a_batch_{key}": place.ms, f"parameters_{key}": place.parameters}
        facts |= {f"error_{key}_{s.replace(' ', '_')}": float(np.mean(e)) for s, e in place.scores.items()}
    facts |= {f"gap_mae_mw_{name.replace(' ', '_')}": 1000 * e for name, e in gaps.items()}
    won = earned(places)
    facts["earned"] = ", ".join(won) or "none"
    best = min(places, key=lambda name: places[name].mean)
    headline = (
        f"At equal training time ({seconds:g} s each) the {best} has the least error; of the newer cells "
        f"{facts['earned']} {'is' if len(won) < 2 else 'are'} better than every classic one on all three sets."
    )
    sections = [contest(sets, places, seconds), _gaps(gaps)]
    return Lesson("cells", "Newer cells", headline, sections, facts)


def hourly(d: Demand) -> dict[str, Floats]:
    """Hourly means `[hour, 1]` of the three series that come with the package's samples."""
    series = {"Victoria": d.load, "England and Wales": taylor().frame[Y].to_numpy(), "thermometer": d.temperature}
    return {name: load.reshape(-1, 2).mean(axis=1)[:, None] for name, load in series.items()}


def earned(places: Mapping[str, Place]) -> Sequence[str]:
    """Newer cells whose mean error is below that of every classic cell on every set."""
    sets = next(iter(places.values())).scores
    least = {s: min(np.mean(places[cell].scores[s]) for cell in CELLS) for s in sets}
    newer = [name for name in places if name not in CELLS]
    return [name for name in newer if all(np.mean(places[name].scores[s]) < least[s] for s in sets)]


def contest(sets: Mapping[str, Floats], places: Mapping[str, Place], seconds: float) -> Section:
    """The table of accuracy and cost."""
    order = sorted(places, key=lambda name: places[name].mean)
    rows = [
        [
            name,
            *(f"{np.mean(places[name].scores[s]):.3f}" for s in sets),
            f"{places[name].mean:.3f}",
            f"{places[name].parameters:,}",
            f"{places[name].ms:.1f}",
            f"{places[name].compile_s:.1f}",
        ]
        for name in order
    ]
    week = [week_before(load) for load in sets.values()]
    rows.append(["rule: a week ago", *(f"{e:.3f}" for e in week), f"{np.mean(week):.3f}", "", "", ""])
    least = frozenset((min(range(len(rows)), key=lambda r: float(rows[r][c])), c) for c in range(1, len(sets) + 2))
    text = [
        f"Two layers of 24 units read hourly values alone and say, at each hour, the value a day ahead; {seconds:g} s "
        f"of training each. Errors are ÷ those of the same hour of the day before, on the last {SCORED:.0%}. The table "
        "in docs/learn/cells.md has longer trainings, and homes, clients and zones."
    ]
    head = ["cell", *sets, "mean", "parameters", "ms a batch", "compiled in [s]"]
    code = 'from wattcast.nets import Stack, dilated\n\nstack = dilated(Stack(1, (24, 24), key, cell="gru"), (1, 6))'
    return Section("contest", "At equal training time", [Text(text), Table(head, rows, least), Code(code)])


def _gaps(gaps: Mapping[str, float]) -> Section:
    rows = [[name, f"{1000 * e:.0f}"] for name, e in sorted(gaps.items(), key=lambda item: item[1])]
    text = [
        "Twelve hours of Victoria's demand are lost, at any time of day. A network that goes on from the left knows "
        "what came before; one that reads from both sides knows what came after as well. Both correct the mean of the "
        "same hours of the day before and the day after. For filling only: a forecast has no right side."
    ]
    return Section(
        "gaps", "From both sides", [Text(text), Table(["filled by", "error [MW]"], rows, frozenset({(0, 1)}))]
    )
