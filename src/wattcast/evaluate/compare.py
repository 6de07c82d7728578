"""Backtest -> scores: every model on the same points, the network held against each baseline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wattcast.evaluate.backtest import Backtest
from wattcast.evaluate.metrics import METRICS, point, skill, wape
from wattcast.features.panel import Floats
from wattcast.schema import ID, QUANTILES

#: The network's name among the models.
NETWORK = "wattcast"


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

    def json(self) -> dict[str, dict[str, dict[str, float | None]]]:
        """`models` and `skill`, None for what is not a number."""
        return {"models": _plain(self.models), "skill": _plain(self.skill)}


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
    lead = np.arange(test.horizon) * (test.panel.step.total_seconds() / 3600)
    hours = test.hours
    return Scores(
        models=models,
        skill=_skills(models),
        points=int(common.sum()),
        zeros=int((y == 0).sum()),
        left_out=left_out,
        by_meter=_by(ID, test.panel.ids, kept, lambda q, i: wape(y[..., [i]], q[..., [i], :], test.scale[[i]])),
        by_lead=_by("lead", lead, kept, lambda q, i: wape(y[:, i], q[:, i], test.scale)),
        by_hour=_by(
            "hour",
            np.unique(hours),
            kept,
            lambda q, i: _wape_where(y, q, hours == np.unique(hours)[i]),
        ),
        calibration=_by("level", QUANTILES, kept, lambda q, i: _below(y, q[..., i])),
    )


def beats(scores: Scores, metric: str = "mae") -> bool:
    """Whether the network is better than every baseline by `metric` (`mae` or `pinball`).

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


def _by(
    name: str,
    labels: tuple[object, ...] | NDArray[np.generic],
    models: dict[str, Floats],
    score: Callable[[Floats, int], float],
) -> pl.DataFrame:
    """One row a label, one column a model; null where nothing was scored."""
    columns = {m: [score(q, i) for i in range(len(labels))] for m, q in models.items()}
    return pl.DataFrame({name: labels, **columns}).fill_nan(None)


def _wape_where(y: Floats, q: Floats, mask: NDArray[np.bool_]) -> float:
    return wape(y[mask], q[mask], np.ones(y.shape[-1]))


def _below(y: Floats, quantile: Floats) -> float:
    known = np.isfinite(y)
    return float((y <= quantile)[known].mean()) if known.any() else float("nan")


def _why(name: str) -> str:
    return f"{name} is left out: the readings before the origins are too few for it to forecast from."


def _plain(scores: dict[str, dict[str, float]]) -> dict[str, dict[str, float | None]]:
    return {n: {k: v if np.isfinite(v) else None for k, v in s.items()} for n, s in scores.items()}
