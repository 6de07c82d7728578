"""docs/readings.md: its Python and its command lines run, in one folder, from top to bottom."""

from __future__ import annotations

import ast
import re
import shlex
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import wattcast
import wattcast.read.convert
import wattcast.read.layout
import wattcast.read.units
import wattcast.read.weather
from wattcast.cli.app import app
from wattcast.settings import ReadSettings

PAGE = (Path(__file__).parents[1] / "docs" / "readings.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.S)
INLINE = [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.S))]
CALLS = [code for code in INLINE if re.fullmatch(r"[\w.]+\(.+\)", code)]
COMMANDS = [code for code in INLINE if re.match(r"wattcast \w", code)]
SMALL = "[network]\nhidden = [4]\ndecoder = 4\n[train]\nepochs = 1\nsteps = 2\nbatch = 2\ncontext = 4\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The files that the page speaks of."""
    monkeypatch.chdir(tmp_path)
    frame = wattcast.synthetic(meters=2, days=60)
    frame.write_csv("meters.csv")
    frame.write_csv("next.csv")
    frame.filter(unique_id="meter_1").write_csv("caiso.csv")
    frame.write_database("readings", "sqlite:///meters.db")
    times = [datetime(2011, 1, 1) + timedelta(minutes=15 * (i + 1)) for i in range(96)]
    rows = "".join(f'"{t}";{i % 7},5;{i}\n' for i, t in enumerate(times))
    Path("LD2011_2014.txt").write_text('"";"MT_001";"MT_002"\n' + rows)
    Path("small.toml").write_text(SMALL)
    return tmp_path


def test_the_python_and_the_command_lines_run(folder):
    weather = pl.DataFrame({"ds": [datetime(2024, 1, 1), datetime(2024, 1, 1, 1)], "rain": [0.0, 1.0]})
    names = {"wattcast": wattcast, "weather": weather, "meter": "meter_1", "source": "LD2011_2014.txt"}
    assert len(BLOCKS) == 2
    for block in BLOCKS:
        exec(compile(block, "docs/readings.md", "exec"), names)  # noqa: S102
    exec("from wattcast.read import like; from wattcast.check import *", names)
    names |= {"frame": wattcast.synthetic(), "answer": wattcast.synthetic()}
    assert len(CALLS) >= 9
    for call in CALLS:
        unit = {"readings": wattcast.read("meters.csv", unit="kW")} if "units" in call else {}
        assert eval(call, {**names, **unit}) is not None, call  # noqa: S307
    assert len(COMMANDS) == 4
    for command in COMMANDS:
        small = ["--config", "small.toml"] if "backtest" in command else []
        # the page's server is nobody's; tests/cli/test_database.py has one
        words = command.replace("postgresql://user:password@host/name", "sqlite:///meters.db")
        result = CliRunner().invoke(app, [*shlex.split(words)[1:], *small])
        assert result.exit_code == 0, (command, result.output, result.exception)
    assert Path("meters.parquet").exists() and list(Path("wattcast-report").iterdir())


def test_the_options_it_names_are_there():
    for option in re.findall(r"`--([a-z-]+)", PAGE):
        name = option.replace("month-first", "day-first").replace("-", "_")
        assert name in (*ReadSettings.model_fields, "config", "known"), option


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
