"""What batch and live forecasts have in common beside the network: checks at the door, scales, and the last touch."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wattcast.features.layout import Layout
from wattcast.features.panel import Panel
from wattcast.features.signals import Scaling, scaling
from wattcast.features.view import View
from wattcast.schema import NotReady, ReadingsError


class Trained(Protocol):
    """What training fixed of scales."""

    @property
    def layout(self) -> Layout:
        """Which readings are looked at."""

    @property
    def scaling(self) -> Scaling:
        """Of meters and covariates."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Meters trained on."""


def scale_of(trained: Trained, past: Panel) -> Scaling:
    """The trained scale of meters it knows; of others, from the little that is sure to lie before all origins."""
    known = {meter: trained.scaling.meter[i] for i, meter in enumerate(trained.ids)}
    if all(meter in known for meter in past.ids):
        own = np.array([known[meter] for meter in past.ids])
    else:
        first = scaling(View(past, min(past.y.shape[0], trained.layout.history), 0).panel).meter
        own = np.array([known.get(meter, size) for meter, size in zip(past.ids, first, strict=True)])
    return Scaling(own, trained.scaling.mean, trained.scaling.std, trained.scaling.hinges)


def check_panel(step: timedelta, known: tuple[str, ...], issued: bool, panel: Panel) -> None:
    """Raises ReadingsError where the readings have another step or other covariates than the model.

    `issued` says whether it was trained on covariates with the times from which they were known.
    """
    if panel.step != step:
        raise ReadingsError(f"The model was trained on steps of {step}, these readings come every {panel.step}.")
    if panel.names != known:
        raise ReadingsError(f"The model knows ahead {list(known)}, the readings bring {list(panel.names)}.")
    if issued != (panel.known_from is not None):
        trained, now = ("when they were available", "do not say so")
        if panel.known_from is not None:
            trained, now = ("known ahead at any time", "say when they were available")
        raise ReadingsError(
            f"The model was trained on covariates {trained}, these {now}; read both with the same --available-at."
        )


def check_horizon(lay: Layout, horizon: int) -> None:
    """Raises ReadingsError where the model has no forecast for the horizon."""
    if horizon > lay.horizon:
        raise ReadingsError(
            f"A horizon of {horizon} steps lies beyond the {lay.horizon} the model was trained for; "
            f"ask for at most {lay.horizon}, or train with --horizon {horizon}."
        )
    if horizon <= lay.gap:
        raise ReadingsError(
            f"The model's forecasts begin {lay.gap + 1} steps ahead, a horizon of {horizon} ends before; "
            f"ask for at least {lay.gap + 1}."
        )


def check_history(lay: Layout, panel: Panel, origin: int) -> None:
    """Raises NotReady where an origin has too little history before it."""
    if origin < lay.needed:
        raise NotReady(
            f"The forecast needs {lay.needed} readings before it, {panel.ids[0]} has {origin}; give more history."
        )


def finished(
    q: NDArray[np.float64], lay: Layout, phase: NDArray[np.int32], horizon: int, calibration: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Quantiles in the order of time, their bands as wide as they proved to be.

    Args:
        q: as the network says them `[origin, meter, output, quantile]`.
        lay: whose outputs they are.
        phase: of each origin.
        horizon: steps ahead asked for.
        calibration: factor a quantile.

    Returns:
        `[origin, meter, horizon - gap, quantile]`.
    """
    if lay.stride > 1:
        order = lay.order[phase, lay.gap : horizon]
        q = np.take_along_axis(q, order[:, None, :, None], axis=2)
    else:
        q = q[:, :, : horizon - lay.gap]
    middle = q[..., q.shape[-1] // 2, None]
    return np.sort(middle + (q - middle) * calibration, axis=-1)  # factors may differ enough to cross
