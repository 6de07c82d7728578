"""A trained network as NumPy arrays, from a model file: what the live path forecasts with."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import time, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattcast.features.calendar import Country
from wattcast.features.signals import sizes
from wattcast.nets.file import ARRAYS, OPTIONAL, Grounds, Tensors, grounds, not_whole, read
from wattcast.runtime.clock import Clock
from wattcast.runtime.native import Native, native_of
from wattcast.runtime.record import Kind, Record, record_type

Floats = NDArray[np.float32]
_GATES = {"elman": 1, "gru": 3, "lstm": 4}


class Layer(NamedTuple):
    """Weights of one recurrent layer, as `kernels.reference.Weights` has them."""

    w: Floats
    u: Floats
    b: Floats
    bn: Floats


class Member(NamedTuple):
    """Weights of one network of the ensemble; shapes and meaning in `nets.network.Network`."""

    meters: Floats
    centre: Floats
    spread: Floats
    embed: Floats
    embed_bias: Floats
    layers: tuple[Layer, ...]
    from_state: Floats
    from_input: Floats
    from_local: Floats
    slot: Floats
    out: Floats
    bias: Floats
    direct: Floats
    skip: Floats
    below: Floats
    above: Floats


@dataclass(frozen=True)
class Model:
    """What prime, advance and predict need to know.

    Attributes:
        members: the networks whose mean is the forecast.
        cell: elman, gru or lstm.
        quantile: whether the head says quantiles, or a point.
        known: covariates known ahead.
        country: whose public holidays count.
        at: local time at which days begin.
        grounds: layout, scales, linear path, calibration, meters, step and zone.
        about: what was said of its training.
        unit: of the readings, where known.
        fingerprint: of all that changes a state or a forecast.
    """

    members: tuple[Member, ...]
    cell: str
    quantile: bool
    known: tuple[str, ...]
    country: Country
    at: time
    grounds: Grounds
    about: dict[str, Any]
    unit: str | None
    fingerprint: int

    @cached_property
    def step(self) -> int:
        """Length of an interval [us]."""
        return self.grounds.step // timedelta(microseconds=1)

    @cached_property
    def record(self) -> Record:
        """How a state of this model lies in memory."""
        hidden = tuple(layer.u.shape[0] for layer in self.members[0].layers)
        covariates, learns = len(self.known), self.grounds.learning.since is not None
        kind = Kind(self.grounds.layout, covariates, len(self.members), hidden, self.cell == "lstm", learns)
        return record_type(kind)

    @property
    def issued(self) -> bool:
        """Whether it was trained on covariates with the times from which they were known."""
        return bool(self.about.get("issued", False))

    @property
    def one_country(self) -> bool:
        """Whether all meters have the same holidays."""
        return self.country is None or (isinstance(self.country, str) and self.country != "meter")

    @cached_property
    def clock(self) -> Clock:
        """The calendar of its zone."""
        return Clock(self.grounds.layout, self.grounds.step, self.grounds.zone, self.at, self.record.window)

    @cached_property
    def native(self) -> Native | None:
        """The same weights in the native library, where that is there."""
        return native_of(self)

    @cached_property
    def place(self) -> dict[str, int]:
        """Place of each meter among those trained on."""
        return {meter: k for k, meter in enumerate(self.grounds.ids)}


def load(path: str | Path) -> Model:
    """The network of a model file that `wattcast fit` or `save` wrote.

    Raises:
        ArtifactError: the file is missing, cut short, of another version, or not a wattcast model.
    """
    return opened(*read(path), path)


def opened(tensors: Tensors, header: dict[str, Any], path: str | Path) -> Model:
    """The same from what was read of the file.

    Raises:
        ArtifactError: it is not a whole model.
    """
    try:
        return model_of(tensors, header)
    except (KeyError, TypeError, ValueError, OverflowError, OSError) as e:
        raise not_whole(path, e) from None


def model_of(tensors: Tensors, header: dict[str, Any]) -> Model:
    """The same from the arrays and header that a file holds (`nets.file.read`, `nets.artifact.stored`).

    Raises:
        KeyError, TypeError, ValueError, OverflowError, OSError: something is missing or does not fit.
    """
    given, settings = grounds(tensors, header), header["settings"]
    lay, members, hidden, cell = given.layout, settings["members"], settings["hidden"], settings["cell"]
    features, local, outputs = sizes(lay, len(settings["known"]))
    quantile, decoder = settings["loss"] == "pinball", settings["decoder"]
    params, last, width, meters = 3 if quantile else 1, hidden[-1], hidden[0], len(given.ids)

    taken = {name: tensors[name] for name in (*ARRAYS, *(name for name in OPTIONAL if name in tensors))}

    def take(name: str, *shape: int) -> Floats:
        found = taken[f"network/{name}"] = tensors[f"network/{name}"]
        if found.shape != (members, *shape) or found.dtype != np.float32:
            raise ValueError(f"array 'network/{name}' is {found.dtype}{found.shape}, expected float32{shape} a member")
        return np.ascontiguousarray(found)

    def layer(k: int) -> tuple[Floats, ...]:
        name, before, here = f"stack/cells/{k}/weights", hidden[max(k - 1, 0)], hidden[k]
        gates = _GATES[cell] * here
        return (
            take(f"{name}/w", before, gates), take(f"{name}/u", here, gates), take(f"{name}/b", gates),
            take(f"{name}/bn", here if cell == "gru" else 0),
        )  # fmt: skip

    layers = [layer(k) for k in range(len(hidden))]
    shapes = {
        "meters": (meters + 1 if meters > 1 else 0, width), "centre": (features,), "spread": (features,),
        "embed": (features, width), "embed_bias": (width,), "from_state": (last, decoder),
        "from_input": (width, decoder), "from_local": (local, decoder), "slot": (outputs, decoder),
        "out": (decoder, params), "bias": (outputs, params), "direct": (last, outputs * params),
        "skip": (2, features, outputs),
    }  # fmt: skip
    found = {name: take(name, *shape) for name, shape in shapes.items()}
    for side in ("below", "above"):
        found[side] = take(f"head/{side}", 5) if quantile else np.zeros((members, 0), np.float32)
    networks = tuple(
        Member(**{name: a[i] for name, a in found.items()}, layers=tuple(Layer(*(a[i] for a in one)) for one in layers))
        for i in range(members)
    )
    return Model(
        networks, cell, quantile, tuple(settings["known"]), settings["country"], time.fromisoformat(settings["at"]),
        given, dict(header["about"]), header.get("unit"), _fingerprint(taken, header),
    )  # fmt: skip


def _fingerprint(tensors: Tensors, header: dict[str, Any]) -> int:
    """Of what is used alone: what a file holds beside that changes nothing."""
    names = "version settings layout linear_share between_share learning ids step_seconds zone".split()
    parts = {name: header[name] for name in names if name in header}
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].tobytes())
    return int.from_bytes(digest.digest()[:8], "little")
