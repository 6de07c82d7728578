"""What a recurrent network is: sequence in, sequence out, a state between; drawn from the sizes of a real one."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from wattcast.features.panel import Floats
from wattcast.learn.demand import DAY, Demand, demand
from wattcast.learn.lesson import Lesson
from wattcast.learn.training import in_step, next_reading, next_reading_mae, squared_error, train
from wattcast.nets.patterns import InStep
from wattcast.report.page import Code, Figure, Section, Table, Text
from wattcast.report.style import COLUMN, INK, NETWORK_COLOUR, QUIET, WIDE, drawing

#: Steps that are drawn, and the day whose states are.
DRAWN, SHOWN = 5, 300
#: Half hours back at which one reading is changed.
BACK = (0, 1, 4, 12, 24, 48, 96)


def run(*, hidden: int = 16, steps: int = 300, seed: int = 0) -> Lesson:
    """The lesson on unrolling in time.

    Args:
        hidden: units of the Elman network.
        steps: batches it is trained for.
        seed: its start and batches follow from it.
    """
    d = demand()
    (model,), _ = train(
        [in_step("elman", hidden)(jax.random.key(seed))], squared_error, next_reading(d), steps=steps, seeds=seed
    )
    xs = jnp.asarray(d.scaled[(SHOWN - 7) * DAY : (SHOWN + 1) * DAY], jnp.float32)[:, None, None]
    hs, _ = model.stack.scan(xs, model.stack.initial_state(1))
    effects = {back: pushed(model, xs, back) for back in BACK}
    sizes = {name: leaf.shape for name, leaf in _arrays(model).items()}
    counts = {name: int(np.prod(shape)) for name, shape in sizes.items()}
    facts: dict[str, Any] = {
        "inputs": 1,
        "hidden": hidden,
        "outputs": 1,
        "parameters": sum(counts.values()),
        "multiplications_a_step": sum(counts[name] for name in ("W", "U", "V")),
        "step_by_step_difference": stepwise(model, xs),
        "mae_gw": next_reading_mae(model, d),
        **{f"parameters_{name}": count for name, count in counts.items()},
        **{f"effect_of_a_push_{back}_steps_back_mw": 1000 * d.std * value for back, value in effects.items()},
    }
    headline = (
        f"One network of {facts['parameters']} weights reads a sequence of any length: what it has seen is in "
        f"{hidden} numbers, and a reading changed half a day ago still moves the forecast by "
        f"{facts['effect_of_a_push_24_steps_back_mw']:.0f} MW."
    )
    sections = [_network(model, sizes, facts), _states(np.asarray(hs, float)[-DAY:, 0], d), _past(effects, d)]
    return Lesson("unroll", "A recurrent network, unrolled in time", headline, sections, facts)


def _arrays(model: InStep) -> dict[str, Any]:
    weights = model.stack.cells[0].weights
    return {"W": weights.w, "U": weights.u, "b": weights.b, "V": model.dense.w, "c": model.dense.b}


def stepwise(model: InStep, xs: jax.Array) -> float:
    """Largest difference between the outputs of a whole sequence and of one step after the other."""
    whole, states = model.stack.scan(xs, model.stack.initial_state(1))[0], model.stack.initial_state(1)
    step = eqx.filter_jit(model.stack.step)
    worst = 0.0
    for x, expected in zip(np.asarray(xs), np.asarray(whole), strict=True):
        h, states = step(x, states)
        worst = max(worst, float(np.abs(h - expected).max()))
    return worst


def pushed(model: InStep, xs: jax.Array, back: int) -> float:
    """How much the last output moves when the reading `back` steps before is one spread higher."""
    return float(jnp.abs(model(xs.at[-1 - back].add(1.0)) - model(xs))[-1, 0, 0])


def draw_folded(axes: Axes, model: InStep) -> None:
    """Input, state with its loop, output; with the sizes the model has."""
    shapes = {name: leaf.shape for name, leaf in _arrays(model).items()}
    _column(axes, 0.0, "x", "h", "y", shapes)
    axes.annotate(
        "", (0.42, 1.12), (0.42, 0.88), arrowprops={"arrowstyle": "->", "color": NETWORK_COLOUR, "linewidth": 1.6,
        "connectionstyle": "arc3,rad=2.2"},
    )  # fmt: skip
    axes.text(0.95, 1.0, _size("U", shapes), color=NETWORK_COLOUR, va="center")
    axes.set(xlim=(-0.8, 2.0), ylim=(-0.5, 2.5))


def draw_unrolled(axes: Axes, model: InStep, steps: int) -> None:
    """The same network at each of `steps` moments, its state handed on."""
    shapes = {name: leaf.shape for name, leaf in _arrays(model).items()}
    for t in range(steps):
        _column(axes, 2.0 * t, f"x[{t}]", f"h[{t}]", f"y[{t}]", shapes, named=t == 0)
        if t:
            _arrow(axes, (2.0 * t - 1.56, 1.0), (2.0 * t - 0.44, 1.0), NETWORK_COLOUR)
            axes.text(2.0 * t - 1.0, 1.1, "U", color=NETWORK_COLOUR, ha="center")
    axes.text(2.0 * steps - 1.2, 1.0, "…", va="center", fontsize=16)
    axes.set(xlim=(-0.9, 2.0 * steps - 0.8), ylim=(-0.5, 2.5))


def _column(axes: Axes, at: float, x: str, h: str, y: str, shapes: dict[str, Any], *, named: bool = True) -> None:
    """One moment: input below, state in the middle, output above, with the weights between."""
    hidden = shapes["U"][0]
    for height, text, size, shade in (
        (0.0, x, shapes["W"][0], QUIET),
        (1.0, h, hidden, NETWORK_COLOUR),
        (2.0, y, shapes["V"][1], INK),
    ):
        box = FancyBboxPatch(
            (at - 0.36, height - 0.24), 0.72, 0.48, boxstyle="round,pad=0.06", facecolor="white", edgecolor=shade
        )
        axes.add_patch(box)
        axes.text(at, height, f"{text}\n{size}", ha="center", va="center", color=shade, fontsize=8.5)
    for low, name in ((0.0, "W"), (1.0, "V")):
        _arrow(axes, (at, low + 0.31), (at, low + 0.69), QUIET)
        axes.text(at - 0.08, low + 0.5, _size(name, shapes) if named else name, ha="right", va="center", fontsize=8)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], shade: str) -> None:
    axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": shade, "linewidth": 1.3})


def _size(name: str, shapes: dict[str, Any]) -> str:
    return f"{name} {'×'.join(map(str, shapes[name]))}"


def _network(model: InStep, sizes: dict[str, tuple[int, ...]], facts: dict[str, Any]) -> Section:
    with drawing((COLUMN[0], 3.4)) as folded:
        draw_folded(folded.axes, model)
        folded.axes.axis("off")
    with drawing((WIDE[0], 3.4)) as unrolled:
        draw_unrolled(unrolled.axes, model, DRAWN)
        unrolled.axes.axis("off")
    rows = [[name, "×".join(map(str, shape)), str(facts[f"parameters_{name}"])] for name, shape in sizes.items()]
    return Section(
        "network",
        "The network, folded and unrolled",
        [
            Text(
                [
                    "A recurrent network reads a sequence one step at a time. Beside each input it gets its own state "
                    "of the step before; beside each output it hands a new state on:"
                ]
            ),
            Code("h[t] = tanh(x[t] W + h[t−1] U + b)\ny[t] = h[t] V + c"),
            Figure(folded.svg, "The network with its loop.", "Folded: the state comes back. Numbers are sizes."),
            Text(
                [
                    "Unrolled, every moment has its own column, and all columns are the same network: W, U, V are "
                    f"there once. So {facts['parameters']} weights serve a sequence of any length, and a step costs "
                    f"{facts['multiplications_a_step']} multiplications, however much lies before it."
                ],
                beside=True,
            ),
            Figure(unrolled.svg, "The network unrolled over five steps.", "Unrolled in time.", wide=True),
            Table(["weights", "size", "numbers"], rows),
            Text(
                [
                    "A sequence at once and step after step give the same: they differ by "
                    f"{facts['step_by_step_difference']:.0e} at most (384 half hours, 32-bit). That is why a forecast "
                    "can go on from a kept state when one new reading comes."
                ]
            ),
        ],
    )


def _states(hs: Floats, d: Demand) -> Section:
    at = slice(SHOWN * DAY, (SHOWN + 1) * DAY)
    hours = np.arange(DAY) / 2
    with drawing((WIDE[0], 4.4), rows=2) as drawn:
        first, second = drawn.figure.axes
        first.plot(hours, d.load[at], color=INK)
        first.set_ylabel("load [GW]")
        box = (0.0, 24.0, float(hs.shape[1]), 0.0)
        second.imshow(hs.T, aspect="auto", cmap="RdBu_r", vmin=-1, vmax=1, extent=box, interpolation="none")
        second.set(xlim=(0, 24), xticks=range(0, 25, 4), xlabel="hour of the day", ylabel="unit")
        second.grid(False)
    day = d.times[SHOWN * DAY].astype("M8[D]")
    return Section(
        "state",
        "The state over a day",
        [
            Figure(drawn.svg, "Load and the state of every unit over a day.",
                   f"{day}, not learned from: each row a unit, red 1, blue -1.", wide=True),
            Text(
                [
                    "The network is told nothing but the load. Units that rise at one hour and fall at another have "
                    "made themselves a clock out of it."
                ]
            ),
        ],
    )  # fmt: skip


def _past(effects: dict[int, float], d: Demand) -> Section:
    rows = [[f"{back / 2:g} h", f"{1000 * d.std * value:.1f}"] for back, value in effects.items()]
    return Section(
        "past",
        "The past is in the state",
        [
            Text(
                [
                    f"One reading is made {1000 * d.std:.0f} MW (one spread) higher; how much does the forecast of the "
                    "change at the end of the day move? Without a state it would be nothing for all but the last."
                ]
            ),
            Table(["reading changed, before the end", "forecast moves by [MW]"], rows),
        ],
    )
