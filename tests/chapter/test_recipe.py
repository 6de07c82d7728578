"""Our own recipe: nothing from the test windows is learned, nothing after a window's end is seen."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from wattcast.chapter import own_recipe, recipe
from wattcast.chapter.job import SIZE
from wattcast.nets.forecaster import NetworkSettings
from wattcast.train import TrainSettings


@pytest.fixture(scope="module", autouse=True)
def small():
    """Two short epochs of a small network; the baselines have a test of their own."""
    with pytest.MonkeyPatch.context() as patch:
        short = {"epochs": 2, "steps": 4, "batch": 4, "context": 32}
        patch.setattr(recipe, "TrainSettings", lambda **asked: TrainSettings(**asked | short))
        patch.setattr(recipe, "NetworkSettings", partial(NetworkSettings, hidden=(4,), decoder=4))
        patch.setattr(recipe, "baseline_errors", lambda job: {"persistence": {"val_mse": 1.0, "test_mse": 1.0}})
        yield


def changed(job, make_job, first):
    """The job with other readings from index `first` on."""
    load = job.load.copy()
    load[first:] = 250 + 30 * np.sin(np.arange(len(load) - first))
    return make_job(load)


def losses(result):
    return [(e["loss"], e["val_loss"]) for e in result.epochs]


@pytest.fixture(scope="module")
def first(small, job):
    return own_recipe(job, seed=1)


def test_result(first, job):
    assert not first.as_printed and first.seed == 1 and len(first.epochs) == 2
    assert set(first.json()) == {"val_mse", "test_mse", "baselines", "epochs", "seconds", "seed", "as_printed"}
    square = ((first.predicted - job.load[13_006:14_006]) / SIZE) ** 2
    assert square.mean() == pytest.approx(first.test_mse, rel=1e-9)
    assert all(e["seconds"] > 0 for e in first.epochs)


def test_a_seed_gives_the_same_numbers(first, job):
    again, other = own_recipe(job, seed=1), own_recipe(job, seed=2)
    assert losses(again) == losses(first)
    np.testing.assert_array_equal(again.predicted, first.predicted)
    assert losses(other) != losses(first)


def test_test_targets_change_nothing_learned_and_no_forecast_made_before_them(first, job, make_job):
    """The first test target is reading 13,006; window i is forecast from the readings before i + 5."""
    other = own_recipe(changed(job, make_job, 13_006), seed=1)
    assert losses(other) == losses(first) and other.val_mse == first.val_mse
    np.testing.assert_array_equal(other.predicted[:2], first.predicted[:2])
    assert (other.predicted[2:] != first.predicted[2:]).all()


def test_readings_after_a_windows_end_change_nothing(first, job, make_job):
    other = own_recipe(changed(job, make_job, 13_505), seed=1)
    np.testing.assert_array_equal(other.predicted[:501], first.predicted[:501])
    assert (other.predicted[501:] != first.predicted[501:]).all()


def test_validation_targets_are_not_trained_on(first, job, make_job):
    """The last target of the training windows is reading 11,965."""
    other = own_recipe(changed(job, make_job, 11_966), seed=1)
    assert [e[0] for e in losses(other)] == [e[0] for e in losses(first)]
    assert all(a[1] != b[1] for a, b in zip(losses(other), losses(first), strict=True))


def test_training_readings_are_trained_on(first, job, make_job):
    load = job.load.copy()
    load[5_000:6_000] *= 1.3
    assert losses(own_recipe(make_job(load), seed=1)) != losses(first)
