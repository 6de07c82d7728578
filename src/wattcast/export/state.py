"""What a meter's state is outside the runtime: a few tensors, a row a meter."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattcast.runtime import record as rec
from wattcast.runtime.live import check_states
from wattcast.runtime.model import Model
from wattcast.runtime.record import MeterState

#: Columns of the tensor `counts`, and of `anchors`; fields of `runtime.record.Record` all of them.
NUMBERS = ("count", "heard", "moved", "age", "who")
ANCHORS = ("scale", "last", "off_week", "off_day")
#: Tensors of models that learn from their errors, fields likewise.
LEARNED = ("drift", "said", "basis", "bands", "bands_then")


class Tensor(NamedTuple):
    """One tensor of a state: its type, its shape after the axis of meters, and what it is."""

    dtype: Any
    shape: tuple[int, ...]
    about: str


def tensors_of(model: Model) -> dict[str, Tensor]:
    """The tensors of a model's states by name."""
    record, members = model.record, len(model.members)
    units, hidden = (record.dtype[name].shape[-1] for name in ("state", "output"))
    rows = record.before + record.after
    found = {
        "counts": Tensor(np.int32, (len(NUMBERS),), ", ".join(NUMBERS) + ": whole numbers"),
        "anchors": Tensor(
            np.float32, (len(ANCHORS),), ", ".join(ANCHORS) + ": scale in the meter's unit, rest over it"
        ),
        "total": Tensor(np.float64, (), "sum of all absolute readings over the scale"),
        "readings": Tensor(np.float32, (record.window,), "newest readings over the scale, gaps filled, last one last"),
        "recurrent": Tensor(np.float32, (members, units), "h of each layer, then (LSTM) c of each"),
    }
    if hidden:
        found["output"] = Tensor(np.float32, (members, hidden), "of the layers when the day began")
    if model.known:
        about = "standardised covariates from before the first step ahead on, NaN where not known"
        found["known"] = Tensor(np.float32, (rows, len(model.known)), about)
    if model.record.kind.learns:
        slots = model.grounds.layout.day
        found |= {
            "drift": Tensor(np.float32, (slots,), "of the median by slot of the day, over the level"),
            "said": Tensor(
                np.float32, (3, slots), "when the day began: median, and reach of the 80 % band below, above"
            ),
            "basis": Tensor(np.float64, (), "level that is relative to; 0 where nothing will be held against it"),
            "bands": Tensor(np.float64, (2,), "logarithms of the factors on the lower and the upper half of the bands"),
            "bands_then": Tensor(np.float64, (2,), "the same when the day began"),
        }
    return found


def tensors(model: Model, states: MeterState) -> dict[str, NDArray[Any]]:
    """States of the runtime as the tensors that the graph `step` takes.

    Args:
        model: whose states they are.
        states: one record `[]` or many `[meter]`.

    Returns:
        Arrays by the names of the tensors `[meter, ...]`.

    Raises:
        ReadingsError: states of another model.
    """
    check_states(model, states)
    many = states.reshape(-1)
    found = {
        "counts": np.stack([many[name] for name in NUMBERS], axis=-1),
        "anchors": np.stack([many[name] for name in ANCHORS], axis=-1),
        "total": many["total"],
        "readings": rec.readings(model.record, many).T,
        "recurrent": many["state"],
        "output": many["output"],
        "known": rec.known(model.record, many).swapaxes(0, 1),
    } | {name: many[name] for name in LEARNED}
    return {name: np.ascontiguousarray(found[name], tensor.dtype) for name, tensor in tensors_of(model).items()}
