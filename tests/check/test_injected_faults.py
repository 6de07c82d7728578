"""Faults put into clean series at random, 200 of each kind: nearly all are found, and little else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from wattcast.check import check
from wattcast.read import read, read_frame, synthetic

TRIALS, DAYS = 200, 180
CLEAN = synthetic(meters=20, days=DAYS, noise=0.05).drop("temperature")
CLEAN = CLEAN.with_columns(pl.col("ds").dt.replace_time_zone("UTC")).partition_by("unique_id")


def zero_run(y, at, rng):
    length = int(rng.integers(6, 73))
    y[at : at + length] = 0
    return length


def frozen(y, at, rng):
    length = int(rng.integers(6, 73))
    y[at : at + length] = y[at]
    return length


def spike(y, at, rng):
    y[at] = y.mean() * rng.uniform(8, 40)
    return 1


def unit_jump(y, at, rng):
    length = int(rng.integers(48, 24 * 30))
    y[at : at + length] *= rng.choice([4, 1 / 4, 1000, 1 / 1000])
    return length


def clock_shift(y, at, rng):
    y[at:] = np.roll(y, rng.choice([-3, -2, -1, 1, 2, 3]))[at:]
    return 1


FAULTS = [zero_run, frozen, spike, unit_jump, clock_shift]


def sick(fault, clean, seed):
    """A frame of `TRIALS` meters with a fault each, and where it is."""
    rng = np.random.default_rng(seed)
    frames, spans = [], {}
    for trial in range(TRIALS):
        frame = clean[trial % len(clean)]
        y = frame["y"].to_numpy().copy()
        at = int(rng.integers(28 * 24, len(y) - 40 * 24))
        length = fault(y, at, rng)
        meter = f"meter_{trial}"
        frames.append(frame.with_columns(pl.lit(meter).alias("unique_id"), pl.Series("y", y)))
        spans[meter] = (frame["ds"][at], frame["ds"][at + length - 1])
    return pl.concat(frames), spans


def recall_and_others(fault, clean, seed):
    """Share of faults found, and other findings for a meter and year."""
    frame, spans = sick(fault, clean, seed)
    slack = timedelta(days=3) if fault is clock_shift else timedelta(0)
    found, others = set(), 0
    for finding in check(read_frame(frame)).findings:
        first, last = spans[finding.meter]
        if finding.kind == fault.__name__ and finding.first - slack <= last and finding.last + slack >= first:
            found.add(finding.meter)
        else:
            others += 1
    return len(found) / TRIALS, others / (TRIALS * DAYS / 365)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__)
def test_nearly_all_faults_are_found(fault):
    recall, others = recall_and_others(fault, CLEAN, seed=1)
    assert recall >= 0.95 and others <= 1


def test_clean_series_have_hardly_any_finding():
    findings = check(read_frame(pl.concat(CLEAN))).findings
    assert len(findings) / (len(CLEAN) * DAYS / 365) <= 1


@pytest.fixture(scope="module")
def real(data):
    """Half a year of summer time, 104 of European countries, 10 of Portuguese clients, 3 of California.

    Whole ones are taken, whatever `check` says of them. From April to October no clock changes.
    """
    windows = []
    for name in (
        "europe35/MHL_train",
        "europe35/MHL_test",
        "uci10/uci_eld_10clients_hourly_2014",
        "caiso/caiso_system_load",
    ):
        (path,) = data.glob(f"{name}.csv*")
        frame = read(path).frame.select("unique_id", "ds", "y")
        for year in range(2014, 2024):
            first = datetime(year, 4, 5, tzinfo=UTC)
            part = frame.filter(pl.col("ds").is_between(first, first + timedelta(days=DAYS), closed="left"))
            windows += [w for w in part.partition_by("unique_id") if len(w) == DAYS * 24 and not w["y"].null_count()]
    assert len(windows) == 117
    return [windows[i] for i in np.random.default_rng(0).permutation(len(windows))]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__)
def test_nearly_all_faults_in_real_series_are_found(real, fault):
    recall, others = recall_and_others(fault, real, seed=3)
    assert recall >= 0.95 and others <= 1


def test_untouched_real_series_have_few_findings(real):
    named = [w.with_columns(pl.lit(f"meter_{i}").alias("unique_id")) for i, w in enumerate(real)]
    assert len(check(read_frame(pl.concat(named))).findings) / (len(real) * DAYS / 365) <= 1


def moved(frame, at, rng):
    return pl.concat([frame[:at], frame[at + 24 : at + 48], frame[at : at + 24], frame[at + 48 :]])


def late(frame, at, rng):
    return pl.concat([frame[:at], frame[at - 1 : at].with_columns(pl.col("ds") + timedelta(minutes=7)), frame[at:]])


def changed(of):
    """A fault that changes readings, as one that changes the frame."""

    def change(frame, at, rng):
        y = frame["y"].to_numpy().copy()
        of(y, at, rng)
        return frame.with_columns(pl.Series("y", y))

    return change


def switched(y, at, rng):
    y[at : at + int(rng.integers(24, 240))] *= -1


def reset(y, at, rng):
    y[:] = np.cumsum(y)
    y[at:] -= y[at]


PLAIN = {
    "gap": lambda f, at, rng: pl.concat([f[:at], f[at + int(rng.integers(1, 100)) :]]),
    "duplicate": lambda f, at, rng: pl.concat([f[:at], f[at - 1 :]]),
    "conflict": lambda f, at, rng: pl.concat([f[:at], f[at - 1 : at].with_columns(pl.col("y") + 1), f[at:]]),
    "unsorted": moved,
    "missing": lambda f, at, rng: f.with_columns(pl.when(pl.int_range(pl.len()) != at).then("y").alias("y")),
    "off_grid": late,
    "not_yet_there": changed(lambda y, at, rng: y[:at].fill(0)),
    "no_more_there": changed(lambda y, at, rng: y[at:].fill(0)),
    "sign_flip": changed(switched),
    "export_sign": changed(lambda y, at, rng: np.negative(y, out=y)),
    "register": changed(lambda y, at, rng: np.cumsum(y, out=y)),
    "counter_reset": changed(reset),
}


@pytest.mark.parametrize("kind", PLAIN)
def test_faults_that_cannot_be_overlooked(kind):
    """Each of the 20 meters has the fault somewhere else, and nothing else is found but what comes of it."""
    rng = np.random.default_rng(4)
    frames = [PLAIN[kind](frame, int(rng.integers(60 * 24, 120 * 24)), rng) for frame in CLEAN]
    findings = check(read_frame(pl.concat(frames))).findings
    assert {f.meter for f in findings if f.kind == kind} == {frame["unique_id"][0] for frame in CLEAN}
    others = {f.kind for f in findings} - {kind}
    assert others <= {"counter_reset": {"register"}}.get(kind, set())
