"""A reading of each of many meters, and the advance that follows, in one call of the native library.

It does what `record.append`, `window.window`, `features.signals.inputs` and `network.step` do; tests hold the two to
the same numbers, and where there is no library those serve.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wattcast.features.signals import HALF_LIFE, mean_days, sizes
from wattcast.library import Unavailable, shared
from wattcast.runtime.record import MeterState

if TYPE_CHECKING:
    from wattcast.runtime.model import Model

_CELLS = {"elman": 0, "gru": 1, "lstm": 2}
_FIELDS = "count heard moved scale total age who last off_week off_day y state output".split()


class _Sizes(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_int64)
        for name in "cell members layers width meters features gathers means rest extra window day record".split()
    ] + [("half_life", ctypes.c_double)]


class _Fields(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in _FIELDS]


class _Moment(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("offsets", "rest", "column", "extra")]


class Native:
    """A model's weights in the library, ready to advance its records."""

    def __init__(self, model: Model):
        """Raises `Unavailable` where the library is not there."""
        if os.environ.get("WATTCAST_KERNELS") == "reference":
            raise Unavailable("WATTCAST_KERNELS asks for it")
        lib = shared()
        lib.wattcast_live_new.restype = ctypes.c_void_p
        lib.wattcast_live_free.argtypes = [ctypes.c_void_p]
        self._call = lib.wattcast_live_advance
        self._call.argtypes = [ctypes.c_void_p, ctypes.c_int64, *[ctypes.c_void_p] * 3]
        lay, record, first = model.grounds.layout, model.record, model.members[0]
        features, _, outputs = sizes(lay, len(model.known))
        self.gathers = lay.recent.shape[1] + lay.lags.shape[1] + (0 if lay.stride == 1 else outputs)
        means, extra = mean_days(lay), outputs * len(model.known)
        rest = features - self.gathers - means - extra
        numbers = _Sizes(
            _CELLS[model.cell], len(model.members), len(first.layers), len(first.embed_bias), len(first.meters),
            features, self.gathers, means, rest, extra, record.window, lay.day, record.dtype.itemsize,
            HALF_LIFE * lay.day,
        )  # fmt: skip
        places = record.dtype.fields
        assert places is not None
        fields = _Fields(*(places[name][1] for name in _FIELDS))
        if lay.stride == 1:
            fields.output = -1
        hidden = (ctypes.c_int64 * len(first.layers))(*(len(layer.u) for layer in first.layers))
        held: list[NDArray[np.float32]] = []
        for m in model.members:
            held += [m.embed, m.embed_bias, m.meters, m.centre, m.spread, *(a for layer in m.layers for a in layer)]
        held = [np.ascontiguousarray(a, np.float32) for a in held]
        arrays = (ctypes.c_void_p * len(held))(*(a.ctypes.data for a in held))
        self._live = lib.wattcast_live_new(ctypes.byref(numbers), ctypes.byref(fields), hidden, arrays)
        if not self._live:
            raise Unavailable("the native library had no memory for the model, or its sizes do not fit")
        weakref.finalize(self, lib.wattcast_live_free, self._live)

    def advance(
        self,
        states: MeterState,
        y: NDArray[np.float64] | None,
        tables: tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int64] | None] | None,
        extra: NDArray[np.float32] | None,
    ) -> None:
        """In place: a reading of each meter where `y` is given, an advance where `tables` are.

        Args:
            states: contiguous `[meter]`.
            y: `[meter]`.
            tables: offsets of the readings looked at `[column, reading]`, calendar `[column, feature]`, column of each
                meter `[meter]` or None where there is one.
            extra: covariates `[meter, feature]`.
        """
        moment = None
        if tables is not None:
            moment = ctypes.byref(_Moment(*map(_address, (*tables, extra))))
        failed = self._call(self._live, len(states), _address(states), _address(y), moment)
        if failed:
            raise MemoryError("The native library had not enough memory to advance the states.")


def _address(a: NDArray[Any] | None) -> int | None:
    return None if a is None else a.__array_interface__["data"][0]


def native_of(model: Model) -> Native | None:
    """The library for a model, where it is there."""
    try:
        return Native(model)
    except Unavailable:
        return None
