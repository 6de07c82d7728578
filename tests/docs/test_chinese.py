"""Pages in Simplified Chinese hold the code, the commands and the figures of the English ones beside them."""

from __future__ import annotations

import re

import pages
import pytest


def english(page):
    return page.with_name(page.name.replace(".zh.md", ".md"))


def code(page):
    """Pieces of code without comments and strings in words; blocks in order, inline code in any."""
    plain = [(p.kind, re.sub(r"\s+# .*", "", p.text).strip()) for p in pages.pieces(page)]
    return [p for p in plain if p[0] != "inline"], sorted(p for p in plain if p[0] == "inline")


def figures(page):
    """Numbers outside of code and links."""
    text = re.sub(r"\]\([^)]*\)", "]", page.read_text("utf-8"))
    return sorted(re.findall(r"\d+(?:[.,]\d+)*(?: ?%)?", pages._PIECE.sub("", text)))


@pytest.mark.parametrize("page", pages.CHINESE, ids=pages.name_of)
def test_it_says_the_same(page):
    assert code(page) == code(english(page))
    assert figures(page) == figures(english(page))
    assert len(re.findall(r"[\u4e00-\u9fff]", page.read_text("utf-8"))) > 200


@pytest.mark.parametrize("page", pages.CHINESE, ids=pages.name_of)
def test_each_leads_to_the_other(page):
    assert f"]({page.name})" in english(page).read_text("utf-8") and f"]({english(page).name})" in page.read_text(
        "utf-8"
    )
