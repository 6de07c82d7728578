"""README and docs as the tests see them: pieces of code in the order of the page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
CHINESE = sorted([ROOT / "README.zh.md", *DOCS.rglob("*.zh.md")])
#: Pages whose code runs; the Chinese ones hold the same code, which a test of its own says.
ENGLISH = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(p for p in DOCS.rglob("*.md") if p not in CHINESE)])

_PIECE = re.compile(
    r"^(?P<fence>```+)(?P<kind>\w*)(?P<more>[^\n]*)\n(?P<fenced>.*?)^(?P=fence)"
    r"|(?P<indented>(?:^    [^\n]*\n)+)"
    r"|`(?P<inline>[^`]+)`",
    re.S | re.M,
)


@dataclass(frozen=True)
class Piece:
    """A piece of code: the language of its fence, "indented" or "inline"; what else the fence says; the text."""

    kind: str
    more: str
    text: str


def pieces(page: Path) -> list[Piece]:
    found = []
    for m in _PIECE.finditer(page.read_text("utf-8")):
        if m["fence"]:
            found.append(Piece(m["kind"], m["more"], m["fenced"]))
        elif m["indented"]:
            found.append(Piece("indented", "", re.sub("^    ", "", m["indented"], flags=re.M)))
        else:
            found.append(Piece("inline", "", " ".join(m["inline"].split())))
    return found


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def lines(piece: Piece, *programs: str) -> list[str]:
    """Command lines of these programs in a piece of code, without comments."""
    if piece.kind not in ("indented", "inline", "console", "sh", "bash", ""):
        return []
    told = [re.sub(r"\s+#.*", "", line.removeprefix("$ ")).strip() for line in piece.text.splitlines()]
    return [line for line in told if line.split(" ")[0] in programs and len(line.split()) > 1]
