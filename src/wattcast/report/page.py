"""Sections -> one HTML page that needs nothing from outside."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


@dataclass(frozen=True)
class Text:
    """A paragraph, or a list where there are several lines; `beside` sets it next to a picture."""

    lines: Sequence[str]
    beside: bool = False
    kind: str = "text"


@dataclass(frozen=True)
class Figure:
    """A picture: an SVG element, what it shows for those who cannot see it, a caption."""

    svg: str
    alt: str
    caption: str = ""
    wide: bool = False
    kind: str = "figure"

    @property
    def markup(self) -> Markup:
        """The SVG as it goes into the page; made by `report.plots`, so nothing in it is a stranger's."""
        return Markup(self.svg)  # noqa: S704


@dataclass(frozen=True)
class Table:
    """Rows of texts under a head; cells named in `best` (row, column) are set in bold.

    Attributes:
        head: column titles; the first column holds names, the others numbers.
        rows: texts.
        best: (row, column) of cells to stress.
        marked: rows to stress as a whole.
        caption: what is seen.
        numeric: whether all columns but the first are set as numbers.
        beside: sets it next to another one.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    best: frozenset[tuple[int, int]] = frozenset()
    marked: frozenset[int] = frozenset()
    caption: str = ""
    numeric: bool = True
    beside: bool = False
    kind: str = "table"


@dataclass(frozen=True)
class Code:
    """A command or settings, set as they are."""

    text: str
    kind: str = "code"


Part = Text | Figure | Table | Code


@dataclass(frozen=True)
class Section:
    """A headed piece of a page.

    Attributes:
        key: its anchor, one word.
        title: its heading.
        parts: what it holds, in order.
    """

    key: str
    title: str
    parts: Sequence[Part]


def page(
    title: str, headline: str, sections: Sequence[Section], *, summary: Sequence[str] = (), good: bool = True
) -> str:
    """One self-contained HTML page.

    Args:
        title: what the page is about, in the browser's tab and above the headline.
        headline: the one sentence to take away.
        sections: its body.
        summary: sentences below the headline.
        good: colours the headline's edge: the news is good, or it is not.
    """
    environment = Environment(
        loader=PackageLoader("wattcast.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("page.html.j2")
    return template.render(title=title, headline=headline, summary=summary, sections=sections, good=good)


def write(html: str, path: Path) -> Path:
    """Writes the page whole or not at all, and gives its absolute path back."""
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(html)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp makes files that only their owner may read
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path
