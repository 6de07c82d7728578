"""chapter, with networks that stand in for the trained ones, which have tests of their own."""

from __future__ import annotations

import json

import numpy as np
import pytest

from wattcast import chapter
from wattcast.chapter.job import READINGS, Result
from wattcast.schema import ReadingsError


@pytest.fixture
def file(tmp_path_factory):
    load = 145 + 40 * np.sin(2 * np.pi * np.arange(READINGS) / 96)
    path = tmp_path_factory.mktemp("chapter") / "elec_load.csv"
    path.write_text("Load\n" + "".join(f"{v!r}\n" for v in load.tolist()))
    return path


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch):
    """Both networks told apart by what they answer."""

    def learn(printed):
        def learned(job, *, seed, progress):
            epochs = [{"epoch": 1, "loss": 0.25, "val_loss": 0.5, "seconds": 1.0}]
            if progress:
                progress(epochs[0])
            rules = {"persistence": {"val_mse": 0.001, "test_mse": 0.002}}
            seconds = {"compile": 0.5, "train": 1.0}
            predicted = job.load[13_006:14_006] + 1
            return Result(0.003, 0.004, rules, epochs, seconds, seed, printed, predicted)

        return learned

    monkeypatch.setattr(chapter, "as_printed", learn(True))
    monkeypatch.setattr(chapter, "own_recipe", learn(False))


@pytest.mark.parametrize("printed", [True, False])
def test_json(run, folder, file, printed):
    words = ["--as-printed"] if printed else []
    result = run("chapter", "--data", file, "--seed", 7, "--report", "c.html", "--json", *words)
    assert result.exit_code == 0 and result.stdout.count("\n") == 1
    said = json.loads(result.stdout)
    assert (said["val_mse"], said["test_mse"], said["seed"], said["as_printed"]) == (0.003, 0.004, 7, printed)
    assert said["baselines"] == {"persistence": {"val_mse": 0.001, "test_mse": 0.002}}
    assert said["epochs"] == [{"epoch": 1, "loss": 0.25, "val_loss": 0.5, "seconds": 1.0}]
    assert set(said["seconds"]) == {"total", "import", "compile", "train"}
    assert said["seconds"]["total"] >= said["seconds"]["import"] >= 0 and said["report"] == "c.html"
    assert [p.name for p in folder.iterdir()] == ["c.html"]


def test_what_is_said(run, folder, file):
    result = run("chapter", "--data", file, "--as-printed")
    said = " ".join(result.stdout.split())
    assert "count 14006.000000" in said and "mean" in said and "75%" in said
    assert "11,960 windows train, 1,040 validate, 1,000 test" in said
    assert "The chapter's network loses to repeating the last reading" in said and "Why: ten epochs" in said
    assert "LSTM as printed 0.003000 0.004000" in said and "report: wattcast-report/chapter.html" in said
    assert "epoch 1 loss 0.250000 val_loss 0.500000" in " ".join(result.stderr.split())
    assert (folder / "wattcast-report" / "chapter.html").exists()


def test_the_data_is_looked_up(run, folder, file, monkeypatch):
    monkeypatch.setattr("wattcast.read.samples.locate", lambda name, progress: {"elec_load.csv": file}[name])
    assert run("chapter", "--json").exit_code == 0

    def nowhere(name, progress):
        raise ReadingsError(f"{name} is not here and cannot be fetched.")

    monkeypatch.setattr("wattcast.read.samples.locate", nowhere)
    result = run("chapter", "--report", "other.html")
    assert result.exit_code == 3 and "elec_load.csv is not here" in result.stderr
    assert not (folder / "other.html").exists()
