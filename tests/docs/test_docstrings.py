"""Examples in docstrings run; public functions say what they take, give and raise."""

from __future__ import annotations

import doctest
import inspect
from importlib import import_module
from pathlib import Path

import pytest

import wattcast

SOURCE = Path(wattcast.__file__).parent
MODULES = [
    ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted(SOURCE.rglob("*.py"))
    if ">>> " in path.read_text("utf-8")
]


def test_there_are_examples():
    assert len(MODULES) >= 3


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    assert doctest.testmod(import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0


@pytest.mark.parametrize("name", [n for n in wattcast.__all__ if n != "__version__"])
def test_arguments_are_described(name):
    value = getattr(wattcast, name)
    value = getattr(value, name) if inspect.ismodule(value) else value
    text = inspect.getdoc(value)
    if not inspect.isclass(value):
        for argument in inspect.signature(value).parameters:
            assert f"{argument}:" in text, argument
