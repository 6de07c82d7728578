"""Which recurrent cell is worth its cost: all of them at equal training time, on homes, clients and zones.

    python benchmarks/cells.py --data ../shared/data --seconds 20

A day ahead at every hour, from the load alone; two layers of 24 units; errors ÷ those of the same hour of the day
before, on the last fifth. Ten meters a set.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import polars as pl

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
    sets = {name: hourly(asked.data / file) for name, file in SETS.items()}
    places = compare(sets, seconds=asked.seconds, seeds=range(asked.seeds))
    won = earned(places)
    if asked.json:
        rows = {n: {"mean": p.mean, "ms": p.ms, "parameters": p.parameters, **p.scores} for n, p in places.items()}
        print(json.dumps({"kernels": which(), "seconds": asked.seconds, "cells": rows, "earned": won}))
        return
    print(f"{which()}; {asked.seconds:g} s of training for each cell and set, {asked.seeds} seed(s)")
    print(f"{'cell':<14}" + "".join(f"{s:>9}" for s in sets) + f"{'mean':>9}{'parameters':>12}{'ms':>7}")
    for name, place in sorted(places.items(), key=lambda item: item[1].mean):
        errors = "".join(f"{np.mean(place.scores[s]):9.3f}" for s in sets)
        print(f"{name:<14}{errors}{place.mean:9.3f}{place.parameters:12,}{place.ms:7.1f}")
    week = [week_before(load) for load in sets.values()]
    print(f"{'a week ago':<14}" + "".join(f"{e:9.3f}" for e in week) + f"{np.mean(week):9.3f}")
    print(f"better than every classic cell on all sets: {', '.join(won) or 'none'}")


if __name__ == "__main__":
    main()
