"""Newer cells behind the interface of the classic three: peephole and coupled-gate LSTM, minGRU, minLSTM, sLSTM.

Equations: docs/words.md. The coupled gate is an LSTM with tied weights and runs on its kernel; minGRU and minLSTM are
linear in their state, so a parallel scan can run them; the peephole LSTM and the sLSTM run step by step in plain
JAX, with the input product of all steps taken at once. What each is worth on load: docs/learn/cells.md.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from wattcast import kernels
from wattcast.kernels import reference
from wattcast.kernels.reference import GRUState, LSTMState, S, SLSTMState, Weights
from wattcast.nets.cells import AbstractCell, initial_weights, lstm_weights


class AbstractGated(AbstractCell[S]):
    """A cell that takes the input product of a whole sequence at once, then goes step by step."""

    def from_input(self, x: Float[Array, "*batch inputs"]) -> Float[Array, "*batch gates"]:
        """The input's part of the gates: x W + b."""
        sums = x @ self.weights.w
        return sums + jnp.broadcast_to(self.weights.b, sums.shape)

    @abstractmethod
    def after(self, sums: Float[Array, "*batch gates"], state: S) -> S:
        """State after one more input, of which `sums` is the part that enters the gates."""

    def step(self, x: Float[Array, "*batch inputs"], state: S) -> S:
        """One step."""
        return self.after(self.from_input(x), state)

    def scan(self, xs: Float[Array, "time batch inputs"], state: S) -> tuple[Float[Array, "time batch hidden"], S]:
        """A sequence."""

        def body(carry: S, sums: Array) -> tuple[S, Array]:
            after = self.after(sums, carry)
            return after, after.h

        last, hs = jax.lax.scan(body, state, self.from_input(xs))
        return hs, last


class PeepholeLSTM(AbstractGated[LSTMState]):
    """LSTM whose gates see the cell value: i and f the old one, o the new one (Gers & Schmidhuber 2000).

    Attributes:
        peephole: `[3, hidden]`, of i, f, o; zero at the start, where it is the plain LSTM.
    """

    weights: Weights
    peephole: Float[Array, "3 hidden"]
    hidden: int = eqx.field(static=True)

    def __init__(self, inputs: int, hidden: int, key: PRNGKeyArray):
        self.weights = lstm_weights(inputs, hidden, key)
        self.peephole = jnp.zeros((3, hidden))
        self.hidden = hidden

    def initial_state(self, *batch: int) -> LSTMState:
        """Zeros."""
        zeros = jnp.zeros((*batch, self.hidden))
        return LSTMState(zeros, zeros)

    def after(self, sums: Float[Array, "*batch gates"], state: LSTMState) -> LSTMState:
        """One step from the input's part."""
        i, f, g, o = jnp.split(sums + state.h @ self.weights.u, 4, axis=-1)
        pi, pf, po = (jnp.broadcast_to(p, state.c.shape) for p in self.peephole)
        c = jax.nn.sigmoid(f + pf * state.c) * state.c + jax.nn.sigmoid(i + pi * state.c) * jnp.tanh(g)
        return LSTMState(jax.nn.sigmoid(o + po * c) * jnp.tanh(c), c)


class CoupledLSTM(AbstractCell[LSTMState]):
    """LSTM that forgets as much as it takes in, f = 1 - i (Greff 2017, "LSTM: a search space odyssey": CIFG).

    Gates i, g, o. As 1 - sigmoid(a) = sigmoid(-a) it is the LSTM whose forget weights are those of the input gate with
    the other sign: the LSTM's kernel runs it.
    """

    weights: Weights
    hidden: int = eqx.field(static=True)

    def __init__(self, inputs: int, hidden: int, key: PRNGKeyArray):
        weights = initial_weights(inputs, hidden, 3, key)
        self.weights = weights._replace(b=weights.b.at[:hidden].set(-1.0), bn=jnp.zeros(0))
        self.hidden = hidden

    def as_lstm(self) -> Weights:
        """Weights of the LSTM it is: gates i, f, g, o."""

        def tied(a: Array) -> Array:
            i, rest = a[..., : self.hidden], a[..., self.hidden :]
            return jnp.concatenate([i, -i, rest], axis=-1)

        return self.weights._replace(w=tied(self.weights.w), u=tied(self.weights.u), b=tied(self.weights.b))

    def initial_state(self, *batch: int) -> LSTMState:
        """Zeros."""
        zeros = jnp.zeros((*batch, self.hidden))
        return LSTMState(zeros, zeros)

    def step(self, x: Float[Array, "*batch inputs"], state: LSTMState) -> LSTMState:
        """One step."""
        return reference.lstm_step(self.as_lstm(), x, state)

    def scan(
        self, xs: Float[Array, "time batch inputs"], state: LSTMState
    ) -> tuple[Float[Array, "time batch hidden"], LSTMState]:
        """A sequence."""
        return kernels.lstm(self.as_lstm(), xs, state)


def one_by_one(
    keep: Float[Array, "time batch hidden"], add: Float[Array, "time batch hidden"], h: Float[Array, "batch hidden"]
) -> Float[Array, "time batch hidden"]:
    """All states of h' = keep * h + add, in `time` steps."""

    def body(h: Array, given: tuple[Array, Array]) -> tuple[Array, Array]:
        h = given[0] * h + given[1]
        return h, h

    return jax.lax.scan(body, h, (keep, add), unroll=4)[1]


def in_parallel(
    keep: Float[Array, "time batch hidden"], add: Float[Array, "time batch hidden"], h: Float[Array, "batch hidden"]
) -> Float[Array, "time batch hidden"]:
    """The same in about 2 log2(time) rounds (Blelloch 1990)."""

    def joined(first: tuple[Array, Array], second: tuple[Array, Array]) -> tuple[Array, Array]:
        return second[0] * first[0], second[0] * first[1] + second[1]

    return jax.lax.associative_scan(joined, (keep, add.at[0].add(keep[0] * h)))[1]


class AbstractMinimal(AbstractCell[GRUState]):
    """A cell linear in its state, h' = keep * h + add, where keep and add come from the input alone."""

    @abstractmethod
    def keep_and_add(
        self, x: Float[Array, "*batch inputs"]
    ) -> tuple[Float[Array, "*batch hidden"], Float[Array, "*batch hidden"]]:
        """What the step keeps of the state, between 0 and 1, and what it adds."""

    def initial_state(self, *batch: int) -> GRUState:
        """Zeros."""
        return GRUState(jnp.zeros((*batch, self.hidden)))

    def step(self, x: Float[Array, "*batch inputs"], state: GRUState) -> GRUState:
        """One step."""
        keep, add = self.keep_and_add(x)
        return GRUState(keep * state.h + add)

    def scan(
        self, xs: Float[Array, "time batch inputs"], state: GRUState
    ) -> tuple[Float[Array, "time batch hidden"], GRUState]:
        """A sequence: a parallel scan on an accelerator; on a CPU step by step, where that is 1.2 to 1.8 times faster.

        Every product is of numbers between 0 and 1, so nothing overflows, and logarithms are not needed.
        """
        keep, add = self.keep_and_add(xs)
        run = one_by_one if jax.default_backend() == "cpu" else in_parallel
        hs = run(keep, add, state.h)
        return hs, GRUState(hs[-1])

    def _gates(self, x: Float[Array, "*batch inputs"], count: int) -> list[Array]:
        sums = x @ self.weights.w
        return jnp.split(sums + jnp.broadcast_to(self.weights.b, sums.shape), count, axis=-1)


class MinGRU(AbstractMinimal):
    """h' = (1 - z) h + z n with gate z and candidate n from the input alone (Feng 2024, "Were RNNs all we needed?")."""

    weights: Weights
    hidden: int = eqx.field(static=True)

    def __init__(self, inputs: int, hidden: int, key: PRNGKeyArray):
        self.weights = _without_recurrence(inputs, hidden, 2, key)
        self.hidden = hidden

    def keep_and_add(
        self, x: Float[Array, "*batch inputs"]
    ) -> tuple[Float[Array, "*batch hidden"], Float[Array, "*batch hidden"]]:
        """1 - z, and z n; gates z, n."""
        z, n = self._gates(x, 2)
        return jax.nn.sigmoid(-z), jax.nn.sigmoid(z) * n


class MinLSTM(AbstractMinimal):
    """h' = (f h + i n) / (f + i) with gates f, i and candidate n from the input alone (Feng 2024)."""

    weights: Weights
    hidden: int = eqx.field(static=True)

    def __init__(self, inputs: int, hidden: int, key: PRNGKeyArray):
        weights = _without_recurrence(inputs, hidden, 3, key)
        self.weights = weights._replace(b=weights.b.at[hidden : 2 * hidden].set(1.0))
        self.hidden = hidden

    def keep_and_add(
        self, x: Float[Array, "*batch inputs"]
    ) -> tuple[Float[Array, "*batch hidden"], Float[Array, "*batch hidden"]]:
        """Shares f / (f + i), and i / (f + i) times n; gates i, f, n."""
        i, f, n = self._gates(x, 3)
        odds = jax.nn.log_sigmoid(f) - jax.nn.log_sigmoid(i)  # of keeping, as a logarithm: f + i may be near 0
        return jax.nn.sigmoid(odds), jax.nn.sigmoid(-odds) * n


class SLSTM(AbstractGated[SLSTMState]):
    """LSTM with an exponential input gate, kept in range by a running maximum (Beck 2024, "xLSTM": sLSTM, one head).

    Gates i, f, g, o; f is a sigmoid. The cell value is a weighted mean of all candidates so far, c / n.
    """

    weights: Weights
    hidden: int = eqx.field(static=True)

    def __init__(self, inputs: int, hidden: int, key: PRNGKeyArray):
        self.weights = lstm_weights(inputs, hidden, key)
        self.hidden = hidden

    def initial_state(self, *batch: int) -> SLSTMState:
        """Zeros."""
        zeros = jnp.zeros((*batch, self.hidden))
        return SLSTMState(zeros, zeros, zeros, zeros)

    def after(self, sums: Float[Array, "*batch gates"], state: SLSTMState) -> SLSTMState:
        """One step from the input's part."""
        i, f, g, o = jnp.split(sums + state.h @ self.weights.u, 4, axis=-1)
        old = jax.nn.log_sigmoid(f) + state.m
        begun = state.n > 0  # before the first step there is nothing old
        m = jax.lax.stop_gradient(jnp.where(begun, jnp.maximum(old, i), i))  # c / n does not depend on it
        new, kept = jnp.exp(i - m), jnp.where(begun, jnp.exp(jnp.where(begun, old - m, 0.0)), 0.0)
        c = kept * state.c + new * jnp.tanh(g)
        n = kept * state.n + new  # 1 or more: one of the two exponents is 0
        return SLSTMState(jax.nn.sigmoid(o) * c / n, c, n, m)


def _without_recurrence(inputs: int, hidden: int, gates: int, key: PRNGKeyArray) -> Weights:
    """Glorot-uniform input weights for each gate and zero biases; no recurrent weights."""
    glorot = jax.nn.initializers.glorot_uniform()
    w = [glorot(k, (inputs, hidden), jnp.float32) for k in jax.random.split(key, gates)]
    return Weights(jnp.hstack(w), jnp.zeros((hidden, 0)), jnp.zeros(gates * hidden), jnp.zeros(0))


#: For experiments and `wattcast learn cells`; what a forecaster may be asked for is in `cells.CELLS`.
NEWER: dict[str, Callable[[int, int, PRNGKeyArray], AbstractCell[Any]]] = {
    "peephole": PeepholeLSTM,
    "coupled": CoupledLSTM,
    "mingru": MinGRU,
    "minlstm": MinLSTM,
    "slstm": SLSTM,
}
