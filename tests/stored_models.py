"""Model files as they were written once, each with the forecast it must give: what protects against drift.

    python tests/stored_models.py   # writes format_N_*.safetensors and .json to tests/nets/data

What is stored already stays: a new format gets new files beside the old ones.
`format_1.safetensors` was written by the last code of format 1 (its networks, untrained, on `readings()`).
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from wattcast.features.panel import Panel

DATA = Path(__file__).parent / "nets" / "data"
ORIGINS = (35 * 4, 35 * 4 + 1)
#: By name, what `networks.untrained` is asked for: one that advances by day, one with every reading.
STORED = {
    "format_2_days": {"horizon": 4, "members": 2},
    "format_2_steps": {"horizon": 1, "cell": "lstm", "hidden": (3, 3), "loss": "mse"},
    "format_3_days": {"horizon": 6, "cell": "elman"},
    "format_3_habits": {"horizon": 6, "cell": "gru"},
    "format_4_between": {"horizon": 5, "gap": 1},
}


def readings() -> Panel:
    """40 days of two meters every 6 hours, with temperature: sums of waves, the same anywhere."""
    t = np.arange(160.0)
    day, week = np.sin(2 * np.pi * t / 4 + 0.5), np.sin(2 * np.pi * t / 28)
    y = np.stack([10 + 4 * day + week, 200 + 50 * day - 30 * week + 5 * np.sin(1.7 * t)], axis=-1)
    weather = np.stack([15 + 8 * np.sin(t / 20), 12 + 9 * np.cos(t / 17)], axis=-1)[..., None]
    start, step = datetime(2024, 1, 1), timedelta(hours=6)
    return Panel(("north", "south"), start, step, "UTC", y, weather, ("temperature",))


def main() -> None:
    from networks import untrained

    from wattcast.forecast import live, predict
    from wattcast.nets.artifact import VERSION, save_forecaster

    for name, settings in STORED.items():
        if not name.startswith(f"format_{VERSION}_") or (DATA / f"{name}.json").exists():
            continue
        f = untrained(readings(), **settings)
        save_forecaster(f, DATA / f"{name}.safetensors")
        said = predict(f, readings(), ORIGINS)
        rows = [float(f"{q:.8g}") for q in said.ravel()]
        told = {"fingerprint": f"{live(f).fingerprint:016x}", "shape": said.shape, "quantiles": rows}
        (DATA / f"{name}.json").write_text(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
