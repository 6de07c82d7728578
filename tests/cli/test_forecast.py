from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from wattcast import synthetic

LEVELS = (90, 80, 60, 40, 20)
COLUMNS = ["unique_id", "ds", "cutoff", "wattcast"]
COLUMNS += [f"wattcast-{side}-{level}" for level in LEVELS for side in ("lo", "hi")]
END = datetime(2024, 3, 1, tzinfo=UTC)


def checked(table, rows):
    assert table.columns == COLUMNS and len(table) == rows
    assert table["ds"].to_list() == [END + i * timedelta(hours=1) for i in range(rows)]
    assert table["cutoff"].unique().to_list() == [END - timedelta(hours=1)]
    bands = [f"wattcast-lo-{i}" for i in LEVELS] + ["wattcast"] + [f"wattcast-hi-{i}" for i in reversed(LEVELS)]
    assert (np.diff(table.select(bands).to_numpy()) >= 0).all()
    assert table["wattcast"].is_between(100, 700).all()


def test_it_needs_no_jax(folder, model, meter):
    """The compiled pass would start and compile for longer than one forecast takes."""
    code = f"""
import sys
from wattcast.cli.app import app
try:
    app(["forecast", {str(model)!r}, {str(meter)!r}])
except SystemExit as e:
    assert not e.code, e.code
heavy = {{"jax", "equinox", "optax"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert len(pl.read_csv("forecast.csv")) == 24


def test_csv_and_parquet_hold_the_same(run, folder, model, meter):
    assert run("forecast", model, meter).exit_code == 0
    result = run("forecast", model, meter, "-o", "deep/f.parquet", "--json")
    said = json.loads(result.stdout)
    assert said == {
        "output": "deep/f.parquet",
        "rows": 24,
        "meters": 1,
        "first": "2024-03-01T00:00:00+00:00",
        "last": "2024-03-01T23:00:00+00:00",
    }
    parquet = pl.read_parquet("deep/f.parquet")
    checked(parquet, 24)
    csv = pl.read_csv("forecast.csv", try_parse_dates=True)
    assert csv.columns == COLUMNS and csv["ds"].to_list() == parquet["ds"].to_list()
    np.testing.assert_allclose(csv.drop("unique_id", "ds", "cutoff"), parquet.drop("unique_id", "ds", "cutoff"))
    assert sorted(p.name for p in folder.rglob("*")) == ["deep", "f.parquet", "forecast.csv"]


@pytest.mark.parametrize(("horizon", "rows"), [("24", 24), ("24h", 24), ("1d", 24), ("180min", 3), ("5", 5)])
def test_horizon(run, folder, model, meter, horizon, rows):
    assert run("forecast", model, meter, "-o", "f.parquet", "--horizon", horizon).exit_code == 0
    checked(pl.read_parquet("f.parquet"), rows)


def test_longer_than_the_model(run, folder, model, meter):
    result = run("forecast", model, meter, "--horizon", "2d")
    assert result.exit_code == 3 and "horizon of 48" in result.stderr and not list(folder.iterdir())


def test_a_shorter_horizon_is_the_start_of_a_longer_one(run, folder, model, meter):
    run("forecast", model, meter, "-o", "a.parquet", "--horizon", 5)
    run("forecast", model, meter, "-o", "b.parquet")
    assert pl.read_parquet("a.parquet").equals(pl.read_parquet("b.parquet").head(5))


def test_a_failed_write_leaves_nothing(run, folder, model, meter, monkeypatch):
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr("os.replace", full)
    result = run("forecast", model, meter)
    assert result.exit_code == 3 and "no space left" in result.stderr and not list(folder.iterdir())


def test_a_covariate_known_ahead(run, folder, config):
    """Rows after the last reading carry it; without them the forecast is refused, with the number of steps known."""
    frame = synthetic(meters=1, days=60)
    cut = datetime(2024, 2, 28)
    ahead = frame.with_columns(pl.when(pl.col("ds") < cut).then("y").alias("y"))
    ahead.filter(pl.col("y").is_not_null()).write_csv("past.csv")
    ahead.write_csv("ahead.csv")
    ahead.filter(pl.col("ds") < cut + timedelta(hours=10)).write_csv("short.csv")
    ahead.with_columns(pl.lit(40.0).alias("temperature")).write_csv("other.csv")
    words = ["--config", config, "--known", "temperature", "-o", "m.wattcast"]
    assert run("fit", "past.csv", *words).exit_code == 0
    result = run("forecast", "m.wattcast", "past.csv")
    assert result.exit_code == 3 and "needs temperature for the 24 steps" in result.stderr
    assert "for 0 steps after the last reading" in result.stderr
    result = run("forecast", "m.wattcast", "short.csv")
    assert result.exit_code == 3 and "for 10 steps after the last reading" in result.stderr
    assert run("forecast", "m.wattcast", "short.csv", "--horizon", 10, "-o", "s.parquet").exit_code == 0
    assert run("forecast", "m.wattcast", "ahead.csv", "-o", "a.parquet").exit_code == 0
    table = pl.read_parquet("a.parquet")
    assert table["ds"][0] == cut.replace(tzinfo=UTC) and len(table) == 24
    short = pl.read_parquet("s.parquet")
    assert short["ds"].to_list() == table["ds"].to_list()[:10] and short["wattcast"].is_finite().all()
    assert run("forecast", "m.wattcast", "other.csv", "-o", "o.parquet").exit_code == 0
    assert not table.equals(pl.read_parquet("o.parquet"))
