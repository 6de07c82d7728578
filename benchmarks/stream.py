"""What does a held state cost: a reading, a forecast, a million meters, a year of origins?

python benchmarks/stream.py [--meters 1000000] [--forecasts 100000] [--json]

Networks of random weights (hidden 64, one GRU layer): what they say does not matter here. The row of a million meters
is of hourly readings and a horizon of 3 steps, where every reading advances the network; it is taken in a process of
its own that loads a model file by `wattcast.runtime`, as an operator does, and in one that has imported JAX as well.
Forecasts are of a day of quarters of an hour. Rivals are plain torch, run by WATTCAST_TORCH_PYTHON where set: a held
step, and a network of the same size that reads 168 hours again; and neuralforecast's predict of one meter from 168
hours, run by WATTCAST_NEURALFORECAST_PYTHON. The least of the repeats counts, and of ten rounds the least p99.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import jax
import numpy as np
from common import Target, show

from wattcast import forecast, runtime
from wattcast.features.layout import layout
from wattcast.features.panel import Panel
from wattcast.features.signals import scaling
from wattcast.nets.artifact import save_forecaster
from wattcast.nets.errors import Learning, can_learn
from wattcast.nets.forecaster import Forecaster, NetworkSettings, build, with_rules
from wattcast.nets.linear import LinearPath, linear_size, no_path

TORCH = """
import time, torch
torch.set_num_threads(1)

def least(work, repeats):
    best = 1e9
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(repeats):
            work()
        best = min(best, (time.perf_counter() - began) / repeats)
    return best * 1e6

cell, layer, head = torch.nn.GRUCell(64, 64), torch.nn.GRU(1, 64), torch.nn.Linear(64, 24 * 11)
x, h, past = torch.zeros(1, 64), torch.zeros(1, 64), torch.zeros(168, 1, 1)
with torch.no_grad():
    print(least(lambda: head(cell(x, h)), 200), least(lambda: head(layer(past)[0][-1]), 10))
"""

NEURALFORECAST = """
import logging, time, warnings
for name in ("pytorch_lightning", "lightning", "lightning.pytorch"):
    logging.getLogger(name).setLevel(logging.ERROR)
warnings.filterwarnings("ignore")
import numpy as np, pandas as pd, torch
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import MQLoss
from neuralforecast.models import GRU
torch.set_num_threads(1)
hours = np.arange(24 * 60)
frame = pd.DataFrame({
    "unique_id": "m0", "ds": pd.date_range("2022-01-03", periods=len(hours), freq="h"),
    "y": 10 + 3 * np.sin(2 * np.pi * hours / 24),
})
net = GRU(
    h=24, input_size=168, inference_input_size=168, encoder_n_layers=1, encoder_hidden_size=64, max_steps=1,
    loss=MQLoss(level=[20, 40, 60, 80, 90]), accelerator="cpu", logger=False, enable_progress_bar=False,
    enable_checkpointing=False, enable_model_summary=False,
)
forecaster = NeuralForecast([net], freq="h")
forecaster.fit(frame)
now, best = frame.tail(168), 1e9
for _ in range(40):
    began = time.perf_counter()
    forecaster.predict(now)
    best = min(best, time.perf_counter() - began)
print(best * 1e6)
"""

FLEET = """
import sys
if sys.argv[1] == "jax":
    import jax
import time
import numpy as np
from wattcast import runtime
model = runtime.load(sys.argv[2])
with open(sys.argv[3], "rb") as file:
    states = np.repeat(runtime.restored(model, file.read()), int(sys.argv[4]))
y, best = np.full(len(states), 10.0), 1e9
for _ in range(6):
    began = time.perf_counter()
    runtime.advance(model, states, y, out=states)
    best = min(best, time.perf_counter() - began)
# not getrusage: what it says of the greatest size counts the process before it was this program
with open("/proc/self/status") as file:
    peak = next(line.split()[1] for line in file if line.startswith("VmHWM"))
print(best, float(peak) / 1e6)
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
    learning = Learning(0.5, 0.25, grid.start) if can_learn(lay) else Learning()
    if lay.stride > 1:
        weights = np.random.default_rng(0).normal(0, 0.01, (1, linear_size(lay, 0), lay.outputs))
        linear = LinearPath(weights.astype(np.float32), 0.5)
    return Forecaster(network, net, lay, scaling(grid), linear, np.ones(11), learning, grid.ids, grid.step, grid.zone)


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
        for _ in range(100):
            held[0] = runtime.advance(model, held[0], 10.0)

    public = least(on, 50) / 100
    if model.native is None:
        return public * 1e6, None
    states, y = held[0].reshape(-1).copy(), np.array([10.0])
    block, row = model.clock.block(int(runtime.moment(model, states[0]).astype(np.int64)))

    def call() -> None:
        for _ in range(100):
            model.native.advance(model, states, y, block, row)

    return public * 1e6, least(call, 50) / 100 * 1e6


def day_ahead(count: int) -> tuple[float, float]:
    """Milliseconds of advance and forecast (p99), and seconds of the forecasts of many meters."""
    grid = panel(15, 60)
    model = forecast.live(forecaster(grid, 96))
    state, p99 = runtime.prime(model, grid)[0], []
    for _ in range(10):
        taken = []
        for _ in range(300):
            began = time.perf_counter()
            state = runtime.advance(model, state, 10.0)
            runtime.predict(model, state)
            taken.append(time.perf_counter() - began)
        p99.append(float(np.quantile(taken, 0.99)))
    many = np.repeat(state.reshape(1), count)
    return min(p99) * 1e3, least(lambda: runtime.predict(model, many), 2)


def again() -> float:
    """Microseconds of a reading and the next 24 hours' forecast of one hourly meter."""
    grid = panel(60, 60)
    model = forecast.live(forecaster(grid, 24))
    held = [runtime.prime(model, grid)[0]]

    def on() -> None:
        for _ in range(20):
            held[0] = runtime.advance(model, held[0], 10.0)
            runtime.predict(model, held[0])

    return least(on, 200) / 20 * 1e6


def fleet(count: int, beside: str) -> tuple[float, float]:
    """Seconds of a reading of each of many meters, and gigabytes their process took at most."""
    grid = panel(60, 60)
    f = forecaster(grid, 3)
    with tempfile.TemporaryDirectory() as folder:
        model, state = Path(folder, "model.wattcast"), Path(folder, "state")
        save_forecaster(f, model)
        state.write_bytes(runtime.prime(forecast.live(f), grid).tobytes())
        seconds, gigabytes = told(sys.executable, FLEET, beside, str(model), str(state), str(count))
    return seconds, gigabytes


def year(days: int) -> float:
    """Seconds of a backtest's forecasts from every day of that many, 35 meters, with compiling."""
    grid = panel(60, days + 30, 35)
    f = replace(forecaster(grid, 24, hidden=(128,), members=3), ids=grid.ids)
    origins = [24 * d for d in range(29, days + 29)]
    return least(lambda: forecast.predict(f, grid, origins), 1)


def told(python: str, code: str, *given: str) -> list[float]:
    """Numbers that a program prints last."""
    done = subprocess.run([python, "-c", code, *given], capture_output=True, text=True, check=True)
    return [float(number) for number in done.stdout.splitlines()[-1].split()]


def rivals() -> tuple[float | None, float | None, float | None]:
    """Microseconds of torch's held step, of torch over 168 hours, and of neuralforecast's predict; None: not there."""
    torch, neural = (os.environ.get(f"WATTCAST_{name}_PYTHON") for name in ("TORCH", "NEURALFORECAST"))
    step, context = told(torch, TORCH) if torch else (None, None)
    return step, context, told(neural, NEURALFORECAST)[0] if neural else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--meters", type=int, default=1_000_000)
    parser.add_argument("--forecasts", type=int, default=100_000)
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    given = parser.parse_args()
    seconds, gigabytes = fleet(given.meters, "alone")
    _, with_jax = fleet(given.meters, "jax")
    public, native = one_meter()
    p99, many = day_ahead(given.forecasts)
    ours, (step, context, neural) = again(), rivals()
    years = {days: year(days) for days in (365, 730, 1460)}
    rows = [
        {"what": "advance, one reading, public call [us]", "wattcast": public, "torch held step": step},
        {"what": "advance, one reading, native call [us]", "wattcast": native},
        {
            "what": "a reading and 24 hours ahead, one meter [us]",
            "wattcast": ours, "torch, 168 h again": context, "neuralforecast": neural,
        },
        {"what": "advance and day-ahead forecast, p99 [ms]", "wattcast": p99},
        {"what": f"a reading of each of {given.meters} meters [s]", "wattcast": seconds},
        {"what": "  greatest size of the process [GB]", "wattcast": gigabytes},
        {"what": "  the same with JAX imported [GB]", "wattcast": with_jax},
        {"what": f"day-ahead forecasts of {given.forecasts} meters [s]", "wattcast": many},
        *({"what": f"daily origins of {d} days, 35 meters [s]", "wattcast": s} for d, s in years.items()),
    ]  # fmt: skip
    targets = [
        Target("public advance [us]", public, 60.0),
        Target("native advance [us]", float("inf") if native is None else native, 15.0),
        Target("advance and forecast, p99 [ms]", p99, 1.0),
        Target(f"{given.meters} readings [s]", seconds, 1.0),
        Target("size [GB]", gigabytes, 1.5),
        Target(f"{given.forecasts} forecasts [s]", many, 10.0),
        Target("a year of origins [s]", years[365], 3.0),
    ]
    if neural is not None:
        targets.append(Target("times as fast as neuralforecast's predict", neural / ours, 500.0, "higher"))
    show("stream", rows, targets, as_json=given.json)


if __name__ == "__main__":
    main()
