"""What a forecaster learns from its own errors while it runs: a drift of its medians, and how wide its bands must be.

Load moves away from what was learned: panels come onto roofs, a factory leaves, a summer is hotter than the one that
bands were measured in. The weights stay. After each reading that the last advance had forecast,

* the drift of its slot of the day goes towards the error of the median, as level and season beside the network of
  ES-RNN do (Smyl 2020). How much of it is added is chosen on the validation tail: all for a grid, none for a household,
  whose errors have no habit.
* the lower and the upper half of the bands widen where it fell out of them and shrink where not, so that one reading
  in ten falls out on each side in the long run, whatever the load does (Gibbs and Candes 2021, "Adaptive conformal
  inference under distribution shift").

Only what came after training counts: errors on what the weights have seen are too small. NumPy, from
which graphs for other runtimes are traced as well (`export.taught`); `moved` is for JAX too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattcast.features.layout import Layout
from wattcast.features.signals import LEAST_LEVEL, Signals
from wattcast.schema import QUANTILES

Floats = Any  # numpy, or arrays of a graph that is written (`export.array`)
#: Advances after which an error counts half as much.
HALF_LIFE = 7.0
#: Largest error over the level that counts: one odd day, or a meter's first, must not last for weeks.
LARGEST = 0.5
#: Gains on the drift that are tried.
GAINS = (0.0, 0.25, 0.5, 0.75, 1.0)
#: Growth of the logarithm of a half's width after a day outside of it. On the validation folds of four sets rates from
#: .2 to .3 held the bands of 80 % at 77 to 80 % (static ones: 70 to 77 %), with the least pinball loss.
RATE = 0.25
#: Share that is to fall out on each side, and the quantiles it falls out of.
OUTSIDE = 0.1
LOW, MIDDLE, HIGH = (QUANTILES.index(q) for q in (OUTSIDE, 0.5, 1 - OUTSIDE))
#: Logarithm of the most that a half widens or shrinks.
MOST = float(np.log(3.0))


@dataclass(frozen=True)
class Learning:
    """How errors are learned from.

    Attributes:
        gain: how much of the drift is added at an advance, 0 to 1.
        rate: of the bands; 0 leaves them as they are.
        since: errors of forecasts from then on count, the end of training; None: nothing is learned.
        between: how much of the drift is added between two advances, where another linear path speaks than the one
            whose errors it is.
    """

    gain: float = 0.0
    rate: float = 0.0
    since: datetime | None = None
    between: float = 0.0

    def gains(self, phase: Any) -> Floats:
        """Of origins so many steps after an advance."""
        return (phase == 0).astype(np.float32) * np.float32(self.gain - self.between) + np.float32(self.between)

    def first(self, start: datetime, step: timedelta) -> int:
        """Grid index from which on errors count; a time without a zone is UTC."""
        assert self.since is not None
        since, start = (t if t.tzinfo else t.replace(tzinfo=UTC) for t in (self.since, start))
        return max(0, -((start - since) // step))


class Said(NamedTuple):
    """A forecast at an advance, of the day after it, relative to the level: median, and how far its 80 % band reaches.

    Attributes:
        middle, below, above: `[*, slot]`.
    """

    middle: Floats
    below: Floats
    above: Floats


class Learned(NamedTuple):
    """What the errors so far have taught.

    Attributes:
        drift: relative to the level `[*, slot]`.
        bands: logarithms of the factors on the lower and the upper half `[*, 2]`.
    """

    drift: Floats
    bands: Floats


def can_learn(lay: Layout) -> bool:
    """Whether forecasts made at an advance are of the day that the next one ends."""
    return lay.stride > 1 and lay.gap == 0


class Day(NamedTuple):
    """What an advance said of the day after it, and what came.

    Attributes:
        said: `[meter, slot]`.
        y: readings, relative to the level at the advance `[meter, slot]`.
        real: which of them there are.
    """

    said: Said
    y: Floats
    real: NDArray[np.bool_]


def said_of(q: Floats, level: Floats, lay: Layout) -> Said:
    """The part of finished quantiles at an advance that will be held against what comes.

    Args:
        q: in the order of time, of at most a day `[*, lead, quantile]`.
        level: in their unit `[*]`.
        lay: whose forecast it is; slots that lie beyond its horizon are 0.
    """
    beyond = [(0, 0)] * (q.ndim - 2) + [(0, lay.day - q.shape[-2])]
    middle, low, high = (np.pad(q[..., k] / level[..., None], beyond) for k in (MIDDLE, LOW, HIGH))
    return Said(middle, middle - low, high - middle)


def first_counted(s: Signals, how: Learning, start: datetime, step: timedelta) -> int:
    """Place of the first advance whose errors count; as many as there are where none does.

    Args:
        s: signals.
        how: since when.
        start: of the grid.
        step: of the grid.
    """
    return len(s.advances) if how.since is None else int(np.searchsorted(s.advances, how.first(start, step)))


def days_of(s: Signals, lay: Layout, moves: NDArray[np.int32], q: Floats) -> list[Day]:
    """The days that begin at advances.

    Args:
        s: signals.
        lay: whose forecasts they are.
        moves: advances.
        q: finished quantiles over the meters' scales, of at most a day `[advance, meter, lead, quantile]`.
    """
    at, slots, level = moves[:, None] + np.arange(lay.day), np.arange(lay.day), s.level[moves]
    told = said_of(q, level, lay)
    ends = np.append(moves[1:], len(s.y))[:, None]  # a day of 23 hours has no last slot
    here, there = np.minimum(at, len(s.y) - 1), (at < ends) & (slots < q.shape[2])
    y = s.y[here].swapaxes(1, 2) / level[..., None]
    real = (s.seen[here] > 0).swapaxes(1, 2) & there[:, None] & (level > LEAST_LEVEL)[..., None]
    return [Day(Said(*(a[k] for a in told)), y[k], real[k]) for k in range(len(moves))]


def learned_before(days: list[Day], how: Learning, lay: Layout, meters: int) -> list[Learned]:
    """What was learned before each of some days that follow one another, and after the last."""
    learned = [Learned(np.zeros((meters, lay.day)), np.zeros((meters, 2)))]
    for day in days:
        learned.append(bounded(heard(learned[-1], day, how, lay)))
    return learned


def heard(learned: Learned, day: Day, how: Learning, lay: Layout) -> Learned:
    """What is known after readings that an advance had forecast; its bands are not `bounded`.

    Args:
        learned: what was known at that advance.
        day: what it said, and what came, of some slots or all.
        how: rates.
        lay: whose forecast it is.
    """
    missed = np.where(day.real, day.y - day.said.middle, 0.0)
    off = missed - how.gain * learned.drift
    wide = np.exp(learned.bands)[..., None]
    below, above = off < -day.said.below * wide[..., 0, :], off > day.said.above * wide[..., 1, :]
    fell = np.stack([below, above], axis=-2).astype(missed.dtype)
    out = np.where(day.real[..., None, :], fell - OUTSIDE, 0.0).sum(axis=-1)
    drift = moved(learned.drift, missed, day.real.astype(missed.dtype))
    return Learned(drift, learned.bands + how.rate / lay.day * out)


def heard_until(learned: Learned, day: Day, steps: int, how: Learning, lay: Layout) -> Learned:
    """The same of a day that has begun: only its first steps have come."""
    return heard(learned, day._replace(real=day.real & (np.arange(lay.day) < steps)), how, lay)


def bounded(learned: Learned) -> Learned:
    """Bands not wider or narrower than they may become."""
    return learned._replace(bands=np.clip(learned.bands, -MOST, MOST))


def moved(drift: Any, missed: Any, real: Any, every: int = 1) -> Any:
    """Drift after one more error of each; where there was none it stays.

    Args:
        drift: relative to the level.
        missed: likewise.
        real: whether there was one.
        every: advances since the one before.
    """
    return drift + (1 - 0.5 ** (every / HALF_LIFE)) * (missed.clip(-LARGEST, LARGEST) - drift) * real


def corrected(  # noqa: PLR0913, PLR0917  (a forecast, where it stands, what was learned)
    q: Floats, lay: Layout, phase: NDArray[np.int32], learned: Learned, level: Floats, how: Learning
) -> Floats:
    """Finished quantiles with what the errors taught.

    Args:
        q: `[origin, meter, lead, quantile]`.
        lay: whose forecast it is.
        phase: of each origin.
        learned: at each origin, of each meter.
        level: at the last advance, in the unit of `q` `[origin, meter]`.
        how: gains.
    """
    slot = lay.order[phase, : q.shape[2]] % lay.day
    drift = np.take_along_axis(learned.drift, slot[:, None], axis=2)
    return moved_quantiles(q, learned._replace(drift=drift), level, how.gains(phase)[:, None, None])


def moved_quantiles(q: Floats, learned: Learned, level: Floats, gain: Floats) -> Floats:
    """The same where the drift is that of each step ahead.

    Args:
        q: `[*, lead, quantile]`.
        learned: drift `[*, lead]`, bands `[*, 2]`.
        level: in the unit of `q` `[*]`.
        gain: on the drift, in one shape with it.
    """
    shift = gain * learned.drift * level[..., None]
    halves = (MIDDLE, 1, len(QUANTILES) - MIDDLE - 1)
    low, high = np.split(np.exp(bounded(learned).bands), 2, axis=-1)
    factor = np.repeat(np.concatenate([low, np.ones_like(low), high], axis=-1), halves, axis=-1)
    middle = q[..., MIDDLE, None]
    return middle + shift[..., None] + (q - middle) * factor[..., None, :]
