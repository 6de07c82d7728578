"""How fast is the decoder, forward and backward, beside the same compiled by XLA?

    python benchmarks/decoder.py [--json] [--rounds N]

Sizes are those of a training batch: members, origins, local inputs, outputs, units, raw numbers. Both take turns, and
the least time of each counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from common import Target, show

from wattcast import kernels
from wattcast.kernels import reference

SIZES = {
    "half-hourly, one meter": (3, 896, 15, 48, 32, 3),
    "half-hourly, ten homes": (3, 896, 37, 48, 64, 3),
    "15 minutes, many meters": (3, 3584, 37, 96, 64, 3),
    "720 hours": (3, 896, 15, 720, 32, 1),
}


def step_of(decode: Callable, sizes: tuple[int, ...]) -> Callable[[], Any]:
    """A compiled call: value and gradients of all weights."""
    members, origins, inputs, outputs, units, params = sizes
    draw = np.random.default_rng(0)

    def array(*shape: int) -> jax.Array:
        return jnp.asarray(draw.standard_normal((members, *shape)) * 0.5, jnp.float32)

    common, local = array(origins, units), array(inputs, origins, outputs)
    weights = array(inputs, units), array(outputs, units), array(units, params)

    def loss(common: jax.Array, local: jax.Array, *weights: jax.Array) -> jax.Array:
        return jnp.mean(jnp.square(jax.vmap(decode)(common, local, *weights)))

    step = jax.jit(jax.value_and_grad(loss, (0, 2, 3, 4)))
    return lambda: jax.block_until_ready(step(common, local, *weights))


def main() -> None:
    """Reads the options, measures, prints."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--json", action="store_true")
    ask.add_argument("--rounds", type=int, default=10)
    told = ask.parse_args()
    rows = []
    for name, sizes in SIZES.items():
        runs = {"ours [ms]": step_of(kernels.decode, sizes), "XLA [ms]": step_of(reference.decode, sizes)}
        best = dict.fromkeys(runs, float("inf"))
        for turn in range(told.rounds + 1):
            for path, run in runs.items():
                began = time.perf_counter()
                run()
                if turn:  # the first compiles
                    best[path] = min(best[path], 1e3 * (time.perf_counter() - began))
        rows.append({"what": name, **best, "ratio": best["XLA [ms]"] / best["ours [ms]"]})
    least = Target("least ratio over XLA", min(row["ratio"] for row in rows), 1.5, "higher")
    show(f"decoder, {kernels.which()}", rows, [least], as_json=told.json)


if __name__ == "__main__":
    main()
