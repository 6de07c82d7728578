"""Files made to hurt: they are refused, soon and with a sentence."""

from __future__ import annotations

import gzip
import os
import zipfile

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wattcast.read import read
from wattcast.read.convert import convert
from wattcast.schema import ReadingsError

LINE = b"2024-01-01 00:00,0000000000000000\n"


@pytest.mark.parametrize("kind", ["gz", "zst", "zip"])
def test_bombs(tmp_path, kind):
    path = tmp_path / f"bomb.csv.{kind}"
    size = 300 * 2**20
    bulk = LINE * (2**20 // len(LINE))
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed, packed.open("a.csv", "w") as file:
            for _ in range(size // len(bulk)):
                file.write(bulk)
    elif kind == "gz":
        with gzip.open(path, "wb", compresslevel=9) as file:
            for _ in range(size // len(bulk)):
                file.write(bulk)
    else:
        with zstandard.open(path, "wb") as file:
            for _ in range(size // len(bulk)):
                file.write(bulk)
    with pytest.raises(ReadingsError, match="holds more than 256 MiB of text"):
        read(path)


def test_one_endless_line(tmp_path):
    path = tmp_path / "line.csv"
    with path.open("wb") as file:
        for _ in range(8):
            file.write(b"1,2,3," * 200_000)
    os.truncate(path, 2**31)  # sparse: 2 GiB that take no room
    with pytest.raises(ReadingsError, match="begins with a line of more than 4 MiB"):
        read(path)


def test_spreadsheet_bomb(tmp_path):
    pytest.importorskip("fastexcel", reason="spreadsheets need wattcast[excel]")
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed, packed.open("xl/sheet1.xml", "w") as file:
        for _ in range(1100):
            file.write(bytes(2**20))
    with pytest.raises(ReadingsError, match="too much for a spreadsheet"):
        read(path)


@pytest.mark.parametrize("wide", [False, True], ids=["long", "raw"])
@pytest.mark.parametrize(
    ("year", "words"),
    [
        ("2111", r"meter '\w+' has no reading between 2011-01-01 00:\d+ and 2111-01-01 00:\d+, with steps of 15 min"),
        ("6021", "the time lies in the year 6021"),
        ("0011", "the time lies in the year 11"),
    ],
)
def test_a_stamp_ages_off(tmp_path, wide, year, words):
    path, head = tmp_path / "a.csv", '"";"MT_001";"MT_002"' if wide else "ds;one"
    rows = ["2011-01-01 00:15:00", "2011-01-01 00:30:00", "2011-01-01 00:45:00", f"{year}-01-01 00:45:00"]
    path.write_text("\n".join([head, *(f'"{ds}";1{";2" * wide}' for ds in rows), ""]))
    with pytest.raises(ReadingsError, match=f"a.csv, line 5: {words}"):
        read(path)
    with pytest.raises(ReadingsError, match="a.csv, line 5: .*comes after" if wide else words):
        convert(path, tmp_path / "out.parquet")


def test_an_interval_with_a_control_sign_for_a_space(tmp_path):
    (tmp_path / "a.csv").write_bytes(b'ds,y\n"01/01/2025 00:15\x1f- 01/01/2025 00:30",2\n')
    with pytest.raises(ReadingsError, match="a.csv, line 2: the time is empty or unreadable"):
        read(tmp_path / "a.csv")


@pytest.mark.parametrize("cell", ['"', '"\r', '"\n'])
def test_a_quote_alone_among_the_clients_of_uci(tmp_path, cell):
    """Polars panics over it."""
    (tmp_path / "a.csv").write_text('"";"MT_001"\n"2011-01-01 00:15:00";' + cell, newline="")
    for work in (lambda: read(tmp_path / "a.csv"), lambda: convert(tmp_path / "a.csv", tmp_path / "out.parquet")):
        with pytest.raises(ReadingsError, match="a.csv, line 2: column 'MT_001' holds '\"' where a number should be"):
            work()
    assert not (tmp_path / "out.parquet").exists()


MAGIC = (
    b"",
    b"PAR1",
    b"ARROW1\0\0",
    b"PK\x03\x04",
    b"\x1f\x8b\x08",
    b"\x28\xb5\x2f\xfd",
    b'"";"MT_001"\n"2011-01-01 00:15:00";',
)
NAMES = ("a.csv", "a.parquet", "a.xlsx", "a.zip", "a.txt")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(magic=st.sampled_from(MAGIC), content=st.binary(max_size=200), name=st.sampled_from(NAMES))
def test_arbitrary_bytes_behind_any_beginning(tmp_path, magic, content, name):
    path = tmp_path / name
    path.write_bytes(magic + content)
    for work in (lambda: read(path), lambda: convert(path, tmp_path / "out.parquet")):
        try:
            work()
        except ReadingsError as error:
            assert "\n" not in str(error)
