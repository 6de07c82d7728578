"""Options that several verbs share, each said once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattcast.cli.console import Exit, fail, note, usage

if TYPE_CHECKING:
    from wattcast.schema import Readings
    from wattcast.settings import ReadSettings, Settings

File = Annotated[Path, typer.Argument(help="CSV, Parquet, ... with readings.", show_default=False)]
Horizon = Annotated[
    str | None,
    typer.Option(help="Steps ahead (48), or a time (24h, 2d). Default: a day.", show_default=False),
]
Known = Annotated[
    str | None, typer.Option(help="Covariate columns known ahead, with commas between.", show_default=False)
]
Country = Annotated[
    str | None, typer.Option(help="Country of the public holidays: DE, US, AU-VIC.", show_default=False)
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
Id = Annotated[str | None, typer.Option(help="Column of meter names.", show_default=False)]
Ds = Annotated[str | None, typer.Option(help="Column of times.", show_default=False)]
Y = Annotated[str | None, typer.Option(help="Column of the load.", show_default=False)]
Zone = Annotated[
    str | None, typer.Option(help="Clock of stamps without zone, and of midnights: Europe/Berlin.", show_default=False)
]
Meters = Annotated[str | None, typer.Option(help="Only these meters, with commas between.", show_default=False)]
Report = Annotated[Path, typer.Option(help="HTML report to write.", show_default=True)]


def listed(text: str | None) -> tuple[str, ...] | None:
    """`a,b` as ("a", "b")."""
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def readings(path: Path, how: ReadSettings) -> Readings:
    """A file, read and checked; what was taken for granted and what was found is said on stderr."""
    from wattcast.check import check
    from wattcast.read import read

    told = {k: v for k, v in how.model_dump(exclude={"meters"}).items() if v is not None}
    found = check(read(path, meters=how.meters, **told))
    for line in found.notes:
        note(line)
    for f in found.findings[:SHOWN]:
        when = f" from {f.first:%Y-%m-%d %H:%M} to {f.last:%Y-%m-%d %H:%M}" if f.first and f.last else ""
        note(f"{f.meter}: {f.kind}, {f.count} readings{when}: {f.action}")
    if len(found.findings) > SHOWN:
        note(f"... and {len(found.findings) - SHOWN} more findings; the report and --json list them all.")
    return found


SHOWN = 8


def steps(text: str | int, step: timedelta, what: str) -> int:
    """`48` or `24h` as a number of steps."""
    text = str(text)
    if text.isdigit() and int(text) > 0:
        return int(text)
    units = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
    number = text.rstrip("minhdw")
    unit = units.get(text[len(number) :])
    if unit is None or not number.isdigit():
        usage(f"{what} {text!r} is neither a number of steps nor a time such as 30min, 24h, 2d, 1w.")
    span = timedelta(**{unit: int(number)})
    if span < step or span % step:
        usage(f"{what} {text!r} is not a whole number of steps of {step}.")
    return span // step


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
