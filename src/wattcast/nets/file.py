"""What a model file holds beside the network, and how it is opened; knows no JAX, so that a runtime can read it too."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from wattcast.features.layout import Layout, layout
from wattcast.features.signals import HINGES, Scaling
from wattcast.nets.errors import Learning, can_learn
from wattcast.nets.linear import LinearPath, linear_size
from wattcast.schema import QUANTILES, ReadingsError

Tensors = dict[str, np.ndarray]
#: 2: a linear path, particulars of each meter, days that begin at any hour. 3: how errors are learned from, which a
#: file of 2 does not do.
VERSION = 3
OLDEST = 2
LARGEST = 100_000_000  # entries of a table of offsets: a file must not ask for all memory


class ArtifactError(ReadingsError):
    """A model file cannot be used: cut short, of a newer version, or not one of ours."""


@dataclass(frozen=True)
class Grounds:
    """All that a forecaster is but its network and settings; see `nets.forecaster.Forecaster`."""

    layout: Layout
    scaling: Scaling
    linear: LinearPath
    calibration: NDArray[np.float64]
    learning: Learning
    ids: tuple[str, ...]
    step: timedelta
    zone: str


def read(path: str | Path) -> tuple[Tensors, dict[str, Any]]:
    """Arrays and header of a model or checkpoint file; see `load_forecaster` for what it raises."""
    path = Path(path)
    if path.is_dir():
        raise ArtifactError(f"{path} is a folder, not a model file; name the file that `wattcast fit -o` wrote.")
    if not path.is_file():
        raise ArtifactError(f"There is no model file {path}; `wattcast fit FILE -o {path}` makes one.")
    try:
        with safe_open(path, framework="numpy") as file:
            header = (file.metadata() or {}).get("wattcast")
            if header is None:
                raise ArtifactError(f"{path} is not a wattcast model: it is safetensors of another program.")
            meta = json.loads(header)
            if not isinstance(meta, dict) or not isinstance(meta.get("version"), int):
                raise ArtifactError(f"{path} is not a wattcast model: its header names no version.")
            if meta["version"] > VERSION:
                raise ArtifactError(
                    f"{path} has model format {meta['version']}, this wattcast reads up to {VERSION}; update wattcast."
                )
            if meta["version"] < OLDEST:
                raise ArtifactError(
                    f"{path} has model format {meta['version']} of an older wattcast, whose networks looked at other "
                    "readings; train it again with `wattcast fit`."
                )
            return {name: file.get_tensor(name) for name in file.keys()}, meta
    except (SafetensorError, json.JSONDecodeError, RecursionError, OSError) as e:
        raise ArtifactError(f"{path} is not a whole wattcast model: it is cut short or not ours ({e}).") from None


def grounds(tensors: Tensors, meta: dict[str, Any]) -> Grounds:
    """Layout, scales, linear path and calibration, checked.

    Raises:
        KeyError, TypeError, ValueError, OverflowError: something is missing or makes no sense.
    """
    lay = _layout(dict(meta["layout"]))
    step, ids, zone = timedelta(seconds=float(meta["step_seconds"])), tuple(map(str, meta["ids"])), meta["zone"]
    if step <= timedelta(0) or max(1, round(timedelta(days=1) / step)) != lay.day:
        raise ValueError(f"steps of {step} do not make a day of {lay.day}")
    ZoneInfo(zone)
    known = len(meta["settings"]["known"])
    scale = Scaling(
        meter=_numbers(tensors, "scaling/meter", (len(ids),)),
        mean=_numbers(tensors, "scaling/mean", (known,)),
        std=_numbers(tensors, "scaling/std", (known,)),
        hinges=_numbers(tensors, "scaling/hinges", (known, HINGES)),
    )
    factors = _numbers(tensors, "calibration", (len(QUANTILES),))
    linear = _linear(tensors, float(meta["linear_share"]), lay, known, len(ids))
    return Grounds(lay, scale, linear, factors, _learning(meta.get("learning"), lay), ids, step, zone)


def _learning(meta: dict[str, Any] | None, lay: Layout) -> Learning:
    if meta is None or meta["since"] is None:
        return Learning()
    gain, rate, since = float(meta["gain"]), float(meta["rate"]), datetime.fromisoformat(meta["since"])
    if not (0 <= gain <= 1 and 0 <= rate <= 1) or (not can_learn(lay) and gain + rate > 0):
        raise ValueError(f"a gain of {gain} and a rate of {rate} since {since} are not how errors are learned from")
    return Learning(gain, rate, since)


def _linear(tensors: Tensors, share: float, lay: Layout, known: int, meters: int) -> LinearPath:
    weights = tensors.get("linear/weights")
    if weights is None or weights.dtype != np.float32 or weights.ndim != 3 or not 0 <= share <= 1:
        raise ValueError("its linear path is missing or of another kind")
    features = linear_size(lay, known)
    if weights.size and (weights.shape[1:] != (features, lay.outputs) or len(weights) not in (1, meters + 1)):
        raise ValueError(
            f"array 'linear/weights' has shape {weights.shape}, expected [meter, {features}, {lay.outputs}]"
        )
    if not weights.size and share > 0:
        raise ValueError("its linear path is empty")
    return LinearPath(weights, share)


def _layout(meta: dict[str, Any]) -> Layout:
    day, gap, horizon = int(meta["day"]), int(meta["gap"]), int(meta["horizon"])
    if not (1 <= day <= 86_400 and 0 <= gap < horizon <= 1_000_000 and day * (day + horizon) <= LARGEST):
        raise ValueError(f"a day of {day} steps and a horizon of {horizon} make no layout")
    return layout(day=day, horizon=horizon, weekly=bool(meta["weekly"]), gap=gap, yearly=bool(meta["yearly"]))


def _numbers(tensors: Tensors, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    found = tensors.get(name)
    if found is None:
        raise ValueError(f"array {name!r} is missing")
    if found.shape != shape:
        raise ValueError(f"array {name!r} has shape {found.shape}, expected {shape}")
    return np.asarray(found, np.float64)
