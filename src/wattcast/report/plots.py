"""Pictures as SVG strings: a series, its mean day and week, a forecast and its bands, errors, calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.dates import date2num
from matplotlib.patches import Patch
from matplotlib.ticker import StrMethodFormatter
from numpy.typing import NDArray

from wattcast.evaluate import NETWORK, Difference
from wattcast.evaluate.metrics import MEDIAN, interval
from wattcast.features.calendar import calendar
from wattcast.features.panel import Floats, Panel
from wattcast.report.style import COLUMN, DASHES, INK, NETWORK_COLOUR, QUIET, UNCLEAR, WIDE, colour, dated, drawing
from wattcast.report.style import QUALITY_COLOURS as SHADES

#: More meters than this are drawn as a curve over ranks instead of one row each.
MANY_METERS = 24
#: Slots and days of a quality map; where there are more, some share a cell, which shows the worst of them.
MAP_CELLS = (24, 366)
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

Times = NDArray[np.generic]


def series(times: Times, y: Floats, *, title: str, unit: str = "", wide: bool = True) -> str:
    """Readings `[time]` over their times, or over their numbers where `times` are integers."""
    with drawing(WIDE if wide else COLUMN) as d:
        d.axes.plot(times, y, color=INK, linewidth=0.9)
        d.axes.set_title(title)
        d.axes.set_ylabel(unit)
        _time_axis(d.axes, times)
    return d.svg


def mean_day(panel: Panel, meter: int, *, title: str, unit: str = "") -> str:
    """Mean of each slot of the local day, workdays and weekends apart, with the middle half."""
    clock = calendar(panel.start, panel.step, panel.length, zone=panel.zone)
    y, free = panel.y[:, meter], clock.weekday >= 5
    with drawing() as d:
        for mask, name, shade in ((~free, "Monday to Friday", NETWORK_COLOUR), (free, "weekend", "#d55e00")):
            hours, low, middle, high = _by_slot(clock.hour[mask], y[mask])
            d.axes.plot(hours, middle, color=shade, label=name)
            d.axes.fill_between(hours, low, high, color=shade, alpha=0.15, linewidth=0)
        d.axes.set(xlim=(0, 24), xticks=range(0, 25, 6), xlabel="hour of the day", ylabel=unit)
        d.axes.set_title(title)
        d.axes.legend()
    return d.svg


def mean_week(panel: Panel, meter: int, *, title: str, unit: str = "") -> str:
    """Mean of each slot of the local week, with the middle half of the readings."""
    clock = calendar(panel.start, panel.step, panel.length, zone=panel.zone)
    days = clock.weekday + clock.hour / 24
    with drawing() as d:
        at, low, middle, high = _by_slot(days, panel.y[:, meter])
        d.axes.plot(at, middle, color=NETWORK_COLOUR)
        d.axes.fill_between(at, low, high, color=NETWORK_COLOUR, alpha=0.15, linewidth=0)
        d.axes.set(xlim=(0, 7), ylabel=unit, xticks=np.arange(7) + 0.5, xticklabels=WEEKDAYS)
        d.axes.set_title(title)
    return d.svg


def forecast(
    times: Times,
    y: Floats,
    quantiles: Floats,
    *,
    title: str,
    unit: str = "",
    model: str = NETWORK,
    wide: bool = False,
) -> str:
    """Median, 80 % and 90 % bands against what came.

    Args:
        times: `[step]`.
        y: `[step]`, NaN where missing.
        quantiles: `[step, quantile]` at `schema.QUANTILES`.
        title: what is seen.
        unit: of y.
        model: whose forecast it is.
        wide: whole width of the page.
    """
    shade = colour(model)
    with drawing(WIDE if wide else COLUMN) as d:
        for level, alpha in ((0.9, 0.14), (0.8, 0.22)):
            low, high = interval(level)
            band: dict[str, Any] = {
                "color": shade,
                "alpha": alpha,
                "linewidth": 0,
                "label": f"{100 * level:.0f} % band",
            }
            d.axes.fill_between(times, quantiles[:, low], quantiles[:, high], **band)
        d.axes.plot(times, quantiles[:, MEDIAN], color=shade, label=model)
        d.axes.plot(times, y, color=INK, linewidth=1.1, label="actual")
        d.axes.set_title(title)
        d.axes.set_ylabel(unit)
        _time_axis(d.axes, times)
        _legend_below(d.axes)
    return d.svg


def predicted(times: Times, y: Floats, predictions: Mapping[str, Floats], *, title: str, unit: str = "") -> str:
    """Point forecasts of one or more models `[step]` over what came."""
    with drawing(WIDE) as d:
        d.axes.plot(times, y, color=INK, linewidth=1.1, label="actual")
        for name, values in predictions.items():
            d.axes.plot(times, values, color=colour(name), linestyle=DASHES.get(name, "-"), label=name)
        d.axes.set_title(title)
        d.axes.set_ylabel(unit)
        _time_axis(d.axes, times)
        _legend_below(d.axes)
    return d.svg


def loss_curve(epochs: Sequence[Mapping[str, float]], *, title: str = "Loss by epoch") -> str:
    """Training and validation loss (keys `epoch`, `loss`, `val_loss`) on a logarithmic scale."""
    at = [e["epoch"] for e in epochs]
    with drawing() as d:
        d.axes.plot(at, [e["loss"] for e in epochs], color=QUIET, label="training", linestyle=(0, (5, 1.5)))
        d.axes.plot(at, [e["val_loss"] for e in epochs], color=NETWORK_COLOUR, label="validation")
        if all(e[k] > 0 for e in epochs for k in ("loss", "val_loss")):
            d.axes.set_yscale("log")
        d.axes.set_title(title)
        d.axes.set(xlabel="epoch", ylabel="loss")
        d.axes.legend()
    return d.svg


def skill_bars(
    skill: Mapping[str, Mapping[str, float]],
    tests: Mapping[str, Mapping[str, Difference]] | None = None,
    *,
    title: str,
) -> str:
    """How much smaller than each baseline's the network's error is [%]; bars to the left are losses.

    With `tests`, a line spans the 95 % interval, and bars whose difference may be luck are grey. A baseline without any
    error has no bar: nothing can be saved there.
    """
    names = [n for n in skill if np.isfinite(skill[n]["mae"])][::-1]
    values = np.array([100 * skill[n]["mae"] for n in names])
    found = [(tests or {}).get(n, {}).get("mae") for n in names]
    ends = [(100 * t.low, 100 * t.high) if t is not None else (np.nan, np.nan) for t in found]
    # Bars end at -100 %: a hopeless one would squeeze all others to nothing; its number says the rest.
    shown, ends = np.maximum(values, -100.0), [(max(a, -100.0), max(b, -100.0)) for a, b in ends]
    with drawing((COLUMN[0], 0.9 + 0.42 * max(len(names), 3))) as d:
        shades = [_skill_shade(v, t) for v, t in zip(values, found, strict=True)]
        d.axes.barh([_words(n) for n in names], shown, color=shades, height=0.6)
        low, high = min([0.0, *shown, *(a for a, _ in ends)]), max([0.0, *shown, *(b for _, b in ends)])
        room = 0.36 * max(high - low, 1.0)
        for row, (value, end, (a, b)) in enumerate(zip(values, shown, ends, strict=True)):
            if np.isfinite([a, b]).all() and b > a:
                d.axes.plot([a, b], [row, row], color=INK, linewidth=1.3, marker="|", markersize=7)
            side = 1 if value >= 0 else -1
            reach = np.nanmax([end, b]) if side > 0 else np.nanmin([end, a])
            place: dict[str, Any] = {
                "xytext": (5 * side, 0),
                "textcoords": "offset points",
                "va": "center",
                "fontsize": 9.5,
            }
            d.axes.annotate(f"{value:+.1f} %", (reach, row), ha="left" if side > 0 else "right", color=INK, **place)
        d.axes.axvline(0, color=INK, linewidth=0.8)
        d.axes.set_xlim(low - room if low < 0 else 0.0, high + room if high > 0 or low == 0 else 0.0)
        d.axes.grid(False, axis="y")
        d.axes.set_title(title)
        d.axes.set_xlabel("error saved [%]")
    return d.svg


def _skill_shade(value: float, test: Difference | None) -> str:
    if test is not None and test.verdict == "no clear difference" and np.isfinite(test.low):
        return UNCLEAR
    return NETWORK_COLOUR if value > 0 else "#d55e00"


def error_bars(table: pl.DataFrame, *, title: str) -> str:
    """Error of each model [%] in groups, one a row of `table`."""
    groups, names = table.to_series(0).to_list(), table.columns[1:]
    width = 0.8 / len(names)
    with drawing() as d:
        for k, name in enumerate(names):
            at = np.arange(len(groups)) + (k - (len(names) - 1) / 2) * width
            d.axes.bar(at, 100 * table[name].to_numpy(), 0.9 * width, color=colour(name), label=_words(name))
        d.axes.set_xticks(np.arange(len(groups)), groups)
        d.axes.grid(False, axis="x")
        d.axes.set_title(title)
        d.axes.set_ylabel("WAPE [%]")
        _legend_below(d.axes)
    return d.svg


def error_lines(table: pl.DataFrame, *, title: str, xlabel: str) -> str:
    """Error of each model [%] over the first column of `table`, from zero."""
    at = table.to_series(0).to_numpy()
    with drawing() as d:
        for name in table.columns[1:]:
            _line(d.axes, name, at, 100 * table[name].to_numpy())
            if len(at) == 1:
                d.axes.plot(at, 100 * table[name].to_numpy(), "o", color=colour(name))
        d.axes.set_ylim(bottom=0)
        d.axes.margins(x=0.02)
        d.axes.set_title(title)
        d.axes.set(xlabel=xlabel, ylabel="WAPE [%]")
        _legend_below(d.axes)
    return d.svg


def calibration(table: pl.DataFrame, *, title: str) -> str:
    """Share of readings at or below each quantile against its level: on the diagonal is right."""
    level = 100 * table["level"].to_numpy()
    with drawing() as d:
        d.axes.plot([0, 100], [0, 100], color=QUIET, linewidth=0.9, linestyle=(0, (2, 2)), label="right")
        for name in table.columns[1:]:
            _line(d.axes, name, level, 100 * table[name].to_numpy(), "o" if name == NETWORK else "")
        d.axes.set(xlim=(0, 100), ylim=(0, 100), xlabel="quantile [%]", ylabel="readings below it [%]")
        d.axes.set_title(title)
        _legend_below(d.axes)
    return d.svg


def meter_errors(table: pl.DataFrame, *, title: str) -> str:
    """Error of the first two models of `table` [%] for each meter, or over ranks where they are many."""
    names = table.columns[1:3]
    table = table.drop_nulls().sort(names[0])
    if len(table) > MANY_METERS:
        return _meter_ranks(table, names, title)
    rows = np.arange(len(table))
    with drawing((COLUMN[0], 1.0 + 0.22 * len(table))) as d:
        for name, mark in zip(names, ("o", "D"), strict=False):
            _line(d.axes, name, 100 * table[name].to_numpy(), rows, mark, line=False)
        d.axes.set_yticks(rows, table.to_series(0).to_list())
        d.axes.set_ylim(len(table) - 0.5, -0.5)
        d.axes.set_xlim(left=0)
        d.axes.set_xlabel("WAPE [%]")
        d.axes.set_title(title)
        _legend_below(d.axes)
    return d.svg


def quality_map(table: pl.DataFrame, slots: int, *, title: str) -> str:
    """A calendar of marks: a column a day, a row a slot of the day from midnight down.

    Args:
        table: `day` (Date), `slot`, `quality`, as `check.quality_by_slot` gives them.
        slots: in a day.
        title: what is seen.
    """
    begin, last = date2num(table["day"].min()), date2num(table["day"].max())
    days = int(last - begin) + 1
    share = -(-slots // MAP_CELLS[0]), -(-days // MAP_CELLS[1])
    rows, columns = -(-slots // share[0]), -(-days // share[1])
    worst = np.zeros((rows, columns), np.int8)
    at = (table["slot"].to_numpy() // share[0], (date2num(table["day"].to_numpy()) - begin).astype(int) // share[1])
    level = table["quality"].replace_strict(list(SHADES), [1, 2, 3], return_dtype=pl.Int8).to_numpy()
    np.maximum.at(worst, at, level)
    with drawing((WIDE[0], 2.3 if slots > 1 else 1.3)) as d:
        shades = ListedColormap(["none", *SHADES.values()])
        box = (begin, begin + columns * share[1], rows * share[0] * 24 / slots, 0)
        d.axes.imshow(worst, cmap=shades, vmin=0, vmax=3, aspect="auto", interpolation="none", extent=box)
        d.axes.set(xlim=(begin, begin + days), ylim=(24, 0), ylabel="hour" if slots > 1 else "")
        d.axes.set_yticks(range(0, 25, 6) if slots > 1 else [])
        d.axes.grid(False)
        d.axes.set_title(title)
        dated(d.axes)
        patches = [Patch(color=shade, label=kind) for kind, shade in SHADES.items()]
        d.figure.legend(handles=patches, loc="outside lower left", ncols=3, handlelength=1.2)
    return d.svg


def _meter_ranks(table: pl.DataFrame, names: Sequence[str], title: str) -> str:
    with drawing() as d:
        for name in names:
            values = np.sort(100 * table[name].to_numpy())
            _line(d.axes, name, np.linspace(0, 100, len(values)), values)
        d.axes.set_ylim(bottom=0)
        d.axes.set(xlabel="share of meters with a smaller error [%]", ylabel="WAPE [%]")
        d.axes.set_title(title)
        _legend_below(d.axes)
    return d.svg


def _by_slot(slot: NDArray[np.floating], y: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Slots, and lower quartile, mean and upper quartile of the readings in each."""
    slot = np.round(slot, 5)
    at = np.unique(slot)
    groups = [y[(slot == s) & np.isfinite(y)] for s in at]
    groups = [g if g.size else np.array([np.nan]) for g in groups]
    low, high = (np.array([np.quantile(g, p) for g in groups]) for p in (0.25, 0.75))
    return at.astype(np.float64), low, np.array([g.mean() for g in groups]), high


def _time_axis(axes: Axes, times: Times) -> None:
    axes.margins(x=0.01)
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.6g}"))
    if np.issubdtype(times.dtype, np.datetime64):
        dated(axes)
    else:
        axes.set_xlabel("reading")


def _legend_below(axes: Axes) -> None:
    figure = axes.get_figure(root=True)
    assert figure is not None
    names = len(axes.get_legend_handles_labels()[1])
    letters = sum(map(len, axes.get_legend_handles_labels()[1])) + 6 * names  # with their samples
    columns = names if letters <= 60 or figure.get_figwidth() > COLUMN[0] else min(names - 1, 3)
    figure.legend(loc="outside lower left", ncols=columns, handlelength=1.9, columnspacing=1.1)


def _line(axes: Axes, name: str, x: Times, y: Times, marker: str = "", *, line: bool = True) -> None:
    """One model in its colour and dashes, the network above the others."""
    dashes = DASHES.get(name, "-") if line else ""
    depth = 3.0 if name == NETWORK else 2.0
    look: dict[str, Any] = {
        "color": colour(name),
        "linestyle": dashes,
        "marker": marker,
        "markersize": 4.5,
        "zorder": depth,
    }
    axes.plot(x, y, label=_words(name), **look)


def _words(name: str) -> str:
    return name.replace("_", " ")
