"""A short training loop for small networks, whole in one compiled call, and the job most topics share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from wattcast.nets.stack import Stack

M = TypeVar("M", bound=eqx.Module)
#: Readings of a sequence at which the state is still filling: no loss is taken there, no score either.
WARM_UP = DAY


def train(
    start: Callable[[PRNGKeyArray], M],
    loss: Callable[[M, Any], Float[Array, ""]],
    sample: Callable[[PRNGKeyArray], Any],
    *,
    steps: int,
    learning_rate: float = 1e-2,
    clip: float = 1.0,
    descent: Callable[..., optax.GradientTransformation] = optax.adam,
    seeds: Sequence[int] = (0,),
) -> tuple[list[M], NDArray[np.float32]]:
    """Gradient descent on a cosine schedule, gradients clipped by their norm; several trainings at once, compiled once.

    Args:
        start: the model of a seed.
        loss: of a model on a batch.
        sample: draws a batch; traced, so made of JAX operations.
        steps: batches.
        learning_rate: at the start.
        clip: largest norm of a gradient; infinity for none.
        descent: the optimiser, of a schedule.
        seeds: a training each; its start and its batches follow from it.

    Returns:
        The trained model of each seed, and the loss of every batch `[seed, steps]`.
    """
    optimiser = optax.chain(
        optax.clip_by_global_norm(clip), descent(optax.cosine_decay_schedule(learning_rate, steps, 0.05))
    )
    static = eqx.partition(eqx.filter_eval_shape(start, jax.random.key(0)), eqx.is_array_like)[1]

    def step(carry: tuple[Any, Any], key: PRNGKeyArray) -> tuple[tuple[Any, Any], Array]:
        params, memory = carry
        value, grads = jax.value_and_grad(lambda p: loss(eqx.combine(p, static), sample(key)))(params)
        with jax.numpy_dtype_promotion("standard"):  # Optax raises floats to the power of its integer count
            updates, memory = optimiser.update(grads, memory)
        return (optax.apply_updates(params, updates), memory), value

    def one(seed: Array) -> tuple[Any, Array]:
        key = jax.random.key(seed)
        params = eqx.filter(start(key), eqx.is_array)
        (params, _), losses = jax.lax.scan(step, (params, optimiser.init(params)), jax.random.split(key, steps))
        return params, losses

    # what begins and ends a training runs once: polishing its code would cost more than it saves
    many = jax.jit(jax.vmap(one), compiler_options={"xla_backend_optimization_level": "1"})
    params, losses = many(jnp.asarray(seeds, jnp.uint32))
    models = [eqx.combine(jax.tree.map(lambda leaf, k=k: leaf[k], params), static) for k in range(len(seeds))]
    return models, np.asarray(losses)


def in_step(cell: str, hidden: int, *, inputs: int = 1, outputs: int = 1) -> Callable[[PRNGKeyArray], InStep]:
    """One layer of `hidden` units and a linear readout, from a key."""

    def start(key: PRNGKeyArray) -> InStep:
        k_stack, k_out = jax.random.split(key)
        return InStep(Stack(inputs, (hidden,), k_stack, cell=cell), outputs, k_out)

    return start


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
