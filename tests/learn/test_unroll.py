"""One network for any length, whose state carries the past."""

SIZES = {"hidden": 8, "steps": 100}


def test_the_weights_are_counted_once_however_long_the_sequence(lesson):
    facts = lesson("unroll", **SIZES).facts
    assert facts["parameters"] == 8 + 8 * 8 + 8 + 8 + 1 and facts["multiplications_a_step"] == 8 + 64 + 8


def test_step_by_step_is_the_same(lesson):
    assert lesson("unroll", **SIZES).facts["step_by_step_difference"] < 1e-5


def test_the_past_is_in_the_state(lesson):
    facts = lesson("unroll", **SIZES).facts
    assert facts["effect_of_a_push_1_steps_back_mw"] > facts["effect_of_a_push_96_steps_back_mw"] >= 0
    assert facts["effect_of_a_push_4_steps_back_mw"] > 0.1


def test_the_drawing_has_the_sizes(lesson):
    drawn = lesson("unroll", **SIZES).html()
    assert "U 8×8" in drawn and "W 1×8" in drawn and "h[4]" in drawn
