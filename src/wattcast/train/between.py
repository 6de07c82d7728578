"""How much the linear path between two advances is trusted."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from wattcast.features.signals import Signals
from wattcast.nets.artifact import stored
from wattcast.nets.between import between_medians
from wattcast.nets.forecaster import Forecaster
from wattcast.nets.objective import cautious_share, goals
from wattcast.runtime.live import decoded
from wattcast.runtime.model import model_of
from wattcast.runtime.start import walked
from wattcast.train.work import Ground, Work

BETWEEN = 500_000  # outputs on which the share of the linear path between two advances is chosen, about


def share_between(work: Work, f: Forecaster, ground: Ground) -> float:
    """Share of the linear path between two advances that suits the validation tail, at an hour drawn for each day."""
    lay, last = work.lay, work.plan.end - work.lay.horizon
    model, s = model_of(*stored(f)), Signals(*map(np.asarray, ground.signals))
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
