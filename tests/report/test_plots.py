"""Every picture is well-formed SVG that says what it should; looks are for eyes."""

import base64
import io
import re
import sys
import xml.etree.ElementTree as ET
from subprocess import run

import numpy as np
import polars as pl
import pytest
from matplotlib.image import imread
from panels import load_panel

from wattcast.evaluate import Difference
from wattcast.report import plots
from wattcast.report.style import QUALITY_COLOURS, UNCLEAR
from wattcast.schema import QUANTILES

TIMES = np.arange(np.datetime64("2022-03-01", "us"), np.datetime64("2022-03-02", "us"), np.timedelta64(1, "h"))
Y = 50 + 10 * np.sin(np.arange(24.0))
FAN = Y[:, None] + np.linspace(-5, 5, len(QUANTILES))
MODELS = {"wattcast": [0.02, 0.03], "ridge": [0.03, 0.05], "slot_mean": [0.06, 0.07]}
GAPS = np.where(np.arange(24) == 5, np.nan, Y)


def marks(days, slots):
    """A calendar in which one slot is suspect and one missing."""
    day = pl.date_range(pl.date(2022, 1, 1), pl.date(2022, 1, 1) + pl.duration(days=days - 1), eager=True)
    table = pl.DataFrame({"day": day}).join(pl.DataFrame({"slot": range(slots)}), how="cross")
    quality = ["ok"] * len(table)
    quality[len(table) // 2], quality[len(table) // 3] = "suspect", "missing"
    return table.with_columns(pl.Series("quality", quality))


def meters(n):
    return pl.DataFrame({"unique_id": [f"m{k}" for k in range(n)], "wattcast": np.arange(n) / n, "ridge": 0.5})


PICTURES = {
    "series": lambda: plots.series(TIMES, GAPS, title="raw", unit="kW"),
    "series by number": lambda: plots.series(np.arange(24), Y, title="raw"),
    "mean day": lambda: plots.mean_day(load_panel(days=21), 0, title="mean day", unit="kW"),
    "mean week": lambda: plots.mean_week(load_panel(days=21, gaps=0.5), 1, title="mean week"),
    "forecast": lambda: plots.forecast(TIMES, GAPS, FAN, title="a day", unit="kW"),
    "predicted": lambda: plots.predicted(np.arange(24), Y, {"wattcast": Y + 1, "ridge": Y - 1}, title="test"),
    "loss": lambda: plots.loss_curve([{"epoch": e, "loss": 1 / e, "val_loss": 2 / e} for e in (1, 2, 3)]),
    "skill": lambda: plots.skill_bars({"ridge": {"mae": -3.0}, "persistence": {"mae": 0.5}}, title="skill"),
    "skill with intervals": lambda: plots.skill_bars(
        {"ridge": {"mae": 0.02}, "persistence": {"mae": -3.0}},
        {
            "ridge": {"mae": Difference(0.02, -0.03, 0.07, 0.4, 0.6, "no clear difference")},
            "persistence": {"mae": Difference(-3.0, -4.0, -2.0, 9.0, 0.0, "worse")},
        },
        title="skill",
    ),
    "kinds of days": lambda: plots.error_bars(
        pl.DataFrame({"day_type": ["working day", "Sunday"], **MODELS}), title="kinds"
    ),
    "errors": lambda: plots.error_lines(pl.DataFrame({"lead": [0.0, 1.0], **MODELS}), title="leads", xlabel="h"),
    "calibration": lambda: plots.calibration(pl.DataFrame({"level": [0.1, 0.9], **MODELS}), title="quantiles"),
    "few meters": lambda: plots.meter_errors(meters(5), title="meters"),
    "a year's marks": lambda: plots.quality_map(marks(365, 24), 24, title="quality"),
    "a week's marks": lambda: plots.quality_map(marks(7, 1440), 1440, title="quality"),
    "marks of days": lambda: plots.quality_map(marks(900, 1), 1, title="quality"),
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


def test_an_interval_is_drawn_and_luck_is_grey():
    svg = PICTURES["skill with intervals"]()
    assert UNCLEAR in svg and "#d55e00" in svg and "#0072b2" not in svg and "+2.0 %" in svg and "-300.0 %" in svg


def test_no_window_system_is_touched():
    code = "import sys, wattcast.report.sections; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0


def shades(svg):
    """Colours of the raster in a picture, and how many cells each has."""
    data = re.search(r"data:image/png;base64,([^\"]+)", svg).group(1)
    cells = imread(io.BytesIO(base64.b64decode(re.sub(r"\s", "", data))), format="png")
    found, counts = np.unique(
        (cells * 255).round().astype(int).reshape(-1, cells.shape[-1])[:, :3], axis=0, return_counts=True
    )
    return {"#{:02x}{:02x}{:02x}".format(*shade): int(n) for shade, n in zip(found, counts, strict=True)}


@pytest.mark.parametrize(("days", "slots", "cells"), [(30, 24, 720), (366, 96, 366 * 24), (1461, 96, 366 * 24)])
def test_one_bad_reading_is_seen_however_long_the_calendar(days, slots, cells):
    found = shades(plots.quality_map(marks(days, slots), slots, title="quality"))
    assert found[QUALITY_COLOURS["suspect"]] == found[QUALITY_COLOURS["missing"]] == 1
    assert found[QUALITY_COLOURS["ok"]] == cells - 2
