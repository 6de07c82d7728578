"""convert: any file to Parquet, which the other verbs read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from wattcast.read import read


@pytest.fixture
def raw(folder):
    """The layout of UCI ElectricityLoadDiagrams20112014: 3 clients, 20 days, the first 2 without the second."""
    lines = ['"";"MT_001";"MT_002";"MT_003"']
    for i in range(20 * 96):
        stamp = datetime(2012, 3, 1) + (i + 1) * timedelta(minutes=15)
        loads = 1 + i % 96 / 10, 0 if i < 192 else 2 + i % 7, 3 + i % 5 / 4
        lines.append(";".join([f'"{stamp}"', *(f"{load:.6f}".replace(".", ",") for load in loads)]))
    path = folder / "LD2011_2014.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_raw_layout_to_parquet_and_on(run, raw, folder):
    result = run("convert", raw, "-o", "out/m.parquet", "--meters", "MT_001,MT_002", "--json")
    said = json.loads(result.stdout)
    assert (said["rows"], said["meters"], said["step"], said["zone"]) == (
        3840,
        ["MT_001", "MT_002"],
        900,
        "Europe/Lisbon",
    )
    assert [(f["meter"], f["kind"], f["count"]) for f in said["findings"]] == [("MT_002", "not_yet_there", 192)]
    assert [p.name for p in (folder / "out").iterdir()] == ["m.parquet"]
    checked = json.loads(run("check", "out/m.parquet", "--json").stdout)
    assert {m["meter"]: m["suspect"] for m in checked["meters"]} == {"MT_001": 0, "MT_002": 192}
    described = json.loads(run("describe", "out/m.parquet", "--meters", "MT_001", "--json").stdout)
    assert described["meters"][0]["count"] == 1920


def test_what_was_found_is_said(run, raw):
    result = run("convert", raw, "-o", "m.parquet")
    assert "5,760 readings of 3 meters, every 15 minutes" in result.stdout and "m.parquet" in result.stdout
    assert "MT_002: not_yet_there, 192 readings from 2012-03-01 00:00" in result.stderr


def test_a_range_of_dates_and_what_is_told_of_the_file(run, folder, meter):
    words = ["--from", "2024-01-10", "--to", "2024-01-12", "--zone", "Europe/Berlin", "--unit", "MW", "--label", "end"]
    assert run("convert", meter, "-o", "m.parquet", *words).exit_code == 0
    found = read("m.parquet")
    assert (found.zone, found.unit, len(found.frame)) == ("Europe/Berlin", "MW", 48)
    first = datetime(2024, 1, 9, 23, tzinfo=UTC)
    assert found.frame["ds"][0] == first
    source = pl.read_csv(meter, try_parse_dates=True).filter(pl.col("ds") == datetime(2024, 1, 10, 1))
    assert found.frame["y"][0] == source["y"][0]  # the stamp 01:00 of Berlin ends the hour from midnight


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["-o", "m.csv"], 2, "must end in .parquet"),
        (["-o", "m.parquet", "--meters", "nope"], 3, "nope"),
        (["-o", "m.parquet", "--from", "2030-01-01"], 3, "no readings from 2030"),
        (["-o", "m.parquet", "--label", "middle"], 2, "'read.label' cannot be 'middle'"),
        (["-o", "m.parquet", "--step", "soon"], 2, "'read.step' cannot be 'soon'"),
        ([], 2, "--output"),
    ],
)
def test_bad_use(run, folder, meter, words, code, said):
    result = run("convert", meter, *words)
    assert result.exit_code == code and said in result.stderr and list(folder.iterdir()) == []
