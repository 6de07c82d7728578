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
from wattcast.features.signals import HINGES, Scaling, Signals, inputs, scaling, signals
from wattcast.features.view import View
from wattcast.nets.forecaster import Forecaster
from wattcast.nets.linear import blended, linear_features
from wattcast.nets.network import Network
from wattcast.nets.stack import States
from wattcast.schema import QUANTILES, NotReady, ReadingsError

Quantiles = NDArray[np.float64]


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
    scale = _scale(f, past)
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
    linear = (jnp.asarray(f.linear.weights), jnp.float32(f.linear.share)) if f.linear.share > 0 else None
    held = _states(f.network, arrays, lay, int(latest.max()) + 1)[:, latest]
    step_of = lay.targets[s.phase[t]]
    for between in (False, True):
        here = np.flatnonzero(between_of == between)
        for part in np.array_split(here, max(1, len(here) * len(panel.ids) * step_of.shape[1] // 4_000_000)):
            if len(part):
                q = np.asarray(
                    _decode(f.network, linear, arrays, lay, held[:, part], jnp.asarray(t[part]), between), np.float64
                )
                order = (
                    np.argsort(step_of[part], axis=1)[:, lay.gap : horizon]
                    if lay.stride > 1
                    else np.arange(horizon - lay.gap)[None]
                )
                q = np.take_along_axis(q, order[:, None, :, None], axis=2)  # [origin, meter, horizon, quantile]
                out[part] = q.transpose(0, 2, 1, 3)
    middle = out[..., out.shape[-1] // 2, None]
    out = np.sort(middle + (out - middle) * f.calibration, axis=-1)  # factors may differ enough to cross
    heard = np.isfinite(past.y).cumsum(axis=0)[t - 1] > 0
    return np.where(heard[:, None, :, None], out * scale.meter[:, None], np.nan)


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


def _scale(f: Forecaster, past: Panel) -> Scaling:
    """The trained scale of meters it knows; of others, from the little that is sure to lie before all origins."""
    known = {meter: f.scaling.meter[i] for i, meter in enumerate(f.ids)}
    if all(meter in known for meter in past.ids):
        own = np.array([known[meter] for meter in past.ids])
    else:
        first = scaling(View(past, min(past.y.shape[0], f.layout.history), 0).panel).meter
        own = np.array([known.get(meter, size) for meter, size in zip(past.ids, first, strict=True)])
    return Scaling(own, f.scaling.mean, f.scaling.std, f.scaling.hinges)


def _check(f: Forecaster, panel: Panel, origins: Sequence[int], horizon: int) -> None:
    if panel.step != f.step:
        raise ReadingsError(f"The model was trained on steps of {f.step}, these readings come every {panel.step}.")
    if horizon > f.settings.horizon:
        raise ReadingsError(
            f"A horizon of {horizon} steps lies beyond the {f.settings.horizon} the model was trained for; "
            f"ask for at most {f.settings.horizon}, or train with --horizon {horizon}."
        )
    if horizon <= f.layout.gap:
        raise ReadingsError(
            f"The model's forecasts begin {f.layout.gap + 1} steps ahead, a horizon of {horizon} ends before; "
            f"ask for at least {f.layout.gap + 1}."
        )
    if panel.names != f.settings.known:
        raise ReadingsError(f"The model knows ahead {list(f.settings.known)}, the readings bring {list(panel.names)}.")
    if f.about.get("issued", False) != (panel.known_from is not None):
        trained, now = ("when they were available", "do not say so")
        if panel.known_from is not None:
            trained, now = ("known ahead at any time", "say when they were available")
        raise ReadingsError(
            f"The model was trained on covariates {trained}, these {now}; read both with the same --available-at."
        )
    need = history(f)
    if min(origins) < need:
        raise NotReady(
            f"The forecast needs {need} readings before it, {panel.ids[0]} has {min(origins)}; give more history."
        )


def history(f: Forecaster) -> int:
    """Readings needed before an origin."""
    return f.layout.history + f.layout.stride
