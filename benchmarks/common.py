"""What the benchmarks share: one shape of answer, as a small table or as JSON."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Target:
    """A number that we hold ourselves to.

    Attributes:
        name: what is measured, unit included.
        value: what it came to.
        target: what it should be.
        better: which side of the target is good.
    """

    name: str
    value: float
    target: float
    better: Literal["lower", "higher"] = "lower"

    @property
    def met(self) -> bool:
        """Whether the value is on the good side."""
        return self.value <= self.target if self.better == "lower" else self.value >= self.target


def machine() -> str:
    """Processor and number of cores, as the system names them; its family where the name says little."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        told = {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in info.read_text().splitlines())}
        name = f"{told.get('model name', name)} family {told.get('cpu family', '?')} model {told.get('model', '?')}"
    return f"{name}, {len(os.sched_getaffinity(0))} cores"


def commit() -> str | None:
    """Short hash of the checkout, with a plus where files differ from it; None outside of one."""
    try:
        command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty=+"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def show(name: str, rows: Sequence[Mapping[str, Any]], targets: Sequence[Target] = (), *, as_json: bool) -> None:
    """Prints the rows and what became of the targets, or one JSON object."""
    if as_json:
        told = [{**asdict(t), "met": t.met} for t in targets]
        print(json.dumps({"name": name, "machine": machine(), "commit": commit(), "rows": rows, "targets": told}))
        return
    print(f"{name} ({machine()})")
    heads = list(dict.fromkeys(key for row in rows for key in row))
    lines = [heads, *([_cell(row.get(head)) for head in heads] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    for line in lines:
        print(
            "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True)))
        )
    for t in targets:
        print(f"{t.name}: {_cell(t.value)}, target {_cell(t.target)} or {t.better}: {'met' if t.met else 'missed'}")


def _cell(value: Any) -> str:
    return "–" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)
