"""A trained forecaster over readings: carry the state along the past, say what comes after each origin."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from numpy.typing import NDArray

from wattcast.features.layout import Layout
from wattcast.features.panel import Panel
from wattcast.features.signals import HINGES, LEAST_LEVEL, Signals, inputs, signals
from wattcast.features.view import View
from wattcast.nets.artifact import stored
from wattcast.nets.drift import drifts, moved
from wattcast.nets.forecaster import Forecaster
from wattcast.nets.linear import blended, linear_features
from wattcast.nets.network import Network
from wattcast.nets.stack import States
from wattcast.runtime.answer import check_horizon, check_panel, finished, scale_of
from wattcast.runtime.model import Model, model_of
from wattcast.schema import QUANTILES, NotReady

Quantiles = NDArray[np.float64]
#: Outputs that are decoded at once.
TOGETHER = 4_000_000


def predict(f: Forecaster, panel: Panel, origins: Sequence[int], horizon: int | None = None) -> Quantiles:
    """Quantile forecasts at many origins in one pass; the state is carried from the first reading on.

    Args:
        f: a trained forecaster.
        panel: readings on the forecaster's step, with the covariates it knows ahead.
        origins: grid indices; each forecast sees only readings before its origin.
        horizon: steps ahead, at most the trained one.

    Returns:
        `[origin, horizon, meter, quantile]` in the units of the readings, over `schema.QUANTILES`; NaN for a
        meter without any reading before the origin.

    Raises:
        ReadingsError: another step, missing covariates, or a horizon beyond what it was trained for.
        NotReady: an origin has too little history before it.
    """
    horizon = f.settings.horizon if horizon is None else horizon
    _check(f, panel, origins, horizon)
    lay, last = f.layout, max(origins)
    past = View(panel, last, lay.targets.max() + 1).panel
    scale = scale_of(f, past)
    s = signals(past, scale, lay, f.settings.country, f.settings.at, f.ids)
    arrays = Signals(*map(jnp.asarray, s))
    t = np.asarray(origins)
    latest = np.searchsorted(s.advances, t, "right") - 1
    if latest.min() < 0:
        raise NotReady(
            f"The state has not moved before step {t.min()} of the readings yet; give a day more of history."
        )
    between_of = s.advances[latest] != t
    out = np.empty((len(t), horizon - lay.gap, len(panel.ids), len(QUANTILES)))
    linear = _linear(f)
    carried = _states(f.network, arrays, lay, int(latest.max()) + 1)
    shift = _shift(f, s, arrays, carried, t, latest)
    held = carried[:, latest]
    for between in (False, True):
        here = np.flatnonzero(between_of == between)
        for part in np.array_split(here, max(1, len(here) * len(panel.ids) * lay.outputs // TOGETHER)):
            if len(part):
                h, when = held[:, part], jnp.asarray(t[part])
                q = np.asarray(_decode(f.network, linear, arrays, lay, h, when, between), np.float64)
                if shift is not None:
                    q += shift[part, ..., None]
                q = finished(q, lay, s.phase[t[part]], horizon, f.calibration)
                out[part] = q.transpose(0, 2, 1, 3)
    heard = np.isfinite(past.y).cumsum(axis=0)[t - 1] > 0
    return np.where(heard[:, None, :, None], out * scale.meter[:, None], np.nan)


def _linear(f: Forecaster) -> tuple[Array, Array] | None:
    return (jnp.asarray(f.linear.weights), jnp.float32(f.linear.share)) if f.linear.share > 0 else None


def _shift(
    f: Forecaster, s: Signals, arrays: Signals, carried: Array, t: NDArray[np.int_], latest: NDArray[np.int_]
) -> NDArray[np.float64] | None:
    """What the drift adds at each origin, over the meter's scale `[origin, meter, output]`; None where nothing."""
    if f.drift_gain == 0:
        return None
    lay, moves, day = f.layout, s.advances[: carried.shape[1]], np.arange(f.layout.day)
    parts = np.array_split(np.arange(len(moves)), max(1, len(moves) * len(s.who) * lay.outputs // TOGETHER))
    said = np.concatenate([
        np.asarray(_decode(f.network, _linear(f), arrays, lay, carried[:, k], jnp.asarray(moves[k]), False))
        [..., : lay.day, len(QUANTILES) // 2]
        for k in parts
    ])  # fmt: skip
    at = moves[:, None] + day
    ends = np.append(moves[1:], len(s.y))[:, None]  # a day of 23 hours has no last slot
    came, here = s.y[np.minimum(at, len(s.y) - 1)], s.seen[np.minimum(at, len(s.y) - 1)] > 0
    missed = (came.swapaxes(1, 2) - said) / s.level[moves][..., None]
    real = here.swapaxes(1, 2) & (at < ends)[:, None] & (s.level[moves] > LEAST_LEVEL)[..., None]
    before = np.asarray(drifts(jnp.asarray(missed), jnp.asarray(real)))[latest]
    # of the day that has begun, what came before the origin counts already
    begun = moved(before, missed[latest], real[latest] & (at[latest] < t[:, None])[:, None])
    return f.drift_gain * np.tile(begun, lay.days) * s.level[t][..., None]


@eqx.filter_jit
def _states(network: Network, s: Signals, lay: Layout, count: int) -> Array:
    """Output of each member's stack after each of `count` advances `[member, advance, meter, hidden]`."""
    meters = s.y.shape[1]

    def carried(member: Network) -> Array:
        def advance(states: States, k: Array) -> tuple[States, Array]:
            t = jnp.full(meters, s.advances[k])
            x, _ = inputs(s, lay, t, jnp.arange(meters), jnp)
            h, states = member.stack.step(member.encode(x, s.who), states)
            return states, h

        return jax.lax.scan(advance, member.stack.initial_state(meters), jnp.arange(count))[1]

    return eqx.filter_vmap(carried)(network)


@eqx.filter_jit
def _decode(  # noqa: PLR0913, PLR0917  (one compiled function)
    network: Network, linear: tuple[Array, Array] | None, s: Signals, lay: Layout, h: Array, t: Array, between: bool
) -> Array:
    """Quantiles over the meter's scale `[origin, meter, output, quantile]`."""
    meters = s.y.shape[1]
    t = jnp.broadcast_to(t[:, None], (t.shape[0], meters))
    m = jnp.broadcast_to(jnp.arange(meters)[None], t.shape)
    x, local = inputs(s, lay, t, m, jnp)

    who = jnp.broadcast_to(s.who[None], t.shape)

    def member(network: Network, h: Array) -> Array:
        return network.head(network.decode(h, x, local, who, between=between))

    quantiles = jnp.mean(eqx.filter_vmap(member)(network, h), axis=0)
    if linear is not None and not between:
        features = linear_features(x, local, lay, s.known.shape[-1] // (1 + HINGES), jnp)
        weights, share = linear
        medians = jnp.einsum("tmf,mfo->tmo", features, weights[jnp.minimum(s.who, len(weights) - 1)])
        quantiles = blended(quantiles, medians, share)
    return (quantiles + 1.0) * s.level[t, m][..., None, None]


def _check(f: Forecaster, panel: Panel, origins: Sequence[int], horizon: int) -> None:
    check_panel(f.step, f.settings.known, f.about.get("issued", False), panel)
    check_horizon(f.layout, horizon)
    need = history(f)
    if min(origins) < need:
        raise NotReady(
            f"The forecast needs {need} readings before it, {panel.ids[0]} has {min(origins)}; give more history."
        )


def history(f: Forecaster) -> int:
    """Readings needed before an origin."""
    return f.layout.history + f.layout.stride


def live(f: Forecaster) -> Model:
    """The same forecaster for `runtime.prime`, `advance` and `predict`: a state a meter instead of the whole past."""
    return model_of(*stored(f))
