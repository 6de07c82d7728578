"""Small real tasks on a year of demand, one for each pattern of sequence in and sequence out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from numpy.typing import NDArray

from wattcast.features.panel import Floats
from wattcast.learn.demand import DAY, TRAIN_DAYS, Demand
from wattcast.learn.training import train
from wattcast.nets.patterns import AbstractPattern, pattern

Places = NDArray[np.int64]
#: Of origins: inputs, the base that the network's output is added to, and what came, time-major and scaled.
Pair = Callable[[Array], tuple[Array, Array, Array]]


@dataclass(frozen=True)
class Task:
    """What one pattern is asked.

    Attributes:
        name: of the pattern.
        reads, says: what goes in and what comes out, in words.
        pair: makes examples.
        learned, scored: origins that are learned from, and those the score is taken on.
        rules: what rules of one line say at the scored origins [GW], `[steps, scored]` each.
        steps: batches of training.
        outputs_known: length of what comes out, where the pattern has to know it.
    """

    name: str
    reads: str
    says: str
    pair: Pair
    learned: Places
    scored: Places
    rules: Mapping[str, Floats]
    steps: int
    outputs_known: int | None = None


@dataclass(frozen=True)
class Answer:
    """How a task went.

    Attributes:
        said, came: `[steps, scored]` [GW].
        mae: mean absolute error of the network [GW].
        rules: the same for each rule.
    """

    said: Floats
    came: Floats
    mae: float
    rules: Mapping[str, float]


def answer(task: Task, d: Demand, *, seed: int = 0) -> Answer:
    """Trains a network of the task's pattern, a GRU of 32 units, and scores it."""
    inputs = task.pair(jnp.asarray(task.learned[:1]))[0].shape[-1]
    learned = jnp.asarray(task.learned)

    def sample(key: Array) -> tuple[Array, Array, Array]:
        return task.pair(learned[jax.random.randint(key, (32,), 0, len(learned))])

    def loss(model: AbstractPattern, batch: tuple[Array, Array, Array]) -> Array:
        x, base, y = batch
        return jnp.mean(jnp.abs(base + model(x) - y))

    def start(key: Array) -> AbstractPattern:
        return pattern(task.name, inputs, 1, key, steps=task.outputs_known)

    [model], _ = train([start(jax.random.key(seed))], loss, sample, steps=task.steps, seeds=seed)
    x, base, y = task.pair(jnp.asarray(task.scored))
    said = np.asarray(base + eqx.filter_jit(model)(x))[..., 0] * d.std + d.mean
    came = np.asarray(y)[..., 0] * d.std + d.mean
    rules = {name: float(np.abs(rule - came).mean()) for name, rule in task.rules.items()}
    return Answer(said, came, float(np.abs(said - came).mean()), rules)


def tasks(d: Demand) -> list[Task]:
    """The five, in the order of the patterns."""
    return [_total(d), _course(d), _peak(d), _next(d), _day(d)]


def _total(d: Demand) -> Task:
    """One day's mean load gives the next day's."""
    means, work = d.days.mean(axis=1), d.workday[::DAY]
    scaled, flags = jnp.asarray((means - d.mean) / d.std, jnp.float32), jnp.asarray(work, jnp.float32)
    days = np.arange(1, len(means))

    def pair(at: Array) -> tuple[Array, Array, Array]:
        before = scaled[at - 1]
        x = jnp.stack([before, flags[at - 1], flags[at]], axis=-1)[None]
        return x, before[None, :, None], scaled[at][None, :, None]

    learned, scored = days[days < TRAIN_DAYS], days[days >= TRAIN_DAYS]
    rules = {"the same as yesterday": means[scored - 1][None], "the same as a week ago": means[scored - 7][None]}
    reads = "yesterday's mean load, and whether yesterday and today are working days"
    return Task("one-to-one", reads, "today's mean load", pair, learned, scored, rules, 400)


def _course(d: Demand) -> Task:
    """A day of the calendar, without any reading, gives its 48 half hours."""
    days, work = np.arange(len(d.days)), d.workday[::DAY]
    season = 2 * np.pi * days / 365.25
    about = np.stack([work, np.sin(season), np.cos(season), np.sin(2 * season), np.cos(2 * season)], axis=-1)
    given = jnp.asarray(about, jnp.float32)
    course = jnp.asarray((d.days - d.mean) / d.std, jnp.float32)

    def pair(at: Array) -> tuple[Array, Array, Array]:
        y = course[at].T[..., None]
        return given[at][None], jnp.zeros_like(y), y

    scored = days[days % 5 == 2]  # all seasons: a calendar cannot know months it has not seen
    learned = np.setdiff1d(days, scored)
    kind = np.array([d.days[learned[work[learned] == w]].mean(axis=0) for w in (0, 1)])
    month = d.times[::DAY].astype("datetime64[M]").astype(int) % 12
    alike = [learned[(month[learned] == month[day]) & (work[learned] == work[day])] for day in scored]
    rules = {
        "the mean of such days, working or not": kind[work[scored].astype(int)].T,
        "the mean of such days in that month": np.array([d.days[rows].mean(axis=0) for rows in alike]).T,
    }
    reads = "working day or not, and the time of year"
    return Task("one-to-many", reads, "the day's 48 half hours", pair, learned, scored, rules, 800, DAY)


def _peak(d: Demand) -> Task:
    """Two days of readings give the highest of the day that follows."""
    length = 2 * DAY
    series, load = _series(d), jnp.asarray(d.scaled, jnp.float32)

    def pair(at: Array) -> tuple[Array, Array, Array]:
        x = _slices(series, at - length, length)
        ahead = _slices(load[:, None], at, DAY)
        return x, jnp.max(x[-DAY:, :, :1], axis=0)[None], jnp.max(ahead, axis=0)[None]

    learned, scored = _origins(d, length, DAY, every=1), _scored(d, length, DAY, every=12)
    peaks = {back: np.array([d.load[t - back : t - back + DAY].max() for t in scored])[None] for back in (DAY, 7 * DAY)}
    rules = {"the last day's peak": peaks[DAY], "the peak a week ago": peaks[7 * DAY]}
    reads = "two days of half hours, with the calendar of the day that follows"
    return Task("many-to-one", reads, "the peak of the next 24 hours", pair, learned, scored, rules, 500)


def _next(d: Demand) -> Task:
    """At each reading the next one."""
    length = 3 * DAY
    series = _series(d)

    def pair(at: Array) -> tuple[Array, Array, Array]:
        x = _slices(series, at, length)
        return x, x[..., :1], _slices(series, at + 1, length)[..., :1]

    learned, scored = _origins(d, 0, length + 1, every=1), _scored(d, 0, length + 1, every=length)
    at = scored[None] + 1 + np.arange(length)[:, None]
    rules = {"the last reading again": d.load[at - 1], "as much more as yesterday": d.load[at - 1]
             + d.load[at - DAY] - d.load[at - DAY - 1]}  # fmt: skip
    reads = "the readings so far, one at a time"
    return Task("in-step", reads, "the next half hour, at each", pair, learned, scored, rules, 1000)


def _day(d: Demand) -> Task:
    """A week gives the next day."""
    length = 7 * DAY
    series = _series(d)

    def pair(at: Array) -> tuple[Array, Array, Array]:
        x = _slices(series, at - length, length)
        return x, (x[:DAY, :, :1] + x[-DAY:, :, :1]) / 2, _slices(series, at, DAY)[..., :1]

    learned, scored = _origins(d, length, DAY, every=1), _scored(d, length, DAY, every=DAY)
    at = scored[None] + np.arange(DAY)[:, None]
    before, week = d.load[at - DAY], d.load[at - 7 * DAY]
    rules = {"the day before": before, "the same day a week ago": week, "the mean of both": (before + week) / 2}
    reads = "a week of half hours, with the calendar of the day that follows"
    return Task("encoder-decoder", reads, "the next day's 48 half hours", pair, learned, scored, rules, 400, DAY)


def _series(d: Demand) -> Array:
    """`[17520, 4]`: scaled load, whether the same half hour tomorrow is of a working day, the clock."""
    tomorrow = np.concatenate([d.workday[DAY:], d.workday[-DAY:]])
    clock = 2 * np.pi * np.arange(len(d.load)) / DAY
    return jnp.asarray(np.stack([d.scaled, tomorrow, np.sin(clock), np.cos(clock)], axis=-1), jnp.float32)


def _slices(series: Array, starts: Array, length: int) -> Array:
    """`[length, start, feature]` from `[time, feature]`."""
    return jax.vmap(lambda s: jax.lax.dynamic_slice_in_dim(series, s, length), out_axes=1)(starts)


def _origins(d: Demand, back: int, ahead: int, *, every: int) -> Places:
    """Origins whose examples lie in the days learned from."""
    return np.arange(back, d.split - ahead + 1, every)


def _scored(d: Demand, back: int, ahead: int, *, every: int) -> Places:
    """Origins in the days not learned from; what a network reads before them may be older."""
    first = d.split if back else d.split + DAY
    return np.arange(first, len(d.load) - ahead + 1, every)
