"""Cells against each other at equal training time: a day ahead at every hour, from the load alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array

from wattcast.features.panel import Floats
from wattcast.nets.cells import CELLS
from wattcast.nets.dilated import dilated
from wattcast.nets.newer import NEWER
from wattcast.nets.patterns import InStep
from wattcast.nets.stack import Stack

#: Hours of a sequence, hours at its start at which the state is still filling, hours ahead, sequences a batch.
LENGTH, WARM_UP, AHEAD, BATCH = 240, 168, 24, 16
#: The last part of a set is scored.
SCORED = 0.2


def stacks() -> dict[str, Callable[[Array], Stack]]:
    """By name, what takes part: two layers of 24 units of every cell, and a dilated GRU."""

    def of(cell: str) -> Callable[[Array], Stack]:
        return lambda key: Stack(1, (24, 24), key, cell=cell)

    found = {cell: of(cell) for cell in (*CELLS, *NEWER)}
    return found | {"dilated gru": lambda key: dilated(of("gru")(key), (1, 6))}


@dataclass(frozen=True)
class Place:
    """How one cell did.

    Attributes:
        parameters: numbers that are learned.
        compile_s: time until the first batch was through [s]; not counted as training.
        ms: time a batch took [ms].
        scores: by set, for each seed: mean absolute error ÷ that of the same hour of the day before.
    """

    parameters: int
    compile_s: float
    ms: float
    scores: Mapping[str, Sequence[float]]

    @property
    def mean(self) -> float:
        """Over sets and seeds."""
        return float(np.mean([np.mean(row) for row in self.scores.values()]))


def compare(
    sets: Mapping[str, Floats], *, seconds: float, seeds: Sequence[int] = (0,), cells: Sequence[str] = ()
) -> dict[str, Place]:
    """Trains every cell on every set for the same time.

    Args:
        sets: hourly readings `[hour, meter]` without gaps, by name; the last fifth is scored.
        seconds: training of one cell on one set [s].
        seeds: one training each.
        cells: those that take part, of `stacks`; all unless said.
    """
    asked = {name: make for name, make in stacks().items() if not cells or name in cells}
    return {name: _place(make, sets, seconds, seeds) for name, make in asked.items()}


def week_before(load: Floats) -> float:
    """Error of the same hour a week before ÷ that of the same hour of the day before, on the scored part."""
    first = _split(load)
    ahead = load[first:] / _spread(load)
    errors = [np.abs(ahead - load[first - b : -b] / _spread(load)).mean() for b in (168, AHEAD)]
    return float(errors[0] / errors[1])


def _split(load: Floats) -> int:
    return round(len(load) * (1 - SCORED))


def _spread(load: Floats) -> Floats:
    return np.asarray(np.maximum(load[: _split(load)].std(axis=0), 1e-9))


def _place(make: Callable[[Array], Stack], sets: Mapping[str, Floats], seconds: float, seeds: Sequence[int]) -> Place:
    k_stack, k_out = jax.random.split(jax.random.key(0))
    step, ask, optimiser = _compiled()
    model = InStep(make(k_stack), 1, k_out)
    params = eqx.filter(model, eqx.is_inexact_array)
    x = jnp.zeros((LENGTH, BATCH, 1))
    began = time.perf_counter()
    jax.block_until_ready((step(model, optimiser.init(params), x, x, jnp.zeros(())), ask(model, x)))
    compiling = time.perf_counter() - began
    scores: dict[str, list[float]] = {name: [] for name in sets}
    batches, spent = 0, 0.0
    for name, load in sets.items():
        for seed in seeds:
            k_stack, k_out = jax.random.split(jax.random.key(seed))
            model = InStep(make(k_stack), 1, k_out)
            model, count, took = _trained(model, load, seconds, seed, step, optimiser)
            batches, spent = batches + count, spent + took
            scores[name].append(_score(model, load, ask))
    size = sum(leaf.size for leaf in jax.tree.leaves(params))
    return Place(size, compiling, 1000 * spent / batches, scores)


def _compiled() -> tuple[Any, Any, optax.GradientTransformation]:
    """One step of training, and what a network says; each compiled once, for all sets."""
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.scale_by_adam())

    @eqx.filter_jit
    def step(model: InStep, memory: Any, x: Array, y: Array, rate: Array) -> tuple[InStep, Any]:
        grads = eqx.filter_grad(lambda m: jnp.mean(jnp.abs(x + m(x) - y)[WARM_UP:]))(model)
        with jax.numpy_dtype_promotion("standard"):  # Optax raises floats to the power of its integer count
            updates, memory = optimiser.update(grads, memory)
        return eqx.apply_updates(model, jax.tree.map(lambda u: -rate * u, updates)), memory

    return step, eqx.filter_jit(lambda model, x: x + model(x)), optimiser


def _trained(
    model: InStep, load: Floats, seconds: float, seed: int, step: Any, optimiser: optax.GradientTransformation
) -> tuple[InStep, int, float]:
    """The model after `seconds`, how many batches that was, and how long it took [s]."""
    rng = np.random.default_rng(seed)
    learned = _scaled(load)[: _split(load)]
    memory = optimiser.init(eqx.filter(model, eqx.is_inexact_array))
    began, count = time.perf_counter(), 0
    while (share := (time.perf_counter() - began) / seconds) < 1:
        starts = rng.integers(0, len(learned) - LENGTH - AHEAD, BATCH)
        x, y = _batch(learned, starts, rng.integers(0, load.shape[1], BATCH))
        rate = jnp.asarray(1e-2 * (0.02 + 0.98 * (1 + np.cos(np.pi * share)) / 2), jnp.float32)
        model, memory = jax.block_until_ready(step(model, memory, x, y, rate))
        count += 1
    return model, count, time.perf_counter() - began


def _batch(scaled: Floats, starts: Any, meters: Any) -> tuple[Array, Array]:
    at = starts[None] + np.arange(LENGTH)[:, None]
    return tuple(jnp.asarray(scaled[at + late, meters[None]][..., None], jnp.float32) for late in (0, AHEAD))  # type: ignore[return-value]


def _scaled(load: Floats) -> Floats:
    return np.asarray((load - load[: _split(load)].mean(axis=0)) / _spread(load))


def _score(model: InStep, load: Floats, ask: Any) -> float:
    """Sequences that together say every scored hour once, in batches of the size that is compiled."""
    scaled, said = _scaled(load), LENGTH - WARM_UP
    first = _split(load) - AHEAD - WARM_UP
    starts = np.arange(first, len(load) - LENGTH - AHEAD + 1, said)
    jobs = np.array([(s, m) for m in range(load.shape[1]) for s in starts])
    wrong = naive = 0.0
    for k in range(0, len(jobs), BATCH):
        some = jobs[k : k + BATCH]
        padded = np.concatenate([some, np.tile(some[:1], (BATCH - len(some), 1))])
        x, y = _batch(scaled, padded[:, 0], padded[:, 1])
        errors = np.abs(np.asarray(ask(model, x) - y))[WARM_UP:, : len(some)]
        wrong += float(errors.sum())
        naive += float(np.abs(np.asarray(x - y))[WARM_UP:, : len(some)].sum())
    return wrong / naive
