"""Truncated back-propagation through time: the state runs on from chunk to chunk, the gradient does not."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from wattcast.nets.patterns import InStep
from wattcast.nets.stack import States


def truncated_gradient(
    model: InStep, xs: Float[Array, "time batch inputs"], ys: Float[Array, "time batch outputs"], chunk: int
) -> tuple[Float[Array, ""], InStep]:
    """Mean squared error over a sequence, and its gradient when none reaches back over the start of a chunk.

    Equal to the full gradient where `chunk` covers the sequence. Memory grows with the chunk, not with the sequence
    (Williams & Peng 1990; with the state carried it sees all of the past, and learns from `chunk` steps of it).

    Args:
        model: many-to-many in step, from a state of zeros.
        xs: the sequence.
        ys: what is wanted after each of its steps.
        chunk: steps a gradient reaches back at most.

    Raises:
        ValueError: the sequence is no whole number of chunks.
    """
    time = xs.shape[0]
    if chunk < 1 or time % chunk:
        raise ValueError(f"{time} steps are no whole number of chunks of {chunk}; cut the sequence or choose another.")
    params, static = eqx.partition(model, eqx.is_inexact_array)

    def chunk_loss(params: InStep, states: States, x: Array, y: Array) -> tuple[Array, States]:
        said, states = eqx.combine(params, static).scan(x, states)
        return jnp.sum(jnp.square(said - y)) / ys.size, states

    def body(carry: Any, given: Any) -> Any:
        states, loss, grads = carry
        (more, states), own = jax.value_and_grad(chunk_loss, has_aux=True)(params, states, *given)
        return (states, loss + more, jax.tree.map(jnp.add, grads, own)), None

    chunks = tuple(a.reshape(time // chunk, chunk, *a.shape[1:]) for a in (xs, ys))
    none = jax.tree.map(jnp.zeros_like, params)
    (_, loss, grads), _ = jax.lax.scan(body, (model.stack.initial_state(xs.shape[1]), jnp.zeros(()), none), chunks)
    return loss, grads
