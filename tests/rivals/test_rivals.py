"""Rivals under the contracts of all forecasters; skipped where the extra is not installed."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from panels import load_panel
from test_no_leak import scrambled

from wattcast.features.view import View
from wattcast.rivals import MOST_FITS, RIVALS, LightGBM, MLForecast, rivals
from wattcast.schema import QUANTILES, ReadingsError

MADE = {**RIVALS, LightGBM.name: partial(LightGBM, trees=20), MLForecast.name: partial(MLForecast, trees=20)}


@pytest.fixture(params=MADE, ids=str)
def make(request):
    for module in ("lightgbm", "statsforecast", "mlforecast"):
        pytest.importorskip(module, reason="needs the extra `rivals`")
    return MADE[request.param]


def forecast(make, panel, horizon, trained, origins):
    return make().fit(View(panel, trained, horizon)).predict(panel, origins, horizon)


@pytest.mark.parametrize("horizon", [2, 24, 30])
def test_the_future_does_not_reach_a_forecast(make, horizon):
    panel = load_panel(days=60, gaps=0.02)
    trained, origin = 50 * 24, 52 * 24
    other = scrambled(panel, origin, origin + horizon)
    before, after = (forecast(make, p, horizon, trained, [origin]) for p in (panel, other))
    np.testing.assert_array_equal(before, after)
    assert before.shape == (1, horizon, 2, len(QUANTILES)) and np.isfinite(before).all()
    assert (np.diff(before, axis=-1) >= 0).all()


def test_what_follows_training_does_not_reach_the_fit(make):
    panel = load_panel(days=60)
    trained, origin = 50 * 24, 52 * 24
    other = scrambled(panel, trained, trained + 24)
    before, after = (make().fit(View(p, trained, 24)).predict(panel, [origin], 24) for p in (panel, other))
    np.testing.assert_array_equal(before, after)


def test_a_forecast_does_not_depend_on_its_company(make):
    panel = load_panel(days=60)
    origins = [51 * 24, 52 * 24, 52 * 24 + 5]
    fitted = make().fit(View(panel, 50 * 24, 24))
    together = fitted.predict(panel, origins, 24)
    alone = np.concatenate([fitted.predict(panel, [o], 24) for o in origins])
    np.testing.assert_allclose(together, alone, rtol=1e-6)


def test_a_meter_without_readings_and_a_constant_one(make):
    panel = load_panel(days=60, meters=3)
    y = panel.y.copy()
    y[:, 1], y[:, 2] = np.nan, 7.0
    q = forecast(make, replace(panel, y=y), 24, 50 * 24, [51 * 24])
    assert np.isfinite(q[:, :, 0]).all() and np.isnan(q[:, :, 1]).all()
    np.testing.assert_allclose(q[:, :, 2, 5], 7.0, rtol=0.02)


def test_load_that_was_never_negative_is_not_forecast_so(make):
    panel = load_panel(days=60, meters=1)
    y = np.maximum(panel.y - 1.1 * panel.y.mean(0), 0.0)
    assert (forecast(make, replace(panel, y=y), 24, 50 * 24, [51 * 24]) >= 0).all()


def test_a_short_file_gives_no_error(make):
    panel = load_panel(days=5, meters=1)
    q = forecast(make, panel, 24, 3 * 24, [3 * 24, 4 * 24])
    finite = np.isfinite(q).all(axis=-1)
    assert (finite == np.isfinite(q).any(axis=-1)).all()


def test_asking_before_fitting_is_an_error(make):
    with pytest.raises(ValueError, match="before it was fitted"):
        make().predict(load_panel(days=20), [10 * 24], 24)


def test_daily_steps(make):
    panel = load_panel(days=200, minutes=1440, meters=1)
    assert np.isfinite(forecast(make, panel, 7, 180, [185])).all()


def test_trees_use_weather_known_ahead():
    pytest.importorskip("lightgbm", reason="needs the extra `rivals`")
    panel = load_panel(days=400, meters=1)
    panel.y[:] += 5 * np.maximum(panel.covariates[..., 0] - 18, 0)
    origins = [d * 24 for d in range(340, 398)]
    y = np.stack([panel.y[o : o + 24] for o in origins])
    blind = replace(panel, covariates=panel.covariates[..., :0], names=())
    errors = [
        np.abs(forecast(partial(LightGBM, trees=60), p, 24, 340 * 24, origins)[..., 5] - y).mean()
        for p in (panel, blind)
    ]
    assert errors[0] < 0.8 * errors[1]


def test_what_fits_a_file_is_chosen_and_the_rest_explained(monkeypatch):
    monkeypatch.setattr("wattcast.rivals.find_spec", lambda name: True)
    names = lambda found: [r.name for r in found[0]]  # noqa: E731
    assert names(rivals(load_panel(days=20), 28)) == ["mstl", "auto_ets", "auto_theta", "mlforecast", "lightgbm"]
    quarter = rivals(load_panel(days=20, minutes=15), 28)
    assert names(quarter) == ["mstl", "auto_theta", "mlforecast", "lightgbm"] and "96 steps" in quarter[1]["auto_ets"]
    many = rivals(load_panel(days=20), MOST_FITS // 2 + 1)
    assert names(many) == ["mlforecast", "lightgbm"] and "402 times" in many[1]["mstl"]


def test_one_sentence_says_what_is_missing(monkeypatch):
    monkeypatch.setattr("wattcast.rivals.find_spec", lambda name: None)
    with pytest.raises(ReadingsError, match=r"install them with: pip install 'wattcast\[rivals\]'"):
        rivals(load_panel(days=20), 28)
