"""Back-propagation through time as a plain loop, checked against JAX; what cutting it short costs and saves."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from wattcast.features.panel import Floats, Panel
from wattcast.features.view import View
from wattcast.kernels import reference
from wattcast.learn.demand import DAY, Demand, demand
from wattcast.learn.lesson import Lesson
from wattcast.learn.training import in_step, next_reading, squared_error, train
from wattcast.nets.cells import CELLS
from wattcast.nets.forecaster import NetworkSettings
from wattcast.nets.patterns import InStep
from wattcast.nets.truncated import truncated_gradient
from wattcast.report.page import Code, Figure, Section, Table, Text
from wattcast.report.style import COLOURS, COLUMN, drawing
from wattcast.train import TrainSettings, fit

#: Steps and hidden units of the plain loop, its step size, and the error it is to reach.
LENGTH, HIDDEN, RATE, EPSILON = 2 * DAY, 8, 0.05, 0.02
#: Passes after which the plain loop gives up.
MOST = 2000
#: Half hours a truncated gradient reaches back, of a sequence of four weeks; the last is all of it.
CHUNKS = (6, 24, 96, 336, 28 * DAY)


class Plain(NamedTuple):
    """Weights of an Elman cell with one input and a linear readout, as arrays of 64 bits."""

    w: Any  # [hidden], of the input
    u: Any  # [hidden, hidden], of the state before
    b: Any  # [hidden]
    v: Any  # [hidden], of the readout
    a: Any  # [], its bias


def run(*, steps: int = 150, epochs: int = 3, cells: Sequence[str] = ("elman", "lstm")) -> Lesson:
    """The lesson on back-propagation through time.

    Args:
        steps: batches that train the networks whose gradient is cut short.
        epochs: of the forecasters trained with and without a carried state; 0 leaves that out.
        cells: whose gradient is cut short.
    """
    d = demand()
    p, xs, ys = start(), d.scaled[:LENGTH], d.scaled[1 : LENGTH + 1]
    difference = _difference(gradient(p, xs, ys)[1], by_jax(p, xs, ys))
    printed, _ = descend(p, xs, ys, lambda error: error < EPSILON)
    corrected, reached = descend(p, xs, ys, lambda error: error > EPSILON)
    cut = {cell: truncated(d, cell, steps) for cell in cells}
    carried = {name: _forecaster(d, stateful, epochs) for name, stateful in _TRAININGS.items()} if epochs else {}
    facts: dict[str, Any] = {
        "numpy_against_jax_relative": difference,
        "passes_while_error_below_epsilon": printed,
        "passes_while_error_above_epsilon": corrected,
        "error_reached": reached,
    }
    for cell, rows in cut.items():
        for chunk, row in rows.items():
            facts |= {f"{what}_{cell}_chunk_{chunk}": value for what, value in row.items()}
    for name, row in carried.items():
        facts |= {f"{what}_{name}": value for what, value in row.items()}
    day = cut[cells[0]][96]
    headline = (
        f"The loop in NumPy and JAX agree to {difference:.0e}; a gradient cut after two days is off by "
        f"{100 * day['relative_error']:.1f} % ({cells[0].upper()}) and needs "
        f"{cut[cells[0]][CHUNKS[-1]]['memory_mb'] / day['memory_mb']:.0f} times less memory than one over four weeks."
    )
    sections = [_loop(facts), _cut(cut)] + ([_carried(carried)] if carried else [])
    return Lesson("bptt", "Back-propagation through time", headline, sections, facts)


def start(seed: int = 0) -> Plain:
    """Small random weights."""
    rng = np.random.default_rng(seed)
    w, u, v = rng.normal(0, 0.5, HIDDEN), rng.normal(0, 0.8 / np.sqrt(HIDDEN), (HIDDEN, HIDDEN)), rng.normal(0, 0.3, 8)
    return Plain(w, u, np.zeros(HIDDEN), v, np.zeros(()))


def gradient(p: Plain, xs: Floats, ys: Floats) -> tuple[float, Plain]:
    """Mean squared error over a sequence and its gradient, by back-propagation through time.

    Args:
        p: the weights.
        xs: inputs `[time]`.
        ys: what is wanted after each `[time]`.
    """
    # Forward: the states are kept, for they are needed on the way back.
    hs = [np.zeros(len(p.b))]
    for x in xs:
        hs.append(np.tanh(x * p.w + hs[-1] @ p.u + p.b))
    said = np.array([h @ p.v + p.a for h in hs[1:]])

    # Back: dh is the gradient of all errors from step t on, with respect to the state after step t.
    g = Plain(*(np.zeros_like(leaf) for leaf in p))
    dh = np.zeros(len(p.b))
    for t in reversed(range(len(xs))):
        error = 2 * (said[t] - ys[t]) / len(xs)
        g.v[...] += error * hs[t + 1]
        g.a[...] += error
        dh = dh + error * p.v  # from this step's output, added to what the later steps sent back
        ds = dh * (1 - hs[t + 1] ** 2)  # through tanh
        g.w[...] += xs[t] * ds
        g.u[...] += np.outer(hs[t], ds)  # the same weights at every step: their gradients add up
        g.b[...] += ds
        dh = p.u @ ds  # one step further into the past
    return float(np.mean((said - ys) ** 2)), g


def by_jax(p: Plain, xs: Floats, ys: Floats) -> Plain:
    """The same gradient by JAX, through wattcast's own Elman scan, in 64 bits."""

    def loss(p: Plain, xs: Any, ys: Any) -> Any:
        weights = reference.Weights(p.w[None], p.u, p.b, jnp.zeros(0))
        zeros = reference.ElmanState(jnp.zeros((1, HIDDEN)))
        hs, _ = reference.scan(reference.elman_step, weights, xs[:, None, None], zeros)
        return jnp.mean(jnp.square(hs[:, 0] @ p.v + p.a - ys))

    with jax.enable_x64(True):
        found = jax.jit(jax.grad(loss))(Plain(*map(jnp.asarray, p)), jnp.asarray(xs), jnp.asarray(ys))
        return Plain(*(np.asarray(leaf) for leaf in found))


def _difference(one: Plain, other: Plain) -> float:
    """Largest difference of two gradients, relative to the largest entry."""
    gaps = [np.abs(a - b).max() for a, b in zip(one, other, strict=True)]
    return float(max(gaps) / max(np.abs(leaf).max() for leaf in other))


def descend(p: Plain, xs: Floats, ys: Floats, going: Callable[[float], bool]) -> tuple[int, float]:
    """Passes of gradient descent while `going(error)`, at most `MOST`, and the error then."""
    passes, (error, g) = 0, gradient(p, xs, ys)
    while going(error) and passes < MOST:
        p = Plain(*(leaf - RATE * slope for leaf, slope in zip(p, g, strict=True)))
        passes, (error, g) = passes + 1, gradient(p, xs, ys)
    return passes, error


def truncated(d: Demand, cell: str, steps: int) -> dict[int, dict[str, float]]:
    """Bias, time and memory of the gradient by the length of its chunks."""
    (model,), _ = train([in_step(cell, 16)(jax.random.key(0))], squared_error, next_reading(d), steps=steps)
    starts = np.linspace(0, d.split - CHUNKS[-1] - 1, 8).astype(int)
    series = jnp.asarray(np.stack([d.scaled[s : s + CHUNKS[-1] + 1] for s in starts], 1)[..., None], jnp.float32)
    xs, ys = series[:-1], series[1:] - series[:-1]
    found = {chunk: _measured(model, xs, ys, chunk) for chunk in CHUNKS}
    full = found[CHUNKS[-1]][0]
    rows = {}
    for chunk, (g, seconds, memory) in found.items():
        cosine = g @ full / np.linalg.norm(g) / np.linalg.norm(full)
        rows[chunk] = {
            "relative_error": float(np.linalg.norm(g - full) / np.linalg.norm(full)),
            "angle_degrees": float(np.degrees(np.arccos(min(1.0, cosine)))),
            "seconds": seconds,
            "memory_mb": memory,
        }
    return rows


def _measured(model: InStep, xs: Any, ys: Any, chunk: int) -> tuple[Floats, float, float]:
    """Gradient as one vector, its time (the best of five), and the memory it needs beside its arguments [MB]."""
    params, static = eqx.partition(model, eqx.is_inexact_array)
    step = jax.jit(lambda p: truncated_gradient(eqx.combine(p, static), xs, ys, chunk)[1]).lower(params).compile()
    times = []
    for _ in range(5):
        began = time.perf_counter()
        grads = jax.block_until_ready(step(params))
        times.append(time.perf_counter() - began)
    leaves = [np.asarray(leaf, float).ravel() for leaf in jax.tree.leaves(grads)]
    memory: Any = step.memory_analysis()
    return np.concatenate(leaves), min(times), memory.temp_size_in_bytes / 1e6


_TRAININGS = {"from_zeros": False, "carried": True}


def _forecaster(d: Demand, stateful: bool, epochs: int) -> dict[str, float]:
    """The package's own training on the year, an hour ahead, with or without the state carried."""
    load = d.load[:, None]
    start = datetime(2014, 1, 1, tzinfo=UTC)
    panel = Panel(("victoria",), start, timedelta(minutes=30), "UTC", load, np.zeros((*load.shape, 0)), ())
    settings = TrainSettings(epochs=epochs, final=False, stateful=stateful)
    history = fit(View(panel, len(load), 0), NetworkSettings(horizon=2), settings).about["history"]
    best = min(history, key=lambda epoch: epoch["val_loss"])
    later = [epoch["seconds"] for epoch in history[1:]] or [history[0]["seconds"]]
    return {"val_loss": best["val_loss"], "skill": best["skill"], "epoch_seconds": float(np.median(later))}


def _loop(facts: dict[str, Any]) -> Section:
    return Section(
        "loop",
        "The loop",
        [
            Text(
                [
                    "Unrolled in time, a recurrent network is a deep one whose layers share their weights: errors are "
                    "sent back step by step, and what each step says of the weights is added up. As it stands in "
                    "wattcast/learn/bptt.py:"
                ]
            ),
            Code(
                "for t in reversed(range(T)):\n"
                "    error = 2 * (said[t] - y[t]) / T\n"
                "    dv += error * h[t + 1];  da += error\n"
                "    dh  = dh + error * v              # this step's output, and what later steps sent back\n"
                "    ds  = dh * (1 - h[t + 1] ** 2)    # through tanh\n"
                "    dw += x[t] * ds;  dU += outer(h[t], ds);  db += ds\n"
                "    dh  = U @ ds                      # one step further into the past"
            ),
            Text(
                [
                    f"On {LENGTH} half hours of demand and {HIDDEN} units it differs from JAX's gradient by "
                    f"{facts['numpy_against_jax_relative']:.0e} of its largest entry (64-bit)."
                ]
            ),
            Text(
                [
                    "Corrected: the chapter's loop runs `while error < ε`, as long as the error is small. It has to "
                    f"run while the error is large. With ε = {EPSILON} the loop as printed makes "
                    f"{facts['passes_while_error_below_epsilon']} passes and learns nothing; turned round it makes "
                    f"{facts['passes_while_error_above_epsilon']} and ends at {facts['error_reached']:.4f}. A limit on "
                    f"the passes ({MOST}) belongs there too: not every ε can be reached."
                ]
            ),
        ],
    )


def _cut(cut: dict[str, dict[int, dict[str, float]]]) -> Section:
    rows = [
        [
            f"{cell.upper()}, {chunk} steps",
            f"{100 * row['relative_error']:.2f} %",
            f"{row['angle_degrees']:.2f}°",
            f"{1000 * row['seconds']:.1f} ms",
            f"{row['memory_mb']:.1f} MB",
        ]
        for cell, found in cut.items()
        for chunk, row in found.items()
    ]
    with drawing(COLUMN) as drawn:
        for cell, shade in zip(CELLS, (COLOURS["ridge"], COLOURS["slot_mean"], COLOURS["wattcast"]), strict=True):
            if cell in cut:
                errors = [100 * cut[cell][chunk]["relative_error"] for chunk in CHUNKS[:-1]]
                drawn.axes.plot(CHUNKS[:-1], errors, "o-", color=shade, label=cell.upper())
        drawn.axes.set(xscale="log", yscale="log", xlabel="half hours a gradient reaches back", ylabel="error [%]")
        drawn.axes.set_title("Bias of the truncated gradient")
        drawn.axes.legend()
    return Section(
        "truncated",
        "Cut short",
        [
            Text(
                [
                    "Over years of readings the way back is too long. Truncated BPTT cuts the sequence into chunks: "
                    "the state runs on from one to the next, the gradient stops at their edges. Its price is a bias: "
                    "what a reading does beyond the edge is not learned from. Its gain is memory, as only one chunk's "
                    "states are kept; and where chunks update the weights as they come, many more updates."
                ]
            ),
            Table(
                ["gradient over four weeks", "error", "angle", "time", "memory"],
                rows,
                caption="8 sequences, 16 units, half trained; against the gradient over all 1,344 steps.",
            ),
            Figure(drawn.svg, "Relative error of the truncated gradient by chunk length."),
        ],
    )


def _carried(carried: dict[str, dict[str, float]]) -> Section:
    names = {"from_zeros": "each sequence from zeros, a quarter to warm up", "carried": "state carried (stateful)"}
    rows = [
        [names[k], f"{r['val_loss']:.5f}", f"{100 * r['skill']:.1f} %", f"{r['epoch_seconds']:.2f} s"]
        for k, r in carried.items()
    ]
    return Section(
        "stateful",
        "As an option of the package",
        [
            Text(["`TrainSettings(stateful=True)`, or `stateful = true` under [train], trains any network like that:"]),
            Table(
                ["an hour ahead", "validation loss", "skill against its base", "an epoch"],
                rows,
                caption="The package's own network on the year; validated on the last 15 %.",
            ),
        ],
    )
