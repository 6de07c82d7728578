from __future__ import annotations

import sqlite3
import zipfile
from datetime import datetime, timedelta

import polars as pl
import pytest

from wattcast.read import read, synthetic
from wattcast.read.layout import Layout, from_dict
from wattcast.schema import ReadingsError

FRAME = synthetic(meters=2, days=3)


def same(readings):
    expected = FRAME.with_columns(pl.col("ds").dt.replace_time_zone("UTC"))
    assert readings.frame.columns == expected.columns
    assert (readings.frame["ds"] == expected["ds"]).all()
    assert (readings.frame["y"] - expected["y"]).abs().max() < 1e-9
    assert readings.meters == ["meter_1", "meter_2"]


def test_parquet_and_arrow(tmp_path):
    FRAME.write_parquet(tmp_path / "a.parquet")
    FRAME.write_ipc(tmp_path / "a.arrow")
    same(read(tmp_path / "a.parquet"))
    same(read(tmp_path / "a.arrow"))
    assert read(tmp_path / "a.parquet", meters=["meter_2"]).meters == ["meter_2"]
    with pytest.raises(ReadingsError, match="no meter 'x'"):
        read(tmp_path / "a.parquet", meters=["x"])
    (tmp_path / "b.arrow").write_bytes((tmp_path / "a.arrow").read_bytes()[:500])
    with pytest.raises(ReadingsError, match="not whole Arrow"):
        read(tmp_path / "b.arrow")


def test_spreadsheet(tmp_path):
    pytest.importorskip("fastexcel", reason="spreadsheets need wattcast[excel]")
    path = tmp_path / "a.xlsx"
    FRAME.write_excel(path, worksheet="load")
    same(read(path))
    same(read(path, table="load"))
    with pytest.raises(ReadingsError, match="no sheet 'x'; it has 'load'"):
        read(path, table="x")
    (tmp_path / "b.xlsx").write_bytes(path.read_bytes()[:700])
    with pytest.raises(ReadingsError, match="not a spreadsheet that can be read"):
        read(tmp_path / "b.xlsx")


def test_database(tmp_path):
    pytest.importorskip("sqlalchemy", reason="databases need wattcast[sql]")
    path = tmp_path / "meters.db"
    with sqlite3.connect(path) as base:
        base.execute("create table readings (unique_id text, ds text, y real, temperature real)")
        rows = [(a, str(b), c, d) for a, b, c, d in FRAME.iter_rows()]
        base.executemany("insert into readings values (?, ?, ?, ?)", rows)
    base.close()
    url = f"sqlite:///{path}"
    same(read(url))
    same(read(url, table="readings"))
    with pytest.raises(ReadingsError, match="no table 'x'; name one of: 'readings'"):
        read(url, table="x")
    with pytest.raises(ReadingsError, match="There is no file '/nowhere/at/all.db'"):
        read("sqlite:////nowhere/at/all.db")
    with pytest.raises(ReadingsError, match="'nonsense' is no database that can be read"):
        read("nonsense://a/b")


def test_zip(tmp_path):
    text = FRAME.write_csv()
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("readings.csv", text)
        packed.writestr("licence.pdf", b"\0")
    same(read(tmp_path / "a.zip"))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as packed:
        packed.writestr("a.csv", text)
        packed.writestr("b.csv", text)
    with pytest.raises(ReadingsError, match="holds 2 files"):
        read(tmp_path / "b.zip")
    (tmp_path / "c.zip").write_bytes((tmp_path / "a.zip").read_bytes()[:2000])
    with pytest.raises(ReadingsError, match="cut short or damaged"):
        read(tmp_path / "c.zip")


def test_span_and_meters(tmp_path):
    FRAME.write_csv(tmp_path / "a.csv")
    part = read(tmp_path / "a.csv", meters=["meter_2"], start=datetime(2024, 1, 2), end=datetime(2024, 1, 3))
    assert (part.meters, part.frame.height) == (["meter_2"], 24)
    with pytest.raises(ReadingsError, match="no readings from 2030"):
        read(tmp_path / "a.csv", start=datetime(2030, 1, 1))


def test_what_was_found_can_be_kept_and_overruled(tmp_path):
    (tmp_path / "a.csv").write_text("Zeit;kWh\n01.02.2024 00:15;1,5\n01.02.2024 00:30;2,5\n01.02.2024 00:45;3,5\n")
    readings = read(tmp_path / "a.csv", zone="Europe/Berlin", label="end", unit="kWh")
    kept = dict(readings.layout)
    assert kept == {
        **{"ds": "Zeit", "y": "kWh", "step": 900.0, "zone": "Europe/Berlin", "label": "end", "unit": "kWh"},
        **{"separator": ";", "decimal": ","},
    }
    again = read(tmp_path / "a.csv", layout=from_dict(kept))
    assert again.frame.equals(readings.frame)
    assert read(tmp_path / "a.csv", layout=from_dict(kept), label="start").frame["ds"][0] == readings.frame["ds"][1]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"step": timedelta(0)}, "is no step"),
        ({"label": "middle"}, "label must be"),
        ({"decimal": ";"}, "decimal must be"),
        ({"separator": "ab"}, "separator must be one"),
        ({"zone": "x/y"}, "no time zone"),
    ],
)
def test_a_layout_refuses_what_cannot_be(told, words):
    with pytest.raises(ReadingsError, match=words):
        Layout(**told)
    with pytest.raises(ReadingsError, match="no 'colour'"):
        from_dict({"colour": 1})
