"""Every picture is well-formed SVG that says what it should; looks are for eyes."""

import sys
import xml.etree.ElementTree as ET
from subprocess import run

import numpy as np
import polars as pl
import pytest
from panels import load_panel

from wattcast.report import plots
from wattcast.schema import QUANTILES

TIMES = np.arange(np.datetime64("2022-03-01", "us"), np.datetime64("2022-03-02", "us"), np.timedelta64(1, "h"))
Y = 50 + 10 * np.sin(np.arange(24.0))
FAN = Y[:, None] + np.linspace(-5, 5, len(QUANTILES))
MODELS = {"wattcast": [0.02, 0.03], "linear": [0.03, 0.05], "slot_mean": [0.06, 0.07]}
GAPS = np.where(np.arange(24) == 5, np.nan, Y)


def meters(n):
    return pl.DataFrame({"unique_id": [f"m{k}" for k in range(n)], "wattcast": np.arange(n) / n, "linear": 0.5})


PICTURES = {
    "series": lambda: plots.series(TIMES, GAPS, title="raw", unit="kW"),
    "series by number": lambda: plots.series(np.arange(24), Y, title="raw"),
    "mean day": lambda: plots.mean_day(load_panel(days=21), 0, title="mean day", unit="kW"),
    "mean week": lambda: plots.mean_week(load_panel(days=21, gaps=0.5), 1, title="mean week"),
    "forecast": lambda: plots.forecast(TIMES, GAPS, FAN, title="a day", unit="kW"),
    "predicted": lambda: plots.predicted(np.arange(24), Y, {"wattcast": Y + 1, "linear": Y - 1}, title="test"),
    "loss": lambda: plots.loss_curve([{"epoch": e, "loss": 1 / e, "val_loss": 2 / e} for e in (1, 2, 3)]),
    "skill": lambda: plots.skill_bars({"linear": {"mae": -3.0}, "persistence": {"mae": 0.5}}, title="skill"),
    "errors": lambda: plots.error_lines(pl.DataFrame({"lead": [0.0, 1.0], **MODELS}), title="leads", xlabel="h"),
    "calibration": lambda: plots.calibration(pl.DataFrame({"level": [0.1, 0.9], **MODELS}), title="quantiles"),
    "few meters": lambda: plots.meter_errors(meters(5), title="meters"),
    "many meters": lambda: plots.meter_errors(meters(60), title="meters"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_it_is_an_inline_picture(name):
    svg = PICTURES[name]()
    root = ET.fromstring(svg)
    assert root.tag.endswith("svg") and svg.startswith("<svg")
    assert "".join(root.itertext()).strip()  # text stays text
    assert "<metadata" not in svg and "<script" not in svg


def test_two_pictures_share_no_id():
    ids = [set(), set()]
    for k in range(2):
        ids[k] = {e.get("id") for e in ET.fromstring(PICTURES["forecast"]()).iter() if e.get("id")}
    assert ids[0] and not ids[0] & ids[1]


def test_the_network_keeps_its_colour():
    for name in ("forecast", "predicted", "errors", "calibration", "few meters", "many meters"):
        assert "#0072b2" in PICTURES[name]()


def test_skill_says_the_true_number_of_a_long_bar():
    text = "".join(ET.fromstring(PICTURES["skill"]()).itertext())
    assert "-300.0 %" in text and "+50.0 %" in text


def test_no_window_system_is_touched():
    code = "import sys, wattcast.report.sections; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0
