"""Twelve hours of readings are lost: what a network says that reads from one side, and one that reads from both."""

from __future__ import annotations

from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from wattcast.learn.demand import DAY, Demand
from wattcast.learn.training import in_step, train
from wattcast.nets.patterns import AbstractPattern, Bidirectional
from wattcast.nets.stack import Stack

#: Half hours of a window, its gap, and where the gap may begin so that a whole day is left on either side.
LENGTH, LOST, FIRST, LAST = 4 * DAY, DAY // 2, DAY, 3 * DAY - DAY // 2


def filled(d: Demand, *, steps: int = 300, seed: int = 0) -> Mapping[str, float]:
    """Mean absolute error [GW] in the gaps of the days not learned from, by way of filling."""
    load = jnp.asarray(d.scaled, jnp.float32)
    clock = 2 * np.pi * np.arange(LENGTH) / DAY

    def examples(starts: Array, gaps: Array) -> tuple[Array, Array, Array, Array]:
        """Inputs, base, what was there, and where the gap is, all `[time, window, feature]`."""
        y = load[starts[None] + jnp.arange(LENGTH)[:, None]]
        time = jnp.arange(LENGTH)[:, None]
        lost = (time >= gaps[None]) & (time < gaps[None] + LOST)
        base = (jnp.roll(y, DAY, axis=0) + jnp.roll(y, -DAY, axis=0)) / 2
        phase = jnp.asarray(clock, jnp.float32)[:, None] + (2 * jnp.pi / DAY) * (starts % DAY).astype(jnp.float32)[None]
        x = jnp.where(lost, 0.0, y), lost.astype(jnp.float32), jnp.sin(phase), jnp.cos(phase)
        return jnp.stack(x, axis=-1), base[..., None], y[..., None], lost[..., None]

    def sample(key: Array) -> tuple[Array, Array, Array, Array]:
        k_start, k_gap = jax.random.split(key)
        starts = jax.random.randint(k_start, (32,), 0, d.split - LENGTH)
        return examples(starts, jax.random.randint(k_gap, (32,), FIRST, LAST + 1))

    def loss(model: AbstractPattern, batch: tuple[Array, Array, Array, Array]) -> Array:
        x, base, y, lost = batch
        return jnp.sum(jnp.where(lost, jnp.abs(base + model(x) - y), 0.0)) / jnp.sum(lost, dtype=jnp.float32)

    def both_sides(key: Array) -> AbstractPattern:
        k_on, k_back, k_out = jax.random.split(key, 3)
        return Bidirectional(Stack(4, (24,), k_on), Stack(4, (24,), k_back), 1, k_out)

    starts = jnp.arange(d.split, len(d.load) - LENGTH, 31)  # 31: gaps at every half hour
    x, base, y, lost = examples(starts, FIRST + (7 * jnp.arange(len(starts))) % (LAST + 1 - FIRST))
    said = {"the same hours of the day before and after": base, "a straight line": _line(y, lost)}
    for name, start in {"one side": in_step("gru", 24, inputs=4), "both sides": both_sides}.items():
        [model], _ = train([start(jax.random.key(seed))], loss, sample, steps=steps, seeds=seed)
        said[name] = base + eqx.filter_jit(model)(x)
    return {name: float(jnp.mean(jnp.abs(s - y)[lost])) * d.std for name, s in said.items()}


def _line(y: Array, lost: Array) -> Array:
    """From the last reading before the gap to the first after it."""
    time, values, gone = np.arange(LENGTH), np.asarray(y)[..., 0], np.asarray(lost)[..., 0]
    lines = [np.interp(time, time[~g], v[~g]) for v, g in zip(values.T, gone.T, strict=True)]
    return jnp.asarray(np.array(lines).T[..., None], jnp.float32)
