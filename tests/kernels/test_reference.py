"""Recurrent steps against arithmetic done by hand, scans against steps, gradients against differences."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattcast import kernels
from wattcast.kernels import reference
from wattcast.kernels.reference import ElmanState, GRUState, LSTMState, Weights

#: name -> (gates, step, scan of the layer, state of zeros or other values)
OPS = {
    "elman": (1, reference.elman_step, kernels.elman, lambda h, c: ElmanState(h)),
    "gru": (3, reference.gru_step, kernels.gru, lambda h, c: GRUState(h)),
    "lstm": (4, reference.lstm_step, kernels.lstm, LSTMState),
}


@pytest.fixture(params=OPS)
def op(request):
    return OPS[request.param]


def ln(p):
    """sigmoid(log(p / (1 - p))) = p, so gates can be set to fractions that a pencil can follow."""
    return math.log(p / (1 - p))


def weights(w, u, b, bn=()):
    """Weights of a layer of one input and one unit."""
    return Weights(*(jnp.asarray(a, jnp.float32) for a in ([w], [u], b, bn)))


def one(value):
    return jnp.full((1, 1), value, jnp.float32)


def test_elman_by_hand():
    # x W + h U + b = 2 * 0.5 + 0.5 * -1 + (ln(3) / 2 - 0.5) = ln(3) / 2;
    # tanh(ln(3) / 2) = (3 - 1) / (3 + 1) = 1 / 2
    made = weights([0.5], [-1.0], [math.log(3) / 2 - 0.5])
    after = reference.elman_step(made, one(2.0), ElmanState(one(0.5)))
    assert float(after.h[0, 0]) == pytest.approx(0.5, rel=1e-6)


def test_gru_by_hand():
    # r = sigmoid(ln(1/3)) = 1/4, z = sigmoid(ln(3)) = 3/4, both from x W + h U + b with x = 2, h = 1/2:
    #   r: 2 * 1 + 1/2 * -2 + (ln(1/3) - 1);  z: 2 * -1 + 1/2 * 4 + ln(3)
    # n: x side 2 * 1/2 + (ln(3)/2 - 3/2) = ln(3)/2 - 1/2;  h side 1/2 * 2 + bn 1 = 2, times r = 1/2
    #   n = tanh(ln(3)/2) = 1/2
    # The reset before the product would give r * h U + bn = 1/4 + 1, another n.
    # h' = n + z (h - n) with h = 1/2 = n is 1/2 whatever z is, so once more with n = tanh(ln 3) = 8/10:
    # h' = 0.8 + 3/4 (0.5 - 0.8) = 0.575
    bias = [math.log(1 / 3) - 1, math.log(3), math.log(3) / 2 - 1.5]
    made = weights([1.0, -1.0, 0.5], [-2.0, 4.0, 2.0], bias, [1.0])
    after = reference.gru_step(made, one(2.0), GRUState(one(0.5)))
    assert float(after.h[0, 0]) == pytest.approx(0.5, rel=1e-6)
    made = made._replace(b=made.b.at[2].add(math.log(3) / 2))
    after = reference.gru_step(made, one(2.0), GRUState(one(0.5)))
    assert float(after.h[0, 0]) == pytest.approx(0.575, rel=1e-6)


def test_lstm_by_hand():
    # With x = 1, h = 2: i = 1/4, f = 3/4, g = 1/2, o = 2/3 (each x W + h U + b, W = 1, U = 1/2, so b = target - 2)
    # c' = f c + i g = 3/4 * c + 1/8; c = (ln(2) - 1/8) * 4/3 makes it ln(2), tanh(ln 2) = (4 - 1)/(4 + 1) = 3/5
    # h' = o tanh(c') = 2/3 * 3/5 = 2/5
    bias = [ln(1 / 4) - 2, ln(3 / 4) - 2, math.log(3) / 2 - 2, ln(2 / 3) - 2]
    made = weights([1.0] * 4, [0.5] * 4, bias)
    state = LSTMState(one(2.0), one((math.log(2) - 1 / 8) * 4 / 3))
    after = reference.lstm_step(made, one(1.0), state)
    assert float(after.c[0, 0]) == pytest.approx(math.log(2), rel=1e-6)
    assert float(after.h[0, 0]) == pytest.approx(0.4, rel=1e-6)


@pytest.mark.parametrize("part", ["w", "u", "b"])
@pytest.mark.parametrize("gate", range(3))
def test_gate_order_of_the_gru(part, gate):
    """Far negative r, z, n: reset closed, update open, candidate -1. Far positive likewise."""
    big = 50.0
    for sign in (1, -1):
        made = weights([0.0] * 3, [0.0] * 3, [0.0] * 3, [math.log(3)])
        array = getattr(made, part)
        made = made._replace(**{part: array.at[..., gate].set(sign * big)})
        # others at zero: r = z = 1/2, n = tanh(ln(3)/2) = 1/2; x = h = 1, so h' = 1/2 + 1/2 * 1/2 = 3/4
        n, r, z = 0.5, 0.5, 0.5
        if gate == 0:
            r = 1.0 if sign > 0 else 0.0
            n = math.tanh(r * math.log(3))
        elif gate == 1:
            z = 1.0 if sign > 0 else 0.0
        else:
            n = float(sign)
        after = reference.gru_step(made, one(1.0), GRUState(one(1.0)))
        assert float(after.h[0, 0]) == pytest.approx(n + z * (1 - n), abs=1e-6)


@pytest.mark.parametrize("part", ["w", "u", "b"])
@pytest.mark.parametrize("gate", range(4))
def test_gate_order_of_the_lstm(part, gate):
    big, half = 50.0, [0.0, 0.0, math.log(3) / 2, 0.0]  # i = f = g = o = 1/2
    for sign in (1, -1):
        base = weights([0.0] * 4, [0.0] * 4, half)
        made = base._replace(**{part: getattr(base, part).at[..., gate].set(sign * big)})
        values = [0.5] * 4
        values[gate] = (float(sign) if gate == 2 else 1.0) if sign > 0 else (-1.0 if gate == 2 else 0.0)
        i, f, g, o = values
        after = reference.lstm_step(made, one(1.0), LSTMState(one(1.0), one(1.0)))
        c = f * 1.0 + i * g
        assert float(after.c[0, 0]) == pytest.approx(c, abs=1e-6)
        assert float(after.h[0, 0]) == pytest.approx(o * math.tanh(c), abs=1e-6)


def random_case(gates, sizes, seed, dtype=np.float32):
    time, batch, inputs, hidden = sizes
    rng = np.random.default_rng(seed)

    def draw(*shape):
        return jnp.asarray(rng.normal(0, 0.7, shape), dtype)

    made = Weights(
        draw(inputs, gates * hidden),
        draw(hidden, gates * hidden),
        draw(gates * hidden),
        draw(hidden if gates == 3 else 0),
    )
    return made, draw(time, batch, inputs), draw(batch, hidden), draw(batch, hidden)


@settings(max_examples=5, deadline=None)
@given(
    name=st.sampled_from(sorted(OPS)),
    sizes=st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4)),
    seed=st.integers(0, 9),
)
def test_a_scan_is_its_steps_one_after_another(name, sizes, seed):
    gates, step, layer, state_of = OPS[name]
    made, xs, h, c = random_case(gates, sizes, seed)
    hs, last = layer(made, xs, state_of(h, c))
    state = state_of(h, c)
    for x, seen in zip(xs, hs, strict=True):
        state = step(made, x, state)
        np.testing.assert_allclose(seen, state.h, rtol=1e-5, atol=1e-6)
    for a, b in zip(last, state, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_step_needs_no_batch_axis(op):
    gates, step, _, state_of = op
    made, xs, h, c = random_case(gates, (1, 2, 3, 4), 0)
    whole = step(made, xs[0], state_of(h, c))
    alone = step(made, xs[0, 1], state_of(h[1], c[1]))
    np.testing.assert_allclose(alone.h, whole.h[1], rtol=1e-5, atol=1e-6)


def test_gradients_are_finite_differences(op):
    gates, _, layer, state_of = op
    with jax.enable_x64(True):
        made, xs, h, c = random_case(gates, (4, 2, 2, 3), 1, np.float64)
        aim = jnp.asarray(np.random.default_rng(2).normal(size=(4, 2, 3)))

        @jax.jit
        def loss(args):
            made, xs, h, c = args
            hs, last = layer(made, xs, state_of(h, c))
            return jnp.sum(aim * hs) + sum(jnp.sum(jnp.square(leaf)) for leaf in last)

        args = (made, xs, h, c)
        slopes = jax.grad(loss)(args)
        leaves, tree = jax.tree.flatten(args)
        rng = np.random.default_rng(3)
        for k, (leaf, slope) in enumerate(zip(leaves, jax.tree.leaves(slopes), strict=True)):
            if not leaf.size:
                continue
            way = jnp.asarray(rng.normal(size=leaf.shape))

            def moved(by, k=k, leaf=leaf, way=way):
                return float(loss(jax.tree.unflatten(tree, [*leaves[:k], leaf + by * way, *leaves[k + 1 :]])))

            expected = (moved(1e-5) - moved(-1e-5)) / 2e-5
            assert float(jnp.sum(slope * way)) == pytest.approx(expected, rel=1e-6, abs=1e-8)
