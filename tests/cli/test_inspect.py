"""inspect: what a model is, trained on what, with which scores; one sentence for what is none."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace

import jax
import numpy as np
import pytest
from stored_models import DATA

from wattcast import runtime
from wattcast.nets.artifact import load_forecaster, save_forecaster
from wattcast.train import Place

DAYS = DATA / "format_2_days.safetensors"


def test_json_says_what_the_model_holds(run, model):
    result = run("inspect", model, "--json")
    assert result.exit_code == 0 and result.stdout.count("\n") == 1
    said, f = json.loads(result.stdout), load_forecaster(model)
    weights = [a for a in jax.tree.leaves(f.network) if a is not f.network.centre and a is not f.network.spread]
    assert said["parameters"] == sum(a.size for a in weights)
    assert said["linear"] == {"share": f.linear.share, "parameters": f.linear.weights.size}
    assert said["fingerprint"] == f"{runtime.load(model).fingerprint:016x}" and said["format"] == (
        4 if f.linear.share_between or f.learning.between != f.learning.gain else 3
    )
    assert said["size"] == model.stat().st_size and said["model"] == str(model)
    assert said["network"] == {"cell": "gru", "hidden": [4], "decoder": 4, "members": 1, "loss": "pinball"}
    assert (said["horizon"], said["gap"], said["step"], said["zone"], said["meters"]) == (
        24,
        0,
        3600,
        "UTC",
        ["meter_1"],
    )
    assert (said["known"], said["country"], said["issued"], said["unfinished"]) == ([], None, False, None)
    assert said["trained"] == {k: f.about[k] for k in ("from", "until", "readings", "best_epoch")}
    assert said["trained"]["readings"] == 60 * 24 and said["trained"]["best_epoch"] in (1, 2)
    assert said["settings"] == f.about["train"] and said["settings"]["seed"] == 0
    assert said["scores"] == f.about["scores"] and {"wattcast", "ridge"} <= said["scores"]["models"].keys()


def test_the_table(run, model):
    result = run("inspect", model)
    said = " ".join(result.stdout.split())
    mae = json.loads(run("inspect", model, "--json").stdout)["scores"]["models"]["ridge"]["mae"]
    for words in (
        "1 x gru of 4 units, decoder 4, pinball", "24 steps of 60 min ahead", "1: meter_1; unit not known",
        "2024-01-01 00:00 to 2024-03-01 00:00 UTC, 1,440 readings", "epochs 2, steps 3", "seed 0", f"{mae:.4g}",
        "persistence", "wattcast is",
    ):  # fmt: skip
        assert words in said, words
    assert "unfinished" not in said and "chose the epoch" in result.stderr


def test_covariates_and_holidays(run, folder):
    f = load_forecaster(DAYS)
    settings = f.settings.model_copy(update={"country": {"north": "DE", "south": "FR"}})
    save_forecaster(replace(f, settings=settings, about={"issued": True}), folder / "m")
    said = " ".join(run("inspect", "m").stdout.split())
    for words in ("2: north, south; unit kW", "temperature, from when it was available", "by meter: DE, FR", "none"):
        assert words in said, words


def test_an_unfinished_training_says_so(run, folder):
    f = load_forecaster(DAYS)
    progress = asdict(Place("search", epoch=3, best_epoch=2))
    save_forecaster(f, folder / "m.checkpoint", extra={"state/a": np.zeros(3)}, progress=progress)
    said = json.loads(run("inspect", "m.checkpoint", "--json").stdout)
    assert said["unfinished"] == {"stage": "search", "epoch": 3, "best_epoch": 2} and said["scores"] is None
    shown = " ".join(run("inspect", "m.checkpoint").stdout.split())
    assert "training stopped in stage search after epoch 3; `wattcast fit --resume` goes on from it" in shown


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("none.wattcast", "There is no model file none.wattcast"),
        (".", "is a folder"),
        ("text", "text is not a whole wattcast model"),
        (DATA / "format_1.safetensors", "model format 1 of an older wattcast"),
    ],
)
def test_what_is_no_model(run, folder, file, words):
    (folder / "text").write_text("unique_id,ds,y\n")
    for more in ([], ["--json"]):
        result = run("inspect", file, *more)
        assert (result.exit_code, result.stdout) == (3, "")
        assert result.stderr.startswith("error: ") and words in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_nothing_heavy_is_imported(more):
    code = (
        "import sys; from typer.testing import CliRunner; from wattcast.cli.app import app\n"
        f"assert CliRunner().invoke(app, ['inspect', {str(DAYS)!r}, *{more}]).exit_code == 0\n"
        "heavy = {'jax', 'equinox', 'optax', 'polars', 'pandas', 'scipy', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
