"""What all verbs share: help, exit codes, settings, one object on stdout."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from datetime import timedelta

import pytest

from wattcast.read.settings import ReadSettings
from wattcast.schema import ReadingsError
from wattcast.settings import load_settings

VERBS = ["describe", "check", "convert", "fit", "forecast", "inspect", "backtest", "chapter", "demo", "doctor"]
READING = ["describe", "check", "convert", "fit", "forecast", "backtest"]


def process(*words, cwd=None):
    """The command in a process of its own."""
    command = [sys.executable, "-m", "wattcast", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


def test_python_runs_it_as_a_module():
    done = process("--version")
    assert done.returncode == 0 and done.stdout.startswith("wattcast ")


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example(run, verb):
    result = run(verb, "--help")
    assert result.exit_code == 0
    said = " ".join(result.stdout.replace("│", " ").split())
    assert f"Example: wattcast {verb}" in said and "--json" in said


@pytest.mark.parametrize("verb", READING)
def test_verbs_that_read_take_all_that_can_be_told_of_a_file(run, verb):
    said = run(verb, "--help").stdout
    for name in ReadSettings.model_fields:
        assert f"--{name.replace('_', '-')} " in said


def test_what_is_told_of_a_file_reaches_the_reader(run, folder, monkeypatch):
    seen = {}

    def told(path, **how):
        seen.update(how)
        raise ReadingsError("Enough.")

    monkeypatch.setattr("wattcast.read.read", told)
    words = [
        "--label",
        "end",
        "--unit",
        "kWh",
        "--step",
        "30min",
        "--decimal",
        ",",
        "--separator",
        ";",
        "--month-first",
    ]
    words += ["--table", "sheet", "--halve", "--zone", "Europe/Lisbon", "--meters", "a, b", "--y", "load"]
    assert run("check", "none.csv", *words).exit_code == 3
    assert seen == {
        "label": "end", "unit": "kWh", "step": timedelta(minutes=30), "decimal": ",", "separator": ";",
        "day_first": False, "table": "sheet", "halve": True, "zone": "Europe/Lisbon", "meters": ("a", "b"), "y": "load",
    }  # fmt: skip


def test_help_keeps_what_is_in_brackets(run):
    said = " ".join(run("fit", "--help").stdout.replace("│", " ").split())
    assert "TOML file: tables read, network, train, backtest." in said


def test_help_lists_verbs_and_exit_codes():
    done = process("--help")
    assert done.returncode == 0 and done.stderr == ""
    assert all(verb in done.stdout for verb in VERBS)
    assert "Exit codes: 0 done, 2 bad usage, 3 bad input, 4" in " ".join(done.stdout.split())


def test_version(run):
    result = run("--version")
    assert result.exit_code == 0 and result.stdout.startswith("wattcast ")


def test_exit_codes_of_a_process(folder):
    bad = process("describe", "none.csv", cwd=folder)
    assert (bad.returncode, bad.stdout) == (3, "")
    assert bad.stderr.startswith("error: ") and "none.csv" in bad.stderr and "Traceback" not in bad.stderr
    assert process("describe", cwd=folder).returncode == 2
    assert process("nothing", cwd=folder).returncode == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["forecast", "m.wattcast", "a.csv", "-o", "f.xlsx"], ".csv or .parquet"),
        (["fit", "METER", "--horizon", "soon"], "'soon'"),
        (["fit", "METER", "--horizon", "90min"], "not a whole number of steps of 1:00:00"),
        (["fit", "METER", "--horizon", "0"], "'0'"),
        (["backtest", "METER", "--every", "7min", "--epochs", "1"], "--every '7min'"),
        (["fit", "METER", "--epochs", "0"], "'train.epochs' cannot be 0"),
        (["fit", "METER", "--cell", "rnn"], "'network.cell' cannot be 'rnn'"),
        (["fit", "METER", "-o", "."], "is a folder"),
        (["backtest", "METER", "--origins", "0"], "'backtest.origins' cannot be 0"),
    ],
)
def test_bad_usage(run, folder, meter, words, said):
    result = run(*[meter if w == "METER" else w for w in words])
    assert result.exit_code == 2, result.stderr
    assert said in result.stderr and result.stdout == "" and not list(folder.iterdir())


@pytest.mark.parametrize("verb", ["fit", "backtest"])
def test_settings_in_force_load_again(run, folder, meter, config, verb):
    words = [meter, "--config", config, "--seed", 3, "--known", "temperature", "--country", "US"]
    result = run(verb, *words, "--print-config")
    assert result.exit_code == 0 and result.stderr == ""
    tables = tomllib.loads(result.stdout)
    assert tables["train"]["seed"] == 3 and tables["train"]["epochs"] == 2 and tables["network"]["hidden"] == [4]
    (folder / "again.toml").write_text(result.stdout)
    options = {"train": {"seed": 3}, "network": {"known": ("temperature",), "country": "US"}}
    assert load_settings(folder / "again.toml", {}) == load_settings(config, options)


def test_a_horizon_by_rule_stays_one(run, folder, meter, config):
    """A day is 48 steps only for half hours: what is printed must not fix that."""
    for given, kept in (([], None), (["--horizon", "2d"], None), (["--horizon", "7"], 7)):
        tables = tomllib.loads(run("fit", meter, "--config", config, *given, "--print-config").stdout)
        assert tables["network"].get("horizon") == kept


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[train]\nepoch = 3\n", ["'train.epoch'", "epochs, steps, batch", "seed"]),
        ("[nets]\nhidden = [3]\n", ["'nets'", "read, network, train, backtest"]),
        ("train = 3\n", ["'train'", "not a table"]),
        ("[train]\nepochs = 'many'\n", ["'train.epochs'", "'many'"]),
        ("[train\n", ["not TOML"]),
        (None, ["cannot be read"]),
    ],
)
def test_bad_settings_file(run, folder, meter, text, said):
    if text is not None:
        (folder / "bad.toml").write_text(text)
    result = run("fit", meter, "--config", "bad.toml")
    assert result.exit_code == 2 and "bad.toml" in result.stderr
    assert all(word in result.stderr for word in said)
    assert "Traceback" not in result.stderr and not (folder / "model.wattcast").exists()


def test_what_is_said_goes_to_stderr(folder, meter):
    done = process("describe", meter, "--json")
    assert done.returncode == 0
    assert done.stdout.count("\n") == 1 and json.loads(done.stdout)["meters"][0]["count"] == 1440
    assert "Load is taken from column 'y'" in done.stderr
