"""Training: whole epochs compiled into one call; seeded, with checkpoints that a later run goes on from.

First a search: learn from what lies before a validation tail, keep the averaged weights of the best epoch. Then,
unless told otherwise, as many epochs again on everything, tail included, since the latest days say most about the
next. Whatever is judged later lies after both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, PRNGKeyArray
from pydantic import BaseModel, ConfigDict, Field

from wattcast.features.layout import Layout, layout
from wattcast.features.panel import Panel
from wattcast.features.plan import Plan, plan
from wattcast.features.signals import LEAST_LEVEL, Scaling, Signals, inputs, scaling, signals
from wattcast.features.view import View
from wattcast.forecast import live
from wattcast.nets.artifact import ArtifactError, named, read, restored, save_forecaster
from wattcast.nets.between import between_medians, fit_between
from wattcast.nets.coarse import Coarse, coarse
from wattcast.nets.errors import RATE, Learning, can_learn
from wattcast.nets.forecaster import Forecaster, NetworkSettings, build, with_rules
from wattcast.nets.linear import LinearPath, fit_linear, linear_medians, no_path
from wattcast.nets.objective import Judgement, Lanes, cautious_share, goals, judge, moved, training_loss
from wattcast.runtime.live import decoded
from wattcast.runtime.start import walked
from wattcast.schema import QUANTILES

# Days from which the time of year is looked at. With half a year of Poland to learn from, networks that saw it missed
# the next quarter by 6 % where the linear path alone missed it by 2.7 %.
YEAR = 330
# Days from which a network looks two weeks back, which takes the first two weeks from what it learns from. After 42
# days of Victoria the next 28 were forecast better by 14 % with one week back alone, after 84 days worse by 3 %.
TWO_WEEKS = 56
# Days of all meters together under which 40 batches an epoch are enough: of ten homes, Victoria and Poland none was
# forecast better with 100, in two and a half times the time; with 20 Victoria was forecast worse.
FEW_DAYS = 10_000
# Days of all meters together from which outputs are told of habits (features/signals.py): 537 homes, 35 countries, ten
# homes and ten clients are forecast better by .6 to 6 %, Victoria and Poland, one meter each, worse by 1 %.
HABIT_DAYS = 2_000
BETWEEN = 500_000  # outputs on which the share of the linear path between two advances is chosen, about
LOOKED_AT = 10_000  # origins whose inputs say how they spread
# What XLA's own code is polished with. Its loops are short beside the products and the native kernels: at level 1 an
# epoch is as fast as at 3 and compiles 1.4 s sooner; what runs once, as the start of a network, gains from 0. XLA's
# older emitters of loops would halve the time to compile, but at level 0 they gave wrong gradients (jaxlib 0.10.2).
PLAIN: dict[str, Any] = {"compiler_options": {"xla_backend_optimization_level": "1"}}
UNPOLISHED: dict[str, Any] = {"compiler_options": {"xla_backend_optimization_level": "0"}}


class TrainSettings(BaseModel):
    """How the network learns. None means: by a rule from the data (features/plan.py, `_prepare`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(15, ge=1, description="epochs at most")
    steps: int = Field(
        100, ge=1, description="batches an epoch; unless set 40 for horizons under half a day and for few readings"
    )
    batch: int | None = Field(None, ge=1, description="sequences a batch")
    context: int | None = Field(None, ge=2, description="advances of the state a sequence")
    learning_rate: float | None = Field(None, gt=0, description="peak of the schedule: warm-up, then cosine")
    weight_decay: float = Field(1e-1, ge=0, description="AdamW (Loshchilov & Hutter 2019), on matrices")
    clip: float = Field(1.0, gt=0, description="norm to which gradients are clipped")
    ema: float = Field(0.99, ge=0, lt=1, description="weight averaging: share kept a batch")
    validation: float = Field(0.15, gt=0, lt=0.5, description="share of the training part that validates")
    patience: int = Field(4, ge=1, description="epochs without a better validation loss before stopping")
    final: bool = Field(True, description="train again on everything, validation tail included")
    stateful: bool = Field(False, description="carry the state from batch to batch: truncated BPTT over the years")
    seed: int = Field(0, ge=0, description="all randomness follows from it")


@dataclass(frozen=True)
class Epoch:
    """What is known after an epoch.

    Attributes:
        stage: "search" or "final".
        epoch: from 1.
        epochs: at most, in this stage.
        loss: mean training loss, relative to the level of the load.
        val_loss: the same on the validation tail with averaged weights; None in the final stage.
        skill: 1 - MAE / MAE of the base the network corrects, on the tail; None in the final stage.
        readings: readings a second that passed through the network.
        seconds: of this epoch, compilation included.
    """

    stage: str
    epoch: int
    epochs: int
    loss: float
    val_loss: float | None
    skill: float | None
    readings: float
    seconds: float


class State(NamedTuple):
    """Everything that changes while training: weights, their average, the best average, the optimiser."""

    params: Any
    average: Any
    best: Any
    optimiser: Any


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
        gain: on the drift, likewise.
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
    history: tuple[dict[str, Any], ...] = ()
    scores: dict[str, Any] | None = None


@dataclass(frozen=True)
class Work:
    """What stays the same while training: data, layout, compiled functions; `before`: all before the tail, as seen.

    Weights are tied as `coarse` says wherever they are not in a `Forecaster`.
    """

    past: Panel
    before: tuple[Scaling, Signals]
    net: NetworkSettings
    train: TrainSettings
    lay: Layout
    plan: Plan
    coarse: Coarse
    static: Any
    start: State
    run: Callable[..., tuple[State, Array]]
    judge: Callable[..., Judgement]


class Ground(NamedTuple):
    """What a stage stands on: scales, signals, the linear path, and its medians where the tail is judged."""

    scale: Scaling
    signals: Signals
    linear: LinearPath
    medians: Array | None


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
    warm = start is not None and start.layout is _layout(view, net)
    if warm:
        train = train.model_copy(update={"epochs": -(-train.epochs // 4)})
    work = _prepare(view, net, train, start if warm else None)
    state, place, forecaster = work.start, Place(), None
    if start is not None and warm:
        weights = work.coarse.tied(eqx.filter(start.network, eqx.is_inexact_array))
        state = state._replace(params=weights, average=weights, best=weights)
        place = Place(
            "final", best_epoch=train.epochs, calibration=tuple(start.calibration.tolist()),
            share=start.linear.share, share_between=start.linear.share_between, gain=start.learning.gain,
        )  # fmt: skip
    if resume and checkpoint is not None:
        state, place = _load_checkpoint(checkpoint, work)
    for state, place, ground in _epochs(work, state, place, score):  # noqa: B020
        forecaster = _forecaster(work, state, place, ground)
        if checkpoint is not None:
            save_forecaster(forecaster, checkpoint, extra=_named_state(state), progress=asdict(place))
        if progress is not None:
            progress(Epoch(**place.history[-1]))
    return forecaster or _forecaster(work, state, place, _ground(work, place.stage))


def _prepare(view: View, net: NetworkSettings, train: TrainSettings, go_on: Forecaster | None = None) -> Work:
    past = view.panel
    lay = _layout(view, net)
    net = with_rules(net, lay)
    train = _with_rules(train, lay, view.origin // lay.day * len(past.ids))
    readings = View(past, view.origin, 0).panel
    steps = plan(readings, lay, validation=train.validation, batch=train.batch, context=train.context, at=net.at)
    optimiser = _optimiser(train)
    # settings with a table of countries have no hash, which arguments of compiled functions need
    start_of = eqx.filter_jit(lambda key: build(net, lay, len(past.ids), key), **UNPOLISHED)
    params, static = eqx.partition(start_of(jax.random.key(train.seed)), eqx.is_inexact_array)
    before = _seen(past, net, lay, steps.split)
    if lay.stride > 1:
        params = _normal(params, before[1], lay, steps.split - lay.horizon)
    tie = coarse(past.y, lay)
    if go_on is not None and not tie.is_tied(go_on.network):
        tie = replace(tie, each=1)
    params = tie.tied(params)
    start = State(params, params, params, jax.vmap(optimiser.init)(params))
    run, judge_ = _compiled(static, tie, lay, steps, optimiser, train)
    return Work(past, before, net, train, lay, steps, tie, static, start, run, judge_)


def _seen(past: Panel, net: NetworkSettings, lay: Layout, end: int) -> tuple[Scaling, Signals]:
    """Scales from what lies before `end`, and signals in them."""
    scale = scaling(View(past, end, 0).panel)
    return scale, signals(past, scale, lay, net.country, net.at, past.ids)


def _normal(params: Any, s: Signals, lay: Layout, last: int) -> Any:
    """The start with centre and spread of the inputs at the advances up to `last`."""
    t, meters = s.advances[s.advances <= last], len(s.who)
    pick = np.random.default_rng(0).permutation(len(t) * meters)[:LOOKED_AT]
    at, m = t[pick // meters], pick % meters
    x = inputs(s, lay, at, m)[0][s.level[at, m] > LEAST_LEVEL]
    centre, spread = (x.mean(0), x.std(0)) if len(x) else (0.0, 1.0)
    spread = np.where(spread > 1e-4, spread, 1.0)
    where = (lambda p: p.centre), (lambda p: p.spread)
    for find, value in zip(where, (centre, spread), strict=True):
        params = eqx.tree_at(find, params, jnp.broadcast_to(jnp.asarray(value, jnp.float32), find(params).shape))
    return params


def _with_rules(train: TrainSettings, lay: Layout, days: int) -> TrainSettings:
    """Settings with numbers filled in: days say much at once and want larger networks, many of them longer learned."""
    short = lay.stride == 1
    steps = 40 if (short or days < FEW_DAYS) and "steps" not in train.model_fields_set else train.steps
    return train.model_copy(update={"steps": steps, "learning_rate": train.learning_rate or (5e-3 if short else 6e-3)})


def _layout(view: View, net: NetworkSettings) -> Layout:
    day = view.panel.day
    weekly, fortnight, yearly = (view.origin >= days * day for days in (21, TWO_WEEKS, YEAR))
    habits = view.origin // day * len(view.panel.ids) >= HABIT_DAYS
    kinds = {"weekly": weekly, "yearly": yearly, "fortnight": fortnight, "habits": habits}
    return layout(day=day, horizon=net.horizon, gap=net.gap, **kinds)


def _epochs(
    work: Work, state: State, place: Place, score: Callable[[Forecaster], dict[str, Any]] | None
) -> Iterator[tuple[State, Place, Ground]]:
    """Runs epoch after epoch through both stages, from wherever `place` is."""
    key = jax.random.key(work.train.seed)
    while True:
        ground = _ground(work, place.stage)
        while not _stage_done(work, place):
            state, place = _one_epoch(work, state, place, ground, key)
            if place.stage == "search" and _stage_done(work, place) and ground.linear.between.size:
                share = _share_between(work, _forecaster(work, state, place, ground), ground)
                place = replace(place, share_between=share)
            if place.stage == "search" and score is not None and _stage_done(work, place):
                place = replace(place, scores=score(_forecaster(work, state, place, ground)))
            yield state, place, ground
        if place.stage == "final" or not work.train.final:
            return
        state, place = work.start, replace(place, stage="final", epoch=0)


def _stage_done(work: Work, place: Place) -> bool:
    if place.stage == "final":
        return place.epoch >= place.best_epoch
    stale = place.best_epoch > 0 and place.epoch - place.best_epoch >= work.train.patience
    return stale or place.epoch >= work.train.epochs


def _ground(work: Work, stage: str) -> Ground:
    """Scales, signals and the linear path, from what the stage may learn from."""
    plan_, net, covariates = work.plan, work.net, len(work.net.known)
    end = plan_.end if stage == "final" else plan_.split
    scale, s = work.before if stage == "search" else _seen(work.past, net, work.lay, end)
    linear, medians = no_path(), None
    if work.lay.stride > 1:
        linear = replace(
            fit_linear(s, work.lay, covariates, end, len(work.past.ids)),
            between=fit_between(s, work.lay, end, len(work.past.ids)),
        )
        if linear.weights.size and stage == "search":
            judged = plan_.moments[plan_.filling :: plan_.judge_every]
            medians = jnp.asarray(linear_medians(linear, s, work.lay, covariates, judged))
    return Ground(scale, Signals(*map(jnp.asarray, s)), linear, medians)


def _share_between(work: Work, f: Forecaster, ground: Ground) -> float:
    """Share of the linear path between two advances that suits the validation tail, at an hour drawn for each day."""
    lay, last = work.lay, work.plan.end - work.lay.horizon
    model, s = live(f), Signals(*map(np.asarray, ground.signals))
    first = int(np.searchsorted(s.advances, work.plan.split))
    every = max(1, (len(s.advances) - first) * len(s.who) * lay.outputs // BETWEEN)
    hours, m = np.random.default_rng(0).integers(1, lay.stride, len(s.advances)), np.arange(len(s.who))
    origins, said = [], []
    for k, states in walked(model, s, first):
        t = np.full(len(m), s.advances[k] + hours[k])
        if k % every or t[0] > last:
            continue
        q = decoded(model, s, t, states, between=True)
        origins.append(t)
        said.append(q / s.level[t, m][:, None, None] - 1.0)
    if not origins:
        return 0.0
    t, q = np.stack(origins), np.stack(said)
    m = np.broadcast_to(m, t.shape)
    linear = between_medians(ground.linear.between, s, lay, t, m)
    goal = goals(f.network, ground.signals, lay, jnp.asarray(t), jnp.asarray(m), jnp.asarray(work.plan.end))
    return cautious_share(f.network, goal, jnp.asarray(q, jnp.float32), jnp.asarray(linear))


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
            place = replace(place, best_loss=val_loss, best_epoch=number, calibration=factors, share=share, gain=gain)
            state = state._replace(best=state.average)
    readings = work.train.steps * work.plan.batch * work.plan.context * work.lay.stride
    epochs = place.best_epoch if final else work.train.epochs
    mean, seconds = float(loss), time.perf_counter() - began  # float() waits for the epoch to be done
    epoch = Epoch(place.stage, number, epochs, mean, val_loss, skill, readings / seconds, seconds)
    return state, replace(place, history=(*place.history, asdict(epoch)))


def _compiled(
    static: Any, tie: Coarse, lay: Layout, steps: Plan, optimiser: optax.GradientTransformation, train: TrainSettings
) -> tuple[Callable[..., tuple[State, Array]], Callable[..., Judgement]]:
    """An epoch (state, signals, key, end) -> (state, loss); the judge (params, signals, medians) -> Judgement."""

    def drawn(params: Any, key: PRNGKeyArray, s: Signals, count: Array) -> Lanes:
        k_start, k_meter, _ = jax.random.split(key, 3)
        start = jax.random.randint(k_start, (steps.batch,), 0, count - steps.context + 1)
        meter = jax.random.randint(k_meter, (1, steps.batch), 0, s.y.shape[1])[0]
        states = eqx.combine(params, static).stack.initial_state(steps.batch)
        return Lanes(start, meter, jnp.full(steps.batch, steps.warmup), states)

    def member(params: Any, average: Any, memory: Any, lanes: Any, key: PRNGKeyArray, s: Signals, end: Array) -> Any:
        count = jnp.searchsorted(s.advances, end - lay.horizon, side="right")
        fresh = drawn(params, key, s, count)
        here = fresh if lanes is None else lanes
        t = s.advances[here.start[None] + jnp.arange(steps.context)[:, None]]
        m = jnp.broadcast_to(here.meter[None], t.shape)
        k_loss = jax.random.split(key, 3)[2]

        def loss(p: Any) -> tuple[Array, Any]:
            network = eqx.combine(tie.whole(p), static)
            return training_loss(network, s, lay, t, m, end, here.warmup, k_loss, here.states)

        (value, states), grads = jax.value_and_grad(loss, has_aux=True)(params)
        with jax.numpy_dtype_promotion("standard"):  # Optax raises floats to the power of its integer count
            updates, memory = optimiser.update(grads, memory, params)
        params = optax.apply_updates(params, updates)
        if lanes is not None:
            lanes = moved(here, states, steps.context, count, fresh._replace(start=fresh.start % steps.context))
        return params, optax.incremental_update(params, average, 1 - train.ema), memory, lanes, value

    def batch(carry: tuple[State, Any], key: PRNGKeyArray, s: Signals, end: Array) -> tuple[tuple[State, Any], Array]:
        state, lanes = carry
        keys = jax.random.split(key, jax.tree.leaves(state.params)[0].shape[0])
        members = jax.vmap(member, in_axes=(0, 0, 0, 0, 0, None, None))
        *moves, lanes, values = members(state.params, state.average, state.optimiser, lanes, keys, s, end)
        params, average, memory = moves
        return (State(params, average, state.best, memory), lanes), jnp.mean(values)

    @partial(jax.jit, **PLAIN)
    def epoch(state: State, s: Signals, key: PRNGKeyArray, end: Array) -> tuple[State, Array]:
        keys, lanes = jax.random.split(key, train.steps), None
        if train.stateful:
            begin = jax.random.split(jax.random.fold_in(key, train.steps), jax.tree.leaves(state.params)[0].shape[0])
            count = jnp.searchsorted(s.advances, end - lay.horizon, side="right")
            lanes = jax.vmap(drawn, in_axes=(0, 0, None, None))(state.params, begin, s, count)
        (state, _), losses = jax.lax.scan(lambda c, k: batch(c, k, s, end), (state, lanes), keys)
        return state, jnp.mean(losses)

    @partial(jax.jit, **PLAIN)
    def judged(params: Any, s: Signals, linear: Array | None) -> Judgement:
        skip = (steps.filling, steps.judge_every)
        return judge(eqx.combine(tie.whole(params), static), s, lay, jnp.asarray(steps.moments), skip, linear)

    return epoch, judged


def _optimiser(train: TrainSettings) -> optax.GradientTransformation:
    total, peak = train.epochs * train.steps, train.learning_rate
    assert peak is not None
    schedule = optax.warmup_cosine_decay_schedule(0.0, peak, min(50, total // 4), total, peak / 100)
    # clipping and Adam on one long vector: a loop each to compile and not one for every weight matrix
    direction = optax.flatten(optax.chain(optax.clip_by_global_norm(train.clip), optax.scale_by_adam()))
    decay = optax.add_decayed_weights(train.weight_decay, _matrices)
    return optax.chain(direction, decay, optax.scale_by_learning_rate(schedule))


def _matrices(params: Any) -> Any:
    return jax.tree.map(lambda p: p.ndim > 1, params)


def _about(work: Work, place: Place) -> dict[str, Any]:
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


def _forecaster(work: Work, state: State, place: Place, ground: Ground) -> Forecaster:
    past, about = work.past, _about(work, place)
    network, factors = eqx.combine(work.coarse.whole(state.best), work.static), np.asarray(place.calibration)
    until = work.plan.end if place.stage == "final" else work.plan.split
    rate = RATE if can_learn(work.lay) and work.net.loss == "pinball" else 0.0
    learning = Learning(place.gain, rate, past.time(until) if place.gain or rate else None)
    path, share = ground.linear, place.share_between
    linear = LinearPath(path.weights, place.share if path.weights.size else 0.0)
    if share > 0 and path.between.size:
        linear = replace(linear, between=path.between, share_between=share)
    return Forecaster(
        network, work.net, work.lay, ground.scale, linear, factors, learning, past.ids, past.step, past.zone, None,
        about,
    )  # fmt: skip


def _named_state(state: State) -> dict[str, np.ndarray]:
    return {f"state/{k}": np.asarray(v) for k, v in named(state).items()}


def _load_checkpoint(path: Path, work: Work) -> tuple[State, Place]:
    tensors, meta = read(path)
    if meta.get("progress") is None:
        raise ArtifactError(f"{path} is a finished model, not a checkpoint; there is nothing to resume.")
    fresh = _about(work, Place())
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
