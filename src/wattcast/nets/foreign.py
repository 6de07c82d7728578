"""Recurrent layers trained elsewhere: weights of PyTorch and Keras as a `Stack`, from their arrays alone.

Neither library is needed: what goes in are arrays by the names, or in the order, that they give. Conventions of the
three are in docs/words.md; `tests/nets/test_foreign.py` holds the outputs to numbers those libraries gave.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from wattcast.kernels.reference import Weights
from wattcast.nets.stack import Stack

Cell = Literal["gru", "lstm"]
Floats = NDArray[np.float32]
_GATES = {"gru": 3, "lstm": 4}
_TORCH = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def lstm_from_torch(arrays: Mapping[str, Any]) -> Stack:
    """The layers of a `torch.nn.LSTM`, without links around them: outputs and last states are those of torch.

    Args:
        arrays: its `state_dict()` as arrays: `weight_ih_l0` `[4 hidden, inputs]`, `weight_hh_l0` `[4 hidden, hidden]`
            and, unless it has none, `bias_ih_l0` and `bias_hh_l0` `[4 hidden]`, then those of `l1`, ... A single layer
            read backward (`bidirectional=True`) is one of these as well, with the ending `_reverse` taken off.

    Returns:
        A stack that reads `[time, batch, inputs]` (torch's default order, not `batch_first`); gates of both are
        i, f, g, o, and both biases are added up. Dropout between layers is a matter of training, and is not there.

    Raises:
        ValueError: an array is missing, of another shape, not of finite numbers, or belongs to something that these
            layers do not have (a second direction, a projection); the message names it.
    """
    return _stack("lstm", [_from_torch("lstm", k, layer) for k, layer in enumerate(_torch_layers(arrays))])


def gru_from_torch(arrays: Mapping[str, Any]) -> Stack:
    """The layers of a `torch.nn.GRU`; all as in `lstm_from_torch`.

    Args:
        arrays: its `state_dict()` as arrays, with `3 hidden` rows in place of four. Gates of both are r, z, n, with the
            reset after the product; both biases are added up but that of n in `bias_hh`, which is inside the reset.

    Returns:
        A stack that reads `[time, batch, inputs]`.

    Raises:
        ValueError: as in `lstm_from_torch`.
    """
    return _stack("gru", [_from_torch("gru", k, layer) for k, layer in enumerate(_torch_layers(arrays))])


def lstm_from_keras(layers: Sequence[Sequence[Any]]) -> Stack:
    """Keras `LSTM` layers on top of each other, with Keras' own activations (tanh, sigmoid).

    Args:
        layers: `layer.get_weights()` of each, first to last: `kernel` `[inputs, 4 units]`, `recurrent_kernel`
            `[units, 4 units]` and, unless `use_bias=False`, `bias` `[4 units]`. Each half of a `Bidirectional` is such
            a list.

    Returns:
        A stack that reads `[time, batch, inputs]` where Keras reads `[batch, time, inputs]`; gates of both are
        i, f, g, o. What Keras does between layers (dropout, normalisation, `go_backwards`) is not in the weights, and
        not in the stack.

    Raises:
        ValueError: an array is missing, of another shape or not of finite numbers; the message names it.
    """
    found = []
    for k, arrays in enumerate(_keras_layers(layers)):
        w, u, hidden = _kernels("lstm", k, arrays)
        b = _numbers(f"bias of layer {k}", arrays[2], (4 * hidden,)) if len(arrays) > 2 else np.zeros(4 * hidden)
        found.append(_weights(w, u, b, np.zeros(0)))
    return _stack("lstm", found)


def gru_from_keras(layers: Sequence[Sequence[Any]]) -> Stack:
    """Keras `GRU` layers with `reset_after=True`, its default, on top of each other; all as in `lstm_from_keras`.

    Args:
        layers: `layer.get_weights()` of each: `kernel` `[inputs, 3 units]`, `recurrent_kernel` `[units, 3 units]`,
            `bias` `[2, 3 units]`, of the input and of the recurrent product. Keras has the gates z, r, n, here they
            are r, z, n; z keeps the old state in both.

    Returns:
        A stack that reads `[time, batch, inputs]`.

    Raises:
        ValueError: as in `lstm_from_keras`; also for `reset_after=False`, where the reset comes before the product and
            no GRU here can say the same, and without biases, as nothing then tells the two apart.
    """
    found = []
    for k, arrays in enumerate(_keras_layers(layers)):
        w, u, hidden = _kernels("gru", k, arrays)
        if len(arrays) < 3:
            raise ValueError(
                f"The bias of layer {k} is missing, and without it nothing tells whether the layer resets after the "
                f"product; if it does (reset_after=True), give zeros of shape (2, {3 * hidden})."
            )
        if np.shape(arrays[2]) == (3 * hidden,):
            raise ValueError(
                f"The bias of layer {k} has shape ({3 * hidden},): it is of a GRU with reset_after=False, whose reset "
                "comes before the product; only reset_after=True can be taken."
            )
        b, c = _numbers(f"bias of layer {k}", arrays[2], (2, 3 * hidden))
        w, u, b, c = (_reset_first(a) for a in (w, u, b, c))
        found.append(_gru_weights(w, u, b, c))
    return _stack("gru", found)


def _torch_layers(arrays: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Arrays of each layer by the first part of their names; refuses what no layer has."""
    layers: dict[int, dict[str, Any]] = {}
    for name, array in arrays.items():
        found = re.fullmatch(r"(weight_ih|weight_hh|bias_ih|bias_hh)_l(\d+)", name)
        if found is None:
            raise ValueError(f"The array {name!r} {_why_not(name)}.")
        layers.setdefault(int(found[2]), {})[found[1]] = array
    if not layers:
        raise ValueError("There are no arrays; give those of a state_dict: 'weight_ih_l0', 'weight_hh_l0', ...")
    biases = any(part.startswith("bias") for layer in layers.values() for part in layer)
    for k in range(max(layers) + 1):
        for part in _TORCH if biases else _TORCH[:2]:
            if part not in layers.get(k, {}):
                raise ValueError(f"The array '{part}_l{k}' is missing.")
    return [layers[k] for k in sorted(layers)]


def _why_not(name: str) -> str:
    if name.endswith("_reverse"):
        return (
            "belongs to a second direction, which a stack does not have; a single layer can be taken in two calls, one "
            "a direction, with '_reverse' taken off the names, several layers cannot"
        )
    if name.startswith("weight_hr_l"):
        return "is a projection (proj_size), which no cell here has"
    return "is none of a recurrent layer: those are 'weight_ih_l0', 'weight_hh_l0', 'bias_ih_l0', 'bias_hh_l0', ..."


def _from_torch(cell: Cell, k: int, arrays: Mapping[str, Any]) -> Weights:
    gates = _GATES[cell]
    hidden = _size(f"'weight_hh_l{k}'", arrays["weight_hh"], 1)
    inputs = _size(f"'weight_ih_l{k}'", arrays["weight_ih"], 1)
    columns = {"weight_ih": (inputs,), "weight_hh": (hidden,)}
    found = {
        part: _numbers(f"'{part}_l{k}'", a, (gates * hidden, *columns.get(part, ()))) for part, a in arrays.items()
    }
    w, u = found["weight_ih"].T, found["weight_hh"].T
    b, c = (found.get(part, np.zeros(gates * hidden, np.float32)) for part in _TORCH[2:])
    return _gru_weights(w, u, b, c) if cell == "gru" else _weights(w, u, b + c, np.zeros(0))


def _keras_layers(layers: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
    if not len(layers):
        raise ValueError("There are no layers; give a list of one layer.get_weights() a layer.")
    for k, arrays in enumerate(layers):
        if len(arrays) not in (2, 3):
            raise ValueError(
                f"Layer {k} has {len(arrays)} arrays, expected kernel, recurrent_kernel and bias of one direction."
            )
    return layers


def _kernels(cell: Cell, k: int, arrays: Sequence[Any]) -> tuple[Floats, Floats, int]:
    """Kernels of a Keras layer and its units."""
    hidden = _size(f"recurrent_kernel of layer {k}", arrays[1], 0)
    inputs = _size(f"kernel of layer {k}", arrays[0], 0)
    gates = _GATES[cell] * hidden
    w = _numbers(f"kernel of layer {k}", arrays[0], (inputs, gates))
    return w, _numbers(f"recurrent_kernel of layer {k}", arrays[1], (hidden, gates)), hidden


def _size(name: str, array: Any, axis: int) -> int:
    shape = np.shape(array)
    if len(shape) != 2 or not all(shape):
        raise ValueError(f"The array {name} has shape {shape}, expected a matrix.")
    return int(shape[axis])


def _numbers(name: str, array: Any, shape: tuple[int, ...]) -> Floats:
    if np.shape(array) != shape:
        raise ValueError(f"The array {name} has shape {np.shape(array)}, expected {shape}.")
    given = np.asarray(array)
    try:
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and refused as that
            found = given.real.astype(np.float32)
    except (TypeError, ValueError):
        found = np.full(shape, np.nan, np.float32)
    if np.iscomplexobj(given) or not np.isfinite(found).all():
        raise ValueError(f"The array {name} holds something else than finite numbers.")
    return found


def _reset_first(a: Floats) -> Floats:
    """Gates z, r, n along the last axis as r, z, n."""
    z, r, n = np.split(a, 3, axis=-1)
    return np.concatenate([r, z, n], axis=-1)


def _gru_weights(w: Floats, u: Floats, b: Floats, c: Floats) -> Weights:
    """From a bias of the input and one of the recurrent product: only that of n stays apart, inside the reset."""
    outside = np.split(c, 3)
    return _weights(w, u, b + np.concatenate([*outside[:2], np.zeros_like(outside[2])]), outside[2])


def _weights(*arrays: NDArray[Any]) -> Weights:
    return Weights(*(jnp.asarray(a, jnp.float32) for a in arrays))


def _stack(cell: Cell, layers: Sequence[Weights]) -> Stack:
    """A stack of these weights, each layer reading the one before, and nothing else."""
    hidden = tuple(layer.u.shape[0] for layer in layers)
    for k, layer in enumerate(layers[1:], 1):
        if layer.w.shape[0] != hidden[k - 1]:
            raise ValueError(
                f"Layer {k} reads {layer.w.shape[0]} inputs, the layer before it gives {hidden[k - 1]}: its input "
                "weights do not fit."
            )

    def start() -> Stack:
        return Stack(layers[0].w.shape[0], hidden, jax.random.key(0), cell=cell, residual=False)

    like = eqx.filter_eval_shape(start)  # no starting weights need be drawn
    return eqx.tree_at(lambda stack: [one.weights for one in stack.cells], like, list(layers))
