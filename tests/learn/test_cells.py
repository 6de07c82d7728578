"""Cells at equal training time on real series, and gaps filled from both sides."""

import numpy as np
import pytest

from wattcast.learn.cells import earned
from wattcast.learn.contest import Place, stacks
from wattcast.nets.cells import CELLS
from wattcast.nets.newer import NEWER

SIZES = {"seconds": 0.1, "steps": 200, "cells": (*CELLS, "coupled", "peephole")}


def test_all_cells_can_take_part():
    assert set(stacks()) == {*CELLS, *NEWER, "dilated gru"}


def test_each_says_something(lesson):
    facts = lesson("cells", **SIZES).facts
    assert all(0.1 < facts[f"error_{name}"] < 1.2 for name in SIZES["cells"])


def test_a_kernel_is_cheaper_than_steps_in_plain_jax(lesson):
    """The coupled LSTM is run by the LSTM's; the peephole LSTM has none."""
    from wattcast import kernels

    if not kernels.which().startswith("native"):
        pytest.skip("the native library is not built")
    facts = lesson("cells", **SIZES).facts
    assert facts["ms_a_batch_coupled"] < facts["ms_a_batch_peephole"]
    assert facts["parameters_coupled"] < facts["parameters_lstm"] < facts["parameters_peephole"]


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
