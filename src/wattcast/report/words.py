"""What the scores say, in plain words and numbers that read well."""

from __future__ import annotations

import math
from collections.abc import Sequence

from wattcast.evaluate import NETWORK, Scores

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
    """One sentence or two: which baselines does the network beat, beyond luck?"""
    if not scores.models:
        return "No model could be scored: the readings are too few."
    if NETWORK not in scores.models:
        best = min(scores.models, key=lambda n: scores.models[n]["mae"])
        return f"The best of {_count(len(scores.models))} baselines is {_words(best)}."
    if not scores.skill:
        return f"{NETWORK} stands alone: no baseline could be scored beside it."
    return _against_all(scores)


def _against_all(scores: Scores) -> str:
    told = verdicts(scores)
    told = {n: told[n] for n in sorted(told, key=lambda n: scores.models[n]["mae"])}
    better, worse, unclear = ([n for n in told if told[n] == v] for v in ("better", "worse", "no clear difference"))
    few = "" if tested(scores) else "Too few origins to tell skill from luck; on these, "
    aside = f"; no clear difference to {_listed(unclear, 'and')}" if unclear else ""
    if len(better) == len(told):
        many = {1: "its baseline", 2: "both baselines"}.get(len(told), f"all {_count(len(told))} baselines")
        return f"{few}{NETWORK} beats {many}."
    if not worse:
        beaten = f"{_count(len(better))} of {_count(len(told))} baselines" if better else "no baseline clearly"
        return f"{NETWORK} beats {beaten}{aside}."
    lost = "a single baseline" if len(worse) == len(told) else _listed(worse, "or")
    return f"{few}{NETWORK} does not beat {lost}{aside}. Use {_words(_best(worse, scores))} instead."


def tested(scores: Scores) -> bool:
    """Whether the origins were enough for a test."""
    return any(math.isfinite(t["mae"].low) or t["mae"].p == 0 for t in scores.tests.values())


def verdicts(scores: Scores) -> dict[str, str]:
    """By baseline: the network is "better", "worse", or "no clear difference"; by the sign alone where untested."""
    if tested(scores):
        return {n: t["mae"].verdict for n, t in scores.tests.items()}
    return {n: "better" if s["mae"] > 0 else "worse" for n, s in scores.skill.items()}


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
        f"Its 80 % interval held {_covered(scores)} of the {scores.points:,} readings.",
    ]
    return lines + list(scores.left_out.values())


def against(scores: Scores) -> list[str]:
    """A sentence for each baseline, the hardest first: better, worse or neither, and by how much."""
    out = []
    told = verdicts(scores)
    for name in sorted(scores.skill, key=lambda n: scores.models[n]["mae"]):
        s = scores.skill[name]
        if not math.isfinite(s["mae"]):
            out.append(f"not better than {_words(name)}, which makes no error at all")
            continue
        parts = [f"{percent(abs(s[k]), 1)} {'smaller' if s[k] > 0 else 'larger'}" for k in ("mae", "pinball")]
        said = (
            f"{told[name]} {'to' if told[name] == 'no clear difference' else 'than'} {_words(name)}: error {parts[0]}"
        )
        test = scores.tests.get(name, {}).get("mae")
        if test is not None and math.isfinite(test.low) and math.isfinite(test.high):
            said += f" (skill {percent(test.low, 1)} to {percent(test.high, 1)})"
        out.append(f"{said}, pinball loss {parts[1]}")
    return out


def _covered(scores: Scores) -> str:
    """Coverage of the network's 80 % band, and its standard error where there is one."""
    held = scores.coverage.get(NETWORK, {})
    share, error = held.get("80", scores.models[NETWORK]["coverage_80"]), held.get("80_se", math.nan)
    return f"{percent(share, 1)} ± {percent(error, 1)}" if math.isfinite(error) else percent(share, 0)


def _best(names: Sequence[str], scores: Scores) -> str:
    return min(names, key=lambda n: scores.models[n]["mae"])


def _listed(names: Sequence[str], last: str) -> str:
    words = [_words(n) for n in names]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def _count(n: int) -> str:
    return _COUNTS[n] if n < len(_COUNTS) else str(n)


def _words(name: str) -> str:
    return name.replace("_", " ")
