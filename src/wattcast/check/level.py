"""Readings that are too large or small: spikes, changes of unit, registers read as load."""

from __future__ import annotations

import numpy as np

from wattcast.check.course import Course, Floats, Mark, places, runs

#: A spike lies so many times the spread of the usual readings (1 % to 99 %) beyond them.
SPIKE = 3.0
#: Factors between units that get mixed up: W and kW, energy of a quarter of an hour and power.
FACTORS = (4.0, 1000.0)
#: A jump is that of a factor if its logarithm is so near it.
NEAR = 0.2
#: All quantiles jump by the factor, as far as logarithms go, or to a fifth of its own.
ALL_NEAR, _QUANTILES = 0.3, (0.1, 0.25, 0.5, 0.75, 0.9)
#: A jump has to exceed the usual change from day to day so many times.
CLEAR = 10.0
#: A register goes up in nearly all steps, and through so many times its usual step.
RISING, CLIMB = 0.995, 50.0


def spikes(course: Course) -> list[Mark]:
    """Few readings at a time far outside all usual ones."""
    known = course.y[np.isfinite(course.y)]
    if len(known) < 2 * course.day:
        return []
    low, high = np.quantile(known, [0.01, 0.99])
    spread = high - low
    if spread == 0:
        return []
    with np.errstate(invalid="ignore"):
        beyond = (course.y > high + SPIKE * spread) | (course.y < low - SPIKE * spread)
    odd = [(a, b) for a, b in runs(beyond) if b - a <= max(3, course.day // 12)]
    return [Mark("spike", places(odd), "far outside all usual readings, marked suspect")] if odd else []


def unit_jumps(course: Course) -> list[Mark]:
    """Stretches of a day and more at 4 or 1000 times the level, or that part of it: another unit."""
    day = course.day if course.day >= 4 else 7
    if len(course.y) < 6 * day:
        return []
    logs = _less_season(_logs(course.y), day)
    level = _rolling_mean(logs, day)  # of the day that begins at a place
    jump = np.full(len(logs), np.nan)
    jump[day : len(level)] = level[day:] - level[:-day]
    usual = 1.4826 * float(np.nanmedian(np.abs(jump - np.nanmedian(jump)))) if np.isfinite(jump).any() else np.inf
    marks = []
    for factor in FACTORS:
        size = float(np.log(factor))
        jumps = [(p, d) for p, d in _jumps(jump, day, size, usual) if _scales(logs, p, day, d * size)]
        back, open_ = _stretches(jumps, len(course.y))
        if back:
            action = f"a stretch at {factor:g} times the level, or that part of it, marked suspect: another unit?"
            marks.append(Mark("unit_jump", places(back), action))
        if open_:
            action = f"kept as they are: from here on, or up to here, {factor:g} times the level or that part of it"
            marks.append(Mark("unit_jump", places(open_), action, suspect=False))
    return marks


def registers(course: Course) -> list[Mark]:
    """A counter that only goes up, read as load; and where it began anew."""
    places_known = np.flatnonzero(np.isfinite(course.y))
    known = course.y[places_known]
    if len(known) < 2 * course.day or len(known) < 48:
        return []
    steps = np.diff(known)
    moving = np.abs(steps)[steps != 0]
    if not moving.size or float((steps >= 0).mean()) < RISING or float((steps > 0).mean()) < 0.5:
        return []
    if float(np.ptp(known)) < CLIMB * float(np.median(moving)):
        return []
    action = "all marked suspect: the readings only go up, as a register does; take differences to get load"
    marks = [Mark("register", places_known, action)]
    if (back := places_known[1:][steps < 0]).size:
        marks.append(Mark("counter_reset", back, "marked suspect: the register began anew here"))
    return marks


def _logs(y: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(np.abs(y))
    logs[~np.isfinite(logs)] = np.nan
    return logs


def _less_season(logs: Floats, day: int) -> Floats:
    """Less the usual course of the week (of the day, in less than four weeks), so that weekends are no jumps."""
    period = 7 * day if len(logs) >= 28 * day else day
    whole = np.full(-(-len(logs) // period) * period, np.nan)
    whole[: len(logs)] = logs
    table = whole.reshape(-1, period)
    seen = np.isfinite(table).any(axis=0)
    usual = np.full(period, np.nan)
    usual[seen] = np.nanmedian(table[:, seen], axis=0)
    return logs - np.tile(usual, len(table))[: len(logs)]


def _rolling_mean(values: Floats, window: int) -> Floats:
    """Mean of the known values of each window; NaN where fewer than half are known."""
    known = np.isfinite(values)
    total = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0))])
    count = np.concatenate([[0], np.cumsum(known)])
    sums, counts = total[window:] - total[:-window], count[window:] - count[:-window]
    return np.where(counts >= window / 2, sums / np.maximum(counts, 1), np.nan)


def _jumps(jump: Floats, day: int, size: float, usual: float) -> list[tuple[int, int]]:
    """Places where the level jumps by that size, and whether up or down: the largest jump within a day."""
    if size < CLEAR * usual:
        return []
    tall = np.nan_to_num(np.abs(jump))
    near = max(NEAR, min(2 * usual, size / 4))
    found = []
    for begin, end in runs(tall > size / 2):
        place = begin + int(np.argmax(tall[begin:end]))
        if abs(tall[place] - size) <= near and end - begin <= 2 * day:
            found.append((place, int(np.sign(jump[place]))))
    return found


def _scales(logs: Floats, place: int, day: int, size: float) -> bool:
    """Whether all readings are scaled, low and high alike, and not only more or fewer high ones.

    Two days on either side are compared: another unit is rarely put right sooner.
    """
    before, after = logs[max(0, place - 2 * day) : place], logs[place : place + 2 * day]
    before, after = before[np.isfinite(before)], after[np.isfinite(after)]
    if min(len(before), len(after)) < day:
        return False
    ratios = np.quantile(after, _QUANTILES) - np.quantile(before, _QUANTILES)
    return bool((np.abs(ratios - size) < max(ALL_NEAR, abs(size) / 5)).all())


def _stretches(jumps: list[tuple[int, int]], length: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Stretches from a jump to the one back; and, of jumps without one back, the shorter side."""
    back, open_, position = [], [], 0
    while position < len(jumps):
        place, direction = jumps[position]
        if position + 1 < len(jumps) and jumps[position + 1][1] == -direction:
            back.append((place, jumps[position + 1][0]))
            position += 2
        else:
            open_.append((0, place) if place < length / 2 else (place, length))
            position += 1
    return back, open_
