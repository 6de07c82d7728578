"""Meters on another clock than the readings say: days that shift, hours that a clock change made or took."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from wattcast.check.course import Course, Floats, Mark

#: Days before and after a day whose mean courses are compared; whole weeks.
WINDOW = 14
#: A shift makes the courses more alike [correlation], and then nearly the same; it explains so many times what is left.
GAIN, ALIKE, EXPLAINS = 0.01, 0.92, 1.5
#: It is so many times the usual spread better than on other days.
UNUSUAL = 3.0
#: A shift is seen to within so many days.
_ABOUT = 3
#: Shifts looked for [h].
HOURS = (-3, -2, -1, 1, 2, 3)
#: Clocks whose change days are tried on files without zone: one for each rule.
_RULES = ("Europe/Lisbon", "Europe/Berlin", "America/New_York", "Australia/Sydney")


def shifts(course: Course, zone: str) -> list[Mark]:
    """Days from which on the whole course of the day comes earlier or later, but for the zone's own changes."""
    if course.day < 24 or len(course.y) < 2 * WINDOW * course.day:
        return []
    days = course.y[: len(course.y) // course.day * course.day].reshape(-1, course.day)
    before, after = _window_means(days)
    straight = _correlations(before, after)
    moved = np.stack([_correlations(before, np.roll(after, -h * course.day // 24, axis=1)) for h in HOURS])
    seen = np.isfinite(straight) & np.isfinite(moved).all(axis=0)
    if not seen.any():
        return []
    gain = np.where(seen, moved.max(axis=0) - straight, -1.0)
    alike = seen & (moved.max(axis=0) >= ALIKE) & (1 - straight >= EXPLAINS * (1 - moved.max(axis=0)))
    middle = float(np.median(gain[seen]))
    usual = 1.4826 * float(np.median(np.abs(gain[seen] - middle)))
    known = [
        round((np.datetime64(d) - np.datetime64(course.start.replace(tzinfo=None))) / np.timedelta64(1, "D"))
        for d, _ in _change_days(course, zone)
    ]
    marks = []
    least = max(GAIN, UNUSUAL * usual + middle)
    for day in _peaks(np.where(alike, gain, -1.0), least):
        if not any(abs(day + WINDOW - own) <= _ABOUT for own in known):
            hours = HOURS[int(np.argmax(moved[:, day]))]
            place = (day + WINDOW) * course.day
            side = "later" if hours > 0 else "earlier"
            action = f"kept as they are: from here on days come {abs(hours)} h {side}; name the zone, or mend the clock"
            marks.append(Mark("clock_shift", np.arange(place, place + 1), action, suspect=False))
    return marks


def change_hours(course: Course, zone: str) -> list[Mark]:
    """On stamps without zone: the hour that the clock skips in spring as zero, or the one it repeats as double."""
    if zone != "UTC" or course.day < 24 or len(course.y) < 3 * course.day:
        return []
    best: list[Mark] = []
    for rule in _RULES:
        zeros, doubles = _at_changes(course, rule)
        marks = []
        if zeros.size:
            action = f"zeros in the hour that clock {rule} skips, marked suspect: it does not exist"
            marks.append(Mark("skipped_hour", zeros, action))
        if doubles.size:
            action = f"double in the hour that clock {rule} shows twice, marked suspect: it holds both"
            marks.append(Mark("repeated_hour", doubles, action))
        if zeros.size and sum(len(m.places) for m in marks) > sum(len(m.places) for m in best):
            best = marks
    return best


def _at_changes(course: Course, rule: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    hour = max(1, course.day // 24)
    zeros, doubles = [], []
    for day, skips in _change_days(course, rule):
        midnight = round(
            (np.datetime64(day) - np.datetime64(course.start.replace(tzinfo=None))) / np.timedelta64(course.step)
        )
        for clock in (1, 2):
            at = np.arange(midnight + clock * hour, midnight + (clock + 1) * hour)
            if at[0] - course.day < 0 or at[-1] + course.day >= len(course.y):
                continue
            here, beside = course.y[at], np.concatenate([course.y[at - course.day], course.y[at + course.day]])
            around = course.y[[at[0] - 1, at[-1] + 1]]
            if skips and (here == 0).all() and (around > 0).all() and (beside > 0).all():
                zeros.append(at)
            if not skips and here.mean() > 1.6 * max(beside.mean(), around.mean()):  # False where one is NaN
                doubles.append(at)
    return _joined(zeros), _joined(doubles)


def _joined(found: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def _change_days(course: Course, rule: str) -> tuple[tuple[date, bool], ...]:
    """Days on which the rule's clock changes, and whether it skips an hour."""
    return _changes(rule, course.start.date(), course.time(len(course.y) - 1).date())


@lru_cache(maxsize=64)  # the meters of a file mostly have the same days
def _changes(rule: str, first: date, last: date) -> tuple[tuple[date, bool], ...]:
    zone, days = ZoneInfo(rule), []
    before = datetime.combine(first - timedelta(days=1), time(12), zone).utcoffset()
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        after = datetime.combine(day, time(12), zone).utcoffset()
        assert before is not None and after is not None
        if after != before:
            days.append((day, after > before))
        before = after
    return tuple(days)


def _window_means(days: Floats) -> tuple[Floats, Floats]:
    """Mean course of the `WINDOW` days before and from each day on that has both; each day counts alike.

    NaN where fewer than half of them are known.
    """
    known = np.isfinite(days)
    size = np.where(known, np.abs(days), 0).sum(axis=1, keepdims=True) / np.maximum(known.sum(axis=1, keepdims=True), 1)
    days = days / np.where(size > 0, size, 1)
    total = np.vstack([np.zeros(days.shape[1]), np.cumsum(np.where(known, days, 0), axis=0)])
    count = np.vstack([np.zeros(days.shape[1]), np.cumsum(known, axis=0)])
    counts = count[WINDOW:] - count[:-WINDOW]
    means = np.where(counts >= WINDOW / 2, (total[WINDOW:] - total[:-WINDOW]) / np.maximum(counts, 1), np.nan)
    return means[:-WINDOW], means[WINDOW:]


def _correlations(a: Floats, b: Floats) -> Floats:
    """Of each row with its like; NaN where one does not vary."""
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    size = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    return np.where(size > 0, (a * b).sum(axis=1) / np.where(size > 0, size, 1), np.nan)


def _peaks(gain: Floats, least: float) -> list[int]:
    """Days of the largest gain within a window, above the least."""
    found: list[int] = []
    for day in np.flatnonzero(gain >= least):
        around = gain[max(0, day - WINDOW // 2) : day + WINDOW // 2 + 1]
        if gain[day] == around.max() and (not found or day - found[-1] > WINDOW // 2):
            found.append(int(day))
    return found
