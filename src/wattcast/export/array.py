"""Arrays that write down what NumPy code does with them, as nodes of an ONNX graph.

So the graph's arithmetic is the runtime's own: `runtime.network` and `nets.linear` run on them unchanged. They have a
type and a shape, but no numbers; a dimension that is known only when the graph runs is a name. Nothing is promoted in
silence: two arrays of different types are an error, constants take the type of the array they meet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

Shape = tuple[int | str, ...]

_SAME = {
    np.add: "Add", np.subtract: "Sub", np.multiply: "Mul", np.true_divide: "Div", np.negative: "Neg",
    np.absolute: "Abs", np.exp: "Exp", np.tanh: "Tanh", np.sin: "Sin", np.cos: "Cos", np.power: "Pow",
    np.maximum: "Max", np.minimum: "Min", np.logical_and: "And", np.bitwise_and: "And", np.logical_or: "Or", 
    np.bitwise_or: "Or", np.invert: "Not", np.remainder: "Mod",
}  # fmt: skip
_ASKED = {
    np.equal: "Equal", np.less: "Less", np.less_equal: "LessOrEqual", np.greater: "Greater",
    np.greater_equal: "GreaterOrEqual", np.isnan: "IsNaN", np.isinf: "IsInf",
}  # fmt: skip


class Writer(Protocol):
    """Where nodes are written down (`export.trace.Trace`); gives an `Array`, which to NumPy's types is anything."""

    def op(self, kind: str, *inputs: Array, dtype: Any, shape: Shape, **attributes: Any) -> Any:
        """A node with one output."""

    def constant(self, value: Any, dtype: Any = None) -> Any:
        """Numbers that are part of the graph."""

    def size(self, name: str) -> Any:
        """A dimension that is known only when the graph runs `[1]` int64."""

    def each(self, name: str) -> Any:
        """0, 1, ... along such a dimension, int64."""


class Array(NDArrayOperatorsMixin):
    """A value in a graph.

    Attributes:
        trace: where it is written down.
        name: there.
        dtype: of its numbers.
        shape: sizes, or names of those that are known only when the graph runs.
    """

    def __init__(self, trace: Writer, name: str, dtype: Any, shape: Shape):
        self.trace, self.name, self.dtype, self.shape = trace, name, np.dtype(dtype), tuple(shape)

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            return NotImplemented
        if ufunc is np.matmul:
            return _matmul(*_alike(self.trace, args))
        if ufunc is np.logaddexp:
            return _softplus(*args)
        if ufunc is np.isfinite:
            return ~(np.isnan(self) | np.isinf(self))
        kind = _SAME.get(ufunc) or _ASKED.get(ufunc)
        if kind is None:
            return NotImplemented
        given = _alike(self.trace, args)
        dtype = given[0].dtype if ufunc in _SAME else bool
        return self.trace.op(kind, *given, dtype=dtype, shape=_broadcast(*(a.shape for a in given)))

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        made = _FUNCTIONS.get(function)
        return NotImplemented if made is None else made(self.trace, *args, **options)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def T(self) -> Array:  # noqa: N802  (NumPy's name)
        """The two dimensions the other way round."""
        return self.trace.op("Transpose", self, dtype=self.dtype, shape=self.shape[::-1], perm=[1, 0])

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, key: Any) -> Array:
        if isinstance(key, Array):
            return _take(self.trace, self, key, 0)
        key = key if isinstance(key, tuple) else (key,)
        if Ellipsis in key:
            at, named = key.index(Ellipsis), sum(k is not None for k in key) - 1
            key = (*key[:at], *[slice(None)] * (self.ndim - named), *key[at + 1 :])
        key += (slice(None),) * (self.ndim - sum(k is not None for k in key))
        axes = [k for k in key if k is not None]
        out = _sliced(self, axes)
        for axis in reversed(range(len(axes))):
            if not isinstance(axes[axis], slice):
                out = _take(self.trace, out, axes[axis], axis)
        left = [k for k in key if not isinstance(k, int | np.integer)]
        new = [place for place, k in enumerate(left) if k is None]
        return _unsqueezed(out, new) if new else out

    def astype(self, dtype: Any) -> Array:
        """The same numbers of another type."""
        dtype = np.dtype(dtype)
        if dtype == self.dtype:
            return self
        return self.trace.op("Cast", self, dtype=dtype, shape=self.shape, to=dtype)

    def reshape(self, *shape: Any) -> Array:
        """Another shape; named dimensions stay where they are."""
        wanted = [int(d) if not isinstance(d, str) else d for d in shape]
        if -1 in wanted:
            had, has = (int(np.prod([d for d in ds if isinstance(d, int) and d != -1])) for ds in (self.shape, wanted))
            wanted[wanted.index(-1)] = had // has
        places, stay = ({(k, d) for k, d in enumerate(ds) if isinstance(d, str)} for ds in (self.shape, wanted))
        if places != stay:
            raise ValueError(f"{self.shape} cannot become {tuple(wanted)}.")
        told = self.trace.constant([0 if isinstance(d, str) else d for d in wanted], np.int64)  # 0: as it was
        return self.trace.op("Reshape", self, told, dtype=self.dtype, shape=tuple(wanted))

    def over(self, *shape: int | str) -> Array:
        """Broadcast to a shape, named dimensions among it (for which `np.broadcast_to` has no type)."""
        told = [self.trace.size(d) if isinstance(d, str) else self.trace.constant([d], np.int64) for d in shape]
        return self.trace.op("Expand", self, _concatenate(self.trace, told), dtype=self.dtype, shape=shape)

    def sum(self, axis: int) -> Array:
        """Over one axis."""
        axis %= self.ndim
        told, shape = self.trace.constant([axis], np.int64), self.shape[:axis] + self.shape[axis + 1 :]
        return self.trace.op("ReduceSum", self, told, dtype=self.dtype, shape=shape, keepdims=0)

    def mean(self, axis: int) -> Array:
        """Over one axis of known size."""
        return self.sum(axis) / int(self.shape[axis])

    def clip(self, least: Any, most: Any) -> Array:
        """Not less and not more."""
        return _clip(self.trace, self, least, most)

    def repeat(self, times: Any, axis: int) -> Array:
        """Each entry along an axis of known size, as often as is said, of all or of each."""
        return _take(self.trace, self, np.repeat(np.arange(self.shape[axis]), times), axis)


def _alike(trace: Writer, args: Sequence[Any]) -> list[Array]:
    """Arrays of one type; constants take it."""
    types = {a.dtype for a in args if isinstance(a, Array)}
    if len(types) > 1:
        raise TypeError(f"Arrays of {sorted(map(str, types))} meet; astype says which is meant.")
    (dtype,) = types
    for a in args:
        if not isinstance(a, Array) and not np.can_cast(np.min_scalar_type(a), dtype, "same_kind"):
            raise TypeError(f"{a!r} is no {dtype}.")
    return [a if isinstance(a, Array) else trace.constant(a, dtype) for a in args]


def _broadcast(*shapes: Shape) -> Shape:
    """The shape that all of these broadcast to."""
    rank = max(map(len, shapes))
    out: list[int | str] = []
    for sizes in zip(*((1,) * (rank - len(s)) + s for s in shapes), strict=True):
        wide = {d for d in sizes if d != 1}
        if len(wide) > 1:
            raise ValueError(f"Shapes {shapes} do not fit.")
        out.append(wide.pop() if wide else 1)
    return tuple(out)


def _matmul(a: Array, b: Array) -> Array:
    if a.shape[-1] != b.shape[-2]:
        raise ValueError(f"{a.shape} @ {b.shape} do not fit.")
    lead = _broadcast(a.shape[:-2], b.shape[:-2])
    return a.trace.op("MatMul", a, b, dtype=a.dtype, shape=(*lead, a.shape[-2], b.shape[-1]))


def _softplus(x: Array, zero: Any) -> Array:
    if np.any(zero != np.float32(0)):
        raise TypeError("Of logaddexp there is log(e^x + e^0) alone.")
    return x.trace.op("Softplus", x, dtype=x.dtype, shape=x.shape)


def _sliced(x: Array, key: Sequence[Any]) -> Array:
    starts: list[int] = []
    ends: list[int] = []
    axes: list[int] = []
    shape = list(x.shape)
    for axis, k in enumerate(key):
        if not isinstance(k, slice) or k == slice(None):
            continue
        size = shape[axis]  # of a named dimension so much has to be there
        start, stop, step = k.indices(size if isinstance(size, int) else k.stop)
        if step != 1:
            raise ValueError("Slices go one by one.")
        starts, ends, axes = [*starts, start], [*ends, stop], [*axes, axis]
        shape[axis] = max(stop - start, 0)
    if not axes:
        return x
    told = (x.trace.constant(a, np.int64) for a in (starts, ends, axes))
    return x.trace.op("Slice", x, *told, dtype=x.dtype, shape=tuple(shape))


def _unsqueezed(x: Array, places: Sequence[int]) -> Array:
    shape = list(x.shape)
    for place in places:
        shape.insert(place, 1)
    return x.trace.op("Unsqueeze", x, x.trace.constant(places, np.int64), dtype=x.dtype, shape=tuple(shape))


def _take(trace: Writer, x: Array, at: Any, axis: int) -> Array:
    at, axis = at if isinstance(at, Array) else trace.constant(at, np.int64), axis % x.ndim
    shape = (*x.shape[:axis], *at.shape, *x.shape[axis + 1 :])
    return trace.op("Gather", x, at, dtype=x.dtype, shape=shape, axis=axis)


def _take_along_axis(trace: Writer, x: Array, at: Array, axis: int) -> Array:
    places = _unsqueezed(at.astype(np.int64), [at.ndim])
    return trace.op("GatherND", x, places, dtype=x.dtype, shape=at.shape, batch_dims=axis)


def _concatenate(trace: Writer, parts: Sequence[Any], axis: int = 0) -> Array:
    parts = _alike(trace, parts)
    axis, sizes = axis % parts[0].ndim, [p.shape[axis % parts[0].ndim] for p in parts]
    whole = sum(sizes) if all(isinstance(d, int) for d in sizes) else "+".join(map(str, sizes))  # type: ignore[arg-type]
    shape = (*parts[0].shape[:axis], whole, *parts[0].shape[axis + 1 :])
    return trace.op("Concat", *parts, dtype=parts[0].dtype, shape=shape, axis=axis)


def _stack(trace: Writer, parts: Sequence[Array], axis: int = 0) -> Array:
    place = axis % (parts[0].ndim + 1)
    return _concatenate(trace, [_unsqueezed(p, [place]) for p in parts], axis=place)


def _moveaxis(trace: Writer, x: Array, source: int, destination: int) -> Array:
    order = [*range(x.ndim)]
    order.insert(destination % x.ndim, order.pop(source))
    return trace.op("Transpose", x, dtype=x.dtype, shape=tuple(x.shape[k] for k in order), perm=order)


def _split(trace: Writer, x: Array, parts: Any, axis: int) -> list[Array]:
    size = int(x.shape[axis])
    ends = [size // parts * (k + 1) for k in range(parts)] if isinstance(parts, int) else [*parts, size]
    if axis not in (-1, x.ndim - 1):
        raise ValueError("Arrays are split along their last axis.")
    return [x[..., start:stop] for start, stop in zip([0, *ends], ends, strict=False)]


def _where(trace: Writer, asked: Array, yes: Any, no: Any) -> Array:
    yes, no = _alike(trace, (yes, no))
    shape = _broadcast(asked.shape, yes.shape, no.shape)
    return trace.op("Where", asked, yes, no, dtype=yes.dtype, shape=shape)


def _clip(trace: Writer, x: Any, least: Any, most: Any) -> Any:
    return np.minimum(np.maximum(x, least), most)


def _ones_like(trace: Writer, x: Array) -> Array:
    return trace.constant(1, x.dtype).over(*x.shape)


def _pad(trace: Writer, x: Array, widths: Sequence[tuple[int, int]]) -> Array:
    if not np.any(widths):
        return x
    told = trace.constant(np.transpose(widths).ravel(), np.int64)
    shape = tuple(d if w == (0, 0) else int(d) + sum(w) for d, w in zip(x.shape, widths, strict=True))
    return trace.op("Pad", x, told, dtype=x.dtype, shape=shape)


def _repeat(trace: Writer, x: Array, times: Any, axis: int) -> Array:
    return x.repeat(times, axis)


def _sort(trace: Writer, x: Array, axis: int) -> Array:
    told = trace.constant([x.shape[axis]], np.int64)
    return trace.op("TopK", x, told, dtype=x.dtype, shape=x.shape, axis=axis, largest=0)


def _argmax(trace: Writer, x: Array, axis: int) -> Array:
    shape = x.shape[:axis] + x.shape[axis + 1 :]
    return trace.op("ArgMax", x, dtype=np.int64, shape=shape, axis=axis, keepdims=0)


_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.take: _take, np.take_along_axis: _take_along_axis, np.concatenate: _concatenate, np.stack: _stack,
    np.moveaxis: _moveaxis, np.split: _split, np.where: _where, np.clip: _clip, np.ones_like: _ones_like,
    np.sort: _sort, np.argmax: _argmax, np.pad: _pad, np.repeat: _repeat,
}  # fmt: skip
