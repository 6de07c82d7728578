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
    models: Sequence[M],
    loss: Callable[[M, Any], Float[Array, ""]],
    sample: Callable[[PRNGKeyArray], Any],
    *,
    steps: int,
    learning_rate: float = 1e-2,
    clip: float | Sequence[float] = 1.0,
    descent: Callable[..., optax.GradientTransformation] = optax.adam,
    seeds: int | Sequence[int] = 0,
) -> tuple[list[M], NDArray[np.float32]]:
    """Gradient descent on a cosine schedule, gradients clipped by their norm; several trainings at once, compiled once.

    Args:
        models: as they start, a training each; all of the same structure.
        loss: of a model on a batch.
        sample: draws a batch; traced, so made of JAX operations.
        steps: batches.
        learning_rate: at the start.
        clip: largest norm of a gradient, in all trainings or in each; infinity for none.
        descent: the optimiser, of a schedule.
        seeds: of the batches, of all trainings or of each.

    Returns:
        The trained models, and the loss of every batch `[model, steps]`.
    """
    schedule = optax.cosine_decay_schedule(learning_rate, steps, 0.05)
    static = eqx.partition(models[0], eqx.is_array)[1]

    def one(arrays: Any, seed: Array, clip: Array) -> tuple[Any, Array]:
        params, fixed = eqx.partition(arrays, eqx.is_inexact_array)
        # flat: the same numbers from a third of the operations to compile
        optimiser = optax.flatten(optax.chain(optax.clip_by_global_norm(clip), descent(schedule)))

        def step(carry: tuple[Any, Any], key: PRNGKeyArray) -> tuple[tuple[Any, Any], Array]:
            params, memory = carry
            value, grads = jax.value_and_grad(lambda p: loss(eqx.combine(p, fixed, static), sample(key)))(params)
            with jax.numpy_dtype_promotion("standard"):  # Optax raises floats to the power of its integer count
                updates, memory = optimiser.update(grads, memory)
            return (optax.apply_updates(params, updates), memory), value

        keys = jax.random.split(jax.random.key(seed), steps)
        (params, _), losses = jax.lax.scan(step, (params, optimiser.init(params)), keys)
        return eqx.combine(params, fixed), losses

    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *(eqx.filter(m, eqx.is_array) for m in models))
    clips, keys = (jnp.broadcast_to(jnp.asarray(value), len(models)) for value in (clip, seeds))
    # what begins and ends a training runs once: polishing its code would cost more than it saves
    many = jax.jit(jax.vmap(one), compiler_options={"xla_backend_optimization_level": "1"})
    arrays, losses = jax.device_get(many(stacked, keys, clips))
    trained = [
        eqx.combine(jax.tree.map(lambda leaf, k=k: jnp.asarray(leaf[k]), arrays), static) for k in range(len(models))
    ]
    return trained, losses


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


@eqx.filter_jit
def _ahead(model: InStep, x: Array) -> Array:
    return x + model(x)


def next_reading_mae(model: InStep, d: Demand) -> float:
    """Mean absolute error [GW] of the next reading over all days not learned from, in one pass with one state."""
    ahead = jnp.asarray(d.scaled[d.split - WARM_UP : -1], jnp.float32)[:, None, None]
    said = np.asarray(_ahead(model, ahead))[WARM_UP - 1 :, 0, 0]
    return float(np.abs(said * d.std + d.mean - d.load[d.split :]).mean())
