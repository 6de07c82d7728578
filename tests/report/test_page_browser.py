"""The page in a real browser: it loads nothing, throws nothing, and fits a phone and a desk."""

import html
import json
import re
import shutil
import subprocess

import pytest
from backtests import run

from wattcast.evaluate import compare
from wattcast.report.page import write
from wattcast.report.sections import backtest_page

BROWSER = next((b for b in ("chromium", "chromium-browser", "google-chrome") if shutil.which(b)), None)

pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="needs a browser: apt-get update && apt-get install -y chromium"
)

FIRST = """<script>
window.faults = [];
addEventListener("error", e => faults.push(String(e.message || e.target.outerHTML)), true);
</script>"""
LAST = """<script>
addEventListener("load", () => {
  const boxes = s => [...document.querySelectorAll(s)].map(e => e.getBoundingClientRect());
  const sizes = s => boxes(s).map(r => [r.left, r.width, r.height]);
  const seen = {
    faults,
    requests: performance.getEntriesByType("resource").map(e => e.name),
    width: innerWidth,
    page: document.documentElement.scrollWidth,
    h1: sizes("h1"),
    table: sizes("table"),
    figures: sizes("figure .scroll"),
    text: Math.min(...boxes("figure.column svg text").map(r => r.height)),
  };
  const out = parent.document.createElement("pre");
  out.id = "seen";
  out.textContent = JSON.stringify(seen);
  parent.document.body.append(out);
});
</script>"""


@pytest.fixture(scope="module")
def report():
    test = run(meters=2)
    return backtest_page(test, compare(test), title="house.csv", unit="kW", command="wattcast demo", settings={"a": 1})


def look(report, folder, width):
    """What the browser saw of the page at this width [CSS px]."""
    probed = report.replace("<head>", "<head>" + FIRST, 1).replace("</body>", LAST + "</body>", 1)
    # A window is never narrower than 500; a frame is as narrow as a phone.
    frame = f'<iframe style="border:0;width:{width}px;height:900px" srcdoc="{html.escape(probed)}"></iframe>'
    path = write(f"<!doctype html><body>{frame}</body>", folder / "page.html")
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        f"--user-data-dir={folder / 'profile'}", "--window-size=1400,1000", "--dump-dom", path.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    found = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr
    return json.loads(html.unescape(found.group(1)))


@pytest.mark.parametrize("width", [1280, 390])
def test_it_shows_all_and_asks_for_nothing(report, tmp_path, width):
    seen = look(report, tmp_path, width)
    assert seen["faults"] == [] and seen["requests"] == []
    assert seen["page"] <= seen["width"] == width  # nothing sticks out sideways
    assert len(seen["h1"]) == 1 and len(seen["table"]) == 3 and len(seen["figures"]) == 11
    for left, wide, high in seen["h1"] + seen["table"] + seen["figures"]:
        assert left >= 0 and wide > 100 and high > 20
    assert seen["text"] >= 9  # letters in pictures stay readable [px]
