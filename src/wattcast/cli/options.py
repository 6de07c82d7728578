"""Options that several verbs share, each said once."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattcast.cli.console import Exit, fail, note, usage

if TYPE_CHECKING:
    from wattcast.read.settings import ReadSettings
    from wattcast.schema import Finding, Readings
    from wattcast.settings import Settings

File = Annotated[
    str,
    typer.Argument(
        help="CSV, Parquet, ... with readings, or a database: sqlite:///meters.db, postgresql://...", show_default=False
    ),
]
Horizon = Annotated[
    str | None,
    typer.Option(help="Steps ahead (48), or a time (24h, 2d). Default: a day.", show_default=False),
]
Known = Annotated[
    str | None, typer.Option(help="Covariate columns known ahead, with commas between.", show_default=False)
]
Country = Annotated[
    str | None,
    typer.Option(
        help="Country of the public holidays: DE, US, AU-VIC; meter: each name is its code.", show_default=False
    ),
]
Seed = Annotated[int | None, typer.Option(help="All randomness follows from it.", show_default=False)]
Epochs = Annotated[int | None, typer.Option(help="Training epochs at most.", show_default=False)]
Members = Annotated[int | None, typer.Option(help="Networks whose mean is the forecast.", show_default=False)]
Cell = Annotated[str | None, typer.Option(help="elman, gru or lstm.", show_default=False)]
Config = Annotated[
    Path | None, typer.Option(help="TOML file: tables read, network, train, backtest.", show_default=False)
]
PrintConfig = Annotated[bool, typer.Option("--print-config", help="Print the settings in force, and stop.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout; progress stays on stderr.")]
Report = Annotated[Path, typer.Option(help="HTML report to write.", show_default=True)]

#: How a file is read, for every verb that reads one: name of the setting, type, options, help.
_READ: tuple[tuple[str, Any, tuple[str, ...], str], ...] = (
    ("id", str, (), "Column of meter names."),
    ("ds", str, (), "Column of times."),
    ("y", str, (), "Column of the load."),
    ("meters", str, (), "Only these meters, with commas between."),
    ("zone", str, (), "Clock of stamps without zone, and of midnights: Europe/Berlin."),
    ("label", str, (), "Side of the interval that stamps name: start or end."),
    ("unit", str, (), "Unit of the load: kW, kWh, MW."),
    ("step", str, (), "Length of an interval: 15min, 1h."),
    ("separator", str, (), "Sign between cells of a text."),
    ("decimal", str, (), "Sign before decimals in a text: . or ,"),
    ("day_first", bool, ("--day-first/--month-first",), "Order of day and month in 03/04/2025."),
    ("table", str, (), "Sheet of a spreadsheet, table of a database."),
    (
        "available_at",
        str,
        (),
        "When --known columns were there: a column of times, or 10:00 of the day before.",
    ),
    ("halve", bool, ("--halve",), "Where autumn's double hour is there once, give each of the two half of it."),
)


def reading(verb: Callable[..., None]) -> Callable[..., None]:
    """Gives a verb all options of how a file is read; it gets what was given as one dict, `read`.

    They are written into the signature, from which Typer takes options: so each is said once for all verbs, and
    none can have fewer than another.
    """

    @functools.wraps(verb)
    def command(**given: Any) -> None:
        read = {name: given.pop(name) for name, *_ in _READ}
        verb(**given, read={**read, "meters": listed(read["meters"])})

    whole = inspect.signature(verb, eval_str=True)
    own = [p.replace(kind=p.KEYWORD_ONLY) for p in whole.parameters.values() if p.name != "read"]
    added = []
    for name, kind, flags, about in _READ:
        option = typer.Option(*flags, help=about, show_default=False, rich_help_panel="How the file is read")
        annotation = Annotated[kind | None, option]
        added.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation))
    command.__signature__ = whole.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in (*own, *added)}
    return command


def listed(text: str | None) -> tuple[str, ...] | None:
    """`a,b` as ("a", "b")."""
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def readings(path: str, how: ReadSettings) -> Readings:
    """A file, read and checked; what was taken for granted and what was found is said on stderr."""
    found = checked(path, how)
    say(found.findings)
    return found


def checked(path: str, how: ReadSettings) -> Readings:
    """A file, read and checked; what was taken for granted is said on stderr."""
    from wattcast.check import check
    from wattcast.read import read

    found = check(read(path, meters=how.meters, **how.told()))
    for line in found.notes:
        note(line)
    return found


def say(findings: Sequence[Finding]) -> None:
    """The first findings, a line each, on stderr."""
    for f in findings[:SHOWN]:
        when = f" from {f.first:%Y-%m-%d %H:%M} to {f.last:%Y-%m-%d %H:%M}" if f.first and f.last else ""
        note(f"{f.meter}: {f.kind}, {f.count} readings{when}: {f.action}")
    if len(findings) > SHOWN:
        note(f"... and {len(findings) - SHOWN} more findings; `wattcast check` and --json list them all.")


SHOWN = 8


def without_password(words: Sequence[str]) -> list[str]:
    """Words of a command line, a database URL among them without its password."""
    hidden = (re.sub(r"(://[^/:@]*):.*@", r"\1:***@", word) for word in words)
    return [re.sub(r"([?&]password=)[^&]*", r"\1***", word) for word in hidden]


def steps(text: str | int, step: timedelta, what: str) -> int:
    """`48` or `24h` as a number of steps."""
    from wattcast.read.settings import span

    text = str(text)
    if text.isdigit() and int(text) > 0:
        return int(text)
    try:
        length = span(text)
    except ValueError:
        usage(f"{what} {text!r} is neither a number of steps nor a time such as 30min, 24h, 2d, 1w.")
    if length < step or length % step:
        usage(f"{what} {text!r} is not a whole number of steps of {step}.")
    return length // step


def place(output: Path) -> Path:
    """Where a result will be written; its folder is made before any work, so that none is lost for want of it."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        fail(f"The folder of {output} cannot be made: {e}.", Exit.INPUT)
    if output.is_dir():
        usage(f"{output} is a folder; name a file to write.")
    return output


def print_settings(settings: Settings, horizon: str | None) -> None:
    """The settings in force as TOML on stdout; a horizon that hangs on the step of the file is none of them."""
    import sys

    import tomli_w

    tables = settings.model_dump(mode="json", exclude_none=True)
    if horizon is not None and horizon.isdigit():
        tables["network"]["horizon"] = steps(horizon, timedelta(), "--horizon")
    elif horizon is not None or "horizon" not in settings.network.model_fields_set:
        del tables["network"]["horizon"]
    sys.stdout.write(tomli_w.dumps(tables))
    unset = [f"{stage}.{k}" for stage, table in settings.model_dump().items() for k in table if k not in tables[stage]]
    sys.stdout.write(f"# by rule from the data, or not used: {', '.join(unset)}\n")


def how_read(read: dict[str, Any]) -> ReadSettings:
    """How a file is read, of a verb that trains nothing: without the settings of networks, and so without JAX."""
    from wattcast.read.settings import Stages, validated

    return validated(Stages, {"read": {k: v for k, v in read.items() if v is not None}}).read


def in_force(config: Path | None, **options: dict[str, Any]) -> Settings:
    """Settings of the file with options on top."""
    from wattcast.settings import load_settings

    return load_settings(config, options)


def with_horizon(settings: Settings, horizon: str | None, step: timedelta) -> Any:
    """Network settings with the horizon in steps: the option's, else the file's, else a day."""
    if horizon is not None:
        return settings.network.model_copy(update={"horizon": steps(horizon, step, "--horizon")})
    if "horizon" in settings.network.model_fields_set:
        return settings.network
    return settings.network.model_copy(update={"horizon": max(1, round(timedelta(days=1) / step))})
