"""docs/readings.md: its calls inside sentences run, and it names every finding there is."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pages
import pytest

import wattcast
import wattcast.read.convert
import wattcast.read.layout
import wattcast.read.units
import wattcast.read.weather

PATH = pages.DOCS / "readings.md"
PAGE = PATH.read_text("utf-8")
CALLS = [p.text for p in pages.pieces(PATH) if p.kind == "inline" and re.fullmatch(r"[\w.]+\(.+\)", p.text)]


@pytest.fixture
def names(tmp_path, monkeypatch):
    """What its calls speak of."""
    monkeypatch.chdir(tmp_path)
    frame = wattcast.synthetic(meters=2, days=20)
    for name in ("meters.csv", "next.csv"):
        frame.write_csv(name)
    frame.write_parquet("meters.parquet")
    frame.write_database("readings", "sqlite:///meters.db")
    readings = wattcast.read("meters.csv", unit="kW")
    weather = frame.filter(unique_id="meter_1").select("ds", rain="temperature")
    names = {"wattcast": wattcast, "frame": frame, "answer": frame, "readings": readings, "weather": weather}
    exec("from wattcast.read import read, like; from wattcast.check import *", names)
    return {**names, "meter": "meter_1", "source": "meters.csv", "checked": wattcast.check(readings)}


def test_its_calls_run(names):
    assert len(CALLS) >= 9
    for call in CALLS:
        assert eval(call.replace('meters=["MT_001"]', 'meters=["meter_1"]'), dict(names)) is not None, call  # noqa: S307


def test_the_findings_it_names_are_those_there_are():
    table = PAGE[PAGE.index("| kind | what |") : PAGE.index("Of 200 faults")]
    named = set(re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in table.splitlines()[2:] if line)))
    source = Path(wattcast.__file__).parent
    found = set()
    for path in [*(source / "check").glob("*.py"), *(source / "read").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(getattr(node, "func", None), "id", "")
            place = {"Mark": 0, "Finding": 1, "_finding": 1, "_findings": 1}.get(name)
            if place is not None and isinstance(node.args[place], ast.Constant):
                found.add(node.args[place].value)
    assert found and found <= named
    assert named - found <= {"not_yet_there", "no_more_there", "duplicate", "conflict"}  # named in a loop there
