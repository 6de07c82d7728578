"""Contract: what happens after an origin changes no forecast made at it, bit for bit.

Other forecasters join by an entry in `FORECASTERS`: a name and a function that makes one, unfitted.
"""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from panels import load_panel

from wattcast.baselines import BASELINES
from wattcast.estimator import NAME, NetworkForecaster
from wattcast.features.view import View
from wattcast.nets.forecaster import NetworkSettings
from wattcast.train import TrainSettings

NETWORK = partial(
    NetworkForecaster,
    NetworkSettings(hidden=(4,), decoder=3, members=1, country="US"),  # with a holiday three days before the origin
    TrainSettings(epochs=1, steps=2, batch=2, context=8, final=False),
)
FORECASTERS = {**BASELINES, NAME: NETWORK}


@pytest.fixture(params=FORECASTERS, ids=str)
def make(request):
    return FORECASTERS[request.param]


def scrambled(panel, after, covariates_after):
    """The panel with other readings from `after` on, other covariates from `covariates_after` on."""
    rng = np.random.default_rng(1)
    y, cov = panel.y.copy(), panel.covariates.copy()
    y[after:] = rng.normal(1e6, 1e6, y[after:].shape)
    y[after::3] = np.nan
    cov[covariates_after:] = rng.normal(-500, 100, cov[covariates_after:].shape)
    return replace(panel, y=y, covariates=cov)


@pytest.mark.parametrize(("horizon", "gaps"), [(2, 0.05), (24, 0.0), (60, 0.05)])
def test_the_future_does_not_reach_a_forecast(make, horizon, gaps):
    panel = load_panel(days=60, gaps=gaps)
    trained, origin = 50 * 24, 52 * 24
    before = make().fit(View(panel, trained, horizon)).predict(panel, [origin], horizon)
    other = scrambled(panel, origin, origin + horizon)
    after = make().fit(View(other, trained, horizon)).predict(other, [origin], horizon)
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("horizon", [2, 24])
def test_what_follows_training_does_not_reach_the_fit(make, horizon):
    panel = load_panel(days=60)
    trained, origin = 50 * 24, 52 * 24
    other = scrambled(panel, trained, trained + horizon)
    before = make().fit(View(panel, trained, horizon)).predict(panel, [origin], horizon)
    after = make().fit(View(other, trained, horizon)).predict(panel, [origin], horizon)
    np.testing.assert_array_equal(before, after)


def test_a_forecast_does_not_depend_on_its_company(make):
    panel = load_panel(days=60, gaps=0.1)
    origins = [51 * 24, 52 * 24, 52 * 24 + 5]
    fitted = make().fit(View(panel, 50 * 24, 24))
    together = fitted.predict(panel, origins, 24)
    alone = np.concatenate([fitted.predict(panel, [o], 24) for o in origins])
    np.testing.assert_allclose(together, alone, rtol=1e-6)


@pytest.fixture
def issued():
    """Temperatures of a day are known from 10:00 of the day before on."""
    panel = load_panel(days=60)
    day = np.arange(panel.length) // 24
    known_from = np.repeat(np.maximum(day * 24 - 14, 0)[:, None], len(panel.ids), axis=1).astype(np.int32)
    return replace(panel, known_from=known_from)


def rewritten(panel, origin):
    """The panel with other covariates where those of an origin were not yet known."""
    there = (panel.known_from <= origin)[..., None]
    return replace(panel, covariates=np.where(there, panel.covariates, 1e3 - panel.covariates))


@pytest.mark.parametrize(("horizon", "hour"), [(2, 9), (24, 10), (60, 0)])
def test_a_covariate_not_yet_issued_does_not_reach_a_forecast(make, issued, horizon, hour):
    trained, origin = 50 * 24, 52 * 24 + hour
    fitted = make().fit(View(issued, trained, horizon))
    before = fitted.predict(issued, [origin, origin + 24], horizon)
    after = fitted.predict(rewritten(issued, origin), [origin, origin + 24], horizon)
    np.testing.assert_array_equal(before[0], after[0])


def test_a_covariate_not_yet_issued_does_not_reach_the_fit(make, issued):
    trained, origin, horizon = 50 * 24, 52 * 24, 60
    before = make().fit(View(issued, trained, horizon)).predict(issued, [origin], horizon)
    after = make().fit(View(rewritten(issued, trained), trained, horizon)).predict(issued, [origin], horizon)
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("name", ["ridge", NAME])
def test_a_covariate_that_was_issued_is_used(issued, name):
    origin, horizon = 52 * 24, 60
    fitted = FORECASTERS[name]().fit(View(issued, 50 * 24, horizon))
    assert name != NAME or fitted.trained.linear.share > 0  # so all tests here look at the linear path as well
    before = fitted.predict(issued, [origin], horizon)
    later = fitted.predict(replace(issued, covariates=issued.covariates + 10), [origin], horizon)
    assert (before != later).any()
