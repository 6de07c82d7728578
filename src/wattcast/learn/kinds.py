"""A window tells which kind of meter it comes from: three real series, each window scaled by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from wattcast.features.panel import Floats
from wattcast.learn.demand import DAY, Demand
from wattcast.learn.training import train
from wattcast.nets.patterns import Classifier
from wattcast.nets.stack import Stack
from wattcast.read.samples import taylor
from wattcast.schema import Y


@dataclass(frozen=True)
class Told:
    """How the meters were told apart.

    Attributes:
        kinds: names.
        right: share of the scored windows whose kind the network found, mean over the kinds.
        nearest: the same for the nearest mean course.
        table: `[kind, said]` windows.
    """

    kinds: tuple[str, ...]
    right: float
    nearest: float
    table: Floats


def meters(d: Demand) -> dict[str, tuple[Floats, Floats]]:
    """Half-hourly readings of three kinds, what is learned from and what is scored, which comes after it."""
    other = taylor().frame[Y].to_numpy()
    split = 8 * 7 * DAY
    return {
        "demand of Victoria": (d.load[: d.split], d.load[d.split :]),
        "demand of England and Wales": (other[:split], other[split:]),
        "thermometer in Melbourne": (d.temperature[: d.split], d.temperature[d.split :]),
    }


def tell_apart(
    series: Mapping[str, tuple[Floats, Floats]], *, length: int = DAY, steps: int = 400, seed: int = 0
) -> Told:
    """Trains a classifier on windows that begin at any half hour, and scores it on later ones.

    Args:
        series: by kind, readings to learn from and readings to score on.
        length: of a window.
        steps: batches of training.
        seed: the start and the batches follow from it.
    """
    kinds = tuple(series)
    learned = [scaled(windows(old, length)) for old, _ in series.values()]
    scored = [scaled(windows(new, length)[::7]) for _, new in series.values()]  # 7: starts at every half hour
    place = jnp.asarray(np.concatenate([np.full(len(w), k) for k, w in enumerate(learned)]))
    rows = jnp.asarray(np.concatenate(learned), jnp.float32)
    first = jnp.asarray(np.cumsum([0, *(len(w) for w in learned[:-1])]))
    sizes = jnp.asarray([len(w) for w in learned])

    def start(key: Array) -> Classifier:
        k_stack, k_dense = jax.random.split(key)
        return Classifier(Stack(1, (24,), k_stack), kinds, k_dense)

    def sample(key: Array) -> tuple[Array, Array]:
        k_kind, k_row = jax.random.split(key)
        kind = jax.random.randint(k_kind, (48,), 0, len(kinds))  # as many of each, however long the series
        at = first[kind] + jax.random.randint(k_row, (48,), 0, sizes[kind])
        return rows[at].T[..., None], place[at]

    [model], _ = train(
        [start(jax.random.key(seed))], lambda m, batch: jnp.mean(m.loss(*batch)), sample, steps=steps, seeds=seed
    )
    ask = eqx.filter_jit(model)
    said = [np.asarray(ask(jnp.asarray(w.T[..., None], jnp.float32))).argmax(axis=1) for w in scored]
    near = [nearest(w, learned) for w in scored]
    table = np.array([np.bincount(row, minlength=len(kinds)) for row in said], float)
    return Told(kinds, _right(said), _right(near), table)


def windows(load: Floats, length: int) -> Floats:
    """`[start, length]`: every window of a series."""
    return np.lib.stride_tricks.sliding_window_view(load, length)


def scaled(rows: Floats) -> Floats:
    """Each window with a mean of 0 and a spread of 1, so that the size of a meter says nothing."""
    rows = rows - rows.mean(axis=1, keepdims=True)
    return rows / np.maximum(rows.std(axis=1, keepdims=True), 1e-9)


def nearest(rows: Floats, learned: list[Floats]) -> Floats:
    """For each window, the kind that has the mean course most like it, over the half hours a window may begin at."""
    courses = np.array([[kind[start::DAY].mean(axis=0) for start in range(DAY)] for kind in learned])
    product = np.einsum("nl,ksl->nks", rows, courses)
    distance = np.square(courses).sum(axis=-1)[None] - 2 * product
    return np.asarray(distance.min(axis=2).argmin(axis=1), float)


def _right(said: list[Floats]) -> float:
    return float(np.mean([(row == kind).mean() for kind, row in enumerate(said)]))
