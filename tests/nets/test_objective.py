"""What training minimises: only real readings within the horizon and before the end count; bands are made to hold."""

from dataclasses import replace
from statistics import NormalDist

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import untrained
from panels import load_panel

from wattcast.features.signals import LEAST_LEVEL, Signals, scaling, signals
from wattcast.nets.objective import (
    SHARES,
    Goals,
    blended,
    calibration,
    cautious,
    goals,
    judge,
    losses_of,
    training_loss,
)
from wattcast.schema import QUANTILES

PANEL = load_panel(days=30, gaps=0.05)
END = 600


def made(horizon=24, **settings):
    """A network (one member), signals and layout."""
    f = untrained(PANEL, horizon=horizon, weekly=False, **settings)
    member = jax.tree.map(lambda a: a[0] if eqx.is_array(a) else a, f.network)
    return member, Signals(*map(jnp.asarray, signals(PANEL, scaling(PANEL), f.layout, ids=PANEL.ids))), f.layout


def loss_of(member, s, lay, last):
    """Loss of a batch of two sequences whose last advances are `last` and some days before."""
    t = jnp.asarray(last - np.arange(3)[::-1, None] * lay.stride - np.array([[0, 2 * lay.stride]]))
    m, end, key = jnp.asarray([[0, 1]] * 3), jnp.asarray(END), jax.random.key(0)
    run = jax.jit(lambda s: training_loss(member, s, lay, t, m, end, 1, key)[0])
    return lambda **changed: float(run(s._replace(**changed)))


@pytest.mark.parametrize("horizon", [3, 24])
def test_what_comes_at_the_end_or_later_never_counts(horizon):
    member, s, lay = made(horizon)
    loss = loss_of(member, s, lay, END - lay.stride)
    other = s.y.at[END:].set(77.0)
    assert loss() == loss(y=other) == loss(y=other, seen=s.seen.at[END:].set(1.0)) > 0
    assert loss(y=s.y.at[END - 1].set(77.0)) != loss()  # the last reading before does


def test_a_masked_reading_is_no_goal():
    member, s, lay = made(3)
    loss = loss_of(member, s, lay, END - 1)
    # the last reading before the end is a goal of the last origin and an input of none
    masked = s.seen.at[END - 1].set(0.0)
    assert loss(seen=masked) == loss(seen=masked, y=s.y.at[END - 1].set(77.0))
    assert loss() != loss(y=s.y.at[END - 1].set(77.0))


def test_nothing_to_learn_from_is_no_loss():
    member, s, lay = made(3)
    assert loss_of(member, s, lay, END - 1)(seen=s.seen * 0) == 0.0


@pytest.mark.parametrize(("settings", "power"), [({}, 0), ({"loss": "mae"}, 1), ({"loss": "mse"}, 2)])
def test_goals_by_hand(settings, power):
    member, s, lay = made(3, gap=1, **settings)
    t = jnp.array([500, END - 2])
    goal = goals(member, s, lay, t, jnp.array([0, 1]), jnp.asarray(END))
    level = np.asarray(s.level)[[500, END - 2], [0, 1]]
    y, seen = np.asarray(s.y), np.asarray(s.seen)
    np.testing.assert_allclose(goal.y[0], y[501:503, 0] / level[0] - 1, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(goal.counts[0], seen[501:503, 0])
    np.testing.assert_array_equal(goal.counts[1], [seen[END - 1, 1], 0])  # the second lies at the end
    np.testing.assert_allclose(goal.size[:, 0], level**power, rtol=1e-5)


def test_goals_of_whole_days_end_with_the_horizon():
    member, s, lay = made(30)
    s = s._replace(seen=jnp.ones_like(s.seen))
    goal = goals(member, s, lay, jnp.array([480, 485]), jnp.array([0, 0]), jnp.asarray(END))
    assert goal.counts.shape == (2, 48)
    np.testing.assert_array_equal(goal.counts.sum(axis=1), [30, 30])


def test_of_a_meter_not_heard_yet_nothing_counts():
    member, s, lay = made(24)
    silent = s._replace(level=s.level.at[480, 0].set(LEAST_LEVEL), seen=jnp.ones_like(s.seen))
    goal = goals(member, silent, lay, jnp.array([480, 480]), jnp.array([0, 1]), jnp.asarray(END))
    np.testing.assert_array_equal(goal.counts.sum(axis=1), [0, 24])
    y = np.where(np.arange(PANEL.length)[:, None] < [480, 0], np.nan, PANEL.y)
    later = signals(replace(PANEL, y=y), scaling(PANEL), lay)
    np.testing.assert_array_equal(later.level[480] > LEAST_LEVEL, [False, True])  # as signals have it


def test_one_sequence_in_ten_does_not_say_which_meter_it_is_of():
    member, s, lay = made(24)
    t = jnp.asarray(552 - np.arange(3)[::-1, None] * 24 + np.zeros((1, 64), int))
    m, end, key = jnp.zeros((3, 64), int), jnp.asarray(END), jax.random.key(0)

    @eqx.filter_jit
    @eqx.filter_grad
    def slope(member):
        return training_loss(member, s, lay, t, m, end, 1, key)[0]

    moved = np.abs(np.asarray(slope(member).meters)).max(axis=1)
    assert moved[0] > 0 and moved[2] > 0 and moved[1] == 0  # the meter itself, the nameless row, and no other


@pytest.mark.parametrize(("horizon", "days"), [(7 * 24, 7), (9 * 24 - 3, 7)])
def test_of_many_days_ahead_a_batch_learns_from_a_week_of_them(horizon, days):
    member, s, lay = made(horizon)
    t = jnp.asarray(368 - np.arange(3)[::-1, None] * 24)
    m, end = jnp.zeros((3, 1), int), jnp.asarray(END + 100)

    @eqx.filter_jit
    @eqx.filter_grad
    def slope(member, key):
        return training_loss(member, s, lay, t, m, end, 1, key)[0]

    moved = [np.asarray(slope(member, jax.random.key(k)).bias).any(axis=1).reshape(-1, 24) for k in range(8)]
    learned = [each.any(axis=1) for each in moved]
    assert [int(each.sum()) for each in learned] == [days] * 8
    assert np.any(learned, axis=0).all()  # another week each time
    assert np.concatenate(moved)[:, :20].any(axis=1).sum() == days * 8  # whole days


def quantiles(*shape):
    return jnp.asarray(np.sort(np.random.default_rng(0).normal(size=(*shape, len(QUANTILES)))), jnp.float32)


def test_blended_moves_the_median_and_keeps_the_bands():
    q, medians = quantiles(5, 4), jnp.ones((5, 4))
    np.testing.assert_array_equal(blended(q, medians, 0.0), q)
    np.testing.assert_allclose(blended(q, medians, 1.0)[..., 5], 1.0, rtol=1e-6)
    half = blended(q, medians, 0.5)
    np.testing.assert_allclose(half[..., 5], (q[..., 5] + 1) / 2, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(jnp.diff(half), jnp.diff(q), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("truth", "share"), [(1.0, 1.0), (0.0, 0.0), (0.3, 0.3)])
def test_the_share_of_the_linear_path_is_the_one_that_suits_the_tail_best(truth, share):
    """What came lies `truth` of the way from what the network says to what the linear path says."""
    member, s, lay = made(24)
    t = jnp.arange(480, 577, 24)
    judged, readings, meter = np.asarray(t[2:]), np.asarray(s.y), np.arange(2)[:, None]
    at = judged[:, None, None] + lay.targets[0]
    y, level = readings[at, meter], np.asarray(s.level)[judged][..., None]
    # a network of no weights says its base: the same hour a week or day before
    silent = jax.tree.map(lambda a: a * 0 if eqx.is_array(a) else a, member)
    silent = eqx.tree_at(lambda n: (n.head, n.spread), silent, (member.head, member.spread))
    base = readings[at - lay.day, meter]
    medians = (base + (y - base) / max(truth, 0.1)) / level - 1.0 if truth else y * 0 + 50
    run = jax.jit(lambda linear: judge(stacked(silent), s, lay, t, (2, 1), linear))
    medians = jnp.asarray(medians, jnp.float32)
    found, alone = run(medians), judge(stacked(silent), s, lay, t, (2, 1))
    assert float(found.share) == pytest.approx(share) and float(alone.share) == 0.0
    if truth:
        assert float(found.skill) == pytest.approx(1.0, abs=1e-4) and float(found.loss) < float(alone.loss)
    else:
        assert float(found.loss) == pytest.approx(float(alone.loss), rel=1e-6)


def test_the_cautious_share_is_the_least_that_is_about_as_good():
    member, s, lay = made(24)
    head = stacked(member)
    t, m = jnp.broadcast_to(jnp.arange(360, 600, 24)[:, None], (10, 2)), jnp.broadcast_to(jnp.arange(2), (10, 2))
    goal = goals(member, s, lay, t, m, jnp.asarray(len(s.y)))
    q = jnp.asarray(np.asarray(goal.y)[..., None] + np.linspace(-0.1, 0.5, len(QUANTILES)), jnp.float32)

    def share(linear):
        return SHARES[
            cautious(np.asarray(losses_of(head, goal, q, linear - q[..., 5], jnp.asarray(SHARES)), np.float64))
        ]

    assert share(goal.y - 0.2) == 0.5  # both are off by as much, and all days agree
    assert share(goal.y) == 1.0
    assert share(goal.y + 1.0) == 0.0
    # right on one day in two, and as far off on the others: that is chance, and the least share is none
    by_turns = jnp.where(jnp.arange(10)[:, None, None] % 2 == 0, goal.y, goal.y + 0.39)
    assert share(by_turns) == 0.0


def stacked(member):
    return jax.tree.map(lambda a: a[None] if eqx.is_array(a) else a, member)


def test_a_network_that_says_its_base_has_no_skill_and_its_loss_is_the_bases():
    member, s, lay = made(3)
    silent = jax.tree.map(lambda a: a * 0 if eqx.is_array(a) else a, member)
    silent = eqx.tree_at(lambda n: (n.head, n.spread), silent, (member.head, member.spread))
    t = jnp.arange(500, 620)
    found = jax.jit(lambda: judge(stacked(silent), s, lay, t, (20, 3)))()
    assert float(found.skill) == pytest.approx(0.0, abs=1e-6)
    at = np.arange(520, 620, 3)
    level, base = np.asarray(s.level)[at], np.asarray(s.y)[at - 1]
    errors, weights = [], []
    for k in range(3):
        y, seen = np.asarray(s.y)[at + k], np.asarray(s.seen)[at + k]
        q = np.asarray(member.head(jnp.zeros((1, 3))))[0] + (base / level - 1)[..., None]
        d = (y / level - 1)[..., None] - q
        errors.append(np.maximum(np.array(QUANTILES) * d, (np.array(QUANTILES) - 1) * d).mean(axis=-1) * seen)
        weights.append(seen)
    assert float(found.loss) == pytest.approx(np.sum(errors) / np.sum(weights), rel=1e-4)


def test_skipped_advances_only_fill_the_state():
    member, s, lay = made(3)
    t = jnp.arange(500, 560)
    run = jax.jit(lambda s, t: judge(stacked(member), s, lay, t, (50, 1)).loss)
    assert float(run(s, t)) == float(run(s._replace(seen=s.seen.at[:550].set(0.0)), t))


def sample(scale, count=4000):
    """Quantiles of a normal distribution, and readings that spread `scale` times as much."""
    rng = np.random.default_rng(0)
    middle = rng.normal(size=(count, 1))
    q = middle[..., None] + np.array([NormalDist().inv_cdf(p) for p in QUANTILES])
    y, one = middle + rng.normal(0, scale, (count, 1)), jnp.ones((count, 1))
    return jnp.asarray(q, jnp.float32), Goals(jnp.asarray(y, jnp.float32), one, one)


@pytest.mark.parametrize("scale", [0.7, 1.0, 2.0])
def test_calibrated_bands_hold_what_they_say(scale):
    q, goal = sample(scale)
    factors = np.asarray(calibration(q, goal))
    np.testing.assert_allclose(np.delete(factors, [4, 5, 6]), scale, rtol=0.1)
    q, middle = np.asarray(q), np.asarray(q)[..., 5:6]
    bands = middle + (q - middle) * factors
    below = (np.asarray(goal.y)[..., None] <= bands).mean(axis=(0, 1))
    np.testing.assert_allclose(np.delete(below, 5), np.delete(QUANTILES, 5), atol=0.01)
    assert factors[5] == 1.0


def test_calibration_looks_only_at_what_counts():
    q, goal = sample(1.5)
    half = goal._replace(counts=goal.counts.at[::2].set(0.0))
    other = half._replace(y=half.y.at[::2].set(1e6))
    np.testing.assert_array_equal(calibration(q, half), calibration(q, other))
    np.testing.assert_array_equal(calibration(q, goal._replace(counts=goal.counts * 0)), np.ones(len(QUANTILES)))


@pytest.mark.parametrize(("scale", "limit"), [(1e-3, 0.5), (1e3, 3.0)])
def test_calibration_stays_within_bounds(scale, limit):
    factors = np.asarray(calibration(*sample(scale, 200)))
    np.testing.assert_array_equal(np.delete(factors, 5), limit)


def test_a_point_forecast_is_left_as_it_is():
    _, goal = sample(2.0, 50)
    same = jnp.zeros((50, 1, len(QUANTILES)))
    assert np.isfinite(calibration(same, goal)).all()


def test_lanes_move_on_with_their_state_and_begin_anew_at_the_end():
    from wattcast.kernels.reference import GRUState
    from wattcast.nets.objective import Lanes, moved

    def lanes(start, warmup, value):
        return Lanes(jnp.asarray(start), jnp.asarray([7, 8]), jnp.full(2, warmup), (GRUState(jnp.full((2, 3), value)),))

    after = moved(
        lanes([0, 85], 4, 1.0), (GRUState(jnp.full((2, 3), 5.0)),), 10, jnp.asarray(100), lanes([2, 3], 4, 0.0)
    )
    assert after.start.tolist() == [10, 3] and after.warmup.tolist() == [0, 4]
    assert after.states[0].h[:, 0].tolist() == [5.0, 0.0]
