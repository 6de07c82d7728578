"""How fast are the recurrent layers, and how near to what the machine can do?

    python benchmarks/kernels.py [--json] [--rivals] [--rounds N] [--only TEXT]

Times forward and training step (forward and backward, no optimizer) of our layers, of the same with bf16 products
where the processor has them, and of `lax.scan` for each cell and shape; with --rivals also `torch.nn`, as it comes and
with the allocator told to keep its memory. Torch lives in an environment of its own: WATTCAST_TORCH_PYTHON names its
interpreter. All take turns, round by round, and the least time of each counts; the machine's peak is the best f32
matrix product seen in the same rounds. On one core (`taskset -c 0 python ...`) processor time is taken, which does not
count the others' work on a busy machine.
"""

# ruff: noqa: PLC0415  the rival's process has no JAX, ours has no torch

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from common import Target, show

GATES = {"lstm": 4, "gru": 3, "elman": 1}
# time, batch, then (inputs, hidden) of each layer
SHAPES = [
    (168, 64, ((8, 64), (64, 64))),
    (168, 32, ((8, 128), (128, 128))),
    (96, 256, ((8, 40), (40, 40), (40, 40))),
    (336, 16, ((8, 32),)),
    (30, 512, ((32, 512),)),
    (5, 512, ((1, 50), (50, 208))),
]
SIDE = 2048  # of the square matrices whose product shows the peak
SLICE = 0.12  # seconds a function runs in one round, at least
TUNED = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "268435456",
}


class Job(NamedTuple):
    """One thing to time."""

    cell: str
    shape: int  # index into SHAPES
    step: bool  # training step, else forward

    def flops(self) -> float:
        """Multiply-adds twice; no gradient is asked of the first layer's inputs."""
        steps, batch, layers = SHAPES[self.shape]
        total = 0
        for k, (inputs, hidden) in enumerate(layers):
            products = (3 * (inputs + hidden) - (0 if k else inputs)) if self.step else inputs + hidden
            total += 2 * steps * batch * GATES[self.cell] * hidden * products
        return float(total)

    def __str__(self) -> str:
        steps, batch, layers = SHAPES[self.shape]
        sizes = " ".join(f"{i}-{h}" for i, h in layers)
        return f"{self.cell} {steps}x{batch} {sizes} {'step' if self.step else 'forward'}"


def least_time(run: Callable[[], Any]) -> float:
    """Seconds of the fastest of the calls that fit into a slice."""
    clock = time.process_time if len(os.sched_getaffinity(0)) == 1 else time.perf_counter
    best, begin = float("inf"), time.perf_counter()
    while True:
        start = clock()
        run()
        best = min(best, clock() - start)
        if time.perf_counter() - begin > SLICE:
            return best


def jax_runs() -> Callable[[str, Job | None], Callable[[], Any]]:
    """Makes the function to time for a path (`ours`, `scan`, `xla` or `numpy` for the peak) and job."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from wattcast import kernels
    from wattcast.kernels import reference

    draw = np.random.default_rng(0)
    states = {"elman": kernels.ElmanState, "gru": kernels.GRUState, "lstm": kernels.LSTMState}

    def array(*shape: int, scale: float = 1.0) -> jax.Array:
        return jnp.asarray(draw.standard_normal(shape) * scale, jnp.float32)

    def make(path: str, job: Job | None) -> Callable[[], Any]:
        if job is None:
            a, b = array(SIDE, SIDE), array(SIDE, SIDE)
            if path == "numpy":
                wide = np.asarray(a), np.asarray(b)
                return lambda: wide[0] @ wide[1]
            product = jax.jit(jnp.matmul)
            return lambda: jax.block_until_ready(product(a, b))
        steps, batch, layers = SHAPES[job.shape]
        gates, state, step = GATES[job.cell], states[job.cell], getattr(reference, f"{job.cell}_step")
        op = getattr(kernels, job.cell) if path == "ours" else lambda w, x, s: reference.scan(step, w, x, s)
        xs = array(steps, batch, layers[0][0])
        weights = [
            kernels.Weights(
                array(i, gates * h, scale=i**-0.5),
                array(h, gates * h, scale=h**-0.5),
                array(gates * h),
                array(h if job.cell == "gru" else 0),
            )
            for i, h in layers
        ]

        def forward(weights: list, xs: jax.Array) -> jax.Array:
            for layer in weights:
                zero = jnp.zeros((batch, layer.u.shape[0]), jnp.float32)
                xs, _ = op(layer, xs, state(*[zero] * len(state._fields)))
            return xs

        run = jax.jit(jax.grad(lambda w, x: jnp.mean(forward(w, x) ** 2)) if job.step else forward)
        return lambda: jax.block_until_ready(run(weights, xs))

    return make


def torch_runs() -> Callable[[str, Job | None], Callable[[], Any]]:
    """The same in torch."""
    import torch
    from torch import nn

    kinds = {"lstm": nn.LSTM, "gru": nn.GRU, "elman": nn.RNN}

    def make(path: str, job: Job | None) -> Callable[[], Any]:
        if job is None:
            a, b = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)
            return lambda: a @ b
        steps, batch, layers = SHAPES[job.shape]
        if len({h for _, h in layers}) == 1:  # the library's own stack where it can say it
            nets = [kinds[job.cell](layers[0][0], layers[0][1], len(layers))]
        else:
            nets = [kinds[job.cell](i, h) for i, h in layers]
        xs = torch.randn(steps, batch, layers[0][0])

        def forward() -> Any:
            out = xs
            for net in nets:
                out, _ = net(out)
            return out

        def train() -> None:
            for net in nets:
                net.zero_grad()
            forward().square().mean().backward()

        def infer() -> None:
            with torch.no_grad():
                forward()

        return train if job.step else infer

    return make


def serve() -> None:
    """Child process: a line of JSON (a job or null) in, its least time in one slice out."""
    make, made = torch_runs(), {}
    for line in sys.stdin:
        job = json.loads(line)
        if line not in made:
            made[line] = make("torch", None if job is None else Job(*job))
            made[line]()
        print(least_time(made[line]), flush=True)


class Rival:
    """A child process that times torch on demand."""

    def __init__(self, python: str, environment: dict[str, str]) -> None:
        self.child = subprocess.Popen(
            [python, __file__, "--serve"],
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def time(self, job: Job | None) -> float:
        """Least seconds in one slice."""
        self.child.stdin.write(json.dumps(job) + "\n")
        self.child.stdin.flush()
        answer = self.child.stdout.readline()
        if not answer:
            raise RuntimeError("the rival's process ended; see its message above")
        return float(answer)


def with_target(name: str, timer: Callable[[Job | None], float]) -> Callable[[Job | None], float]:
    """The timer with another target in force; arrays saved by forward never outlive a call, so it may change."""
    from wattcast.kernels import native

    def timed(job: Job | None) -> float:
        before = native.target()
        native.use_target(name)
        try:
            return timer(job)
        finally:
            native.use_target(before)

    return timed


def measure(jobs: list[Job], rounds: int, rivals: bool) -> tuple[dict[tuple[str, Job], float], dict[str, float]]:
    """Least seconds by (path, job), and GFLOP/s of the matrix product by library."""
    from wattcast import kernels
    from wattcast.kernels import native

    make, times, peaks = jax_runs(), {}, {}
    timers: dict[str, Callable[[Job | None], float]] = {}
    made: dict[tuple[str, Job | None], Callable] = {}

    def own(path: str) -> Callable[[Job | None], float]:
        def timer(job: Job | None) -> float:
            if (path, job) not in made:
                made[path, job] = make(path, job)
                made[path, job]()
            return least_time(made[path, job])

        return timer

    timers["ours"], timers["scan"] = own("ours"), own("scan")
    if kernels.which().startswith("native") and "bf16" in native.targets():
        timers["bf16"] = with_target("bf16", own("ours"))
    products = {"XLA": own("xla"), "NumPy": own("numpy")}
    if rivals:
        python = os.environ.get("WATTCAST_TORCH_PYTHON", sys.executable)
        plain, tuned = Rival(python, {}), Rival(python, TUNED)
        timers["torch"], timers["torch_tuned"] = plain.time, tuned.time
        products["torch"] = plain.time
    for turn in range(rounds):
        for job in jobs:
            for name, product in products.items():
                rate = 2 * SIDE**3 / product(None) / 1e9
                peaks[name] = max(peaks.get(name, 0.0), rate)
            for path, timer in timers.items():
                times[path, job] = min(times.get((path, job), float("inf")), timer(job))
        print(f"round {turn + 1} of {rounds}", file=sys.stderr)
    return times, peaks


def judge(times: dict[tuple[str, Job], float], peak: float) -> list[Target]:
    """Each target beside the worst figure it asks about."""
    targets = list[Target]()

    def add(name: str, values: list[float], target: float) -> None:
        if values:
            targets.append(Target(name, min(values), target, "higher"))

    steps = [job for path, job in times if path == "ours" and job.step]

    def shares(wanted: Callable[[int, int], bool]) -> list[float]:
        return [
            job.flops() / times["ours", job] / 1e9 / peak
            for job in steps
            if job.cell != "elman" and wanted(SHAPES[job.shape][1], SHAPES[job.shape][2][-1][1])
        ]

    def over(path: str, cell: str, shape: int | None = None) -> list[float]:
        return [
            times[path, job] / times["ours", job]
            for job in steps
            if (path, job) in times and job.cell == cell and shape in (None, job.shape)
        ]

    add("step / peak, hidden >= 128", shares(lambda batch, hidden: hidden >= 128), 0.75)
    add("step / peak, hidden 32-64, batch >= 64", shares(lambda batch, hidden: hidden <= 64 <= batch), 0.55)
    add("over torch LSTM at its best", over("torch_tuned", "lstm"), 1.4)
    add("over torch LSTM as it comes, 168x64 8-64 64-64", over("torch", "lstm", 0), 2.5)
    add("over torch GRU at its best", over("torch_tuned", "gru"), 3.0)
    add("over torch GRU at its best, 336x16 8-32", over("torch_tuned", "gru", 3), 8.0)
    add("over lax.scan", [r for cell in GATES for r in over("scan", cell)], 2.0)
    elman = [
        times["ours", job._replace(cell="gru")] / times["ours", job]
        for job in steps
        if job.cell == "elman" and ("ours", job._replace(cell="gru")) in times
    ]
    add("Elman over GRU", elman, 1.0)
    wide = [j for j in steps if ("bf16", j) in times and SHAPES[j.shape][2][-1][1] >= 64 and j.cell != "elman"]
    full = [j for j in wide if SHAPES[j.shape][1] >= 64]
    add("bf16 over f32, hidden >= 64, batch >= 64", [times["ours", j] / times["bf16", j] for j in full], 1.5)
    wider = [j for j in wide if SHAPES[j.shape][2][-1][1] >= 128]
    add("bf16 / f32 peak, hidden >= 128", [j.flops() / times["bf16", j] / 1e9 / peak for j in wider], 1.1)
    return targets


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    ask.add_argument("--rivals", action="store_true", help="time torch too")
    ask.add_argument("--rounds", type=int, default=5)
    ask.add_argument("--only", default="", help="only jobs whose name contains this")
    ask.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = ask.parse_args()
    if given.serve:
        serve()
        return
    from wattcast import kernels

    jobs = [Job(cell, shape, step) for cell in GATES for shape in range(len(SHAPES)) for step in (False, True)]
    jobs = [job for job in jobs if given.only in str(job)]
    times, peaks = measure(jobs, given.rounds, given.rivals)
    print(kernels.which(), file=sys.stderr)
    peak = max(peaks.values())
    rows: list[dict[str, Any]] = [
        {"what": f"product of two squares of {SIDE}, {name}", "GFLOP/s": rate} for name, rate in peaks.items()
    ]
    for job in jobs:
        rates = {path: job.flops() / s / 1e9 for (path, other), s in times.items() if other == job}
        shares = {f"{path} / peak": rate / peak for path, rate in rates.items()}
        rows.append({"what": str(job), **rates, **shares})
    show("kernels", rows, judge(times, peak), as_json=given.json)


if __name__ == "__main__":
    main()
