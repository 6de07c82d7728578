"""The ops on the CPU by the native library: `native/` at the top of the repository.

One call runs a whole layer over a sequence, or the decoder at all origins, and one call its gradient. The library is
loaded by ctypes when first asked for and registered with JAX as custom calls. Works under `jit`, `scan`, `grad` and
`vmap` (members of an ensemble share the threads); second derivatives and forward mode are the reference's alone. f32
only.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Bool, Float

from wattcast.kernels import reference
from wattcast.kernels.reference import ElmanState, GRUState, LSTMState, S, Weights
from wattcast.library import Unavailable, shared

_CELLS = {ElmanState: 0, GRUState: 1, LSTMState: 2}


@functools.cache
def library() -> ctypes.CDLL:
    """The loaded library, registered with JAX.

    Raises:
        Unavailable: if it was not built, or does not fit this installation.
    """
    lib = shared()
    for name in ("forward", "backward", "decoder_forward", "decoder_backward"):
        try:
            handler = getattr(lib, f"wattcast_ffi_{name}")
            jax.ffi.register_ffi_target(f"wattcast_{name}", jax.ffi.pycapsule(handler), platform="cpu")
        except AttributeError as error:
            raise Unavailable("the native library was built without jaxlib's headers") from error
        except Exception as error:  # XLA answers a version it does not know with errors of several kinds
            raise Unavailable(f"this jaxlib does not take the native library: {error}") from error
    return lib


def targets() -> list[str]:
    """Instruction sets this machine can run, best first."""
    names = (library().wattcast_target_name(i) for i in range(8))
    return [name.decode() for name in names if name is not None]


def target() -> str:
    """The instruction set in force; `WATTCAST_TARGET` in the environment chooses."""
    return library().wattcast_target().decode()


def use_target(name: str) -> None:
    """Take another instruction set, for tests.

    Raises:
        ValueError: if this machine cannot run it.
    """
    if not library().wattcast_use_target(name.encode()):
        raise ValueError(f"this machine runs no target {name!r}; it runs {', '.join(targets())}")


def threads() -> int:
    """Threads a call may use: `WATTCAST_THREADS`, else what affinity and control group allow."""
    return library().wattcast_threads()


def use_threads(count: int) -> None:
    """Allow another number of threads, from 1 to 1024."""
    library().wattcast_use_threads(count)


def layer(
    weights: Weights,
    xs: Float[Array, "time batch inputs"],
    state: S,
    mask: Bool[Array, "time batch"] | None = None,
) -> tuple[Float[Array, "time batch hidden"], S]:
    """A layer over a sequence; the state's type says which cell. All sizes at least 1, all arrays f32."""
    library()
    held = jnp.zeros((0, xs.shape[1]), jnp.float32) if mask is None else mask.astype(jnp.float32)
    return _layer(weights, xs, state, held)


@jax.custom_vjp
def _layer(weights: Weights, xs: Array, state: Any, mask: Array) -> tuple[Array, Any]:
    hs, last, _ = _call_forward(weights, xs, state, mask, save=False)
    return hs, last


def _forward(weights: Weights, xs: Any, state: Any, mask: Any) -> tuple[tuple[Array, Any], tuple]:
    wants_dx = xs.perturbed
    given = (weights, xs, state, mask)
    weights, xs, state, mask = jax.tree.map(lambda leaf: leaf.value, given, is_leaf=_is_primal)
    hs, last, saved = _call_forward(weights, xs, state, mask, save=True)
    # An empty tuple or None: the residuals may hold arrays only, their structure says whether dx is wanted.
    return (hs, last), (weights, xs, state, mask, hs, saved, () if wants_dx else None)


def _backward(residuals: tuple, gradients: tuple) -> tuple[Weights, Array | None, Any, None]:
    weights, xs, state, mask, hs, saved, wants_dx = residuals
    d_hs, d_last = gradients
    time, batch, hidden = hs.shape
    if isinstance(d_hs, SymbolicZero):
        d_hs = jnp.zeros((0, batch, hidden), hs.dtype)
    d_last = jax.tree.map(_solid, d_last, is_leaf=lambda leaf: isinstance(leaf, SymbolicZero))
    empty = jnp.zeros((batch, 0), hs.dtype)
    cell, is_lstm = _CELLS[type(state)], isinstance(state, LSTMState)
    results = [*map(_like, weights), _f32(0 if wants_dx is None else time, *xs.shape[1:]), _like(state.h)]
    dw, du, db, dbn, dx, dh, dc = jax.ffi.ffi_call(
        "wattcast_backward",
        [*results, _like(state.c if is_lstm else empty)],
        vmap_method="expand_dims",
    )(
        weights.w,
        weights.u,
        xs,
        state.h,
        state.c if is_lstm else empty,
        hs,
        saved,
        d_hs,
        d_last.h,
        d_last.c if is_lstm else empty,
        mask,
        cell=np.int64(cell),
    )
    d_state = type(state)(dh, dc) if is_lstm else type(state)(dh)
    return Weights(dw, du, db, dbn), None if wants_dx is None else dx, d_state, None


_layer.defvjp(_forward, _backward, symbolic_zeros=True)


def _call_forward(weights: Weights, xs: Array, state: Any, mask: Array, *, save: bool) -> tuple[Array, Any, Array]:
    time, batch, inputs = xs.shape
    hidden = state.h.shape[-1]
    cell, is_lstm = _CELLS[type(state)], isinstance(state, LSTMState)
    saved = library().wattcast_saved_floats(cell, time, batch, inputs, hidden) if save else 0
    c = state.c if is_lstm else jnp.zeros((batch, 0), xs.dtype)
    hs, c_last, saved = jax.ffi.ffi_call(
        "wattcast_forward",
        [_f32(time, batch, hidden), _like(c), _f32(saved)],
        vmap_method="expand_dims",
    )(*weights, xs, state.h, c, mask, cell=np.int64(cell))
    return hs, type(state)(hs[-1], c_last) if is_lstm else type(state)(hs[-1]), saved


@jax.custom_vjp
def decode(common: Array, local: Array, from_local: Array, slot: Array, out: Array) -> Array:
    """`reference.decode`. All sizes at least 1, at most 3 params, all arrays f32."""
    library()
    shape = (len(common), len(slot), out.shape[-1])
    return jax.ffi.ffi_call("wattcast_decoder_forward", _f32(*shape), vmap_method="expand_dims")(
        common, local, from_local, slot, out
    )


def _decode_forward(common: Any, local: Any, *weights: Any) -> tuple[Array, tuple]:
    given = tuple(leaf.value for leaf in (common, local, *weights))
    return decode(*given), (given, () if local.perturbed else None)


def _decode_backward(residuals: tuple, d_raw: Any) -> tuple[Array | None, ...]:
    given, wants_d_local = residuals
    common, local, *weights = given
    d_raw = _solid(d_raw)
    call = jax.ffi.ffi_call("wattcast_decoder_backward", [*map(_like, (common, *weights))], vmap_method="expand_dims")
    d_common, *d_weights = call(*given, d_raw)
    d_local = None
    if wants_d_local is not None:  # never in training
        _, pull = jax.vjp(lambda local: reference.decode(common, local, *weights), local)
        (d_local,) = pull(d_raw)
    return d_common, d_local, *d_weights


decode.defvjp(_decode_forward, _decode_backward, symbolic_zeros=True)


def _f32(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def _like(array: Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(array.shape, array.dtype)


def _solid(leaf: Any) -> Array:
    return jnp.zeros(leaf.shape, leaf.dtype) if isinstance(leaf, SymbolicZero) else leaf


def _is_primal(leaf: Any) -> bool:
    return hasattr(leaf, "perturbed")
