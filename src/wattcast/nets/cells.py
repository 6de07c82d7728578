"""Recurrent layers as Equinox modules: Elman, GRU, LSTM. One `scan`, one `step`; state in, state out.

Every layer starts with orthogonal recurrence (Saxe 2014), Glorot input weights, zero biases; the LSTM's
forget bias starts at 1 (Gers 2000, Jozefowicz 2015). Gate order: docs/words.md.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Generic

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from wattcast import kernels
from wattcast.kernels import reference
from wattcast.kernels.reference import ElmanState, GRUState, LSTMState, S, Weights


def orthogonal(key: PRNGKeyArray, rows: int, columns: int) -> Float[Array, "rows columns"]:
    """Random columns at right angles, each of length 1, at most as many as rows (Saxe 2014).

    Gram-Schmidt, each column twice (Giraud 2005), and not the QR of LAPACK: jaxlib runs that on the pool of threads it
    waits for, and two at once in one compiled call wait for ever where the pool has two threads.
    """

    def column(found: Array, drawn: tuple[Array, Array]) -> tuple[Array, None]:
        k, v = drawn
        for _ in range(2):
            v = v - (found @ v) @ found
        return found.at[k].set(v / jnp.sqrt(v @ v)), None

    drawn = jnp.arange(columns), jax.random.normal(key, (rows, columns)).T
    return jax.lax.scan(column, jnp.zeros((columns, rows)), drawn)[0].T


def initial_weights(inputs: int, hidden: int, gates: int, key: PRNGKeyArray) -> Weights:
    """Orthogonal recurrence for each gate, Glorot-uniform input weights for each gate, zero biases."""
    kw, ku = jax.random.split(key)
    w = _side_by_side(jax.nn.initializers.glorot_uniform(), (inputs, hidden), jax.random.split(kw, gates))
    u = _side_by_side(lambda key, shape, _: orthogonal(key, *shape), (hidden, hidden), jax.random.split(ku, gates))
    bn = hidden if gates == 3 else 0
    return Weights(w, u, jnp.zeros(gates * hidden), jnp.zeros(bn))


def _side_by_side(start: Callable[..., Array], shape: tuple[int, int], keys: Array) -> Array:
    """A matrix a key, one beside the other; drawn at once, as drawing each alone takes twice as long to compile."""
    drawn = jax.vmap(lambda key: start(key, shape, jnp.float32))(keys)
    return drawn.swapaxes(0, 1).reshape(shape[0], -1)


def lstm_weights(inputs: int, hidden: int, key: PRNGKeyArray) -> Weights:
    """Those of four gates i, f, g, o, where the forget gate begins open: its bias is 1 (Gers 2000)."""
    weights = initial_weights(inputs, hidden, 4, key)
    return weights._replace(b=weights.b.at[hidden : 2 * hidden].set(1.0))


class AbstractCell(eqx.Module, Generic[S]):
    """A recurrent layer: how it starts, one step, a whole sequence."""

    weights: eqx.AbstractVar[Weights]
    hidden: eqx.AbstractVar[int]

    @abstractmethod
    def initial_state(self, *batch: int) -> S:
        """State before the first reading: zeros `[*batch, hidden]`."""

    @abstractmethod
    def step(self, x: Float[Array, "*batch inputs"], state: S) -> S:
        """State after one more input; `state.h` is also the output."""

    @abstractmethod
    def scan(self, xs: Float[Array, "time batch inputs"], state: S) -> tuple[Float[Array, "time batch hidden"], S]:
        """Outputs after every step of a sequence, and the last state."""


class Elman(AbstractCell[ElmanState]):
    """h' = tanh(x W + h U + b)  (Elman 1990, "Finding structure in time")."""

    weights: Weights
    hidden: int = eqx.field(static=True)

    def __init__(self, inputs: int, hidden: int, key: PRNGKeyArray):
        self.weights = initial_weights(inputs, hidden, 1, key)
        self.hidden = hidden

    def initial_state(self, *batch: int) -> ElmanState:
        """Zeros."""
        return ElmanState(jnp.zeros((*batch, self.hidden)))

    def step(self, x: Float[Array, "*batch inputs"], state: ElmanState) -> ElmanState:
        """One step."""
        return reference.elman_step(self.weights, x, state)

    def scan(
        self, xs: Float[Array, "time batch inputs"], state: ElmanState
    ) -> tuple[Float[Array, "time batch hidden"], ElmanState]:
        """A sequence."""
        return kernels.elman(self.weights, xs, state)


class GRU(AbstractCell[GRUState]):
    """Gated recurrent unit, reset after the product (Cho 2014; the variant cuDNN and PyTorch have)."""

    weights: Weights
    hidden: int = eqx.field(static=True)

    def __init__(self, inputs: int, hidden: int, key: PRNGKeyArray):
        self.weights = initial_weights(inputs, hidden, 3, key)
        self.hidden = hidden

    def initial_state(self, *batch: int) -> GRUState:
        """Zeros."""
        return GRUState(jnp.zeros((*batch, self.hidden)))

    def step(self, x: Float[Array, "*batch inputs"], state: GRUState) -> GRUState:
        """One step."""
        return reference.gru_step(self.weights, x, state)

    def scan(
        self, xs: Float[Array, "time batch inputs"], state: GRUState
    ) -> tuple[Float[Array, "time batch hidden"], GRUState]:
        """A sequence."""
        return kernels.gru(self.weights, xs, state)


class LSTM(AbstractCell[LSTMState]):
    """Long short-term memory with a forget gate (Hochreiter & Schmidhuber 1997; Gers 2000)."""

    weights: Weights
    hidden: int = eqx.field(static=True)

    def __init__(self, inputs: int, hidden: int, key: PRNGKeyArray):
        self.weights = lstm_weights(inputs, hidden, key)
        self.hidden = hidden

    def initial_state(self, *batch: int) -> LSTMState:
        """Zeros."""
        zeros = jnp.zeros((*batch, self.hidden))
        return LSTMState(zeros, zeros)

    def step(self, x: Float[Array, "*batch inputs"], state: LSTMState) -> LSTMState:
        """One step."""
        return reference.lstm_step(self.weights, x, state)

    def scan(
        self, xs: Float[Array, "time batch inputs"], state: LSTMState
    ) -> tuple[Float[Array, "time batch hidden"], LSTMState]:
        """A sequence."""
        return kernels.lstm(self.weights, xs, state)


CELLS: dict[str, type[Elman] | type[GRU] | type[LSTM]] = {"elman": Elman, "gru": GRU, "lstm": LSTM}
