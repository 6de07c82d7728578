from __future__ import annotations

import json

import pandas as pd
import pytest


def test_numbers_are_those_of_pandas(run, folder, meter):
    row = json.loads(run("describe", meter, "--json").stdout)["meters"][0]
    summary = pd.read_csv(meter)["y"].describe()
    assert row["count"] == summary["count"]
    for key in ("mean", "std", "min", "25%", "50%", "75%", "max"):
        assert row[key] == pytest.approx(summary[key], rel=1e-12)
    assert row["step"] == 3600 and (row["gaps"], row["missing"], row["zeros"], row["negative"]) == (0, 0, 0, 0)
    assert row["seasons"] == ["day", "week"]
    assert list(folder.iterdir()) == []


def test_table_in_the_terminal(run, folder, meter):
    said = run("describe", meter).stdout
    mean = pd.read_csv(meter)["y"].mean()
    assert "meter_1" in said and "1,440" in said and f"{mean:.6f}" in said
    assert "60 min" in said and "2024-01-01 00:00 – 2024-02-29 23:00" in said and "day, week" in said


def test_plot_writes_a_page(run, folder, meter):
    result = run("describe", meter, "--plot", "--first", 100, "--report", "out/page.html", "--json")
    path = folder / "out" / "page.html"
    assert json.loads(result.stdout)["report"] == str(path)
    page = path.read_text()
    assert "The first 100 readings of meter_1" in page and "Mean day of meter_1" in page and "<svg" in page
    assert [p.name for p in path.parent.iterdir()] == ["page.html"]


def test_other_columns_and_chosen_meters(run, folder):
    frame = pd.DataFrame({"site": ["a", "b"] * 60, "at": pd.date_range("2024-01-01", periods=60, freq="h").repeat(2)})
    frame["kW"], frame["other"] = range(120), 1.0
    frame.to_csv("sites.csv", index=False)
    words = ["--id", "site", "--ds", "at", "--y", "kW", "--meters", "b", "--json"]
    found = json.loads(run("describe", "sites.csv", *words).stdout)
    assert [(m["meter"], m["count"], m["min"], m["max"]) for m in found["meters"]] == [("b", 60, 1, 119)]
