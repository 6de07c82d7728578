"""Forecasts as a table, for callers that have Polars; nothing else of the runtime needs it."""

from __future__ import annotations

import numpy as np
import polars as pl

from wattcast.features.panel import panel
from wattcast.features.view import View
from wattcast.runtime.answer import check_history, check_horizon, check_panel
from wattcast.runtime.live import predict
from wattcast.runtime.model import Model
from wattcast.runtime.start import prime
from wattcast.schema import CUTOFF, DS, ID, QUANTILES, Readings, ReadingsError

NAME = "wattcast"


def forecast_table(model: Model, readings: Readings, horizon: int) -> pl.DataFrame:
    """Forecast of every meter from the end of checked readings: `unique_id, ds, cutoff, wattcast, bands`.

    Raises:
        ReadingsError: another step, or covariates that are not known as far as the horizon.
        NotReady: too little history.
    """
    lay = model.grounds.layout
    if horizon <= lay.gap:
        raise ReadingsError(f"A horizon of {horizon} steps holds nothing to forecast; ask for 1 or more after the gap.")
    grid = panel(readings, model.known)
    origin, gap = grid.end, lay.gap
    check_panel(model.grounds.step, model.known, model.issued, grid)
    check_horizon(lay, horizon)
    check_history(lay, grid, origin)
    ahead = View(grid, origin, horizon).panel.covariates[origin:]
    known = int(np.isfinite(ahead).all(axis=(1, 2)).cumprod().sum())
    # forecasts may reach less far than the horizon: what was not there when training is not needed now
    if grid.names and known < (horizon if grid.known_from is None else 1):
        raise ReadingsError(
            f"The model needs {', '.join(grid.names)} for the {horizon} steps it forecasts, {readings.source} holds "
            f"them for {known} steps after the last reading; add rows with the covariates and no load, or ask for a "
            f"shorter horizon."
        )
    quantiles = predict(model, prime(model, grid, origin), horizon=horizon).quantiles
    times = grid.times(origin + gap, origin + horizon)
    middle = QUANTILES.index(0.5)
    tables = []
    for m, meter in enumerate(grid.ids):
        columns = {ID: [meter] * len(times), DS: times, CUTOFF: [grid.time(origin - 1)] * len(times)}
        table = pl.DataFrame(columns, schema_overrides={CUTOFF: times.dtype})
        bands = [pl.Series(NAME, quantiles[m, :, middle])]
        for k, level in enumerate(QUANTILES[:middle]):
            width = round(100 * (1 - 2 * level))
            bands.append(pl.Series(f"{NAME}-lo-{width}", quantiles[m, :, k]))
            bands.append(pl.Series(f"{NAME}-hi-{width}", quantiles[m, :, -1 - k]))
        tables.append(table.with_columns(bands))
    return pl.concat(tables)
