"""A short training loop for small networks, whole in one compiled call, and the job most topics share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray
from numpy.typing import NDArray

from wattcast.learn.demand import DAY, Demand
from wattcast.nets.patterns import InStep

M = TypeVar("M", bound=eqx.Module)
#: Readings of a sequence at which the state is still filling: no loss is taken there, no score either.
WARM_UP = DAY


def train(
    model: M,
    loss: Callable[[M, Any], Float[Array, ""]],
    sample: Callable[[PRNGKeyArray], Any],
    *,
    steps: int,
    learning_rate: float = 1e-2,
    clip: float = 1.0,
    seed: int = 0,
) -> tuple[M, NDArray[np.float32]]:
    """Adam on a cosine schedule, gradients clipped by their norm.

    Args:
        model: where it starts.
        loss: of a model on a batch.
        sample: draws a batch; traced, so made of JAX operations.
        steps: batches.
        learning_rate: at the start.
        clip: largest norm of a gradient; infinity for none.
        seed: the batches follow from it.

    Returns:
        The trained model, and the loss of every batch `[steps]`.
    """
    optimiser = optax.chain(
        optax.clip_by_global_norm(clip), optax.adam(optax.cosine_decay_schedule(learning_rate, steps, 0.05))
    )
    params, static = eqx.partition(model, eqx.is_inexact_array)

    def step(carry: tuple[Any, Any], key: PRNGKeyArray) -> tuple[tuple[Any, Any], Array]:
        params, memory = carry
        value, grads = jax.value_and_grad(lambda p: loss(eqx.combine(p, static), sample(key)))(params)
        with jax.numpy_dtype_promotion("standard"):  # Optax raises floats to the power of its integer count
            updates, memory = optimiser.update(grads, memory)
        return (optax.apply_updates(params, updates), memory), value

    keys = jax.random.split(jax.random.key(seed), steps)
    (params, _), losses = jax.jit(lambda start: jax.lax.scan(step, start, keys))((params, optimiser.init(params)))
    return eqx.combine(params, static), np.asarray(losses)


def next_reading(d: Demand, *, length: int = 3 * DAY, batch: int = 32) -> Callable[[PRNGKeyArray], Any]:
    """Draws sequences of scaled load `[length, batch, 1]` and the reading after each, from the days learned from."""
    series = jnp.asarray(d.scaled[: d.split], jnp.float32)

    def sample(key: PRNGKeyArray) -> tuple[Array, Array]:
        starts = jax.random.randint(key, (batch,), 0, len(series) - length)
        both = jax.vmap(lambda s: jax.lax.dynamic_slice(series, (s,), (length + 1,)))(starts).T[..., None]
        return both[:-1], both[1:]

    return sample


def squared_error(model: InStep, batch: tuple[Array, Array]) -> Float[Array, ""]:
    """Mean squared error after `WARM_UP`; the model says by how much the next reading differs from the last."""
    x, y = batch
    return jnp.mean(jnp.square(x + model(x) - y)[WARM_UP:])


def next_reading_mae(model: InStep, d: Demand) -> float:
    """Mean absolute error [GW] of the next reading over all days not learned from, in one pass with one state."""
    ahead = jnp.asarray(d.scaled[d.split - WARM_UP : -1], jnp.float32)[:, None, None]
    said = np.asarray(eqx.filter_jit(lambda m, x: x + m(x))(model, ahead))[WARM_UP - 1 :, 0, 0]
    return float(np.abs(said * d.std + d.mean - d.load[d.split :]).mean())
