"""The chapter's own network, as printed: LSTM 50 -> dropout -> LSTM 200 -> dropout -> dense 1, 10 epochs.

Optimiser and starting weights are those of the framework of that time: RMSprop (0.001, rho 0.9), Glorot-uniform
over all gates at once, orthogonal recurrence, forget bias 1.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from wattcast.chapter.job import MEAN, SIZE, TRAIN, VALIDATED, Job, Result, baseline_errors, errors
from wattcast.nets.cells import AbstractCell, orthogonal
from wattcast.nets.patterns import ManyToOne
from wattcast.nets.stack import Stack
from wattcast.train import compiled

HIDDEN, DROPOUT, BATCH, EPOCHS = (50, 200), 0.2, 512, 10


def as_printed(job: Job, *, seed: int = 0, progress: Callable[[dict[str, Any]], None] | None = None) -> Result:
    """Trains the chapter's network on the chapter's windows.

    Args:
        job: the data.
        seed: start, shuffling and dropout follow from it.
        progress: told of every epoch.
    """
    key = jax.random.key(seed)
    optimiser = optax.rmsprop(1e-3, decay=0.9, eps=1e-7, eps_in_sqrt=False)
    # op by op each would be compiled on its own, 2 s in all
    model, memory = eqx.filter_jit(_start, **compiled.UNPOLISHED)(jax.random.fold_in(key, 0), HIDDEN, optimiser)
    x = jnp.asarray(job.x.T[..., None], jnp.float32)  # [time, window, 1]
    y = jnp.asarray(job.y, jnp.float32)
    epoch_of, epochs = eqx.filter_jit(_epoch, **compiled.PLAIN), list[dict[str, Any]]()
    with ThreadPoolExecutor(1) as beside:
        rules = beside.submit(baseline_errors, job)  # while the epoch is compiled
        for number in range(1, EPOCHS + 1):
            began = time.perf_counter()
            key_now = jax.random.fold_in(key, number)
            model, memory, loss, val_loss, predicted = epoch_of(model, memory, optimiser, x, y, key_now)
            epoch = {"epoch": number, "loss": float(loss), "val_loss": float(val_loss)}
            epochs.append({**epoch, "seconds": time.perf_counter() - began})
            if progress is not None:
                progress(epochs[-1])
    seconds = {"train": sum(e["seconds"] for e in epochs)}
    seconds["compile"] = epochs[0]["seconds"] - float(np.median([e["seconds"] for e in epochs[1:]]))
    said = np.asarray(predicted, float)
    scores = errors(job, said)
    test = said[VALIDATED - TRAIN :] * SIZE + MEAN
    return Result(
        val_mse=scores["val_mse"],
        test_mse=scores["test_mse"],
        baselines=rules.result(),
        epochs=epochs,
        seconds=seconds,
        seed=seed,
        as_printed=True,
        predicted=test,
    )


def _start(
    key: PRNGKeyArray, hidden: tuple[int, ...], optimiser: optax.GradientTransformation
) -> tuple[ManyToOne, Any]:
    k_stack, k_dense, *k_cells = jax.random.split(key, 2 + 2 * len(hidden))
    stack = Stack(1, hidden, k_stack, cell="lstm", dropout=DROPOUT, residual=False)
    cells = tuple(_framework_weights(c, k_cells[2 * i : 2 * i + 2]) for i, c in enumerate(stack.cells))
    model = ManyToOne(eqx.tree_at(lambda s: s.cells, stack, cells), 1, k_dense)
    return model, optimiser.init(eqx.filter(model, eqx.is_inexact_array))


def _framework_weights(cell: AbstractCell, keys: list[PRNGKeyArray]) -> AbstractCell:
    w, (hidden, gates) = cell.weights.w.shape, cell.weights.u.shape
    glorot = jax.nn.initializers.glorot_uniform()
    weights = cell.weights._replace(w=glorot(keys[0], w, jnp.float32), u=orthogonal(keys[1], gates, hidden).T)
    return eqx.tree_at(lambda c: c.weights, cell, weights)


def _epoch(
    model: ManyToOne,
    memory: Any,
    optimiser: optax.GradientTransformation,
    x: Float[Array, "time windows 1"],
    y: Float[Array, " windows"],
    key: PRNGKeyArray,
) -> tuple[ManyToOne, Any, Array, Array, Array]:
    """One pass over the shuffled windows: mean loss, validation loss after it, predictions from there on."""
    k_order, k_drop = jax.random.split(key)
    order = jax.random.permutation(k_order, TRAIN)
    # the last batch is filled up with windows that do not count: a loop of its own would be compiled once more
    batches = -(-TRAIN // BATCH)
    order = jnp.pad(order, (0, batches * BATCH - TRAIN)).reshape(batches, BATCH)
    counts = (jnp.arange(order.size) < TRAIN).astype(jnp.float32).reshape(order.shape)
    params, static = eqx.partition(model, eqx.is_inexact_array)

    def batch(carry: tuple[Any, Any], job: tuple[Array, Array, PRNGKeyArray]) -> tuple[tuple[Any, Any], Array]:
        params, memory = carry
        rows, count, k = job

        def loss(p: Any) -> tuple[Array, Array]:
            error = jnp.square(eqx.combine(p, static)(x[:, rows], k)[0, :, 0] - y[rows])
            total = jnp.sum(error * count)
            return total / jnp.sum(count), total

        (_, total), grads = jax.value_and_grad(loss, has_aux=True)(params)
        updates, memory = optimiser.update(grads, memory)
        return (optax.apply_updates(params, updates), memory), total

    keys = jax.random.split(k_drop, batches)
    (params, memory), totals = jax.lax.scan(batch, (params, memory), (order, counts, keys))
    model, mean = eqx.combine(params, static), jnp.sum(totals) / TRAIN
    predicted = model(x[:, TRAIN:])[0, :, 0]
    val_loss = jnp.mean(jnp.square(predicted[: VALIDATED - TRAIN] - y[TRAIN:VALIDATED]))
    return model, memory, mean, val_loss, predicted
