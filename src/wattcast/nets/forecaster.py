"""A trained network with all that is needed to use it: layout, scaling, settings, what it was trained on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import time, timedelta
from typing import Annotated, Any, Literal

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PRNGKeyArray
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from wattcast.features.layout import Layout
from wattcast.features.signals import Scaling, sizes
from wattcast.nets.errors import Learning
from wattcast.nets.heads import AbstractHead, PointHead, QuantileHead
from wattcast.nets.linear import LinearPath
from wattcast.nets.network import Network
from wattcast.schema import QUANTILES


class NetworkSettings(BaseModel):
    """What is forecast, from what, by which network. None means: by the rule of `with_rules`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    horizon: int = Field(48, ge=1, description="steps ahead")
    gap: int = Field(0, ge=0, description="steps ahead left out before the first forecast one")
    known: tuple[str, ...] = Field((), description="covariate columns known ahead")
    country: str | dict[str, str] | None = Field(
        None,
        description="whose public holidays count: DE, US, AU-VIC, a table by meter, or meter (its name is the code)",
    )
    at: time = Field(time(0), description="local time of day forecasts are best at; the state advances then")
    cell: Literal["elman", "gru", "lstm"] = Field("gru", description="recurrent cell")
    hidden: tuple[Annotated[int, Field(ge=1)], ...] | None = Field(
        None, min_length=1, description="units of each recurrent layer"
    )
    decoder: int | None = Field(None, ge=1, description="width of the decoder")
    dropout: float | None = Field(None, ge=0, lt=1, description="share of state and input units dropped in training")
    members: int | None = Field(None, ge=1, description="networks whose mean is the forecast")
    loss: Literal["pinball", "mse", "mae"] = Field("pinball", description="pinball gives bands, the others a point")


@dataclass(frozen=True)
class Forecaster:
    """What `train.fit` gives and an artifact holds.

    Attributes:
        network: the weights; members stacked along axis 0.
        settings: what was asked for.
        layout: which readings it looks at.
        scaling: of meters and covariates, from the training part.
        linear: the linear path beside the network.
        calibration: factor on the distance of each quantile from the median, from the validation tail.
        learning: from its errors, while it runs.
        ids: meters it was trained on.
        step: length of an interval.
        zone: clock of midnights and weekdays.
        unit: of the readings, where known.
        about: trained from, until, on how much, with which training settings and validation scores.
    """

    network: Network
    settings: NetworkSettings
    layout: Layout
    scaling: Scaling
    linear: LinearPath
    calibration: NDArray[np.float64]
    learning: Learning
    ids: tuple[str, ...]
    step: timedelta
    zone: str = "UTC"
    unit: str | None = None
    about: dict[str, Any] = field(default_factory=dict)


def with_rules(settings: NetworkSettings, lay: Layout, *, rough: bool = False, few: bool = False) -> NetworkSettings:
    """Settings with sizes filled in.

    Short horizons, where the network advances with every reading, want less. So do few days that are rough
    (docs/accuracy.md, "Rough days"): a home or two, without habits, are forecast 2 to 10 % better with 16 units than
    with 128, and what lies between them and thousands of days at most a little worse with 32, the columns of ETTh2 7 %
    better.

    Args:
        settings: what is not None stays.
        lay: what the network looks at.
        rough: whether its days are (nets/coarse.py).
        few: whether they are few, those of all meters together.
    """
    if lay.stride == 1:
        rule = {"hidden": (48,), "decoder": 16, "dropout": 0.2, "members": 1}
    else:
        hidden = 128 if not (rough and few) else 32 if lay.habits else 16
        rule = {"hidden": (hidden,), "decoder": 64 if lay.habits else 32, "dropout": 0.4, "members": 3}
    return settings.model_copy(update={k: v for k, v in rule.items() if getattr(settings, k) is None})


def head_of(settings: NetworkSettings) -> AbstractHead:
    """The head a loss belongs to."""
    if settings.loss == "pinball":
        return QuantileHead(QUANTILES)
    return PointHead(len(QUANTILES), squared=settings.loss == "mse")


def build(settings: NetworkSettings, lay: Layout, meters: int, key: PRNGKeyArray) -> Network:
    """Networks at their start, of the sizes the settings (`with_rules`) and the layout give, stacked along axis 0."""
    hidden, decoder, dropout, members = settings.hidden, settings.decoder, settings.dropout, settings.members
    assert hidden is not None and decoder is not None and dropout is not None and members is not None

    def member(key: PRNGKeyArray) -> Network:
        return Network(
            sizes(lay, len(settings.known)),
            head_of(settings),
            key,
            meters=meters,
            cell=settings.cell,
            hidden=hidden,
            decoder=decoder,
            dropout=dropout,
        )

    return eqx.filter_vmap(member)(jax.random.split(key, members))


def shape_of(settings: NetworkSettings, lay: Layout, meters: int) -> Network:
    """The same without numbers: shapes and types only, for reading an artifact."""
    return eqx.filter_eval_shape(build, settings, lay, meters, jax.random.key(0))
