"""The test and the intervals: against formulas written out, SciPy, and what they promise on seeded series."""

import numpy as np
import pytest
from scipy import stats

from wattcast.evaluate.inference import (
    Spacing,
    diebold_mariano,
    difference,
    long_run_variance,
    skill_interval,
    standard_error,
)


def series(rng, n, memory, mean=0.0):
    """An autoregressive series of unit innovations around `mean`."""
    x = np.empty(n + 50)
    x[0] = rng.normal()
    for t in range(1, n + 50):
        x[t] = memory * x[t - 1] + rng.normal()
    return mean + x[50:]


def test_the_variance_is_newey_and_wests():
    x = series(np.random.default_rng(0), 60, 0.5)
    mean, n, lags = x.mean(), len(x), 4
    total = sum((v - mean) ** 2 for v in x) / n
    for k in range(1, lags + 1):
        cov = sum((x[t] - mean) * (x[t - k] - mean) for t in range(k, n)) / n
        total += 2 * (1 - k / (lags + 1)) * cov
    assert long_run_variance(x, lags) == pytest.approx(total)


def test_without_lags_it_is_a_paired_t_test_but_for_the_degrees_of_freedom(monkeypatch):
    monkeypatch.setattr(Spacing, "lags", lambda self, count: 0)
    d = np.random.default_rng(1).normal(0.3, 1.0, 40)
    ours, theirs = diebold_mariano(d, Spacing()), stats.ttest_1samp(d, 0.0)
    # with h = 1 the correction (n - 1) / n turns the variance over n into that over n - 1
    assert ours == pytest.approx((theirs.statistic, theirs.pvalue))


def test_the_correction_is_harvey_leybourne_and_newbolds():
    d = series(np.random.default_rng(2), 50, 0.4, 0.4)
    spacing = Spacing(overlap=15)
    n, h = 50, 15
    assert spacing.lags(n) == h - 1
    plain = d.mean() / np.sqrt(long_run_variance(d, h - 1) / n)
    expected = plain * np.sqrt((n + 1 - 2 * h + h * (h - 1) / n) / n)
    statistic, p = diebold_mariano(d, spacing)
    assert statistic == pytest.approx(expected)
    assert p == pytest.approx(2 * stats.t.sf(abs(expected), n - 1))


@pytest.mark.parametrize(("count", "memory", "most"), [(28, 0.0, 0.07), (28, 0.4, 0.11), (365, 0.4, 0.065)])
def test_equal_forecasts_are_seldom_called_different(count, memory, most):
    rng = np.random.default_rng(11)
    called = 0
    for _ in range(1000):
        common = rng.gamma(4.0, 1.0, count)  # both find the same days hard
        d = 0.3 * series(rng, count, memory)
        called += difference(common + d / 2 + 5, common - d / 2 + 5, Spacing()).verdict != "no clear difference"
    assert called / 1000 < most  # measured: 0.053, 0.086, 0.044


def test_a_clear_difference_is_found_and_has_a_sign():
    rng = np.random.default_rng(4)
    base = rng.gamma(9.0, 1.0, 56)
    ours = 0.9 * base + rng.normal(0, 0.3, 56)
    found = difference(ours, base, Spacing())
    assert found.verdict == "better" and found.statistic < 0 and 0 < found.low < found.skill < found.high
    assert found.skill == pytest.approx(1 - ours.sum() / base.sum())
    other = difference(base, ours, Spacing())
    assert other.verdict == "worse" and other.high < 0 and other.p == pytest.approx(found.p)


def test_the_interval_of_independent_losses_is_scipys():
    rng = np.random.default_rng(5)
    base = rng.gamma(9.0, 1.0, 200)
    ours = 0.9 * base + rng.normal(0, 0.5, 200)
    low, high = skill_interval(ours, base, Spacing())
    theirs = stats.bootstrap(
        (ours, base), lambda a, b, axis=-1: 1 - a.sum(axis) / b.sum(axis), paired=True, method="percentile", rng=0
    ).confidence_interval
    width = theirs.high - theirs.low
    assert abs(low - theirs.low) < 0.2 * width and abs(high - theirs.high) < 0.2 * width


def test_an_interval_of_lasting_losses_is_wider():
    rng = np.random.default_rng(6)
    lasting = 10 + series(rng, 300, 0.8)
    shuffled = rng.permutation(lasting)
    base = np.full(300, 12.0)
    width = [np.ptp(skill_interval(x, base, Spacing())) for x in (lasting, shuffled)]
    assert width[0] > 1.5 * width[1]


def test_few_origins_say_nothing():
    found = difference(np.ones(7), np.full(7, 2.0), Spacing())
    assert found.verdict == "no clear difference" and found.skill == 0.5 and np.isnan([found.p, found.low]).all()
    assert np.isnan(standard_error(np.ones(7), Spacing()))


def test_losses_without_spread():
    one, two, none = np.ones(20), np.full(20, 2.0), np.zeros(20)
    assert difference(one, two, Spacing()).verdict == "better"
    assert difference(two, one, Spacing()).verdict == "worse"
    assert difference(one, one, Spacing()).verdict == "no clear difference"
    assert difference(none, none, Spacing()).verdict == "no clear difference"
    assert difference(one, none, Spacing()).verdict == "worse"  # a baseline that makes no error at all


def test_lags_and_blocks_are_whole_days_and_no_shorter_than_the_overlap():
    assert Spacing().lags(28) == 7 and Spacing().block(28) == 4 and Spacing().block(365) == 8
    hourly = Spacing(unit=24, overlap=48)
    assert hourly.lags(28 * 24) == 168 and hourly.block(28 * 24) == 96
    assert Spacing(unit=1, overlap=30).lags(56) == 29 and Spacing(unit=1, overlap=30).block(20) == 20


def test_the_standard_error_grows_with_memory():
    rng = np.random.default_rng(7)
    plain = [rng.normal(0, 1, 400) for _ in range(100)]
    assert np.mean([standard_error(x, Spacing()) for x in plain]) == pytest.approx(0.05, rel=0.1)
    true = np.std([series(rng, 200, 0.6).mean() for _ in range(400)])
    some = [series(rng, 200, 0.6) for _ in range(100)]
    said, naive = (np.mean([f(x) for x in some]) for f in (lambda x: standard_error(x, Spacing()), stats.sem))
    assert naive < 0.6 * true < 0.75 * true < said < 1.05 * true  # Bartlett weights leave a little out
