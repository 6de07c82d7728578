"""Which moments training walks through and is judged at: sequences, warm-up, validation tail, all by time."""

from __future__ import annotations

from dataclasses import dataclass

from wattcast.features.calendar import calendar
from wattcast.features.layout import Layout
from wattcast.features.panel import Panel
from wattcast.schema import NotReady

FEWEST = 8  # advances of the state without which there is nothing to learn from
JUDGED = 2_000_000  # outputs in the validation tail that are looked at, at most


@dataclass(frozen=True)
class Plan:
    """Indices of the grid; an advance is a moment at which the recurrent state moves on.

    Attributes:
        first: first advance with enough history.
        split: where the validation tail begins.
        end: where the training part ends.
        context: advances a sequence.
        warmup: advances at its start that carry no loss, while the state fills.
        batch: sequences a batch.
        judge_from: first advance in the validation tail.
        judge_count: advances in it.
        judge_every: of those, every how many are looked at.
        prime: advance from which the state is carried to the tail.
    """

    first: int
    split: int
    end: int
    context: int
    warmup: int
    batch: int
    judge_from: int
    judge_count: int
    judge_every: int
    prime: int


def plan(past: Panel, lay: Layout, *, validation: float, batch: int | None, context: int | None) -> Plan:
    """Sequences of four weeks of days or 256 steps, 16 to 64 of them a batch by the number of meters.

    Args:
        past: readings to learn from.
        lay: what a forecast looks at.
        validation: share of the readings, at their end, that validates.
        batch: sequences a batch, if not by the rule.
        context: advances a sequence, if not by the rule.

    Raises:
        NotReady: the readings are too few for sequences and a tail.
    """
    stride, end = lay.stride, past.y.shape[0]
    phase = round(float(calendar(past.start, past.step, 1, zone=past.zone).hour[0]) / 24 * past.day)
    first = lay.history + (-(lay.history + phase)) % stride
    tail = max(round(end * validation), lay.horizon + stride)
    split = end - tail
    advances = (split - lay.horizon - first) // stride + 1
    if advances < FEWEST:
        need = round((lay.history + (FEWEST + 1) * stride + lay.horizon) / (1 - validation)) + 1
        raise NotReady(
            f"{end} readings are too few to learn a forecast {lay.horizon} steps ahead: about {need} are needed. "
            "Give more history or a shorter horizon."
        )
    context = min(context or (256 if stride == 1 else 28), advances)
    judge_from = split + (-(split + phase)) % stride
    judge_count = max(1, (end - lay.horizon - judge_from) // stride + 1)
    prime = max(first, judge_from - 4 * context * stride)
    prime += (judge_from - prime) % stride
    return Plan(
        first,
        split,
        end,
        context,
        context // 4,
        batch or min(64, max(16, len(past.ids) // 2)),
        judge_from,
        judge_count,
        max(1, judge_count * len(past.ids) * lay.outputs // JUDGED),
        prime,
    )
