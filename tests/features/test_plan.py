"""The plan of a training: everything in its order in time, nothing outside the grid."""

from dataclasses import replace
from datetime import UTC, date, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from panels import load_panel

from wattcast.features.layout import layout
from wattcast.features.plan import advances_of, plan
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
    assert lay.history <= p.advances[0] < p.split < p.end == end
    assert p.advances[0] - lay.history < lay.stride
    np.testing.assert_array_equal(p.advances, np.arange(p.advances[0], end + 1, lay.stride))
    last = p.advances[p.context - 1]
    assert last + lay.horizon <= p.split, "a sequence fits before the tail"
    fills, judged = np.split(p.moments, [p.filling])
    assert p.split <= judged[0] < p.split + lay.stride
    assert judged[-1] + lay.horizon <= end
    assert judged[-1] + lay.stride + lay.horizon > end, "the whole tail is judged"
    assert len(fills) == min(4 * p.context, (p.advances < p.split).sum()) > 0
    assert set(p.moments.tolist()) <= set(p.advances.tolist()) and (np.diff(p.moments) == lay.stride).all()
    if lay.stride > 1:  # advances are local midnights
        assert (p.advances % 24 == 0).all()
    assert p.split == pytest.approx(end * 0.85, abs=1) or p.split == end - lay.horizon - lay.stride


def test_midnights_of_the_meters_clock():
    panel = load_panel(days=70, zone="Asia/Tokyo")  # 00:00 UTC is 09:00 there, so midnight is 15 steps later
    past = View(panel, panel.length, 0).panel
    p = plan(past, layout(day=24, horizon=24, weekly=True), validation=0.15, batch=None, context=None)
    assert (p.advances % 24 == 15).all() and (p.moments % 24 == 15).all()


def test_days_that_begin_at_another_hour():
    panel = load_panel(days=70)
    lay = layout(day=24, horizon=24, weekly=True)
    p = plan(View(panel, panel.length, 0).panel, lay, validation=0.15, batch=None, context=None, at=time(9, 30))
    assert (p.advances % 24 == 10).all() and (p.moments % 24 == 10).all()  # the first step after 09:30
    steps = layout(day=24, horizon=2, weekly=True)
    np.testing.assert_array_equal(advances_of(panel, steps, 400, time(9)), np.arange(steps.history, 401))


def local(panel, t):
    """Local clock at grid index `t`."""
    return panel.time(int(t)).replace(tzinfo=UTC).astimezone(ZoneInfo(panel.zone))


def test_advances_follow_the_clock_over_days_of_23_and_25_hours():
    panel = load_panel(days=330, zone="Europe/Berlin")  # from January on
    lay = layout(day=24, horizon=24, weekly=True)
    found = advances_of(panel, lay, panel.length, time(0))
    assert all(local(panel, t).hour == 0 for t in found)
    dates = [local(panel, t).date() for t in found]
    assert dates == [dates[0] + timedelta(days=k) for k in range(len(dates))]  # each day once
    steps = np.diff(found).tolist()
    assert (steps.count(23), steps.count(25), steps.count(24)) == (1, 1, len(steps) - 2)
    assert dates[steps.index(23)] == date(2022, 3, 27) and dates[steps.index(25)] == date(2022, 10, 30)


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
    assert p.judge_every == (len(p.moments) - p.filling) * 600 * 2 // 2_000_000 > 1


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
