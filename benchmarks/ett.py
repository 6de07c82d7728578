"""Mean squared error on the long-horizon benchmark ETTh1 and ETTh2, beside what SegRNN's own table says.

    python benchmarks/ett.py --data FOLDER [--sets ETTh1,ETTh2] [--horizons 96,192,336,720] [--seeds 3] [--json]

Protocol: hourly, 12 months to learn from, 4 to stop by, 4 to be judged on; all seven columns, each over its standard
deviation in the first 12 months; a forecast from every hour of the last 4 months, none dropped. The network is trained
by its defaults with `mse` as its loss, but without the second stage, which would learn from the middle 4 months too.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import mean

import numpy as np
from common import Target, show

from wattcast.estimator import NetworkForecaster
from wattcast.features.panel import Panel, panel
from wattcast.features.view import View
from wattcast.nets.forecaster import NetworkSettings
from wattcast.read import read
from wattcast.schema import QUANTILES
from wattcast.train import TrainSettings

MONTH = 30 * 24
TRAIN, JUDGE, END = 12 * MONTH, 16 * MONTH, 20 * MONTH
#: Table 2 of SegRNN (Lin 2023, arXiv:2308.11200), look-back 720.
SEGRNN = {
    "ETTh1": {96: 0.351, 192: 0.392, 336: 0.423, 720: 0.466},
    "ETTh2": {96: 0.276, 192: 0.341, 336: 0.364, 720: 0.403},
}
TOGETHER = 240  # origins forecast at once


def error(p: Panel, horizon: int, seed: int) -> float:
    """Mean squared error over all windows, steps and columns."""
    model = NetworkForecaster(
        NetworkSettings(horizon=horizon, loss="mse"), TrainSettings(seed=seed, validation=0.25, final=False)
    ).fit(View(p, JUDGE, horizon))
    spread, total, count = p.y[:TRAIN].std(axis=0), 0.0, 0
    origins = np.arange(JUDGE, END - horizon + 1)
    for part in np.array_split(origins, -(-len(origins) // TOGETHER)):
        q = model.predict(p, part.tolist(), horizon)[..., QUANTILES.index(0.5)]
        off = (q - p.y[part[:, None] + np.arange(horizon)]) / spread
        total, count = total + float(np.square(off).sum()), count + off.size
    return total / count


def main() -> None:
    """Reads the options, measures, prints."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, required=True, help="folder of the shared data")
    options.add_argument("--sets", default=",".join(SEGRNN))
    options.add_argument("--horizons", default="96,192,336,720")
    options.add_argument("--seeds", type=int, default=3, help="how many")
    options.add_argument("--json", action="store_true")
    told = options.parse_args()
    rows, targets = [], []
    for name in told.sets.split(","):
        p = panel(read(told.data / f"ett/{name}.csv"))
        for horizon in map(int, told.horizons.split(",")):
            began = time.perf_counter()
            mse = mean(error(p, horizon, seed) for seed in range(told.seeds))
            seconds, theirs = (time.perf_counter() - began) / told.seeds, SEGRNN[name][horizon]
            rows.append({"set": name, "horizon": horizon, "wattcast": mse, "segrnn": theirs, "seconds": seconds})
            targets.append(Target(f"{name} {horizon}", mse, theirs))
            if not told.json:
                show("ett", rows[-1:], as_json=False)
    show("ett", rows, targets, as_json=told.json)


if __name__ == "__main__":
    main()
