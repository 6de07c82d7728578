"""Backtest -> scores: every model on the same points, the network held against each baseline."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from wattcast.evaluate.backtest import Backtest
from wattcast.evaluate.groups import by
from wattcast.evaluate.inference import Difference, Spacing, difference, standard_error
from wattcast.evaluate.metrics import METRICS, interval, point, skill, wape
from wattcast.evaluate.peaks import PEAK_METRICS, by_day
from wattcast.features.panel import Floats
from wattcast.schema import QUANTILES

#: The network's name among the models.
NETWORK = "wattcast"
#: Central bands whose coverage is reported.
BANDS = (0.8, 0.9)


@dataclass(frozen=True)
class Scores:
    """How well each model forecast the points that all of them forecast.

    Attributes:
        models: by model, by metric (keys of `metrics.METRICS`).
        skill: of the network against each baseline, `mae` and `pinball`; empty without a network.
        points: how many readings were scored.
        zeros: how many of them are 0 and so left out of MAPE.
        left_out: models that are not scored, and why, in a sentence.
        by_meter: WAPE `unique_id, <model> ...` [share].
        by_lead: WAPE `lead, <model> ...`, lead in hours from the origin to the start of the step.
        by_hour: WAPE `hour, <model> ...`, hour of the local day.
        calibration: `level, <model> ...`: share of readings at or below each quantile.
        by_day_type: WAPE `day_type, <model> ...`: working day, Saturday, Sunday, public holiday.
        tests: of the network against each baseline, `mae` and `pinball`: is the difference more than luck.
        peaks: by model, by metric (keys of `peaks.PEAK_METRICS`).
        coverage: by model, `80` and `90`: share of readings in the band, and `80_se`, `90_se`: its standard error.
    """

    models: dict[str, dict[str, float]]
    skill: dict[str, dict[str, float]]
    points: int
    zeros: int
    left_out: dict[str, str]
    by_meter: pl.DataFrame
    by_lead: pl.DataFrame
    by_hour: pl.DataFrame
    calibration: pl.DataFrame
    by_day_type: pl.DataFrame = field(default_factory=pl.DataFrame)
    tests: dict[str, dict[str, Difference]] = field(default_factory=dict)
    peaks: dict[str, dict[str, float]] = field(default_factory=dict)
    coverage: dict[str, dict[str, float]] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """`models`, `skill`, `tests`, `peaks` and `coverage`, None for what is not a finite number."""
        tests = {n: {k: asdict(d) for k, d in t.items()} for n, t in self.tests.items()}
        parts = {"models": self.models, "skill": self.skill, "tests": tests}
        return {k: _plain(v) for k, v in {**parts, "peaks": self.peaks, "coverage": self.coverage}.items()}


def compare(test: Backtest) -> Scores:
    """Scores all models on the points that all of them forecast.

    A model without a single forecast is left out; one that lacks some narrows the points for all.
    """
    left_out = {n: _why(n) for n, q in test.forecasts.items() if not np.isfinite(point(q)).any()}
    kept = {n: q for n, q in test.forecasts.items() if n not in left_out}
    common = np.isfinite(test.y)
    for q in kept.values():
        common &= np.isfinite(point(q))
    y = np.where(common, test.y, np.nan)
    models = {n: {k: f(y, q, test.scale) for k, f in METRICS.items()} for n, q in kept.items()}
    below = {n: [_below(y, q[..., k]) for k in range(len(QUANTILES))] for n, q in kept.items()}
    return Scores(
        models=models,
        skill=_skills(models),
        points=int(common.sum()),
        zeros=int((y == 0).sum()),
        left_out=left_out,
        by_meter=by("meter", test, y, kept, wape),
        by_lead=by("lead", test, y, kept, wape),
        by_hour=by("hour", test, y, kept, wape),
        calibration=pl.DataFrame({"level": QUANTILES, **below}).fill_nan(None),
        by_day_type=by("day_type", test, y, kept, wape),
        tests=_tests(test, y, kept),
        peaks={n: _peaks(test, y, q) for n, q in kept.items()},
        coverage={n: _coverage(test, y, q) for n, q in kept.items()},
    )


def beats(scores: Scores, metric: str = "mae") -> bool:
    """Whether the skill against every baseline by `metric` (`mae` or `pinball`) is positive.

    A positive skill may be luck; `Scores.tests` says whether it is.

    Raises:
        ValueError: the network is not among the scored models.
    """
    if NETWORK not in scores.models:
        raise ValueError(f"There is no model named {NETWORK} among {', '.join(scores.models) or 'no models'}.")
    return all(s[metric] > 0 for s in scores.skill.values())


def _skills(models: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    if NETWORK not in models:
        return {}
    ours = models[NETWORK]
    rest = {n: m for n, m in models.items() if n != NETWORK}
    return {n: {k: skill(ours[k], m[k]) for k in ("mae", "pinball")} for n, m in rest.items()}


def _tests(test: Backtest, y: Floats, forecasts: dict[str, Floats]) -> dict[str, dict[str, Difference]]:
    """The network against each baseline, by losses averaged over the points of each origin."""
    if NETWORK not in forecasts:
        return {}
    count = np.isfinite(y).sum((1, 2))
    scored = np.flatnonzero(count)
    apart = spacing(test)

    def losses(q: Floats, metric: str) -> Floats:
        """Sums over the points of an origin, over the mean number of points, so that origins count as in the mean."""
        means = [METRICS[metric](y[[i]], q[[i]], test.scale) for i in scored]
        return np.asarray(means) * count[scored] / count[scored].mean()

    ours = {k: losses(forecasts[NETWORK], k) for k in ("mae", "pinball")}
    rest = {n: q for n, q in forecasts.items() if n != NETWORK}
    return {n: {k: difference(ours[k], losses(q, k), apart) for k in ours} for n, q in rest.items()}


def spacing(test: Backtest) -> Spacing:
    """How many origins a day has, and over how many the horizon reaches."""
    stride = int(np.median(np.diff(test.origins))) if len(test.origins) > 1 else test.horizon
    a_day = round(timedelta(days=1) / (stride * test.panel.step))
    return Spacing(unit=max(1, a_day), overlap=-(-test.horizon // stride))


def _peaks(test: Backtest, y: Floats, q: Floats) -> dict[str, float]:
    day, hour = test.panel.day, max(1, test.panel.day // 24)
    days = by_day(y, day), by_day(q, day)
    return {k: f(*days, test.limit, hour) for k, f in PEAK_METRICS.items()}


def _coverage(test: Backtest, y: Floats, q: Floats) -> dict[str, float]:
    """Share in each band and its standard error, from the deviations of the origins."""
    known = np.isfinite(y)
    count = known.sum((1, 2))
    out: dict[str, float] = {}
    for band in BANDS:
        low, high = interval(band)
        inside = ((y >= q[..., low]) & (y <= q[..., high])).sum((1, 2))
        share = float(inside.sum() / count.sum()) if count.any() else float("nan")
        off = (inside - share * count)[count > 0] / max(count[count > 0].mean(), 1) if count.any() else np.zeros(0)
        name = f"{100 * band:.0f}"
        out |= {name: share, f"{name}_se": standard_error(off, spacing(test))}
    return out


def _below(y: Floats, quantile: Floats) -> float:
    known = np.isfinite(y)
    return float((y <= quantile)[known].mean()) if known.any() else float("nan")


def _why(name: str) -> str:
    return f"{name} is left out: the readings before the origins are too few for it to forecast from."


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return None if isinstance(value, float) and not np.isfinite(value) else value
