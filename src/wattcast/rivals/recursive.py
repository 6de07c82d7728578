"""LightGBM as mlforecast runs it: one model of the next step, fed with its own forecasts, over lags and calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from wattcast.baselines import Country, holidays
from wattcast.baselines.past import carried, filled, never_negative, spread
from wattcast.features.calendar import calendar
from wattcast.features.panel import Floats, Panel
from wattcast.features.view import View
from wattcast.rivals.rows import between, running
from wattcast.schema import DS, ID, QUANTILES, Y

#: Days back whose same slot is a lag; windows that give the bands their width.
DAYS, WINDOWS = (1, 2, 3, 4, 5, 6, 7, 8, 14, 21, 28), 14


@dataclass(frozen=True)
class MLForecast:
    """Recursive gradient-boosted trees of all meters, scaled by meter; bands from its errors on the last windows.

    Attributes:
        country: whose public holidays are features, one for all meters or by meter.
        trees: of the model.
        trained: what it was fitted on.
        fitted: the library's object; None where there was too little to learn from.
        width: quantiles of its errors on the last windows, which it had not seen `[lead, meter, quantile]`.
    """

    name: ClassVar[str] = "mlforecast"
    country: Country = None
    trees: int = 800
    trained: View | None = None
    fitted: Any = None
    width: Floats | None = None

    def fit(self, view: View) -> Self:
        """Fits the model to all meters that were read."""
        day, past = view.panel.day, self._frame(view, view.origin)
        windows = min(WINDOWS, (view.origin - 35 * day) // view.horizon)
        if windows < 2 or past.is_empty():
            return replace(self, trained=view, fitted=None)
        model = self._model(day)
        tested = model.cross_validation(past, n_windows=windows, h=view.horizon, refit=False, static_features=[])
        errors = np.full((windows, view.horizon, len(view.panel.ids)), np.nan)
        tested = tested.sort(ID, "cutoff", DS)
        off = (tested[Y] - tested[self.name]).to_numpy().reshape(-1, windows, view.horizon)
        errors[..., tested[ID].unique(maintain_order=True).to_numpy()] = np.moveaxis(off, 0, -1)
        model.fit(past, static_features=[])
        return replace(self, trained=view, fitted=model, width=spread(errors))

    def _model(self, day: int) -> Any:
        import lightgbm  # noqa: PLC0415
        import mlforecast  # noqa: PLC0415
        from mlforecast.lag_transforms import RollingMean, SeasonalRollingMean  # noqa: PLC0415
        from mlforecast.target_transforms import LocalStandardScaler  # noqa: PLC0415

        trees = lightgbm.LGBMRegressor(
            objective="l1", n_estimators=self.trees, learning_rate=0.05, num_leaves=31, min_child_samples=20,
            colsample_bytree=0.7, subsample=0.7, subsample_freq=1, max_bin=127, random_state=1, n_jobs=1, verbose=-1,
            deterministic=True, force_col_wise=True,
        )  # fmt: skip
        lags = sorted({1, 2, 3, *(k * day for k in DAYS), day + 1, 7 * day + 1})
        means: dict[int, list[Any]] = {
            1: [RollingMean(max(day, 2)), RollingMean(7 * day)],
            7 * day: [SeasonalRollingMean(7 * day, 4)],
        }
        return mlforecast.MLForecast(
            {self.name: trees}, freq=1, lags=lags, lag_transforms=means, target_transforms=[LocalStandardScaler()]
        )

    def predict(self, panel: Panel, origins: Sequence[int], horizon: int) -> Floats:
        """Median and bands `[origin, horizon, meter, quantile]`; NaN for meters that were not read for a month."""
        if self.trained is None:
            raise ValueError(f"The rival {self.name} was asked for a forecast before it was fitted.")
        out = np.full((len(origins), horizon, len(panel.ids), len(QUANTILES)), np.nan)
        if self.fitted is None or self.width is None:
            return out
        least = np.where(never_negative(self.trained.y), 0.0, -np.inf)
        for i, origin in enumerate(origins):
            view = View(panel, origin, horizon)
            rows = self._frame(view, origin + horizon)
            past, ahead = rows.filter(pl.col(DS) < origin), rows.filter(pl.col(DS) >= origin).drop(Y)
            if past.is_empty():
                continue
            said = self.fitted.predict(horizon, new_df=past, X_df=ahead).sort(ID, DS)
            mine = said[ID].unique(maintain_order=True).to_numpy()
            point = said[self.name].to_numpy().reshape(-1, horizon).T
            out[i][:, mine] = np.maximum(point[..., None] + self.width[:horizon, mine], least[mine, None])
        return out

    def _frame(self, view: View, length: int) -> pl.DataFrame:
        """Rows `unique_id, ds, y, features` of the meters whose last month is whole, to `length`; `ds` are steps."""
        p, day = view.panel, view.panel.day
        y = np.full((length, len(p.ids)), np.nan)
        y[: view.origin] = filled(view.y, day)[:length]
        clock = calendar(p.start, p.step, length, zone=p.zone)
        free, known = holidays(p, length, self.country), np.full((length, *p.covariates.shape[1:]), np.nan)
        known[: len(p.covariates)] = p.covariates[:length]
        known = carried(known, day)
        ends = np.arange(1, length + 1)
        warmth = between(running(known), ends - day, ends)
        parts = []
        for m in range(len(p.ids)):
            gaps = np.flatnonzero(~np.isfinite(y[: view.origin, m]))
            first = int(gaps[-1]) + 1 if len(gaps) else 0
            if view.origin - first <= 35 * day:
                continue
            at = np.arange(first, length)
            columns = {ID: np.full(len(at), m), DS: at, Y: np.nan_to_num(y[first:, m])}
            columns |= {"hour": clock.hour[at], "weekday": clock.weekday[at], "year": clock.year_phase[at]}
            columns |= {"free": free[at, m]}
            for k in range(known.shape[2]):
                columns |= {f"x{k}": known[at, m, k], f"x{k}_day": warmth[at, m, k]}
            parts.append(pl.DataFrame(columns))
        return pl.concat(parts) if parts else pl.DataFrame()
