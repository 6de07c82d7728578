"""The chapter's job on made-up readings, and on the real file where it is."""

from __future__ import annotations

import numpy as np
import pytest

from wattcast.chapter.job import MEAN, READINGS, SIZE, Job, read_job


def job_of(load) -> Job:
    """A job on readings without a file."""
    scaled = (load[:READINGS] - MEAN) / SIZE
    return Job(load, scaled, np.lib.stride_tricks.sliding_window_view(scaled, 5)[:14_000], scaled[6:14_006])


@pytest.fixture(scope="session")
def load():
    """Quarter hours with a day, a week and noise that lingers [kW]."""
    rng, t = np.random.default_rng(0), np.arange(READINGS + 100)
    noise = np.convolve(rng.normal(0, 4, len(t) + 20), 0.8 ** np.arange(21), "valid")
    return 145 + 45 * np.sin(2 * np.pi * t / 96) - 15 * (t // 96 % 7 >= 5) + noise


@pytest.fixture(scope="session")
def file(load, tmp_path_factory):
    path = tmp_path_factory.mktemp("chapter") / "elec_load.csv"
    path.write_text("Load\n" + "".join(f"{v!r}\n" for v in load.tolist()))
    return path


@pytest.fixture(scope="session")
def job(file):
    return read_job(file)


@pytest.fixture(scope="session")
def real(data):
    path = data / "elec_load.csv"
    if not path.is_file():
        pytest.skip(f"no {path}")
    return read_job(path)


@pytest.fixture
def make_job():
    return job_of
