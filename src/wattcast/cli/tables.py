"""Scores as a table in the terminal."""

from __future__ import annotations

from typing import Any

from rich.table import Table


def scores_table(scores: dict[str, Any]) -> Table:
    """`models` and `skill` of `Scores.json`: the network first, then by error; the best of a column is bold."""
    models, skill = scores["models"], scores["skill"]
    heads = {"mae": "MAE", "rmse": "RMSE", "mape": "MAPE", "mase": "MASE", "pinball_rel": "pinball"}
    heads["coverage_80"] = "80 %"
    said = "pinball: over the mean load; 80 %: share inside that band; skill: how much less MAE"
    table = Table(box=None, pad_edge=False, caption=said, caption_justify="left", header_style="bold")
    table.add_column("model", no_wrap=True)
    for head in heads.values():
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("skill", justify="right", no_wrap=True)
    order = sorted(models, key=lambda n: (n != "wattcast", models[n]["mae"]))
    best = {k: min(_badness(k, models[n][k]) for n in order) for k in heads}
    for name in order:
        row = models[name]
        cells = [f"[bold]{_cell(k, row[k])}[/]" if _badness(k, row[k]) == best[k] else _cell(k, row[k]) for k in heads]
        saved = skill.get(name, {}).get("mae")
        table.add_row(
            name, *cells, "" if saved is None else f"{saved:+.1%}", style="cyan" if name == "wattcast" else None
        )
    return table


def _cell(key: str, value: float | None) -> str:
    if value is None:
        return "–"
    shares = {"mape": ".2%", "pinball_rel": ".2%", "coverage_80": ".1%"}
    return format(value, shares.get(key, ".4g"))


def _badness(key: str, value: float | None) -> float:
    if value is None:
        return float("inf")
    return abs(value - 0.8) if key == "coverage_80" else value
