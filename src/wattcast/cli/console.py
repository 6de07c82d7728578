"""What all verbs share: where is printed to, how errors end, what a machine reads."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import IntEnum
from typing import Any, NoReturn

import typer
from rich.console import Console

#: Results go to stdout; progress, notes and errors to stderr, so that stdout can be piped.
out = Console()
err = Console(stderr=True)


class Exit(IntEnum):
    """Exit codes."""

    DONE = 0
    USAGE = 2
    INPUT = 3
    NO_SKILL = 4
    INTERRUPTED = 130


def fail(message: str, code: Exit) -> NoReturn:
    """Ends with one sentence on stderr."""
    err.print(f"[bold red]error:[/] {plain(message)}", soft_wrap=True)
    raise typer.Exit(code)


@contextmanager
def errors() -> Iterator[None]:
    """Turns what a user can mend into one sentence and an exit code; anything else stays a fault of ours."""
    from wattcast.schema import ReadingsError

    try:
        yield
    except ReadingsError as e:
        fail(str(e), Exit.INPUT)
    except ValueError as e:
        from wattcast.read.settings import SettingsError

        if isinstance(e, SettingsError):
            fail(str(e), Exit.USAGE)
        raise
    except OSError as e:  # a full disk, a folder that is not ours
        fail(f"{e}.", Exit.INPUT)
    except KeyboardInterrupt:
        fail("interrupted.", Exit.INTERRUPTED)


def usage(message: str) -> NoReturn:
    """Ends because the call does not make sense."""
    fail(message, Exit.USAGE)


def note(message: str) -> None:
    """One quiet line on stderr."""
    err.print(f"[dim]{plain(message)}[/]", soft_wrap=True)


def emit(answer: dict[str, Any]) -> None:
    """The one JSON object of a verb, on stdout."""
    sys.stdout.write(json.dumps(_plain(answer), default=str, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    """NaN and infinity have no JSON: null."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not abs(value) < float("inf"):
        return None
    return value.isoformat() if isinstance(value, datetime) else value


def plain(text: str) -> str:
    """Text of a file or a user as it is: no markup of ours, nothing that a terminal would obey."""
    from rich.markup import escape

    return escape("".join(c if c.isprintable() or c in "\n\t" else "?" for c in text))
