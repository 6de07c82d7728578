"""What the recurrent ops mean, in plain JAX: one step of a cell, and a scan of it over time.

Conventions (equations in docs/words.md): arrays are time-major `[time, batch, feature]`; a weight
multiplies from the right (`x @ W`); gates lie side by side in one matrix in the order named here.
Elman: one. GRU: r, z, n, the reset applied after the product. LSTM: i, f, g, o.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


class Weights(NamedTuple):
    """Arrays of one recurrent layer; `gates` is 1 (Elman), 3 (GRU) or 4 (LSTM) times `hidden`.

    Attributes:
        w: input weights.
        u: recurrent weights.
        b: bias of the input side.
        bn: GRU only: bias of the recurrent product of n, inside the reset. Zeros of size 0 elsewhere.
    """

    w: Float[Array, "inputs gates"]
    u: Float[Array, "hidden gates"]
    b: Float[Array, " gates"]
    bn: Float[Array, " hidden_or_0"]


class ElmanState(NamedTuple):
    """State of an Elman layer: its hidden values."""

    h: Float[Array, "*batch hidden"]


class GRUState(NamedTuple):
    """State of a GRU layer: its hidden values."""

    h: Float[Array, "*batch hidden"]


class LSTMState(NamedTuple):
    """State of an LSTM layer: hidden values and cell values."""

    h: Float[Array, "*batch hidden"]
    c: Float[Array, "*batch hidden"]


class SLSTMState(NamedTuple):
    """State of an sLSTM layer: hidden values, weighted sum, sum of weights, logarithm that both are scaled by."""

    h: Float[Array, "*batch hidden"]
    c: Float[Array, "*batch hidden"]
    n: Float[Array, "*batch hidden"]
    m: Float[Array, "*batch hidden"]


class DilatedState(NamedTuple):
    """State of a dilated layer: its last hidden values, and the states of its threads, next one first."""

    h: Float[Array, "*batch hidden"]
    past: ElmanState | GRUState | LSTMState | SLSTMState


State = ElmanState | GRUState | LSTMState | SLSTMState | DilatedState
S = TypeVar("S", bound=State)
Step = Callable[[Weights, Float[Array, "*batch inputs"], S], S]


def elman_step(weights: Weights, x: Float[Array, "*batch inputs"], state: ElmanState) -> ElmanState:
    """Elman 1990: h' = tanh(x W + h U + b)."""
    return ElmanState(jnp.tanh(x @ weights.w + state.h @ weights.u + _row(weights.b, x)))


def gru_step(weights: Weights, x: Float[Array, "*batch inputs"], state: GRUState) -> GRUState:
    """Cho 2014: r, z = sigmoid(...); n = tanh(x Wn + bn_in + r * (h Un + bn)); h' = n + z * (h - n)."""
    xr, xz, xn = jnp.split(x @ weights.w + _row(weights.b, x), 3, axis=-1)
    hr, hz, hn = jnp.split(state.h @ weights.u, 3, axis=-1)
    r = jax.nn.sigmoid(xr + hr)
    z = jax.nn.sigmoid(xz + hz)
    n = jnp.tanh(xn + r * (hn + _row(weights.bn, x)))
    return GRUState(n + z * (state.h - n))


def lstm_step(weights: Weights, x: Float[Array, "*batch inputs"], state: LSTMState) -> LSTMState:
    """Gers 2000: c' = sigmoid(f) * c + sigmoid(i) * tanh(g); h' = sigmoid(o) * tanh(c')."""
    i, f, g, o = jnp.split(x @ weights.w + state.h @ weights.u + _row(weights.b, x), 4, axis=-1)
    c = jax.nn.sigmoid(f) * state.c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return LSTMState(jax.nn.sigmoid(o) * jnp.tanh(c), c)


def scan(
    step: Step[S],
    weights: Weights,
    xs: Float[Array, "time batch inputs"],
    state: S,
    mask: Bool[Array, "time batch"] | None = None,
) -> tuple[Float[Array, "time batch hidden"], S]:
    """Carry `state` along `xs`; returns the hidden values after every step, and the last state.

    Where `mask` is False a row holds its state over that step. Its inputs there must still be finite, or the
    weights' gradients are NaN.
    """

    def body(carry: S, given: tuple[Array, Array | None]) -> tuple[S, Array]:
        x, here = given
        after = step(weights, x, carry)
        if here is not None:
            after = jax.tree.map(lambda new, old: jnp.where(here[:, None], new, old), after, carry)
        return after, after.h

    last, hs = jax.lax.scan(body, state, (xs, mask))
    return hs, last


def decode(
    common: Float[Array, "origins units"],
    local: Float[Array, "local origins outputs"],
    from_local: Float[Array, "local units"],
    slot: Float[Array, "outputs units"],
    out: Float[Array, "units params"],
) -> Float[Array, "origins outputs params"]:
    """One hidden layer shared by the steps ahead: gelu(common + local from_local + slot) out."""
    # with all axes but the features' in one the product is a third faster, forward and backward
    inputs, origins, outputs = local.shape
    own = jnp.tensordot(local.reshape(inputs, origins * outputs), from_local, (0, 0))
    own = own.reshape(origins, outputs, from_local.shape[1])
    return jax.nn.gelu(common[:, None] + own + slot[None]) @ out


def _row(bias: Float[Array, " gates"], x: Float[Array, "*batch inputs"]) -> Float[Array, ...]:
    """A bias of the rank of `x`: ranks are not promoted in silence here."""
    return bias.reshape((1,) * (x.ndim - 1) + bias.shape)
