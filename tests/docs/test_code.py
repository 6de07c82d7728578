"""Every block of Python, every settings file and every command line of README and docs.

Files, and trainings cut short: what runs is the code of the page on small data, not its figures. A network is trained
once for all pages that ask for one of its kind; compiling each anew would take most of the time. Lines that would take
minutes, the network or other packages are parsed by the program with all their options, and say here why.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from dataclasses import replace
from datetime import datetime, timedelta

import pages
import polars as pl
import pytest
import typer
from typer.testing import CliRunner

import wattcast
from wattcast import estimator, train
from wattcast.cli.app import app
from wattcast.nets.forecaster import Forecaster
from wattcast.settings import load_settings

SMALL = {"hidden": (4,), "decoder": 4, "members": 1}
SHORT = {"epochs": 1, "steps": 2, "batch": 2, "context": 4, "final": False}
#: Verbs and options that are parsed here; what runs them.
PARSED = {
    "data": "downloads; tests/cli/test_data_and_doctor.py",
    "demo": "eight weeks of Victoria; `make demo`",
    "chapter": "a real training; tests/cli/test_chapter_verb.py",
    "learn": "up to a minute each; tests of their own",
    "--rivals": "needs the extra; tests/rivals",
    "vic_electricity.csv": "a full run",
}
#: Verbs that train, which takes most of the time: their first line runs, further ones are parsed.
TRAINING = {"fit", "backtest"}
#: Lines and training verbs run already; the same words do the same on another page.
done: set[str] = set()
#: Networks trained already, by what makes one like another: cell, covariates, meters, horizon, step, and its scores.
trained: dict[tuple, Forecaster] = {}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The files that the pages speak of."""
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(estimator, "fit", short)
    folder = tmp_path_factory.mktemp("files")
    frame = wattcast.synthetic(meters=2, days=60)
    frame.write_csv(folder / "meters.csv")
    frame.write_csv(folder / "next.csv")
    frame.filter(unique_id="meter_1").write_csv(folder / "caiso.csv")
    frame.write_database("readings", f"sqlite:///{folder / 'meters.db'}")
    times = [datetime(2011, 1, 1) + timedelta(minutes=15 * (i + 1)) for i in range(96)]
    rows = "".join(f'"{t}";{i % 7},5;{i}\n' for i, t in enumerate(times))
    (folder / "LD2011_2014.txt").write_text('"";"MT_001";"MT_002"\n' + rows)
    wattcast.LoadForecaster(24).fit(frame).save(folder / "model.wattcast")
    yield folder
    monkeypatch.undo()


def short(view, network, how, **rest):
    """A training of two batches, or what one gave for a network of the same kind."""
    panel = view.panel
    kind = (network.cell, network.known, len(panel.ids), network.horizon, panel.step, bool(rest.get("score")))
    if kind not in trained:
        trained[kind] = train.fit(view, network.model_copy(update=SMALL), how.model_copy(update=SHORT), **rest)
    settings = trained[kind].settings.model_copy(update={"at": network.at, "country": network.country})
    return replace(trained[kind], settings=settings, ids=panel.ids, zone=panel.zone)


@pytest.fixture
def folder(files, tmp_path, monkeypatch):
    """A folder of its own for each page."""
    for path in files.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def parsed(line: str) -> None:
    """The program takes the line: verb, arguments and options are there."""
    group, words = typer.main.get_command(app), shlex.split(line)[1:]
    while words and words[0] in getattr(group, "commands", {}):
        group = group.commands[words.pop(0)]
    assert not getattr(group, "commands", None), f"{line}: no such verb"
    try:
        group.make_context("wattcast", [w for w in words if w != "--help"])
    except Exception as error:
        raise AssertionError(f"{line}: {error}") from None


def ran(line: str) -> str:
    # the page's server is nobody's; tests/cli/test_database.py has one
    words = line.replace("postgresql://user:password@host/name", "sqlite:///meters.db")
    result = CliRunner().invoke(app, shlex.split(words)[1:])
    assert result.exit_code in (0, 4) if "--require-skill" in line else result.exit_code == 0, (line, result.output)
    return result.output


def transcript(text: str) -> None:
    """A console block: each line after `$`, and what the page says comes of it."""
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        line, _, said = part.partition("\n")
        words = [row.rstrip() for row in ran(line).strip().splitlines()]
        assert words == [row.rstrip() for row in said.strip().splitlines()], line


@pytest.mark.parametrize("page", pages.ENGLISH, ids=pages.name_of)
def test_the_code_of_a_page_runs(page, folder):
    weather = pl.DataFrame({"ds": [datetime(2024, 1, 1), datetime(2024, 1, 1, 1)], "rain": [0.0, 1.0]})
    names = {"weather": weather, "meter": "meter_1", "source": "LD2011_2014.txt"}
    for piece in pages.pieces(page):
        if piece.kind == "python":
            exec(compile(piece.text, str(page), "exec"), names)  # noqa: S102
        elif piece.kind == "toml":
            assert (title := re.search(r'title="([\w.]+)"', piece.more)), piece.text
            (folder / title[1]).write_text(piece.text)
            assert tomllib.loads(piece.text) and load_settings(folder / title[1], {})
        elif piece.kind == "console":
            transcript(piece.text)
        else:
            for line in pages.lines(piece, "wattcast"):
                told = [word for word in PARSED if word in line.split()]
                if piece.kind == "inline" and not re.match(r"wattcast [\w ]+ ?\S*[.:]\S", line) or told:
                    parsed_or_named(line)
                    continue
                verb = line.split()[1]
                key = verb if verb in TRAINING and "--print-config" not in line else line
                if key in done:
                    parsed(line)
                else:
                    ran(line)
                    done.add(key)


def parsed_or_named(line: str) -> None:
    """A line that is not run; one inside a sentence may name a verb alone (`wattcast fit`)."""
    words = shlex.split(line)[1:]
    group = typer.main.get_command(app)
    if len(words) == 1 and words[0] in group.commands:
        return
    parsed(line)


@pytest.mark.parametrize("page", pages.ENGLISH, ids=pages.name_of)
def test_other_programs_find_what_they_are_told(page):
    targets = set(re.findall(r"^(\w+):", (pages.ROOT / "Makefile").read_text(), re.M))
    extras = tomllib.loads((pages.ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for piece in pages.pieces(page):
        for line in pages.lines(piece, "make", "pip", "python", "pytest", "source"):
            words = shlex.split(line)
            for path in (w for w in words[1:] if re.match(r"(benchmarks|tests)/", w)):
                assert (pages.ROOT / path).exists(), line
                source = (pages.ROOT / path).read_text() if path.endswith(".py") else ""
                assert all(f'"{w}"' in source for w in words if w.startswith("--")), line
            if words[0] == "make":
                assert words[1] in targets, line
            for extra in re.findall(r"wattcast\[(\w+)\]", line):
                assert extra in extras, line


def test_every_option_a_page_names_is_there():
    options = {"--config"}
    for verb in everything(typer.main.get_command(app)):
        options |= {flag for p in verb.params for flag in (*p.opts, *p.secondary_opts)}
    for page in pages.ENGLISH:
        for piece in pages.pieces(page):
            if piece.kind == "inline" and re.match(r"--\w", piece.text):
                assert piece.text.split()[0].split("=")[0] in options | OTHERS, (pages.name_of(page), piece.text)


#: Options of benchmarks, and of every program.
OTHERS = {"--help", "--fold", "--beside", "--data", "--version"}


def everything(group):
    for verb in group.commands.values():
        yield from everything(verb) if getattr(verb, "commands", None) else [verb]


@pytest.mark.parametrize(
    "line", ["wattcast fit", "wattcast fit a.csv --nope", "wattcast bake a.csv", "wattcast data get"]
)
def test_a_wrong_line_is_seen(line):
    with pytest.raises(AssertionError):
        parsed(line)
