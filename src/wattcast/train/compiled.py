"""A whole epoch compiled into one call, and the judge of its weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, PRNGKeyArray

from wattcast.features.layout import Layout
from wattcast.features.plan import Plan
from wattcast.features.signals import Signals
from wattcast.nets.coarse import Coarse, on_inputs
from wattcast.nets.objective import Judgement, Lanes, judge, moved, training_loss
from wattcast.train.settings import TrainSettings

# What XLA's own code is polished with. Its loops are short beside the products and the native kernels: at level 1 an
# epoch is as fast as at 3 and compiles 1.4 s sooner; what runs once, as the start of a network, gains from 0. XLA's
# older emitters of loops would halve the time to compile, but at level 0 they gave wrong gradients (jaxlib 0.10.2).
PLAIN: dict[str, Any] = {"compiler_options": {"xla_backend_optimization_level": "1"}}
UNPOLISHED: dict[str, Any] = {"compiler_options": {"xla_backend_optimization_level": "0"}}


class State(NamedTuple):
    """Everything that changes while training: weights, their average, the best average, the optimiser."""

    params: Any
    average: Any
    best: Any
    optimiser: Any


def compile_epoch(
    static: Any, tie: Coarse, lay: Layout, steps: Plan, optimiser: optax.GradientTransformation, train: TrainSettings
) -> tuple[Callable[..., tuple[State, Array]], Callable[..., Judgement]]:
    """An epoch (state, signals, key, end) -> (state, loss); the judge (params, signals, medians) -> Judgement."""

    def drawn(params: Any, key: PRNGKeyArray, s: Signals, count: Array) -> Lanes:
        k_start, k_meter, _ = jax.random.split(key, 3)
        start = jax.random.randint(k_start, (steps.batch,), 0, count - steps.context + 1)
        meter = jax.random.randint(k_meter, (1, steps.batch), 0, s.y.shape[1])[0]
        states = eqx.combine(params, static).stack.initial_state(steps.batch)
        return Lanes(start, meter, jnp.full(steps.batch, steps.warmup), states)

    def member(params: Any, average: Any, memory: Any, lanes: Any, key: PRNGKeyArray, s: Signals, end: Array) -> Any:
        count = jnp.searchsorted(s.advances, end - lay.horizon, side="right")
        fresh = drawn(params, key, s, count)
        here = fresh if lanes is None else lanes
        t = s.advances[here.start[None] + jnp.arange(steps.context)[:, None]]
        m = jnp.broadcast_to(here.meter[None], t.shape)
        k_loss = jax.random.split(key, 3)[2]

        def loss(p: Any) -> tuple[Array, Any]:
            network = eqx.combine(tie.whole(p), static)
            return training_loss(network, s, lay, t, m, end, here.warmup, k_loss, here.states)

        (value, states), grads = jax.value_and_grad(loss, has_aux=True)(params)
        with jax.numpy_dtype_promotion("standard"):  # Optax raises floats to the power of its integer count
            updates, memory = optimiser.update(grads, memory, params)
        params = optax.apply_updates(params, updates)
        if lanes is not None:
            lanes = moved(here, states, steps.context, count, fresh._replace(start=fresh.start % steps.context))
        return params, optax.incremental_update(params, average, 1 - train.ema), memory, lanes, value

    def batch(carry: tuple[State, Any], key: PRNGKeyArray, s: Signals, end: Array) -> tuple[tuple[State, Any], Array]:
        state, lanes = carry
        keys = jax.random.split(key, jax.tree.leaves(state.params)[0].shape[0])
        members = jax.vmap(member, in_axes=(0, 0, 0, 0, 0, None, None))
        *moves, lanes, values = members(state.params, state.average, state.optimiser, lanes, keys, s, end)
        params, average, memory = moves
        return (State(params, average, state.best, memory), lanes), jnp.mean(values)

    @partial(jax.jit, **PLAIN)
    def epoch(state: State, s: Signals, key: PRNGKeyArray, end: Array) -> tuple[State, Array]:
        keys, lanes = jax.random.split(key, train.steps), None
        if train.stateful:
            begin = jax.random.split(jax.random.fold_in(key, train.steps), jax.tree.leaves(state.params)[0].shape[0])
            count = jnp.searchsorted(s.advances, end - lay.horizon, side="right")
            lanes = jax.vmap(drawn, in_axes=(0, 0, None, None))(state.params, begin, s, count)
        (state, _), losses = jax.lax.scan(lambda c, k: batch(c, k, s, end), (state, lanes), keys)
        return state, jnp.mean(losses)

    @partial(jax.jit, **PLAIN)
    def judged(params: Any, s: Signals, linear: Array | None) -> Judgement:
        skip = (steps.filling, steps.judge_every)
        return judge(eqx.combine(tie.whole(params), static), s, lay, jnp.asarray(steps.moments), skip, linear)

    return epoch, judged


def optimiser_of(train: TrainSettings, inputs_rate: float) -> optax.GradientTransformation:
    """AdamW with a warm-up and a cosine, gradients clipped; weights on the inputs learn at a share of the rate."""
    total, peak = train.epochs * train.steps, train.learning_rate
    assert peak is not None
    schedule = optax.warmup_cosine_decay_schedule(0.0, peak, min(50, total // 4), total, peak / 100)
    # clipping and Adam on one long vector: a loop each to compile and not one for every weight matrix
    direction = optax.flatten(optax.chain(optax.clip_by_global_norm(train.clip), optax.scale_by_adam()))
    decay = optax.add_decayed_weights(train.weight_decay, _matrices)
    slower = optax.masked(optax.scale(inputs_rate), _inputs)
    return optax.chain(direction, decay, slower, optax.scale_by_learning_rate(schedule))


def _matrices(params: Any) -> Any:
    return jax.tree.map(lambda p: p.ndim > 1, params)


def _inputs(params: Any) -> Any:
    return eqx.tree_at(on_inputs, jax.tree.map(lambda _: False, params), (True, True))
