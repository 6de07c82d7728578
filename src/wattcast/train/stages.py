"""Training: whole epochs compiled into one call; seeded, with checkpoints that a later run goes on from.

First a search: learn from what lies before a validation tail, keep the averaged weights of the best epoch. Then,
unless told otherwise, as many epochs again on everything, tail included, since the latest days say most about the
next. Whatever is judged later lies after both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from wattcast.features.view import View
from wattcast.nets.forecaster import Forecaster, NetworkSettings
from wattcast.train.between import chosen_between
from wattcast.train.checkpoint import Place, forecaster_of, load_checkpoint, save_checkpoint
from wattcast.train.compiled import State
from wattcast.train.rules import layout_of
from wattcast.train.settings import Epoch, TrainSettings
from wattcast.train.work import Ground, Work, ground_of, prepare


def fit(
    view: View,
    net: NetworkSettings,
    train: TrainSettings | None = None,
    *,
    progress: Callable[[Epoch], None] | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    score: Callable[[Forecaster], dict[str, Any]] | None = None,
    start: Forecaster | None = None,
) -> Forecaster:
    """Trains a network on all readings before the view's origin.

    Args:
        view: the past to learn from.
        net: what is forecast and by which network.
        train: how it learns.
        progress: called after every epoch.
        checkpoint: file written after every epoch; it is a usable model (the best so far) as well.
        resume: go on from the checkpoint, to the same weights as an uninterrupted run.
        score: asked once about the model the search found, which has not seen the validation tail; the answer
            goes into `about`.
        start: a forecaster of the same settings to go on from (a warm start): a quarter of the epochs on all readings,
            no search, and its bands, as a validation tail that its weights have seen would make them too narrow. Where
            it looks at other readings (there are three weeks only now) training starts anew.

    Returns:
        The trained forecaster; its `about` holds the history.

    Raises:
        NotReady: the readings are too few for sequences and a validation tail.
        ArtifactError: the checkpoint cannot be read, or belongs to other data or settings.
    """
    train = train or TrainSettings()
    warm = start is not None and start.layout is layout_of(view, net)
    if warm:
        train = train.model_copy(update={"epochs": -(-train.epochs // 4)})
    work = prepare(view, net, train, start if warm else None)
    state, place, forecaster = work.start, Place(), None
    if start is not None and warm:
        weights = work.coarse.tied(eqx.filter(start.network, eqx.is_inexact_array))
        state = state._replace(params=weights, average=weights, best=weights)
        place = Place(
            "final", best_epoch=train.epochs, calibration=tuple(start.calibration.tolist()),
            share=start.linear.share, share_between=start.linear.share_between, gain=start.learning.gain,
            gain_between=start.learning.between,
        )  # fmt: skip
    if resume and checkpoint is not None:
        state, place = load_checkpoint(checkpoint, work)
    for state, place, ground in _epochs(work, state, place, score):  # noqa: B020
        forecaster = forecaster_of(work, state, place, ground)
        if checkpoint is not None:
            save_checkpoint(forecaster, checkpoint, state, place)
        if progress is not None:
            progress(Epoch(**place.history[-1]))
    return forecaster or forecaster_of(work, state, place, ground_of(work, place.stage))


def _epochs(
    work: Work, state: State, place: Place, score: Callable[[Forecaster], dict[str, Any]] | None
) -> Iterator[tuple[State, Place, Ground]]:
    """Runs epoch after epoch through both stages, from wherever `place` is."""
    key = jax.random.key(work.train.seed)
    while True:
        ground = ground_of(work, place.stage)
        while not _stage_done(work, place):
            state, place = _one_epoch(work, state, place, ground, key)
            if place.stage == "search" and _stage_done(work, place) and ground.linear.between.size:
                share, gain = chosen_between(work, forecaster_of(work, state, place, ground), ground)
                place = replace(place, share_between=share, gain_between=gain)
            if place.stage == "search" and score is not None and _stage_done(work, place):
                place = replace(place, scores=score(forecaster_of(work, state, place, ground)))
            yield state, place, ground
        if place.stage == "final" or not work.train.final:
            return
        state, place = work.start, replace(place, stage="final", epoch=0)


def _stage_done(work: Work, place: Place) -> bool:
    if place.stage == "final":
        return place.epoch >= place.best_epoch
    stale = place.best_epoch > 0 and place.epoch - place.best_epoch >= work.train.patience
    return stale or place.epoch >= work.train.epochs


def _one_epoch(work: Work, state: State, place: Place, ground: Ground, key: PRNGKeyArray) -> tuple[State, Place]:
    began, final, number = time.perf_counter(), place.stage == "final", place.epoch + 1
    end = work.plan.end if final else work.plan.split
    state, loss = work.run(state, ground.signals, jax.random.fold_in(key, number + 100_000 * final), end)
    place = replace(place, epoch=number)
    val_loss = skill = None
    if final:
        state = state._replace(best=state.average)
    else:
        judgement = work.judge(state.average, ground.signals, ground.medians)
        val_loss, skill = float(judgement.loss), float(judgement.skill)
        if place.best_epoch == 0 or np.isnan(place.best_loss) or val_loss < place.best_loss:
            factors = tuple(np.asarray(judgement.calibration, float).tolist())
            share, gain = round(float(judgement.share), 2), float(judgement.gain)
            place = replace(
                place, best_loss=val_loss, best_epoch=number, calibration=factors,
                share=share, gain=gain, gain_between=gain,
            )  # fmt: skip
            state = state._replace(best=state.average)
    readings = work.train.steps * work.plan.batch * work.plan.context * work.lay.stride
    epochs = place.best_epoch if final else work.train.epochs
    mean, seconds = float(loss), time.perf_counter() - began  # float() waits for the epoch to be done
    epoch = Epoch(place.stage, number, epochs, mean, val_loss, skill, readings / seconds, seconds)
    return state, replace(place, history=(*place.history, asdict(epoch)))
