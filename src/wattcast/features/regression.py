"""Ridge regression in closed form, all targets at once, its penalty chosen on blocks of the training rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wattcast.features.panel import Floats, mean

Ints = NDArray[np.int64]

#: Penalties tried, as a share of the variance of a standardised feature.
PENALTIES = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
FOLDS = 5
#: Rounds of a median regression, the least error that counts by its inverse and the penalty, as shares of the usual.
ROUNDS, LEAST_ERROR, FIRM = 8, 0.05, 0.02


@dataclass(frozen=True)
class Regression:
    """A fitted regression; missing features count as their training mean.

    Attributes:
        centre: training mean of each feature.
        width: training standard deviation of each feature; 1 for constant ones.
        weights: `[feature, target]` on standardised features.
        offset: training mean of each target.
        penalty: the chosen one.
        errors: held-out target - prediction of each training row `[row, target]`.
    """

    centre: Floats
    width: Floats
    weights: Floats
    offset: Floats
    penalty: float
    errors: Floats

    def predict(self, x: Floats) -> Floats:
        """Predictions `[row, target]` from features `[row, feature]`."""
        return np.nan_to_num((x - self.centre) / self.width) @ self.weights + self.offset


@dataclass(frozen=True)
class Solved:
    """One training part, diagonalised once, so that each penalty costs a product.

    Attributes:
        centre, width: of each feature `[feature]`.
        offset: mean of each target `[target]`.
        values, vectors: of the rows' products, `[value]` and `[feature, value]`; no more of them than rows.
        projected: of the targets `[value, target]`.
    """

    centre: Floats
    width: Floats
    offset: Floats
    values: Floats
    vectors: Floats
    projected: Floats

    def weights(self, penalty: float) -> Floats:
        """`[feature, target]` on standardised features."""
        return self.vectors @ (self.projected / (self.values + penalty)[:, None])


def fit_regression(x: Floats, y: Floats, block: Ints) -> Regression:
    """Fits on all rows; the penalty is the one with the least absolute error on held-out blocks.

    Args:
        x: features `[row, feature]`, NaN where unknown.
        y: targets `[row, target]`, finite.
        block: which of the `FOLDS` blocks of time a row belongs to; some may be empty.
    """
    held = np.full((len(PENALTIES), *y.shape), np.nan)
    for out, errors in held_out(x, y, block, PENALTIES):
        held[:, out] = errors
    losses = [np.abs(h[np.isfinite(h)]).mean() if np.isfinite(h).any() else 0.0 for h in held]
    best = int(np.argmin(losses))
    whole = solve(x, y)
    weights = whole.weights(PENALTIES[best])
    return Regression(whole.centre, whole.width, weights, whole.offset, PENALTIES[best], held[best])


def held_out(
    x: Floats,
    y: Floats,
    block: Ints,
    penalties: Sequence[float],
    trust: Floats | None = None,
    ease: Floats | float = 1.0,
) -> Iterator[tuple[NDArray[np.bool_], Floats]]:
    """For each block of rows: which rows it holds, and their errors `[penalty, row, target]` by all other blocks.

    Args:
        x: features `[row, feature]`.
        y: targets `[row, target]`.
        block: of each row.
        penalties: to try.
        trust: what each row learned from counts; all the same unless given.
        ease: of each feature, as in `solve`.
    """
    trust = np.ones(len(x)) if trust is None else trust
    for k in np.unique(block):
        out = block == k
        if out.all():
            continue
        part = solve(x[~out], y[~out], trust[~out], ease)
        z = np.nan_to_num((x[out] - part.centre) / part.width) @ part.vectors
        fitted = [(z / (part.values + penalty)) @ part.projected + part.offset for penalty in penalties]
        yield out, y[out] - np.stack(fitted)


def solve(x: Floats, y: Floats, trust: Floats | None = None, ease: Floats | float = 1.0) -> Solved:
    """Standardises rows `[row, feature]` and diagonalises their products; NaN counts as the mean.

    Rows of more `trust` `[row]` count more (weighted least squares). A feature of twice the `ease` `[feature]` pays a
    quarter of the penalty for the same weight: it is standardised to twice the spread.
    """
    w = np.ones((len(x), 1)) if trust is None else (trust / trust.mean())[:, None]
    centre = np.nan_to_num(mean(w * x, 0) / mean(np.where(np.isfinite(x), w, np.nan), 0))
    z = np.nan_to_num(x - centre) * np.sqrt(w)
    width = np.sqrt((z * z).mean(0))
    # A feature that only rounding moves is constant: dividing by its width would blow the rounding up.
    width = np.where(width > 1e-9 * (1.0 + np.abs(centre)), width, 1.0)
    width = width / ease
    z /= width
    offset = (w * y).mean(0)
    if len(z) < z.shape[1]:  # rows by rows: a month ahead has 2,300 features and a year 365 days
        values, rows = np.linalg.eigh(z @ z.T / len(z))
        real = values > 1e-12 * values.max(initial=0.0)
        values = values[real]
        vectors = z.T @ (rows[:, real] / np.sqrt(values * len(z)))
    else:
        values, vectors = np.linalg.eigh(z.T @ z / len(z))
        values = np.maximum(values, 0.0)
    projected = vectors.T @ (z.T @ (np.sqrt(w) * (y - offset)) / len(z))
    return Solved(centre, width, offset, values, vectors, projected)


def median_regression(x: Floats, y: Floats) -> tuple[Floats, float]:
    """Slopes `[feature]` and constant of the line of least absolute error, by reweighted squares.

    Schlossmacher 1973, "An iterative technique for absolute deviations curve fitting", with a light penalty.

    Args:
        x: features `[row, feature]`, finite.
        y: target `[row]`, finite.
    """
    centre, width = x.mean(0), x.std(0)
    width = np.where(width > 1e-9 * (1.0 + np.abs(centre)), width, np.inf)
    z = np.concatenate([(x - centre) / width, np.ones((len(x), 1))], axis=1)
    error = np.abs(y - np.median(y))
    least = LEAST_ERROR * error.mean()
    slopes = np.zeros(z.shape[1])
    for _ in range(ROUNDS if least > 0 else 0):
        weighted = z * (least / np.maximum(error, least))[:, None]
        square = weighted.T @ z
        firm = np.full(len(slopes), FIRM * square[-1, -1])
        firm[-1] = 0.0
        slopes = np.linalg.solve(square + np.diag(firm), weighted.T @ y)
        error = np.abs(y - z @ slopes)
    constant = slopes[-1] if least > 0 else np.median(y)
    slopes = slopes[:-1] / width
    return slopes, float(constant - centre @ slopes)
