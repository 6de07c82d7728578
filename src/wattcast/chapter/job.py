"""Data, windows and baselines of the chapter's job, exactly as it states them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wattcast.baselines import baselines
from wattcast.evaluate.metrics import point
from wattcast.features.panel import Panel
from wattcast.features.view import View
from wattcast.schema import ReadingsError

Floats = NDArray[np.float64]

#: Scaling of the chapter: (reading - MEAN) / SIZE; SIZE is the largest reading.
MEAN, SIZE = 145.33, 338.21
#: Windows of 5 readings; the target lies 2 steps after the last of them.
WINDOW, TARGET = 5, 6
#: Windows 0 .. TRAIN - 1 train, up to VALIDATED they validate, up to TESTED they test.
TRAIN, VALIDATED, TESTED = 11_960, 13_000, 14_000
#: Readings the windows reach over.
READINGS = TESTED + TARGET


@dataclass(frozen=True)
class Job:
    """The readings and what is learned from and tested on.

    Attributes:
        load: all readings [kW].
        scaled: the readings the windows reach over, scaled.
        x: windows `[14000, 5]`, scaled.
        y: targets `[14000]`, scaled.
    """

    load: Floats
    scaled: Floats
    x: Floats
    y: Floats

    @property
    def panel(self) -> Panel:
        """The readings as a panel; the file has no times, its first reading is taken for 2011-01-01 00:00."""
        load = self.load[:READINGS, None]
        start = datetime(2011, 1, 1, tzinfo=UTC)
        return Panel(("elec_load",), start, timedelta(minutes=15), "UTC", load, np.zeros((READINGS, 1, 0)), ())


@dataclass(frozen=True)
class Result:
    """What a network did on the job, beside what needs no network.

    Attributes:
        val_mse, test_mse: mean squared error, scaled, on the validation and test windows.
        baselines: the same by baseline.
        epochs: `epoch, loss, val_loss, seconds` of each epoch; losses scaled.
        seconds: `compile` (the first epoch less a usual one) and `train`.
        seed: what the randomness followed from.
        as_printed: whether it is the chapter's own network.
        predicted: of the test windows [kW].
        samples: windows that train, validate, test.
    """

    val_mse: float
    test_mse: float
    baselines: dict[str, dict[str, float]]
    epochs: list[dict[str, Any]]
    seconds: dict[str, float]
    seed: int
    as_printed: bool
    predicted: Floats
    samples: tuple[int, int, int] = field(default=(TRAIN, VALIDATED - TRAIN, TESTED - VALIDATED))

    def json(self) -> dict[str, Any]:
        """The numbers, without the predictions."""
        keys = ("val_mse", "test_mse", "baselines", "epochs", "seconds", "seed", "as_printed")
        return {k: getattr(self, k) for k in keys}


def read_job(path: str | Path) -> Job:
    """The chapter's file: a column `Load` of readings 15 minutes apart, no times.

    Raises:
        ReadingsError: the file is missing, holds something else than numbers, or too few of them.
    """
    path = Path(path)
    try:
        load = pl.read_csv(path, schema_overrides={"Load": pl.Float64})["Load"].to_numpy()
    except FileNotFoundError:
        raise ReadingsError(f"There is no file {path}; give the chapter's elec_load.csv with --data.") from None
    except pl.exceptions.PolarsError as e:
        why = str(e).splitlines()[0]
        raise ReadingsError(
            f"{path} is not the chapter's file: a column Load of numbers is expected ({why})."
        ) from None
    if len(load) < READINGS or not np.isfinite(load[:READINGS]).all():
        raise ReadingsError(f"{path} holds {len(load)} readings; the chapter's windows reach over {READINGS} of them.")
    scaled = (load[:READINGS] - MEAN) / SIZE
    windows = np.lib.stride_tricks.sliding_window_view(scaled, WINDOW)[:TESTED]
    return Job(load, scaled, windows, scaled[TARGET : TARGET + TESTED])


def errors(job: Job, predicted: Floats) -> dict[str, float]:
    """Mean squared error of scaled predictions of windows `TRAIN` .. `TESTED - 1`."""
    square = (predicted - job.y[TRAIN:]) ** 2
    cut = VALIDATED - TRAIN
    return {"val_mse": float(square[:cut].mean()), "test_mse": float(square[cut:].mean())}


def baseline_errors(job: Job) -> dict[str, dict[str, float]]:
    """Every baseline at the same moments, fitted on the training windows' readings; `linear_five` sees five."""
    panel = job.panel
    origins = list(range(TRAIN + WINDOW, TESTED + WINDOW))
    found = {}
    for model in baselines():
        fitted = model.fit(View(panel, TRAIN + TARGET, TARGET - WINDOW + 1))
        kilowatts = point(fitted.predict(panel, origins, TARGET - WINDOW + 1))[:, -1, 0]
        found[model.name] = errors(job, (kilowatts - MEAN) / SIZE)
    x = np.column_stack([job.x, np.ones(TESTED)])
    weights = np.linalg.lstsq(x[:TRAIN], job.y[:TRAIN], rcond=None)[0]
    found["linear_five"] = errors(job, x[TRAIN:] @ weights)
    return found
