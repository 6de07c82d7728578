"""Cells at equal training time on real series, and gaps filled from both sides."""

import numpy as np
import pytest

from wattcast.learn.cells import earned
from wattcast.learn.contest import Place, stacks
from wattcast.nets.cells import CELLS
from wattcast.nets.newer import NEWER

SIZES = {"seconds": 0.1, "steps": 200, "cells": (*CELLS, "coupled")}


def test_all_cells_can_take_part():
    assert set(stacks()) == {*CELLS, *NEWER, "dilated gru"}


def test_accuracy_and_cost_of_each_are_told(lesson):
    """How far a training comes in a tenth of a second is the machine's; that it is told for each set is not."""
    facts = lesson("cells", **SIZES).facts
    for name in SIZES["cells"]:
        told = [facts[f"error_{name}_{where}"] for where in ("Victoria", "England_and_Wales", "thermometer")]
        assert np.isfinite(told).all() and facts[f"error_{name}"] == pytest.approx(np.mean(told))
        assert facts[f"ms_a_batch_{name}"] > 0
    assert facts["parameters_coupled"] < facts["parameters_gru"] < facts["parameters_lstm"]


def test_both_sides_fill_a_gap_better_than_one_and_than_rules(lesson):
    facts = lesson("cells", **SIZES).facts
    both = facts["gap_mae_mw_both_sides"]
    assert both < facts["gap_mae_mw_one_side"]
    assert both < facts["gap_mae_mw_the_same_hours_of_the_day_before_and_after"] < facts["gap_mae_mw_a_straight_line"]


def test_earned_means_better_than_every_classic_cell_on_every_set():
    places = {c: Place(1, 1.0, 1.0, {"a": [0.5], "b": [0.6]}) for c in CELLS}
    places |= {
        "here": Place(1, 1.0, 1.0, {"a": [0.4], "b": [0.5]}),
        "there": Place(1, 1.0, 1.0, {"a": [0.1], "b": [0.7]}),
    }
    assert earned(places) == ["here"]
    assert np.isclose(places["there"].mean, 0.4)
