from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl

from wattcast.check import check, quality_by_day, quality_by_slot, quality_counts
from wattcast.read import read, read_frame, synthetic


def hourly(values, keep=None):
    times = [datetime(2024, 1, 1) + timedelta(hours=i) for i in range(len(values))]
    frame = pl.DataFrame({"ds": times, "y": values}, strict=False)
    return read_frame(frame if keep is None else frame[keep])


def kinds(readings):
    return [(f.kind, f.count) for f in readings.findings]


def marks(readings):
    return readings.frame["quality"].to_list()


LOAD = [float(v) for v in 2 + np.sin(np.arange(2400))]


def test_clean_series_has_no_findings():
    readings = read_frame(synthetic(meters=2, days=5))
    checked = check(readings)
    assert checked.findings == ()
    assert set(marks(checked)) == {"ok"}
    assert checked.frame.drop("quality").equals(readings.frame)


def test_gaps_are_counted_and_left_open():
    checked = check(hourly(LOAD, [*range(10), *range(15, 20), *range(21, 100)]))
    (gap,) = checked.findings
    assert (gap.kind, gap.count) == ("gap", 6)
    assert (gap.first, gap.last) == (
        datetime(2024, 1, 1, 10, tzinfo=UTC),
        datetime(2024, 1, 1, 20, tzinfo=UTC),
    )
    assert checked.frame.height == 94
    assert gap.action == "left open (2 gaps): nothing is filled in"
    (single,) = check(hourly(LOAD, [*range(10), *range(15, 100)])).findings
    assert single.action == "left open (1 gap): nothing is filled in"


def test_missing_negative_and_single_zeros():
    values = LOAD.copy()
    values[3], values[5], values[7], values[8] = None, -1.0, 0.0, -2.0
    checked = check(hourly(values))
    assert kinds(checked) == [("missing", 1), ("negative", 2)]
    assert marks(checked)[3] == "missing"
    assert marks(checked).count("ok") == len(values) - 1


def test_there_later_gone_earlier_and_down_in_between():
    values = [0.0] * 30 + LOAD + [0.0] * 50
    values[600:630] = [0.0] * 30
    values[700:710] = [0.0] * 10  # this meter is never zero otherwise
    values[900:902] = [0.0] * 2  # too short to say
    checked = check(hourly(values))
    assert kinds(checked) == [("not_yet_there", 30), ("no_more_there", 50), ("zero_run", 40)]
    suspect = np.flatnonzero(np.array(marks(checked)) == "suspect").tolist()
    assert suspect == [*range(30), *range(600, 630), *range(700, 710), *range(2430, 2480)]


def test_zeros_as_a_habit_stay():
    solar = np.clip(np.sin(np.arange(2400) * 2 * np.pi / 24), 0, None)
    solar[500:516] = 0.0  # a dark day between two nights
    assert set(marks(check(hourly(solar.tolist())))) == {"ok"}
    solar[1000:1072] = 0.0
    assert kinds(check(hourly(solar.tolist()))) == [("zero_run", 84)]


def test_constant_short_and_all_zero():
    assert kinds(check(hourly([5.0] * 100))) == [("constant", 100)]
    assert kinds(check(hourly([0.0] * 100))) == [("constant", 100)]
    assert kinds(check(hourly(LOAD[:40]))) == [("too_short", 40)]


def test_meters_do_not_touch():
    two = pl.concat([hourly(LOAD).frame, hourly([0.0] * 23 + LOAD).frame.with_columns(unique_id=pl.lit("b"))])
    assert check(read_frame(two)).findings == ()


def test_coarse_meters_repeat_themselves_and_that_is_no_fault():
    rng = np.random.default_rng(0)
    coarse = np.round(np.cumsum(rng.normal(0, 0.3, 4000)) + 50).tolist()
    assert not any(f.kind == "frozen" for f in check(hourly(coarse)).findings)
    coarse[2000:2120] = [coarse[2000]] * 120
    (frozen,) = [f for f in check(hourly(coarse)).findings if f.kind == "frozen"]
    assert 120 <= frozen.count < 130


def test_a_register_read_as_load_and_where_it_began_anew():
    register = np.cumsum(np.array(LOAD)).tolist()
    register[1500:] = (np.array(register[1500:]) - register[1500]).tolist()
    checked = check(hourly(register))
    assert kinds(checked) == [("register", 2400), ("counter_reset", 1)]
    assert set(marks(checked)) == {"suspect"}


def test_signs():
    assert kinds(check(hourly([-v for v in LOAD]))) == [("export_sign", 2400)]
    values = LOAD.copy()
    values[300:400] = [-v for v in values[300:400]]
    checked = check(hourly(values))
    assert kinds(checked) == [("sign_flip", 100)]
    assert marks(checked)[300:400] == ["suspect"] * 100


def test_quality_by_day_counts_what_is_not_there():
    values = [0.0] * 30 + LOAD[:60]
    values[50] = None
    days = quality_by_day(check(hourly(values, [*range(70), *range(75, 90)])), "meter")
    assert days.columns == ["day", "ok", "suspect", "missing"]
    assert days.rows() == [
        (date(2024, 1, 1), 0, 24, 0),
        (date(2024, 1, 2), 18, 6, 0),
        (date(2024, 1, 3), 21, 0, 3),
        (date(2024, 1, 4), 15, 0, 3),
    ]


def test_quality_counts_and_slots_of_a_meter_by_its_clock():
    values = [0.0] * 30 + LOAD[:60]
    values[50] = None
    checked = replace(check(hourly(values, [*range(70), *range(75, 90)])), zone="Europe/Berlin")
    assert quality_counts(checked).rows() == [("meter", 85, 54, 30, 1, 5)]
    table = quality_by_slot(checked, "meter")
    assert table.columns == ["day", "slot", "quality"] and len(table) == 90
    assert table.rows()[0] == (date(2024, 1, 1), 1, "suspect") and table.rows()[50] == (date(2024, 1, 3), 3, "missing")
    assert table["quality"][70:75].to_list() == ["missing"] * 5 and table["slot"][23] == 0


def test_the_zero_day_and_the_frozen_morning_of_elec_load(data):
    checked = check(read(data / "elec_load.csv"))
    assert kinds(checked) == [("zero_run", 96), ("frozen", 33)]
    suspect = np.flatnonzero((checked.frame["quality"] == "suspect").to_numpy())
    assert suspect.tolist() == [*range(21_792, 21_825), *range(137_376, 137_472)]


def test_the_clock_changes_of_mt_200(data):
    (skipped, repeated) = check(read(data / "uci10" / "LD_MT200_hour.csv")).findings
    assert (skipped.kind, skipped.count, repeated.kind, repeated.count) == ("skipped_hour", 3, "repeated_hour", 3)
    assert (skipped.first, skipped.last) == (datetime(2012, 3, 25, 1, tzinfo=UTC), datetime(2014, 3, 30, 1, tzinfo=UTC))
    assert repeated.first <= datetime(2013, 10, 27, 1, tzinfo=UTC) <= repeated.last


def test_clock_changes_in_victoria_seen_from_utc(data):
    path = data / "victoria" / "vic_electricity.csv"
    changes = {"2012-03-31", "2012-10-06", "2013-10-05", "2013-10-06", "2014-04-05", "2014-10-04"}
    found = {str(f.first.date()) for f in check(read(path)).findings if f.kind == "clock_shift"}
    assert len(found & changes) >= 4


def test_real_faults_of_other_files(data):
    campus = {f.kind: f for f in check(read(data / "messy/campus_15min_semicolon_decimal_comma.csv")).findings}
    assert (campus["spike"].count, campus["duplicate"].count) == (5, 1)
    ontario = check(read(data / "ontario" / "ontario_zonal_2003_2019.csv.gz", meters=["Ottawa", "Toronto"]))
    zeros = {f.meter: f.first for f in ontario.findings if f.kind == "zero_run"}
    assert zeros == dict.fromkeys(["Ottawa", "Toronto"], datetime(2016, 5, 29, 4, tzinfo=UTC))
    frozen = {f.meter: f.count for f in ontario.findings if f.kind == "frozen"}
    assert frozen == {"Ottawa": 32, "Toronto": 32}


def test_clean_real_series_have_few_findings(data):
    """What is no fault must rarely be called one: Poland, California, PJM less what is known of them."""
    for name in ("poland2025/electricity_load.csv", "caiso/caiso_system_load.csv"):
        readings = read(data / name, zone="Europe/Warsaw" if "poland" in name else None)
        years = readings.frame.height * readings.step / timedelta(days=365)
        assert len(check(readings).findings) <= years
