"""What a model file holds beside the network, and how it is opened; knows no JAX, so that a runtime can read it too."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from wattcast.features.layout import Layout, in_days, layout, outputs_of
from wattcast.features.signals import HINGES, Scaling, sizes
from wattcast.nets.errors import Learning, can_learn
from wattcast.nets.linear import LinearPath, linear_size
from wattcast.schema import QUANTILES, ReadingsError

Tensors = dict[str, np.ndarray]
#: 2: a linear path, particulars of each meter, days that begin at any hour. 3: how errors are learned from, which a
#: file of 2 does not do. 4: a linear path between two advances, which files of less do not have.
VERSION = 4
OLDEST = 2
#: What names of arrays begin with; others are not read.
PARTS = ("network/", "scaling/", "linear/", "calibration", "state/")
#: Those beside the network, and those a file may have.
ARRAYS = ("scaling/meter", "scaling/mean", "scaling/std", "scaling/hinges", "linear/weights", "calibration")
OPTIONAL = ("linear/between",)
#: Fields of `nets.forecaster.NetworkSettings`, and what a layout follows from.
SETTINGS = frozenset("horizon gap known country at cell hidden decoder dropout members loss".split())
LAYOUT = ("day", "gap", "horizon", "weekly", "yearly")
SHORT = "fortnight"  # said where it is false alone, so that others stay readable by those who do not know it
HABITS = "habits"  # said where it is true alone: what older versions wrote was not told of them
LARGEST = 100_000_000  # entries of a table of offsets: a file must not ask for all memory
DEEPEST = 32  # levels of a header
LONGEST = 300  # signs of a message that quotes a file


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
    """Arrays and header of a model or checkpoint file, by the rules of docs/artifact.md.

    Raises:
        ArtifactError: the file is missing, cut short, of another version, or not a wattcast model.
    """
    path = Path(path)
    if path.is_dir():
        raise ArtifactError(f"{path} is a folder, not a model file; name the file that `wattcast fit -o` wrote.")
    if not path.is_file():
        raise ArtifactError(f"There is no model file {path}; `wattcast fit FILE -o {path}` makes one.")
    try:
        with safe_open(path, framework="numpy") as file:
            meta = _header((file.metadata() or {}).get("wattcast"), path)
            return {name: file.get_tensor(name) for name in file.keys() if name.startswith(PARTS)}, meta
    except ArtifactError:
        raise
    except (SafetensorError, ValueError, TypeError, AttributeError, RecursionError, OSError) as e:
        raise ArtifactError(
            f"{path} is not a whole wattcast model: it is cut short or not ours ({_said(e)})."
        ) from None


def _header(text: str | None, path: Path) -> dict[str, Any]:
    if text is None:
        raise ArtifactError(f"{path} is not a wattcast model: it is safetensors of another program.")
    meta = json.loads(text)
    if not isinstance(meta, dict) or type(meta.get("version")) is not int:
        raise ArtifactError(f"{path} is not a wattcast model: its header names no version.")
    version = meta["version"]
    if version > VERSION:
        raise ArtifactError(f"{path} has model format {version}, this wattcast reads up to {VERSION}; update wattcast.")
    if version < OLDEST:
        raise ArtifactError(
            f"{path} has model format {version} of an older wattcast, whose networks looked at other readings; train "
            "it again with `wattcast fit`."
        )
    if _deeper(meta, DEEPEST):
        raise ArtifactError(f"{path} is not a whole wattcast model: its header is nested more than {DEEPEST} deep.")
    return meta


def _deeper(value: Any, most: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return most < 0 or any(_deeper(v, most - 1) for v in inner)


def not_whole(path: str | Path, e: Exception) -> ArtifactError:
    """The sentence for what was wrong inside a file."""
    return ArtifactError(f"{path} is not a whole wattcast model: {_said(e)}.")


def _said(e: Exception) -> str:
    """One line of a message that may quote the file: nothing a terminal would obey, and no pages of it."""
    what = f"{e.args[0]!r} is missing or unknown" if isinstance(e, KeyError) and e.args else str(e)
    line = "".join(c if c.isprintable() else " " for c in what)
    line = " ".join(line.split()).removesuffix(".")
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} ..."


def grounds(tensors: Tensors, meta: dict[str, Any]) -> Grounds:
    """Layout, scales, linear path and calibration; all that is said of sizes is checked before memory is taken for it.

    Raises:
        KeyError, TypeError, ValueError, OverflowError, OSError: something is missing or makes no sense.
    """
    settings = _settings(meta["settings"])
    _network(tensors, settings)
    lay = _layout(meta["layout"], tensors["network/skip"])
    if (settings["gap"], settings["horizon"]) != (lay.gap, lay.horizon):
        raise ValueError(f"its settings ask for {settings['horizon']} steps ahead, its layout for {lay.horizon}")
    step, ids, zone = timedelta(seconds=float(meta["step_seconds"])), meta["ids"], meta["zone"]
    if step <= timedelta(0) or max(1, round(timedelta(days=1) / step)) != lay.day:
        raise ValueError(f"steps of {step} do not make a day of {lay.day}")
    if not (_texts(ids) and ids and len(set(ids)) == len(ids)):
        raise ValueError("its meters are not a list of different names")
    ZoneInfo(zone)
    if not (isinstance(meta["about"], dict) and isinstance(meta.get("unit"), str | None)):
        raise ValueError("what it says about itself is no table, or its unit no text")
    known = len(settings["known"])
    features, _, outputs = sizes(lay, known)
    if tensors["network/skip"].shape[1:] != (2, features, outputs):
        raise ValueError(
            f"array 'network/skip' has shape {tensors['network/skip'].shape}, expected [member, 2, {features}, "
            f"{outputs}]"
        )
    scale = Scaling(
        meter=_numbers(tensors, "scaling/meter", (len(ids),), above=0.0),
        mean=_numbers(tensors, "scaling/mean", (known,)),
        std=_numbers(tensors, "scaling/std", (known,), above=0.0),
        hinges=_numbers(tensors, "scaling/hinges", (known, HINGES)),
    )
    factors = _numbers(tensors, "calibration", (len(QUANTILES),))
    linear = _linear(tensors, float(meta["linear_share"]), lay, known, len(ids))
    linear = _between(linear, tensors.get("linear/between"), float(meta.get("between_share", 0.0)), lay)
    return Grounds(lay, scale, linear, factors, _learning(meta.get("learning"), lay), tuple(ids), step, zone)


def _learning(given: Any, lay: Layout) -> Learning:
    """Nothing in a file of version 2."""
    if given is None:
        return Learning()
    gain, rate, since = float(given["gain"]), float(given["rate"]), datetime.fromisoformat(given["since"])
    between = float(given.get("between", gain))  # one gain for all origins before version 4
    if not all(0 <= a <= 1 for a in (gain, rate, between)) or (not can_learn(lay) and gain + rate + between > 0):
        raise ValueError(
            f"gains of {gain} and {between} and a rate of {rate} since {since} are not how errors are learned from"
        )
    return Learning(gain, rate, since, between)


def _settings(given: Any) -> dict[str, Any]:
    """The settings, all of kinds and in ranges that make sense; what does not know JAX has to check them as well."""
    if not isinstance(given, dict):
        raise ValueError("its settings are no table")
    for name in given:
        if name not in SETTINGS:
            raise ValueError(f"setting {name} is unknown here; a newer wattcast may know it")
    country, at, dropout = given["country"], given["at"], given.get("dropout")
    table = isinstance(country, dict) and _texts(list(country.values()))
    fits = {
        "horizon": _whole(given["horizon"], 1),
        "gap": _whole(given["gap"], 0),
        "known": _texts(given["known"]),
        "country": table or isinstance(country, str | None),
        "at": isinstance(at, str) and time.fromisoformat(at).replace(tzinfo=None).isoformat() == at,
        "cell": given["cell"] in ("elman", "gru", "lstm"),
        "hidden": isinstance(given["hidden"], list) and given["hidden"] and all(_whole(h, 1) for h in given["hidden"]),
        "decoder": _whole(given["decoder"], 1),
        "dropout": dropout is None or isinstance(dropout, float | int) and 0 <= dropout < 1,
        "members": _whole(given["members"], 1),
        "loss": given["loss"] in ("pinball", "mse", "mae"),
    }
    for name, fit in fits.items():
        if not fit:
            raise ValueError(f"setting {name} cannot be {given[name]!r}")
    return given


def _whole(value: Any, least: int) -> bool:
    return type(value) is int and value >= least


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) for v in value)


def _network(tensors: Tensors, settings: dict[str, Any]) -> None:
    """What the settings say of the network's size is there; no number in it is odd."""
    wanted = {f"network/stack/cells/{k}/weights/u": h for k, h in enumerate(settings["hidden"])}
    for name in ("network/skip", *wanted):
        if name not in tensors:
            raise ValueError(f"array {name!r} is missing")
    for name, size in wanted.items():
        shape = tensors[name].shape
        if len(shape) != 3 or shape[:2] != (settings["members"], size):
            raise ValueError(f"array {name!r} has shape {shape}, expected [{settings['members']}, {size}, gates]")
    for name, array in tensors.items():
        if name.startswith("network/") and not np.isfinite(array).all():
            raise ValueError(f"array {name!r} holds numbers that are not finite")


def _linear(tensors: Tensors, share: float, lay: Layout, known: int, meters: int) -> LinearPath:
    weights = tensors.get("linear/weights")
    if weights is None or weights.dtype != np.float32 or weights.ndim != 3 or not 0 <= share <= 1:
        raise ValueError("its linear path is missing or of another kind")
    if not np.isfinite(weights).all():
        raise ValueError("array 'linear/weights' holds numbers that are not finite")
    features = linear_size(lay, known)
    if weights.size and (weights.shape[1:] != (features, lay.outputs) or len(weights) not in (1, meters + 1)):
        raise ValueError(
            f"array 'linear/weights' has shape {weights.shape}, expected [meter, {features}, {lay.outputs}]"
        )
    if not weights.size and share > 0:
        raise ValueError("its linear path is empty")
    return LinearPath(weights, share)


def _between(path: LinearPath, weights: NDArray[Any] | None, share: float, lay: Layout) -> LinearPath:
    """The path with its weights between two advances; a file may have none, and older ones do not."""
    if weights is None:
        if share != 0:
            raise ValueError("its linear path between two advances is missing")
        return path
    if weights.dtype != np.float32 or weights.ndim != 2 or not 0 <= share <= 1:
        raise ValueError("its linear path between two advances is of another kind")
    if lay.stride == 1 or weights.shape != (lay.history, lay.horizon - lay.gap):
        raise ValueError(
            f"array 'linear/between' has shape {weights.shape}, expected [{lay.history}, {lay.horizon - lay.gap}] "
            "and days"
        )
    if not np.isfinite(weights).all():
        raise ValueError("array 'linear/between' holds numbers that are not finite")
    return replace(path, between=weights, share_between=share)


def _layout(meta: Any, skip: np.ndarray) -> Layout:
    """The layout, once an array as large as its tables shows that they are worth their memory."""
    if not isinstance(meta, dict) or meta.keys() - {*LAYOUT, SHORT, HABITS}:
        raise ValueError("its layout is no table, or says what is unknown here; a newer wattcast may know it")
    day, gap, horizon, weekly, yearly = (meta[name] for name in LAYOUT)
    fortnight, habits = meta.get(SHORT, True), meta.get(HABITS, False)
    numbers = _whole(day, 1) and _whole(gap, 0) and _whole(horizon, gap + 1)
    if not (numbers and day <= 86_400 and horizon <= 1_000_000 and day * (day + horizon) <= LARGEST):
        raise ValueError(f"a day of {day} steps and a horizon of {horizon} make no layout")
    if not all(isinstance(kind, bool) for kind in (weekly, fortnight, yearly, habits)):
        raise ValueError("its layout does not say whether it looks at weeks, years and habits")
    outputs = outputs_of(day=day, horizon=horizon, gap=gap)
    features = 2 * (day + outputs) if in_days(day, horizon) else 1
    if skip.ndim != 4 or not skip.size or skip.shape[2] < features or skip.shape[3] != outputs:
        raise ValueError(f"array 'network/skip' has shape {skip.shape}, its layout asks for {outputs} outputs")
    kinds = {"weekly": weekly, "yearly": yearly, "fortnight": fortnight, "habits": habits}
    return layout(day=day, horizon=horizon, gap=gap, **kinds)


def _numbers(tensors: Tensors, name: str, shape: tuple[int, ...], above: float = -np.inf) -> NDArray[np.float64]:
    found = tensors.get(name)
    if found is None:
        raise ValueError(f"array {name!r} is missing")
    if found.shape != shape or found.dtype != np.float64:
        raise ValueError(f"array {name!r} is {found.dtype}{found.shape}, expected float64{shape}")
    if not (np.isfinite(found).all() and (found > above).all()):
        raise ValueError(f"array {name!r} holds numbers that are not finite, or no scale")
    return found
