"""Which readings a forecast looks at, and which it gives: offsets from the origin, one table a phase.

Two layouts, chosen by the horizon. *Steps* (short horizons): the network advances with every reading. *Days*
(horizons from half a day): it advances once a day, at the slot where the local day begins, and what it looks at
and gives is arranged by slot of the day, so that a weight always means the same hour; between two midnights it
forecasts from the state of the last one and the readings since.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

Offsets = NDArray[np.int32]
#: Parts of a day that rough days are looked at in: docs/accuracy.md, "Rough days".
PARTS = 12


# one object a layout (see `layout`), so compiled code can be looked up by it
@dataclass(frozen=True, eq=False)
class Layout:
    """Offsets are relative to the origin t: -1 is the last reading seen, 0 the first step ahead.

    Attributes:
        day: steps in a day.
        gap: steps ahead left out before the first one asked for.
        horizon: last step ahead asked for.
        stride: readings between two advances of the state: 1 or a day.
        recent: `[phase, recent]`: the readings seen last; in the day layout of a day, and of the day before it.
        lags: `[phase, lags]`: older readings that resemble what comes: the same hours some days or weeks before.
        targets: `[phase, outputs]`: steps ahead that the outputs stand for; in the day layout whole days, of
            which only `gap <= step < horizon` count.
        moments: `[phase, outputs, moments]`: when covariates are looked up for an output: at the target itself and
            where the readings that resemble it lie, so that a load can be told from its weather.
        history: readings needed before the first forecast.
        weekly: whether it looks a week back.
        fortnight: false where a day layout with weeks looks one of them back and not two.
        yearly: whether it looks at the time of year.
        habits: whether an output is told of more readings of its hour (`features.signals.habits`).
    """

    day: int
    gap: int
    horizon: int
    stride: int
    recent: Offsets
    lags: Offsets
    targets: Offsets
    moments: Offsets
    history: int
    weekly: bool
    fortnight: bool
    yearly: bool
    habits: bool

    @property
    def days(self) -> int:
        """Days the outputs reach into, at least one."""
        return max(1, self.outputs // self.day) if self.stride > 1 else 1

    @property
    def outputs(self) -> int:
        """Outputs of the network."""
        return self.targets.shape[1]

    @property
    def season(self) -> int:
        """Days, whole weeks where it looks at weeks, back to readings of the same hours that all lie in the past."""
        week = 7 if self.weekly else 1
        return -(-self.days // week) * week

    @property
    def needed(self) -> int:
        """Readings needed before an origin: the history of an advance, and one advance."""
        return self.history + self.stride

    @cached_property
    def order(self) -> Offsets:
        """Outputs in the order of time `[phase, lead]`; in the day layout their slot is the remainder by `day`."""
        return np.argsort(self.targets, axis=1).astype(np.int32)


def layout(  # noqa: PLR0913  (what it depends on is what it depends on)
    *,
    day: int,
    horizon: int,
    weekly: bool,
    gap: int = 0,
    yearly: bool = True,
    fortnight: bool = True,
    habits: bool = True,
) -> Layout:
    """Layout for a horizon.

    Args:
        day: readings in a day.
        horizon: steps ahead.
        weekly: whether the readings are long enough (three weeks) to look a week back.
        gap: steps ahead left out before the first one asked for.
        yearly: whether the readings are long enough (most of a year) to tell a season from a trend.
        fortnight: whether they are long enough (eight weeks) to spare two of them before the first forecast.
        habits: false for networks of earlier versions, which are not told of them.
    """
    weeks = weekly and in_days(day, horizon)
    both = fortnight or not weeks  # elsewhere it changes nothing: one layout, not two
    return _made(day, gap, horizon, 7 * day if weekly else day, yearly, both, habits and weeks)


def outputs_of(*, day: int, horizon: int, gap: int) -> int:
    """`Layout.outputs`, without the tables of the layout, which take memory."""
    return -(-horizon // day) * day if in_days(day, horizon) else horizon - gap


def in_days(day: int, horizon: int) -> bool:
    """Whether the network advances once a day: for horizons from half a day."""
    return horizon * 2 >= day


@cache  # one object for the same numbers, however they were given
def _made(day: int, gap: int, horizon: int, season: int, yearly: bool, fortnight: bool, habits: bool) -> Layout:
    if in_days(day, horizon):
        return _days(day, gap, horizon, season, yearly, fortnight, habits)
    return _steps(day, gap, horizon, season, yearly)


def _days(day: int, gap: int, horizon: int, season: int, yearly: bool, fortnight: bool, habits: bool) -> Layout:
    phase, slot = np.arange(day)[:, None], np.arange(day)[None]
    recent = -((phase - slot - 1) % day) - 1
    first = (slot - phase) % day
    blocks = -(-horizon // day)
    targets = np.concatenate([first + k * day for k in range(blocks)], axis=1)
    back = -(-(blocks * day) // season) * season
    lags = targets - back
    if season > day and fortnight:  # two weeks back as well: what both weeks have is habit
        lags = np.concatenate([lags, targets - back - season], axis=1)
    # outputs past the horizon are not asked for, and covariates there not known: the day before stands in
    sure = np.where(targets < horizon, targets, targets - day)
    moments = np.stack([sure, np.tile(recent, blocks), targets - back], axis=-1)
    history = int(-min(lags.min(), -2 * day))
    tables = _tables(np.concatenate([recent, recent - day], axis=1), lags, targets, moments)
    return Layout(
        day=day, gap=gap, horizon=horizon, stride=day, history=history, weekly=season > day, fortnight=fortnight,
        yearly=yearly, habits=habits, **tables,
    )  # fmt: skip


def _steps(day: int, gap: int, horizon: int, season: int, yearly: bool) -> Layout:
    targets = np.arange(gap, horizon)
    around = np.arange(gap - 1, horizon + 1)  # a neighbour on either side
    back = max(day, 2)
    # every day of the week: with days 1 and 7 alone the chapter's network loses to a regression on all seven
    shifts = [k * back for k in range(1, season // day + 1)]
    lags = np.concatenate([around - s for s in shifts if s > horizon] or [np.arange(-horizon - 4, -3)])
    recent = np.arange(-3, 0)
    moments = np.stack([targets, np.full_like(targets, -1)], axis=-1)
    history = int(-min(lags.min(), -3))
    tables = _tables(recent[None], lags[None], targets[None], moments[None])
    return Layout(
        day=day, gap=gap, horizon=horizon, stride=1, history=history, weekly=season > day, fortnight=True,
        yearly=yearly, habits=False, **tables,
    )  # fmt: skip


def _tables(*of: NDArray[np.int_]) -> dict[str, Offsets]:
    return {name: a.astype(np.int32) for name, a in zip(("recent", "lags", "targets", "moments"), of, strict=True)}
