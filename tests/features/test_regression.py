import numpy as np
from sklearn.linear_model import QuantileRegressor
from sklearn.linear_model import Ridge as Reference

from wattcast.baselines.rows import time_blocks
from wattcast.features.regression import fit_regression, median_regression, solve


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


def test_fewer_rows_than_features_are_solved_as_well():
    x, y, rng = data(rows=20, features=30)
    x[:, 4], x[:, 5] = 7.0, x[:, 6]  # nothing new
    trust = rng.uniform(0.5, 2.0, 20)
    for penalty in (1e-6, 0.1):
        ours = solve(x, y, trust)
        w = trust / trust.mean()
        z = (x - ours.centre) / ours.width
        theirs = Reference(alpha=penalty * len(x), fit_intercept=False).fit(z, y - ours.offset, sample_weight=w)
        np.testing.assert_allclose(z @ ours.weights(penalty), theirs.predict(z), rtol=1e-5, atol=1e-8)
        np.testing.assert_allclose(ours.weights(penalty), theirs.coef_.T, rtol=1e-4, atol=1e-7)


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


def test_the_line_of_least_absolute_error_is_scikit_learns():
    x, _, rng = data()
    y = x @ [0.1, 0.0, -0.2, 0.05, 0.0, 0.01] + rng.exponential(2.0, 200) * (rng.random(200) < 0.4)
    slopes, constant = median_regression(x, y)
    theirs = QuantileRegressor(quantile=0.5, alpha=0.0).fit(x, y)
    least, ours = (np.abs(y - line).mean() for line in (theirs.predict(x), x @ slopes + constant))
    assert least <= ours < 1.02 * least
    assert np.abs(y - (np.linalg.lstsq(np.c_[x, np.ones(200)], y)[0] @ np.c_[x, np.ones(200)].T)).mean() > 1.1 * least


def test_a_target_and_features_that_never_change_do_no_harm():
    x, y, _ = data()
    x[:, 2] = 5.0
    assert median_regression(x, np.full(200, 3.0))[1] == 3.0
    slopes, constant = median_regression(x, y[:, 0])
    assert np.isfinite(slopes).all() and np.isfinite(constant) and slopes[2] == 0
