from __future__ import annotations

import polars as pl
import pytest

from wattcast.describe import describe
from wattcast.read import read_frame, synthetic


def test_same_seed_same_frame_and_meters_do_not_depend_on_their_number():
    few, many = synthetic(meters=2, days=10), synthetic(meters=3, days=10)
    assert few.equals(many.head(few.height))
    assert not few["y"].equals(synthetic(meters=2, days=10, seed=1)["y"])


def test_shape():
    frame = synthetic(meters=2, days=28, step_minutes=15)
    assert frame.schema == {
        "unique_id": pl.String,
        "ds": pl.Datetime("us"),
        "y": pl.Float64,
        "temperature": pl.Float64,
    }
    assert frame.height == 2 * 28 * 96
    assert frame["y"].min() > 0
    assert [d["seasons"] for d in describe(read_frame(frame))] == [["day", "week"]] * 2
    with pytest.raises(ValueError, match="1 or more"):
        synthetic(meters=0)
