"""The Python side: fit, predict and backtest on frames of any kind, with answers of the same kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from datetime import time as Time
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from wattcast import forecast
from wattcast.baselines import baselines
from wattcast.baselines.past import slots
from wattcast.check import check
from wattcast.evaluate import Backtest, Scores, compare, daily_origins
from wattcast.evaluate import backtest as rolling
from wattcast.features.panel import Floats, Panel, panel
from wattcast.features.view import View
from wattcast.nets.artifact import load_forecaster, save_forecaster
from wattcast.nets.file import not_whole
from wattcast.nets.forecaster import Forecaster, NetworkSettings
from wattcast.read import like, read_frame
from wattcast.rivals import rivals as find_rivals
from wattcast.runtime.table import NAME, forecast_table
from wattcast.schema import AVAILABLE_AT, DS, ID, QUANTILES, NotReady, Readings, ReadingsError, Y
from wattcast.train import Epoch, TrainSettings, fit

MOST_TAIL = 100  # origins of the validation tail that are scored


@dataclass(frozen=True)
class NetworkForecaster:
    """The network under the call that all forecasters share (`baselines.Forecaster`).

    Attributes:
        network: what is forecast and by which network; its horizon is the view's.
        train: how it learns.
        progress: called after every epoch.
        trained: what `fit` gave.
    """

    name: ClassVar[str] = NAME
    network: NetworkSettings = field(default_factory=NetworkSettings)
    train: TrainSettings = field(default_factory=TrainSettings)
    progress: Callable[[Epoch], None] | None = None
    trained: Forecaster | None = None

    def fit(self, view: View) -> Self:
        """Trains on the readings before the view's origin; one that is trained already goes on from its weights."""
        wanted = self.network.model_copy(update={"horizon": view.horizon, "known": view.panel.names})
        return replace(self, trained=fit(view, wanted, self.train, progress=self.progress, start=self.trained))

    def predict(self, panel: Panel, origins: Sequence[int], horizon: int) -> Floats:
        """Quantile forecasts `[origin, horizon, meter, quantile]`; NaN for origins with too little history."""
        if self.trained is None:
            raise ValueError("The network was asked for a forecast before it was trained.")
        out = np.full((len(origins), horizon, len(panel.ids), len(QUANTILES)), np.nan)
        ready = [i for i, o in enumerate(origins) if o >= forecast.history(self.trained)]
        if ready:
            out[ready] = forecast.predict(self.trained, panel, [origins[i] for i in ready], horizon)
        return out


class Trained(NetworkForecaster):
    """A network that is trained already: a backtest's call to fit it changes nothing."""

    def fit(self, view: View) -> Self:
        """The network as it is."""
        return self


class LoadForecaster:
    """Forecasts the load of the meters in a frame: `LoadForecaster(horizon=48).fit(frame).predict()`.

    Args:
        horizon: steps ahead.
        known: covariate columns known ahead (a weather forecast, a day type).
        country: whose public holidays count (DE, US, AU-VIC).
        seed: all randomness follows from it.
        network: further settings of the network.
        train: further settings of the training.
    """

    def __init__(
        self,
        horizon: int = 48,
        *,
        known: Sequence[str] = (),
        country: str | dict[str, str] | None = None,
        seed: int = 0,
        network: NetworkSettings | None = None,
        train: TrainSettings | None = None,
    ):
        self.horizon = horizon
        self.known = known
        self.country = country
        self.seed = seed
        self.network = network
        self.train = train
        self.forecaster_: Forecaster | None = None
        self._frame: Any = None
        self._names: dict[str, Any] = {"id": ID, "ds": DS, "y": Y}

    def fit(
        self,
        frame: Any,
        *,
        id: str = ID,
        ds: str = DS,
        y: str = Y,
        progress: Callable[[Epoch], None] | None = None,
    ) -> Self:
        """Trains on a long frame.

        Args:
            frame: pandas, Polars or Arrow table, a row a meter and time.
            id: column of meter names; a frame without it holds one meter.
            ds: column of times: the start of each interval.
            y: column of the load.
            progress: called after every epoch.

        Raises:
            ReadingsError: the frame does not hold readings on one step.
            NotReady: it holds too few.
        """
        self._frame, self._names = frame, {"id": id, "ds": ds, "y": y}
        readings = check(read_frame(frame, **self._names))
        network = self.network or NetworkSettings()
        network = network.model_copy(
            update={"horizon": self.horizon, "known": tuple(self.known), "country": self.country}
        )
        train = (self.train or TrainSettings()).model_copy(update={"seed": self.seed})
        trained = fit_readings(readings, network, train, progress=progress)
        self.forecaster_ = replace(trained, about={**trained.about, "columns": self._names})
        return self

    def predict(self, frame: Any = None, *, future: Any = None, horizon: int | None = None) -> Any:
        """Forecasts what follows the last reading.

        Args:
            frame: readings up to the moment of the forecast; None takes those it was trained on.
            future: rows after the last reading with the covariates known ahead.
            horizon: steps ahead, at most the trained ones.

        Returns:
            A frame of the caller's kind: `unique_id, ds, cutoff, wattcast` (the median) and bands
            `wattcast-lo-80, wattcast-hi-80, ...` for 20, 40, 60, 80 and 90 %.

        Raises:
            ValueError: it was not fitted, or there are no readings to forecast from.
            ReadingsError: readings of another step, or covariates that are not known far enough ahead.
        """
        if self.forecaster_ is None:
            raise ValueError("The forecaster is not trained yet; call fit(frame) first.")
        frame = self._frame if frame is None else frame
        if frame is None:
            raise ValueError("A loaded forecaster holds no readings; give predict(frame) those to forecast from.")
        readings = check(read_frame(frame, **self._names))
        if future is not None:
            readings = with_future(readings, read_future(future, self._names, self.forecaster_))
        ahead = self.forecaster_.settings.horizon if horizon is None else horizon
        table = forecast_table(forecast.live(self.forecaster_), readings, ahead)
        return like(frame, table, id=self._names["id"], ds=self._names["ds"], y=self._names["y"])

    def save(self, path: str | Path) -> None:
        """Writes the trained forecaster to one file (safetensors with its settings; no pickle)."""
        if self.forecaster_ is None:
            raise ValueError("The forecaster is not trained yet; call fit(frame) first.")
        save_forecaster(self.forecaster_, path)


def load(path: str | Path) -> LoadForecaster:
    """A forecaster that `save` or `wattcast fit` wrote; it knows the caller's column names that `fit` was given.

    Args:
        path: the file.

    Raises:
        ArtifactError: the file is missing, cut short, of a newer version, or not a wattcast model.
    """
    trained = load_forecaster(path)
    out = LoadForecaster(trained.settings.horizon, known=trained.settings.known, country=trained.settings.country)
    out.forecaster_ = trained
    names = trained.about.get("columns", out._names)
    if not (isinstance(names, dict) and names.keys() == out._names.keys() and {*map(type, names.values())} == {str}):
        raise not_whole(path, ValueError(f"its names of columns are {names!r}"))
    out._names = names
    return out


def fit_readings(readings: Readings, network: NetworkSettings, train: TrainSettings, **how: Any) -> Forecaster:
    """`train.fit` on all checked readings; `how` as there (progress, checkpoint, resume)."""
    grid = panel(readings, network.known)
    past = View(grid, grid.end, min(network.horizon, grid.length - grid.end))
    try:
        trained = fit(past, network, train, score=lambda found: tail_scores(grid, found).json(), **how)
    except NotReady as e:
        meters = grid.ids[0] if len(grid.ids) == 1 else f"{len(grid.ids)} meters"
        raise NotReady(f"{readings.source}, {meters}: {e}") from None
    about = {**trained.about, "available_at": readings.layout.get("available_at")}
    return replace(trained, unit=readings.unit, about=about)


def tail_scores(grid: Panel, found: Forecaster) -> Scores:
    """The network of a search beside the baselines on the validation tail; none of them learned from it.

    The tail chose the network's epoch, so this flatters it a little; `backtest` gives an untouched test.
    """
    split, horizon = grid.index(datetime.fromisoformat(found.about["judged_from"])), found.layout.horizon
    phase = slots(grid, split + 1)[split]
    first = split + (-int(phase)) % found.layout.stride
    moments = range(first, grid.end - horizon + 1, found.layout.stride) or range(split, split + 1)
    origins = list(moments[:: -(-len(moments) // MOST_TAIL)])
    network = Trained(network=found.settings, trained=found)
    country = found.settings.country
    test = rolling(grid, [network, *baselines(country)], horizon=horizon, origins=origins, country=country)
    return compare(test)


def backtest(  # noqa: PLR0913  (every one a question of its own, and named)
    frame: Any,
    *,
    horizon: int = 48,
    origins: int = 28,
    every: timedelta = timedelta(days=1),
    at: Time = Time(0),
    window: timedelta | None = None,
    refit: int | None = None,
    warm: bool = False,
    limit: float | None = None,
    rivals: bool = False,
    network: NetworkSettings | None = None,
    train: TrainSettings | None = None,
    progress: Callable[[str, float], None] | None = None,
    epoch: Callable[[Epoch], None] | None = None,
    **names: Any,
) -> tuple[Backtest, Scores]:
    """Scores the network and its baselines on the last `origins` origins, each from what lay before it.

    Args:
        frame: readings, or a frame of any kind (`names` as `read_frame` has them: id, ds, y).
        horizon: steps ahead.
        origins: how many, the last one's horizon ending with the readings.
        every: time from one origin to the next.
        at: time of day of the origins on the readings' clock.
        window: newest part of the readings that is learned from; None takes all.
        refit: train anew before every so many origins; None trains once, on what lies before the first.
        warm: whether the network goes on from its weights when it is trained anew, in a quarter of the epochs.
        limit: load that counts as a peak; None takes what each meter exceeded 5 % of the time before the first origin.
        rivals: whether the models of the extra `rivals` are scored as well.
        network: covariates known ahead, country, sizes.
        train: how the network learns.
        progress: told (model, share done).
        epoch: told of every epoch.
        **names: the caller's names of `unique_id`, `ds` and `y`, as `id`, `ds`, `y`.

    Returns:
        Forecasts beside what came, and the scores of every model.

    Raises:
        ReadingsError: the frame does not hold readings on one step, or the rivals are not installed.
        NotReady: it holds too few.
    """
    readings = frame if isinstance(frame, Readings) else check(read_frame(frame, **names))
    network = network or NetworkSettings()
    if "at" not in network.model_fields_set:  # the state moves on where forecasts are asked for
        network = network.model_copy(update={"at": at})
    grid = panel(readings, network.known)
    others, left_out = find_rivals(grid, origins, network.country) if rivals else ([], {})
    models = [NetworkForecaster(network, train or TrainSettings(), epoch), *baselines(network.country), *others]
    moments = daily_origins(grid, horizon, origins, every=every, at=at)
    steps = None if window is None else max(1, round(window / grid.step))
    test = rolling(
        grid, models, horizon=horizon, origins=moments, refit=refit, warm=warm, window=steps, limit=limit,
        country=network.country, progress=progress,
    )  # fmt: skip
    scores = compare(test)
    return test, replace(scores, left_out={**left_out, **scores.left_out})


def read_future(future: Any, names: dict[str, Any], trained: Forecaster) -> Readings:
    """Rows of covariates known ahead, as a frame without load has them."""
    wanted = trained.settings.known
    if not wanted:
        raise ReadingsError("The model knows no covariates ahead, so there is nothing to take from `future`.")
    # read_frame wants a load column: the first covariate stands in, and is put back below
    readings = read_frame(future, id=names["id"], ds=names["ds"], y=wanted[0], step=trained.step)
    missing = [c for c in wanted[1:] if c not in readings.covariates]
    if missing:
        raise ReadingsError(f"`future` has no column {missing[0]!r}; the model needs {', '.join(wanted)}.")
    frame = readings.frame.rename({Y: wanted[0]}).with_columns(pl.lit(None, pl.Float64).alias(Y))
    return replace(readings, frame=frame)


def with_future(readings: Readings, future: Readings) -> Readings:
    """Readings with rows of covariates after their end; a meter's own rows come before."""
    if future.step != readings.step:
        raise NotReady(f"`future` comes every {future.step}, the readings every {readings.step}; give the same step.")
    if AVAILABLE_AT in readings.frame.columns and AVAILABLE_AT not in future.frame.columns:  # they are there now
        now = pl.lit(readings.frame.drop_nulls(Y)[DS].max()) + readings.step
        future = replace(future, frame=future.frame.with_columns(now.alias(AVAILABLE_AT)))
    both = pl.concat([readings.frame, future.frame], how="diagonal")
    both = both.unique([ID, DS], keep="first", maintain_order=True).sort(ID, DS)
    return replace(readings, frame=both)
