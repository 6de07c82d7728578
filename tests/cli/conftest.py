"""Small files, a small network, and the command line run in this process."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from wattcast import synthetic
from wattcast.cli.app import app

CONFIG = """
[network]
hidden = [4]
decoder = 4
members = 1

[train]
epochs = 2
steps = 3
batch = 2
context = 4
"""


@pytest.fixture(scope="session")
def run():
    """`run(verb, ...)`: exit code, stdout and stderr; what is no exit is raised."""

    def run(*words):
        result = CliRunner().invoke(app, [str(w) for w in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty folder that verbs are run in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def meter(tmp_path_factory) -> Path:
    """60 days of one meter, hourly, with temperature."""
    path = tmp_path_factory.mktemp("readings") / "meter.csv"
    synthetic(meters=1, days=60).write_csv(path)
    return path


@pytest.fixture(scope="session")
def config(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("config") / "small.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope="session")
def model(run, meter, config, tmp_path_factory) -> Path:
    """A model that `wattcast fit` wrote: 24 steps ahead."""
    path = tmp_path_factory.mktemp("model") / "meter.wattcast"
    assert run("fit", meter, "-o", path, "--config", config).exit_code == 0
    return path
