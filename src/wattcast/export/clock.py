"""The local calendar that the graphs are given: what hangs on clocks and public holidays, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattcast.features.calendar import advances, holidays_by_country
from wattcast.features.calendar import calendar as calendar_of
from wattcast.features.signals import phase_of
from wattcast.nets.errors import Learning


def calendar(
    about: Mapping[str, Any], first: datetime, readings: int, ids: Sequence[str] | None = None
) -> dict[str, NDArray[Any]]:
    """The inputs `calendar` and `holiday` of the graphs for readings one after another.

    For a run of readings, `prime` takes it as it is; `step` takes, for reading k of them (0 first), the rows from k
    on, as many as it looks at: `about["calendar"]["before"] + about["calendar"]["after"]`.

    Args:
        about: what `model.json` says.
        first: start of the interval of the first reading [UTC].
        readings: how many.
        ids: meters of the batch, whose countries may differ; None: those the model was trained on.

    Returns:
        `calendar` `[row, 4 or 5]` int32: second of the local day, weekday (0 Monday), day of the year (0 first) and
        phase: steps since the local day began at the model's hour (`about["at"]`), at most a day's less one; 0
        throughout where the state moves with every reading. Of a model that learns from its errors also whether the
        step begins at `about["since"]` or later. Row r stands for the step r + 1 - before after `first`. And `holiday`
        `[row, 1 or meter]` bool, where the model knows a country.

    Raises:
        ReadingsError: a country without a calendar.
    """
    step, stride = timedelta(seconds=about["step_seconds"]), about["stride"]
    before, after = about["calendar"]["before"], about["calendar"]["after"]
    settles = 2 * stride  # days in which the beginning of a day is found
    start, length = first + (1 - before - settles) * step, readings - 1 + before + after + settles
    cal, at = calendar_of(start, step, length, zone=about["zone"]), time.fromisoformat(about["at"])
    phase = np.zeros(length, np.int32)
    if stride > 1:
        moves = advances(cal.hour, at.hour + at.minute / 60).astype(np.int32)
        phase = phase_of(moves, length - 1, stride)
    second = np.rint(cal.hour.astype(np.float64) * 3600)
    yearday = np.rint(cal.year_phase.astype(np.float64) * 365.25)
    columns = [second, cal.weekday, yearday, phase]
    if about["since"] is not None:
        learning = Learning(since=datetime.fromisoformat(about["since"]))
        columns.append(np.arange(length) >= learning.first(start, step))
    whole = np.stack(columns, axis=-1).astype(np.int32)
    found: dict[str, NDArray[Any]] = {"calendar": whole[settles:]}
    if about["country"] is not None:
        meters = about["ids"] if ids is None else ids
        flags, column = holidays_by_country(
            start, step, length, zone=about["zone"], ids=meters, country=about["country"]
        )
        flags = flags if flags.shape[1] == 1 else flags[:, column]
        found["holiday"] = flags[settles:] > 0
    return found
