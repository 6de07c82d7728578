"""How long does the chapter's network take as printed, from the start of a process to its end, beside rivals?

    python benchmarks/chapter.py [--repeats 3] [--json]

Ours is `wattcast chapter --as-printed`. WATTCAST_PEERS names the folder of the rivals' scripts (seed_keras.py,
seed_torch.py), WATTCAST_KERAS_PYTHON and WATTCAST_TORCH_PYTHON the interpreters of their environments; a rival not
given is left out. Ours starts without compiled code, and once more with what that run left. Torch runs with the
allocator told to keep its memory. All take turns and the least time of each counts, wall clock from outside. Also how
long the forecaster's epoch takes to compile: without compiled code, and again with what the first run left.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import Target, show
from kernels import TUNED

OURS = "import sys; sys.argv = ['wattcast', 'chapter', '--as-printed', '--json', '--report', sys.argv[1], '--data', \
sys.argv[2]]; from wattcast.cli import main; main()"
TARGETS = {"keras": 2.0, "torch": 1.2}
# The first epoch of one batch less the second: what stands between is the compilation of epoch and judge.
EPOCH = """
import numpy as np
from datetime import UTC, datetime, timedelta
from wattcast.features.panel import Panel
from wattcast.features.view import View
from wattcast.nets.forecaster import NetworkSettings
from wattcast.train import TrainSettings, fit
hours = np.arange(120 * 24)
load = 10 + np.sin(hours / 24 * 2 * np.pi)[:, None] + 0.1 * np.random.default_rng(0).standard_normal((len(hours), 1))
panel = Panel(("a",), datetime(2020, 1, 1, tzinfo=UTC), timedelta(hours=1), "UTC", load,
              np.zeros((*load.shape, 0)), ())
seconds = []
fit(View(panel, len(hours) - 48, 48), NetworkSettings(horizon=48), TrainSettings(epochs=2, steps=1, final=False),
    progress=lambda epoch: seconds.append(epoch.seconds))
print(seconds[0] - seconds[1])
"""


def contestants(data: Path, scratch: Path) -> dict[str, tuple[list[str], dict[str, str]]]:
    """Command and environment of each by name."""
    root = Path(__file__).parents[1]
    path = os.pathsep.join(filter(None, (str(root / "src"), os.environ.get("PYTHONPATH"))))
    found = {"ours": ([sys.executable, "-c", OURS, str(scratch / "chapter.html"), str(data)], {"PYTHONPATH": path})}
    peers = os.environ.get("WATTCAST_PEERS")
    for name, extra in (("keras", {}), ("torch", TUNED)):
        python = os.environ.get(f"WATTCAST_{name.upper()}_PYTHON")
        if python and peers:
            found[name] = ([python, str(Path(peers) / f"seed_{name}.py"), str(data)], extra)
    return found


def timed(command: list[str], environment: dict[str, str]) -> float:
    """Seconds from the start of a process to its end."""
    began = time.perf_counter()
    subprocess.run(command, env=os.environ | environment, check=True, capture_output=True)
    return time.perf_counter() - began


def compilation(cache: str) -> float:
    """Seconds that the forecaster's epoch and judge take to compile, in a process of its own."""
    environment = os.environ | {
        "JAX_COMPILATION_CACHE_DIR": cache,
        "PYTHONPATH": str(Path(__file__).parents[1] / "src"),
    }
    done = subprocess.run([sys.executable, "-c", EPOCH], env=environment, check=True, capture_output=True, text=True)
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    given = parser.parse_args()
    data = Path(os.environ["WATTCAST_DATA"]) / "elec_load.csv"
    with tempfile.TemporaryDirectory() as scratch:
        them = contestants(data, Path(scratch))
        best = dict.fromkeys([*them, "ours, cached"], float("inf"))
        cold, cached = float("inf"), float("inf")
        for turn in range(given.repeats):
            cache = str(Path(scratch) / f"cache{turn}")
            for name, (command, extra) in them.items():
                keep = {"JAX_COMPILATION_CACHE_DIR": cache} if name == "ours" else {}
                best[name] = min(best[name], timed(command, extra | keep))
            command, extra = them["ours"]
            again = timed(command, extra | {"JAX_COMPILATION_CACHE_DIR": cache})
            best["ours, cached"] = min(best["ours, cached"], again)
            cold, cached = min(cold, compilation(f"{cache}-epoch")), min(cached, compilation(f"{cache}-epoch"))
    rows = [{"run": name, "seconds": s, "over ours": s / best["ours"]} for name, s in best.items()]
    rows += [
        {"run": "compile the epoch, cold", "seconds": cold},
        {"run": "compile the epoch, cached", "seconds": cached},
    ]
    targets = [Target(f"{n} over ours", best[n] / best["ours"], t, "higher") for n, t in TARGETS.items() if n in best]
    targets.append(Target("compile the epoch, cold [s]", cold, 3.0))
    show("chapter", rows, targets, as_json=given.json)


if __name__ == "__main__":
    main()
