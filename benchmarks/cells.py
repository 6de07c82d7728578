"""Which recurrent cell is worth its cost: all of them at equal training time, on homes, clients and zones.

    python benchmarks/cells.py --data ../shared/data --seconds 20

A day ahead at every hour, from the load alone; two layers of 24 units; errors ÷ those of the same hour of the day
before, on the last fifth. Ten meters a set.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from common import show

from wattcast import read
from wattcast.kernels import which
from wattcast.learn.cells import earned
from wattcast.learn.contest import compare, week_before

SETS = {
    "homes": "sgsc10/smart_meter10.csv.gz",
    "clients": "uci10/uci_eld_10clients_hourly_2014.csv.gz",
    "zones": "ontario/ontario_zonal_2003_2019.csv.gz",
}
HOURS = 13_000  # of each set, the last ones


def hourly(path: Path) -> np.ndarray:
    """Hourly means `[hour, meter]` over the time in which every meter was heard; what is missing is drawn straight."""
    frame = read(path).frame.group_by("unique_id", pl.col("ds").dt.truncate("1h")).agg(pl.col("y").mean())
    wide = frame.pivot("unique_id", index="ds", values="y").sort("ds").upsample("ds", every="1h")
    load = wide.drop("ds").interpolate().drop_nulls().to_numpy()
    return load[-HOURS:, :10]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, default=Path("../shared/data"))
    options.add_argument("--seconds", type=float, default=20.0, help="training of one cell on one set [s]")
    options.add_argument("--seeds", type=int, default=1)
    options.add_argument("--json", action="store_true")
    asked = options.parse_args()
    print(f"{which()}; {asked.seconds:g} s of training for each cell and set", file=sys.stderr)
    sets = {name: hourly(asked.data / file) for name, file in SETS.items()}
    places = compare(sets, seconds=asked.seconds, seeds=range(asked.seeds))
    won = earned(places)
    rows: list[dict[str, Any]] = [
        {"cell": name, **{s: float(np.mean(e)) for s, e in place.scores.items()}, "mean": place.mean,
         "parameters": place.parameters, "ms": place.ms, "earned its place": name in won}
        for name, place in sorted(places.items(), key=lambda item: item[1].mean)
    ]  # fmt: skip
    week = {s: float(week_before(load)) for s, load in sets.items()}
    rows.append({"cell": "a week ago", **week, "mean": float(np.mean(list(week.values())))})
    show("cells", rows, as_json=asked.json)


if __name__ == "__main__":
    main()
