"""What the scores say, in plain words and numbers that read well."""

from __future__ import annotations

import math
from collections.abc import Sequence

from wattcast.evaluate import NETWORK, Scores, beats

_COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def number(value: float, digits: int = 4) -> str:
    """Four significant digits, thousands apart; a dash for what is not a number."""
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(places, 6)}f}"


def percent(share: float, digits: int = 2) -> str:
    """A share as per cent; a dash for what is not a number."""
    return f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%" if math.isfinite(share) else "–"


def headline(scores: Scores) -> str:
    """One sentence: does the network beat its baselines?"""
    if not scores.models:
        return "No model could be scored: the readings are too few."
    if NETWORK not in scores.models:
        best = min(scores.models, key=lambda n: scores.models[n]["mae"])
        return f"The best of {_count(len(scores.models))} baselines is {_words(best)}."
    if not scores.skill:
        return f"{NETWORK} stands alone: no baseline could be scored beside it."
    lost = [n for n, s in scores.skill.items() if not s["mae"] > 0]
    if beats(scores):
        n = len(scores.skill)
        many = {1: "its baseline", 2: "both baselines"}.get(n, f"all {_count(n)} baselines")
        return f"{NETWORK} beats {many}."
    if len(lost) == len(scores.skill):
        return f"{NETWORK} does not beat a single baseline. Use {_words(_best(lost, scores))} instead."
    return f"{NETWORK} does not beat {_listed(lost)}. Use {_words(_best(lost, scores))} instead."


def summary(scores: Scores, unit: str = "") -> list[str]:
    """Sentences below the headline: by how much, against which baseline, what was left out."""
    if NETWORK not in scores.models or not scores.skill:
        return list(scores.left_out.values())
    ours = scores.models[NETWORK]
    rest = {n: m for n, m in scores.models.items() if n != NETWORK}
    best = min(rest, key=lambda n: rest[n]["mae"])
    gap = scores.skill[best]["mae"]
    than = f"{percent(abs(gap), 1)} {'smaller' if gap > 0 else 'larger'} than"
    if not math.isfinite(gap):
        than = "no better than"
    unit = f"\N{NO-BREAK SPACE}{unit}" if unit else ""
    lines = [
        f"Its mean absolute error is {number(ours['mae'])}{unit} ({percent(ours['wape'])} of the load)."
        f" That is {than} that of the best baseline, {_words(best)} ({number(rest[best]['mae'])}{unit}).",
        f"Its 80 % interval held {percent(ours['coverage_80'], 0)} of the {scores.points:,} readings.",
    ]
    return lines + list(scores.left_out.values())


def against(scores: Scores) -> list[str]:
    """A sentence for each baseline: by how much it is beaten, or not."""
    out = []
    for name, s in scores.skill.items():
        mae, pinball = percent(abs(s["mae"]), 1), percent(abs(s["pinball"]), 1)
        if not math.isfinite(s["mae"]):
            out.append(f"{_words(name)}: not beaten; it makes no error at all")
            continue
        said = "beaten" if s["mae"] > 0 else "not beaten"
        first, second = ("smaller" if s[k] > 0 else "larger" for k in ("mae", "pinball"))
        out.append(f"{_words(name)}: {said}; error {mae} {first}, pinball loss {pinball} {second}")
    return out


def _best(names: Sequence[str], scores: Scores) -> str:
    return min(names, key=lambda n: scores.models[n]["mae"])


def _listed(names: Sequence[str]) -> str:
    words = [_words(n) for n in names]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _count(n: int) -> str:
    return _COUNTS[n] if n < len(_COUNTS) else str(n)


def _words(name: str) -> str:
    return name.replace("_", " ")
