"""Readings that do not move: zeros and other values that stay longer than is this meter's habit."""

from __future__ import annotations

import math

import numpy as np

from wattcast.check.course import Course, Mark, places, runs

#: Zeros up to this share of the readings, outside the longest runs, are not a habit.
RARE = 0.01
#: A run is long from this many readings on, and no shorter than an hour.
SHORTEST = 4
#: A run is out of habit if it is so many times longer than the meter's usual long ones.
BEYOND_HABIT = 2.0
#: Chance that a run of equal readings in a meter without fault is called frozen, for a whole series.
CHANCE = 0.001


def absent(course: Course) -> list[Mark]:
    """Zeros of a day and more before the first load, or after the last: the meter was not there."""
    load = np.flatnonzero((course.y != 0) & np.isfinite(course.y))
    if not load.size:
        return []
    marks = []
    for kind, (begin, end) in (("not_yet_there", (0, load[0])), ("no_more_there", (load[-1] + 1, len(course.y)))):
        seen = np.flatnonzero(course.y[begin:end] == 0) + begin
        if len(seen) >= course.day:
            side = "before the first" if kind == "not_yet_there" else "after the last"
            marks.append(Mark(kind, seen, f"zeros {side} load, marked suspect: the meter was not there"))
    return marks


def zero_runs(course: Course) -> list[Mark]:
    """Runs of zeros beyond the meter's habit.

    Where zeros are rare, any long run is; where they are common (solar parks at night, empty homes), only one
    that lasts a day and `BEYOND_HABIT` times the usual long run, which nine of ten do not exceed.
    """
    load = np.flatnonzero((course.y != 0) & np.isfinite(course.y))
    if not load.size:
        return []
    inside = np.zeros(len(course.y), bool)
    inside[load[0] : load[-1]] = True
    spans = runs((course.y == 0) & inside)
    long = [(a, b) for a, b in spans if b - a >= _shortest(course)]
    lengths = np.array([b - a for a, b in spans])
    elsewhere = sum(b - a for a, b in spans) - sum(b - a for a, b in long)
    habit = len(long) > 5 or elsewhere > RARE * len(course.y)
    least = max(course.day, BEYOND_HABIT * float(np.quantile(lengths, 0.9))) if habit else _shortest(course)
    odd = [(a, b) for a, b in long if b - a >= least]
    action = "zeros for longer than is this meter's habit, marked suspect"
    return [Mark("zero_run", places(odd), action)] if odd else []


def frozen_runs(course: Course) -> list[Mark]:
    """Runs of one value other than zero that are too long to be chance.

    How long that is the meter says itself: by how often a reading equals the one before (coarse meters repeat
    themselves), and by the runs it has several times.
    """
    y = course.y
    known = y[np.isfinite(y)]
    if not known.size or np.ptp(known) == 0:
        return []  # a constant series is said to be one
    same = (y[1:] == y[:-1]) & (y[1:] != 0)
    spans = [(a, b + 1) for a, b in runs(same)]
    if not spans:
        return []
    lengths = np.sort([b - a for a, b in spans])
    usual = lengths[:-5] if len(lengths) > 5 else lengths[:0]
    repeats = float((usual - 1).sum()) / max(1, np.isfinite(y).sum())
    chance = 1 + math.log(CHANCE / len(y)) / math.log(repeats) if 0 < repeats < 1 else 0.0
    least = max(_shortest(course), chance, BEYOND_HABIT * float(usual[-1]) if len(usual) else 0.0)
    odd = [(a, b) for a, b in spans if b - a >= least]
    action = "one value for longer than is this meter's habit, marked suspect: meter or link stood still"
    return [Mark("frozen", places(odd), action)] if odd else []


def signs(course: Course) -> list[Mark]:
    """Negative load: said where it is usual; marked where a meter that has none counts backwards for a while."""
    below = course.y < 0
    count = int(below.sum())
    if count == 0:
        return []
    known = int(np.isfinite(course.y).sum())
    if count > 0.9 * known:
        action = "kept as they are: nearly all readings are below zero, as if counted as export; change their sign"
        return [Mark("export_sign", np.flatnonzero(below), action, suspect=False)]
    flipped = [(a, b) for a, b in runs(below) if b - a >= course.day]
    around = sum(b - a for a, b in flipped)
    if flipped and count - around <= RARE * known and around < 0.5 * known:
        return [Mark("sign_flip", places(flipped), "below zero for a day or longer, else never: marked suspect")]
    return [
        Mark(
            "negative",
            np.flatnonzero(below),
            "kept as they are: below zero is feed-in where there is any",
            suspect=False,
        )
    ]


def _shortest(course: Course) -> int:
    return max(SHORTEST, round(course.day / 24))
