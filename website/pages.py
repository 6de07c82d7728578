"""What the site's builder asks for: pages found by folder, parts made from the code, the language of a page."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "src")]

import diagrams  # noqa: E402  (the paths above come first)
import tables  # noqa: E402

#: In a page `<!-- made: NAME -->` stands for what the code gives.
MADE = {
    "command line": tables.command_line,
    "settings": tables.settings,
    "imports": diagrams.imports,
    "flow": diagrams.flow,
}

#: Chinese characters and their signs.
HAN = r"\u4e00-\u9fff\u3001\u3002\uff00-\uffef\u201c\u201d"


def on_config(config: Any) -> Any:
    """Fills in the navigation by what there is."""
    docs = Path(config.docs_dir)
    pages = [path.relative_to(docs).as_posix() for path in sorted(docs.rglob("*.md"))]
    named = set(_named(config.nav))
    config.nav = _filled(config.nav, [page for page in pages if page not in named])
    return config


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Puts in what is made from the code."""
    return re.sub(r"<!-- made: ([\w ]+) -->", lambda found: MADE[found[1]](), markdown)


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Joins lines that end and begin in Chinese: a browser would set a space between them."""
    return re.sub(rf"(?<=[{HAN}])\n(?=[{HAN}])", "", html) if page.file.src_path.endswith(".zh.md") else html


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Says which language a page is in, which fonts, hyphens and readers go by."""
    if page.file.src_path.endswith(".zh.md"):
        return output.replace('<html lang="en"', '<html lang="zh-Hans"', 1)
    return output


def _named(nav: Any) -> Iterator[str]:
    for entry in nav if isinstance(nav, list) else nav.values() if isinstance(nav, dict) else []:
        if isinstance(entry, str):
            yield entry
        else:
            yield from _named(entry)


def _filled(nav: list[Any], free: list[str]) -> list[Any]:
    """The navigation with pages for its patterns; an entry without a page is left out."""
    out: list[Any] = []
    for entry in nav:
        ((title, place),) = entry.items() if isinstance(entry, dict) else ((None, entry),)
        found = place
        if isinstance(place, str) and place.endswith("/"):
            folder = Path(place).as_posix()
            found = [p for p in free if Path(p).parent.as_posix() == folder]
        if found:
            out.append(entry if title is None else {title: found})
    return out
