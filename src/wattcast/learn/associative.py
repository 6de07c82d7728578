"""Hopfield's networks: memories of days that a part of a day calls up.

The classic network of 1982 has units of -1 and 1; readings enter it in a code of levels. The modern one (Ramsauer
2020, "Hopfield Networks is All You Need") takes numbers, and one update of it is attention.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wattcast.features.panel import Floats
from wattcast.learn.demand import DAY

Signs = NDArray[np.float64]  # of -1 and 1; of 0 where nothing is known
#: Steps in the code of one reading.
LEVELS = 24


def settle(
    weights: Floats, states: Signs, free: NDArray[np.bool_], rng: np.random.Generator, sweeps: int = 20
) -> Signs:
    """Unit after unit takes the sign of what the others say, until none changes: Hopfield's rule.

    Args:
        weights: `[unit, unit]`, symmetric, zero on the diagonal.
        states: `[unit, pattern]`; patterns run side by side.
        free: `[unit, pattern]`: which units may change.
        rng: order of the units.
        sweeps: rounds at most.
    """
    states = states.copy()
    for _ in range(sweeps):
        before = states.copy()
        for unit in rng.permutation(len(weights)):
            field = weights[unit] @ states
            states[unit] = np.where(free[unit] & (field != 0), np.sign(field), states[unit])
        if np.array_equal(before, states):
            break
    return states


class Classic:
    """The network of 1982 over a code of levels: unit (reading, level) is 1 where the reading is over the level.

    Attributes:
        edges: `[level]` [GW], at equal shares of the stored readings.
        hebb: `[unit, unit]` weights by Hebb's rule, the sum of outer products.
        projection: the same by the pseudo-inverse (Personnaz 1985), which bears patterns that are alike.
    """

    def __init__(self, shapes: Floats):
        self.edges = np.quantile(shapes, (np.arange(LEVELS) + 0.5) / LEVELS)
        gaps = np.diff(self.edges)
        low, high = self.edges[0] - gaps[0] / 2, self.edges[-1] + gaps[-1] / 2
        self.values = np.concatenate([[low], (self.edges[1:] + self.edges[:-1]) / 2, [high]])
        self.stored = self.code(shapes)
        self.hebb = self.stored @ self.stored.T / len(self.stored)
        self.projection = self.stored @ np.linalg.pinv(self.stored)
        for weights in (self.hebb, self.projection):
            np.fill_diagonal(weights, 0)

    def code(self, days: Floats) -> Signs:
        """Days `[day, 48]` as `[48 * level, day]` of -1 and 1."""
        return np.where(days[..., None] > self.edges, 1.0, -1.0).reshape(len(days), -1).T

    def decode(self, states: Signs) -> Floats:
        """Back: how many levels a reading is over says its value [GW]."""
        over = (states.T.reshape(-1, DAY, LEVELS) > 0).sum(-1)
        return self.values[over]

    def restore(self, days: Floats, mask: NDArray[np.bool_], weights: Floats) -> Floats:
        """Days with the readings under `mask` restored; what is known is held."""
        free = np.repeat(mask, LEVELS, axis=1).T
        start = np.where(free, 0.0, self.code(days))
        ends = settle(weights, start, free, np.random.default_rng(0))
        return np.where(mask, self.decode(ends), days)

    def recalled(self, weights: Floats) -> float:
        """Share of the stored shapes that stay when the network starts on them."""
        ends = settle(weights, self.stored, np.ones(self.stored.shape, bool), np.random.default_rng(0))
        return float((ends == self.stored).all(0).mean())


class Modern:
    """The continuous network: stored days are weighed by a softmax of how well they fit what is known.

    With equal norms softmax(β X ξ) is Ramsauer's update; days differ in norm, so half the squared norm is taken off
    each product, which makes it the softmax of -β/2 times the squared distance.

    Attributes:
        stored: `[day, 48]`, scaled.
        beta: sharpness: small takes the mean of all, large the nearest alone.
    """

    def __init__(self, days: Floats, scale: tuple[float, float], beta: float):
        self.scale = scale
        self.stored = (days - scale[0]) / scale[1]
        self.beta = beta

    def restore(self, days: Floats, mask: NDArray[np.bool_], own: NDArray[np.bool_] | None = None) -> Floats:
        """Days with the readings under `mask` restored by one update; `own[day, stored]` are left out."""
        known = ~mask
        x = np.where(known, (days - self.scale[0]) / self.scale[1], 0.0)
        fit = self.beta * (x @ self.stored.T - known @ np.square(self.stored).T / 2)
        if own is not None:
            fit = np.where(own, -np.inf, fit)
        weights = np.exp(fit - fit.max(1, keepdims=True))
        weights /= weights.sum(1, keepdims=True)
        return np.where(mask, weights @ self.stored * self.scale[1] + self.scale[0], days)
