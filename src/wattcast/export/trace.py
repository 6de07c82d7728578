"""An ONNX graph while it is written: its nodes, branches, loops and constants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from wattcast.export.array import Array, Shape
from wattcast.schema import ReadingsError

#: Of the operators used; onnxruntime reads it from 1.12 on, with it IR version 8.
OPSET, IR = 17, 8
#: Bytes that a file of ONNX can hold, less a margin for its nodes.
LARGEST = 2**31 - 2**24


class Trace:
    """Nodes in the order they were asked for."""

    def __init__(self) -> None:
        self._nodes: list[list[Any]] = [[]]  # of the graph, and of the branch or body that is written at the moment
        self._inputs: list[Any] = []
        self._constants: dict[tuple[Any, ...], tuple[str, Any]] = {}
        self._used: set[str] = set()
        self._sizes: dict[str, Array] = {}
        self._count = 0

    def input(self, name: str, dtype: Any, shape: Shape, about: str) -> Any:
        """What is given when the graph runs.

        Args:
            name: of the input.
            dtype: of its numbers.
            shape: sizes; names for those that may differ from run to run.
            about: a line of what it is.
        """
        self._inputs.append(_info(name, dtype, shape, about))
        out = Array(self, name, dtype, shape)
        for axis, size in enumerate(shape):
            if isinstance(size, str) and size not in self._sizes:
                whole = self.op("Shape", out, dtype=np.int64, shape=(len(shape),))
                self._sizes[size] = whole[axis : axis + 1]
        return out

    def constant(self, value: Any, dtype: Any = None) -> Any:
        """Numbers that are part of the graph; the same ones are there once."""
        a = np.ascontiguousarray(value, dtype).reshape(np.shape(value))
        key = (a.dtype.str, a.shape, a.tobytes())
        if key not in self._constants:
            name = f"c{len(self._constants)}"
            self._constants[key] = (name, numpy_helper.from_array(a, name))
        return Array(self, self._constants[key][0], a.dtype, a.shape)

    def size(self, name: str) -> Any:
        """A dimension of the inputs that may differ from run to run `[1]` int64."""
        return self._sizes[name]

    def each(self, name: str) -> Any:
        """0, 1, ... along such a dimension, int64."""
        first, one = (self.constant(k, np.int64) for k in (0, 1))
        return self.op("Range", first, self._sizes[name][0], one, dtype=np.int64, shape=(name,))

    def op(self, kind: str, *inputs: Array, dtype: Any, shape: Shape, **attributes: Any) -> Any:
        """A node with one output (the first, where the operator has more).

        Args:
            kind: operator.
            inputs: its inputs.
            dtype: of the output.
            shape: of the output.
            attributes: of the operator.
        """
        if "to" in attributes:
            attributes["to"] = helper.np_dtype_to_tensor_dtype(attributes["to"])
        # nodes bear the name of what they give: some optimizers, as of onnxruntime 1.20, mix up those without
        (name,), more = self._named(1), self._named(1) if kind == "TopK" else []
        given = [a.name for a in inputs]
        self._used.update(given)
        self._nodes[-1].append(helper.make_node(kind, given, [name, *more], name, **attributes))
        return Array(self, name, dtype, shape)

    def rows(self, x: Array, start: Array, count: int, axis: int) -> Any:
        """`count` entries along an axis from one that is known only when the graph runs (`[]` int64)."""
        first = start[None]
        told = first, first + count, self.constant([axis], np.int64)
        return self.op("Slice", x, *told, dtype=x.dtype, shape=(*x.shape[:axis], count, *x.shape[axis + 1 :]))

    def when(self, asked: Array, yes: Callable[[], Sequence[Array]], no: Callable[[], Sequence[Array]]) -> list[Array]:
        """Arrays from one of two branches, of which only one runs.

        Args:
            asked: which `[]`.
            yes: writes one branch.
            no: writes the other; as many arrays, of the same types.
        """
        branches = [self._written(name, [], branch) for name, branch in (("yes", yes), ("no", no))]
        (then, outs), (other, others) = branches
        names = self._named(len(outs))
        self._nodes[-1].append(
            helper.make_node("If", [asked.name], names, names[0], then_branch=then, else_branch=other)
        )
        shapes = (_either(a.shape, b.shape) for a, b in zip(outs, others, strict=True))
        return [Array(self, n, a.dtype, s) for n, a, s in zip(names, outs, shapes, strict=True)]

    def loop(
        self, times: Array, carried: dict[str, Array], body: Callable[[Array, dict[str, Array]], dict[str, Array]]
    ) -> dict[str, Array]:
        """What a body makes of arrays that it is given again and again.

        Args:
            times: how often `[]` int64.
            carried: what it is given first.
            body: writes what comes of them; told the turn `[]` int64, from 0 on.
        """
        turn, going, *names = self._named(2 + len(carried))
        inner = {k: Array(self, n, a.dtype, a.shape) for n, (k, a) in zip(names, carried.items(), strict=True)}
        on = Array(self, going, bool, ())

        def write() -> list[Array]:
            after = body(Array(self, turn, np.int64, ()), inner)
            return [on, *(after[k] for k in carried)]

        given = [_info(turn, np.int64, ()), _info(going, bool, ())]
        given += [_info(a.name, a.dtype, a.shape) for a in inner.values()]
        graph, _ = self._written("body", given, write)
        outs = self._named(len(carried))
        held = [times.name, self.constant(True).name, *(a.name for a in carried.values())]
        self._used.update(held)
        self._nodes[-1].append(helper.make_node("Loop", held, outs, outs[0], body=graph))
        return {k: Array(self, n, a.dtype, a.shape) for n, (k, a) in zip(outs, carried.items(), strict=True)}

    def model(self, name: str, outputs: dict[str, tuple[Array, str]], metadata: dict[str, str]) -> Any:
        """The whole as an ONNX model.

        Args:
            name: of the graph.
            outputs: by name, with a line of what they are.
            metadata: texts that travel with it.

        Raises:
            ReadingsError: it is larger than a file of ONNX can be.
        """
        for out, (a, _) in outputs.items():
            self._nodes[0].append(helper.make_node("Identity", [a.name], [out], out))
        told = [_info(out, a.dtype, a.shape, about) for out, (a, about) in outputs.items()]
        held = [tensor for constant, tensor in self._constants.values() if constant in self._used]
        size = sum(len(tensor.raw_data) for tensor in held)
        if size > LARGEST:
            raise ReadingsError(
                f"The network takes {size / 1e9:.1f} GB, a file of ONNX holds up to {LARGEST / 1e9:.1f}; train with "
                "fewer members or longer steps."
            )
        graph = helper.make_graph(self._nodes[0], name, self._inputs, told, held)
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=IR, producer_name="wattcast")
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model)
        return model

    def _named(self, count: int) -> list[str]:
        self._count += count
        return [f"v{k}" for k in range(self._count - count, self._count)]

    def _written(self, name: str, inputs: list[Any], write: Callable[[], Sequence[Array]]) -> tuple[Any, list[Array]]:
        """A graph inside the graph; it may use all that was written before it."""
        self._nodes.append([])
        outs = [self.op("Identity", a, dtype=a.dtype, shape=a.shape) for a in write()]
        infos = [_info(a.name, a.dtype, a.shape) for a in outs]
        return helper.make_graph(self._nodes.pop(), name, inputs, infos), outs


def _either(one: Shape, other: Shape) -> Shape:
    """Shape of what is one or the other."""
    return tuple(a if a == b else f"{a}_or_{b}" for a, b in zip(one, other, strict=True))


def _info(name: str, dtype: Any, shape: Shape, about: str = "") -> Any:
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return helper.make_tensor_value_info(name, kind, list(shape), doc_string=about)
