"""Models for other runtimes: two ONNX graphs that keep a state per meter, and the little they have to be told.

    export.write(runtime.load("load.wattcast"), "onnx")  # prime.onnx, step.onnx, model.json
    export.calendar(about, first, readings)  # what the graphs are told of clocks and holidays

Writing needs the package onnx (`pip install 'wattcast[onnx]'`), the calendar does not. docs/onnx.md has the inputs and
outputs of the graphs.
"""

from wattcast.export.clock import calendar
from wattcast.export.files import FILES, about, write
from wattcast.export.state import tensors

__all__ = ["FILES", "about", "calendar", "tensors", "write"]
