"""The site: built strict, whole, and alone in the world; and what the pages have to name."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import browsing
import pages
import pytest
import typer

import wattcast
from wattcast.cli.app import app
from wattcast.evaluate import METRICS, PEAK_METRICS
from wattcast.settings import Settings


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    plain = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=pages.ROOT, env=plain, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_nothing_is_loaded_from_outside(site):
    built = sorted(site.rglob("*.html"))
    assert len(built) >= 20
    for path in built:
        text = path.read_text("utf-8")
        tags = re.findall(r"<(?:link|script|img|iframe|source)\b[^>]*>", text)
        assert tags and not [t for t in tags if re.search(r"""(?:src|href)=["']?(?:https?:)?//""", t)], path
    for path in site.rglob("*.css"):
        assert not re.search(r"url\(\s*[\"']?(?:https?:)?//|@import", path.read_text("utf-8")), path


@pytest.fixture(scope="module")
def seen(site, tmp_path_factory):
    """What a browser saw of every page."""
    if browsing.BROWSER is None:
        pytest.skip(browsing.MISSING)
    found = browsing.looked_at(site, tmp_path_factory.mktemp("profile"))
    assert "failed" not in found, found["failed"]
    return found


def test_every_page_shows_in_a_browser(seen, site):
    assert len(seen["pages"]) == len([*site.rglob("*.html")]) >= 40
    for path, page in seen["pages"].items():
        assert page["faults"] == [] and page["outside"] == [] and page["broken"] == [], (path, page)
        for wide, (window, content) in ((1280, page["desk"]), (390, page["phone"])):
            assert content <= window == wide, (path, page)  # nothing sticks out sideways
        assert min(page["light"][0], page["dark"][0]) >= 4.5, (path, page)  # WCAG 2.1, level AA
        assert page["links"] > 40 and (page["text"] or 16) >= 12, (path, page)


def test_one_finds_the_way_by_links_menu_and_search(seen):
    walk = seen["walk"]
    assert walk["there"].startswith("Start here") and walk["hits"] >= 2
    assert walk["shut"] < 0 == walk["open"]  # the menu of a phone


def test_every_page_is_in_the_navigation(site):
    home = (site / "index.html").read_text("utf-8")
    for page in pages.DOCS.rglob("*.md"):
        there = page.relative_to(pages.DOCS).with_suffix(".html").as_posix()
        assert f'href="{there}"' in home, there


def test_chinese_pages_say_so(site):
    assert '<html lang="zh-Hans"' in (site / "start.zh.html").read_text("utf-8")
    assert '<html lang="en"' in (site / "start.html").read_text("utf-8")


def test_public_names_are_described(site):
    text = (site / "reference" / "python.html").read_text("utf-8")
    for name in set(wattcast.__all__) - {"__version__"}:
        assert re.search(rf'id="wattcast\.[\w.]*\b{name}"', text), name


def test_every_option_of_every_verb_is_described(site):
    text = (site / "reference" / "command_line.html").read_text("utf-8")
    parts = dict(re.findall(r'<h2 id="wattcast-([\w-]+)">(.*?)(?=<h2|</article>)', text, re.S))
    todo = dict(typer.main.get_command(app).commands)
    while todo:
        name, verb = todo.popitem()
        if inner := getattr(verb, "commands", None):
            todo |= {f"{name}-{more}": found for more, found in inner.items()}
            continue
        assert verb.help, name
        for p in verb.params:
            assert p.help, (name, p.name)
            for flag in (*p.opts, *p.secondary_opts):
                assert f"<code>{flag if flag.startswith('-') else flag.upper()}</code>" in parts[name], (name, flag)


def test_every_setting_is_described(site):
    text = (site / "reference" / "settings.html").read_text("utf-8")
    for table, field in Settings.model_fields.items():
        part = text[text.index(f'<h2 id="{table}">') :].partition("</table>")[0]
        for name, inner in field.annotation.model_fields.items():
            assert inner.description and f"<code>{name}</code>" in part, (table, name)


def test_every_metric_is_in_the_words():
    text = "".join((pages.DOCS / name).read_text("utf-8") for name in ("words.md", "backtest.md"))
    assert not [name for name in (*METRICS, *PEAK_METRICS) if f"`{name}`" not in text]


@pytest.mark.parametrize("page", [p for p in (*pages.ENGLISH, *pages.CHINESE) if p.parent == pages.ROOT], ids=str)
def test_links_outside_the_site_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[\w-]*)?\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_figures_have_a_command():
    rows = [r for r in (pages.DOCS / "numbers.md").read_text("utf-8").splitlines() if r.startswith("| ")][1:]
    assert len(rows) >= 12
    for row in rows:
        last = re.split(r"(?<!\\)\|", row)[-2]
        assert "`" in last or "as above" in last, row


def test_spelling():
    files = [*pages.ENGLISH, pages.ROOT / "CHANGELOG.md", *Path(wattcast.__file__).parent.rglob("*.py")]
    command = [sys.executable, "-m", "codespell_lib", "--ignore-words-list", "fo,ans,ned,nd,ba,mape", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
