import re
from html.parser import HTMLParser

import pytest

from wattcast.report.page import Code, Figure, Section, Table, Text, page, write

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><text>drawn</text></svg>'


def example(**kwargs):
    parts = [
        Text(["One sentence."]),
        Text(["first", "second"]),
        Figure(SVG, "what it shows", "a caption"),
        Table(["model", "MAE"], [["a", "1"], ["b", "2"]], frozenset({(0, 1)}), frozenset({1}), "a note"),
        Code("wattcast backtest <file>"),
    ]
    return page("A title", "It wins.", [Section("one", "First section", parts)], summary=["By much."], **kwargs)


class Balance(HTMLParser):
    """Raises on a tag that does not close."""

    VOID = {"meta", "link"}

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_it_is_whole_and_well_formed():
    html = example()
    parser = Balance()
    parser.feed(html)
    assert parser.open == []
    for text in (
        "A title",
        "It wins.",
        "By much.",
        "First section",
        "One sentence.",
        "<li>second</li>",
        "a note",
    ):
        assert text in html
    assert SVG in html and 'aria-label="what it shows"' in html
    assert "<strong>1</strong>" in html and 'class="marked"' in html


def test_it_needs_nothing_from_outside():
    html = example()
    assert "<script" not in html and "@import" not in html
    assert not re.search(r'(src|href)="(?!#|data:)', html)


def test_what_people_write_is_text_not_markup():
    assert "backtest &lt;file&gt;" in example()
    assert "<b>" not in page("<b>", "<b>", [])


def test_bad_news_looks_like_it():
    assert 'class="bad"' in example(good=False) and 'class="bad"' not in example()


def test_writing_leaves_one_whole_file(tmp_path):
    path = write(example(), tmp_path / "new" / "report.html")
    assert path.is_absolute() and path.read_text() == example()
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = write("old", tmp_path / "report.html")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write("new", path)
    assert path.read_text() == "old" and len(list(tmp_path.iterdir())) == 1
