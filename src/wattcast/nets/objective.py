"""What training minimises and what validation measures: losses of a network over sequences of origins."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray
from numpy.typing import NDArray

from wattcast.features.layout import Layout
from wattcast.features.signals import LEAST_LEVEL, Signals, inputs
from wattcast.nets.errors import GAINS, can_learn
from wattcast.nets.errors import moved as drifted
from wattcast.nets.heads import PointHead
from wattcast.nets.linear import blended
from wattcast.nets.network import Network, mean_of_members
from wattcast.nets.stack import States
from wattcast.schema import QUANTILES

#: Share of the sequences that do not say which meter they are of.
NAMELESS = 0.1
#: Days ahead that a batch learns from: of a month another week of days each time, in a quarter of the time.
DAYS_A_BATCH = 7
#: Shares of the linear path that are tried.
SHARES = tuple(k / 10 for k in range(11))


class Goals(NamedTuple):
    """What came at the steps ahead.

    Attributes:
        y: readings relative to the level at the origin.
        counts: 1 where the reading is real, within the horizon and before `end`.
        size: what an error is multiplied by: a point forecast is judged in units of the meter, bands
            relative to its level.
    """

    y: Float[Array, "*origins outputs"]
    counts: Float[Array, "*origins outputs"]
    size: Float[Array, "*origins 1"]


def goals(  # noqa: PLR0913, PLR0917  (what it depends on is what it depends on)
    network: Network,
    s: Signals,
    lay: Layout,
    t: Int[Array, "*origins"],
    m: Array,
    end: Array,
    some: Int[Array, " some"] | None = None,
) -> Goals:
    """Goals at origins `t` of meters `m`, of some outputs or all; nothing at or after `end` counts."""
    ahead = jnp.asarray(lay.targets)[s.phase[t]]
    if some is not None:
        ahead = ahead[..., some]
    at = t[..., None] + ahead
    asked = (ahead >= lay.gap) & (ahead < lay.horizon) & (at < end)
    counts = jnp.where(asked, s.seen[at, m[..., None]], 0.0)
    level = s.level[t, m][..., None]
    counts = jnp.where(level > LEAST_LEVEL, counts, 0.0)  # of a meter not heard yet nothing can be said
    squared = isinstance(network.head, PointHead) and network.head.squared
    if squared:
        size = jnp.square(level)
    else:
        size = level if isinstance(network.head, PointHead) else jnp.ones_like(level)
    return Goals(s.y[at, m[..., None]] / level - 1.0, counts, size)


class Lanes(NamedTuple):
    """Sequences that training walks along, side by side.

    Attributes:
        start: place of the next advance of each, among all advances.
        meter: whose it is.
        warmup: advances ahead that carry no loss, while the state fills.
        states: of the stack, where each stands.
    """

    start: Int[Array, " batch"]
    meter: Int[Array, " batch"]
    warmup: Int[Array, " batch"]
    states: States


def moved(lanes: Lanes, states: States, context: int, count: Array, fresh: Lanes) -> Lanes:
    """Lanes one batch on, with the states it ended in; a lane at the end of the readings begins anew as in `fresh`.

    Args:
        lanes: of the batch that is done.
        states: its last states.
        context: advances of a sequence.
        count: advances there are.
        fresh: lanes to begin with.
    """
    start = lanes.start + context
    over = start + context > count
    onward = Lanes(start, lanes.meter, jnp.zeros_like(lanes.warmup), states)
    return jax.tree.map(lambda new, old: jnp.where(over.reshape(-1, *[1] * (old.ndim - 1)), new, old), fresh, onward)


def training_loss(  # noqa: PLR0913, PLR0917  (what it depends on is what it depends on)
    network: Network,
    s: Signals,
    lay: Layout,
    t: Int[Array, "time batch"],
    m: Int[Array, "time batch"],
    end: Int[Array, ""],
    warmup: int | Int[Array, " batch"],
    key: PRNGKeyArray,
    states: States | None = None,
) -> tuple[Float[Array, ""], States]:
    """Mean loss over sequences of advances, a target at every advance after the warm-up; and the last states.

    One sequence in ten does not say which meter it is of, so that the network can do without. Where advances are a day
    apart, a forecast at a random moment before the next one is learned as well. `states` are those the sequences begin
    in, zeros unless given; no gradient goes further back than them. Of more than `DAYS_A_BATCH` days ahead some are
    drawn.
    """
    k_scan, k_decode, k_when, k_who = jax.random.split(key, 4)
    k_days = jax.random.fold_in(key, 4)  # a key of its own that leaves the other draws as they are
    nameless = jax.random.bernoulli(k_who, NAMELESS, (1, t.shape[1]))
    late = (jnp.arange(t.shape[0])[:, None] >= jnp.reshape(jnp.asarray(warmup), (1, -1)))[..., None]
    between, at = [False], t[None]
    if lay.stride > 1:
        later = jnp.minimum(t + jax.random.randint(k_when, t.shape, 1, lay.stride), end - 1)
        between, at = [False, True], jnp.stack([t, later])
    m = jnp.broadcast_to(m, at.shape)
    who = jnp.where(nameless, len(network.meters) - 1, s.who[m])
    some = None
    if lay.days > DAYS_A_BATCH:
        days = jax.random.permutation(k_days, lay.days)[:DAYS_A_BATCH]
        some = (days[:, None] * lay.day + jnp.arange(lay.day)[None]).ravel()
        network = network.of_outputs(some)
    x, local = inputs(s, lay, at, m, jnp, some)
    e = network.encode(x, who)
    states = network.stack.initial_state(t.shape[1]) if states is None else states
    h, states = network.stack.scan(e[0], states, k_scan)
    # both kinds of origins in one: half as much to compile as one after the other
    h = jnp.broadcast_to(h, (len(between), *h.shape))
    raw = network.decode(h, e, x, local, between=between, key=k_decode)
    goal = goals(network, s, lay, at, m, end, some)
    counts = jnp.where(late, goal.counts, 0.0)
    total = jnp.sum(network.head.loss(network.head(raw), goal.y) * goal.size * counts)
    return total / jnp.maximum(jnp.sum(counts), 1.0), states


class Judgement(NamedTuple):
    """How the validation tail went, with the share of the linear path that suits it best.

    Attributes:
        loss: of the network's own kind.
        skill: 1 - MAE / MAE of the base the network corrects.
        calibration: see `calibration`.
        share: of the linear path.
        gain: on the drift (nets/errors.py).
    """

    loss: Float[Array, ""]
    skill: Float[Array, ""]
    calibration: Float[Array, " quantiles"]
    share: Float[Array, ""]
    gain: Float[Array, ""]


def losses_of(
    network: Network,
    goal: Goals,
    quantiles: Float[Array, "origin meter outputs quantiles"],
    shift: Float[Array, "origin meter outputs"],
    amounts: Float[Array, " try"],
) -> Float[Array, "try origin"]:
    """What each origin adds to the loss of forecasts moved by amounts of a shift.

    Args:
        network: whose loss counts.
        goal: what came.
        quantiles: relative to the level.
        shift: likewise.
        amounts: of it.
    """

    def losses(amount: Array) -> Array:
        off = network.head.loss(quantiles + amount * shift[..., None], goal.y) * goal.size
        return jnp.sum(off * goal.counts, axis=(1, 2)) / jnp.maximum(jnp.sum(goal.counts), 1.0)

    return jax.lax.map(losses, amounts)


def cautious(losses: NDArray[np.float64]) -> int:
    """Place of the first forecast whose loss is within a standard error of the least.

    What helps a network that has not seen the latest days yet helps the one that will be used less: it has seen them.
    (Breiman et al. 1984, "Classification and regression trees", 3.4.3.)

    Args:
        losses: what each origin adds `[try, origin]`, the network's own forecasts first.
    """
    more = losses - losses[losses.sum(axis=1).argmin()]
    near = more.sum(axis=1) <= more.std(axis=1) * np.sqrt(losses.shape[1])
    return int(np.argmax(near))


def judge(  # noqa: PLR0913, PLR0917  (what it depends on is what it depends on)
    network: Network,
    s: Signals,
    lay: Layout,
    t: Int[Array, " time"],
    skip: tuple[int, int],
    linear: Float[Array, "judged meter outputs"] | None = None,
) -> Judgement:
    """Judges the mean of all members on all meters along advances `t`, with the state carried.

    Args:
        network: members, stacked.
        s: signals.
        lay: layout.
        t: advances, the first of them only to fill the state.
        linear: medians of the linear path at the advances that are looked at, if there is one.
        skip: how many at the start fill the state, and every how many of the rest are looked at.
    """
    meters = s.y.shape[1]
    t = jnp.broadcast_to(t[:, None], (t.shape[0], meters))
    m = jnp.broadcast_to(jnp.arange(meters)[None], t.shape)
    x, local = inputs(s, lay, t, m, jnp)

    def kept(a: Array) -> Array:
        return a[skip[0] :: skip[1]]

    who, local = jnp.broadcast_to(s.who[None], t.shape), local[:, skip[0] :: skip[1]]

    def forecast(member: Network) -> Array:
        e = member.encode(x, who)
        h, _ = member.stack.scan(e, member.stack.initial_state(meters))
        return member.head(member.decode(kept(h), kept(e), kept(x), local, between=False))

    quantiles = mean_of_members(forecast)(network)
    t, m = kept(t), kept(m)
    goal = goals(network, s, lay, t, m, jnp.asarray(s.y.shape[0]))

    def loss_of(quantiles: Array) -> Array:
        return _mean(network.head.loss(quantiles, goal.y) * goal.size, goal.counts)

    share = jnp.zeros(())
    if linear is not None:
        shares = jnp.asarray(SHARES, jnp.float32)
        share = shares[jnp.argmin(jax.lax.map(lambda a: loss_of(blended(quantiles, linear, a)), shares))]
        quantiles = blended(quantiles, linear, share)
    gain, middle = jnp.zeros(()), quantiles.shape[-1] // 2
    if can_learn(lay):
        missed = (goal.y - quantiles[..., middle])[..., : lay.day]
        drift = _drifts(missed, goal.counts[..., : lay.day], skip[1])
        shift, gains = jnp.tile(drift, lay.days)[..., None], jnp.asarray(GAINS, jnp.float32)
        gain = gains[jnp.argmin(jax.lax.map(lambda a: loss_of(quantiles + a * shift), gains))]
        quantiles = quantiles + gain * shift
    loss = loss_of(quantiles)
    median = quantiles[..., middle]
    level = s.level[t, m][..., None] * goal.counts
    base = _mean(jnp.abs(goal.y - local[0]), level)
    skill = 1.0 - _mean(jnp.abs(goal.y - median), level) / jnp.maximum(base, 1e-9)
    return Judgement(loss, skill, calibration(quantiles, goal), share, gain)


def _drifts(
    missed: Float[Array, "judged meter slot"], counts: Float[Array, "judged meter slot"], every: int
) -> Float[Array, "judged meter slot"]:
    """Drift as it was known at each advance that is judged."""

    def on(drift: Array, day: tuple[Array, Array]) -> tuple[Array, Array]:
        return drifted(drift, *day, every), drift

    return jax.lax.scan(on, jnp.zeros(missed.shape[1:], missed.dtype), (missed, counts))[1]


def calibration(quantiles: Float[Array, "*origins outputs quantiles"], goal: Goals) -> Float[Array, " quantiles"]:
    """Factors on the distance of each quantile from the median that make it hold on what was judged.

    Split conformal prediction with a normalised score (Lei 2018; Romano 2019), a factor a level; 1 for the median
    and where nothing was judged.
    """
    middle = quantiles.shape[-1] // 2
    distance = quantiles - quantiles[..., middle : middle + 1]
    score = (goal.y - quantiles[..., middle])[..., None] / jnp.where(distance == 0, 1.0, distance)
    score = jnp.where(goal.counts[..., None] > 0, score, jnp.nan).reshape(-1, quantiles.shape[-1])
    levels = jnp.asarray(QUANTILES if quantiles.shape[-1] == len(QUANTILES) else [0.5])
    share = jnp.maximum(levels, 1 - levels)  # below the median both score and distance change sign
    factors = jnp.stack([jnp.nanquantile(score[:, k], share[k]) for k in range(quantiles.shape[-1])])
    factors = factors.at[middle].set(1.0)
    return jnp.where(jnp.isfinite(factors), jnp.clip(factors, 0.5, 3.0), 1.0)


def _mean(error: Array, weight: Array) -> Array:
    return jnp.sum(error * weight) / jnp.maximum(jnp.sum(weight), 1e-9)
