from __future__ import annotations

import gzip
import zipfile
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from wattcast.check import check
from wattcast.read import read, synthetic
from wattcast.read.convert import convert
from wattcast.read.layout import Layout
from wattcast.schema import ReadingsError

NAMES = [f"MT_{i:03d}" for i in range(1, 5)]


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """A raw file of two years; MT_002 starts late, MT_003 ends early; clocks change as in the real one."""
    path = tmp_path_factory.mktemp("raw") / "LD2011_2014.txt"
    rng = np.random.default_rng(0)
    lines = ['"";' + ";".join(f'"{n}"' for n in NAMES)]
    time = datetime(2011, 1, 1)
    for row in range(2 * 365 * 96):
        start, time = time, time + timedelta(minutes=15)
        values = np.round(rng.uniform(1, 9, 4), 6)
        values[1] *= row >= 500
        values[2] *= row < 60_000
        if start.hour == 1 and start.date() in {datetime(2011, 3, 27).date(), datetime(2012, 3, 25).date()}:
            values[:] = 0
        if start.hour == 1 and start.date() in {datetime(2011, 10, 30).date(), datetime(2012, 10, 28).date()}:
            values *= 2
        lines.append(f'"{time}";' + ";".join(f"{v:.6g}".replace(".", ",") for v in values))
    path.write_text("\n".join(lines) + "\n")
    return path


def counts(findings, meter):
    return {f.kind: f.count for f in findings if f.meter == meter}


def test_raw_file_is_known_by_its_layout(raw):
    readings = read(raw)
    assert readings.meters == NAMES
    assert (readings.step, readings.zone, readings.unit) == (timedelta(minutes=15), "Europe/Lisbon", "kW")
    assert readings.frame.height == 4 * (2 * 365 * 96 - 8)
    assert readings.frame["ds"][0] == datetime(2011, 1, 1, tzinfo=UTC)
    assert counts(readings.findings, "MT_001") == {"not_existing": 8, "repeated_hour": 8}
    one = check(readings).frame.filter(unique_id="MT_001")
    assert (one["quality"] == "suspect").sum() == 8
    assert (one["y"] == 0).sum() == 0


def test_conversion_is_what_reading_and_checking_give(raw, tmp_path):
    done = convert(raw, tmp_path / "a.parquet")
    assert (done.rows, done.meters) == (4 * (2 * 365 * 96 - 8), tuple(NAMES))
    assert counts(done.readings.findings, "MT_002") == {"not_existing": 8, "repeated_hour": 8, "not_yet_there": 500}
    assert counts(done.readings.findings, "MT_003")["no_more_there"] == 2 * 365 * 96 - 60_000
    back = read(tmp_path / "a.parquet")
    assert (back.step, back.zone, back.unit) == (timedelta(minutes=15), "Europe/Lisbon", "kW")
    plain = read(raw)
    assert back.frame.drop("quality").equals(plain.frame.drop("quality"))
    assert check(back).frame.equals(check(plain).frame)
    assert [p.name for p in tmp_path.iterdir()] == ["a.parquet"]


def test_some_clients_and_a_span(raw, tmp_path):
    told = []
    done = convert(
        raw,
        tmp_path / "a.parquet",
        meters=["MT_003", "MT_001"],
        start=datetime(2011, 7, 1),
        end=datetime(2011, 7, 2),
        progress=lambda rows, meters: told.append((rows, meters)),
    )
    assert (done.rows, done.meters) == (192, ("MT_003", "MT_001"))
    frame = read(tmp_path / "a.parquet").frame
    assert frame["ds"].min() == datetime(2011, 6, 30, 23, tzinfo=UTC)
    assert told[-1] == (2 * 365 * 96, 2)
    assert read(raw, meters=["MT_003"], start=datetime(2011, 7, 1), end=datetime(2011, 7, 2)).frame.height == 96
    with pytest.raises(ReadingsError, match="no meter 'x'"):
        convert(raw, tmp_path / "b.parquet", meters=["x"])


def test_halving_shares_the_hour_that_is_there_twice(raw, tmp_path):
    convert(raw, tmp_path / "a.parquet", layout=Layout(halve=True))
    back = read(tmp_path / "a.parquet").frame
    assert back.equals(read(raw, halve=True).frame.with_columns(back["quality"]))
    one = back.filter(unique_id="MT_001")
    assert one["ds"].diff().drop_nulls().unique().to_list() == [timedelta(minutes=15)]
    assert one["y"].max() < 9.01


def test_from_its_zip(raw, tmp_path):
    with zipfile.ZipFile(tmp_path / "LD2011_2014.txt.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.write(raw, "LD2011_2014.txt")
        packed.writestr("__MACOSX/._LD2011_2014.txt", b"x")
    done = convert(tmp_path / "LD2011_2014.txt.zip", tmp_path / "a.parquet", meters=["MT_001"])
    assert done.rows == 2 * 365 * 96 - 8
    (tmp_path / "raw.txt.gz").write_bytes(gzip.compress(raw.read_bytes()))
    assert convert(tmp_path / "raw.txt.gz", tmp_path / "b.parquet", meters=["MT_001"]).rows == done.rows
    assert read(tmp_path / "raw.txt.gz", meters=["MT_001"]).zone == "Europe/Lisbon"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"2011-01-01 00:45:00";', '"2011-01-01 00:45:00";oops;', "line 4: 6 cells where 5"),
        ('"2011-01-01 00:45:00";', '"2011-01-01 00:50:00";', "line 4: .* not 15 min later"),
        ('"2011-01-01 00:45:00";', '"soon";', "line 4: the time '\"?soon\"?' cannot be read"),
        ('"2011-01-01 01:00:00";', '"2011-01-01 01:00:00";x', "line 5: column 'MT_001' holds 'x.*' where a number"),
    ],
)
def test_bad_raw_files(raw, tmp_path, old, new, words):
    head = "\n".join(raw.read_text().split("\n")[:300]) + "\n"
    (tmp_path / "bad.txt").write_text(head.replace(old, new))
    with pytest.raises(ReadingsError, match=words):
        convert(tmp_path / "bad.txt", tmp_path / "a.parquet")
    assert not (tmp_path / "a.parquet").exists()


def test_any_other_file(tmp_path):
    synthetic(meters=2, days=2).write_csv(tmp_path / "a.csv")
    done = convert(tmp_path / "a.csv", tmp_path / "deep" / "a.parquet", layout=Layout(unit="kWh", zone="Europe/Berlin"))
    assert (done.rows, done.meters) == (96, ("meter_1", "meter_2"))
    back = read(tmp_path / "deep" / "a.parquet")
    assert (back.unit, back.zone, back.covariates) == ("kWh", "Europe/Berlin", ["temperature"])
    with pytest.raises(ReadingsError, match="cannot be written"):
        convert(tmp_path / "a.csv", tmp_path / "a.csv" / "b.parquet")
