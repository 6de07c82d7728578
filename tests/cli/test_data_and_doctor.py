"""data: real data by name. doctor: what this installation has."""

from __future__ import annotations

import io
import json
import urllib.error
import zipfile
from dataclasses import replace

import pytest
from servers import serving

from wattcast.kernels import which
from wattcast.read import read, samples


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


@pytest.fixture
def served(folder, monkeypatch):
    """`served(...)`: the archive comes from a local server that answers as told; gives what it was asked."""
    monkeypatch.delenv("WATTCAST_DATA", raising=False)
    monkeypatch.setattr("wattcast.read.samples.cache", lambda: folder / "cache")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        rows = "".join(f'"2011-01-01 {i // 4:02}:{i % 4 * 15:02}:00";{i},5\n' for i in range(1, 96))
        archive.writestr("LD2011_2014.txt", '"";"MT_001"\n' + rows)

    def get(run, **how):
        with serving(**{"content": packed.getvalue(), **how}) as (handler, url):
            wanted = replace(samples.DOWNLOADS["uci-electricity"], url=url)
            monkeypatch.setitem(samples.DOWNLOADS, "uci-electricity", wanted)
            return run("data", "get", "uci-electricity"), handler.asked

    return get


def refused(result, said):
    errors = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert result.exit_code == 3 and result.stdout == "" and len(errors) == 1 and said in errors[0]


def test_get_goes_on_after_a_cut_and_keeps_what_is_whole(run, folder, served):
    refused(served(run, cut=700)[0], "goes on where it stopped")
    result, asked = served(run)
    assert asked == ["bytes=700-"]
    assert result.exit_code == 0 and result.stdout.strip() == str(folder / "cache" / "LD2011_2014.txt.zip")
    assert read(result.stdout.strip()).meters == ["MT_001"]
    assert served(run, status=500)[1] == []  # it is there: nobody is asked again


@pytest.mark.parametrize(
    ("how", "said"), [({"status": 404}, "answered 404"), ({"content": b"<html>sorry</html>"}, "not a whole zip")]
)
def test_get_of_a_wrong_answer_or_a_bad_file(run, folder, served, how, said):
    refused(served(run, **how)[0], said)
    assert list((folder / "cache").iterdir()) == []


def test_doctor(run, folder):
    found = json.loads(run("doctor", "--json").stdout)
    assert found["recurrent"] == which() and found["backend"] and found["cpus"] >= 1
    assert set(found["extras"]) == {"samples", "excel", "onnx", "sql", "rivals"} and found["cache"]["data"]
    said = run("doctor").stdout
    assert "recurrent layers" in said and found["jax"] in said and "extra sql" in said


@pytest.mark.parametrize(("verb", "example"), [("get", "data get uci-electricity"), ("list", "data list")])
def test_help_of_data_has_examples(run, verb, example):
    said = " ".join(run("data", verb, "--help").stdout.replace("│", " ").split())
    assert f"Example: wattcast {example}" in said and "--json" in said
