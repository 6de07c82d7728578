"""Elman's cell: the numbers on paper, and what hidden units buy on real demand."""

import math

import pytest

SIZES = {"hidden": (1, 16), "steps": 200}


def test_numbers_worked_by_hand(lesson):
    facts = lesson("elman", **SIZES).facts
    first = math.tanh(0.5 * 1 + 0.1)
    second = math.tanh(0.8 * first + 0.1)
    assert facts["h1"] == pytest.approx(first) and facts["h1"] == pytest.approx(0.537050, abs=1e-6)
    assert facts["h2"] == pytest.approx(second) and facts["h2"] == pytest.approx(0.485106, abs=1e-6)
    assert facts["h3"] == pytest.approx(math.tanh(-0.5 + 0.8 * second + 0.1))
    assert facts["package_difference"] < 1e-6


def test_a_larger_recurrent_weight_remembers_longer(lesson):
    facts = lesson("elman", **SIZES).facts
    assert facts["remembered_after_10_steps_u_0.5"] < 0.5 * 0.5**10 + 1e-12
    assert facts["remembered_after_10_steps_u_0.95"] > 4 * facts["remembered_after_10_steps_u_0.8"]


def test_sixteen_units_beat_repeating_the_last_reading(lesson):
    facts = lesson("elman", **SIZES).facts
    assert facts["mae_gw_hidden_16"] < 0.85 * facts["mae_gw_persistence"]
    assert facts["mae_gw_hidden_16"] < facts["mae_gw_hidden_1"]
    assert facts["mae_gw_persistence"] < facts["mae_gw_seasonal_naive_day"]
