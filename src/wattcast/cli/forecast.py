"""`wattcast forecast`: a model and readings to what comes next."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattcast.cli import options
from wattcast.cli.console import emit, errors, out, usage

if TYPE_CHECKING:
    import polars as pl

EXAMPLE = "Example: [bold]wattcast forecast model.wattcast meters.csv --horizon 24h -o next_day.csv[/]"


@options.reading
def command(
    model: Annotated[Path, typer.Argument(help="Model file that `wattcast fit` wrote.", show_default=False)],
    file: options.File,
    read: dict[str, Any],
    output: Annotated[Path, typer.Option("--output", "-o", help="Forecast to write: .csv or .parquet.")] = Path(
        "forecast.csv"
    ),
    horizon: options.Horizon = None,
    json: options.Json = False,
) -> None:
    """Quantile forecast from the end of the file.

    Rows after the last reading may hold the covariates known ahead, with the load left empty.
    """
    with errors():
        if output.suffix not in (".csv", ".parquet"):
            usage(f"{output} must end in .csv or .parquet.")
        from wattcast.runtime import load  # not the compiled pass: JAX's start takes longer than one forecast
        from wattcast.runtime.table import forecast_table

        trained = load(model)
        taken = {"zone": trained.grounds.zone, "available_at": trained.about.get("available_at")}
        how = options.how_read({**read, **{name: read[name] or value for name, value in taken.items()}})
        readings = options.readings(file, how)
        ahead = options.steps(horizon, readings.step, "--horizon") if horizon else trained.grounds.layout.horizon
        table = forecast_table(trained, readings, ahead)
        _write(table, options.place(output))
        span = {"first": table["ds"].dt.min(), "last": table["ds"].dt.max()}
        count = table["unique_id"].n_unique()
        if json:
            emit({"output": str(output), "rows": len(table), "meters": count, **span})
            return
        when = " to ".join(f"{t:%Y-%m-%d %H:%M}" for t in span.values())
        out.print(f"{len(table):,} rows for {count:,} meter{'s'[: count != 1]}, {when} UTC: {output}", soft_wrap=True)


def _write(table: pl.DataFrame, output: Path) -> None:
    """Whole or not at all."""
    part = output.with_name(output.name + ".part")
    try:
        table.write_csv(part) if output.suffix == ".csv" else table.write_parquet(part)
        os.replace(part, output)
    finally:
        part.unlink(missing_ok=True)
