"""The plan of a training: everything in its order in time, nothing outside the grid."""

from dataclasses import replace

import numpy as np
import pytest
from panels import load_panel

from wattcast.features.layout import layout
from wattcast.features.plan import plan
from wattcast.features.view import View
from wattcast.schema import NotReady


def planned(*, days=70, horizon=24, hour=0, minutes=60, meters=2, validation=0.15, batch=None, context=None):
    panel = load_panel(days=days, minutes=minutes, meters=meters)
    past = View(panel, panel.length - hour, 0).panel
    lay = layout(day=past.day, horizon=horizon, weekly=days >= 21)
    return past, lay, plan(past, lay, validation=validation, batch=batch, context=context)


@pytest.mark.parametrize("hour", [0, 5])
@pytest.mark.parametrize("horizon", [1, 2, 24, 30])
def test_time_goes_one_way(horizon, hour):
    past, lay, p = planned(horizon=horizon, hour=hour)
    end = past.y.shape[0]
    assert lay.history <= p.first < p.split < p.end == end
    assert p.first - lay.history < lay.stride
    last = p.first + (p.context - 1) * lay.stride
    assert last + lay.horizon <= p.split, "a sequence fits before the tail"
    assert p.split <= p.judge_from < p.split + lay.stride
    judged_last = p.judge_from + (p.judge_count - 1) * lay.stride
    assert judged_last + lay.horizon <= end
    assert judged_last + lay.stride + lay.horizon > end, "the whole tail is judged"
    assert p.first <= p.prime <= p.judge_from and (p.judge_from - p.prime) % lay.stride == 0
    if lay.stride > 1:  # advances are local midnights
        assert p.first % 24 == p.prime % 24 == p.judge_from % 24 == 0
    assert p.split == pytest.approx(end * 0.85, abs=1) or p.split == end - lay.horizon - lay.stride


def test_midnights_of_the_meters_clock():
    panel = load_panel(days=70, zone="Asia/Tokyo")  # 00:00 UTC is 09:00 there, so midnight is 15 steps later
    past = View(panel, panel.length, 0).panel
    p = plan(past, layout(day=24, horizon=24, weekly=True), validation=0.15, batch=None, context=None)
    assert p.first % 24 == p.judge_from % 24 == p.prime % 24 == 15


def test_sizes_by_rule_and_as_asked():
    _, _, days = planned()
    assert (days.context, days.warmup, days.batch, days.judge_every) == (28, 7, 16, 1)
    _, _, steps = planned(horizon=1)
    assert (steps.context, steps.warmup) == (256, 64)
    _, _, asked = planned(batch=3, context=5)
    assert (asked.batch, asked.context, asked.warmup) == (3, 5, 1)


def test_more_meters_more_sequences():
    assert [planned(meters=m)[2].batch for m in (2, 50, 300)] == [16, 25, 64]


def test_a_long_tail_is_looked_at_in_part():
    panel = load_panel(days=400)
    many = replace(panel, ids=tuple(map(str, range(600))), y=np.ones((panel.length, 600)))
    p = plan(many, layout(day=24, horizon=2, weekly=True), validation=0.4, batch=None, context=None)
    assert p.judge_every == p.judge_count * 600 * 2 // 2_000_000 > 1


def test_too_few_readings():
    with pytest.raises(NotReady, match="240 readings are too few to learn a forecast 24 steps ahead"):
        planned(days=10, horizon=24)


def test_as_many_as_the_message_asks_for_are_enough():
    with pytest.raises(NotReady) as e:
        planned(days=10, horizon=24)
    need = int(str(e.value).split("about ")[1].split()[0])
    panel = load_panel(days=need // 24 + 1)
    assert plan(
        View(panel, need, 0).panel, layout(day=24, horizon=24, weekly=False), validation=0.15, batch=None, context=None
    )
