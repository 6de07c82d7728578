"""check: what is odd, in the terminal, as JSON and as a page."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta

import pytest

KEYS = {"meter", "readings", "ok", "suspect", "missing", "gap"}


@pytest.fixture
def odd(folder):
    """Thirty days of two meters: `a` stands still for a day and has no value twice, `b` is as it should be."""
    lines = ["meter,time,kW"]
    for meter in ("a", "b"):
        for i in range(30 * 24):
            load = f"{10 + 5 * math.sin(i / 24 * 2 * math.pi) + math.sin(7.7 * i):.3f}"
            if meter == "a":
                load = "12.345" if 240 <= i < 264 else "" if i in (100, 300) else load
            lines.append(f"{meter},{datetime(2024, 1, 1) + timedelta(hours=i)},{load}")
    path = folder / "odd.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_json_has_meters_quality_findings_and_notes(run, odd):
    result = run("check", odd, "--json", "--report", "r.html")
    assert result.exit_code == 0 and result.stdout.count("\n") == 1
    said = json.loads(result.stdout)
    assert set(said) == {"meters", "quality", "findings", "notes", "report"}
    a, b = said["meters"]
    assert set(a) == KEYS and (a["meter"], a["suspect"], a["missing"], a["gap"]) == ("a", 24, 2, 0)
    assert (b["meter"], b["readings"], b["ok"]) == ("b", 720, 720)
    assert said["quality"] == {"readings": 1440, "ok": 1414, "suspect": 24, "missing": 2, "gap": 0}
    frozen = next(f for f in said["findings"] if f["kind"] == "frozen")
    assert frozen["first"].startswith("2024-01-11T00:00") and frozen["last"].startswith("2024-01-11T23:00")
    assert (frozen["meter"], frozen["count"]) == ("a", 24) and "marked suspect" in frozen["action"]


def test_table_fits_80_columns(run, odd, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    result = run("check", odd)
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "2024-01-11 00:00" in result.stdout and "frozen" in result.stdout
    assert "1,414 of 1,440 readings of 2 meters are ok; 24 suspect, 2 missing." in result.stdout
    assert result.stdout.index("\na ") < result.stdout.index("\nb ")


def test_page_has_a_calendar_of_what_is_marked(run, odd, folder):
    run("check", odd)
    page = (folder / "wattcast-report" / "check.html").read_text()
    assert "Calendar of the quality of a" in page and "Calendar of the quality of b" not in page
    assert "data:image/png" in page and "http://" not in page.replace("http://www.w3.org", "")
    assert "1,414 of 1,440 readings" in page and "frozen" in page


def test_nothing_odd(run, folder, meter):
    result = run("check", meter)
    assert "All 1,440 readings of one meter look right." in result.stdout
    assert "Nothing is marked" in (folder / "wattcast-report" / "check.html").read_text()


def test_real_change_days(run, folder, data):
    """MT_200 by the Portuguese clock: an hour of March that is none, an hour of October that holds two."""
    said = json.loads(run("check", data / "uci10" / "LD_MT200_hour.csv", "--json").stdout)
    kinds = {f["kind"]: f["count"] for f in said["findings"]}
    assert kinds == {"skipped_hour": 3, "repeated_hour": 3} and said["quality"]["suspect"] == 6
