"""A forecaster as one file: safetensors, with its settings as JSON in the header. No code is ever read from it."""

from __future__ import annotations

import json
import os
from dataclasses import astuple
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import save

from wattcast.nets.file import HABITS, OLDEST, SHORT, VERSION, ArtifactError, grounds, not_whole, read
from wattcast.nets.forecaster import Forecaster, NetworkSettings, shape_of, with_rules

__all__ = ["VERSION", "ArtifactError", "load_forecaster", "named", "read", "restored", "save_forecaster", "stored"]


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
    tensors, header = stored(f)
    tensors |= extra or {}
    header["progress"] = progress
    path = Path(path)
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(save(tensors, metadata={"wattcast": json.dumps(header)}))
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def stored(f: Forecaster) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and header of a forecaster as its file has them."""
    tensors = {f"network/{k}": np.asarray(v) for k, v in named(f.network).items()}
    tensors |= {f"scaling/{k}": np.asarray(getattr(f.scaling, k)) for k in ("meter", "mean", "std", "hinges")}
    tensors["linear/weights"] = np.asarray(f.linear.weights, np.float32)
    if f.linear.between.size:
        tensors["linear/between"] = np.asarray(f.linear.between, np.float32)
    tensors["calibration"] = np.asarray(f.calibration, np.float64)
    header = {
        "version": _version(f),
        "settings": f.settings.model_dump(mode="json"),
        "layout": {
            "day": f.layout.day,
            "gap": f.layout.gap,
            "horizon": f.layout.horizon,
            "weekly": f.layout.weekly,
            "yearly": f.layout.yearly,
            **({} if f.layout.fortnight else {SHORT: False}),
            **({HABITS: True} if f.layout.habits else {}),
        },
        "linear_share": f.linear.share,
        **({"between_share": f.linear.share_between} if f.linear.between.size else {}),
        "ids": list(f.ids),
        "step_seconds": f.step.total_seconds(),
        "zone": f.zone,
        "unit": f.unit,
        "about": f.about,
    }
    if f.learning.since is not None:
        gain, rate, since, between = astuple(f.learning)
        also = {"between": between} if between != gain else {}
        header["learning"] = {"gain": gain, "rate": rate, "since": since.isoformat(), **also}
    return tensors, header


def _version(f: Forecaster) -> int:
    """The oldest format that says it."""
    if f.linear.between.size or f.learning.between != f.learning.gain:
        return VERSION
    return OLDEST if f.learning.since is None else 3


def load_forecaster(path: str | Path) -> Forecaster:
    """Reads what `save_forecaster` wrote.

    Raises:
        ArtifactError: the file is missing, cut short, of another version, or not a wattcast model.
    """
    tensors, meta = read(path)
    try:
        given = grounds(tensors, meta)
        lay, ids = given.layout, given.ids
        settings = with_rules(NetworkSettings(**meta["settings"]), lay)
        network = restored(shape_of(settings, lay, len(ids)), tensors, "network/")
        return Forecaster(
            network, settings, lay, given.scaling, given.linear, given.calibration, given.learning, ids, given.step,
            given.zone, meta.get("unit"), meta["about"],
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, OverflowError, OSError) as e:
        raise not_whole(path, e) from None


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
