"""fit, Ctrl-C, --resume."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import numpy as np
import pytest

from wattcast.cli.progress import TrainingBar
from wattcast.nets.artifact import load_forecaster, read

BASELINES = {"persistence", "seasonal_naive_day", "seasonal_naive_week", "slot_mean", "ridge"}


def same_weights(one, other):
    (first, _), (second, _) = read(one), read(other)
    assert first.keys() == second.keys() and any(k.startswith("network/") for k in first)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def test_json(run, folder, meter, config):
    result = run("fit", meter, "-o", "deep/m.wattcast", "--config", config, "--json")
    assert result.exit_code == 0, result.stderr
    said = json.loads(result.stdout)
    assert result.stdout.count("\n") == 1 and said["model"] == "deep/m.wattcast"
    assert set(said["models"]) == {"wattcast", *BASELINES} and set(said["skill"]) == BASELINES
    stages = [(e["stage"], e["epoch"]) for e in said["epochs"]]
    assert stages[:2] == [("search", 1), ("search", 2)] and stages[2:] == [
        ("final", i + 1) for i in range(said["best_epoch"])
    ]
    assert said["settings"]["horizon"] == 24 and said["settings"]["hidden"] == [4]
    assert [p.name for p in (folder / "deep").iterdir()] == ["m.wattcast"]


def test_the_same_seed_gives_the_same_weights(run, folder, meter, config, model):
    assert run("fit", meter, "-o", "again.wattcast", "--config", config).exit_code == 0
    same_weights(model, "again.wattcast")


def test_what_is_shown(run, folder, meter, config, monkeypatch):
    seen = []
    shown = TrainingBar.__call__

    def told(bar, epoch):
        shown(bar, epoch)
        seen.append(bar._progress.tasks[-1].fields["said"])

    monkeypatch.setattr(TrainingBar, "__call__", told)
    result = run("fit", meter, "--config", config)
    assert "wattcast" in result.stdout and "ridge" in result.stdout and "model: model.wattcast" in result.stdout
    assert "an untouched test" in result.stderr
    assert all(word in seen[0] for word in ("1/", "loss", "val", "skill", "/s"))


def interrupt(monkeypatch, stage, epoch):
    def told(bar, e):
        if (e.stage, e.epoch) == (stage, epoch):
            raise KeyboardInterrupt

    monkeypatch.setattr(TrainingBar, "__call__", told)


@pytest.mark.parametrize(("stage", "epoch"), [("search", 1), ("search", 2), ("final", 1)])
def test_ctrl_c_leaves_a_model_and_resume_ends_where_no_stop_would(
    run, folder, meter, config, model, monkeypatch, stage, epoch
):
    with monkeypatch.context() as patch:
        interrupt(patch, stage, epoch)
        result = run("fit", meter, "-o", "m.wattcast", "--config", config)
    assert result.exit_code == 130
    assert "m.wattcast.checkpoint is a usable model" in result.stderr and "error: interrupted." in result.stderr
    assert [p.name for p in folder.iterdir()] == ["m.wattcast.checkpoint"]
    forecast = run("forecast", "m.wattcast.checkpoint", meter, "-o", "f.csv", "--json")
    assert forecast.exit_code == 0 and json.loads(forecast.stdout)["rows"] == 24
    result = run("fit", meter, "-o", "m.wattcast", "--config", config, "--resume")
    assert result.exit_code == 0, result.stderr
    assert not (folder / "m.wattcast.checkpoint").exists()
    same_weights(model, "m.wattcast")


def test_ctrl_c_before_the_first_epoch_leaves_nothing(run, folder, meter, config, monkeypatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("wattcast.estimator.fit_readings", stopped)
    assert run("fit", meter, "--config", config).exit_code == 130
    assert list(folder.iterdir()) == []


def test_resume_of_another_training_is_refused(run, folder, meter, config, monkeypatch):
    with monkeypatch.context() as patch:
        interrupt(patch, "search", 1)
        run("fit", meter, "-o", "m.wattcast", "--config", config)
    result = run("fit", meter, "-o", "m.wattcast", "--config", config, "--seed", 5, "--resume")
    assert result.exit_code == 3 and "differs in: train" in result.stderr
    assert [p.name for p in folder.iterdir()] == ["m.wattcast.checkpoint"]


def test_a_signal_to_a_process(folder, meter, config):
    """SIGINT once the first checkpoint is there, as Ctrl-C sends it."""
    command = [sys.executable, "-c", "from wattcast.cli import main; main()", "fit", meter, "-o", "m.wattcast"]
    told = "import wattcast.cli.progress as p, os, signal\n" \
           "p.TrainingBar.__call__ = lambda bar, e: os.kill(os.getpid(), signal.SIGINT)\n"  # fmt: skip
    command[2] = told + command[2]
    done = subprocess.run([*command, "--config", config], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 128 + signal.SIGINT, done.stderr
    assert "Traceback" not in done.stderr and done.stdout == ""
    assert load_forecaster(folder / "m.wattcast.checkpoint").settings.horizon == 24
