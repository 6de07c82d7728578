"""Every file of the shared data, read with no option: rows, meters, range, step, clock, and what was marked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from wattcast.check import check
from wattcast.read import read
from wattcast.schema import ReadingsError


def utc(*when):
    return datetime(*when, tzinfo=UTC)


@dataclass
class Expected:
    rows: int
    meters: int
    first: datetime
    last: datetime
    step: timedelta
    unit: str | None = None
    zone: str = "UTC"
    clocked: bool = True
    missing: int = 0
    covariates: int = 0
    seen: dict[str, int] = field(default_factory=dict)  # what reading itself found


HOUR, HALF, QUARTER = timedelta(hours=1), timedelta(minutes=30), timedelta(minutes=15)
FILES = {
    "elec_load.csv": Expected(140_256, 1, utc(2011, 1, 1), utc(2014, 12, 31, 23, 45), QUARTER, clocked=False),
    "uci10/uci_10clients_hourly_2014_long_noheader.csv.gz": Expected(
        87_600, 10, utc(2014, 1, 1), utc(2014, 12, 31, 23), HOUR
    ),
    "uci10/uci_eld_10clients_hourly_2014.csv.gz": Expected(87_600, 10, utc(2014, 1, 1), utc(2014, 12, 31, 23), HOUR),
    "uci10/LD_MT200_hour.csv": Expected(35_065, 1, utc(2011, 1, 1), utc(2015, 1, 1), HOUR),
    "europe35/MHL_train.csv": Expected(17_544 * 35, 35, utc(2016, 1, 1), utc(2017, 12, 31, 23), HOUR, missing=8_783),
    "europe35/MHL_test.csv": Expected(8_760 * 35, 35, utc(2018, 1, 1), utc(2018, 12, 31, 23), HOUR, missing=2_957),
    "ett/ETTh1.csv": Expected(17_420 * 7, 7, utc(2016, 7, 1), utc(2018, 6, 26, 19), HOUR),
    "ett/ETTh2.csv": Expected(17_420 * 7, 7, utc(2016, 7, 1), utc(2018, 6, 26, 19), HOUR),
    "victoria/vic_electricity.csv": Expected(
        52_608, 1, utc(2011, 12, 31, 13), utc(2014, 12, 31, 12, 30), HALF, covariates=2
    ),
    "swiss537/swiss_households_15min_7weeks.csv.gz": Expected(
        4_704 * 537, 537, utc(2011, 1, 1), utc(2011, 2, 18, 23, 45), QUARTER, clocked=False
    ),
    "sgsc10/smart_meter10.csv.gz": Expected(293_874, 10, utc(2012, 2, 10, 8), utc(2014, 3, 3, 12), HALF, unit="kWh"),
    "ontario/ontario_zonal_2003_2019.csv.gz": Expected(
        145_080 * 12, 12, utc(2003, 5, 1), utc(2019, 11, 17, 23), HOUR, covariates=1
    ),
    "caiso/caiso_system_load.csv": Expected(
        31_367, 1, utc(2020, 1, 1, 8), utc(2023, 7, 31, 6), HOUR, zone="America/Los_Angeles", covariates=6
    ),
    "poland2025/electricity_load.csv": Expected(
        35_040, 1, utc(2025, 1, 1), utc(2025, 12, 31, 23, 45), QUARTER, unit="MW", covariates=1
    ),
    "messy/campus_15min_semicolon_decimal_comma.csv": Expected(
        108_091, 1, utc(2013, 6, 1), utc(2016, 6, 30, 23, 45), QUARTER, covariates=3, seen={"duplicate": 1}
    ),
    "messy/london_MAC000002.csv": Expected(
        24_140,
        1,
        utc(2012, 10, 12),
        utc(2014, 2, 27, 23, 30),
        HALF,
        unit="kWh",
        seen={"duplicate": 17, "off_grid": 1},
    ),
    "messy/pjme_hourly_unsorted.csv.gz": Expected(
        145_362,
        1,
        utc(2002, 1, 1),
        utc(2018, 8, 2, 23),
        HOUR,
        unit="MW",
        seen={"unsorted": 6041, "conflict": 4},
    ),
}
# What `check` makes of each file: readings marked suspect, and readings by kind of finding. In files in UTC or standard
# time clock_shift is mostly the country's own clock change, which `zone` would explain.
CHECKED = {
    "elec_load.csv": "129 suspect: frozen 33, zero_run 96",
    "uci10/uci_10clients_hourly_2014_long_noheader.csv.gz": (
        "1192 suspect: clock_shift 1, not_yet_there 24, skipped_hour 1, unit_jump 3940, zero_run 24"
    ),
    "uci10/uci_eld_10clients_hourly_2014.csv.gz": (
        "1192 suspect: clock_shift 1, not_yet_there 24, skipped_hour 1, unit_jump 3940, zero_run 24"
    ),
    "uci10/LD_MT200_hour.csv": "6 suspect: repeated_hour 3, skipped_hour 3",
    "europe35/MHL_train.csv": "0 suspect: clock_shift 145, missing 8783",
    "europe35/MHL_test.csv": "0 suspect: clock_shift 68, missing 2957",
    "ett/ETTh1.csv": "2403 suspect: clock_shift 5, frozen 141, negative 12605, sign_flip 1703, zero_run 559",
    "ett/ETTh2.csv": (
        "7446 suspect: clock_shift 8, frozen 2319, negative 18684, sign_flip 243, unit_jump 8587, zero_run 4884"
    ),
    "victoria/vic_electricity.csv": "0 suspect: clock_shift 8",
    "swiss537/swiss_households_15min_7weeks.csv.gz": (
        "16663 suspect: constant 28224, frozen 312, negative 15, no_more_there 10449, "
        "not_yet_there 4564, spike 43, zero_run 1295"
    ),
    "sgsc10/smart_meter10.csv.gz": "7515 suspect: frozen 49, gap 4168, zero_run 7466",
    "ontario/ontario_zonal_2003_2019.csv.gz": (
        "21021 suspect: clock_shift 263, frozen 398, negative 12, sign_flip 247, spike 3, unit_jump 19989, zero_run 384"
    ),
    "caiso/caiso_system_load.csv": "0 suspect: ",
    "poland2025/electricity_load.csv": "0 suspect: clock_shift 2",
    "messy/campus_15min_semicolon_decimal_comma.csv": (
        "827 suspect: clock_shift 5, duplicate 1, gap 5, spike 5, unit_jump 34810, zero_run 822"
    ),
    "messy/london_MAC000002.csv": "0 suspect: duplicate 17, gap 52, off_grid 1",
    "messy/pjme_hourly_unsorted.csv.gz": "4 suspect: conflict 4, gap 30, unsorted 6041",
}


@pytest.mark.parametrize("name", FILES)
def test_file(data, name):
    expected, readings = FILES[name], read(data / name)
    frame = readings.frame
    seen = Counter()
    for finding in readings.findings:
        seen[finding.kind] += finding.count
    found = Expected(
        frame.height,
        len(readings.meters),
        frame["ds"].min(),
        frame["ds"].max(),
        readings.step,
        unit=readings.unit,
        zone=readings.zone,
        clocked=readings.clocked,
        missing=frame["y"].null_count(),
        covariates=len(readings.covariates),
        seen=dict(seen),
    )
    assert found == expected
    checked = check(readings)
    assert (checked.frame["quality"] == "missing").sum() == expected.missing
    marked: Counter[str] = Counter()
    for finding in checked.findings:
        marked[finding.kind] += finding.count
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(marked.items()))
    assert f"{(checked.frame['quality'] == 'suspect').sum()} suspect: {kinds}" == CHECKED[name]


def test_files_of_names_or_times_alone_are_refused(data):
    for name in ("MHL_name.csv", "MHL_train_date.csv", "MHL_test_date.csv"):
        with pytest.raises(ReadingsError, match=name):
            read(data / "europe35" / name)


def test_names_of_countries_are_taken_from_beside(data):
    readings = read(data / "europe35" / "MHL_train.csv")
    assert readings.meters[:3] == ["AL", "AT", "BA"]
    assert "HR" in readings.meters


def test_day_ahead_clock_of_california(data):
    readings = read(data / "caiso" / "caiso_system_load.csv")
    assert readings.frame.filter(ds=utc(2020, 7, 1, 7)).height == 1
    assert readings.frame["temp_forecast_dayahead_bakersfield"].null_count() in range(12, 36)


def test_pjm_on_its_own_clock_has_no_conflict(data):
    readings = read(data / "messy" / "pjme_hourly_unsorted.csv.gz", zone="America/New_York")
    assert {f.kind for f in readings.findings} == {"unsorted"}
    assert readings.frame.height == 145_366
