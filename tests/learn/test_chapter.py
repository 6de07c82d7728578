"""The chapter's job told with stand-ins for the two trainings, which have tests of their own."""

import numpy as np
import pytest

from wattcast.chapter.job import TRAIN, VALIDATED, Result, errors
from wattcast.learn import chapter


def stand_in(share):
    def learned(job):
        said = share * job.x[TRAIN:, -1] + (1 - share) * job.x[TRAIN:].mean(1)
        epochs = [{"epoch": 10, "loss": 0.5, "val_loss": 0.25, "seconds": 1.0}]
        rules = {"persistence": errors(job, job.x[TRAIN:, -1])}
        return Result(**errors(job, said), baselines=rules, epochs=epochs, seconds={}, seed=0, as_printed=False,
                      predicted=said[VALIDATED - TRAIN :])  # fmt: skip

    return learned


@pytest.fixture(scope="module")
def told(data):
    return chapter.run(data=data / "elec_load.csv", printed=stand_in(0.0), ours=stand_in(1.0))


def test_what_was_printed_is_told(told):
    assert (told.facts["printed_loss"], told.facts["printed_val_loss"], told.facts["epochs"]) == (0.5, 0.25, 10)
    assert told.facts["val_mse_persistence"] == pytest.approx(0.001043, abs=1e-6)


def test_why_the_last_reading_is_hard_to_beat(told):
    facts = told.facts
    assert facts["autocorrelation_2_steps"] > 0.9 and facts["share_explained_by_last_reading"] > 0.85
    assert facts["val_mse_mean_of_window"] > 1.4 * facts["val_mse_persistence"]
    assert all(facts[f"{p}_linear_differences"] < facts[f"{p}_persistence"] for p in ("val_mse", "test_mse"))


def test_the_page_draws_both(told):
    assert np.isfinite(told.facts["val_mse_chapter"]) and "as printed" in told.html() and "svg" in told.html()
