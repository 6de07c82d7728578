"""A folder of pages in a real browser: what it saw of each, on a desk and on a phone, in light and in dark."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, Queue

BROWSER = next((b for b in ("chromium", "chromium-browser", "google-chrome") if shutil.which(b)), None)
MISSING = "needs a browser: apt-get update && apt-get install -y chromium"

#: Put first into every page: nothing fades there, and what goes wrong is kept.
FIRST = b"""<style>* { transition: none !important; }</style><script>
window.faults = [];
addEventListener("error", e => faults.push(String(e.message || e.target.outerHTML)), true);
addEventListener("unhandledrejection", e => faults.push(String(e.reason)));
for (const kind of ["error", "warn"]) console[kind] = (...said) => faults.push(said.join(" "));
</script>"""

DRIVER = """<!doctype html><body><script type="module">
const wait = ms => new Promise(done => setTimeout(done, ms));
const settled = async w => { await w.document.fonts.ready; await wait(30); };
const rgb = said => said.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
  .reduce((sum, v, k) => sum + v * [.2126, .7152, .0722][k], 0);
function ground(w, element) {
  for (let e = element; e; e = e.parentElement) {
    const color = rgb(w.getComputedStyle(e).backgroundColor);
    if (color.length < 4 || color[3] > .9) return color;
  }
  return [255, 255, 255];
}
function contrast(w) {
  const marks = ["a", "p", "li", "td", "th", "h1", "h2", "code", "svg text"].map(mark => "article " + mark);
  return [...w.document.querySelectorAll(marks.join())].filter(e => e.textContent.trim()).map(e => {
    const style = w.getComputedStyle(e), text = light(rgb(e.ownerSVGElement ? style.fill : style.color));
    const back = light(ground(w, e.ownerSVGElement ? e.ownerSVGElement.parentElement : e));
    return [(Math.max(text, back) + .05) / (Math.min(text, back) + .05), e.textContent.trim().slice(0, 40)];
  }).reduce((a, b) => a[0] < b[0] ? a : b);
}
const size = w => [w.innerWidth, w.document.documentElement.scrollWidth];
async function opened(path, width) {
  const frame = document.createElement("iframe");
  frame.style = `border:0;width:${width}px;height:900px`;
  frame.src = path;
  document.body.append(frame);
  await new Promise(done => frame.onload = done);
  await settled(frame.contentWindow);
  return frame;
}
async function look(path) {
  const frame = await opened(path, 1280), w = frame.contentWindow, d = w.document, seen = {};
  seen.desk = size(w);
  seen.links = d.querySelectorAll("nav.md-nav--primary a[href]").length;
  d.body.dataset.mdColorScheme = "default"; await wait(30);
  seen.light = contrast(w);
  d.body.dataset.mdColorScheme = "slate"; await wait(30);
  seen.dark = contrast(w);
  frame.style.width = "390px"; await settled(w);
  seen.phone = size(w);
  seen.text = Math.min(...[...d.querySelectorAll("article p, article li, article td")].map(
    e => parseFloat(w.getComputedStyle(e).fontSize)));
  for (const image of d.images) image.loading = "eager";
  await Promise.all([...d.images].map(image => image.decode().catch(() => 0)));
  seen.broken = [...d.images].filter(image => !image.naturalWidth).map(image => image.src);
  const asked = w.performance.getEntriesByType("resource").map(e => e.name);
  seen.outside = asked.filter(name => !name.startsWith(location.origin));
  seen.faults = w.faults;
  frame.remove();
  return seen;
}
async function walked() {
  const desk = await opened("index.html", 1280);
  const go = [...desk.contentDocument.querySelectorAll("nav.md-nav--primary a")];
  const next = new Promise(done => desk.onload = done);
  go.find(a => a.getAttribute("href") === "start.html").click();
  await next;
  const there = desk.contentDocument.querySelector("h1").textContent;
  const phone = await opened("index.html", 390), d = phone.contentDocument;
  const left = () => d.querySelector(".md-sidebar--primary").getBoundingClientRect().left;
  const shut = left();
  d.querySelector("label.md-header__button[for=__drawer]").click(); await wait(600);
  const open = left();
  const ask = d.querySelector("input.md-search__input");
  d.querySelector("label[for=__search]").click();
  ask.value = "hopfield"; ask.dispatchEvent(new Event("keyup", {bubbles: true}));
  let hits = 0;
  for (let k = 0; k < 100 && !hits; k++) {
    await wait(100);
    hits = d.querySelectorAll(".md-search-result__item").length;
  }
  return {there, shut, open, hits};
}
let answer;
try {
  answer = {pages: {}, walk: await walked()};
  for (const path of PATHS) answer.pages[path] = await look(path);
} catch (error) { answer = {failed: String(error.stack)}; }
await fetch("seen", {method: "POST", body: JSON.stringify(answer)});
</script>"""


class _Handler(SimpleHTTPRequestHandler):
    """Sends the pages, with `FIRST` in each, and the driver; takes what the browser saw."""

    def __init__(self, *given, driver: str, seen: Queue, **how):
        self.driver, self.seen = driver, seen
        super().__init__(*given, **how)

    def do_GET(self):
        page = self.path.split("?")[0]
        if page == "/driver.html":
            self._send(self.driver.encode())
        elif page.endswith(".html"):
            with open(self.translate_path(page), "rb") as file:
                self._send(file.read().replace(b"<head>", b"<head>" + FIRST, 1))
        else:
            super().do_GET()

    def do_POST(self):
        self.seen.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self._send(b"")

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def looked_at(folder, profile, *, timeout: float = 300):
    """By page of the folder: widths of window and page, contrast of text, faults, requests to elsewhere, and so on."""
    paths = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.html"))]
    seen: Queue = Queue()
    driver = DRIVER.replace("PATHS", json.dumps(paths))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, driver=driver, seen=seen, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", f"--user-data-dir={profile}",
        "--window-size=1400,1000", f"http://127.0.0.1:{server.server_port}/driver.html",
    ]  # fmt: skip
    browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return seen.get(timeout=timeout)
    except Empty:
        raise AssertionError(f"the browser said nothing for {timeout} s") from None
    finally:
        browser.kill()
        browser.wait()
        server.shutdown()
        server.server_close()
