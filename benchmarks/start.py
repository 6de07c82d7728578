"""How long does a user wait for `import wattcast` and for `wattcast --help`?

python benchmarks/start.py [--repeats 7] [--json]

Each run is a process of its own, from its start to its end; the least of the repeats counts. The interpreter alone
and the import of JAX, which neither should cause, stand beside them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

from common import Target, show

HELP = "import sys; sys.argv = ['wattcast', '--help']; from wattcast.cli import main; main()"
RUNS = {"interpreter alone": "pass", "import wattcast": "import wattcast", "wattcast --help": HELP,
        "import jax": "import jax"}  # fmt: skip
TARGETS = {"import wattcast": 0.2, "wattcast --help": 0.4}


def seconds(code: str, repeats: int) -> float:
    """The least wall-clock time of a process that runs the code; one more run before warms the disk."""
    taken = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - began)
    return min(taken[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    given = parser.parse_args()
    found = {name: seconds(code, given.repeats) for name, code in RUNS.items()}
    bare = found["interpreter alone"]
    rows = [{"run": name, "seconds": s, "without the interpreter": s - bare} for name, s in found.items()]
    targets = [Target(f"{name} [s]", found[name], most) for name, most in TARGETS.items()]
    show("start", rows, targets, as_json=given.json)


if __name__ == "__main__":
    main()
