"""What a topic gives back: words, tables and drawings in order, and the facts they rest on as plain numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wattcast.report.page import Section, page

Fact = float | int | str | bool


@dataclass(frozen=True)
class Lesson:
    """One topic, run.

    Attributes:
        topic: its name, one word.
        title: what it is about.
        headline: the one sentence to take away, with its number.
        sections: what is told, in order: texts, tables, drawings (`report.page`).
        facts: every number the sections rest on, flat, as `--json` gives them; a unit is part of the name.
    """

    topic: str
    title: str
    headline: str
    sections: Sequence[Section]
    facts: Mapping[str, Fact]

    def html(self) -> str:
        """One page that needs nothing from outside."""
        return page(self.title, self.headline, self.sections)
