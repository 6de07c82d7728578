"""How much is trusted between two advances: the linear path there, and the drift learned from errors at them."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from numpy.typing import NDArray

from wattcast.features.signals import Signals
from wattcast.nets.artifact import stored
from wattcast.nets.between import between_medians
from wattcast.nets.errors import GAINS, MIDDLE, Day, days_of, heard_until, learned_before
from wattcast.nets.forecaster import Forecaster
from wattcast.nets.objective import SHARES, cautious, goals, losses_of
from wattcast.runtime.answer import finished
from wattcast.runtime.live import decoded
from wattcast.runtime.model import model_of
from wattcast.runtime.start import walked
from wattcast.train.compiled import UNPOLISHED
from wattcast.train.work import Ground, Work

BETWEEN = 500_000  # outputs on which both are chosen, about


def chosen_between(work: Work, f: Forecaster, ground: Ground) -> tuple[float, float]:
    """Share of the linear path and gain on the drift that suit the validation tail, at an hour drawn for each day."""
    lay, rng, s = work.lay, np.random.default_rng(0), Signals(*map(np.asarray, ground.signals))
    moves = s.advances[np.searchsorted(s.advances, work.plan.split) :]
    most = max(1, BETWEEN // (max(1, len(moves)) * lay.outputs))
    s = _of_meters(s, np.sort(rng.permutation(len(s.who))[:most]))
    origins = moves + rng.integers(1, lay.stride, len(moves))
    origins = origins[origins <= work.plan.end - lay.horizon]
    if not len(origins):
        return 0.0, f.learning.gain
    said, days = _said(f, s, moves[: len(origins)], origins)
    t, m = np.broadcast_arrays(origins[:, None], np.arange(len(s.who)))

    @partial(jax.jit, **UNPOLISHED)
    def losses(s: Signals, quantiles: Array, shift: Array, amounts: Array) -> Array:
        goal = goals(f.network, s, lay, jnp.asarray(t), jnp.asarray(m), jnp.asarray(work.plan.end))
        return losses_of(f.network, goal, quantiles, shift, amounts)

    on_device = Signals(*map(jnp.asarray, s))
    path = (between_medians(ground.linear.between, s, lay, t, m) - said[..., MIDDLE]).astype(np.float32)
    found = np.asarray(losses(on_device, said, path, np.asarray(SHARES, np.float32)), np.float64)
    share = SHARES[cautious(found) if work.train.final else int(found.sum(axis=1).argmin())]
    if f.learning.gain == 0:
        return share, 0.0
    known = learned_before(days, f.learning, lay, len(s.who))
    begun = [
        heard_until(one, day, int(origin - at), f.learning, lay).drift
        for one, day, at, origin in zip(known, days, moves, origins, strict=False)
    ]
    level = s.level[moves[: len(t)]] / s.level[t, m]
    drift = (np.tile(np.stack(begun), lay.days) * level[..., None]).astype(np.float32)
    gains = [gain for gain in GAINS if gain <= f.learning.gain]
    found = losses(on_device, said + np.float32(share) * path[..., None], drift, np.asarray(gains, np.float32))
    return share, gains[int(np.asarray(found).sum(axis=1).argmin())]


def _said(
    f: Forecaster, s: Signals, moves: NDArray[np.int32], origins: NDArray[np.int64]
) -> tuple[NDArray[np.float32], list[Day]]:
    """The network's quantiles over the level at origins `[origin, meter, output, quantile]`; days, if they teach."""
    model, lay, m, late, sharp = model_of(*stored(f)), f.layout, np.arange(len(s.who)), [], []
    first = int(np.searchsorted(s.advances, moves[0]))
    for move, origin, (_, states) in zip(moves, origins, walked(model, s, first), strict=False):
        at, t = np.full(len(m), move), np.full(len(m), origin)
        if f.learning.gain > 0:
            q = decoded(model, s, at, states, between=False)[None]
            sharp.append(finished(q, lay, s.phase[at[:1]], min(lay.day, lay.horizon), f.calibration)[0])
        late.append(decoded(model, s, t, states, between=True) / s.level[t, m][:, None, None] - 1.0)
    return np.stack(late).astype(np.float32), days_of(s, lay, moves, np.stack(sharp)) if sharp else []


def _of_meters(s: Signals, some: NDArray[np.int64]) -> Signals:
    """The same of some meters alone."""
    each = {name: getattr(s, name)[:, some] for name in ("y", "seen", "level", "mean", "known")}
    if s.known_from.size:
        each["known_from"] = s.known_from[:, some]
    return s._replace(**each, country=s.country[some], who=s.who[some])
