"""`wattcast inspect`: what a model file is, what it was trained on, and with which scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattcast.cli import options
from wattcast.cli.console import emit, errors, note, out, plain

if TYPE_CHECKING:
    from wattcast.runtime import Model

EXAMPLE = "Example: [bold]wattcast inspect model.wattcast --json[/]"
#: Meters named in the terminal.
MOST = 10


def command(
    model: Annotated[Path, typer.Argument(help="Model or checkpoint that `wattcast fit` wrote.", show_default=False)],
    json: options.Json = False,
) -> None:
    """What a model is: network, horizon, meters; what it was trained on; its scores beside the baselines."""
    with errors():
        found = _found(model)
        if json:
            emit(found)
            return
        _print(found)


def _found(path: Path) -> dict[str, Any]:
    from wattcast.nets.file import read
    from wattcast.runtime.model import opened

    tensors, header = read(path)
    model = opened(tensors, header, path)
    given, settings, about = model.grounds, header["settings"], header["about"]
    return {
        "model": str(path),
        "format": header["version"],
        "size": path.stat().st_size,
        "fingerprint": f"{model.fingerprint:016x}",
        "network": {k: settings[k] for k in ("cell", "hidden", "decoder", "members", "loss")},
        "parameters": _parameters(model),
        "linear": {"share": given.linear.share, "parameters": given.linear.weights.size},
        "horizon": settings["horizon"],
        "gap": settings["gap"],
        "step": given.step.total_seconds(),
        "at": settings["at"],
        "zone": given.zone,
        "unit": model.unit,
        "country": settings["country"],
        "known": list(model.known),
        "issued": model.issued,
        "meters": list(given.ids),
        "trained": {k: about.get(k) for k in ("from", "until", "readings", "best_epoch")},
        "settings": about.get("train"),
        "judged_from": about.get("judged_from"),
        "scores": _scores(about, path),
        "unfinished": _unfinished(header.get("progress")),
    }


def _parameters(model: Model) -> int:
    """Numbers that training set, of all members."""
    fixed = ("centre", "spread", "layers")
    arrays = [a for m in model.members for layer in m.layers for a in layer]
    arrays += [a for m in model.members for name, a in m._asdict().items() if name not in fixed]
    return sum(a.size for a in arrays)


def _scores(about: dict[str, Any], path: Path) -> Any:
    """As `Scores.json` has them; None where there are none."""
    from wattcast.cli.tables import scores_tables
    from wattcast.nets.file import not_whole

    scores = about.get("scores")
    if scores is not None:
        try:
            scores_tables(scores)  # a file may say anything
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
            raise not_whole(path, ValueError("its scores make no sense")) from None
    return scores


def _unfinished(progress: Any) -> dict[str, Any] | None:
    """Where an interrupted training stands; None where it came to its end."""
    if progress is None:
        return None
    told = progress if isinstance(progress, dict) else {}
    return {k: told.get(k) for k in ("stage", "epoch", "best_epoch")}


def _print(found: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _rows(found).items():
        table.add_row(name, plain(value))
    out.print(table)
    if found["scores"] is None:
        return
    from wattcast.cli.tables import scores_tables

    note("Scores on the validation tail, which chose the epoch: `wattcast backtest` gives an untouched test.")
    out.print()
    out.print(scores_tables(found["scores"]))


def _rows(found: dict[str, Any]) -> dict[str, str]:
    net, trained, linear, meters = found["network"], found["trained"], found["linear"], found["meters"]
    layers, step = " + ".join(map(str, net["hidden"])), found["step"] / 60
    named = ", ".join(meters[:MOST]) + (f", ... and {len(meters) - MOST:,} more" if len(meters) > MOST else "")
    rows = {
        "model": found["model"],
        "file": f"format {found['format']}, {found['size'] / 1000:,.1f} kB, fingerprint {found['fingerprint']}",
        "network": f"{net['members']} x {net['cell']} of {layers} units, decoder {net['decoder']}, {net['loss']}; "
        f"{found['parameters']:,} parameters",
        "linear path": f"{linear['share']:.0%} of the median; {linear['parameters']:,} parameters",
        "forecasts": f"{found['horizon']} steps of {step:g} min ahead"
        + (f", the first {found['gap']} left out" if found["gap"] else "")
        + f"; days begin at {found['at']} of {found['zone']}",
        "meters": f"{len(meters):,}: {named}; unit {found['unit'] or 'not known'}",
        "known ahead": (", ".join(found["known"]) or "nothing")
        + (", from when it was available" if found["issued"] else ""),
        "public holidays": _holidays(found["country"]),
        "trained on": f"{_time(trained['from'])} to {_time(trained['until'])} UTC, {_or(trained['readings'])} readings",
        "with": _settings(found["settings"]),
        "best epoch": _or(trained["best_epoch"]),
    }
    if (place := found["unfinished"]) is not None:
        rows["unfinished"] = (
            f"training stopped in stage {_or(place['stage'])} after epoch {_or(place['epoch'])}; "
            "`wattcast fit --resume` goes on from it"
        )
    if found["scores"] is None:
        rows["scores"] = "none"
    return rows


def _holidays(country: str | dict[str, str] | None) -> str:
    if isinstance(country, dict):
        return f"by meter: {', '.join(sorted(set(country.values())))}"
    return {None: "none", "meter": "by meter: names are codes"}.get(country, str(country))


def _settings(told: Any) -> str:
    """`epochs 15, ..., seed 0`; what is not set is left out."""
    if not isinstance(told, dict):
        return _or(None)
    return ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in told.items() if v is not None)


def _time(value: Any) -> str:
    return _or(value)[:16].replace("T", " ")


def _or(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if type(value) is int else str(value)
