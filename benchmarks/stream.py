"""What does a held state cost: a reading, a forecast, a million meters, a year of origins?

python benchmarks/stream.py [--meters 1000000] [--forecasts 100000] [--json]

Networks of random weights (hidden 64, one GRU layer): what they say does not matter here. The row of a million meters
is of hourly readings and a horizon of 3 steps, where every reading advances the network; forecasts are of a day of
quarters of an hour. The rival beside them is a held-state step of plain torch, run by WATTCAST_TORCH_PYTHON where set.
The least of the repeats counts, but for the p99.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import jax
import numpy as np
from common import Target, show

from wattcast import forecast, runtime
from wattcast.features.layout import layout
from wattcast.features.panel import Panel
from wattcast.features.signals import scaling
from wattcast.nets.errors import Learning
from wattcast.nets.forecaster import Forecaster, NetworkSettings, build, with_rules
from wattcast.nets.linear import LinearPath, linear_size, no_path

TORCH = """
import time, torch
torch.set_num_threads(1)
cell, head = torch.nn.GRUCell(64, 64), torch.nn.Linear(64, 33)
x, h = torch.zeros(1, 64), torch.zeros(1, 64)
best = 1e9
with torch.no_grad():
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(200):
            h = cell(x, h)
            head(h)
        best = min(best, (time.perf_counter() - began) / 200)
print(best * 1e6)
"""


def panel(minutes: int, days: int, meters: int = 1) -> Panel:
    rng, day = np.random.default_rng(0), 1440 // minutes
    t = np.arange(days * day)
    y = 10 + 3 * np.sin(2 * np.pi * t / day)[:, None] + rng.normal(0, 0.5, (len(t), meters))
    ids = tuple(f"m{k}" for k in range(meters))
    return Panel(ids, datetime(2022, 1, 3), timedelta(minutes=minutes), "UTC", y, np.zeros((*y.shape, 0)), ())


def forecaster(grid: Panel, horizon: int, **settings: object) -> Forecaster:
    lay = layout(day=grid.day, horizon=horizon, weekly=True)
    net = with_rules(NetworkSettings(horizon=horizon, **{"hidden": (64,), "members": 1, **settings}), lay)
    network, linear = build(net, lay, len(grid.ids), jax.random.key(0)), no_path()
    if lay.stride > 1:
        weights = np.random.default_rng(0).normal(0, 0.01, (1, linear_size(lay, 0), lay.outputs))
        linear = LinearPath(weights.astype(np.float32), 0.5)
    return Forecaster(network, net, lay, scaling(grid), linear, np.ones(11), Learning(), grid.ids, grid.step, grid.zone)


def least(work: Callable[[], object], repeats: int) -> float:
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


def one_meter() -> tuple[float, float | None]:
    """Microseconds of a public advance, and of the native call in it."""
    grid = panel(60, 60)
    model = forecast.live(forecaster(grid, 3))
    held = [runtime.prime(model, grid)[0]]

    def on() -> None:
        for _ in range(500):
            held[0] = runtime.advance(model, held[0], 10.0)

    public = least(on, 10) / 500
    if model.native is None:
        return public * 1e6, None
    from wattcast.runtime.window import tables

    states = held[0].reshape(-1).copy()
    block, row = model.clock.block(int(runtime.moment(model, states[0]).astype(np.int64)))
    seen, y = tables(model, states, block, row), np.array([10.0])

    def call() -> None:
        for _ in range(500):
            model.native.advance(states, y, seen, None)

    return public * 1e6, least(call, 10) / 500 * 1e6


def day_ahead(count: int) -> tuple[float, float]:
    """Milliseconds of advance and forecast (p99), and seconds of the forecasts of many meters."""
    grid = panel(15, 60)
    model = forecast.live(forecaster(grid, 96))
    state, taken = runtime.prime(model, grid)[0], []
    for _ in range(700):
        began = time.perf_counter()
        state = runtime.advance(model, state, 10.0)
        runtime.predict(model, state)
        taken.append(time.perf_counter() - began)
    many = np.repeat(state.reshape(1), count)
    return float(np.quantile(taken[100:], 0.99)) * 1e3, least(lambda: runtime.predict(model, many), 2)


def fleet(count: int) -> tuple[float, float]:
    """Seconds of a reading of each of many meters, and gigabytes this process took at most."""
    grid = panel(60, 60)
    model = forecast.live(forecaster(grid, 3))
    states, y = np.repeat(runtime.prime(model, grid), count), np.full(count, 10.0)
    seconds = least(lambda: runtime.advance(model, states, y, out=states), 4)
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def year(days: int) -> float:
    """Seconds of a backtest's forecasts from every day of that many, 35 meters, with compiling."""
    grid = panel(60, days + 30, 35)
    f = replace(forecaster(grid, 24, hidden=(128,), members=3), ids=grid.ids)
    origins = [24 * d for d in range(29, days + 29)]
    return least(lambda: forecast.predict(f, grid, origins), 1)


def torch_step() -> float | None:
    python = os.environ.get("WATTCAST_TORCH_PYTHON")
    if not python:
        return None
    return float(subprocess.run([python, "-c", TORCH], capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--meters", type=int, default=1_000_000)
    parser.add_argument("--forecasts", type=int, default=100_000)
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    given = parser.parse_args()
    seconds, gigabytes = fleet(given.meters)  # first: the greatest size of the process counts
    public, native = one_meter()
    p99, many = day_ahead(given.forecasts)
    years = {days: year(days) for days in (365, 730, 1460)}
    rows = [
        {"what": "advance, one reading, public call [us]", "wattcast": public, "torch held step": torch_step()},
        {"what": "advance, one reading, native call [us]", "wattcast": native},
        {"what": "advance and day-ahead forecast, p99 [ms]", "wattcast": p99},
        {"what": f"a reading of each of {given.meters} meters [s]", "wattcast": seconds},
        {"what": "  greatest size of the process, JAX's import included [GB]", "wattcast": gigabytes},
        {"what": f"day-ahead forecasts of {given.forecasts} meters [s]", "wattcast": many},
        *({"what": f"daily origins of {d} days, 35 meters [s]", "wattcast": s} for d, s in years.items()),
    ]
    targets = [
        Target("public advance [us]", public, 60.0),
        Target("native advance [us]", float("inf") if native is None else native, 15.0),
        Target("advance and forecast, p99 [ms]", p99, 1.0),
        Target(f"{given.meters} readings [s]", seconds, 1.0),
        Target("size [GB]", gigabytes, 1.5),
        Target(f"{given.forecasts} forecasts [s]", many, 10.0),
        Target("a year of origins [s]", years[365], 3.0),
    ]
    show("stream", rows, targets, as_json=given.json)


if __name__ == "__main__":
    main()
