"""The linear path between two advances: it finds a rule of lags, moves with the load, and looks at no later reading."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from panels import load_panel

from wattcast.features.layout import layout
from wattcast.features.signals import scaling, signals
from wattcast.nets import between
from wattcast.nets.between import between_medians, fit_between

DAYS, DAY = 90, 12
LAY = layout(day=DAY, horizon=DAY + 3, weekly=True, gap=2)
END = 80 * DAY


def ruled(days=DAYS):
    """Two meters whose reading is the mean of that a day and that five readings before, with a little that is new."""
    rng = np.random.default_rng(0)
    y = rng.normal(0, 1, (days * DAY, 2))
    for t in range(DAY, len(y)):
        y[t] = 0.5 * y[t - DAY] + 0.45 * y[t - 5] + 0.2 * y[t]
    return replace(load_panel(days=days, minutes=120, temperature=False), y=20 + y)


def seen(panel, lay=LAY):
    return signals(panel, scaling(panel), lay, ids=panel.ids)


def said(weights, s, t, lay=LAY):
    """By output, in the unit of `s.y` `[origin, meter, output]`."""
    t, m = np.broadcast_arrays(np.asarray(t)[:, None], np.arange(2))
    return (between_medians(weights, s, lay, t, m) + 1) * s.level[t, m][..., None]


def test_it_finds_a_rule_of_lags_at_any_hour():
    s = seen(ruled())
    weights = fit_between(s, LAY, END, 2)
    assert weights.shape == (LAY.history, LAY.horizon - LAY.gap) and weights.dtype == np.float32
    t = np.arange(END, END + 3 * DAY)
    ahead = LAY.targets[s.phase[t]]
    off = np.abs(said(weights, s, t) - s.y[t[:, None] + ahead].swapaxes(1, 2)).swapaxes(1, 2)
    mean = np.abs(s.y[END:] - s.y[:END].mean(0)).mean()
    assert off[ahead == 3].mean() < 0.75 * mean  # what is new is 0.6 of it
    # what each lead asks of the past, by hand
    k, o = 7, int(np.flatnonzero(ahead[7] == 4)[0])
    past = s.y[t[k] - LAY.history : t[k], 1] / s.level[t[k], 1] - 1
    by_hand = (past @ weights[:, 4 - LAY.gap] + 1) * s.level[t[k], 1]
    assert said(weights, s, t)[k, 1, o] == pytest.approx(by_hand, rel=1e-5)


def test_a_load_that_moves_takes_the_forecast_along():
    s = seen(ruled())
    weights = fit_between(s, LAY, END, 2)
    np.testing.assert_allclose(weights.sum(axis=0), 1.0, rtol=1e-3)


def test_the_same_in_jax():
    s = seen(ruled())
    weights = fit_between(s, LAY, END, 2)
    t, m = np.array([[END], [END + 5]]), np.zeros((2, 1), int)
    compiled = between_medians(jnp.asarray(weights), type(s)(*map(jnp.asarray, s)), LAY, jnp.asarray(t), m, jnp)
    np.testing.assert_allclose(compiled, between_medians(weights, s, LAY, t, m), rtol=1e-4, atol=1e-5)


def test_nothing_after_the_end_is_learned_from():
    panel = ruled()
    later = panel.y.copy()
    later[END:] = 1e6
    one, other = (fit_between(signals(p, scaling(panel), LAY), LAY, END, 2) for p in (panel, replace(panel, y=later)))
    np.testing.assert_array_equal(one, other)
    nearly = panel.y.copy()
    nearly[END - 20 :] *= 3
    assert (fit_between(signals(replace(panel, y=nearly), scaling(panel), LAY), LAY, END, 2) != one).any()


def test_gaps_are_not_learned_from():
    panel = ruled()
    y = panel.y.copy()
    y[: 40 * DAY, 0] = np.nan  # a meter that began later: zeros stand in for what came before
    weights = fit_between(seen(replace(panel, y=y)), LAY, END, 2)
    whole = fit_between(seen(panel), LAY, END, 2)
    np.testing.assert_allclose(weights, whole, atol=0.15)


@pytest.mark.parametrize("change", ["short", "large", "silent"])
def test_too_little_or_too_much_gives_none(change, monkeypatch):
    panel, end = ruled(), END
    if change == "short":
        end = LAY.needed + LAY.horizon + 3
    if change == "large":
        monkeypatch.setattr(between, "LARGEST", 1000)
    if change == "silent":
        panel = replace(panel, y=panel.y * np.nan)
    assert fit_between(signals(panel, scaling(ruled()), LAY), LAY, end, 2).shape == (0, 0)
