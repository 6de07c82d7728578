"""`wattcast learn`: one idea of the chapter on recurrent networks, run on real load."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wattcast.cli import options
from wattcast.cli.console import emit, errors, out, usage
from wattcast.learn import TOPICS

if TYPE_CHECKING:
    from wattcast.learn.lesson import Lesson
    from wattcast.report.page import Table

EXAMPLE = "Example: [bold]wattcast learn elman[/]"
Topic = Annotated[str | None, typer.Argument(help=f"One of {', '.join(TOPICS)}.", show_default=False)]
Page = Annotated[
    Path | None, typer.Option(help="HTML page to write. Default: wattcast-report/learn-TOPIC.html.", show_default=False)
]


def command(topic: Topic = None, report: Page = None, json: options.Json = False) -> None:
    """Shows an idea behind recurrent networks on real load: words, numbers, drawings. Without a topic: lists them."""
    with errors():
        if topic is None:
            _list(json)
            return
        if topic not in TOPICS:
            usage(f"There is no topic {topic!r}; there are {', '.join(TOPICS)}.")
        from wattcast.learn import run
        from wattcast.report.page import write

        target = options.place(report or Path(f"wattcast-report/learn-{topic}.html"))
        lesson = run(topic)
        write(lesson.html(), target)
        if json:
            emit({"topic": topic, "title": lesson.title, "facts": dict(lesson.facts), "report": str(target)})
            return
        _say(lesson)
        out.print(f"page with drawings: {target}", soft_wrap=True)


def _list(json: bool) -> None:
    if json:
        emit({"topics": TOPICS})
        return
    width = max(map(len, TOPICS))
    for topic, about in TOPICS.items():
        out.print(f"[bold]{topic:<{width}}[/]  {about}", soft_wrap=True)


def _say(lesson: Lesson) -> None:
    """The lesson without its drawings."""
    from rich.markup import escape

    from wattcast.report.page import Code, Table, Text

    out.print(f"[bold]{escape(lesson.title)}[/]")
    for section in lesson.sections:
        out.print(f"\n[bold cyan]{escape(section.title)}[/]")
        for part in section.parts:
            if isinstance(part, Text):
                mark = "• " if len(part.lines) > 1 else ""
                for line in part.lines:
                    out.print(mark + escape(line))
            elif isinstance(part, Table):
                out.print(_table(part))
            elif isinstance(part, Code):
                out.print(escape(part.text), style="dim")
    out.print(f"\n[bold]{escape(lesson.headline)}[/]")


def _table(part: Table) -> object:
    from rich.markup import escape
    from rich.table import Table as Drawn

    drawn = Drawn(
        box=None, pad_edge=False, header_style="bold", caption=escape(part.caption) or None, caption_justify="left"
    )
    for number, head in enumerate(part.head):
        drawn.add_column(escape(head), justify="right" if part.numeric and number else "left")
    for at, row in enumerate(part.rows):
        cells = [f"[bold]{escape(c)}[/]" if (at, k) in part.best else escape(c) for k, c in enumerate(row)]
        drawn.add_row(*cells, style="cyan" if at in part.marked else None)
    return drawn
