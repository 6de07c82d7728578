"""Backtest -> tables: any metric of every model by meter, lead, hour of the local day or kind of day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import polars as pl

from wattcast.evaluate.backtest import DAY_TYPES, Backtest
from wattcast.evaluate.metrics import Metric
from wattcast.features.panel import Floats
from wattcast.schema import ID

Group = Literal["meter", "lead", "hour", "day_type"]


def by(group: Group, test: Backtest, y: Floats, forecasts: Mapping[str, Floats], metric: Metric) -> pl.DataFrame:
    """One row a group, one column a model; null where nothing was scored.

    Args:
        group: `meter` (column `unique_id`), `lead` (hours from the origin to the start of the step), `hour` (of the
            local day) or `day_type` (`working day`, `Saturday`, `Sunday`, `public holiday`).
        test: whose arrays they are.
        y: readings to score `[origin, lead, meter]`, NaN where not.
        forecasts: by model `[origin, lead, meter, quantile]`.
        metric: one of `metrics.METRICS`.
    """
    name, labels = _labels(group, test)
    columns = {
        model: [_score(group, test, y, q, metric, i, label) for i, label in enumerate(labels)]
        for model, q in forecasts.items()
    }
    return pl.DataFrame({name: labels, **columns}).fill_nan(None)


def _labels(group: Group, test: Backtest) -> tuple[str, list[object]]:
    if group == "meter":
        return ID, list(test.panel.ids)
    if group == "lead":
        hours = test.panel.step.total_seconds() / 3600
        return "lead", [k * hours for k in range(test.horizon)]
    if group == "hour":
        return "hour", np.unique(test.hours).tolist()
    return "day_type", [DAY_TYPES[k] for k in np.unique(test.day_types)]


def _score(group: Group, test: Backtest, y: Floats, q: Floats, metric: Metric, i: int, label: object) -> float:
    if group == "meter":
        return metric(y[..., [i]], q[..., [i], :], test.scale[[i]])
    if group == "lead":
        return metric(y[:, i], q[:, i], test.scale)
    if group == "hour":
        mine = test.hours == label
        return metric(y[mine], q[mine], test.scale)
    here = test.day_types == DAY_TYPES.index(str(label))
    some = here.any(2)
    return metric(np.where(here, y, np.nan)[some], q[some], test.scale)
