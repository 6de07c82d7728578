"""A backtest as the sections of a page: scores, real days, errors by lead, hour and meter, calibration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from wattcast.evaluate import METRICS, NETWORK, PEAK_METRICS, Backtest, Scores
from wattcast.evaluate.metrics import wape
from wattcast.report import plots
from wattcast.report.page import Code, Figure, Part, Section, Table, Text, page
from wattcast.report.words import against, headline, number, percent, summary, tested, verdicts
from wattcast.schema import Finding

#: Metrics given as shares; and what each is called in a table's head.
_SHARES = ("mape", "wape", "pinball_rel", "coverage_80")
_HEADS = {
    "mae": "MAE",
    "rmse": "RMSE",
    "mape": "MAPE",
    "wape": "WAPE",
    "mase": "MASE",
    "pinball": "pinball",
    "pinball_rel": "pinball ÷ mean",
    "coverage_80": "in 80 % band",
    "mse": "MSE",
}
_PEAK_HEADS = {
    "peak_height": "height error",
    "peak_hour": "hour hit",
    "top_hours": "top 3 hours",
    "precision": "precision",
    "recall": "recall",
    "pinball_peak": "peak pinball",
}
#: More findings than this are counted, not listed.
MOST_FINDINGS = 40


def backtest_page(
    test: Backtest,
    scores: Scores,
    *,
    title: str,
    unit: str = "",
    findings: Sequence[Finding] = (),
    settings: Mapping[str, object] | None = None,
    command: str = "",
) -> str:
    """The report of a backtest as one HTML page.

    Args:
        test: what was forecast and what came.
        scores: its comparison.
        title: what was forecast, such as the file's name.
        unit: of the readings.
        findings: what was seen in the readings.
        settings: the settings in force.
        command: the command line that makes the report again.
    """
    sections = [scores_section(test, scores, unit), *days_sections(test, scores, unit)]
    sections.append(errors_section(test, scores))
    sections += peaks_sections(test, scores, unit)
    if len(test.panel.ids) > 1:
        sections.append(meters_section(test, scores, unit))
    sections.append(findings_section(findings))
    sections += reproduce_sections(settings or {}, command)
    good = "worse" not in verdicts(scores).values()
    return page(title, headline(scores), sections, summary=[_about(test), *summary(scores, unit)], good=good)


def scores_section(test: Backtest, scores: Scores, unit: str = "") -> Section:
    """The table of scores, the network first, and its skill against each baseline."""
    order = sorted(scores.models, key=lambda n: (n != NETWORK, scores.models[n]["mae"]))
    keys = [k for k in METRICS if k != "mse"]
    rows, best = [], set()
    for name in order:
        row = scores.models[name]
        values = [percent(row[k], 1 if k == "coverage_80" else 2) if k in _SHARES else number(row[k]) for k in keys]
        spent = test.seconds.get(name, {})
        rows.append([_words(name), *values, number(spent.get("fit", np.nan) + spent.get("predict", np.nan), 2)])
    for c, key in enumerate(keys, start=1):
        column = [_distance(key, scores.models[n][key]) for n in order]
        if np.isfinite(column).any():
            best |= {(r, c) for r, v in enumerate(column) if v == np.nanmin(column)}
    note = f"Best in bold. MAE, RMSE and pinball in {unit}." if unit else "Best in bold."
    if scores.zeros:
        note += f" MAPE leaves out {scores.zeros:,} readings of 0."
    note += " MASE is the error over that of last week's same hour in the training part."
    head = ["model", *(_HEADS[k] for k in keys), "seconds"]
    marked = frozenset(r for r, n in enumerate(order) if n == NETWORK)
    parts: list[Part] = [Table(head, rows, frozenset(best), marked, note)]
    if scores.skill:
        said = against(scores)
        hardest = {n: scores.skill[n] for n in order if n in scores.skill}
        picture = plots.skill_bars(hardest, scores.tests, title=f"How much smaller {NETWORK}'s error is")
        alt = "Bars, one a baseline. " + ". ".join(said) + "."
        parts += [Figure(picture, alt, _luck(scores)), Text(said, beside=True)]
    return Section("scores", "Scores", parts)


def days_sections(test: Backtest, scores: Scores, unit: str = "") -> list[Section]:
    """Forecast and readings: the last week; the best, the median and the worst forecast."""
    name = shown_model(scores)
    if name is None:
        return []
    meter = _typical_meter(scores, name)
    label = f" of {test.panel.ids[meter]}" if len(test.panel.ids) > 1 else ""
    y, q = test.y[..., meter], test.forecasts[name][..., meter, :]
    times = _local_times(test)
    rows, leads = _last_week(test)
    alt = f"Forecast of {name}{label} with its 80 and 90 % bands against the readings"
    last = plots.forecast(
        times[rows, leads], y[rows, leads], q[rows, leads], title=f"The last week{label}", unit=unit,
        model=name, wide=True,
    )  # fmt: skip
    meters = len(test.panel.ids)
    shown = f"Shown is {test.panel.ids[meter]}, the meter whose error is the median one of {meters:,}."
    parts: list[Part] = [Text([shown])] if label else []
    parts += [Figure(last, f"{alt}: the last week.", wide=True)]
    for kind, i, error in _picked(y, q):
        when = f"{times[i, 0].astype(object):%a %d %b %Y}"
        title = f"{kind}: {when}, WAPE {percent(error, 1)}"
        picture = plots.forecast(times[i], y[i], q[i], title=title, unit=unit, model=name)
        parts.append(Figure(picture, f"{alt}: the {kind.lower()} forecast, from {when}."))
    return [Section("days", "Forecast and what came", parts)]


def errors_section(test: Backtest, scores: Scores) -> Section:
    """Error by lead, hour and kind of day, of the best models where they are many; calibration of the quantiles."""
    parts: list[Part] = []
    drawn = [n for n in scores.models if n in _first_models(scores, 6)]
    if len(scores.by_lead) > 1:
        lead = plots.error_lines(
            scores.by_lead.select("lead", *drawn), title="Error by hours ahead", xlabel="hours ahead"
        )
        parts.append(Figure(lead, "Lines of the error of each model over the hours ahead."))
    # Forecasts of a day at most that all begin at one hour: the hour would tell the lead's story again.
    if test.horizon > test.panel.day or len(np.unique(test.hours[:, 0])) > 1:
        hour = plots.error_lines(
            scores.by_hour.select("hour", *drawn), title="Error by hour of the day", xlabel="hour of the day"
        )
        parts.append(Figure(hour, "Lines of the error of each model over the hour of the day."))
    if len(scores.by_day_type) > 1:
        few = scores.by_day_type.select("day_type", *_first_models(scores, 4))
        kinds = plots.error_bars(few, title="Error by kind of day")
        parts.append(Figure(kinds, "Bars of the error of the best models on each kind of day."))
    shown = [n for n in (NETWORK, "ridge") if n in scores.models] or list(scores.models)[:2]
    table = scores.calibration.select("level", *shown)
    said = "On the dotted line, as many readings fall below a quantile as it says; above it, more do."
    curve = plots.calibration(table, title="Do the quantiles hold what they say?")
    parts.append(Figure(curve, f"Share of readings below each quantile for {' and '.join(shown)}.", said))
    return Section("errors", "Where the errors are", parts)


def peaks_sections(test: Backtest, scores: Scores, unit: str = "") -> list[Section]:
    """How well the highest loads are foreseen: a table of `evaluate.PEAK_METRICS`."""
    keys = [k for k in PEAK_METRICS if any(np.isfinite(row[k]) for row in scores.peaks.values())]
    if not keys:
        return []
    order = sorted(scores.peaks, key=lambda n: (n != NETWORK, scores.models[n]["mae"]))
    told: dict[str, Callable[[float], str]] = dict.fromkeys(keys, partial(percent, digits=1))
    told["pinball_peak"] = number
    rows = [[_words(n), *(told[k](scores.peaks[n][k]) for k in keys)] for n in order]
    best = set()
    for c, key in enumerate(keys, start=1):
        least = key in ("peak_height", "pinball_peak")
        column = [scores.peaks[n][key] * (1 if least else -1) for n in order]
        best |= {(r, c) for r, v in enumerate(column) if v == np.nanmin(column)}
    limit = test.limit[np.isfinite(test.limit)]
    where = f"{number(float(limit[0]))} {unit}".strip() if len(limit) == 1 else "each meter's own"
    note = (
        "Height: |highest forecast − highest reading| of a day over the reading. Hour: days whose highest hour is hit."
        " Top 3: share of a day's three highest hours that are named. Precision: of the steps forecast above the limit,"
        " those that were; recall: of the steps that were, those forecast. Pinball: loss above the limit alone"
        f"{f' [{unit}]' if unit else ''}. Limit: {where}."
    )
    marked = frozenset(r for r, n in enumerate(order) if n == NETWORK)
    table = Table(["model", *(_PEAK_HEADS[k] for k in keys)], rows, frozenset(best), marked, note)
    return [Section("peaks", "Peaks", [table])]


def meters_section(test: Backtest, scores: Scores, unit: str = "") -> Section:
    """Error of the network and of its best baseline by meter; the best and the worst meter."""
    shown = _first_models(scores, 2)
    table = scores.by_meter.select(scores.by_meter.columns[0], *shown).drop_nulls()
    picture = plots.meter_errors(table, title="Error by meter")
    text = f"Error of {' and '.join(_words(n) for n in shown)} by meter."
    parts: list[Part] = [Figure(picture, text)]
    if len(shown) == 2:
        won = int((table[shown[0]] < table[shown[1]]).sum())
        said = f"The error of {shown[0]} is smaller than that of {_words(shown[1])} on {won} of {len(table)} meters."
        parts.append(Text([said], beside=True))
    ranked = table.sort(shown[0])
    head = ["meter", *(f"{_words(n)}, WAPE" for n in shown)]
    if len(table) > plots.MANY_METERS:
        for some, caption in ((ranked.head(5), "smallest"), (ranked.tail(5)[::-1], "largest")):
            rows = [[str(row[0]), *(percent(v) for v in row[1:])] for row in some.iter_rows()]
            said = f"The five meters with the {caption} error of {_words(shown[0])}."
            parts.append(Table(head, rows, caption=said, beside=True))
    rows_, leads = _last_week(test)
    times = _local_times(test)[rows_, leads]
    for kind, row in (("Best", 0), ("Worst", -1)) if len(ranked) > 1 else ():
        meter = ranked.to_series(0)[row]
        m = test.panel.ids.index(meter)
        y, q = test.y[rows_, leads, m], test.forecasts[shown[0]][rows_, leads, m]
        title = f"{kind} meter: {meter}, WAPE {percent(ranked[shown[0]][row], 1)}"
        week = plots.forecast(times, y, q, title=title, unit=unit, model=shown[0], wide=True)
        alt = f"The last week of the {kind.lower()} meter, {meter}, with bands and readings."
        parts.append(Figure(week, alt, wide=True))
    return Section("meters", "Meters", parts)


def findings_section(findings: Sequence[Finding]) -> Section:
    """What was seen in the readings, and what was done about it."""
    if not findings:
        return Section("data", "The readings", [Text(["Nothing odd was found in the readings."])])
    rows = [
        [f.meter, f.kind, f"{f.count:,}", _when(f.first), _when(f.last), f.action] for f in findings[:MOST_FINDINGS]
    ]
    more = len(findings) - len(rows)
    note = f"{more:,} more findings are not listed." if more > 0 else ""
    table = Table(["meter", "what", "readings", "first", "last", "done"], rows, caption=note, numeric=False)
    return Section("data", "The readings", [table])


def reproduce_sections(settings: Mapping[str, object], command: str) -> list[Section]:
    """Settings in force, and the command that gives this page again."""
    parts: list[Part] = [Text(["This command makes this page again."]), Code(command)] if command else []
    if settings:
        rows = [[k, _setting(v)] for k, v in _flat(settings)]
        parts.append(Table(["setting", "value"], rows, numeric=False))
    return [Section("again", "Settings, and how to get this page again", parts)] if parts else []


def shown_model(scores: Scores) -> str | None:
    """The network, or without one the best baseline; None where nothing is scored."""
    if NETWORK in scores.models:
        return NETWORK
    return min(scores.models, key=lambda n: scores.models[n]["mae"], default=None)


def _first_models(scores: Scores, count: int) -> list[str]:
    """The network and the best of the others."""
    order = sorted(scores.models, key=lambda n: (n != NETWORK, scores.models[n]["mae"]))
    return order[:count]


def _luck(scores: Scores) -> str:
    if not tested(scores):
        return "Too few origins to tell skill from luck."
    return "Lines: 95 % intervals from resampled blocks of days. Grey: a difference that may be luck."


def _about(test: Backtest) -> str:
    p, n = test.panel, len(test.origins)
    first, last = (f"{p.time(i):%d %b %Y}" for i in (test.origins[0], test.origins[-1]))
    meters = f"{len(p.ids):,} meters" if len(p.ids) > 1 else "one meter"
    hours = test.horizon * p.step.total_seconds() / 3600
    return (
        f"{n:,} forecasts of the next {hours:g} hours ({test.horizon} steps), made from {first} to {last}"
        f" for {meters}, each from the readings before it."
    )


def _typical_meter(scores: Scores, name: str) -> int:
    """The meter whose error is the median one."""
    error = scores.by_meter[name].to_numpy()
    order = np.argsort(np.where(np.isfinite(error), error, np.inf))
    return int(order[(np.isfinite(error).sum() - 1) // 2])


def _local_times(test: Backtest) -> np.ndarray:
    """Start of each target on the local clock `[origin, lead]`."""
    flat = test.panel.times(test.origins[0], test.origins[-1] + test.horizon)
    flat = flat if flat.dtype.time_zone else flat.dt.replace_time_zone("UTC")  # type: ignore[attr-defined]
    local = flat.dt.convert_time_zone(test.panel.zone).dt.replace_time_zone(None).to_numpy()
    return local[test.steps - test.origins[0]]


def _last_week(test: Backtest) -> tuple[np.ndarray, np.ndarray]:
    """Origins and leads of the newest forecast of each step of the last seven days."""
    end = test.origins[-1] + test.horizon
    first = max(end - 7 * test.panel.day, test.origins[0])
    newest = {int(s): (i, j) for i, row in enumerate(test.steps) for j, s in enumerate(row) if s >= first}
    pairs = np.array([newest[s] for s in sorted(newest)])
    return pairs[:, 0], pairs[:, 1]


def _picked(y: np.ndarray, q: np.ndarray) -> list[tuple[str, int, float]]:
    """Best, median and worst origin by WAPE, those without readings left out."""
    error = np.array([wape(a[:, None], b[:, None], np.ones(1)) for a, b in zip(y, q, strict=True)])
    order = np.argsort(np.where(np.isfinite(error), error, np.inf))[: np.isfinite(error).sum()]
    if not len(order):
        return []
    picks = {"Best": order[0], "Median": order[len(order) // 2], "Worst": order[-1]}
    return [(kind, int(i), float(error[i])) for kind, i in picks.items()]


def _distance(key: str, value: float) -> float:
    return abs(value - 0.8) if key == "coverage_80" else value


def _flat(settings: Mapping[str, object], prefix: str = "") -> list[tuple[str, object]]:
    out: list[tuple[str, object]] = []
    for key, value in settings.items():
        out += _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [(f"{prefix}{key}", value)]
    return out


def _setting(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _when(moment: object) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment is not None else "–"


def _words(name: str) -> str:
    return name.replace("_", " ")
