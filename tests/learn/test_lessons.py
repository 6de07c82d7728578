"""What all lessons have in common, and the verb that shows them."""

from __future__ import annotations

import json
import re

import pytest
from typer.testing import CliRunner

import wattcast.learn
from wattcast.cli.app import app
from wattcast.learn import TOPICS
from wattcast.learn.lesson import Lesson
from wattcast.report.page import Figure, Section, Text


@pytest.fixture
def stand_in(monkeypatch):
    """A lesson that takes no time, in place of every topic's."""
    drawn = Figure("<svg><text>course</text></svg>", "a course")
    sections = [Section("one", "One", [Text(["In [words]."]), drawn])]
    made = Lesson("elman", "A title", "A headline.", sections, {"number": 1.5, "name": "x", "nan": float("nan")})
    monkeypatch.setattr(wattcast.learn, "run", lambda topic: made)


def run(*words):
    return CliRunner().invoke(app, ["learn", *map(str, words)])


def test_words_and_page(stand_in, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("elman")
    assert result.exit_code == 0 and "In [words]." in result.stdout and "A headline." in result.stdout
    page = (tmp_path / "wattcast-report" / "learn-elman.html").read_text()
    assert "<svg><text>course</text></svg>" in page and "A headline." in page
    assert not re.search(r"""(?:src|href)=["']https?:""", page)


def test_json(stand_in, tmp_path):
    result = run("elman", "--json", "--report", tmp_path / "deep" / "page.html")
    said = json.loads(result.stdout)
    assert said["facts"] == {"number": 1.5, "name": "x", "nan": None}
    assert (said["topic"], said["title"]) == ("elman", "A title") and (tmp_path / "deep" / "page.html").is_file()


def test_topics_are_listed():
    listed = run().stdout
    assert all(topic in listed for topic in TOPICS)
    assert json.loads(run("--json").stdout) == {"topics": TOPICS}


def test_an_unknown_topic_is_told_in_one_sentence():
    result = run("nope")
    said = " ".join(result.stderr.split())
    assert result.exit_code == 2 and f"There is no topic 'nope'; there are {', '.join(TOPICS)}." in said


def test_a_folder_is_no_page(tmp_path):
    assert run("elman", "--report", tmp_path).exit_code == 2
