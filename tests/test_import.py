"""`import wattcast` and `wattcast --help` stay light; every public name is there."""

from __future__ import annotations

import subprocess
import sys

import pytest

import wattcast

HEAVY = ("jax", "polars", "matplotlib", "pandas", "equinox", "optax", "narwhals", "jinja2")


def loaded(code):
    """Modules that are there after the code has run in a process of its own."""
    tail = "\nimport sys; print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code + tail], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "code",
    [
        "import wattcast",
        "import wattcast; dir(wattcast); wattcast.__version__",
        "import wattcast.cli",
        "from typer.testing import CliRunner; from wattcast.cli.app import app\n"
        "assert 'Example' in CliRunner().invoke(app, ['fit', '--help']).output",
        "from typer.testing import CliRunner; from wattcast.cli.app import app\n"
        "assert 'backtest' in CliRunner().invoke(app, ['--help']).output",
    ],
)
def test_nothing_heavy_is_imported(code):
    found = loaded(code)
    assert "wattcast" in found and not found & set(HEAVY)


def test_the_measure_sees_heavy_imports():
    assert {"jax", "polars", "pydantic"} <= loaded("from wattcast import LoadForecaster")


@pytest.mark.parametrize("name", wattcast.__all__)
def test_public_names_are_there_and_described(name):
    value = getattr(wattcast, name)
    assert name in dir(wattcast)
    assert value.__doc__ if name != "__version__" else value


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = wattcast.nope


@pytest.mark.parametrize(
    "before", ["", "wattcast.LoadForecaster", "import wattcast.read.weather", "wattcast.synthetic"]
)
def test_rooms_that_bear_the_name_of_a_function_can_be_called(tmp_path, before):
    wattcast.synthetic(meters=1, days=3).write_csv(tmp_path / "a.csv")
    code = f"""import wattcast
{before}
readings = wattcast.read({str(tmp_path / "a.csv")!r})
assert len(wattcast.check(readings).frame) == 72 and wattcast.describe(readings)[0]["count"] == 72
from wattcast import check, read
assert read is wattcast.read and check(readings).frame.equals(wattcast.check.check(readings).frame)
"""
    assert "polars" in loaded(code)
