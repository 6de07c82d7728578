"""Readings into many meters, the advance that follows, and forecasts, each in one call of the native library.

It does what `record.append`, `window.window`, `features.signals.inputs` and `network` do; tests hold the two to the
same numbers, and where there is no library those serve.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wattcast.features.signals import HALF_LIFE, HINGES, holidays_around, mean_days, sizes
from wattcast.library import Unavailable, shared
from wattcast.nets.linear import PROFILES, WEATHER, each
from wattcast.runtime.clock import Block
from wattcast.runtime.network import softplus
from wattcast.runtime.record import MeterState
from wattcast.runtime.window import countries
from wattcast.schema import QUANTILES

if TYPE_CHECKING:
    from wattcast.runtime.model import Member, Model

_CELLS = {"elman": 0, "gru": 1, "lstm": 2}
_SIZES = (
    "cell members layers width meters features recent lags means clock around outputs local moments covariates hinges "
    "decoder params quantiles habits linear_features linear_meters profile_each weather_each between_readings "
    "between_leads stride day gap history season window before after record"
).split()
_FIELDS = "count heard moved scale total age who last off_week off_day y state output known".split()
_TABLES = "recent lags targets moments around hinges linear between".split()
_CLOCK = 17  # features of `features.signals.clock_features`


class _Sizes(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in _SIZES),
        ("half_life", ctypes.c_double),
        ("share", ctypes.c_double),
        ("between_share", ctypes.c_double),
    ]


class _Fields(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in _FIELDS]


class _Tables(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in _TABLES]


class _Moment(ctypes.Structure):
    _fields_ = [
        ("phase", ctypes.c_int64), ("columns", ctypes.c_int64), *((name, ctypes.c_void_p) for name in
        ("clock", "holiday", "alike", "column")),
    ]  # fmt: skip


class Native:
    """A model's weights in the library, ready to advance its records and to forecast from them."""

    def __init__(self, model: Model):
        """Raises `Unavailable` where the library is not there."""
        if os.environ.get("WATTCAST_KERNELS") == "reference":
            raise Unavailable("WATTCAST_KERNELS asks for it")
        lib, size, pointer = shared(), ctypes.c_int64, ctypes.c_void_p
        lib.wattcast_live_new.restype = pointer
        lib.wattcast_live_free.argtypes = [pointer]
        self._advance, self._scan, self._predict = (
            getattr(lib, f"wattcast_live_{name}") for name in ("advance", "scan", "predict")
        )
        self._advance.argtypes = [pointer, size, pointer, pointer, pointer]
        self._scan.argtypes = [pointer, size, size, pointer, pointer]
        self._predict.argtypes = [pointer, size, pointer, pointer, ctypes.c_int, size, pointer]
        places = model.record.dtype.fields
        assert places is not None
        fields = _Fields(*(places[name][1] for name in _FIELDS))
        lay, layers = model.grounds.layout, model.members[0].layers
        hidden = (size * len(layers))(*(len(layer.u) for layer in layers))
        held = [np.ascontiguousarray(a, np.float32) for m in model.members for a in _arrays(m, model)]
        around, hinges = holidays_around(lay) * lay.day, model.grounds.scaling.hinges.astype(np.float32)
        path = model.grounds.linear
        self._kept = (lay.recent, lay.lags, lay.targets, lay.moments, around, hinges, path.weights, path.between)
        tables = _Tables(*map(_address, self._kept))
        arrays = (pointer * len(held))(*map(_address, held))
        self._live = lib.wattcast_live_new(
            ctypes.byref(_sizes(model)), ctypes.byref(fields), ctypes.byref(tables), hidden, arrays
        )
        if not self._live:
            raise Unavailable("the native library had no memory for the model, or its sizes do not fit")
        weakref.finalize(self, lib.wattcast_live_free, self._live)

    def append(self, states: MeterState, y: NDArray[np.float64]) -> None:
        """A reading of each meter `[meter]`, in place."""
        _succeeded(self._advance(self._live, len(states), _address(states), _address(y), None))

    def advance(self, model: Model, states: MeterState, y: NDArray[np.float64] | None, block: Block, row: int) -> None:
        """The same where `y` is given, and an advance of the meters with enough history.

        Args:
            model: whose states they are.
            states: contiguous `[meter]`, all at one moment after the reading.
            y: `[meter]`.
            block: calendar.
            row: of that moment in it.
        """
        now, _held = _moment(model, states, block, row)
        y_at = None if y is None else _address(y)
        _succeeded(self._advance(self._live, len(states), _address(states), y_at, now))

    def scan(self, states: MeterState, x: NDArray[np.float32]) -> None:
        """Advances by inputs that were seen, one step after the other `[step, meter, feature]`, in place."""
        x = np.ascontiguousarray(x, np.float32)
        _succeeded(self._scan(self._live, len(x), len(states), _address(states), _address(x)))

    def predict(self, model: Model, states: MeterState, block: Block, row: int, out: NDArray[np.float64]) -> None:
        """Forecasts of meters that stand at a moment, to `out`.

        Args:
            model: whose states they are.
            states: contiguous `[meter]`.
            block: calendar.
            row: of the moment in it.
            out: contiguous `[meter, horizon - gap, quantile]`.
        """
        now, _held = _moment(model, states, block, row)
        horizon = out.shape[1] + model.grounds.layout.gap
        between = not block.moves[row]
        _succeeded(self._predict(self._live, len(states), _address(states), now, between, horizon, _address(out)))


def _sizes(model: Model) -> _Sizes:
    lay, record, first, linear = model.grounds.layout, model.record, model.members[0], model.grounds.linear
    features, local, outputs = sizes(lay, len(model.known))
    days = lay.stride > 1
    return _Sizes(
        _CELLS[model.cell], len(model.members), len(first.layers), len(first.embed_bias), len(first.meters),
        features, lay.recent.shape[1], lay.lags.shape[1], mean_days(lay), _CLOCK, len(holidays_around(lay)), outputs,
        local, lay.moments.shape[2], len(model.known), HINGES, first.out.shape[0], first.out.shape[1],
        len(QUANTILES), lay.habits, linear.weights.shape[1], len(linear.weights),
        each(lay.day, PROFILES) if days else 1, each(lay.day, WEATHER), len(linear.between),
        linear.between.shape[1], lay.stride, lay.day, lay.gap, lay.history, lay.season, record.window, record.before,
        record.after, record.dtype.itemsize, HALF_LIFE * lay.day, linear.share, linear.share_between,
    )  # fmt: skip


def _arrays(m: Member, model: Model) -> list[NDArray[Any]]:
    """Weights of a member in the order of the C interface."""
    middle = np.zeros(1, np.float32)
    down, up = softplus(m.below).cumsum()[::-1], softplus(m.above).cumsum()
    reach = np.concatenate([-down, middle, up]) if model.quantile else np.zeros(len(QUANTILES))
    return [
        m.embed, m.embed_bias, m.meters, m.centre, m.spread, m.from_state, m.from_input, m.from_local, m.slot, m.out,
        m.bias, m.direct, m.skip, reach * model.grounds.calibration, *(a for layer in m.layers for a in layer),
    ]  # fmt: skip


def _moment(model: Model, states: MeterState, block: Block, row: int) -> tuple[Any, Any]:
    """What the library is told of a moment, and what must live as long."""
    codes, column = countries(model, states)
    found = block.moments.get(codes)
    if found is None:
        rows = block.clock, *model.clock.days(block, codes)
        found = block.moments[codes] = tuple((_address(a), a.strides[0]) for a in rows)
    of_row = (first + row * stride for first, stride in found)
    at = None if column is None else _address(column)
    return ctypes.byref(_Moment(int(block.phase[row]), len(codes), *of_row, at)), column


def _address(a: NDArray[Any]) -> int:
    return a.ctypes.data  # `__array_interface__` would describe all fields of a record: 12 us


def _succeeded(failed: int) -> None:
    if failed:
        raise MemoryError("The native library had not enough memory for the meters.")


def native_of(model: Model) -> Native | None:
    """The library for a model, where it is there."""
    try:
        return Native(model)
    except Unavailable:
        return None
