"""Which moments training walks through and is judged at: sequences, warm-up, validation tail, all by time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time

import numpy as np
from numpy.typing import NDArray

from wattcast.features.calendar import advances, calendar
from wattcast.features.layout import Layout
from wattcast.features.panel import Panel
from wattcast.schema import NotReady

FEWEST = 8  # advances of the state without which there is nothing to learn from
JUDGED = 2_000_000  # outputs in the validation tail that are looked at, at most


@dataclass(frozen=True)
class Plan:
    """Indices of the grid; an advance is a moment at which the recurrent state moves on.

    Attributes:
        advances: all of them, from the first with enough history on `[advance]`.
        split: where the validation tail begins.
        end: where the training part ends.
        context: advances a sequence.
        warmup: advances at its start that carry no loss, while the state fills.
        batch: sequences a batch.
        moments: advances from which the validation tail is judged, some before it that fill the state `[advance]`.
        filling: how many of them only fill the state.
        judge_every: of the rest, every how many are looked at.
    """

    advances: NDArray[np.int32]
    split: int
    end: int
    context: int
    warmup: int
    batch: int
    moments: NDArray[np.int32]
    filling: int
    judge_every: int


def advances_of(panel: Panel, lay: Layout, length: int, at: time) -> NDArray[np.int32]:
    """Grid indices at which the state moves on: every step, or where a local day begins at `at`.

    Args:
        panel: the grid.
        lay: what a forecast looks at; before its history is full nothing moves.
        length: last index looked at.
        at: local time at which days begin.
    """
    found = np.arange(length + 1)
    if lay.stride > 1:
        clock = calendar(panel.start, panel.step, length + 1, zone=panel.zone)
        found = advances(clock.hour, at.hour + at.minute / 60)
    return found[found >= lay.history].astype(np.int32)


def plan(  # noqa: PLR0913  (what it depends on is what it depends on)
    past: Panel, lay: Layout, *, validation: float, batch: int | None, context: int | None, at: time = time(0)
) -> Plan:
    """Sequences of four weeks of days or 256 steps, 16 to 64 of them a batch by the number of meters.

    Args:
        past: readings to learn from.
        lay: what a forecast looks at.
        validation: share of the readings, at their end, that validates.
        batch: sequences a batch, if not by the rule.
        context: advances a sequence, if not by the rule.
        at: local time at which days begin.

    Raises:
        NotReady: the readings are too few for sequences and a tail.
    """
    stride, end = lay.stride, past.y.shape[0]
    moves = advances_of(past, lay, end, at)
    tail = max(round(end * validation), lay.horizon + stride)
    split = end - tail
    learned = int((moves <= split - lay.horizon).sum())
    if learned < FEWEST:
        need = round((lay.history + (FEWEST + 1) * stride + lay.horizon) / (1 - validation)) + 1
        raise NotReady(
            f"{end} readings are too few to learn a forecast {lay.horizon} steps ahead: about {need} are needed. "
            "Give more history or a shorter horizon."
        )
    context = min(context or (256 if stride == 1 else 28), learned)
    before = int(np.searchsorted(moves, split))
    after = max(before + 1, int(np.searchsorted(moves, end - lay.horizon, "right")))
    prime = max(0, before - 4 * context)
    return Plan(
        moves,
        split,
        end,
        context,
        context // 4,
        batch or min(64, max(16, len(past.ids) // 2)),
        moves[prime:after],
        before - prime,
        max(1, (after - before) * len(past.ids) * lay.outputs // JUDGED),
    )
