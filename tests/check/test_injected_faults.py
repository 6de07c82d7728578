"""Faults put into clean series at random, 200 of each kind: nearly all are found, and little else."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from wattcast.check import check
from wattcast.read import read_frame, synthetic

TRIALS, DAYS = 200, 180
CLEAN = synthetic(meters=20, days=DAYS, noise=0.05).drop("temperature").partition_by("unique_id")


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


def sick(fault, seed):
    """A frame of `TRIALS` meters with a fault each, and where it is."""
    rng = np.random.default_rng(seed)
    frames, spans = [], {}
    for trial in range(TRIALS):
        frame = CLEAN[trial % len(CLEAN)]
        y = frame["y"].to_numpy().copy()
        at = int(rng.integers(28 * 24, len(y) - 40 * 24))
        length = fault(y, at, rng)
        meter = f"meter_{trial}"
        frames.append(frame.with_columns(pl.lit(meter).alias("unique_id"), pl.Series("y", y)))
        times = frame["ds"].dt.replace_time_zone("UTC")
        spans[meter] = (times[at], times[at + length - 1])
    return pl.concat(frames), spans


@pytest.mark.parametrize("fault", [zero_run, frozen, spike, unit_jump, clock_shift], ids=lambda f: f.__name__)
def test_nearly_all_faults_are_found(fault):
    frame, spans = sick(fault, seed=1)
    slack = timedelta(days=3) if fault is clock_shift else timedelta(0)
    found, others = set(), Counter()
    for finding in check(read_frame(frame)).findings:
        first, last = spans[finding.meter]
        if finding.kind == fault.__name__ and finding.first - slack <= last and finding.last + slack >= first:
            found.add(finding.meter)
        else:
            others[finding.kind] += 1
    assert len(found) / TRIALS >= 0.95
    assert others.total() / (TRIALS * DAYS / 365) <= 1, others


def test_clean_series_have_hardly_any_finding():
    findings = check(read_frame(pl.concat(CLEAN))).findings
    assert len(findings) / (len(CLEAN) * DAYS / 365) <= 1
