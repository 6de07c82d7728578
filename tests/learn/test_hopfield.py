"""Capacity near the theory's, and days restored better than by a straight line."""


def test_capacity_is_near_the_theory(lesson):
    facts = lesson("hopfield").facts
    assert abs(facts["capacity_measured"] - 0.138) < 0.02
    assert facts["overlap_at_load_0.06"] > 0.99 and facts["overlap_at_load_0.22"] < 0.6


def test_restored_days_beat_interpolation_where_hours_are_lost(lesson):
    facts = lesson("hopfield").facts
    assert facts["mae_gw_block_modern"] < 0.7 * facts["mae_gw_block_interpolation"]
    assert facts["mae_gw_block_classic_projection"] < 0.95 * facts["mae_gw_block_interpolation"]


def test_where_single_readings_are_lost_a_line_is_better(lesson):
    facts = lesson("hopfield").facts
    assert facts["mae_gw_scattered_interpolation"] < facts["mae_gw_scattered_modern"]


def test_patterns_that_are_alike_need_the_projection_rule(lesson):
    facts = lesson("hopfield").facts
    assert facts["stored_shapes_recalled_projection"] == 1 and facts["stored_shapes_recalled_hebb"] < 0.2
