"""How far back a gradient reaches: measured step by step, for each cell, and what changes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, PRNGKeyArray

from wattcast.features.panel import Floats
from wattcast.learn.demand import Demand, demand
from wattcast.learn.lesson import Lesson
from wattcast.learn.training import in_step, next_reading, squared_error, train
from wattcast.nets.cells import Elman
from wattcast.nets.patterns import InStep
from wattcast.nets.probe import gradient_flow, reach, spectral_radius
from wattcast.report.page import Code, Figure, Section, Table, Text
from wattcast.report.style import COLOURS, COLUMN, QUIET, drawing

#: Steps a gradient is followed back, distances that are told, and the share below which nothing is learned.
FOLLOWED, DISTANCES, LEAST = 200, (1, 10, 50, 100), 1e-3
HIDDEN, BATCH, SEQUENCES = 24, 32, 8  # gradients are followed along so many sequences
#: Mean squared error of the adding problem below which it counts as learned; saying 1 always gives 0.167.
LEARNED = 0.02
CELLS: dict[str, tuple[str, float | None]] = {
    "elman": ("elman", None),
    "gru": ("gru", None),
    "lstm": ("lstm", None),
    "lstm_bias_3": ("lstm", 3.0),
}
NAMES = {"elman": "Elman", "gru": "GRU", "lstm": "LSTM, forget bias 1", "lstm_bias_3": "LSTM, forget bias 3"}
SHADES = dict(
    zip(CELLS, (COLOURS["ridge"], COLOURS["slot_mean"], COLOURS["wattcast"], COLOURS["lightgbm"]), strict=True)
)
RADII, BIASES = (0.5, 0.9, 1.0, 1.1, 1.5), (0.0, 1.0, 3.0, 5.0)

_flow = eqx.filter_jit(gradient_flow)


def run(*, lags: Sequence[int] = (20, 50), steps: int = 800, seed: int = 0) -> Lesson:
    """The lesson on exploding and vanishing gradients.

    Args:
        lags: lengths of the adding problem each cell is trained on.
        steps: batches of each of these trainings.
        seed: starts, sequences and batches follow from it.
    """
    d = demand()
    sequences = {
        "load": _load(d),
        "adding": adding(FOLLOWED + 1)(_key(seed))[0],
        "copy": copying(FOLLOWED + 1, _key(seed)),
    }
    flows = {
        (where, name): _followed(_starting(name, xs.shape[-1])(_key(seed)), xs)
        for where, xs in sequences.items()
        for name in CELLS
    }
    errors = {}
    for lag in lags:
        for name, (model, losses) in _trained(2, adding_error, adding(lag), steps, seed).items():
            errors[name, lag] = float(losses[-50:].mean())
            flows["trained", name] = _followed(model, sequences["adding"])  # of the longest lag
    for name, (model, _) in _trained(1, squared_error, next_reading(d), 150, seed).items():
        flows["load_trained", name] = _followed(model, sequences["load"])
    solved = {name: max((lag for lag in lags if errors[name, lag] < LEARNED), default=0) for name in CELLS}
    radii, biases, clipped = by_radius(sequences["load"]), by_bias(sequences["load"]), clipping(d)
    facts: dict[str, Any] = {"least": LEAST, "hidden": HIDDEN}
    for (where, name), flow in flows.items():
        facts |= {f"flow_{where}_{name}_{k}": float(flow[k]) for k in (*DISTANCES, FOLLOWED)}
        facts[f"reach_{where}_{name}"] = reach(jnp.asarray(flow), LEAST)
    facts |= {f"adding_mse_{name}_lag_{lag}": e for (name, lag), e in errors.items()}
    facts |= {f"adding_learned_to_lag_{name}": lag for name, lag in solved.items()}
    facts |= {f"flow_radius_{r}_{k}_100": v for r, row in radii.items() for k, v in row.items()}
    facts |= {f"flow_forget_bias_{b:g}_100": v for b, v in biases.items()}
    facts |= {f"clipping_{k}": v for k, v in clipped.items()}
    before = {name: facts[f"flow_load_{name}_100"] for name in CELLS}
    headline = (
        "It is the start that decides how far back an untrained cell learns: 100 half hours back the gradient is "
        f"{before['lstm_bias_3']:.0e} for an LSTM with forget bias 3, {before['lstm']:.0e} with 1, "
        f"{before['elman']:.0e} for an orthogonal Elman cell, {before['gru']:.0e} for a GRU."
    )
    sections = [_measure(flows, facts), _adding(errors, solved, lags), _changes(radii, biases, clipped)]
    return Lesson("gradients", "Gradients that vanish and explode", headline, sections, facts)


def _key(seed: int) -> PRNGKeyArray:
    return jax.random.key(seed)


def _starting(name: str, inputs: int) -> Callable[[PRNGKeyArray], InStep]:
    cell, bias = CELLS[name]
    start = in_step(cell, HIDDEN, inputs=inputs)
    return start if bias is None else lambda key: _with_bias(start(key), bias)


def _trained(
    inputs: int, loss: Callable[..., Array], sample: Callable[[PRNGKeyArray], Any], steps: int, seed: int
) -> dict[str, tuple[InStep, Floats]]:
    """Every cell after the same batches, and its losses; cells that differ in a bias alone are trained in one call."""
    found: dict[str, tuple[InStep, Floats]] = {}
    for kind in dict.fromkeys(kind for kind, _ in CELLS.values()):
        names = [name for name, (own, _) in CELLS.items() if own == kind]
        starts = [_starting(name, inputs)(_key(seed)) for name in names]
        found |= dict(zip(names, zip(*train(starts, loss, sample, steps=steps, seeds=seed), strict=True), strict=True))
    return found


def _with_bias(model: InStep, bias: float) -> InStep:
    """An LSTM whose forget gate starts with another bias."""
    b = model.stack.cells[0].weights.b
    return eqx.tree_at(lambda m: m.stack.cells[0].weights.b, model, b.at[HIDDEN : 2 * HIDDEN].set(bias))


def _load(d: Demand) -> Array:
    starts = np.linspace(0, d.split - FOLLOWED - 1, SEQUENCES).astype(int)
    return jnp.asarray(np.stack([d.scaled[s : s + FOLLOWED + 1] for s in starts], 1)[..., None], jnp.float32)


def adding(time: int) -> Callable[[PRNGKeyArray], tuple[Array, Array]]:
    """Hochreiter & Schmidhuber's problem: numbers `[time, batch]`, two of them marked; their sum is asked at the end.

    One mark lies in the first tenth, the other in the first half.
    """

    def sample(key: PRNGKeyArray) -> tuple[Array, Array]:
        k_value, k_first, k_second = jax.random.split(key, 3)
        value = jax.random.uniform(k_value, (time, BATCH))
        first = jax.random.randint(k_first, (BATCH,), 0, time // 10)
        second = jax.random.randint(k_second, (BATCH,), time // 10, time // 2)
        marks = (jax.nn.one_hot(first, time) + jax.nn.one_hot(second, time)).T
        return jnp.stack([value, marks], -1), jnp.sum(value * marks, 0)

    return sample


def adding_error(model: InStep, batch: tuple[Array, Array]) -> Array:
    """Mean squared error of the last output."""
    x, y = batch
    return jnp.mean(jnp.square(model(x)[-1, :, 0] - y))


def copying(time: int, key: PRNGKeyArray) -> Array:
    """Inputs `[time, batch, 10]` of the copy problem: ten symbols of eight, then blanks, then the sign to repeat."""
    symbols = jnp.full((time, BATCH), 8).at[:10].set(jax.random.randint(key, (10, BATCH), 0, 8)).at[-1].set(9)
    return jax.nn.one_hot(symbols, 10)


def _followed(model: InStep, xs: Array) -> Floats:
    return np.asarray(_flow(model.stack.cells[0], xs[:, :SEQUENCES], _key(1)), float)


def by_radius(xs: Array) -> dict[float, dict[str, float]]:
    """Gradient of an Elman cell 100 steps back by spectral radius: of an orthogonal and of a Gaussian matrix."""
    cell = Elman(1, HIDDEN, _key(0))
    gaussian = np.random.default_rng(0).normal(size=(HIDDEN, HIDDEN)).astype(np.float32)
    shapes = {"orthogonal": cell.weights.u, "gaussian": jnp.asarray(gaussian / spectral_radius(jnp.asarray(gaussian)))}
    return {
        radius: {
            kind: float(_flow(eqx.tree_at(lambda c: c.weights.u, cell, radius * u), xs, _key(1))[100])
            for kind, u in shapes.items()
        }
        for radius in RADII
    }


def by_bias(xs: Array) -> dict[float, float]:
    """Gradient of an LSTM 100 steps back by the bias its forget gate starts with."""
    start = in_step("lstm", HIDDEN)(_key(0))
    return {bias: float(_followed(_with_bias(start, bias), xs)[100]) for bias in BIASES}


def clipping(d: Demand) -> dict[str, float]:
    """Plain gradient descent on an Elman cell of spectral radius 1.5: loss at the end with clipping and without."""
    start = in_step("elman", HIDDEN)(_key(0))
    steep = eqx.tree_at(lambda m: m.stack.cells[0].weights.u, start, replace_fn=lambda u: 1.5 * u)
    clips = {"with": 1.0, "without": float("inf")}
    _, losses = train(
        [steep] * 2, squared_error, next_reading(d), steps=150, learning_rate=0.1, clip=[*clips.values()],
        descent=optax.sgd,
    )  # fmt: skip
    found: dict[str, float] = {}
    for name, row in zip(clips, losses, strict=True):
        found |= {f"{name}_last_loss": float(row[-20:].mean()), f"{name}_worst_loss": float(row.max())}
    return found


def _measure(flows: dict[tuple[str, str], Floats], facts: dict[str, Any]) -> Section:
    titles = {
        "load": "on load, before training",
        "load_trained": "on load, after",
        "adding": "on the adding problem, before",
        "trained": "on the adding problem, after",
        "copy": "on the copy problem, before",
    }
    pictures = []
    for where, title in titles.items():
        with drawing(COLUMN) as drawn:
            for name in CELLS:
                seen = np.maximum(flows[where, name], 1e-12)
                drawn.axes.plot(np.arange(len(seen)), seen, color=SHADES[name], label=NAMES[name])
            drawn.axes.axhline(LEAST, color=QUIET, linewidth=0.8, linestyle=(0, (3, 2)))
            drawn.axes.set(yscale="log", ylim=(1e-10, 1e3), xlabel="steps back", title=f"Gradient {title}")
            drawn.axes.legend(fontsize=7.5)
        pictures.append(Figure(drawn.svg, f"Gradient by distance in time, {title}."))
    rows = [
        [f"{NAMES[name]}, {title}", *(f"{flows[where, name][k]:.0e}" for k in DISTANCES), _reached(facts, where, name)]
        for where, title in titles.items()
        for name in CELLS
    ]
    return Section(
        "flow",
        "Measured, step by step",
        [
            Text(
                [
                    "What does the last output owe to the state k steps before? The Jacobian between them is a product "
                    "of k factors. Its norm, by distance, from `wattcast.nets.probe.gradient_flow`:"
                ]
            ),
            Code("∂h[T] / ∂s[T−k] = J[T] J[T−1] … J[T−k+1]"),
            *pictures,
            Table(
                ["gradient at distance", *map(str, DISTANCES), f"below {LEAST:g} from"],
                rows,
                caption=f"{HIDDEN} units. 1 is the gradient at distance 0; of an LSTM, over h and c.",
            ),
        ],
    )


def _reached(facts: dict[str, Any], where: str, name: str) -> str:
    found = facts[f"reach_{where}_{name}"]
    return f"> {FOLLOWED}" if found > FOLLOWED else str(found)


def _adding(errors: dict[tuple[str, int], float], solved: dict[str, int], lags: Sequence[int]) -> Section:
    rows = [
        [NAMES[name], *(f"{errors[name, lag]:.4f}" for lag in lags), str(solved[name]) if solved[name] else "none"]
        for name in CELLS
    ]
    return Section(
        "lag",
        "The lag at which each cell stops learning",
        [
            Text(
                [
                    "The adding problem: two of many numbers are marked, one near the start; their sum is asked at the "
                    "end. Saying 1 always misses by 0.167. Each cell is trained anew for each length, all alike:"
                ]
            ),
            Table(
                ["mean squared error, length", *map(str, lags), "longest learned"],
                rows,
                caption=f"Learned: below {LEARNED}. One seed; where a cell fails, longer training may still help.",
            ),
        ],
    )


def _changes(radii: dict[float, dict[str, float]], biases: dict[float, float], clipped: dict[str, float]) -> Section:
    by_radius = [[f"{r:g}", f"{row['orthogonal']:.0e}", f"{row['gaussian']:.0e}"] for r, row in radii.items()]
    by_bias = [[f"{b:g}", f"{1 / (1 + np.exp(-b)):.3f}", f"{v:.0e}"] for b, v in biases.items()]
    by_clip = [
        [f"{name} clipping", f"{clipped[f'{name}_last_loss']:.3g}", f"{clipped[f'{name}_worst_loss']:.3g}"]
        for name in ("with", "without")
    ]
    return Section(
        "changes",
        "What changes it",
        [
            Text(
                [
                    "The start. An orthogonal matrix turns and never shrinks: only tanh does. A Gaussian one of the "
                    "same spectral radius shrinks most directions. Above 1 the cell runs into saturation, where tanh "
                    "shuts the way back again or lets it explode. Elman, 100 steps back, on load:"
                ]
            ),
            Table(["spectral radius", "orthogonal", "Gaussian"], by_radius, beside=True),
            Text(
                [
                    "Gates. Along the LSTM's cell the factor is the forget gate itself, not a matrix: it starts at "
                    "σ(bias), so the bias says how far the gradient reaches (Gers 2000, Jozefowicz 2015)."
                ]
            ),
            Table(["forget bias", "gate at the start", "gradient 100 steps back"], by_bias, beside=True),
            Text(
                [
                    "Clipping bounds the step where a gradient explodes; it does nothing for one that vanishes. "
                    "An Elman cell started at radius 1.5, plain gradient descent with step 0.1, norms clipped at 1:"
                ]
            ),
            Table(["", "loss at the end", "worst loss on the way"], by_clip, beside=True),
        ],
    )
