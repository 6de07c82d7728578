"""A trained forecaster over readings: carry the state along the past, say what comes after each origin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from numpy.typing import NDArray

from wattcast.features.layout import Layout
from wattcast.features.panel import Panel
from wattcast.features.signals import HINGES, Signals, inputs, signals
from wattcast.features.view import View
from wattcast.nets.artifact import stored
from wattcast.nets.between import between_medians
from wattcast.nets.errors import Learned, corrected, days_of, first_counted, heard_until, learned_before
from wattcast.nets.forecaster import Forecaster
from wattcast.nets.linear import LinearPath, blended, linear_features
from wattcast.nets.network import Network
from wattcast.nets.stack import States
from wattcast.runtime.answer import check_history, check_horizon, check_panel, finished, scale_of
from wattcast.runtime.model import Model, model_of
from wattcast.schema import QUANTILES, NotReady

Quantiles = NDArray[np.float64]
Times = NDArray[np.int_]
Sayer = Callable[[Times, Times, bool, int], Quantiles]
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
    t = np.asarray(origins)
    latest = np.searchsorted(s.advances, t, "right") - 1
    if latest.min() < 0:
        raise NotReady(
            f"The state has not moved before step {t.min()} of the readings yet; give a day more of history."
        )
    said, late = _sayer(f, s, int(latest.max()) + 1), s.advances[latest] != t
    first = first_counted(s, f.learning, past.start, past.step)
    # origins at an advance, and advances whose forecasts are held against what came, in one pass
    places = np.union1d(latest[~late], np.arange(first, latest.max() + 1))
    sharp = said(s.advances[places], places, False, lay.horizon)
    out = np.empty((len(t), len(panel.ids), horizon - lay.gap, len(QUANTILES)))
    out[~late] = sharp[np.searchsorted(places, latest[~late]), :, : horizon - lay.gap]
    out[late] = said(t[late], latest[late], True, horizon)
    if f.learning.since is not None:
        learned = _learned(f, s, t, latest, first, sharp[np.searchsorted(places, first) :])
        out = corrected(out, lay, s.phase[t], learned, s.level[s.advances[latest]], f.learning)
    heard = np.isfinite(past.y).cumsum(axis=0)[t - 1] > 0
    return np.where(heard[:, None, :, None], out.swapaxes(1, 2) * scale.meter[:, None], np.nan)


def _sayer(f: Forecaster, s: Signals, count: int) -> Sayer:
    """What says finished quantiles over the meters' scales `[origin, meter, lead, quantile]`, of `count` advances.

    It is given origins, the advance before each, whether they lie between two advances, and a horizon.
    """
    arrays, lay = Signals(*map(jnp.asarray, _rounded(s))), f.layout
    held = _states(f.network, arrays, lay, _room(count))

    def said(t: Times, latest: Times, between: bool, horizon: int) -> Quantiles:
        out = np.empty((len(t), len(s.who), horizon - lay.gap, len(QUANTILES)))
        linear = _straight(f.linear, between=between)
        for part in np.array_split(np.arange(len(t)), max(1, len(t) * len(s.who) * lay.outputs // TOGETHER)):
            if not len(part):
                continue
            some = _longer(part, _room(len(part)) - len(part))
            q = _decode(f.network, linear, arrays, lay, held[:, latest[some]], jnp.asarray(t[some]), between)
            real = np.asarray(q, np.float64)[: len(part)]
            out[part] = finished(real, lay, s.phase[t[part]], horizon, f.calibration)
        return out

    return said


def _rounded(s: Signals) -> Signals:
    """Ends repeated up to a `_room`: forecasts of a past that grows run what was compiled for it a while ago."""
    steps, moves = (_room(len(a)) - len(a) for a in (s.y, s.advances))
    spread = [n for n, a in s._asdict().items() if n not in {"country", "who"} and len(a)]
    return s._replace(**{n: _longer(np.asarray(getattr(s, n)), moves if n == "advances" else steps) for n in spread})


def _longer(a: NDArray[Any], steps: int) -> NDArray[Any]:
    return np.pad(a, [(0, steps), *[(0, 0)] * (a.ndim - 1)], mode="edge")


def _room(n: int) -> int:
    """The next length with no more than four binary digits of its own: at most an eighth above."""
    unit = 1 << max(n.bit_length() - 4, 0)
    return -(-n // unit) * unit


def _learned(f: Forecaster, s: Signals, t: Times, latest: Times, first: int, q: Quantiles) -> Learned:
    """What the errors had taught at each origin.

    Args:
        f: the forecaster.
        s: signals.
        t: origins.
        latest: place of the advance before each.
        first: of the first whose forecasts count.
        q: what that advance and all after it said `[advance, meter, lead, quantile]`.
    """
    lay, how, moves = f.layout, f.learning, s.advances[first : latest.max() + 1]
    days = days_of(s, lay, moves, q[:, :, : lay.day]) if len(moves) else []
    learned, found = learned_before(days, how, lay, len(s.who)), []
    for origin, k in zip(t, latest - first, strict=True):
        known = learned[max(k, 0)]
        if k >= 0:  # of the day that has begun, what came before the origin counts already
            known = heard_until(known, days[k], int(origin - moves[k]), how, lay)
        found.append(known)
    return Learned(*(np.stack(a) for a in zip(*found, strict=True)))


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


def _straight(path: LinearPath, *, between: bool) -> tuple[Array, Array] | None:
    """Weights and share of the linear path at or between advances; None where it has no share."""
    weights, share = (path.between, path.share_between) if between else (path.weights, path.share)
    return (jnp.asarray(weights), jnp.float32(share)) if share > 0 else None


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
        return network.head(network.decode(h, network.encode(x, who), x, local, between=between))

    quantiles = jnp.mean(eqx.filter_vmap(member)(network, h), axis=0)
    if linear is not None:
        weights, share = linear
        if between:
            medians = between_medians(weights, s, lay, t, m, jnp)
        else:
            features = linear_features(x, local, lay, s.known.shape[-1] // (1 + HINGES), jnp)
            medians = jnp.einsum("tmf,mfo->tmo", features, weights[jnp.minimum(s.who, len(weights) - 1)])
        quantiles = blended(quantiles, medians, share)
    return (quantiles + 1.0) * s.level[t, m][..., None, None]


def _check(f: Forecaster, panel: Panel, origins: Sequence[int], horizon: int) -> None:
    check_panel(f.step, f.settings.known, f.about.get("issued", False), panel)
    check_horizon(f.layout, horizon)
    check_history(f.layout, panel, min(origins))


def history(f: Forecaster) -> int:
    """Readings needed before an origin."""
    return f.layout.needed


def live(f: Forecaster) -> Model:
    """The same forecaster for `runtime.prime`, `advance` and `predict`: a state a meter instead of the whole past."""
    return model_of(*stored(f))
