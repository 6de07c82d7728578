"""What training stands on: data, layout, start, compiled functions; scales and linear paths of a stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from wattcast.features.layout import Layout
from wattcast.features.panel import Panel
from wattcast.features.plan import Plan, plan
from wattcast.features.signals import LEAST_LEVEL, Scaling, Signals, inputs, scaling, signals
from wattcast.features.view import View
from wattcast.nets.between import fit_between
from wattcast.nets.coarse import Coarse, coarse
from wattcast.nets.forecaster import Forecaster, NetworkSettings, build, shape_of, with_rules
from wattcast.nets.linear import LinearPath, fit_linear, linear_medians, no_path
from wattcast.nets.objective import Judgement
from wattcast.train import compiled
from wattcast.train.compiled import State, compile_epoch, optimiser_of
from wattcast.train.rules import are_few, filled, inputs_rate, layout_of
from wattcast.train.settings import TrainSettings

LOOKED_AT = 10_000  # origins whose inputs say how they spread


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


def prepare(view: View, net: NetworkSettings, train: TrainSettings, go_on: Forecaster | None = None) -> Work:
    """All that does not change while training; `go_on` is a forecaster whose weights it starts from."""
    past = view.panel
    lay = layout_of(view, net)
    if go_on is not None:
        net = net.model_copy(update=go_on.settings.model_dump(include={"hidden", "decoder", "dropout", "members"}))
    readings = View(past, view.origin, 0).panel
    steps = plan(readings, lay, validation=train.validation, batch=train.batch, context=train.context, at=net.at)
    tie = coarse(past.y[: steps.split], lay)
    rough = tie.each > 1
    few = are_few(view.origin // lay.day * len(past.ids), rough=rough)
    net = with_rules(net, lay, rough=rough, few=few)
    train = filled(train, lay, few=few)
    optimiser = optimiser_of(train, inputs_rate(lay, len(net.known)))
    # A closure, as settings with a table of countries have no hash, which arguments of compiled functions need; JAX's
    # own jit, as Equinox keeps closures and their code for ever, which kills a process after some 100 trainings.
    meters = len(past.ids)
    start_of = jax.jit(lambda key: eqx.filter(build(net, lay, meters, key), eqx.is_array), **compiled.UNPOLISHED)
    network = eqx.combine(start_of(jax.random.key(train.seed)), shape_of(net, lay, meters))
    params, static = eqx.partition(network, eqx.is_inexact_array)
    before = seen(past, net, lay, steps.split)
    if lay.stride > 1:
        params = _normal(params, before[1], lay, steps.split - lay.horizon)
    if go_on is not None and not tie.is_tied(go_on.network):
        tie = replace(tie, each=1)
    params = tie.tied(params)
    start = State(params, params, params, jax.vmap(optimiser.init)(params))
    run, judge_ = compile_epoch(static, tie, lay, steps, optimiser, train)
    return Work(past, before, net, train, lay, steps, tie, static, start, run, judge_)


def seen(past: Panel, net: NetworkSettings, lay: Layout, end: int) -> tuple[Scaling, Signals]:
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


def ground_of(work: Work, stage: str) -> Ground:
    """Scales, signals and the linear path, from what the stage may learn from."""
    plan_, net, covariates = work.plan, work.net, len(work.net.known)
    end = plan_.end if stage == "final" else plan_.split
    scale, s = work.before if stage == "search" else seen(work.past, net, work.lay, end)
    linear, medians = no_path(), None
    if work.lay.stride > 1:
        rough = work.coarse.each > 1 and net.loss != "mse"  # squared errors ask for means
        linear = replace(
            fit_linear(s, work.lay, covariates, end, len(work.past.ids), rough=rough),
            between=fit_between(s, work.lay, end, len(work.past.ids)),
        )
        if linear.weights.size and stage == "search":
            judged = plan_.moments[plan_.filling :: plan_.judge_every]
            medians = jnp.asarray(linear_medians(linear, s, work.lay, covariates, judged))
    return Ground(scale, Signals(*map(jnp.asarray, s)), linear, medians)
