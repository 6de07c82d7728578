"""A model as files for other runtimes, all of them or none."""

from __future__ import annotations

import json
import os
from datetime import UTC
from pathlib import Path
from typing import Any

from wattcast.export.features import reach
from wattcast.export.state import tensors_of
from wattcast.runtime.model import Model
from wattcast.schema import QUANTILES, ReadingsError

#: What is written.
FILES = ("prime.onnx", "step.onnx", "model.json")


def about(model: Model) -> dict[str, Any]:
    """What a program has to know beside the graphs, in plain values: the content of `model.json`.

    It also travels inside both graphs, as the text `wattcast` of their metadata.
    """
    given, lay = model.grounds, model.grounds.layout
    (before, after), since = reach(lay), given.learning.since
    return {
        "ids": list(given.ids),
        "unit": model.unit,
        "step_seconds": given.step.total_seconds(),
        "zone": given.zone,
        "at": model.at.isoformat(),
        "country": model.country,
        "known": list(model.known),
        "horizon": lay.horizon,
        "gap": lay.gap,
        "quantiles": list(QUANTILES),
        "stride": lay.stride,
        "needs": {"scale": lay.history, "forecast": lay.needed},
        "calendar": {"before": before, "after": after},
        "since": since.replace(tzinfo=since.tzinfo or UTC).isoformat() if since else None,
        "state": {name: {"type": str(t.dtype.__name__), "shape": t.shape} for name, t in tensors_of(model).items()},
        "fingerprint": f"{model.fingerprint:016x}",
    }


def write(model: Model, folder: str | Path) -> list[Path]:
    """Writes `prime.onnx`, `step.onnx` and `model.json` into a folder, which is made where it is not there.

    A file appears whole or not at all, and none of them before all are ready.

    Args:
        model: what `wattcast.runtime.load` gave.
        folder: where.

    Returns:
        Paths of the files.

    Raises:
        ReadingsError: the package onnx is missing, or the network is larger than a file of ONNX can be.
    """
    try:
        from wattcast.export.graphs import prime_graph, step_graph  # noqa: PLC0415  (an extra)
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "onnx":
            raise
        raise ReadingsError(
            "ONNX graphs are written with the package onnx; install it with: pip install 'wattcast[onnx]'."
        ) from None
    known = json.dumps(about(model), indent=1)
    held = {"wattcast": known}
    content = [graph(model, held).SerializeToString() for graph in (prime_graph, step_graph)]
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in FILES]
    parts = [path.with_name(path.name + ".part") for path in paths]
    try:
        for part, data in zip(parts, (*content, known.encode()), strict=True):
            part.write_bytes(data)
        for part, path in zip(parts, paths, strict=True):
            os.replace(part, path)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
    return paths
