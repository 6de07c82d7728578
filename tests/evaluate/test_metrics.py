"""Every metric against scikit-learn or utilsforecast on random frames."""

import numpy as np
import polars as pl
import pytest
import sklearn.metrics as sk
import utilsforecast.losses as uf

from wattcast.evaluate import metrics
from wattcast.schema import QUANTILES, SCORED_QUANTILES

SHAPE = (9, 24, 3)


@pytest.fixture(params=range(3))
def case(request):
    rng = np.random.default_rng(request.param)
    y = rng.gamma(3.0, 10.0, SHAPE) * [1, 10, 100]
    q = np.sort(y[..., None] + rng.normal(0, 5, (*SHAPE, len(QUANTILES))) * [[1], [10], [100]], axis=-1)
    return y, q, rng.uniform(1, 9, 3)


def frames(y, q):
    """One series a meter; training of 200 steps before, as utilsforecast's mase wants it."""
    steps = y.shape[0] * y.shape[1]
    ids = np.repeat(np.arange(3), steps)
    flat = {"y": np.moveaxis(y, 2, 0).ravel(), "m": np.moveaxis(metrics.point(q), 2, 0).ravel()}
    for k, level in enumerate(QUANTILES):
        flat[f"m-q{level}"] = np.moveaxis(q[..., k], 2, 0).ravel()
    return pl.DataFrame({"unique_id": ids, "ds": np.tile(np.arange(steps), 3), **flat})


def test_point_errors(case):
    y, q, scale = case
    pair = (y.ravel(), metrics.point(q).ravel())
    assert metrics.mse(y, q, scale) == pytest.approx(sk.mean_squared_error(*pair))
    assert metrics.rmse(y, q, scale) == pytest.approx(sk.root_mean_squared_error(*pair))
    assert metrics.mae(y, q, scale) == pytest.approx(sk.mean_absolute_error(*pair))
    assert metrics.mape(y, q, scale) == pytest.approx(sk.mean_absolute_percentage_error(*pair))


def test_wape_is_nd_of_one_long_series(case):
    y, q, scale = case
    one = frames(y, q).with_columns(unique_id=pl.lit(0), ds=pl.int_range(pl.len()))
    assert metrics.wape(y, q, scale) == pytest.approx(uf.nd(one, ["m"])["m"].item())


def test_mase(case):
    y, q, _ = case
    training = np.random.default_rng(5).normal(50, 10, (200, 3))
    train = pl.DataFrame(
        {
            "unique_id": np.repeat(np.arange(3), 200),
            "ds": np.tile(np.arange(-200, 0), 3),
            "y": training.T.ravel(),
        }
    )
    theirs = uf.mase(frames(y, q), ["m"], seasonality=21, train_df=train)["m"].mean()
    assert metrics.mase(y, q, metrics.seasonal_error(training, 3)) == pytest.approx(theirs)


def test_pinball(case):
    y, q, scale = case
    columns = {"m": [f"m-q{level}" for level in SCORED_QUANTILES]}
    theirs = uf.mqloss(frames(y, q), columns, quantiles=np.array(SCORED_QUANTILES))["m"].mean()
    assert metrics.pinball(y, q, scale) == pytest.approx(theirs)
    one = sk.mean_pinball_loss(y.ravel(), q[..., 1].ravel(), alpha=0.1)
    nine = [sk.mean_pinball_loss(y.ravel(), q[..., k].ravel(), alpha=QUANTILES[k]) for k in range(1, 10)]
    assert one == pytest.approx(nine[0]) and metrics.pinball(y, q, scale) == pytest.approx(np.mean(nine))
    assert metrics.pinball_rel(y, q, scale) == pytest.approx(theirs / y.mean())


@pytest.mark.parametrize(("level", "low", "high"), [(0.8, 0.1, 0.9), (0.9, 0.05, 0.95), (0.2, 0.4, 0.6)])
def test_coverage(case, level, low, high):
    y, q, scale = case
    frame = frames(y, q).rename({f"m-q{low}": f"m-lo-{level:.0%}"[:-1], f"m-q{high}": f"m-hi-{level:.0%}"[:-1]})
    theirs = uf.coverage(frame, ["m"], level=round(100 * level))["m"].mean()
    assert metrics.coverage(y, q, level) == pytest.approx(theirs)
    if level == 0.8:
        assert metrics.coverage_80(y, q, scale) == pytest.approx(theirs)


def test_an_interval_that_is_not_there():
    with pytest.raises(ValueError, match="An interval of 0.5 needs the quantiles 0.25 and 0.75"):
        metrics.coverage(np.zeros((1, 1)), np.zeros((1, 1, len(QUANTILES))), 0.5)


@pytest.mark.parametrize("name", metrics.METRICS)
def test_missing_targets_and_forecasts_are_skipped(case, name):
    y, q, scale = case
    metric = metrics.METRICS[name]
    holes = y.copy()
    holes[0] = np.nan
    assert metric(holes, q, scale) == pytest.approx(metric(y[1:], q[1:], scale))
    gone = q.copy()
    gone[0] = np.nan
    assert metric(y, gone, scale) == pytest.approx(metric(y[1:], q[1:], scale))
    assert np.isnan(metric(np.full_like(y, np.nan), q, scale))


def test_mape_leaves_out_zeros_and_mase_constant_meters(case):
    y, q, scale = case
    zero = y.copy()
    zero[0, 0, 0] = 0.0
    expected = np.delete((np.abs(zero - metrics.point(q)) / np.where(zero == 0, 1, zero)).ravel(), 0).mean()
    assert metrics.mape(zero, q, scale) == pytest.approx(expected)
    two = metrics.mase(y[..., 1:], q[..., 1:, :], scale[1:])
    assert metrics.mase(y, q, np.array([0.0, *scale[1:]])) == pytest.approx(two)


def test_skill():
    assert metrics.skill(1.0, 2.0) == 0.5
    assert metrics.skill(3.0, 2.0) == -0.5
    assert np.isnan(metrics.skill(0.0, 0.0))


def test_the_scale_falls_back_to_the_day():
    y = np.arange(30.0)[:, None]
    np.testing.assert_array_equal(metrics.seasonal_error(y, 24), [24.0])
    np.testing.assert_array_equal(metrics.seasonal_error(y, 4), [28.0])
    assert np.isnan(metrics.seasonal_error(y[:3], 24)).all()
