"""How large is the runtime installed alone, and how long does its import take?

python benchmarks/runtime_alone.py [--repeats 10] [--json]

Builds a wheel of this checkout and installs it into a fresh environment as docs/runtime.md says: the wheel without what
it depends on, then NumPy and safetensors. The size is what its packages take on disk, compiled Python included, pip and
setuptools not; imports are timed inside of a process each, the least of the repeats counts. NumPy's own import, most of
the time, stands beside; so does the processor time, which a busy machine does not stretch as much.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

from common import Target, show

ROOT = Path(__file__).parents[1]
#: Installs with the pip of this environment into another, which has none.
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
TIMED = """
import time
wall, processor = time.perf_counter(), time.process_time()
import {}
print(time.perf_counter() - wall, time.process_time() - processor)
"""


def installed(folder: Path) -> Path:
    """The Python of a fresh environment that holds the runtime alone."""
    subprocess.run([*PIP, "wheel", "--no-deps", "--wheel-dir", folder, ROOT], check=True)
    venv.create(folder / "alone", with_pip=False)
    python = folder / "alone" / "bin" / "python"
    into = [*PIP, "--python", str(python), "install"]
    subprocess.run([*into, "--no-deps", *folder.glob("wattcast-*.whl")], check=True)
    subprocess.run([*into, "numpy", "safetensors"], check=True)
    return python


def megabytes(package: Path) -> float:
    """What a package takes on disk [MB]."""
    files = [package] if package.is_file() else [p for p in package.rglob("*") if p.is_file()]
    return sum(p.stat().st_blocks * 512 for p in files) / 1e6


def seconds(python: Path, module: str, repeats: int) -> list[float]:
    """Least wall-clock and processor time of an import; one more run before warms the disk. `-I`: nothing of ours."""
    command = [python, "-I", "-c", TIMED.format(module)]
    runs = [subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(repeats + 1)]
    return [min(times) for times in zip(*(map(float, said.split()) for said in runs[1:]), strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        python = installed(folder)
        packages = next((folder / "alone" / "lib").glob("python*/site-packages"))
        sizes = {p.name: megabytes(p) for p in sorted(packages.iterdir())}
        times = {name: seconds(python, name, given.repeats) for name in ("numpy", "wattcast.runtime")}
    total, took = sum(sizes.values()), times["wattcast.runtime"][0]
    rows: list[dict[str, Any]] = [{"what": name, "MB": size} for name, size in sizes.items() if size >= 0.1]
    rows += [{"what": f"import {name}", "s": wall, "processor s": busy} for name, (wall, busy) in times.items()]
    targets = [Target("size [MB]", total, 120), Target("import wattcast.runtime [s]", took, 0.15)]
    show("runtime alone", rows, targets, as_json=given.json)


if __name__ == "__main__":
    main()
