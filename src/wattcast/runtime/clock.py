"""The calendar of the live path: blocks of it are worked out once and looked up by step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattcast.features.calendar import advances, calendar
from wattcast.features.layout import Layout
from wattcast.features.signals import FARTHEST, alike, clock_features, phase_of

#: A code each, None for no holidays.
Countries = tuple[str | None, ...]
When = datetime | np.datetime64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Days of a block that are asked about; before them lies what is looked back on, after them what is forecast.
BLOCK = 64
#: Blocks that are kept.
MOST = 8


@dataclass(frozen=True)
class Block:
    """Calendar of the steps from `first` on; arrays as in `features.signals.Signals`.

    Attributes:
        first: step number, counted from 1970 [steps].
        start: start of that interval [UTC].
        clock: `[time, feature]`.
        moves: whether the state moves on at a step, history permitting `[time]`.
        phase: steps since it last did, less than a stride `[time]`.
        days: holiday and days back to the like one, both `[time, country]`, by countries, worked out when asked for.
        moments: where clock, holiday and likeness lie in memory, and the bytes of a row, likewise (`runtime.native`).
    """

    first: int
    start: datetime
    clock: NDArray[np.float32]
    moves: NDArray[np.bool_]
    phase: NDArray[np.int32]
    days: dict[Countries, tuple[NDArray[np.float32], NDArray[np.int32]]]
    moments: dict[Countries, Any]


class Clock:
    """Calendar of a model, by step; a block reaches `back` steps before its first moment and `ahead` after its last."""

    def __init__(self, lay: Layout, step: timedelta, zone: str, at: time, window: int):
        self.lay, self.step, self.zone, self.at = lay, step, zone, at
        self._step = step // timedelta(microseconds=1)
        self.back = max(FARTHEST * lay.day, window) + 2 * lay.day  # two days in which the beginning settles
        self.ahead = int(lay.targets.max()) + 2 + lay.day
        self._blocks: dict[tuple[int, int], Block] = {}

    def block(self, when: int) -> tuple[Block, int]:
        """The block in which a moment lies, and the moment's row there.

        Args:
            when: start of an interval [us since 1970].
        """
        number, off = divmod(when, self._step)  # grids need not begin on a whole step
        turn = BLOCK * self.lay.day
        key = (number // turn, off)
        found = self._blocks.get(key)
        if found is None:
            if len(self._blocks) >= MOST:
                self._blocks.pop(next(iter(self._blocks)), None)
            found = self._blocks[key] = self._made(key[0] * turn - self.back, turn + self.back + self.ahead, off)
        return found, number - found.first

    def days(self, block: Block, countries: Countries) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Public holidays of countries and days back to the like one, of every step of a block `[time, country]`."""
        found = block.days.get(countries)
        if found is None:
            cals = [
                calendar(block.start, self.step, len(block.moves), zone=self.zone, country=code) for code in countries
            ]
            holiday = np.stack([cal.holiday for cal in cals], axis=-1)
            found = block.days[countries] = (holiday, alike(cals[0], holiday, self.lay))
        return found

    def _made(self, first: int, length: int, off: int) -> Block:
        start = _EPOCH + first * self.step + timedelta(microseconds=off)
        cal = calendar(start, self.step, length, zone=self.zone)
        found = np.arange(length)
        if self.lay.stride > 1:
            found = advances(cal.hour, self.at.hour + self.at.minute / 60)
        moves = np.zeros(length, bool)
        moves[found] = True
        phase = phase_of(found.astype(np.int32), length - 1, self.lay.stride)
        return Block(first, start, clock_features(cal, self.lay), moves, phase, {}, {})


def microseconds(when: When) -> int:
    """Since 1970; a time without a zone is UTC."""
    if isinstance(when, datetime):
        when = np.datetime64(when.astimezone(UTC).replace(tzinfo=None) if when.tzinfo else when)
    return int(when.astype("datetime64[us]").astype(np.int64))
