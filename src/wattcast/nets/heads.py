"""What the network says of each step ahead, and the loss that belongs to it: a point, or quantiles in order."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from statistics import NormalDist

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


class AbstractHead(eqx.Module):
    """Turns `params` raw numbers a step ahead into quantile forecasts; loss elementwise, not reduced."""

    params: eqx.AbstractVar[int]

    @abstractmethod
    def __call__(self, raw: Float[Array, "*batch steps params"]) -> Float[Array, "*batch steps quantiles"]:
        """Forecast of each quantile (a point head repeats its one value)."""

    @abstractmethod
    def loss(
        self, forecast: Float[Array, "*batch steps quantiles"], y: Float[Array, "*batch steps"]
    ) -> Float[Array, "*batch steps"]:
        """Loss of a forecast (not of the raw numbers) at each step ahead against what came."""


class PointHead(AbstractHead):
    """One value a step ahead, trained on squared or absolute error."""

    params: int = eqx.field(static=True)
    quantiles: int = eqx.field(static=True)
    squared: bool = eqx.field(static=True)

    def __init__(self, quantiles: int = 1, *, squared: bool = True):
        self.params = 1
        self.quantiles = quantiles
        self.squared = squared

    def __call__(self, raw: Float[Array, "*batch steps 1"]) -> Float[Array, "*batch steps quantiles"]:
        """The value, repeated."""
        return jnp.repeat(raw, self.quantiles, axis=-1)

    def loss(
        self, forecast: Float[Array, "*batch steps quantiles"], y: Float[Array, "*batch steps"]
    ) -> Float[Array, "*batch steps"]:
        """Squared or absolute error of the value."""
        error = y - forecast[..., 0]
        return jnp.square(error) if self.squared else jnp.abs(error)


class QuantileHead(AbstractHead):
    """A median and a width on either side; quantiles are the median plus width times a learned shape.

    The shape grows from the median outward in positive steps, so quantiles cannot cross (Gasthaus 2019 has the
    idea for splines). Three raw numbers a step: median, log width below, log width above.
    """

    params: int = eqx.field(static=True)
    levels: tuple[float, ...] = eqx.field(static=True)
    below: Float[Array, " below"]
    above: Float[Array, " above"]

    def __init__(self, levels: Sequence[float]):
        if 0.5 not in levels or list(levels) != sorted(set(levels)):
            raise ValueError(f"Quantiles must rise and hold 0.5, got {tuple(levels)}.")
        self.params = 3
        self.levels = tuple(levels)
        gaps = np.diff([NormalDist().inv_cdf(level) for level in levels]).astype(np.float32)
        middle = self.levels.index(0.5)
        self.below = jnp.log(jnp.expm1(jnp.asarray(gaps[:middle][::-1])))
        self.above = jnp.log(jnp.expm1(jnp.asarray(gaps[middle:])))

    def __call__(self, raw: Float[Array, "*batch steps 3"]) -> Float[Array, "*batch steps quantiles"]:
        """Quantiles from the lowest to the highest."""
        median, low, high = raw[..., 0:1], raw[..., 1:2], raw[..., 2:3]
        down = jnp.cumsum(jax.nn.softplus(self.below))[::-1]
        up = jnp.cumsum(jax.nn.softplus(self.above))
        lead = (1,) * (raw.ndim - 1)
        below = median - _width(low) * down.reshape(*lead, -1)
        above = median + _width(high) * up.reshape(*lead, -1)
        return jnp.concatenate([below, median, above], axis=-1)

    def loss(
        self, forecast: Float[Array, "*batch steps quantiles"], y: Float[Array, "*batch steps"]
    ) -> Float[Array, "*batch steps"]:
        """Pinball loss, mean over the levels (Koenker & Bassett 1978)."""
        levels = jnp.asarray(self.levels).reshape((1,) * y.ndim + (-1,))
        error = y[..., None] - forecast
        return jnp.mean(jnp.maximum(levels * error, (levels - 1) * error), axis=-1)


def _width(raw: Array) -> Array:
    """Positive, near 0.05 of the level at the start, not below 1e-4 so that gradients stay finite."""
    return jax.nn.softplus(raw - 3.0) + 1e-4
