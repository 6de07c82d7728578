"""What is said of a training while it runs."""

import io

import pytest
from rich.console import Console

from wattcast.cli import progress
from wattcast.train import Epoch

SEARCH = Epoch("search", 14, 15, 0.012345, 0.023456, -0.1234, 999_400.0, 1.0)
FINAL = Epoch("final", 2, 15, 0.01, None, None, 1_234_000.0, 1.0)


@pytest.mark.parametrize("width", [80, 140])
@pytest.mark.parametrize(
    ("epoch", "said"),
    [
        (SEARCH, ["epoch", "14/15", "loss 0.01235", "val 0.02346", "skill -12.3%", "999k/s", "left"]),
        (FINAL, ["final epoch", "2/15", "loss 0.01000", "1.2M/s", "left"]),
    ],
)
def test_nothing_is_cut_on_a_terminal(monkeypatch, width, epoch, said):
    shown = io.StringIO()
    monkeypatch.setattr(progress, "err", Console(file=shown, width=width, force_terminal=True, color_system=None))
    with progress.training_bar() as bar:
        bar(epoch)
    last = next(line for line in reversed(shown.getvalue().splitlines()) if "loss" in line)
    assert all(word in last for word in said) and "…" not in last
