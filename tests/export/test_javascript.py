"""The JavaScript of docs/onnx.md, in Node with either package of onnxruntime."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pages
import pytest
from panels import load_panel
from runtime.models import model, off

from wattcast import export
from wattcast.runtime import predict, prime

BLOCKS = {
    re.search(r'title="([\w.]+)"', piece.more)[1]: piece.text
    for piece in pages.pieces(pages.DOCS / "onnx.md")
    if piece.kind == "javascript"
}
PACKAGES = [os.environ.get("NODE_PATH", ""), str(pages.ROOT / "node_modules")]


@pytest.fixture
def node(tmp_path):
    """Runs a script of the page in a folder of its own."""
    if shutil.which("node") is None:
        pytest.skip("no Node on this machine; nodejs.org has it")
    for name, text in BLOCKS.items():
        (tmp_path / name).write_text(text)

    def run(script):
        done = subprocess.run(["node", script], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.mark.parametrize(
    ("zone", "minutes", "at", "first"),
    [
        ("Europe/Berlin", 60, "02:00:00", datetime(2022, 3, 27, 1)),
        ("Australia/Adelaide", 30, "09:30:00", datetime(2024, 4, 1)),
        ("America/New_York", 15, "00:00:00", datetime(2023, 11, 10)),
    ],
)
def test_the_calendar_is_that_of_python(node, tmp_path, zone, minutes, at, first):
    panel = load_panel(days=20, minutes=minutes, temperature=False, zone=zone)
    about = export.about(model(panel, horizon=1440 // minutes, at=at))
    (tmp_path / "about.json").write_text(json.dumps(about))
    (tmp_path / "all.mjs").write_text(
        "import fs from 'node:fs'; import { calendar } from './calendar.mjs';"
        "const about = JSON.parse(fs.readFileSync('about.json'));"
        f"console.log(JSON.stringify(calendar(about, Date.parse('{first.isoformat()}Z'), 5 * about.stride)))"
    )
    wanted = export.calendar(about, first, 5 * about["stride"])["calendar"]
    np.testing.assert_array_equal(node("all.mjs"), wanted)


@pytest.mark.parametrize("package", ["onnxruntime-node", "onnxruntime-web"])
def test_a_state_goes_on_in_javascript(node, tmp_path, package):
    found = [folder for folder in PACKAGES if folder and os.path.isdir(os.path.join(folder, package))]
    if not found:
        pytest.skip(f"no {package} in node_modules or NODE_PATH; npm install --no-save --ignore-scripts {package}")
    (tmp_path / "node_modules").symlink_to(found[0])
    script = tmp_path / "stream.mjs"
    script.write_text(script.read_text().replace('ort from "onnxruntime-node"', f'ort from "{package}"'))
    panel = load_panel(days=17, meters=1, temperature=False, gaps=0.05, zone="Europe/Berlin")
    panel = replace(panel, start=datetime(2022, 10, 15))
    m = model(panel, members=2)
    export.write(m, tmp_path / "onnx")
    first = (panel.start - datetime(1970, 1, 1)) // timedelta(milliseconds=1)
    y = [None if np.isnan(v) else v for v in panel.y[:, 0]]
    (tmp_path / "readings.json").write_text(json.dumps({"first": first, "readings": y}))
    q = np.reshape(node("stream.mjs"), (1, 24, 11))
    assert off(q, predict(m, prime(m, panel)).quantiles) < 1e-5
