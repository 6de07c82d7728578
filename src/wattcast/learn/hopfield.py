"""Hopfield's network: day shapes stored in its weights, a day restored from two thirds of its readings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattcast.features.panel import Floats
from wattcast.learn.associative import LEVELS, Classic, Modern, settle
from wattcast.learn.demand import DAY, TRAIN_DAYS, Demand, demand
from wattcast.learn.lesson import Lesson
from wattcast.report.page import Code, Figure, Section, Table, Text
from wattcast.report.style import COLOURS, COLUMN, INK, NETWORK_COLOUR, QUIET, WIDE, drawing

#: Load over which stored patterns are lost (Amit, Gutfreund & Sompolinsky 1985), and loads that are tried.
THEORY, LOADS = 0.138, (0.06, 0.10, 0.12, 0.13, 0.14, 0.15, 0.16, 0.18, 0.22)
#: Readings of a day that are lost: a third.
LOST = DAY // 3
#: Sharpness of the modern network that is tried, for errors in spreads of the load.
BETAS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
#: Times each day is restored, with other readings lost.
TIMES = 3


def run(*, units: int = 1000, seed: int = 0) -> Lesson:
    """The lesson on Hopfield's networks.

    Args:
        units: size of the network whose capacity is measured.
        seed: the random patterns and the places of the losses follow from it.
    """
    rng = np.random.default_rng(seed)
    d = demand()
    overlaps = {load: capacity(units, round(load * units), rng) for load in LOADS}
    at = lost_at(overlaps)
    learned, days = d.days[:TRAIN_DAYS], np.tile(d.days[TRAIN_DAYS:], (TIMES, 1))
    shapes, names = mean_days(d)
    memory = Classic(shapes)
    beta = sharpest(learned, (d.mean, d.std), rng)
    modern = Modern(learned, (d.mean, d.std), beta)
    masks = {"block": blocks(len(days), rng), "scattered": scattered(len(days), rng)}
    found = {
        where: {
            "interpolation": interpolated(days, mask),
            "mean of the shapes": np.where(mask, learned.mean(0), days),
            "classic, Hebb": memory.restore(days, mask, memory.hebb),
            "classic, projection": memory.restore(days, mask, memory.projection),
            "modern": modern.restore(days, mask),
        }
        for where, mask in masks.items()
    }
    errors = {
        where: {name: float(np.abs(got - days)[masks[where]].mean()) for name, got in row.items()}
        for where, row in found.items()
    }
    facts: dict[str, Any] = {"capacity_measured": at, "capacity_theory": THEORY, "units": units}
    facts |= {f"overlap_at_load_{load:.2f}": overlap for load, overlap in overlaps.items()}
    facts |= {"shapes_stored": len(names), "code_units": DAY * LEVELS, "beta": beta, "days_restored": len(days)}
    for where, row in errors.items():
        facts |= {f"mae_gw_{where}_{_key(name)}": e for name, e in row.items()}
    facts["stored_shapes_recalled_hebb"] = memory.recalled(memory.hebb)
    facts["stored_shapes_recalled_projection"] = memory.recalled(memory.projection)
    block = errors["block"]
    headline = (
        f"A day that lost eight hours is restored with an error of {1000 * block['modern']:.0f} MW by the modern "
        f"network and {1000 * block['classic, projection']:.0f} MW by the classic one, where a straight line misses "
        f"by {1000 * block['interpolation']:.0f} MW."
    )
    sections = [
        _classic(facts, overlaps),
        _days(facts, shapes, names),
        _modern(facts),
        _restored(errors, found["block"], days, masks["block"], d),
    ]
    return Lesson("hopfield", "Hopfield's network: a day restored from a part of it", headline, sections, facts)


def _key(name: str) -> str:
    return name.lower().replace(",", "").replace(" ", "_")


def capacity(units: int, patterns: int, rng: np.random.Generator) -> float:
    """Mean overlap of random stored patterns with where the network settles when started on them; 1 is recalled."""
    stored = rng.choice([-1.0, 1.0], (units, patterns))
    weights = stored @ stored.T / units
    np.fill_diagonal(weights, 0)
    probes = stored[:, :50]
    ends = settle(weights, probes, np.ones(probes.shape, bool), rng)
    return float((ends * probes).mean())


def lost_at(overlaps: dict[float, float], least: float = 0.9) -> float:
    """The load at which the overlap falls through `least`, between the loads tried."""
    loads, values = np.array(list(overlaps)), np.array(list(overlaps.values()))
    after = int(np.argmax(values < least))
    low, high = values[after - 1], values[after]
    return float(loads[after - 1] + (low - least) / (low - high) * (loads[after] - loads[after - 1]))


def mean_days(d: Demand) -> tuple[Floats, list[str]]:
    """Mean days `[shape, 48]` [GW] of working days, Sundays and other days off, month by month, and their names."""
    first = d.times.reshape(-1, DAY)[:TRAIN_DAYS, 0]
    months = first.astype("M8[M]").astype(int) % 12
    sunday = (first.astype("M8[D]").astype(int) + 3) % 7 == 6  # 1970-01-01 was a Thursday
    works = d.workday.reshape(-1, DAY)[:TRAIN_DAYS, 0] > 0
    kinds = {"working days": works, "Sundays": ~works & sunday, "other days off": ~works & ~sunday}
    shapes = {
        f"month {month + 1}, {kind}": d.days[:TRAIN_DAYS][(months == month) & rows].mean(0)
        for month in np.unique(months)
        for kind, rows in kinds.items()
    }
    return np.array(list(shapes.values())), list(shapes)


def sharpest(learned: Floats, scale: tuple[float, float], rng: np.random.Generator) -> float:
    """The β of `BETAS` that restores the learned days best, each from the others."""
    mask, own = blocks(len(learned), rng), np.eye(len(learned), dtype=bool)
    errors = {b: np.abs(Modern(learned, scale, b).restore(learned, mask, own) - learned)[mask].mean() for b in BETAS}
    return min(errors, key=lambda b: errors[b])


def blocks(days: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """`[day, 48]`: eight hours on end, never the first or last reading, so that a line has two ends."""
    starts = rng.integers(1, DAY - LOST, (days, 1))
    slots = np.arange(DAY)
    return (slots >= starts) & (slots < starts + LOST)


def scattered(days: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """`[day, 48]`: a third of the readings, anywhere but at the ends."""
    mask = np.zeros((days, DAY), bool)
    for row in mask:
        row[rng.choice(np.arange(1, DAY - 1), LOST, replace=False)] = True
    return mask


def interpolated(days: Floats, mask: NDArray[np.bool_]) -> Floats:
    """A straight line over what is lost."""
    slots, out = np.arange(DAY), days.copy()
    for row, gone in zip(out, mask, strict=True):
        row[gone] = np.interp(slots[gone], slots[~gone], row[~gone])
    return out


def _classic(facts: dict[str, Any], overlaps: dict[float, float]) -> Section:
    with drawing(COLUMN) as drawn:
        drawn.axes.plot(list(overlaps), list(overlaps.values()), "o-", color=NETWORK_COLOUR, label="measured")
        drawn.axes.axvline(THEORY, color=QUIET, linestyle=(0, (3, 2)), label="theory, 0.138")
        drawn.axes.set(xlabel="patterns ÷ units", ylabel="overlap", ylim=(0, 1.03), title="Recall of random patterns")
        drawn.axes.legend()
    return Section(
        "capacity",
        "How many patterns it holds",
        [
            Text(
                [
                    "Hopfield (1982): units of -1 and 1, each tied to each. Patterns are stored by Hebb's rule; then "
                    "unit after unit takes the sign of what the others say, which lowers an energy until nothing moves."
                ]
            ),
            Code("W = Σ ξ ξᵀ / N, without the diagonal     s_i = sign(Σ W_ij s_j)     E = −½ sᵀ W s"),
            Figure(drawn.svg, "Overlap with the stored pattern by number of patterns."),
            Text(
                [
                    f"With {facts['units']:,} units, recall is lost at {facts['capacity_measured']:.3f} patterns a "
                    f"unit (overlap below 0.9, random patterns). Theory for endlessly many units: {THEORY}."
                ],
                beside=True,
            ),
        ],
    )


def _days(facts: dict[str, Any], shapes: Floats, names: list[str]) -> Section:
    hours = np.arange(DAY) / 2
    with drawing(COLUMN) as drawn:
        for shape, name in zip(shapes, names, strict=True):
            drawn.axes.plot(
                hours, shape, color=NETWORK_COLOUR if "working" in name else COLOURS["ridge"], linewidth=0.9
            )
        drawn.axes.set(xlim=(0, 24), xticks=range(0, 25, 6), xlabel="hour of the day", ylabel="GW")
        drawn.axes.set_title("Stored: working days blue, days off orange")
    return Section(
        "shapes",
        "Day shapes in a code of levels",
        [
            Figure(drawn.svg, "The stored mean days."),
            Text(
                [
                    f"{len(names)} mean days are stored: of working days, Sundays and other days off, month by "
                    f"month. A reading becomes {LEVELS} units, each 1 where the load is over its level: "
                    f"{facts['code_units']:,} units. Days are "
                    "much alike, and Hebb's rule, made for patterns that are not, recalls "
                    f"{100 * facts['stored_shapes_recalled_hebb']:.0f} % of them; weights by the pseudo-inverse "
                    f"(Personnaz 1985) recall {100 * facts['stored_shapes_recalled_projection']:.0f} %."
                ],
                beside=True,
            ),
        ],
    )


def _modern(facts: dict[str, Any]) -> Section:
    return Section(
        "modern",
        "The modern form",
        [
            Text(
                [
                    "Ramsauer (2020) lets the units be numbers and sharpens the energy; it then holds exponentially "
                    "many patterns, and its update is the attention of transformers, with the stored days X as keys "
                    f"and values. All {TRAIN_DAYS} learned days are stored as they are; β = {facts['beta']:g} is the "
                    "best on those days, each restored from the others."
                ]
            ),
            Code("ξ' = Xᵀ softmax(β (X ξ − ½ |x|²)), over the readings that are known"),
        ],
    )


def _restored(
    errors: dict[str, dict[str, float]], found: dict[str, Floats], days: Floats, mask: NDArray[np.bool_], d: Demand
) -> Section:
    names = list(errors["block"])
    rows = [[n, *(f"{1000 * errors[w][n]:.0f}" for w in errors)] for n in names]
    best = frozenset(
        (min(range(len(names)), key=lambda r: row[names[r]]), c) for c, row in enumerate(errors.values(), 1)
    )
    missed = np.abs(found["modern"] - days).sum(1)
    shown = int(np.argsort(missed)[len(days) // 2])  # neither the best nor the worst
    looks = {"interpolation": QUIET, "classic, projection": COLOURS["slot_mean"], "modern": NETWORK_COLOUR}
    hours, gone = np.arange(DAY) / 2, np.flatnonzero(mask[shown])
    with drawing(WIDE) as drawn:
        drawn.axes.axvspan(hours[gone[0]], hours[gone[-1]], color=QUIET, alpha=0.12, linewidth=0)
        drawn.axes.plot(hours, days[shown], color=INK, label="the day")
        for name, shade in looks.items():
            drawn.axes.plot(hours[gone], found[name][shown, gone], color=shade, label=name, linewidth=2)
        drawn.axes.set(xlim=(0, 24), xticks=range(0, 25, 6), xlabel="hour of the day", ylabel="GW")
        date = d.times[(TRAIN_DAYS + shown % (len(days) // TIMES)) * DAY].astype("M8[D]")
        drawn.axes.set_title(f"{date}: a third of the readings lost")
        drawn.axes.legend()
    return Section(
        "restored",
        "Days restored",
        [
            Figure(drawn.svg, "A day, and its lost readings restored.", "The day of the middling error.", wide=True),
            Table(
                ["mean absolute error [MW]", "eight hours on end lost", "16 readings here and there lost"],
                rows,
                best,
                caption=f"{len(days) // TIMES} days not learned from, each {TIMES} times; only lost readings count.",
            ),
            Text(
                [
                    "Where single readings are lost a straight line is hard to beat: the load is smooth, and both "
                    "neighbours are there. A memory of days is for what a line cannot know: a morning that is gone."
                ]
            ),
        ],
    )
