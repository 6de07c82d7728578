"""The same targets at the same moments by wattcast's own recipe: every reading before the forecast may be used.

It learns from the training windows alone; the chapter's validation windows stop it; the test windows are only
forecast.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from wattcast.chapter.job import (
    MEAN,
    SIZE,
    TARGET,
    TESTED,
    TRAIN,
    VALIDATED,
    WINDOW,
    Job,
    Result,
    baseline_errors,
    errors,
)
from wattcast.evaluate.metrics import point
from wattcast.features.view import View
from wattcast.forecast import predict
from wattcast.nets.forecaster import NetworkSettings
from wattcast.train import Epoch, TrainSettings, fit


def own_recipe(job: Job, *, seed: int = 0, progress: Callable[[dict[str, Any]], None] | None = None) -> Result:
    """Trains and tests wattcast's network on the chapter's job.

    Args:
        job: the data.
        seed: all randomness follows from it.
        progress: told of every epoch.
    """
    panel, end = job.panel, VALIDATED + TARGET
    validation = (VALIDATED - TRAIN) / end
    epochs: list[dict[str, Any]] = []
    share = float(np.abs(panel.y[: TRAIN + TARGET]).mean() / SIZE) ** 2  # losses are in units of the meter's mean

    def told(e: Epoch) -> None:
        val_loss = None if e.val_loss is None else e.val_loss * share
        epochs.append({"epoch": e.epoch, "loss": e.loss * share, "val_loss": val_loss, "seconds": e.seconds})
        if progress is not None:
            progress(epochs[-1])

    network = NetworkSettings(horizon=TARGET - WINDOW + 1, gap=TARGET - WINDOW, loss="mse")
    train = TrainSettings(epochs=12, steps=50, validation=validation, final=False, seed=seed)
    with ThreadPoolExecutor(1) as beside:
        rules = beside.submit(baseline_errors, job)  # while the epoch is compiled
        trained = fit(View(panel, end, 0), network, train, progress=told)
    kilowatts = point(predict(trained, panel, range(TRAIN + WINDOW, TESTED + WINDOW)))[:, 0, 0]
    seconds = {"train": sum(e["seconds"] for e in epochs)}
    seconds["compile"] = epochs[0]["seconds"] - float(np.median([e["seconds"] for e in epochs[1:]] or [0.0]))
    scores = errors(job, (kilowatts - MEAN) / SIZE)
    return Result(
        val_mse=scores["val_mse"],
        test_mse=scores["test_mse"],
        baselines=rules.result(),
        epochs=epochs,
        seconds=seconds,
        seed=seed,
        as_printed=False,
        predicted=kilowatts[VALIDATED - TRAIN :],
    )
