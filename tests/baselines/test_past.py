import numpy as np
import pytest
from panels import load_panel

from wattcast.baselines.past import carried, nan_quantiles, slots, spread, take
from wattcast.schema import QUANTILES

NAN = np.nan


@pytest.mark.parametrize(
    ("x", "period", "expected"),
    [
        ([1, NAN, NAN, 4, NAN], 1, [1, 1, 1, 4, 4]),
        ([1, 2, NAN, NAN, NAN, 6, NAN], 2, [1, 2, 1, 2, 1, 6, 1]),
        ([NAN, 2, NAN], 2, [NAN, 2, NAN]),
        ([], 3, []),
    ],
)
def test_gaps_are_carried_from_before_only(x, period, expected):
    column = np.array(x, float)[:, None]
    np.testing.assert_array_equal(carried(column, period)[:, 0], expected)


def test_taking_outside_gives_nan():
    np.testing.assert_array_equal(take(np.arange(3.0), np.array([[-1, 0], [2, 3]])), [[NAN, 0], [2, NAN]])


def test_quantiles_are_numpys():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3, 2))
    x[rng.random(x.shape) < 0.3] = NAN
    expected = np.moveaxis(np.nanquantile(x, QUANTILES, axis=0), 0, -1)
    np.testing.assert_allclose(nan_quantiles(x), expected, rtol=1e-12)


def test_the_forecast_stays_the_median_and_quantiles_stay_sorted():
    errors = np.random.default_rng(0).normal(5.0, 1.0, (100, 2, 1))  # a forecast always too low
    q = spread(errors)
    assert (q[..., 5] == 0).all() and (q[..., :5] == 0).all()
    assert (np.diff(q, axis=-1) >= 0).all() and (q[..., -1] > 6).all()


def test_few_errors_are_pooled_over_leads_and_none_give_no_spread():
    errors = np.full((5, 2, 2), NAN)
    errors[:, :, 0] = np.random.default_rng(0).normal(size=(5, 2))
    q = spread(errors)
    np.testing.assert_array_equal(q[0, 0], q[1, 0])
    assert (q[:, 1] == 0).all()


def test_slots_follow_the_local_clock():
    panel = load_panel(days=120, zone="Europe/Zurich")  # summer time begins on 2022-03-27
    clock = slots(panel, panel.length)
    assert clock[0] == 1 and clock[119 * 24] == 2
