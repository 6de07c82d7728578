"""Scores as a table in the terminal."""

from __future__ import annotations

from typing import Any

from rich.table import Table


def scores_table(scores: dict[str, Any]) -> Table:
    """`Scores.json`: the network first, then by error; the best of a column is bold; the last two columns compare."""
    models, skill, tests = scores["models"], scores["skill"], scores.get("tests", {})
    heads = {"mae": "MAE", "rmse": "RMSE", "mape": "MAPE", "mase": "MASE", "pinball_rel": "pinball"}
    heads["coverage_80"] = "80 %"
    said = (
        "pinball: over the mean load; 80 %: share inside that band; skill: how much less MAE, and its 95 % interval;"
        " wattcast is better or worse where the Diebold-Mariano test and the interval say so"
    )
    table = Table(box=None, pad_edge=False, caption=said, caption_justify="left", header_style="bold")
    table.add_column("model", no_wrap=True)
    for head in [*heads.values(), "skill"]:
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("wattcast is")
    order = sorted(models, key=lambda n: (n != "wattcast", models[n]["mae"]))
    best = {k: min(_badness(k, models[n][k]) for n in order) for k in heads}
    for name in order:
        row = models[name]
        cells = [f"[bold]{_cell(k, row[k])}[/]" if _badness(k, row[k]) == best[k] else _cell(k, row[k]) for k in heads]
        cells += _compared(skill.get(name, {}).get("mae"), tests.get(name, {}).get("mae"))
        table.add_row(name, *cells, style="cyan" if name == "wattcast" else None)
    return table


def _compared(saved: float | None, test: dict[str, Any] | None) -> tuple[str, str]:
    """Skill, and what the test says of it with the interval."""
    if saved is None:
        return "", ""
    skill = f"{saved:+.1%}"
    if test is None or test["low"] is None:
        return skill, ""
    said = {"better": "better", "worse": "worse"}.get(test["verdict"], "no clear difference")
    return skill, f"{said} ({test['low']:+.1%} to {test['high']:+.1%})"


def _cell(key: str, value: float | None) -> str:
    if value is None:
        return "–"
    shares = {"mape": ".2%", "pinball_rel": ".2%", "coverage_80": ".1%"}
    return format(value, shares.get(key, ".4g"))


def _badness(key: str, value: float | None) -> float:
    if value is None:
        return float("inf")
    return abs(value - 0.8) if key == "coverage_80" else value
