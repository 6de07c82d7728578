"""Where a training stands, as a forecaster and as a file it can go on from."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import equinox as eqx
import numpy as np

from wattcast.nets.artifact import ArtifactError, named, read, restored, save_forecaster
from wattcast.nets.errors import RATE, Learning, can_learn
from wattcast.nets.forecaster import Forecaster
from wattcast.nets.linear import LinearPath
from wattcast.schema import QUANTILES
from wattcast.train.compiled import State
from wattcast.train.work import Ground, Work


@dataclass(frozen=True)
class Place:
    """Where a training stands between two epochs.

    Attributes:
        stage: "search" or "final".
        epoch: epochs done in it.
        best_epoch: epoch of the best validation loss so far; as many the final stage trains.
        best_loss: that loss.
        calibration: of the bands, on the validation tail, at that epoch.
        share: of the linear path, likewise.
        share_between: of the one between two advances, on the tail, once the search is done.
        gain: on the drift, at that epoch.
        gain_between: likewise between two advances, once the search is done.
        history: one dict an epoch, as `Epoch`.
        scores: what `score` said of the model the search found.
    """

    stage: str = "search"
    epoch: int = 0
    best_epoch: int = 0
    best_loss: float = float("inf")
    calibration: tuple[float, ...] = (1.0,) * len(QUANTILES)
    share: float = 0.0
    share_between: float = 0.0
    gain: float = 0.0
    gain_between: float = 0.0
    history: tuple[dict[str, Any], ...] = ()
    scores: dict[str, Any] | None = None


def forecaster_of(work: Work, state: State, place: Place, ground: Ground) -> Forecaster:
    """The forecaster as it stands: the best weights so far and what was found with them."""
    past = work.past
    network, factors = eqx.combine(work.coarse.whole(state.best), work.static), np.asarray(place.calibration)
    until = work.plan.end if place.stage == "final" else work.plan.split
    rate = RATE if can_learn(work.lay) and work.net.loss == "pinball" else 0.0
    since = past.time(until) if place.gain or rate else None
    learning = Learning(place.gain, rate, since, place.gain_between)
    path, share = ground.linear, place.share_between
    linear = LinearPath(path.weights, place.share if path.weights.size else 0.0)
    if share > 0 and path.between.size:
        linear = replace(linear, between=path.between, share_between=share)
    return Forecaster(
        network, work.net, work.lay, ground.scale, linear, factors, learning, past.ids, past.step, past.zone, None,
        about(work, place),
    )  # fmt: skip


def about(work: Work, place: Place) -> dict[str, Any]:
    """What the file of a forecaster tells of its training."""
    past, end = work.past, work.plan.end
    return {
        "from": past.time(0).isoformat(),
        "until": past.time(end).isoformat(),
        "readings": int(np.isfinite(past.y).sum()),
        "issued": past.known_from is not None,
        "train": work.train.model_dump(mode="json"),
        "judged_from": past.time(work.plan.split).isoformat(),
        "best_epoch": place.best_epoch,
        "scores": place.scores,
        "history": list(place.history),
    }


def save_checkpoint(f: Forecaster, path: Path, state: State, place: Place) -> None:
    """Writes a usable model that a later run goes on from as well."""
    extra = {f"state/{k}": np.asarray(v) for k, v in named(state).items()}
    save_forecaster(f, path, extra=extra, progress=asdict(place))


def load_checkpoint(path: Path, work: Work) -> tuple[State, Place]:
    """What a run goes on from.

    Raises:
        ArtifactError: the file cannot be read, or belongs to other data or settings.
    """
    tensors, meta = read(path)
    if meta.get("progress") is None:
        raise ArtifactError(f"{path} is a finished model, not a checkpoint; there is nothing to resume.")
    fresh = about(work, Place())
    same = {k: meta["about"].get(k) == fresh[k] for k in ("from", "until", "readings", "train")}
    same["settings"] = meta["settings"] == work.net.model_dump(mode="json")
    if not all(same.values()):
        other = ", ".join(k for k, v in same.items() if not v)
        raise ArtifactError(f"{path} belongs to a training that differs in: {other}. Start anew without --resume.")
    try:
        done = meta["progress"]
        done = {**done, "history": tuple(done["history"]), "calibration": tuple(done["calibration"])}
        place = Place(**done)
        return restored(work.start, tensors, "state/"), place
    except (ValueError, TypeError) as e:
        raise ArtifactError(f"{path} is not a whole checkpoint: {e}.") from None
