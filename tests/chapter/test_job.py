from __future__ import annotations

import numpy as np
import pytest

from wattcast.chapter import job as module
from wattcast.chapter import read_job
from wattcast.chapter.job import READINGS, TESTED, TRAIN, VALIDATED, baseline_errors, errors
from wattcast.schema import ReadingsError


def test_windows_and_targets(tmp_path):
    """x = a[i : i + 5], y = a[i + 6], a = (reading - 145.33) / 338.21: worked by hand for readings 0, 1, 2, ..."""
    path = tmp_path / "elec_load.csv"
    path.write_text("Load\n" + "\n".join(map(str, range(READINGS + 3))) + "\n")
    job = read_job(path)
    assert job.load.shape == (14_009,) and job.x.shape == (14_000, 5) and job.y.shape == (14_000,)
    kilowatts = job.x * 338.21 + 145.33
    np.testing.assert_allclose(kilowatts[0], [0, 1, 2, 3, 4], atol=1e-9)
    np.testing.assert_allclose(kilowatts[13_999], [13_999, 14_000, 14_001, 14_002, 14_003])
    np.testing.assert_allclose(job.y[[0, 1, 13_999]] * 338.21 + 145.33, [6, 7, 14_005])
    assert job.x[0, 0] == pytest.approx(-0.42970344) and job.y[0] == pytest.approx(-0.41196298)


def test_parts():
    assert (TRAIN, VALIDATED - TRAIN, TESTED - VALIDATED) == (11_960, 1_040, 1_000)
    assert round(0.08 * 13_000) == VALIDATED - TRAIN


def test_errors_of_each_part(job):
    off = np.concatenate([np.full(1_040, 0.1), np.full(1_000, 0.3)])
    assert errors(job, job.y[TRAIN:] + off) == {"val_mse": pytest.approx(0.01), "test_mse": pytest.approx(0.09)}


def test_the_panel_carries_the_readings(job):
    panel = job.panel
    assert panel.length == READINGS and panel.day == 96 and panel.ids == ("elec_load",)
    np.testing.assert_array_equal(panel.y[:, 0], job.load[:READINGS])


@pytest.fixture(scope="module")
def found(job):
    return baseline_errors(job)


def test_baselines_by_hand(job, found):
    """Last reading: two steps before the target; naive day and week: 96 and 672 before it."""
    a = job.scaled
    target = np.arange(TRAIN, TESTED) + 6
    for name, back in (("persistence", 2), ("seasonal_naive_day", 96), ("seasonal_naive_week", 672)):
        assert found[name] == pytest.approx(errors(job, a[target - back]), rel=1e-6)
    assert set(found) == {
        "persistence", "seasonal_naive_day", "seasonal_naive_week", "slot_mean", "ridge", "linear_five",
    }  # fmt: skip


def test_baselines_learn_nothing_from_the_test_windows(job, make_job, found):
    load = job.load.copy()
    load[VALIDATED + 6 :] += 50
    for name, row in baseline_errors(make_job(load)).items():
        assert row["val_mse"] == found[name]["val_mse"] and row["test_mse"] != found[name]["test_mse"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "There is no file"),
        (b"", "a column Load of numbers"),
        (b"Power\n1\n", "a column Load of numbers"),
        (b"Load\n1\nmuch\n", "a column Load of numbers"),
        (b"Load\n1\n2\n", "holds 2 readings; the chapter's windows reach over 14006"),
        (b"Load\n" + b"1\n" * 14_005, "holds 14005 readings"),
        (b"Load\n" + b"1\n" * 100 + b"inf\n" + b"1\n" * 14_000, "finite|numbers"),
    ],
)
def test_bad_files(tmp_path, content, said):
    path = tmp_path / "elec_load.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ReadingsError, match=said) as caught:
        read_job(path)
    assert "elec_load.csv" in str(caught.value) and "\n" not in str(caught.value)


def test_the_real_file(real):
    assert real.load.size == 140_256
    summary = [real.load.mean(), real.load.std(ddof=1), real.load.min(), *np.quantile(real.load, (0.25, 0.5, 0.75))]
    np.testing.assert_allclose(summary, [145.332503, 48.477976, 0, 106.850998, 151.428571, 177.557604], atol=5e-7)
    assert real.load.max() == pytest.approx(338.218126, abs=5e-7)
    assert (module.MEAN, module.SIZE) == (145.33, 338.21)


def test_baselines_of_the_real_file(real):
    found = baseline_errors(real)
    measured = {
        "persistence": (0.001043, 0.001201, 6),
        "linear_five": (0.00100, 0.00112, 5),
        "seasonal_naive_day": (0.00078, 0.00129, 5),
        "seasonal_naive_week": (0.00077, 0.00137, 5),
    }
    for name, (validation, test, digits) in measured.items():
        row = found[name]
        assert (round(row["val_mse"], digits), round(row["test_mse"], digits)) == (validation, test), name
