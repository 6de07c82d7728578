"""Recurrent ops on arrays. They know nothing of meters; `elman`, `gru`, `lstm` are what the cells call."""

from __future__ import annotations

from jaxtyping import Array, Float

from wattcast.kernels import reference
from wattcast.kernels.reference import ElmanState, GRUState, LSTMState, Weights


def elman(
    weights: Weights, xs: Float[Array, "time batch inputs"], state: ElmanState
) -> tuple[Float[Array, "time batch hidden"], ElmanState]:
    """Elman layer over a sequence: hidden values after every step, last state."""
    return reference.scan(reference.elman_step, weights, xs, state)


def gru(
    weights: Weights, xs: Float[Array, "time batch inputs"], state: GRUState
) -> tuple[Float[Array, "time batch hidden"], GRUState]:
    """GRU layer over a sequence: hidden values after every step, last state."""
    return reference.scan(reference.gru_step, weights, xs, state)


def lstm(
    weights: Weights, xs: Float[Array, "time batch inputs"], state: LSTMState
) -> tuple[Float[Array, "time batch hidden"], LSTMState]:
    """LSTM layer over a sequence: hidden values after every step, last state."""
    return reference.scan(reference.lstm_step, weights, xs, state)
