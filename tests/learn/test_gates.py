"""Gates over a day, the product element by element, and what the forget gate is worth."""

import pytest

SIZES = {"hidden": 4, "steps": 150, "seeds": 2}


def test_gates_stay_between_their_ends(lesson):
    facts = lesson("gates", **SIZES).facts
    assert all(0 < facts[f"mean_lstm_{gate}"] < 1 for gate in "ifo") and -1 < facts["mean_lstm_g"] < 1
    assert all(0 < facts[f"mean_gru_{gate}"] < 1 for gate in "rz")
    assert facts["swing_lstm_i"] > 0.05 and facts["swing_gru_z"] > 0.05  # they follow the day


def test_the_product_is_element_by_element(lesson):
    facts = lesson("gates", **SIZES).facts
    assert (facts["kept_cell_1"], facts["kept_cell_2"]) == pytest.approx((1.8, 0.5))
    assert facts["dot_product"] == pytest.approx(2.3)


def test_without_the_forget_gate_the_error_grows(lesson):
    facts = lesson("gates", **SIZES).facts
    assert facts["cost_percent_lstm_without_f"] > 0
    assert facts["mae_gw_lstm_without_f"] > facts["mae_gw_lstm"]
