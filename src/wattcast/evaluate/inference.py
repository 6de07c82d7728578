"""Is one forecast better than another, or was it luck: Diebold-Mariano test, block bootstrap, standard errors.

All take one number an origin. Neighbouring origins resemble one another (their horizons overlap, the weather lasts), so
the variances count how far they go together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import stdtr

from wattcast.features.panel import Floats

Verdict = Literal["better", "worse", "no clear difference"]

#: Chance of calling two equal forecasts different; the intervals hold 1 - LEVEL.
LEVEL = 0.05
#: Samples of the bootstrap, drawn from a fixed seed, so that the same scores give the same words.
SAMPLES = 2000
#: Origins from which anything is said.
FEWEST = 8


@dataclass(frozen=True)
class Spacing:
    """How far losses of origins go together.

    Attributes:
        unit: origins in a day, at least 1: lags and blocks are whole multiples.
        overlap: origins whose horizons share a step with the first one's, itself included.
    """

    unit: int = 1
    overlap: int = 1

    def lags(self, count: int) -> int:
        """Lags of the variance: the overlap, or 1.3 times the root of the days where that is more.

        So many, as tests with fewer find differences where there are none: Lazarus et al., J. Bus. Econ. Stat. 36
        (2018); for this test Coroneo & Iacone, J. Appl. Econometrics 35 (2020).
        """
        days = math.ceil(1.3 * (count / self.unit) ** 0.5)
        return min(max(self.overlap - 1, days * self.unit), count - 1)

    def block(self, count: int) -> int:
        """Origins in a block of the bootstrap: whole days, growing with the third root of their number."""
        days = math.ceil((count / self.unit) ** (1 / 3))
        return min(max(self.overlap, days * self.unit), count)


@dataclass(frozen=True)
class Difference:
    """The network's loss against a baseline's on the same origins.

    Attributes:
        skill: 1 - loss / loss of the baseline.
        low, high: ends of its 95 % interval from the block bootstrap.
        statistic: of the Diebold-Mariano test; negative where the network's loss is smaller.
        p: of that test, two-sided.
        verdict: "better" or "worse" where test and interval agree on it, else "no clear difference".
    """

    skill: float
    low: float
    high: float
    statistic: float
    p: float
    verdict: Verdict


def difference(ours: Floats, theirs: Floats, spacing: Spacing) -> Difference:
    """Compares losses `[origin]` of two forecasts of the same points, in order of time."""
    base = float(theirs.sum())
    skill = 1.0 - float(ours.sum()) / base if base > 0 else float("nan")
    if len(ours) < FEWEST:
        nan = float("nan")
        return Difference(skill, nan, nan, nan, nan, "no clear difference")
    statistic, p = diebold_mariano(ours - theirs, spacing)
    low, high = skill_interval(ours, theirs, spacing)
    verdict: Verdict = "no clear difference"
    if p < LEVEL and statistic < 0 and not low <= 0:
        verdict = "better"
    elif p < LEVEL and statistic > 0 and not high >= 0:
        verdict = "worse"
    return Difference(skill, low, high, statistic, p, verdict)


def long_run_variance(x: Floats, lags: int) -> float:
    """Variance of the sum of a stationary series `[time]` over its length, autocovariances with Bartlett weights.

    Newey & West, Econometrica 55 (1987).
    """
    z = x - x.mean()
    terms = [(1 - k / (lags + 1)) * float(z[k:] @ z[:-k]) for k in range(1, lags + 1)]
    return (float(z @ z) + 2 * sum(terms)) / len(z)


def diebold_mariano(d: Floats, spacing: Spacing) -> tuple[float, float]:
    """Statistic and two-sided p of the hypothesis that the mean loss differential `[origin]` is zero.

    Diebold & Mariano, J. Bus. Econ. Stat. 13 (1995), with the correction and Student's t of Harvey, Leybourne &
    Newbold, Int. J. Forecasting 13 (1997). The lags stand for their horizon - 1.
    """
    n, lags = len(d), spacing.lags(len(d))
    mean, variance = float(d.mean()), long_run_variance(d, lags)
    if not variance > 1e-24 * float((d * d).mean()):  # no spread: equal throughout, or one better by a constant
        return (0.0, 1.0) if mean == 0 else (math.copysign(math.inf, mean), 0.0)
    h = lags + 1
    correction = (n + 1 - 2 * h + h * (h - 1) / n) / n
    statistic = math.sqrt(correction) * mean / math.sqrt(variance / n)
    return statistic, float(2 * stdtr(n - 1, -abs(statistic)))


def skill_interval(ours: Floats, theirs: Floats, spacing: Spacing) -> tuple[float, float]:
    """95 % interval of 1 - sum of ours / sum of theirs, by resampling blocks of neighbouring origins.

    Circular block bootstrap: Politis & Romano, in Exploring the Limits of Bootstrap (1992); percentiles.
    """
    n, block = len(ours), spacing.block(len(ours))
    starts = np.random.default_rng(0).integers(0, n, (SAMPLES, -(-n // block)))
    sums = []
    for loss in (ours, theirs):
        total = np.concatenate([[0.0], np.cumsum(np.concatenate([loss, loss[:block]]))])
        sums.append((total[starts + block] - total[starts]).sum(1))
    with np.errstate(divide="ignore", invalid="ignore"):
        skills = 1.0 - sums[0] / sums[1]
    skills = skills[np.isfinite(skills)]
    if not len(skills):
        return float("nan"), float("nan")
    low, high = np.quantile(skills, (LEVEL / 2, 1 - LEVEL / 2))
    return float(low), float(high)


def standard_error(x: Floats, spacing: Spacing) -> float:
    """Standard error of the mean of a correlated series `[origin]`; NaN for too few origins."""
    if len(x) < FEWEST:
        return float("nan")
    return math.sqrt(long_run_variance(x, spacing.lags(len(x))) / len(x))
