"""The network: its decoder part by part, its state, its dropout."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wattcast.nets.heads import PointHead, QuantileHead
from wattcast.nets.network import FARTHEST, Network, mean_of_members
from wattcast.schema import QUANTILES

FEATURES, LOCAL, OUTPUTS, HIDDEN, METERS = 5, 2, 4, 3, 3
KEY = jax.random.key(0)


def network(head=None, *, meters=METERS, **settings):
    sizes, head = (FEATURES, LOCAL, OUTPUTS), head or QuantileHead(QUANTILES)
    made = Network(sizes, head, KEY, meters=meters, hidden=(HIDDEN,), decoder=6, **settings)
    return eqx.tree_at(lambda n: n.meters, made, draw(*made.meters.shape, seed=5))  # they start at zero


def draw(*shape, seed=1):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def arguments(*batch):
    who = jnp.arange(np.prod(batch, dtype=int), dtype=jnp.int32).reshape(batch) % (METERS + 1)
    return draw(*batch, HIDDEN), draw(*batch, FEATURES, seed=2), draw(LOCAL, *batch, OUTPUTS, seed=3), who


def silent(made):
    """The same with all weights zero."""
    zero = jax.tree.map(lambda a: a * 0 if eqx.is_array(a) else a, made)
    return eqx.tree_at(lambda n: n.spread, zero, made.spread)


@eqx.filter_jit
def decode(made, h, x, local, who, **how):
    return made.decode(h, made.encode(x, who), x, local, **how)


@pytest.mark.parametrize("batch", [(3,), (2, 3)])
@pytest.mark.parametrize("head", [QuantileHead(QUANTILES), PointHead(len(QUANTILES))], ids=["quantiles", "point"])
def test_without_weights_it_says_the_base(head, batch):
    h, x, local, who = arguments(*batch)
    raw = decode(silent(network(head)), h, x, local, who, between=False)
    assert raw.shape == (*batch, OUTPUTS, head.params)
    np.testing.assert_array_equal(raw[..., 0], local[0])
    np.testing.assert_array_equal(raw[..., 1:], 0)


@pytest.mark.parametrize("moment", [0, 1])
def test_the_linear_path_reaches_the_medians_of_its_moment(moment):
    h, x, local, who = arguments(3)
    skip = draw(FEATURES, OUTPUTS, seed=4)
    made = eqx.tree_at(lambda n: n.skip, silent(network()), jnp.zeros((2, FEATURES, OUTPUTS)).at[moment].set(skip))
    for between in (False, True):
        raw = decode(made, h, x, local, who, between=between)
        expected = local[0] + (x @ skip if between == bool(moment) else 0.0)
        np.testing.assert_allclose(raw[..., 0], expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(raw[..., 1:], 0)


def test_the_decoder_by_its_formula():
    h, x, local, who = (np.asarray(a) for a in arguments(3))
    made = network()
    said = decode(made, h, x, local, who, between=True)
    gelu = lambda a: np.asarray(jax.nn.gelu(jnp.asarray(a)))  # noqa: E731
    w = {k: np.asarray(v) for k, v in vars(made).items() if eqx.is_array(v)}
    e = gelu(x @ w["embed"] + w["embed_bias"] + w["meters"][who])
    for k in range(OUTPUTS):
        z = gelu(h @ w["from_state"] + e @ w["from_input"] + local[:, :, k].T @ w["from_local"] + w["slot"][k])
        raw = z @ w["out"] + (h @ w["direct"]).reshape(3, OUTPUTS, 3)[:, k] + w["bias"][k]
        raw[:, 0] += local[0, :, k] + x @ w["skip"][1][:, k]
        np.testing.assert_allclose(said[:, k], raw, rtol=1e-4, atol=1e-5)


def test_a_scan_is_its_steps():
    made, x, who = network(), draw(4, 2, FEATURES), jnp.array([[0, METERS]] * 4)
    scan = eqx.filter_jit(lambda x, states: made.stack.scan(made.encode(x, who), states))
    hs, last = scan(x, made.stack.initial_state(2))
    step = eqx.filter_jit(lambda x, states: made.stack.step(made.encode(x, who[0]), states))
    states = made.stack.initial_state(2)
    for now, seen in zip(x, hs, strict=True):
        h, states = step(now, states)
        np.testing.assert_allclose(seen, h, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(last[0].h, states[0].h, rtol=1e-5, atol=1e-6)


def test_each_meter_has_its_own_row_and_one_alone_has_none():
    h, x, local, _ = arguments(1)
    made = network()
    one = [decode(made, h, x, local, jnp.array([k]), between=False) for k in range(METERS + 1)]
    other = eqx.tree_at(lambda n: n.meters, made, made.meters.at[METERS].add(1.0))
    two = [decode(other, h, x, local, jnp.array([k]), between=False) for k in range(METERS + 1)]
    assert [bool((a == b).all()) for a, b in zip(one, two, strict=True)] == [True] * METERS + [False]
    alone = network(meters=1)
    assert alone.meters.shape == (0, HIDDEN)
    said = [decode(alone, h, x, local, jnp.array([k]), between=False) for k in (0, 1)]
    np.testing.assert_array_equal(*said)


def test_meters_start_as_one():
    made = Network((FEATURES, LOCAL, OUTPUTS), QuantileHead(QUANTILES), KEY, meters=METERS, hidden=(HIDDEN,), decoder=6)
    assert made.meters.shape == (METERS + 1, HIDDEN) and not made.meters.any()


def test_dropout_needs_a_key_and_a_share():
    args = arguments(3)
    calm = decode(network(), *args, between=False)
    one, same, other = (decode(network(), *args, between=False, key=jax.random.key(k)) for k in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other) and not np.array_equal(one, calm)
    none = network(dropout=0.0)
    np.testing.assert_array_equal(decode(none, *args, between=False, key=jax.random.key(1)), calm)


def test_every_weight_learns():
    x, (_, _, local, who) = draw(4, 3, FEATURES), arguments(4, 3)

    @eqx.filter_jit
    @eqx.filter_grad
    def slope(made):
        e = made.encode(x, who)
        hs, _ = made.stack.scan(e, made.stack.initial_state(3))
        both = [made.head(made.decode(hs, e, x, local, between=b)) for b in (False, True)]
        return sum(jnp.sum(made.head.loss(q, jnp.ones(q.shape[:-1]))) for q in both)

    for path, leaf in jax.tree_util.tree_leaves_with_path(slope(network())):
        learned = "centre" not in jax.tree_util.keystr(path) and "spread" not in jax.tree_util.keystr(path)
        assert leaf.size == 0 or (np.abs(leaf).max() > 0) == learned, jax.tree_util.keystr(path)


def test_origins_of_both_kinds_are_decoded_together():
    made = eqx.tree_at(lambda n: n.skip, network(), draw(2, FEATURES, OUTPUTS, seed=4))
    h, x, local, who = arguments(2, 3)
    kinds = [decode(made, h[k], x[k], local[:, k], who[k], between=bool(k)) for k in (0, 1)]
    np.testing.assert_allclose(decode(made, h, x, local, who, between=(False, True)), kinds, rtol=1e-5, atol=1e-6)


def test_some_outputs_are_as_they_are_among_all():
    made, some = network(), jnp.asarray([3, 1])
    h, x, local, who = arguments(2, 3)
    few = decode(made.of_outputs(some), h, x, local[..., some], who, between=[False, True])
    every = decode(made, h, x, local, who, between=[False, True])
    np.testing.assert_allclose(few, every[..., some, :], rtol=1e-5, atol=1e-6)


def test_members_say_their_mean():
    members = [network(), eqx.tree_at(lambda n: n.bias, network(), draw(OUTPUTS, 3, seed=7))]
    stacked = jax.tree.map(lambda *a: jnp.stack(a) if eqx.is_array(a[0]) else a[0], *members)
    h, x, local, who = arguments(3)

    def forecast(made, x):
        return made.head(made.decode(h, made.encode(x, who), x, local, between=False))

    mean = eqx.filter_jit(mean_of_members(forecast))(stacked, x)
    np.testing.assert_allclose(mean, (forecast(members[0], x) + forecast(members[1], x)) / 2, rtol=1e-5, atol=1e-6)
    assert (np.diff(mean, axis=-1) >= 0).all()


def test_inputs_are_brought_to_one_size_and_held_where_they_lie_far_out():
    made = eqx.tree_at(lambda n: (n.centre, n.spread), network(), (jnp.full(FEATURES, 2.0), jnp.full(FEATURES, 4.0)))
    x = jnp.asarray([[2.0, 6.0, -2.0, 1e6, -1e6]])
    np.testing.assert_array_equal(made.normal(x), [[0.0, 1.0, -1.0, FARTHEST, -FARTHEST]])
