import numpy as np
import pytest
from panels import load_panel

from wattcast.baselines import Persistence, SeasonalNaiveDay, SeasonalNaiveWeek, SlotMean
from wattcast.features.view import View

MEDIAN = 5


def medians(baseline, panel, origin, horizon):
    fitted = baseline.fit(View(panel, 40 * 24, horizon))
    return fitted.predict(panel, [origin], horizon)[0, :, :, MEDIAN]


@pytest.mark.parametrize("horizon", [3, 24, 200])
def test_the_rules_are_what_their_names_say(horizon):
    panel = load_panel(days=60, meters=1)
    y, o, t = panel.y, 45 * 24 + 5, np.arange(horizon)
    np.testing.assert_array_equal(medians(Persistence(), panel, o, horizon), np.tile(y[o - 1], (horizon, 1)))
    np.testing.assert_array_equal(medians(SeasonalNaiveDay(), panel, o, horizon), y[o - 24 + t % 24])
    np.testing.assert_array_equal(medians(SeasonalNaiveWeek(), panel, o, horizon), y[o - 168 + t % 168])
    weeks = np.mean([y[o - k * 168 + t % 168] for k in (1, 2, 3, 4)], axis=0)
    np.testing.assert_allclose(medians(SlotMean(), panel, o, horizon), weeks)


def test_a_missing_reading_is_taken_from_the_week_before():
    panel = load_panel(days=60, meters=1)
    origin = 45 * 24
    panel.y[origin - 24] = np.nan
    assert medians(SeasonalNaiveDay(), panel, origin, 24)[0] == panel.y[origin - 192]
    panel.y[origin - 168] = np.nan
    assert medians(SeasonalNaiveWeek(), panel, origin, 24)[0] == panel.y[origin - 336]


def test_a_weekly_rule_without_a_week_has_no_forecast():
    panel = load_panel(days=7, meters=1)
    fitted = SeasonalNaiveWeek().fit(View(panel, 6 * 24, 24))
    assert np.isnan(fitted.predict(panel, [6 * 24], 24)).all()


def test_quantiles_are_those_of_past_errors_by_step_of_the_day():
    panel = load_panel(days=100, meters=1)
    q = SeasonalNaiveDay().fit(View(panel, 90 * 24, 24)).predict(panel, [91 * 24], 24)[0, :, 0]
    days = panel.y[: 90 * 24, 0].reshape(90, 24)
    upper = np.quantile(days[1:] - days[:-1], 0.9, axis=0)
    np.testing.assert_allclose(q[:, 9] - q[:, MEDIAN], upper)
