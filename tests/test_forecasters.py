"""Contract: what every forecaster does, whatever it is made of. Others join in `test_no_leak`."""

from dataclasses import replace

import numpy as np
import pytest
from panels import load_panel
from test_no_leak import FORECASTERS

from wattcast.baselines import BASELINES
from wattcast.estimator import NAME
from wattcast.features.view import View
from wattcast.schema import QUANTILES, NotReady

#: What holds for rules and not for a network: it learns what a constant or a load at zero is, if it is given time.
of_rules = pytest.mark.parametrize("name", list(BASELINES), indirect=True)
SHAPES = [(15, 1), (15, 96), (30, 48), (60, 1), (60, 24), (60, 30), (60, 168)]
STEPS = [(1440, 7), (360, 4), (5, 36)]
# of these, those a network is compiled for: each takes seconds, so tests share one
COMPILED = [(60, 24)]


def cases(of):
    return [(name, *case) for name in FORECASTERS for case in of if name != NAME or case in COMPILED]


@pytest.fixture(params=FORECASTERS, ids=str)
def name(request):
    return request.param


@pytest.fixture
def make(name):
    return FORECASTERS[name]


def forecast(make, panel, horizon, trained, origins):
    return make().fit(View(panel, trained, horizon)).predict(panel, origins, horizon)


def test_it_goes_by_its_name(name, make):
    assert make().name == name


@pytest.mark.parametrize(("name", "minutes", "horizon"), cases(SHAPES), indirect=["name"])
def test_finite_sorted_quantiles_of_the_right_shape(make, minutes, horizon):
    panel = load_panel(days=60, minutes=minutes)
    day = panel.day
    q = forecast(make, panel, horizon, 50 * day, [51 * day, 52 * day])
    assert q.shape == (2, horizon, 2, len(QUANTILES)) and q.dtype == np.float64
    assert np.isfinite(q).all()
    assert (np.diff(q, axis=-1) >= 0).all()


def test_same_input_same_numbers(make):
    panel = load_panel(days=60)
    first, second = (forecast(make, panel, 24, 50 * 24, [51 * 24]) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@of_rules  # of a network trained for longer: test_train
def test_intervals_hold_about_as_much_as_they_say(make):
    panel = load_panel(days=200, meters=1)
    origins = [d * 24 for d in range(150, 199)]
    q = forecast(make, panel, 24, 150 * 24, origins)
    y = np.stack([panel.y[o : o + 24] for o in origins])
    inside = ((y >= q[..., 1]) & (y <= q[..., -2])).mean()
    assert 0.6 < inside <= 1.0


@pytest.mark.parametrize("gaps", [0.02, 0.3])
def test_missing_readings_are_bridged(make, gaps):
    panel = load_panel(days=60, gaps=gaps)
    q = forecast(make, panel, 24, 50 * 24, [50 * 24, 53 * 24])
    assert np.isfinite(q).all()


def test_missing_covariates_are_bridged(make):
    panel = load_panel(days=60)
    cov = panel.covariates.copy()
    cov[50 * 24 + 5 :] = np.nan
    q = forecast(make, replace(panel, covariates=cov), 24, 50 * 24, [50 * 24, 58 * 24])
    assert np.isfinite(q).all()


@of_rules
@pytest.mark.parametrize("level", [0.0, 7.0])
@pytest.mark.parametrize("horizon", [1, 24])
def test_a_constant_series_stays_constant(make, level, horizon):
    panel = load_panel(days=60)
    q = forecast(make, replace(panel, y=np.full_like(panel.y, level)), horizon, 50 * 24, [51 * 24])
    np.testing.assert_allclose(q, level, atol=1e-6 + 0.01 * level)


def test_negative_load_is_allowed(make):
    panel = load_panel(days=60)
    y = panel.y - panel.y.mean(0)
    q = forecast(make, replace(panel, y=y), 24, 50 * 24, [51 * 24])
    assert np.isfinite(q).all() and (q < 0).any()


@of_rules
def test_load_that_was_never_negative_is_not_forecast_so(make):
    panel = load_panel(days=60)
    y = np.maximum(panel.y - 1.1 * panel.y.mean(0), 0.0)
    assert (forecast(make, replace(panel, y=y), 24, 50 * 24, [51 * 24]) >= 0).all()


def test_a_meter_without_readings_has_no_forecast_and_disturbs_no_other(make):
    panel = load_panel(days=60)
    y = panel.y.copy()
    y[:, 1] = np.nan
    q = forecast(make, replace(panel, y=y), 24, 50 * 24, [51 * 24])
    assert np.isnan(q[:, :, 1]).all()
    assert np.isfinite(q[:, :, 0]).all()


@pytest.mark.parametrize("horizon", [2, 24])
def test_a_meter_that_began_yesterday_disturbs_no_other(make, horizon):
    panel = load_panel(days=60)
    y = panel.y.copy()
    y[: 50 * 24 - 20, 1] = np.nan
    q = forecast(make, replace(panel, y=y), horizon, 50 * 24, [50 * 24])
    assert np.isfinite(q[:, :, 0]).all()


@of_rules
@pytest.mark.parametrize("days", [1, 3, 8, 15])
@pytest.mark.parametrize("horizon", [2, 24])
def test_a_short_file_gives_a_forecast_or_none_but_no_error(make, days, horizon):
    panel = load_panel(days=days + 2, meters=1)
    q = forecast(make, panel, horizon, days * 24, [days * 24, (days + 1) * 24])
    finite = np.isfinite(q).all(axis=-1)
    assert (finite == np.isfinite(q).any(axis=-1)).all()


@pytest.mark.parametrize("horizon", [2, 24])
def test_a_network_says_what_a_short_file_lacks(horizon):
    with pytest.raises(NotReady, match=f"24 readings are too few to learn a forecast {horizon} steps ahead"):
        forecast(FORECASTERS[NAME], load_panel(days=3), horizon, 24, [24])


@pytest.mark.parametrize(("name", "minutes", "horizon"), cases(STEPS), indirect=["name"])
def test_other_steps(make, minutes, horizon):
    panel = load_panel(days=45, minutes=minutes, meters=1)
    q = forecast(make, panel, horizon, 40 * panel.day, [41 * panel.day])
    assert np.isfinite(q).all()


@of_rules  # of a network: test_forecast
def test_an_origin_at_the_end_of_the_file(make):
    panel = load_panel(days=60, temperature=False)
    q = forecast(make, panel, 24, panel.end, [panel.end])
    assert np.isfinite(q).all()


def test_a_clock_that_shifts(make):
    panel = load_panel(days=120, zone="Europe/Zurich")
    origins = [100 * 24 - 2, 101 * 24 - 2]
    q = forecast(make, panel, 24, 99 * 24 - 2, origins)
    assert np.isfinite(q).all()


def test_asking_before_fitting_is_an_error(make):
    panel = load_panel(days=20)
    with pytest.raises(ValueError, match="before it was (fitted|trained)"):
        make().predict(panel, [10 * 24], 24)
