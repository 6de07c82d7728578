"""Scores as tables in the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.table import Table

from wattcast.cli.console import plain


def scores_tables(scores: dict[str, Any]) -> Group:
    """`Scores.json`: every model's scores; below, where there is a network, how it stands against each other one."""
    order = sorted(scores["models"], key=lambda n: (n != "wattcast", scores["models"][n]["mae"]))
    tables = [_scores(scores["models"], order)]
    if scores["skill"]:
        tables.append(_compared(scores["skill"], scores.get("tests", {}), [n for n in order if n in scores["skill"]]))
    return Group(*tables)


def _scores(models: dict[str, Any], order: list[str]) -> Table:
    """The network first, then by error; the best of a column is bold."""
    heads = {"mae": "MAE", "rmse": "RMSE", "mape": "MAPE", "mase": "MASE", "pinball_rel": "pinball"}
    heads["coverage_80"] = "80 %"
    table = _table("pinball: over the mean load; 80 %: share inside that band")
    table.add_column("model", no_wrap=True)
    for head in heads.values():
        table.add_column(head, justify="right", no_wrap=True)
    best = {k: min(_badness(k, models[n][k]) for n in order) for k in heads}
    for name in order:
        row = models[name]
        cells = [f"[bold]{_cell(k, row[k])}[/]" if _badness(k, row[k]) == best[k] else _cell(k, row[k]) for k in heads]
        table.add_row(plain(name), *cells, style="cyan" if name == "wattcast" else None)
    return table


def _compared(skill: dict[str, Any], tests: dict[str, Any], order: list[str]) -> Table:
    """The network against each other model, the hardest first."""
    table = _table("skill: how much less MAE; better, worse: by the Diebold-Mariano test and the interval")
    table.add_column("against", no_wrap=True)
    table.add_column("skill", justify="right", no_wrap=True)
    table.add_column("95 % interval", justify="right", no_wrap=True)
    table.add_column("wattcast is", no_wrap=True)
    for name in order:
        saved, test = skill[name]["mae"], tests.get(name, {}).get("mae")
        known = test is not None and test["low"] is not None and test["high"] is not None
        between = f"{test['low']:+.1%} to {test['high']:+.1%}" if known else "–"
        verdict = test["verdict"] if known else "–"
        table.add_row(plain(name), "–" if saved is None else f"{saved:+.1%}", between, plain(verdict))
    return table


def _table(caption: str) -> Table:
    return Table(box=None, pad_edge=False, caption=caption, caption_justify="left", header_style="bold")


def _cell(key: str, value: float | None) -> str:
    if value is None:
        return "–"
    shares = {"mape": ".2%", "pinball_rel": ".2%", "coverage_80": ".1%"}
    return format(value, shares.get(key, ".4g"))


def _badness(key: str, value: float | None) -> float:
    if value is None:
        return float("inf")
    return abs(value - 0.8) if key == "coverage_80" else value
