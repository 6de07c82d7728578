"""The five patterns on real demand: each is worth more than the best rule of one line beside it."""

import numpy as np
import pytest

from wattcast.learn.kinds import nearest, scaled, windows


@pytest.mark.parametrize(
    ("task", "skill"),
    [("one_to_one", 0.15), ("one_to_many", 0.04), ("many_to_one", 0.1), ("in_step", 0.15), ("encoder_decoder", 0.04)],
)
def test_each_pattern_beats_its_best_rule(lesson, task, skill):
    facts = lesson("patterns").facts
    assert facts[f"skill_{task}"] > skill
    rules = [e for name, e in facts.items() if name.startswith(f"mae_mw_{task}_rule")]
    assert len(rules) >= 2
    assert facts[f"skill_{task}"] == pytest.approx(1 - facts[f"mae_mw_{task}"] / min(rules))


def test_a_window_tells_the_kind_of_meter_better_than_the_nearest_mean_course(lesson):
    facts = lesson("patterns").facts
    assert facts["right_kind"] > 0.85
    assert facts["right_kind"] > facts["right_kind_nearest_course"] + 0.05 > 1 / 3


def test_the_rules_are_what_they_say(lesson):
    """Yesterday's mean again, over the last 73 days."""
    from wattcast.learn.demand import TRAIN_DAYS, demand

    means = demand().days.mean(axis=1)
    error = 1000 * np.abs(means[TRAIN_DAYS:] - means[TRAIN_DAYS - 1 : -1]).mean()
    assert lesson("patterns").facts["mae_mw_one_to_one_rule_1"] == pytest.approx(error, rel=1e-5)


def test_scaling_takes_size_and_level_away():
    load = np.random.default_rng(0).normal(size=200)
    np.testing.assert_allclose(scaled(windows(3 + 5 * load, 48)), scaled(windows(load, 48)), atol=1e-9)


def test_nearest_course_finds_a_course_wherever_it_begins():
    hours = np.arange(48 * 20) * 2 * np.pi / 48
    kinds = [scaled(windows(f, 48)) for f in (np.sin(hours), np.sin(2 * hours))]
    assert all((nearest(kind[5::7], kinds) == k).all() for k, kind in enumerate(kinds))
