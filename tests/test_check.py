from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from wattcast.check import check
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


def test_missing_negative_and_single_zeros():
    values = LOAD.copy()
    values[3], values[5], values[7], values[8] = None, -1.0, 0.0, -2.0
    checked = check(hourly(values))
    assert kinds(checked) == [("missing", 1), ("negative", 2)]
    assert marks(checked)[3] == "missing"
    assert marks(checked).count("ok") == len(values) - 1


def test_not_yet_there_and_outage():
    values = [0.0] * 30 + LOAD
    values[600:630] = [0.0] * 30
    values[1000] = None
    values[700:710] = [0.0] * 10  # shorter than a day: may be load
    checked = check(hourly(values))
    assert kinds(checked) == [("not_yet_there", 30), ("zero_run", 30), ("missing", 1)]
    suspect = np.flatnonzero(np.array(marks(checked)) == "suspect").tolist()
    assert suspect == [*range(30), *range(600, 630)]


def test_zeros_as_a_habit_stay():
    solar = np.clip(np.sin(np.arange(2400) * 2 * np.pi / 24), 0, None)
    solar[500:560] = 0.0
    assert set(marks(check(hourly(solar.tolist())))) == {"ok"}


def test_constant_short_and_all_zero():
    assert kinds(check(hourly([5.0] * 100))) == [("constant", 100)]
    assert kinds(check(hourly([0.0] * 100))) == [("constant", 100)]
    assert kinds(check(hourly(LOAD[:40]))) == [("too_short", 40)]


def test_meters_do_not_touch():
    two = pl.concat([hourly(LOAD).frame, hourly([0.0] * 23 + LOAD).frame.with_columns(unique_id=pl.lit("b"))])
    assert check(read_frame(two)).findings == ()


def test_the_zero_day_of_elec_load(data):
    checked = check(read(data / "elec_load.csv"))
    assert kinds(checked) == [("zero_run", 96)]
    suspect = np.flatnonzero((checked.frame["quality"] == "suspect").to_numpy())
    assert (suspect[0], suspect[-1], len(suspect)) == (137_376, 137_471, 96)


def test_late_start_of_a_client(data):
    checked = check(read(data / "uci10" / "uci_eld_10clients_hourly_2014.csv.gz"))
    assert kinds(checked) == [("not_yet_there", 24), ("zero_run", 24)]
    assert {f.meter for f in checked.findings} == {"MT_003"}
