"""LightGBM as the field uses it for load: one model a quantile for all steps ahead, rows of day and week lags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np

from wattcast.baselines import Country
from wattcast.baselines.past import Ints, never_negative, slots, take
from wattcast.baselines.rows import scales
from wattcast.features.panel import Floats, Panel
from wattcast.features.view import View
from wattcast.rivals.rows import Design, Rows
from wattcast.schema import QUANTILES

#: Rows that are learned from at most, drawn with a fixed seed; from `MANY` on trees are larger and fewer.
MOST_ROWS, MANY = 200_000, 150_000
LEAST_ROWS = 50


@dataclass(frozen=True)
class LightGBM:
    """Gradient-boosted trees: direct, in units of a meter's level of the last week.

    Horizons from a quarter of a day: origins of one time of day have their own models, made when first asked for.
    Shorter ones: the same models for every time of day. Quantiles are sorted, so they do not cross.

    Attributes:
        country: whose public holidays are features, one for all meters or by meter.
        trees: of each model, if not by rule: 500, or 300 larger ones where rows are many.
    """

    name: ClassVar[str] = "lightgbm"
    country: Country = None
    trees: int | None = None
    trained: View | None = None
    floor: Floats | None = None
    _models: dict[int, list[Any]] = field(default_factory=dict, repr=False, compare=False)

    def fit(self, view: View) -> Self:
        """Fits the models for origins at the time of day at which the training part ends."""
        floor = scales(view.y, view.panel.covariates[: view.origin]).floor
        fitted = replace(self, trained=view, floor=floor, _models={})
        fitted._for(int(slots(view.panel, view.origin + 1)[view.origin]), view.horizon)
        return fitted

    def predict(self, panel: Panel, origins: Sequence[int], horizon: int) -> Floats:
        """Quantile forecasts `[origin, horizon, meter, quantile]`; NaN where a meter has no reading in a week."""
        if self.trained is None or self.floor is None:
            raise ValueError(f"The rival {self.name} was asked for a forecast before it was fitted.")
        out = np.full((len(origins), horizon, len(panel.ids), len(QUANTILES)), np.nan)
        slot_of = slots(panel, max(origins, default=0) + 1)
        least = np.where(never_negative(self.trained.y), 0.0, -np.inf)
        design = Design(View(panel, max(origins, default=0), horizon).panel, horizon, self.floor, self.country)
        for slot in np.unique(slot_of[list(origins)]):
            mine = np.flatnonzero(slot_of[list(origins)] == slot)
            at, models = np.asarray(origins)[mine], self._for(int(slot), horizon)
            for m in range(len(panel.ids)) if models else ():
                rows = design.rows(at, m)
                q = np.sort(np.stack([b.predict(rows) for b in models], -1), -1)
                q = q.reshape(len(at), horizon, len(QUANTILES)) * design.level(at, m)[:, None, None]
                out[mine, :, m] = np.maximum(q, least[m])
        return out

    def _for(self, slot: int, horizon: int) -> list[Any]:
        """A model for each quantile, for origins at this slot of the day; none where there is too little to learn."""
        assert self.trained is not None and self.floor is not None
        key = -1 if 4 * horizon < self.trained.panel.day else slot
        if key not in self._models:
            x, y, w = self._training(key, horizon)
            self._models[key] = [self._boosted(x, y, w, q) for q in QUANTILES] if len(y) >= LEAST_ROWS else []
        return self._models[key]

    def _training(self, slot: int, horizon: int) -> tuple[Rows, Floats, Floats]:
        """Rows, targets in levels and weights of all meters; as many rows of each meter where they are too many."""
        view = self.trained
        assert view is not None and self.floor is not None
        design = Design(View(view.panel, view.origin, view.horizon).panel, horizon, self.floor, self.country)
        origins = _moments(slots(view.panel, view.origin), slot, view.panel.day, view.origin - horizon)
        rng, most = np.random.default_rng(0), max(MOST_ROWS // len(view.panel.ids), 1)
        if len(origins) * horizon > 8 * most:
            origins = np.sort(rng.choice(origins, max(8 * most // horizon, 1), replace=False))
        parts: list[tuple[Rows, Floats, Floats]] = []
        for m in range(len(view.panel.ids)):
            level = design.level(origins, m)
            y = (take(view.y[:, m], origins[:, None] + np.arange(horizon)) / level[:, None]).ravel()
            usual = np.nanmean(level) if np.isfinite(level).any() else 1.0
            w = np.repeat(np.clip(level / usual, 0.2, 3.0), horizon)
            known = np.flatnonzero(np.isfinite(y))
            if len(known) > most:
                known = np.sort(rng.choice(known, most, replace=False))
            parts.append((design.rows(origins, m)[known], y[known], w[known]))
        xs, ys, ws = zip(*parts, strict=True)
        return np.concatenate(xs), np.concatenate(ys), np.concatenate(ws)

    def _boosted(self, x: Rows, y: Floats, w: Floats, quantile: float) -> Any:
        import lightgbm  # noqa: PLC0415  (an extra; slow to import)

        many = len(y) >= MANY
        settings = {
            "objective": "quantile", "alpha": quantile, "learning_rate": 0.05, "num_leaves": 63 if many else 31,
            "min_data_in_leaf": 40 if many else 20, "feature_fraction": 0.6, "bagging_fraction": 0.7,
            "bagging_freq": 1, "lambda_l2": 1.0, "max_bin": 127 if many else 255, "seed": 1, "verbose": -1,
            "deterministic": True, "force_col_wise": True,
        }  # fmt: skip
        names = [k % x.shape[1] for k in Design.categorical]
        data = lightgbm.Dataset(x, y, weight=w, categorical_feature=names, params={"verbose": -1})
        return lightgbm.train(settings, data, self.trees or (300 if many else 500))


def _moments(every: Ints, slot: int, day: int, end: int) -> Ints:
    """Origins to learn from: at one slot of the day, or (-1) at all; from four weeks on where that leaves enough."""
    at = np.arange(max(end + 1, 0)) if slot < 0 else np.flatnonzero(every[: max(end + 1, 0)] == slot)
    for days in (28, 14, 7):
        if (at >= days * day).sum() >= 2 * days:
            return at[at >= days * day]
    return at[at >= day]
