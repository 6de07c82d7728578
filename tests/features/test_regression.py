import numpy as np
from sklearn.linear_model import Ridge as Reference

from wattcast.baselines.rows import time_blocks
from wattcast.features.regression import fit_regression, solve


def data(rows=200, features=6, targets=3):
    rng = np.random.default_rng(0)
    x = rng.normal(2.0, 3.0, (rows, features))
    return x, x @ rng.normal(size=(features, targets)) + rng.normal(size=(rows, targets)), rng


def test_the_solution_is_scikit_learns():
    x, y, _ = data()
    ours = fit_regression(x, y, time_blocks(np.arange(len(x)), 5))
    z = (x - x.mean(0)) / x.std(0)
    theirs = Reference(alpha=ours.penalty * len(x)).fit(z, y)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(z), rtol=1e-8)


def test_held_out_errors_come_from_models_that_did_not_see_them():
    x, y, _ = data()
    block = time_blocks(np.arange(len(x)), 5)
    ours = fit_regression(x, y, block)
    out = block == 2
    c, s = x[~out].mean(0), x[~out].std(0)
    theirs = Reference(alpha=ours.penalty * (~out).sum()).fit((x[~out] - c) / s, y[~out])
    np.testing.assert_allclose(ours.errors[out], y[out] - theirs.predict((x[out] - c) / s), rtol=1e-6)


def test_noise_is_shrunk_and_constants_do_no_harm():
    x, _, rng = data(rows=60)
    x[:, 0] = 1e7
    x[3, 1] = np.nan
    ours = fit_regression(x, rng.normal(size=(60, 1)), time_blocks(np.arange(60), 5))
    assert ours.penalty >= 0.3
    assert np.isfinite(ours.predict(x)).all() and np.isfinite(ours.errors).all()


def test_a_row_of_twice_the_trust_counts_as_two():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(30, 4)), rng.normal(size=(30, 2))
    trust = np.where(np.arange(30) < 10, 2.0, 1.0)
    twice = np.r_[:10, :30]
    one, other = solve(x, y, trust), solve(x[twice], y[twice])
    np.testing.assert_allclose(one.weights(0.1) / one.width[:, None], other.weights(0.1) / other.width[:, None])
    np.testing.assert_allclose(one.offset, other.offset)


def test_twice_the_ease_is_a_quarter_of_the_penalty():
    x, y, _ = data()
    eased, plain = (solve(x, y, None, ease) for ease in (2.0, 1.0))
    np.testing.assert_allclose(
        eased.weights(0.4) / eased.width[:, None], plain.weights(0.1) / plain.width[:, None], rtol=1e-8
    )
