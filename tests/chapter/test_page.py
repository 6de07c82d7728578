from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wattcast.chapter import Result
from wattcast.chapter.page import chapter_page, verdict

RULES = {
    "persistence": {"val_mse": 0.001043, "test_mse": 0.001201},
    "ridge": {"val_mse": 0.000434, "test_mse": 0.000544},
}


@pytest.fixture
def result(job):
    epochs = [{"epoch": i, "loss": 0.01 / i, "val_loss": 0.02 / i, "seconds": 1.0} for i in (1, 2, 3)]
    return Result(0.0017, 0.0019, RULES, epochs, {"compile": 1.0, "train": 3.0}, 0, True, job.load[13_006:14_006] + 5)


def test_verdict_on_the_printed_network(result):
    said = " ".join(verdict(result))
    assert "The chapter's network loses to repeating the last reading: 0.001700 / 0.001900 against" in said
    assert "0.001043 / 0.001201" in said
    assert all(why in said for why in ("undertrained", "neither the day nor the week", "level of the series"))
    assert "loses on one part to" in verdict(replace(result, test_mse=0.001))[0]
    assert "network beats repeating" in verdict(replace(result, val_mse=0.001, test_mse=0.001))[0]


def test_verdict_on_our_own(result):
    ours = replace(result, as_printed=False, val_mse=0.0004, test_mse=0.0005)
    said = " ".join(verdict(ours))
    assert said.startswith("wattcast beats 2 of 2 rules on both parts.")
    assert "`wattcast chapter --as-printed`) loses to repeating the last reading" in said and "undertrained" in said
    assert "it does not beat ridge on both" in verdict(replace(ours, test_mse=0.0006))[0]


@pytest.mark.parametrize("printed", [True, False])
def test_page(job, result, printed):
    page = chapter_page(job, replace(result, as_printed=printed))
    for line in verdict(replace(result, as_printed=printed)):
        assert line.replace("'", "&#39;") in page or line in page
    for text in ("11,960 windows train, 1,040 validate, 1,000 test", "The first 1,500 readings", "0.001043", "0.001201",
                 "Loss and validation loss by epoch", "Predicted against test", f"{job.load.mean():.6f}",
                 f"{np.quantile(job.load, 0.25):.6f}"):  # fmt: skip
        assert text in page, text
    assert page.count("<svg") == 5 or page.count("data:image") == 5
    assert "0.010000" in page and "0.006667" in page
