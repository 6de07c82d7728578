"""Forecasts of a network at many origins: the same as one by one, and as a plain loop over its parts gives."""

from dataclasses import replace
from datetime import datetime, time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import untrained
from panels import load_panel

from wattcast.features.signals import inputs, signals
from wattcast.forecast import history, predict
from wattcast.nets.errors import HALF_LIFE, LARGEST, MOST, OUTSIDE, Learning
from wattcast.nets.linear import linear_features
from wattcast.schema import NotReady, ReadingsError

PANEL = load_panel(days=40, gaps=0.02)
DAY = 24


@pytest.fixture(scope="module")
def days():
    return untrained(PANEL)


@pytest.fixture(scope="module")
def steps():
    return untrained(PANEL, horizon=3, gap=1, cell="lstm", members=2)


def deaf(f):
    """The same forecaster, learning nothing from its errors."""
    return replace(f, learning=Learning())


def by_loop(f, panel, origin):
    """The same forecast with no scan, no batch and no compiled code: advance, advance, ..., decode."""
    lay = f.layout
    cut = replace(panel, y=panel.y[:origin], covariates=panel.covariates[: origin + lay.horizon])
    s, meters = signals(cut, f.scaling, lay, f.settings.country, f.settings.at, f.ids), np.arange(len(panel.ids))
    advances = [t for t in s.advances if t <= origin]
    who, said = jnp.asarray(s.who), []
    for k in range(f.settings.members):
        member = jax.tree.map(lambda a, k=k: a[k] if eqx.is_array(a) else a, f.network)
        step = eqx.filter_jit(lambda x, states, member=member: member.stack.step(member.encode(x, who), states))
        states = member.stack.initial_state(len(meters))
        for t in advances:
            x, _ = inputs(s, lay, np.full(len(meters), t), meters)
            h, states = step(jnp.asarray(x), states)
        x, local = (jnp.asarray(a) for a in inputs(s, lay, np.full(len(meters), origin), meters))
        raw = member.decode(h, member.encode(x, who), x, local, between=bool(advances[-1] != origin))
        said.append(np.asarray(member.head(raw), np.float64))
    q = np.mean(said, axis=0)
    if f.linear.share and advances[-1] == origin:
        features = linear_features(x, local, lay, len(panel.names))
        for m, who in enumerate(s.who):
            median = features[m] @ f.linear.weights[who]
            q[m] += f.linear.share * (median - q[m, :, 5])[:, None]
    ahead = lay.targets[s.phase[origin]]
    if f.linear.share_between and advances[-1] != origin:
        past = s.y[origin - lay.history : origin] / s.level[origin] - 1
        said = past.T @ f.linear.between
        for output, step in enumerate(ahead):
            if lay.gap <= step < lay.horizon:
                q[:, output] += f.linear.share_between * (said[:, step - lay.gap] - q[:, output, 5])[:, None]
    q = (q + 1) * s.level[origin][:, None, None]
    q = np.stack([q[:, list(ahead).index(step)] for step in range(lay.gap, lay.horizon)])
    q = q[..., 5:6] + (q - q[..., 5:6]) * f.calibration
    return np.sort(q, axis=-1) * f.scaling.meter[:, None]


@pytest.mark.parametrize("origin", [30 * DAY, 30 * DAY + 7, 40 * DAY])
def test_whole_days_as_a_plain_loop_says(days, origin):
    np.testing.assert_allclose(predict(deaf(days), PANEL, [origin])[0], by_loop(days, PANEL, origin), rtol=2e-4)


def test_steps_as_a_plain_loop_says(steps):
    panel = load_panel(days=20, gaps=0.02)
    np.testing.assert_allclose(predict(steps, panel, [450])[0], by_loop(steps, panel, 450), rtol=2e-4)


def test_more_than_a_day_as_a_plain_loop_says():
    f = deaf(untrained(PANEL, horizon=42, weekly=False))
    q = predict(f, PANEL, [30 * DAY, 30 * DAY + 7])
    assert q.shape == (2, 42, 2, 11)
    np.testing.assert_allclose(q[1], by_loop(f, PANEL, 30 * DAY + 7), rtol=2e-4)


def test_days_that_begin_at_another_hour_of_a_clock_that_shifts_as_a_plain_loop_says():
    panel = load_panel(days=110, gaps=0.02, zone="Europe/Berlin")  # 27 March is day 83
    f = deaf(untrained(panel, at=time(9), country={"meter1": "DE"}))
    origins = [83 * DAY + 7, 83 * DAY + 9, 100 * DAY + 7, 100 * DAY + 12]
    q = predict(f, panel, origins)
    for k in (1, 2, 3):
        np.testing.assert_allclose(q[k], by_loop(f, panel, origins[k]), rtol=2e-4)
    other = replace(f, linear=replace(f.linear, weights=f.linear.weights + np.float32(0.1)))
    moved = (predict(other, panel, origins) != q).any(axis=(1, 2, 3))
    assert moved.tolist() == [True, False, True, False]  # this linear path speaks at 09:00 local time and only then


def taught_by_loop(f, panel, origin):
    """The forecast with what errors taught, reading by reading, from forecasts that learned nothing."""
    s = signals(panel, f.scaling, f.layout, f.settings.country, f.settings.at, f.ids)
    since, how = panel.index(f.learning.since), f.learning
    advances = [int(t) for t in s.advances if since <= t <= origin]
    raw = predict(deaf(f), panel, [*advances, origin]) / f.scaling.meter[:, None]
    q, slots = raw[-1], (origin - max(t for t in s.advances if t <= origin) + np.arange(f.layout.horizon)) % DAY
    for m in range(len(panel.ids)):
        drift, bands = np.zeros(DAY), np.zeros(2)
        for k, t in enumerate(advances):
            end, outside = min(t + DAY, origin, *advances[k + 1 : k + 2]), np.zeros(2)
            for i in range(min(end - t, f.layout.horizon)):
                if not np.isfinite(panel.y[t + i, m]):
                    continue
                low, middle, high = raw[k, i, m, [1, 5, 9]]
                y, level = panel.y[t + i, m] / f.scaling.meter[m], s.level[t, m]
                off = y - middle - how.gain * drift[i] * level
                outside += np.array([off < (low - middle) * np.exp(bands[0]), off > (high - middle) * np.exp(bands[1])])
                outside -= OUTSIDE
                pull = np.clip((y - middle) / level, -LARGEST, LARGEST) - drift[i]
                drift[i] += (1 - 0.5 ** (1 / HALF_LIFE)) * pull
            bands = np.clip(bands + how.rate * outside / DAY, -MOST, MOST)
        middle, reach = q[:, m, 5], np.exp(np.repeat([bands[0], 0, bands[1]], (5, 1, 5)))
        gain = how.gain if origin in s.advances else how.between
        shift = gain * drift[slots] * s.level[max(t for t in s.advances if t <= origin), m]
        q[:, m] = (middle + shift)[:, None] + (q[:, m] - middle[:, None]) * reach
    return q * f.scaling.meter[:, None]


@pytest.mark.parametrize("horizon", [15, 42])
def test_errors_teach_what_a_plain_loop_says(horizon):
    panel = load_panel(days=110, gaps=0.02, zone="Europe/Berlin")  # 27 March is day 83, of 23 hours
    f = untrained(panel, horizon=horizon)
    f = replace(f, learning=replace(f.learning, since=panel.time(70 * DAY)))
    origins = [69 * DAY, 70 * DAY + 5, 83 * DAY + 22, 95 * DAY + 22, 95 * DAY + 23]
    q = predict(f, panel, origins)
    for k, origin in enumerate(origins):
        np.testing.assert_allclose(q[k], taught_by_loop(f, panel, origin), rtol=1e-5, atol=1e-5)
    silent = predict(deaf(f), panel, origins)
    assert (q != silent).any(axis=(1, 2, 3)).tolist() == [False, False, True, True, True] or horizon == 15
    np.testing.assert_array_equal(q[0], silent[0])  # nothing came since training ended


def test_with_as_little_history_as_it_needs_a_day_has_begun_wherever_midnight_lies():
    for zone in ("UTC", "Asia/Tokyo", "America/Sao_Paulo"):
        panel = load_panel(days=20, zone=zone)
        f = untrained(panel)
        assert np.isfinite(predict(f, panel, [history(f)])).all()


@pytest.mark.parametrize("kind", ["days", "steps"])
def test_many_origins_are_each_alone(kind, request):
    f = request.getfixturevalue(kind)
    origins = [30 * DAY, 31 * DAY + 5, 29 * DAY, 30 * DAY + 23]
    together = predict(f, PANEL, origins)
    assert together.shape == (4, f.settings.horizon - f.settings.gap, 2, 11)
    for k, origin in enumerate(origins):
        np.testing.assert_allclose(together[k : k + 1], predict(f, PANEL, [origin]), rtol=1e-5)


def test_meters_are_each_alone(days):
    alone = replace(PANEL, ids=PANEL.ids[1:], y=PANEL.y[:, 1:], covariates=PANEL.covariates[:, 1:])
    np.testing.assert_allclose(predict(days, alone, [720])[:, :, 0], predict(days, PANEL, [720])[:, :, 1], rtol=1e-5)


def test_readings_since_the_last_advance_are_heard(days):
    other = replace(PANEL, y=PANEL.y.copy())
    other.y[30 * DAY + 3] *= 2
    origins = [30 * DAY, 30 * DAY + 4]
    before, after = predict(days, PANEL, origins), predict(days, other, origins)
    np.testing.assert_array_equal(before[0], after[0])
    assert not np.allclose(before[1], after[1])


def test_what_the_state_holds_from_long_ago_is_heard(days):
    other = replace(PANEL, y=PANEL.y.copy())
    other.y[15 * DAY : 15 * DAY + 6] *= 1.5  # within the state's reach, but in no lag of these origins
    assert not np.array_equal(predict(days, PANEL, [39 * DAY]), predict(days, other, [39 * DAY]))


@pytest.mark.parametrize(("kind", "horizon"), [("days", 10), ("steps", 2)])
def test_a_shorter_horizon_is_its_beginning(kind, horizon, request):
    f = request.getfixturevalue(kind)
    whole, part = (predict(f, PANEL, [720, 725], h) for h in (None, horizon))
    assert part.shape[1] == horizon - f.settings.gap
    np.testing.assert_array_equal(part, whole[:, : part.shape[1]])


@pytest.mark.parametrize(("horizon", "origin"), [(24, 30 * DAY), (24, 30 * DAY + 7), (42, 30 * DAY), (3, 30 * DAY)])
def test_what_comes_at_an_origin_or_later_changes_nothing(horizon, origin):
    """Both paths, the day that resembles and holidays, of which there are five in the month before."""
    panel = replace(PANEL, start=datetime(2024, 12, 15))
    f = untrained(panel, horizon=horizon, weekly=horizon != 42, country="DE-BY")
    y, cov = panel.y.copy(), panel.covariates.copy()
    y[origin:], cov[origin + horizon :] = 1e6, -1e3
    y[origin::3] = np.nan
    before, after = (predict(f, p, [origin, origin - 3]) for p in (panel, replace(panel, y=y, covariates=cov)))
    np.testing.assert_array_equal(before, after)
    y[origin - 1] *= 1.5
    assert not np.array_equal(before[0], predict(f, replace(panel, y=y, covariates=cov), [origin])[0])


def test_an_origin_at_the_end_needs_nothing_after_it(days):
    bare = replace(PANEL, y=PANEL.y[: 30 * DAY], covariates=PANEL.covariates[: 31 * DAY])
    np.testing.assert_allclose(predict(days, bare, [30 * DAY]), predict(days, PANEL, [30 * DAY]), rtol=1e-6)


def nameless(a):
    """The same with the row of meters never seen in the place of the first one: now the two must say the same."""
    return a.at[:, 0].set(a[:, -1]) if a.ndim == 3 and isinstance(a, jax.Array) else np.concatenate([a[-1:], a[1:]])


@pytest.mark.parametrize("kind", ["days", "steps"])
def test_a_meter_it_never_saw(kind, request):
    f = request.getfixturevalue(kind)
    f = replace(f, network=eqx.tree_at(lambda n: n.meters, f.network, nameless(f.network.meters)))
    if f.linear.weights.size:
        f = replace(f, linear=replace(f.linear, weights=nameless(f.linear.weights)))
    known = predict(f, PANEL, [720])
    assert np.isfinite(predict(f, replace(PANEL, ids=("new", "meter1")), [720])).all()
    q = predict(f, replace(PANEL, ids=("new", "meter1"), y=PANEL.y * [1000.0, 1.0]), [720])
    np.testing.assert_allclose(q[:, :, 0], known[:, :, 0] * 1000, rtol=1e-3)
    np.testing.assert_allclose(q[:, :, 1], known[:, :, 1], rtol=1e-5)


@pytest.mark.parametrize("kind", ["days", "steps"])
def test_as_little_history_as_it_needs(kind, request):
    f = request.getfixturevalue(kind)
    assert np.isfinite(predict(f, PANEL, [history(f)])).all()
    with pytest.raises(NotReady, match=f"needs {history(f)} readings before it, meter0 has {history(f) - 1}"):
        predict(f, PANEL, [720, history(f) - 1])


def test_bands_are_as_wide_as_calibration_says(days):
    plain = predict(replace(deaf(days), calibration=np.ones(11)), PANEL, [720])
    wide = predict(replace(deaf(days), calibration=np.full(11, 2.0)), PANEL, [720])
    np.testing.assert_allclose(wide - wide[..., 5:6], 2 * (plain - plain[..., 5:6]), rtol=1e-6, atol=1e-9)
    crossing = predict(replace(deaf(days), calibration=np.array([0.5, 3.0] * 5 + [0.5])), PANEL, [720])
    assert (np.diff(crossing, axis=-1) >= 0).all()


def test_a_horizon_beyond_what_it_was_trained_for(days):
    with pytest.raises(ReadingsError, match="25 steps lies beyond the 24 .* at most 24, or train with --horizon 25"):
        predict(days, PANEL, [720], 25)


@pytest.mark.parametrize("horizon", [0, 1])
def test_a_horizon_that_ends_in_the_gap(steps, horizon):
    with pytest.raises(ReadingsError, match="begin 2 steps ahead"):
        predict(steps, PANEL, [720], horizon)


def test_another_step(days):
    with pytest.raises(ReadingsError, match=r"trained on steps of 1:00:00, these readings come every 0:30:00"):
        predict(days, load_panel(days=40, minutes=30), [1600])


def test_covariates_that_are_missing(days):
    with pytest.raises(ReadingsError, match=r"knows ahead \['temperature'\], the readings bring \[\]"):
        predict(days, load_panel(days=40, temperature=False), [720])


def test_an_origin_after_the_readings(days):
    with pytest.raises(LookupError, match="origin 961 lies outside the grid of 960 steps"):
        predict(days, PANEL, [961])


def test_a_past_that_grows_is_seldom_compiled_anew(days):
    compiled = []

    def hear(event, _seconds, **_):
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(event)

    jax.clear_caches()
    jax.monitoring.register_event_duration_secs_listener(hear)
    try:
        predict(days, PANEL, [30 * DAY])
        assert compiled
        compiled.clear()
        predict(days, PANEL, [31 * DAY])
    finally:
        jax.monitoring.unregister_event_duration_listener(hear)
    assert not compiled
