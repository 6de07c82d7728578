"""The gates of LSTM and GRU over a real day, and what each is worth: the score without it."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.dates import DateFormatter

from wattcast.features.panel import Floats
from wattcast.learn.demand import DAY, Demand, demand
from wattcast.learn.lesson import Lesson
from wattcast.learn.training import in_step, next_reading, next_reading_mae, squared_error, train
from wattcast.nets.cells import CELLS
from wattcast.nets.patterns import InStep
from wattcast.nets.probe import HELD, Ablated, gates
from wattcast.report.page import Code, Figure, Section, Table, Text
from wattcast.report.style import COLUMN, INK, NETWORK_COLOUR, QUIET, WIDE, drawing

#: The day that is drawn, counted from 1 January, and the days before it that fill the state.
SHOWN, BEFORE = 300, 14
PARTS = {
    "lstm": {"f": "what to forget", "i": "what to keep of the new", "g": "what changes the cell", "o": "what goes out"},
    "gru": {"r": "what of the past the proposal sees", "z": "what to keep of the past", "n": "the proposal"},
}
WITHOUT = {
    ("lstm", "i"): "no input gate (i = 1)",
    ("lstm", "f"): "no forget gate (f = 1)",
    ("lstm", "o"): "no output gate (o = 1)",
    ("gru", "r"): "no reset gate (r = 1)",
    ("gru", "z"): "no update gate (z = 0)",
}


def run(*, hidden: int = 8, steps: int = 800, seeds: int = 3) -> Lesson:
    """The lesson on gates.

    Args:
        hidden: units of each network.
        steps: batches of each training.
        seeds: trainings of each kind; scores are their means.
    """
    d = demand()
    trained = {kind: _trained(d, kind, hidden, steps, seeds) for kind in HELD}
    scores = {
        (kind, gate): [next_reading_mae(m, d) for m in models]
        for kind, by_gate in trained.items()
        for gate, models in by_gate.items()
    }
    seen = {kind: over_a_day(by_gate[""][0], kind, d) for kind, by_gate in trained.items()}
    facts: dict[str, Any] = {"hidden": hidden, "seeds": seeds, "day": str(d.times[SHOWN * DAY].astype("M8[D]"))}
    for (kind, gate), found in scores.items():
        name = f"mae_gw_{kind}" + (f"_without_{gate}" if gate else "")
        facts |= {name: float(np.mean(found)), f"{name}_spread": float(np.ptp(found))}
    for kind, values in seen.items():
        facts |= {f"mean_{kind}_{gate}": float(values[gate].mean()) for gate in PARTS[kind]}
        facts |= {f"swing_{kind}_{gate}": float(np.ptp(values[gate], axis=0).max()) for gate in PARTS[kind]}
    facts |= _products()
    cost = {k: 100 * (facts[f"mae_gw_{k[0]}_without_{k[1]}"] / facts[f"mae_gw_{k[0]}"] - 1) for k in WITHOUT}
    facts |= {f"cost_percent_{kind}_without_{gate}": value for (kind, gate), value in cost.items()}
    dearest = max(cost, key=lambda k: cost[k])
    headline = (
        f"Not all gates earn their keep: {WITHOUT[dearest]} costs the {dearest[0].upper()} {cost[dearest]:.0f} % of "
        "its error on the next half hour; "
        f"the cheapest to lose, {WITHOUT[min(cost, key=lambda k: cost[k])]}, {min(cost.values()):.0f} %."
    )
    sections = [_parts(facts), *(_day(kind, values, d) for kind, values in seen.items()), _ablations(facts, cost)]
    return Lesson("gates", "Gates: LSTM in four parts, GRU in three", headline, sections, facts)


def _trained(d: Demand, kind: str, hidden: int, steps: int, seeds: int) -> dict[str, list[InStep]]:
    """Networks of a kind, whole ("") and with each gate taken away, all trained in one call."""
    starts = {}
    for gate in ("", *HELD[kind]):
        for seed in range(seeds):
            model = in_step(kind, hidden)(jax.random.key(seed))
            cell = Ablated(kind, gate or None, 1, hidden, jax.random.key(seed))
            cell = eqx.tree_at(lambda c: c.weights, cell, model.stack.cells[0].weights)
            starts[gate, seed] = eqx.tree_at(lambda m: m.stack.cells, model, (cell,))
    models, _ = train(
        [*starts.values()], squared_error, next_reading(d, batch=16), steps=steps, seeds=[seed for _, seed in starts]
    )
    return {gate: models[k * seeds : (k + 1) * seeds] for k, gate in enumerate(("", *HELD[kind]))}


def over_a_day(model: InStep, kind: str, d: Demand) -> dict[str, Floats]:
    """Gates `[48, hidden]` of the first layer over the day shown, the state filled by the days before."""
    plain = CELLS[kind](1, model.stack.cells[0].hidden, jax.random.key(0))
    cell = eqx.tree_at(lambda c: c.weights, plain, model.stack.cells[0].weights)
    past = d.scaled[(SHOWN - BEFORE) * DAY : (SHOWN + 1) * DAY]
    values = gates(cell, jnp.asarray(past, jnp.float32)[:, None, None], cell.initial_state(1))
    return {name: np.asarray(v, float)[-DAY:, 0] for name, v in values.items()}


def _products() -> dict[str, float]:
    """A forget gate on two cells, as the equations have it, and as a dot product would."""
    f, c = np.array([0.9, 0.1]), np.array([2.0, 5.0])
    kept = f * c
    return {"kept_cell_1": float(kept[0]), "kept_cell_2": float(kept[1]), "dot_product": float(f @ c)}


def _parts(facts: dict[str, Any]) -> Section:
    return Section(
        "parts",
        "Four parts",
        [
            Text(
                [
                    "An Elman cell writes its whole state anew at every step. The LSTM (Hochreiter & Schmidhuber 1997; "
                    "forget gate Gers 2000) keeps a cell value c beside the output h, and four layers decide:"
                ]
            ),
            Code(
                "f = σ(x Wf + h Uf + bf)     what to forget\n"
                "i = σ(x Wi + h Ui + bi)     what to keep of the new\n"
                "g = tanh(x Wg + h Ug + bg)  what changes the cell\n"
                "o = σ(x Wo + h Uo + bo)     what goes out\n"
                "c' = f ⊙ c + i ⊙ g\n"
                "h' = o ⊙ tanh(c')"
            ),
            Text(
                [
                    "Corrected: the chapter calls the product of a gate and the cell a dot product. It is the product "
                    "element by element (⊙): every cell has a gate of its own. With f = (0.9, 0.1) and c = (2, 5) "
                    f"there is kept ({facts['kept_cell_1']:g}, {facts['kept_cell_2']:g}); a dot product would melt "
                    f"both cells into the one number {facts['dot_product']:g}."
                ]
            ),
            Text(["The GRU (Cho 2014) has no separate cell; one gate z both keeps the old and lets in the new:"]),
            Code(
                "r = σ(x Wr + h Ur + br)               what of the past the proposal sees\n"
                "z = σ(x Wz + h Uz + bz)               what to keep of the past\n"
                "n = tanh(x Wn + bn + r ⊙ (h Un + c))  the proposal\n"
                "h' = n + z ⊙ (h − n)"
            ),
        ],
    )


def _day(kind: str, values: dict[str, Floats], d: Demand) -> Section:
    at = slice(SHOWN * DAY, (SHOWN + 1) * DAY)
    times, names = d.times[at], PARTS[kind]
    with drawing((WIDE[0], 1.5 * (len(names) + 1)), rows=len(names) + 1) as drawn:
        first, *rest = drawn.figure.axes
        first.plot(times, d.load[at], color=INK)
        first.set_ylabel("load [GW]")
        for axes, (gate, about) in zip(rest, names.items(), strict=True):
            axes.plot(times, values[gate], color=QUIET, linewidth=0.7, alpha=0.6)
            axes.plot(times, values[gate].mean(axis=1), color=NETWORK_COLOUR, linewidth=2)
            axes.set_ylim((-1.05, 1.05) if gate in "gn" else (-0.03, 1.03))
            axes.set_ylabel(gate)
            axes.set_title(f"{gate}: {about}")
        rest[-1].xaxis.set_major_formatter(DateFormatter("%H:%M"))
    rows = [
        [f"{gate}: {about}", f"{values[gate].mean():.2f}", f"{values[gate].min():.2f}", f"{values[gate].max():.2f}"]
        for gate, about in names.items()
    ]
    return Section(
        kind,
        f"{kind.upper()}: its gates over a day",
        [
            Figure(
                drawn.svg,
                f"Load and every gate of the {kind.upper()} over a day.",
                f"{times[0].astype('M8[D]')}, a day not learned from. Grey: each unit; blue: their mean.",
                wide=True,
            ),
            Table(["gate", "mean", "lowest", "highest"], rows, caption="Over the units and half hours of that day."),
        ],
    )


def _ablations(facts: dict[str, Any], cost: dict[tuple[str, str], float]) -> Section:
    rows = []
    for kind in HELD:
        rows.append([f"{kind.upper()}, whole", *_score(facts, f"mae_gw_{kind}"), "–"])
        rows += [
            [
                f"{kind.upper()}, {WITHOUT[kind, gate]}",
                *_score(facts, f"mae_gw_{kind}_without_{gate}"),
                f"{value:+.0f} %",
            ]
            for (own, gate), value in cost.items()
            if own == kind
        ]
    with drawing(COLUMN) as drawn:
        names = [f"{kind.upper()}: {WITHOUT[kind, gate]}" for kind, gate in cost][::-1]
        drawn.axes.barh(names, list(cost.values())[::-1], color=NETWORK_COLOUR, height=0.6)
        drawn.axes.axvline(0, color=INK, linewidth=0.8)
        drawn.axes.set(xlabel="error added [%]", title="What each gate is worth")
    return Section(
        "ablations",
        "Each gate taken away",
        [
            Text(
                [
                    f"The next half hour, from the load alone; {facts['hidden']} units, mean of {facts['seeds']} "
                    "trainings, scored on the last 73 days. A gate that is taken away is held still from the first "
                    "batch on, and all other weights learn without it. "
                    "Costs smaller than the spread may be luck."
                ]
            ),
            Table(
                ["", "error [MW]", "spread", "cost"], rows, caption="Spread: largest less smallest of the trainings."
            ),
            Figure(drawn.svg, "Error added by taking each gate away."),
        ],
    )


def _score(facts: dict[str, Any], name: str) -> list[str]:
    return [f"{1000 * facts[name]:.1f}", f"{1000 * facts[name + '_spread']:.1f}"]
