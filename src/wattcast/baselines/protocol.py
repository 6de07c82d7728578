"""What every forecaster offers, a naive rule and the network alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self

from wattcast.features.panel import Floats, Panel
from wattcast.features.view import View


class Forecaster(Protocol):
    """Learns from a view of the past, then forecasts from any origin after it.

    Attributes:
        name: column name of its forecasts.
    """

    @property
    def name(self) -> str:
        """Column name of its forecasts."""
        ...

    def fit(self, view: View) -> Self:
        """Learns from the readings before `view.origin`, for forecasts `view.horizon` steps ahead."""
        ...

    def predict(self, panel: Panel, origins: Sequence[int], horizon: int) -> Floats:
        """Quantile forecasts `[origin, horizon, meter, quantile]` at `schema.QUANTILES`, in the unit of `y`.

        The numbers of an origin depend only on readings before it and on covariates up to its horizon. NaN
        where a meter has no basis for a forecast.
        """
        ...
