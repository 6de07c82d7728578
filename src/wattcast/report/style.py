"""One quiet look for every picture: colours that the colour-blind can tell apart, text set by the browser."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, DateFormatter, DayLocator, HourLocator, num2date
from matplotlib.figure import Figure

from wattcast.evaluate import NETWORK

INK, QUIET, GRID = "#1c1f23", "#5b6470", "#e3e6ea"
#: Okabe and Ito's colours; blue is the network's and nobody else's.
NETWORK_COLOUR = "#0072b2"
#: Of a difference that may be luck.
UNCLEAR = "#a9b2bc"
COLOURS = {
    NETWORK: NETWORK_COLOUR,
    "as printed": "#d55e00",
    "ridge": "#d55e00",
    "slot_mean": "#009e73",
    "seasonal_naive_week": "#cc79a7",
    "seasonal_naive_day": "#b8860b",
    "persistence": "#7a828c",
    "lightgbm": "#4b2e83",
    "mlforecast": "#b07aa1",
    "mstl": "#00838f",
    "auto_ets": "#8d6e63",
    "auto_theta": "#9e9d24",
}
DASHES = {
    "ridge": (0, (5, 1.5)),
    "slot_mean": (0, (3, 1, 1, 1)),
    "seasonal_naive_week": (0, (2, 1)),
    "seasonal_naive_day": (0, (1, 1)),
    "persistence": (0, (6, 2, 1, 2)),
    "lightgbm": (0, (7, 1.5)),
    "mlforecast": (0, (6, 1, 2, 1)),
    "mstl": (0, (4, 1, 1, 1)),
    "auto_ets": (0, (2, 2)),
    "auto_theta": (0, (1, 2)),
}
#: Marks of readings, the worst last. They differ in lightness too, so they can be told apart without colour.
QUALITY_COLOURS = {"ok": "#d3dde8", "missing": "#46515e", "suspect": "#d55e00"}

#: Width and height of a picture [inches]: one column of a page, the whole width.
COLUMN, WIDE = (5.0, 3.1), (10.0, 3.1)

_STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10.0,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "lines.linewidth": 1.4,
    "svg.fonttype": "none",
    "svg.hashsalt": "wattcast",
}

_numbers = itertools.count()


class Drawing:
    """A figure being drawn; `svg` holds the picture once `drawing` is left."""

    def __init__(self, figure: Figure, axes: Axes):
        self.figure = figure
        self.axes = axes
        self.svg = ""


@contextmanager
def drawing(size: tuple[float, float] = COLUMN, rows: int = 1) -> Iterator[Drawing]:
    """Gives axes in the house style; on leaving, the SVG element is in `.svg`.

    Where there are several `rows`, they share their x axis; `.axes` is the first, `.figure.axes` are all.
    """
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        drawn = Drawing(figure, figure.subplots(rows, sharex=True, squeeze=False)[0, 0])
        yield drawn
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
        drawn.svg = _inline(out.getvalue())


def dated(axes: Axes) -> None:
    """Short dates on the x axis: hours within two days, days within ten, else what fits."""
    first, last = (num2date(x) for x in axes.get_xlim())
    days = (last - first).total_seconds() / 86_400
    if days <= 2.5:
        axes.xaxis.set_major_locator(HourLocator(byhour=range(0, 24, 4 if days <= 1.5 else 8)))
        shape = "%H:%M"
    elif days <= 10:
        axes.xaxis.set_major_locator(DayLocator())
        shape = "%a %d %b"
    else:
        axes.xaxis.set_major_locator(AutoDateLocator(minticks=3, maxticks=7))
        shape = "%d %b" if days <= 120 else "%b %Y"
    axes.xaxis.set_major_formatter(DateFormatter(shape))


def colour(model: str) -> str:
    """The colour of a model, the same in every picture."""
    return COLOURS.get(model, QUIET)


def _inline(svg: str) -> str:
    """The bare `<svg>` element, with ids that no other picture of the page has."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    mark = f"f{next(_numbers)}-"
    return re.sub(r'(\bid="|url\(#|href="#)', lambda m: m.group(1) + mark, svg).strip()
