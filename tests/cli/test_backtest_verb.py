"""backtest, and demo, which runs the same on data of its own."""

from __future__ import annotations

import io
import json
from datetime import time as Time
from datetime import timedelta

import pytest
from rich.console import Console

from wattcast import synthetic
from wattcast.cli.tables import scores_tables
from wattcast.read import read_frame
from wattcast.schema import ReadingsError

BASELINES = {"persistence", "seasonal_naive_day", "seasonal_naive_week", "slot_mean", "ridge"}
METRICS = {"mae", "rmse", "mape", "wape", "mase", "pinball", "pinball_rel", "coverage_80"}


def contract(said, origins, horizon=24):
    """The keys that stay."""
    assert set(said["models"]) == {"wattcast", *BASELINES}
    for row in said["models"].values():
        assert set(row) >= METRICS and all(row[k] is not None for k in METRICS)
    assert set(said["skill"]) == BASELINES
    for name, row in said["skill"].items():
        assert set(row) >= {"mae", "pinball"}
        ours, theirs = said["models"]["wattcast"]["mae"], said["models"][name]["mae"]
        assert row["mae"] == pytest.approx(1 - ours / theirs)
    assert (said["horizon"], said["origins"], said["meters"]) == (horizon, origins, 1)
    assert said["seconds"]["total"] > 0
    for row in said["tests"].values():
        assert {"skill", "low", "high", "statistic", "p", "verdict"} == set(row["mae"]) == set(row["pinball"])
    assert set(said["peaks"]) == set(said["coverage"]) == set(said["models"])
    assert len(said["by_lead"]["lead"]) == len(said["by_lead"]["wattcast"]) == horizon
    assert len(said["by_meter"]["ridge"]) == 1 and {"by_hour", "by_day_type", "calibration"} < set(said)


def test_json_report_and_skill_required(run, folder, meter, config):
    words = [meter, "--config", config, "--origins", 3, "--report", "r.html", "--require-skill", "--json"]
    result = run("backtest", *words)
    assert result.stdout.count("\n") == 1
    said = json.loads(result.stdout)
    contract(said, 3)
    assert said["report"] == "r.html"
    page = (folder / "r.html").read_text()
    assert "seasonal naive day" in page and "meter.csv" in page and [p.name for p in folder.iterdir()] == ["r.html"]
    beaten = all(row["mae"] > 0 and row["pinball"] > 0 for row in said["skill"].values())
    assert not beaten and result.exit_code == 4
    assert "does not beat every baseline" in result.stderr


def test_table_in_the_terminal(run, folder, meter, config):
    result = run("backtest", meter, "--config", config, "--origins", 3)
    assert result.exit_code == 0, result.stderr
    assert all(name in result.stdout for name in ("wattcast", *BASELINES))
    said = " ".join(result.stdout.split())
    assert "Too few origins to tell skill from luck; on these, wattcast does not beat" in said
    assert "report: wattcast-report/backtest.html" in result.stdout
    assert (folder / "wattcast-report" / "backtest.html").exists()


def test_options_reach_the_backtest(run, folder, meter, config, monkeypatch):
    seen = {}

    def told(readings, **how):
        seen.update(how)
        raise ReadingsError("Enough.")

    monkeypatch.setattr("wattcast.estimator.backtest", told)
    words = ["--every", "6h", "--refit", 2, "--known", "temperature", "--country", "US", "--horizon", "12h"]
    words += ["--at", "09:30", "--window", "40d", "--limit", 3.5, "--warm", "--origins", 5]
    words += ["--seed", 3, "--cell", "lstm", "--members", 2, "--epochs", 7]
    assert run("backtest", meter, "--config", config, *words).exit_code == 3
    network, train = seen["network"], seen["train"]
    assert (seen["horizon"], seen["origins"], seen["every"], seen["refit"]) == (12, 5, timedelta(hours=6), 2)
    assert (seen["at"], seen["window"], seen["limit"]) == (Time(9, 30), timedelta(days=40), 3.5)
    assert seen["warm"] is True
    assert (network.known, network.country, network.cell, network.members) == (("temperature",), "US", "lstm", 2)
    assert (network.hidden, train.seed, train.epochs, train.batch) == ((4,), 3, 7, 2)


def test_rivals_are_named_where_they_are_missing(run, meter, config, monkeypatch):
    monkeypatch.setattr("wattcast.rivals.find_spec", lambda name: None)
    result = run("backtest", meter, "--config", config, "--rivals")
    assert result.exit_code == 3 and "pip install 'wattcast[rivals]'" in " ".join(result.stderr.split())


def test_rivals_stand_beside_the_baselines(run, folder, meter, config):
    for module in ("lightgbm", "statsforecast", "mlforecast"):
        pytest.importorskip(module, reason="needs the extra `rivals`")
    result = run("backtest", meter, "--config", config, "--origins", 2, "--rivals", "--json")
    said = json.loads(result.stdout)
    assert set(said["models"]) == {"wattcast", *BASELINES, "mstl", "auto_ets", "auto_theta", "mlforecast", "lightgbm"}
    assert said["skill"]["lightgbm"]["mae"] is not None


def test_the_table_says_better_only_where_it_is():
    models = {n: dict.fromkeys(METRICS, v) for n, v in (("wattcast", 1.0), ("ridge", 1.01), ("persistence", 2.0))}
    skill = {"persistence": {"mae": 0.5}, "ridge": {"mae": 0.0099}}
    tests = {
        "persistence": {"mae": {"low": 0.4, "high": 0.6, "verdict": "better"}},
        "ridge": {"mae": {"low": -0.04, "high": 0.06, "verdict": "no clear difference"}},
    }
    console = Console(width=80, file=io.StringIO())
    console.print(scores_tables({"models": models, "skill": skill, "tests": tests}))
    lines = [" ".join(line.split()) for line in console.file.getvalue().splitlines()]
    against = lines[next(i for i, line in enumerate(lines) if line.startswith("against")) + 1 :]
    assert against[0] == "ridge +1.0% -4.0% to +6.0% no clear difference"
    assert against[1] == "persistence +50.0% +40.0% to +60.0% better"


@pytest.mark.parametrize(("refit", "every", "fits"), [("7", "1d", 7), ("7d", "1d", 7), ("2d", "6h", 8)])
def test_refitting_counts_origins_or_days(run, meter, config, monkeypatch, refit, every, fits):
    seen = {}

    def told(readings, **how):
        seen.update(how)
        raise ReadingsError("Enough.")

    monkeypatch.setattr("wattcast.estimator.backtest", told)
    run("backtest", meter, "--config", config, "--refit", refit, "--every", every)
    assert seen["refit"] == fits


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--at", "9"], "cannot be '9'"),
        (["--at", "09:20"], "No step of 1:00:00 begins at 09:20"),
        (["--refit", "5h"], "--refit '5h' is not a whole number of steps of 1 day"),
        (["--window", "soon"], "cannot be 'soon'"),
    ],
)
def test_moments_that_cannot_be_are_named(run, meter, config, words, said):
    result = run("backtest", meter, "--config", config, *words)
    assert result.exit_code in (2, 3) and said in " ".join(result.stderr.split())


def test_skill_decides_the_exit_code(run, folder, meter, config, monkeypatch):
    monkeypatch.setattr("wattcast.evaluate.beats", lambda scores: True)
    words = [meter, "--config", config, "--origins", 3, "--require-skill"]
    assert run("backtest", *words).exit_code == 0


def test_demo_is_a_backtest_of_the_day_ahead(run, folder, monkeypatch):
    readings = read_frame(synthetic(meters=1, days=3, step_minutes=30))
    seen = {}
    monkeypatch.setattr("wattcast.read.samples.elecdemand", lambda: readings)
    monkeypatch.setattr("wattcast.cli.demo.run", lambda *args, **how: seen.update(how, args=args))
    result = run("demo", "--seed", 4, "--json", "--require-skill")
    assert result.exit_code == 0 and result.stdout == ""
    given, settings, report = seen["args"]
    assert given.frame["y"].equals(readings.frame["y"]) and given.step == timedelta(minutes=30)
    assert (settings.network.horizon, settings.network.known) == (48, ("Temperature",))
    assert (settings.network.country, settings.train.seed, settings.backtest.origins) == ("AU-VIC", 4, 56)
    assert (settings.backtest.every, settings.backtest.refit, str(report)) == ("1d", None, "wattcast-report/demo.html")
    assert seen["json"] and seen["require_skill"]
