"""What is chosen by a rule from the readings: their layout, batches an epoch, the learning rate."""

from __future__ import annotations

from wattcast.features.layout import Layout, layout
from wattcast.features.signals import sizes
from wattcast.features.view import View
from wattcast.nets.forecaster import NetworkSettings
from wattcast.train.settings import TrainSettings

# Days from which the time of year is looked at. With half a year of Poland to learn from, networks that saw it missed
# the next quarter by 6 % where the linear path alone missed it by 2.7 %.
YEAR = 330
# Days from which a network looks two weeks back, which takes the first two weeks from what it learns from. After 42
# days of Victoria the next 28 were forecast better by 14 % with one week back alone, after 84 days worse by 3 %.
TWO_WEEKS = 56
# Days of all meters together under which 40 batches an epoch are enough, where days are rough (nets/coarse.py) and
# where not: with 100, in two and a half times the time, ten homes, Poland (181 days), Victoria (547) and a campus
# (1,042) were forecast no better, California (757) by 2.2 % and PJM (5,974) by 3.5 %. With 20 Victoria was worse.
FEW_DAYS, FEW_SMOOTH_DAYS = 10_000, 2_000
# Days of all meters together from which outputs are told of habits (features/signals.py): 537 homes, 35 countries, ten
# homes and ten clients are forecast better by .6 to 6 %, a campus alone, of 1,042 days, by 4.5 %; Victoria (547 days)
# and Poland (181) are not, in half as much time again.
HABIT_DAYS = 1_000


def layout_of(view: View, net: NetworkSettings) -> Layout:
    """What the network looks at, given the days before the view's origin."""
    day = view.panel.day
    weekly, fortnight, yearly = (view.origin >= days * day for days in (21, TWO_WEEKS, YEAR))
    habits = view.origin // day * len(view.panel.ids) >= HABIT_DAYS
    kinds = {"weekly": weekly, "yearly": yearly, "fortnight": fortnight, "habits": habits}
    return layout(day=day, horizon=net.horizon, gap=net.gap, **kinds)


def are_few(days: int, *, rough: bool) -> bool:
    """Whether the days of all meters together are few, for how rough they are."""
    return days < (FEW_DAYS if rough else FEW_SMOOTH_DAYS)


def filled(train: TrainSettings, lay: Layout, *, few: bool) -> TrainSettings:
    """Settings with numbers filled in: days say much at once and want larger networks, many of them longer learned."""
    short = lay.stride == 1
    steps = 40 if (short or few) and "steps" not in train.model_fields_set else train.steps
    return train.model_copy(update={"steps": steps, "learning_rate": train.learning_rate or (5e-3 if short else 6e-3)})


def inputs_rate(lay: Layout, covariates: int) -> float:
    """Share of the learning rate for weights on the inputs, 1 a day ahead.

    Adam moves each of them by the rate, and a month ahead has 2,300 inputs, most of them alike, where a day has 160.
    """
    if lay.days == 1:
        return 1.0
    kinds = {name: getattr(lay, name) for name in ("day", "weekly", "yearly", "fortnight", "habits")}
    day, here = (sizes(of, covariates)[0] for of in (layout(horizon=lay.day, **kinds), lay))
    return float((day / here) ** 2)
