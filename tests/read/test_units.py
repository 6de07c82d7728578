from __future__ import annotations

from datetime import timedelta

import pytest

from wattcast.read import read_frame, synthetic
from wattcast.read.units import factor, to_unit
from wattcast.schema import ReadingsError

QUARTER = timedelta(minutes=15)


@pytest.mark.parametrize(
    ("unit", "to", "expected"),
    [
        ("kW", "kWh", 0.25),
        ("kWh", "kW", 4.0),
        ("MW", "kW", 1e3),
        ("MWh", "kW", 4e3),
        ("W", "kWh", 0.25e-3),
        ("GWh", "MWh", 1e3),
    ],
)
def test_factor(unit, to, expected):
    assert factor(unit, to, QUARTER) == pytest.approx(expected, rel=1e-12)
    assert factor(to, unit, QUARTER) == pytest.approx(1 / expected, rel=1e-12)


def test_readings_convert_by_their_step():
    readings = read_frame(synthetic(meters=1, days=1, step_minutes=30), unit="kW")
    energy = to_unit(readings, "kWh")
    assert energy.unit == "kWh"
    assert (energy.frame["y"] == readings.frame["y"] / 2).all()
    with pytest.raises(ReadingsError, match="'horse' is no unit"):
        to_unit(readings, "horse")
    with pytest.raises(ReadingsError, match="unit of frame is not known"):
        to_unit(read_frame(synthetic(meters=1, days=1)), "kW")
