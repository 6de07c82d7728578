"""What is said of a series as a whole: gaps, missing values, one value only, too short."""

from __future__ import annotations

import numpy as np

from wattcast.check.course import Course, Mark, runs

#: Series shorter than this are said to be too short to learn a day from [d].
SHORT_DAYS = 2


def rows(course: Course) -> list[Mark]:
    """Steps without a row, rows without a value, and whether there is enough to learn from."""
    marks = []
    there = np.zeros(len(course.y), bool)
    there[course.rows] = True
    if not there.all():
        count = len(runs(~there))
        spans = "1 gap" if count == 1 else f"{count:,} gaps"
        marks.append(Mark("gap", np.flatnonzero(~there), f"left open ({spans}): nothing is filled in", suspect=False))
    empty = there & np.isnan(course.y)
    if empty.any():
        marks.append(Mark("missing", np.flatnonzero(empty), "marked missing", suspect=False))
    known = np.flatnonzero(np.isfinite(course.y))
    if len(known) > 1 and np.ptp(course.y[known]) == 0:
        action = "kept as they are: all readings are equal, so there is nothing to learn"
        marks.append(Mark("constant", known, action, suspect=False))
    if len(known) < SHORT_DAYS * course.day:
        action = f"kept as they are, but shorter than {SHORT_DAYS} days: too short to learn a day from"
        marks.append(Mark("too_short", known if len(known) else np.zeros(1, np.int64), action, suspect=False))
    return marks
