"""Drawings made from the code as SVG: which room imports which, and what travels from stage to stage.

Colours are the theme's, so that the drawings are dark where the page is.
"""

from __future__ import annotations

import ast
import html
import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "wattcast"
ROW, LEFT, FONT = 26, 330, 13
#: The way of the data: function by function, with what each is called for.
FLOW = (
    ("wattcast.read.read", "a file or a table"),
    ("wattcast.check.check", "what is odd is marked, not mended"),
    ("wattcast.features.panel.panel", "a grid: time by meter"),
    ("wattcast.train.fit", "what lies before the view's origin"),
    ("wattcast.forecast.predict", "quantiles from each origin"),
    ("wattcast.evaluate.backtest", "the same for every model"),
    ("wattcast.evaluate.compare", "metrics, skill, tests"),
    ("wattcast.report.sections.backtest_page", "one HTML page"),
)


def rooms() -> dict[str, set[str]]:
    """First-level rooms of the package, each with the rooms it imports, those in functions included."""
    found: dict[str, set[str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        if room.startswith("__"):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            there = {name.split(".")[1] for name in names if name.startswith("wattcast.")}
            found.setdefault(room, set()).update(there - {room})
    return found


def ordered(graph: dict[str, set[str]]) -> list[str]:
    """Rooms after all that they import; of those that may come next, the one fewest rooms lie below."""
    out: list[str] = []
    while left := [room for room in graph if room not in out]:
        free = [room for room in left if graph[room] <= set(out)]
        if not free:
            raise ValueError(f"The rooms {', '.join(left)} import each other in a circle.")
        out.append(min(free, key=lambda room: (_depth(graph, room), room)))
    return out


def _depth(graph: dict[str, set[str]], room: str) -> int:
    return 1 + max((_depth(graph, other) for other in graph[room]), default=0)


def imports() -> str:
    """The rooms in one column, lowest first; an arc from each to every room that it imports."""
    graph = rooms()
    order = ordered(graph)
    place = {room: (i + 0.5) * ROW for i, room in enumerate(order)}
    arcs, names = [], []
    for room in order:
        for other in graph[room]:
            high, low = place[room], place[other]
            reach = LEFT + 14 + 0.42 * (high - low)
            arcs.append(
                f'<path class="arc" d="M{LEFT} {high} C{reach} {high} {reach} {low} {LEFT} {low}">'
                f"<title>{room} imports {other}</title></path>"
            )
        names.append(_text(LEFT - 12, place[room] + 4, room, "room", "end"))
        names.append(f'<circle class="dot" cx="{LEFT - 3}" cy="{place[room]}" r="3"/>')
        names.append(_text(8, place[room] + 4, _about(room), "about"))
    widest = LEFT + 0.34 * ROW * len(order)
    return _svg(widest, ROW * len(order), [*arcs, *names], "Which part of wattcast imports which")


def _about(room: str) -> str:
    """The first words of a room's own description, as far as they fit."""
    path = SOURCE / f"{room}.py" if (SOURCE / f"{room}.py").exists() else SOURCE / room / "__init__.py"
    text = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split("\n")[0]
    words = text.split(". ")[0].split(":")[0].split(";")[0].split(", ")[0].rstrip(".")
    return words if len(words) <= 30 else words[:30].rsplit(" ", 1)[0] + " …"


def flow() -> str:
    """The functions data goes through, one below the other, with the types that their signatures name."""
    parts = []
    for i, (name, why) in enumerate(FLOW):
        module, _, function = name.rpartition(".")
        taken, given = _types(getattr(import_module(module), function))
        top = i * 82 + 4
        parts.append(f'<rect class="box" x="4" y="{top}" width="328" height="64" rx="6"/>')
        parts.append(_text(16, top + 20, name.removeprefix("wattcast."), "room"))
        parts.append(_text(16, top + 37, why, "about"))
        parts.append(_text(16, top + 54, f"{taken} → {given}", "about"))
        if i:
            parts.append(f'<path class="arrow" d="M168 {top - 18} v14 m-4 -5 l4 5 l4 -5"/>')
    return _svg(336, len(FLOW) * 82 - 10, parts, "What travels from stage to stage")


def _types(function: Callable[..., object]) -> tuple[str, str]:
    """Types of the first arguments without a default, and of the answer."""
    signature = inspect.signature(function)
    kinds = [
        p.annotation for p in signature.parameters.values() if p.default is p.empty and p.kind is not p.VAR_KEYWORD
    ]
    return ", ".join(kinds[:2]), str(signature.return_annotation)


def _text(x: float, y: float, words: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x}" y="{y}" font-size="{FONT}" text-anchor="{anchor}">{html.escape(words)}</text>'


def _svg(width: float, height: float, parts: list[str], title: str) -> str:
    size = f'width="{width:.0f}" style="min-width: {width:.0f}px"'
    head = f'<svg viewBox="0 0 {width:.0f} {height:.0f}" {size} role="img" aria-label="{title}">'
    return f'<div class="drawing">{head}{"".join(parts)}</svg></div>'
