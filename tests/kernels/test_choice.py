"""Which path is in force, and that it can be told."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from kernels.paths import TARGETS, needs_bf16, needs_native

from wattcast import kernels, library
from wattcast.kernels import native


def forget() -> None:
    """The library is looked for anew."""
    native.library.cache_clear()
    library.shared.cache_clear()


def said_by_a_new_process(**environment: str) -> str:
    code = "from wattcast import kernels; print(kernels.which())"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@needs_native
def test_names_target_and_threads() -> None:
    assert kernels.which() == f"native: {native.target()}, {native.threads()} threads"


@needs_native
def test_environment_chooses_target_and_threads() -> None:
    assert (
        said_by_a_new_process(WATTCAST_TARGET=TARGETS[-1], WATTCAST_THREADS="3") == f"native: {TARGETS[-1]}, 3 threads"
    )


@needs_bf16
def test_bf16_is_in_force_only_where_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATTCAST_TARGET", raising=False)
    assert native.targets()[0] != "bf16"
    assert said_by_a_new_process() == f"native: {native.targets()[0]}, {native.threads()} threads"
    assert said_by_a_new_process(WATTCAST_TARGET="bf16") == f"native: bf16, {native.threads()} threads"


def test_environment_asks_for_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATTCAST_KERNELS", "reference")
    assert kernels.which() == "plain JAX: WATTCAST_KERNELS asks for it"


def test_without_the_library_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "NAME", "not_built.so")
    forget()
    try:
        assert "not built" in kernels.which()
    finally:
        forget()


class Stale:
    """A library of another version: it has what is named here and no more."""

    def __init__(self, version: int | None) -> None:
        if version is not None:
            self.wattcast_interface = lambda: version


@pytest.mark.parametrize(
    ("version", "words"),
    [(None, "does not load"), (1, "has interface 1"), (library.INTERFACE, "lacks a function")],
)
@needs_native
def test_a_library_of_another_version_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, version: int | None, words: str
) -> None:
    monkeypatch.setattr(library.ctypes, "CDLL", lambda path: Stale(version))
    forget()
    try:
        assert kernels.which().startswith("plain JAX: ")
        assert words in kernels.which()
    finally:
        forget()


@needs_native
def test_unknown_target_is_refused() -> None:
    with pytest.raises(ValueError, match="runs no target 'mmx'"):
        native.use_target("mmx")
