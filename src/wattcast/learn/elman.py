"""The Elman cell: three steps worked by hand with one hidden unit, then what units buy on a year of demand."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from wattcast.evaluate import NETWORK
from wattcast.features.panel import Floats
from wattcast.kernels.reference import ElmanState, Weights, elman_step
from wattcast.learn.demand import DAY, Demand, demand
from wattcast.learn.lesson import Lesson
from wattcast.learn.training import in_step, next_reading, next_reading_mae, squared_error, train
from wattcast.report.page import Code, Figure, Section, Table, Text
from wattcast.report.style import COLUMN, colour, drawing

#: Weights and inputs of the example on paper.
W, U, B, INPUTS = 0.5, 0.8, 0.1, (1.0, 0.0, -1.0)
#: Recurrent weights whose memory is drawn, and the steps it is followed over.
MEMORIES, FOLLOWED = (0.5, 0.8, 0.95), 48


def run(*, hidden: Sequence[int] = (1, 2, 4, 16), steps: int = 400, seed: int = 0) -> Lesson:
    """The lesson on Elman's cell.

    Args:
        hidden: sizes that are trained to forecast the next half hour.
        steps: batches of each training.
        seed: starts and batches follow from it.
    """
    d = demand()
    on_paper = by_hand()
    package = _by_package()
    kept = {u: remembered(u) for u in MEMORIES}
    errors = {h: _trained(d, h, steps, seed) for h in hidden}
    rules = {"persistence": _rule(d, 1), "seasonal_naive_day": _rule(d, DAY)}
    facts = {
        **{f"h{k + 1}": float(h) for k, h in enumerate(on_paper)},
        "package_difference": float(np.abs(on_paper - package).max()),
        **{f"remembered_after_10_steps_u_{u}": float(kept[u][10]) for u in MEMORIES},
        **{f"mae_gw_hidden_{h}": e for h, e in errors.items()},
        **{f"mae_gw_{name}": e for name, e in rules.items()},
    }
    best = min(errors, key=lambda h: errors[h])
    headline = (
        f"One number carried along is a memory already: with {best} hidden units the next half hour is missed by "
        f"{1000 * errors[best]:.0f} MW, by {1000 * rules['persistence']:.0f} MW when the last reading is repeated."
    )
    sections = [_paper(on_paper, facts), _memory(kept), _data(errors, rules, steps)]
    return Lesson("elman", "The Elman cell", headline, sections, facts)


def by_hand() -> Floats:
    """The hidden value after each of `INPUTS`, as on paper: multiply, add, tanh."""
    h, hs = 0.0, []
    for x in INPUTS:
        h = np.tanh(W * x + U * h + B)
        hs.append(h)
    return np.array(hs)


def _by_package() -> Floats:
    weights = Weights(jnp.full((1, 1), W), jnp.full((1, 1), U), jnp.full(1, B), jnp.zeros(0))
    state, hs = ElmanState(jnp.zeros(1)), []
    for x in INPUTS:
        state = elman_step(weights, jnp.full(1, x), state)
        hs.append(float(state.h[0]))
    return np.array(hs)


def remembered(u: float) -> Floats:
    """What is left in one unit of a push of 0.5, step by step, when nothing else comes: h' = tanh(u h)."""
    h = [0.5]
    for _ in range(FOLLOWED):
        h.append(float(np.tanh(u * h[-1])))
    return np.array(h)


def _trained(d: Demand, hidden: int, steps: int, seed: int) -> float:
    (model,), _ = train(
        [in_step("elman", hidden)(jax.random.key(seed))], squared_error, next_reading(d), steps=steps, seeds=seed
    )
    return next_reading_mae(model, d)


def _rule(d: Demand, back: int) -> float:
    return float(np.abs(d.load[d.split :] - d.load[d.split - back : -back]).mean())


def _paper(hs: Floats, facts: dict[str, float]) -> Section:
    before = [0.0, *hs[:-1]]
    rows = [
        [str(t + 1), f"{x:g}", f"{W * x:.4f}", f"{U * h:.4f}", f"{B:g}", f"{W * x + U * h + B:.4f}", f"{after:.6f}"]
        for t, (x, h, after) in enumerate(zip(INPUTS, before, hs, strict=True))
    ]
    head = ["step", "x", f"{W:g} · x", f"{U:g} · h", "b", "sum", "h' = tanh(sum)"]
    return Section(
        "paper",
        "On paper, with one hidden unit",
        [
            Text(["Elman (1990) gives a layer its own last output as a second input. That is the whole idea:"]),
            Code("h' = tanh(x W + h U + b)"),
            Text([f"With W = {W:g}, U = {U:g}, b = {B:g}, inputs 1, 0, -1 and a state of 0 before the first:"]),
            Table(head, rows),
            Text(
                [
                    "At step 2 the input is 0, and yet the unit says something: it is what is left of step 1. "
                    f"wattcast's own cell gives the same numbers to {facts['package_difference']:.0e} (32-bit)."
                ]
            ),
        ],
    )


def _memory(kept: dict[float, Floats]) -> Section:
    with drawing(COLUMN) as drawn:
        for (u, h), name in zip(kept.items(), ("ridge", "slot_mean", NETWORK), strict=True):
            drawn.axes.plot(np.arange(len(h)), h, color=colour(name), label=f"U = {u:g}")
        drawn.axes.set(xlabel="steps since the push", ylabel="left in the unit", ylim=(0, 0.55))
        drawn.axes.set_title("A push of 0.5, forgotten")
        drawn.axes.legend()
    said = ", ".join(f"{h[10]:.3f} at U = {u:g}" for u, h in kept.items())
    return Section(
        "memory",
        "How long it remembers",
        [
            Text(
                [
                    f"The recurrent weight sets the memory. Ten steps after a push of 0.5 there is left: {said}. Above "
                    "1 the unit never lets go, and its gradient grows: `wattcast learn gradients`."
                ],
                beside=True,
            ),
            Figure(drawn.svg, "What is left of a push in one unit, by recurrent weight."),
        ],
    )


def _data(errors: dict[int, float], rules: dict[str, float], steps: int) -> Section:
    names = {"persistence": "the last reading again", "seasonal_naive_day": "the same half hour yesterday"}
    rows = [[f"Elman, {h} hidden", f"{1000 * e:.1f}"] for h, e in errors.items()]
    rows += [[names[name], f"{1000 * e:.1f}"] for name, e in rules.items()]
    best = min(range(len(rows)), key=lambda r: float(rows[r][1]))
    return Section(
        "data",
        "On a year of demand",
        [
            Text(
                [
                    "Victoria 2014, half-hourly. The network sees the load alone, one reading a step, and says by how "
                    f"much the next one differs; {steps} batches of 32 three-day sequences from the first 292 days, "
                    "scored on the last 73 in one pass with one state. No clock is given: the time of day has to come "
                    "out of the state."
                ]
            ),
            Table(
                ["next half hour", "mean absolute error [MW]"],
                rows,
                frozenset({(best, 1)}),
                caption="More units hold more of the day's course.",
            ),
        ],
    )
