"""Looking into a recurrent layer: its gates over time, how far its gradient reaches back, one gate taken away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from wattcast import kernels
from wattcast.kernels.reference import GRUState, LSTMState, State, Weights
from wattcast.nets.cells import CELLS, GRU, LSTM, AbstractCell

#: Gates of each cell, in the order of docs/words.md; those a sigmoid holds between 0 and 1 can be taken away.
GATES = {"elman": ("h",), "gru": ("r", "z", "n"), "lstm": ("i", "f", "g", "o")}
#: Where a gate's sum is set so that its sigmoid is 0 or 1 to the last bit.
SHUT, OPEN = -100, 100
#: What a gate is held at when it is taken away: nothing is shut out, forgotten or kept back; GRU's z keeps nothing.
HELD = {"lstm": {"i": OPEN, "f": OPEN, "o": OPEN}, "gru": {"r": OPEN, "z": SHUT}}


def gates(cell: AbstractCell[Any], xs: Float[Array, "time batch inputs"], state: State) -> dict[str, Array]:
    """Values of every gate after each step of a sequence.

    Args:
        cell: a GRU or an LSTM layer.
        xs: its inputs.
        state: where it starts.

    Returns:
        `[time, batch, hidden]` by name: i, f, g, o and the cell values c of an LSTM, r, z, n of a GRU, and the
        outputs h of either.

    Raises:
        ValueError: the cell has no gates.
    """
    if not isinstance(cell, GRU | LSTM):
        raise ValueError(f"{type(cell).__name__} has no gates; give a GRU or an LSTM.")

    def body(before: Any, x: Array) -> tuple[Any, dict[str, Array]]:
        after = cell.step(x, before)
        inside = _lstm_gates if isinstance(cell, LSTM) else _gru_gates
        return after, {**inside(cell.weights, x, before), **after._asdict()}

    return jax.lax.scan(body, state, xs)[1]


def _lstm_gates(weights: Weights, x: Array, state: LSTMState) -> dict[str, Array]:
    i, f, g, o = jnp.split(x @ weights.w + state.h @ weights.u + weights.b[None], 4, axis=-1)
    return {"i": jax.nn.sigmoid(i), "f": jax.nn.sigmoid(f), "g": jnp.tanh(g), "o": jax.nn.sigmoid(o)}


def _gru_gates(weights: Weights, x: Array, state: GRUState) -> dict[str, Array]:
    xr, xz, xn = jnp.split(x @ weights.w + weights.b[None], 3, axis=-1)
    hr, hz, hn = jnp.split(state.h @ weights.u, 3, axis=-1)
    r = jax.nn.sigmoid(xr + hr)
    return {"r": r, "z": jax.nn.sigmoid(xz + hz), "n": jnp.tanh(xn + r * (hn + weights.bn[None]))}


def gradient_flow(
    cell: AbstractCell[Any], xs: Float[Array, "time batch inputs"], key: PRNGKeyArray, *, directions: int = 8
) -> Float[Array, " time"]:
    """How strongly the last output hangs on the state at each step before, by distance in time.

    Entry k is the root mean square, over the batch and over random directions v of unit length in the last output
    h[T], of the norm of the gradient of v · h[T] with respect to the whole state after step T - k (of an LSTM: h and
    c). Entry 0 is 1. It is the Frobenius norm of that Jacobian divided by the root of the hidden size, estimated.

    Args:
        cell: the layer, from a state of zeros.
        xs: a sequence.
        key: of the directions.
        directions: how many.
    """
    _, batch, _ = xs.shape
    start = cell.initial_state(batch)

    def last(pushes: Any) -> Array:
        def body(before: Any, given: tuple[Array, Any]) -> tuple[Any, None]:
            x, push = given
            return jax.tree.map(jnp.add, cell.step(x, before), push), None

        return jax.lax.scan(body, start, (xs, pushes))[0].h

    none = jax.tree.map(lambda leaf: jnp.zeros((xs.shape[0], *leaf.shape), leaf.dtype), start)
    _, pull = jax.vjp(last, none)
    v = jax.random.normal(key, (directions, batch, cell.hidden))
    v = v / jnp.linalg.norm(v, axis=-1, keepdims=True)
    (found,) = jax.vmap(pull)(v)
    squares = sum(jnp.sum(jnp.square(leaf), axis=-1) for leaf in found)  # [direction, time, batch]
    return jnp.sqrt(jnp.mean(squares, axis=(0, 2)))[::-1]


def reach(flow: Float[Array, " time"], least: float) -> int:
    """The first distance at which a gradient flow is below `least`; its length where it never is."""
    below = jnp.flatnonzero(flow < least, size=1, fill_value=len(flow))
    return int(below[0])


def spectral_radius(u: Float[Array, "hidden hidden"]) -> float:
    """Largest absolute eigenvalue of a recurrent matrix."""
    return float(jnp.abs(jnp.linalg.eigvals(u)).max())


class Ablated(AbstractCell[Any]):
    """A GRU or LSTM layer with one gate held still, as if it were not there: LSTM's i, f, o and GRU's r at 1, z at 0.

    Which gate that is stands in an array, so layers that differ in it share what is compiled.

    Attributes:
        weights: of all gates.
        still: by column of the weights, where its sum is held: 0 leaves it free.
        hidden: units.
        kind: gru or lstm.

    Raises:
        ValueError: the cell has no such gate.
    """

    weights: Weights
    still: Int[Array, " gates"]
    hidden: int = eqx.field(static=True)
    kind: str = eqx.field(static=True)

    def __init__(self, kind: str, gate: str | None, inputs: int, hidden: int, key: PRNGKeyArray):
        if kind not in HELD or gate not in (None, *HELD[kind]):
            raise ValueError(f"{kind!r} has no gate {gate!r} to take away; there are {HELD}.")
        self.weights = CELLS[kind](inputs, hidden, key).weights
        self.still = jnp.repeat(jnp.array([HELD[kind][name] if name == gate else 0 for name in GATES[kind]]), hidden)
        self.hidden, self.kind = hidden, kind

    def held(self) -> Weights:
        """The weights in force: those of the gate are 0, its bias far out."""
        free = self.still == 0
        w, u, b, bn = self.weights
        w, u = (jnp.where(free[None], matrix, 0.0) for matrix in (w, u))
        return Weights(w, u, jnp.where(free, b, self.still.astype(b.dtype)), bn)

    def initial_state(self, *batch: int) -> State:
        """Zeros."""
        zeros = jnp.zeros((*batch, self.hidden))
        return LSTMState(zeros, zeros) if self.kind == "lstm" else GRUState(zeros)

    def step(self, x: Float[Array, "*batch inputs"], state: Any) -> Any:
        """One step."""
        one: Callable[..., Any] = kernels.reference.lstm_step if self.kind == "lstm" else kernels.reference.gru_step
        return one(self.held(), x, state)

    def scan(self, xs: Float[Array, "time batch inputs"], state: Any) -> tuple[Float[Array, "time batch hidden"], Any]:
        """A sequence."""
        whole: Callable[..., Any] = kernels.lstm if self.kind == "lstm" else kernels.gru
        return whole(self.held(), xs, state)
