"""Views: what lies past the cutoff cannot be asked for."""

from dataclasses import replace

import numpy as np
import pytest
from panels import load_panel

from wattcast.features.view import View

PANEL = load_panel(days=4)


def test_it_ends_at_its_origin():
    view = View(PANEL, 50, 10)
    assert view.y.shape == (50, 2)
    assert view.panel.y.shape == (50, 2)
    assert view.panel.covariates.shape == (60, 2, 1)
    assert view.cutoff == PANEL.time(49)
    np.testing.assert_array_equal(view.y, PANEL.y[:50])


@pytest.mark.parametrize("origin", [-1, 97])
def test_an_origin_off_the_grid(origin):
    with pytest.raises(LookupError, match=f"origin {origin} lies outside the grid of 96 steps"):
        View(PANEL, origin, 1)


def test_origins_at_both_ends():
    assert View(PANEL, 0, 1).y.shape == (0, 2)
    assert View(PANEL, 96, 24).panel.covariates.shape == (96, 2, 1)


def test_a_lag_is_the_reading_so_many_steps_before():
    np.testing.assert_array_equal(View(PANEL, 50, 10).lag(24), PANEL.y[26:36])
    np.testing.assert_array_equal(View(PANEL, 50, 10).lag(10), PANEL.y[40:50])


def test_a_lag_that_would_look_ahead():
    with pytest.raises(LookupError, match="lag 9 of a forecast 10 steps ahead lies after the origin"):
        View(PANEL, 50, 10).lag(9)


@pytest.mark.parametrize("origin", [0, 5, 20, 24])
def test_before_the_start_there_is_none(origin):
    lag = View(PANEL, origin, 10).lag(24)
    expected = np.full((10, 2), np.nan)
    for k in range(10):
        if origin + k - 24 >= 0:
            expected[k] = PANEL.y[origin + k - 24]
    np.testing.assert_array_equal(lag, expected)


def test_covariates_show_from_the_origin_on_at_which_they_were_known():
    known_from = np.tile(np.arange(PANEL.length, dtype=np.int32)[:, None], (1, 2))
    known_from[:, 0] -= 3  # this meter's are known three steps ahead, the other's when they are there
    seen = View(replace(PANEL, known_from=known_from), 50, 10).panel
    np.testing.assert_array_equal(seen.covariates[:54, 0], PANEL.covariates[:54, 0])
    np.testing.assert_array_equal(seen.covariates[:51, 1], PANEL.covariates[:51, 1])
    assert np.isnan(seen.covariates[54:, 0]).all() and np.isnan(seen.covariates[51:, 1]).all()
    np.testing.assert_array_equal(seen.known_from, known_from[:60])
    again = View(seen, 40, 10).panel  # a view of a view, as training makes them
    assert np.isfinite(again.covariates[:, 0, 0]).sum() == 44
