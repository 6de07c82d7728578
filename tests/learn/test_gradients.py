"""How far gradients reach: gates and the start decide."""

SIZES = {"lags": (20,), "steps": 60}


def test_the_lstms_gradient_reaches_further_than_elmans(lesson):
    facts = lesson("gradients", **SIZES).facts
    for where in ("load", "adding", "copy"):
        assert facts[f"flow_{where}_lstm_bias_3_100"] >= 10 * facts[f"flow_{where}_elman_100"]


def test_a_larger_forget_bias_reaches_further(lesson):
    facts = lesson("gradients", **SIZES).facts
    reached = [facts[f"flow_forget_bias_{bias}_100"] for bias in (0, 1, 3)]
    assert reached[0] < reached[1] < reached[2] and reached[2] > 10 * reached[0]


def test_an_orthogonal_start_keeps_what_a_gaussian_one_loses(lesson):
    facts = lesson("gradients", **SIZES).facts
    assert facts["flow_radius_0.9_orthogonal_100"] > facts["flow_radius_0.5_orthogonal_100"]
    assert facts["flow_radius_1.0_orthogonal_100"] > facts["flow_radius_1.0_gaussian_100"]


def test_clipping_keeps_the_descent_bounded(lesson):
    facts = lesson("gradients", **SIZES).facts
    with_, without = facts["clipping_with_last_loss"], facts["clipping_without_last_loss"]
    assert with_ < 1 and not without < with_  # not less, or not a number
