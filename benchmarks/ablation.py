"""What each ingredient of the network is worth: validation folds of several sets, three seeds, cost.

    python benchmarks/ablation.py --data FOLDER [--sets victoria,sgsc10,poland2025] [--variants lstm,...] [--json]

The protocol and the folds are those of accuracy.py. Three networks train side by side, each from its own seed: `single`
is the mean of their pinball losses over the mean load (0.1 .. 0.9), `spread` their standard deviation, `together` the
loss of their mean. Nothing but the named ingredient differs from the defaults; linear path and bands are chosen anew.
`habits the other way`: none where the rule gives them, and the reverse.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any
from unittest.mock import patch

import jax
import numpy as np
from accuracy import SETS, fold_of, scores
from common import show

from wattcast import forecast
from wattcast.nets.errors import Learning
from wattcast.nets.forecaster import Forecaster, NetworkSettings
from wattcast.train import TrainSettings, fit, rules

SEEDS = 3
TURNED = "habits the other way"
#: Settings of the network and of the training that differ from the defaults.
TRAINED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "defaults": ({}, {}),
    "LSTM": ({"cell": "lstm"}, {}),
    "Elman": ({"cell": "elman"}, {}),
    "64 units": ({"hidden": (64,)}, {}),
    "two layers of 128": ({"hidden": (128, 128)}, {}),
    "no dropout": ({"dropout": 0.0}, {}),
    "no weight averaging": ({}, {"ema": 0.0}),
    "no weight decay": ({}, {"weight_decay": 0.0}),
    "no second stage": ({}, {"final": False}),
    "state carried over": ({}, {"stateful": True}),
    "half the context": ({}, {"context": 14}),
    TURNED: ({}, {}),
}
#: What is taken from a network of the defaults after it was trained.
TAKEN = {
    "no linear path": lambda f: replace(f, linear=replace(f.linear, share=0.0)),
    "linear path alone": lambda f: replace(f, linear=replace(f.linear, share=1.0)),
    "bands as the network says": lambda f: replace(f, calibration=np.ones_like(f.calibration)),
    "nothing learned from errors": lambda f: replace(f, learning=Learning()),
}


def single(f: Forecaster, member: int) -> Forecaster:
    """One network of an ensemble."""
    one = jax.tree.map(lambda a: a[member : member + 1] if isinstance(a, jax.Array) else a, f.network)
    return replace(f, network=one, settings=f.settings.model_copy(update={"members": 1}))


def rows_of(name: str, data: Path, variants: list[str]) -> Iterator[dict[str, Any]]:
    """A row a variant, as soon as it is there."""
    work = SETS[name]
    p, learn, origins, y = fold_of(work, data, "validation")

    def row(variant: str, f: Forecaster, seconds: float) -> dict[str, Any]:
        each = [scores(forecast.predict(single(f, k), p, origins), y)["pinball"] for k in range(SEEDS)]
        both = scores(forecast.predict(f, p, origins), y)
        found = {"set": name, "variant": variant, "single": mean(each), "spread": stdev(each)}
        return {**found, "together": both["pinball"], "cover80": both["cover80"], "seconds": round(seconds)}

    for variant, (net, train) in TRAINED.items():
        taken = {k: v for k, v in TAKEN.items() if k in variants} if variant == "defaults" else {}
        if variant not in variants and not taken:
            continue
        settings = NetworkSettings(horizon=p.day, country=work.country, known=p.names, members=SEEDS, **net)
        turned = math.inf if rules.layout_of(learn, settings).habits else 0
        began = time.perf_counter()
        with patch.object(rules, "HABIT_DAYS", turned if variant == TURNED else rules.HABIT_DAYS):
            f = fit(learn, settings, TrainSettings(**train))
        seconds = time.perf_counter() - began
        if variant in variants:
            yield row(variant, f, seconds)
        for what, without in taken.items():
            yield row(what, without(f), seconds)


def main() -> None:
    """Reads the options, measures, prints."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, required=True, help="folder of the shared data")
    options.add_argument("--sets", default="victoria,sgsc10,poland2025", help="which, with commas between")
    options.add_argument("--variants", default=",".join([*TRAINED, *TAKEN]), help="which, with commas between")
    options.add_argument("--json", action="store_true")
    told = options.parse_args()
    rows = []
    for name in told.sets.split(","):
        for row in rows_of(name, told.data, told.variants.split(",")):
            rows.append(row)
            print({k: f"{v:.3g}" if isinstance(v, float) else v for k, v in row.items()}, file=sys.stderr, flush=True)
    show("ablation", rows, as_json=told.json)


if __name__ == "__main__":
    main()
