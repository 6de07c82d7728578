"""Ops on arrays, which know nothing of meters: `elman`, `gru`, `lstm` for the cells, `decode` for the network.

Each runs on the native library where that is built and fits (f32 on the CPU), else in plain JAX; `which` says what
is in force. Where `mask` is False a row holds its state over that step (finite inputs all the same).
`WATTCAST_KERNELS=reference` in the environment asks for plain JAX everywhere: it is slower, and has forward mode and
second derivatives, which the native gradient has not. `WATTCAST_TARGET=bf16` rounds what products multiply to bf16.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from wattcast.kernels import native, reference
from wattcast.kernels.reference import ElmanState, GRUState, LSTMState, State, Weights
from wattcast.library import Unavailable

__all__ = ["ElmanState", "GRUState", "LSTMState", "Weights", "decode", "elman", "gru", "lstm", "which"]

#: Raw numbers of an output that the native decoder knows of.
MOST_PARAMS = 3


with contextlib.suppress(Unavailable):
    native.library()  # before JAX starts its threads, so that their memory comes from one place and is kept


def elman(
    weights: Weights,
    xs: Float[Array, "time batch inputs"],
    state: ElmanState,
    mask: Bool[Array, "time batch"] | None = None,
) -> tuple[Float[Array, "time batch hidden"], ElmanState]:
    """Elman layer over a sequence: hidden values after every step, last state."""
    _check(weights, xs, state, mask, gates=1)
    if _native_fits(weights, xs, state):
        return native.layer(weights, xs, state, mask)
    return reference.scan(reference.elman_step, weights, xs, state, mask)


def gru(
    weights: Weights,
    xs: Float[Array, "time batch inputs"],
    state: GRUState,
    mask: Bool[Array, "time batch"] | None = None,
) -> tuple[Float[Array, "time batch hidden"], GRUState]:
    """GRU layer over a sequence: hidden values after every step, last state."""
    _check(weights, xs, state, mask, gates=3)
    if _native_fits(weights, xs, state):
        return native.layer(weights, xs, state, mask)
    return reference.scan(reference.gru_step, weights, xs, state, mask)


def lstm(
    weights: Weights,
    xs: Float[Array, "time batch inputs"],
    state: LSTMState,
    mask: Bool[Array, "time batch"] | None = None,
) -> tuple[Float[Array, "time batch hidden"], LSTMState]:
    """LSTM layer over a sequence: hidden values after every step, last state."""
    _check(weights, xs, state, mask, gates=4)
    if _native_fits(weights, xs, state):
        return native.layer(weights, xs, state, mask)
    return reference.scan(reference.lstm_step, weights, xs, state, mask)


def decode(
    common: Float[Array, "origins units"],
    local: Float[Array, "local origins outputs"],
    from_local: Float[Array, "local units"],
    slot: Float[Array, "outputs units"],
    out: Float[Array, "units params"],
) -> Float[Array, "origins outputs params"]:
    """One hidden layer shared by the steps ahead, `gelu(common + local from_local + slot) out`."""
    given = (common, local, from_local, slot, out)
    (inputs, units), (outputs, params) = from_local.shape, (len(slot), out.shape[-1])
    wanted = ((len(common), units), (inputs, len(common), outputs), (inputs, units), (outputs, units), (units, params))
    if tuple(array.shape for array in given) != wanted:
        raise ValueError(f"the decoder's arrays must have shapes {wanted}, got {tuple(a.shape for a in given)}")
    if params <= MOST_PARAMS and min(array.size for array in given) > 0 and _native_takes(given):
        return native.decode(*given)
    return reference.decode(*given)


def which() -> str:
    """One line for people: which path f32 arrays take on this machine, and why."""
    reason = _no_native()
    if reason is not None:
        return f"plain JAX: {reason}"
    return f"native: {native.target()}, {native.threads()} threads"


def _no_native() -> str | None:
    """Why the native library is not used at all, or None if it is."""
    if os.environ.get("WATTCAST_KERNELS") == "reference":
        return "WATTCAST_KERNELS asks for it"
    try:
        native.library()
    except Unavailable as unavailable:
        return str(unavailable)
    if jax.default_backend() != "cpu":
        return f"the native library is for the CPU, and JAX runs on {jax.default_backend()}"
    return None


def _native_fits(weights: Weights, xs: Array, state: State) -> bool:
    sizes = (*xs.shape, state.h.shape[-1])
    return min(sizes) > 0 and _native_takes((weights, xs, state))


def _native_takes(arrays: Any) -> bool:
    return all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(arrays)) and _no_native() is None


def _check(weights: Weights, xs: Array, state: State, mask: Array | None, gates: int) -> None:
    """Raise ValueError where shapes do not fit each other: the native side must never meet them."""
    if xs.ndim != 3:
        raise ValueError(f"xs must be [time, batch, inputs], got shape {xs.shape}; add the missing axes")
    hidden = state.h.shape[-1] if state.h.ndim else 0
    wanted = {
        "weights.w": (weights.w, (xs.shape[2], gates * hidden)),
        "weights.u": (weights.u, (hidden, gates * hidden)),
        "weights.b": (weights.b, (gates * hidden,)),
        "weights.bn": (weights.bn, (hidden if gates == 3 else 0,)),
        **{f"state.{name}": (value, (xs.shape[1], hidden)) for name, value in state._asdict().items()},
        **({} if mask is None else {"mask": (mask, xs.shape[:2])}),
    }
    for name, (array, shape) in wanted.items():
        if array.shape != shape:
            raise ValueError(
                f"{name} must have shape {shape} for xs of shape {xs.shape} and {hidden} hidden units, "
                f"got {array.shape}"
            )
