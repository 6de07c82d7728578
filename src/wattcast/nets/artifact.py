"""A forecaster as one file: safetensors, with its settings as JSON in the header. No code is ever read from it."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from wattcast.features.layout import Layout, layout
from wattcast.features.signals import HINGES, Scaling
from wattcast.nets.forecaster import Forecaster, NetworkSettings, shape_of, with_rules
from wattcast.nets.linear import LinearPath, linear_size
from wattcast.schema import QUANTILES, ReadingsError

VERSION = 2  # 2: a linear path, particulars of each meter, days that begin at any hour
LARGEST = 100_000_000  # entries of a table of offsets: a file must not ask for all memory


class ArtifactError(ReadingsError):
    """A model file cannot be used: cut short, of a newer version, or not one of ours."""


def save_forecaster(
    f: Forecaster, path: str | Path, *, extra: dict[str, np.ndarray] | None = None, progress: Any = None
) -> None:
    """Writes a forecaster to `path`, whole or not at all (temporary file, then rename).

    Args:
        f: what to write.
        path: where.
        extra: further arrays, as a checkpoint has them.
        progress: JSON-able state of an unfinished training.
    """
    tensors = {f"network/{k}": np.asarray(v) for k, v in named(f.network).items()}
    tensors |= {f"scaling/{k}": np.asarray(getattr(f.scaling, k)) for k in ("meter", "mean", "std", "hinges")}
    tensors["linear/weights"] = np.asarray(f.linear.weights, np.float32)
    tensors["calibration"] = np.asarray(f.calibration, np.float64)
    tensors |= extra or {}
    header = {
        "version": VERSION,
        "settings": f.settings.model_dump(mode="json"),
        "layout": {
            "day": f.layout.day,
            "gap": f.layout.gap,
            "horizon": f.layout.horizon,
            "weekly": f.layout.weekly,
            "yearly": f.layout.yearly,
        },
        "linear_share": f.linear.share,
        "ids": list(f.ids),
        "step_seconds": f.step.total_seconds(),
        "zone": f.zone,
        "unit": f.unit,
        "about": f.about,
        "progress": progress,
    }
    path = Path(path)
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(save(tensors, metadata={"wattcast": json.dumps(header)}))
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def load_forecaster(path: str | Path) -> Forecaster:
    """Reads what `save_forecaster` wrote.

    Raises:
        ArtifactError: the file is missing, cut short, of a newer version, or not a wattcast model.
    """
    return _forecaster(*read(path), path)


def read(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
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
            if meta["version"] < VERSION:
                raise ArtifactError(
                    f"{path} has model format {meta['version']} of an older wattcast, whose networks looked at other "
                    "readings; train it again with `wattcast fit`."
                )
            return {name: file.get_tensor(name) for name in file.keys()}, meta
    except (SafetensorError, json.JSONDecodeError, RecursionError, OSError) as e:
        raise ArtifactError(f"{path} is not a whole wattcast model: it is cut short or not ours ({e}).") from None


def _forecaster(tensors: dict[str, np.ndarray], meta: dict[str, Any], path: str | Path) -> Forecaster:
    try:
        lay = _layout(dict(meta["layout"]))
        settings = with_rules(NetworkSettings(**meta["settings"]), lay)
        if (settings.gap, settings.horizon) != (lay.gap, lay.horizon):
            raise ValueError(f"its settings ask for {settings.horizon} steps ahead, its layout for {lay.horizon}")
        step, ids, zone = timedelta(seconds=float(meta["step_seconds"])), tuple(map(str, meta["ids"])), meta["zone"]
        if step <= timedelta(0) or max(1, round(timedelta(days=1) / step)) != lay.day:
            raise ValueError(f"steps of {step} do not make a day of {lay.day}")
        ZoneInfo(zone)
        known = len(settings.known)
        scale = Scaling(
            meter=_numbers(tensors, "scaling/meter", (len(ids),)),
            mean=_numbers(tensors, "scaling/mean", (known,)),
            std=_numbers(tensors, "scaling/std", (known,)),
            hinges=_numbers(tensors, "scaling/hinges", (known, HINGES)),
        )
        factors = _numbers(tensors, "calibration", (len(QUANTILES),))
        network = restored(shape_of(settings, lay, len(ids)), tensors, "network/")
        linear = _linear(tensors, float(meta["linear_share"]), lay, known, len(ids))
        return Forecaster(
            network, settings, lay, scale, linear, factors, ids, step, zone, meta.get("unit"), dict(meta["about"])
        )
    except ValidationError as e:
        wrong = e.errors()[0]
        what = f"setting {'.'.join(map(str, wrong['loc']))}: {wrong['msg']}"
    except KeyError as e:  # of ours, or of a clock that does not exist
        what = f"{e.args[0]!r} is missing or unknown"
    except (TypeError, ValueError, OverflowError) as e:
        what = " ".join(str(e).split())
    raise ArtifactError(f"{path} is not a whole wattcast model: {what}.")


def _linear(tensors: dict[str, np.ndarray], share: float, lay: Layout, known: int, meters: int) -> LinearPath:
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


def _numbers(tensors: dict[str, np.ndarray], name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    found = tensors.get(name)
    if found is None:
        raise ValueError(f"array {name!r} is missing")
    if found.shape != shape:
        raise ValueError(f"array {name!r} has shape {found.shape}, expected {shape}")
    return np.asarray(found, np.float64)


def named(tree: Any) -> dict[str, Any]:
    """Array leaves of a module or tree by their path, as `stack/cells/0/weights/w`."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(eqx.filter(tree, eqx.is_array_like))
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}


def restored(like: Any, tensors: dict[str, np.ndarray], prefix: str) -> Any:
    """`like`, with its array leaves taken from `tensors`; shapes and types must agree.

    Raises:
        ValueError: an array is missing or has another shape or type.
    """

    def take(path: Any, leaf: Any) -> Any:
        if not isinstance(leaf, (jax.ShapeDtypeStruct, jax.Array, np.ndarray)):
            return leaf
        name = prefix + jax.tree_util.keystr(path, simple=True, separator="/")
        found = tensors.get(name)
        if found is None:
            raise ValueError(f"array {name!r} is missing")
        if found.shape != leaf.shape or found.dtype != leaf.dtype:
            raise ValueError(f"array {name!r} is {found.dtype}{found.shape}, expected {leaf.dtype}{leaf.shape}")
        return jnp.asarray(found)

    return jax.tree_util.tree_map_with_path(take, like)
