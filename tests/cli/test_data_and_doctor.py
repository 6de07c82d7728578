"""data: real data by name. doctor: what this installation has."""

from __future__ import annotations

import json
import urllib.error

import pytest

from wattcast.kernels import which


@pytest.fixture
def cached(folder, monkeypatch):
    """An empty cache, and no network."""

    def refused(*_, **__):
        raise urllib.error.URLError("no network here")

    monkeypatch.delenv("WATTCAST_DATA", raising=False)
    monkeypatch.setattr("wattcast.read.samples.cache", lambda: folder / "cache")
    monkeypatch.setattr("urllib.request.urlopen", refused)
    return folder / "cache"


def test_list_says_what_is_there(run, cached):
    said = run("data", "list").stdout
    assert "uci-electricity" in said and "elec_load.csv" in said and "not downloaded yet" in said and "[kW]" in said
    cached.mkdir()
    (cached / "elec_load.csv").write_text("x")
    rows = {row["name"]: row["path"] for row in json.loads(run("data", "list", "--json").stdout)["data"]}
    assert rows == {"elec_load.csv": str(cached / "elec_load.csv"), "uci-electricity": None}


def test_get_prints_the_path(run, cached, monkeypatch):
    (cached / "own").mkdir(parents=True)
    (cached / "own" / "elec_load.csv").write_text("x")
    monkeypatch.setenv("WATTCAST_DATA", str(cached / "own"))
    assert run("data", "get", "elec_load.csv").stdout.strip() == str(cached / "own" / "elec_load.csv")
    assert json.loads(run("data", "get", "elec_load.csv", "--json").stdout)["bytes"] == 1


@pytest.mark.parametrize(("name", "said"), [("uci-electricity", "no network here"), ("nope", "uci-electricity")])
def test_get_without_network_or_by_a_wrong_name(run, cached, name, said):
    result = run("data", "get", name)
    errors = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert result.exit_code == 3 and result.stdout == "" and len(errors) == 1 and said in errors[0]


def test_doctor(run, folder):
    found = json.loads(run("doctor", "--json").stdout)
    assert found["recurrent"] == which() and found["backend"] and found["cpus"] >= 1
    assert set(found["extras"]) == {"samples", "excel", "sql", "rivals"} and found["cache"]["data"]
    said = run("doctor").stdout
    assert "recurrent layers" in said and found["jax"] in said and "extra sql" in said


@pytest.mark.parametrize(("verb", "example"), [("get", "data get uci-electricity"), ("list", "data list")])
def test_help_of_data_has_examples(run, verb, example):
    said = " ".join(run("data", verb, "--help").stdout.replace("│", " ").split())
    assert f"Example: wattcast {example}" in said and "--json" in said
