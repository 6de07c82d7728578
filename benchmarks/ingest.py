"""How fast is a raw UCI file read, marked and written as Parquet, beside what others take to read it?

python benchmarks/ingest.py [--rows 140256] [--meters 370] [--repeats 3] [--folder DIR] [--json]

Writes a file in the exact layout of `LD2011_2014.txt` (370 clients of four years make 760 MB), then each reader
has it to itself in a process of its own, in turns; the best of the repeats counts. Rivals only read; wattcast
reads, marks clock changes and clients that were not there yet, and writes Parquet. Types are given to Polars and
DuckDB: left to guess they fail, as early columns begin with whole zeros.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
from common import Target, show

STEP = timedelta(minutes=15)
#: Days on which Portugal's clock changed.
SPRING = {date(2011, 3, 27), date(2012, 3, 25), date(2013, 3, 31), date(2014, 3, 30)}
AUTUMN = {date(2011, 10, 30), date(2012, 10, 28), date(2013, 10, 27), date(2014, 10, 26)}
LEVELS = 800


def write(path: Path, rows: int, meters: int) -> None:
    """The layout of the raw file; values are counts times a meter's constant, so have up to 17 digits, as there."""
    rng = np.random.default_rng(0)
    names = [f"MT_{i:03d}" for i in range(1, meters + 1)]
    texts = [[f"{k * unit:.15g}".replace(".", ",") for k in range(LEVELS)] for unit in rng.uniform(0.3, 13, meters)]
    begins = np.where(rng.random(meters) < 0.45, rng.integers(0, rows // 2, meters), 0)
    level, peak = rng.uniform(20, 200, meters), rng.uniform(6, 20, meters)
    with path.open("w", buffering=1 << 20, newline="\n") as file:
        file.write('"";' + ";".join(f'"{name}"' for name in names) + "\n")
        for row in range(rows):
            start = datetime(2011, 1, 1) + row * STEP
            clock = start.hour + start.minute / 60
            shape = 0.7 + 0.5 * np.cos((clock - peak) * np.pi / 12) ** 2 - 0.15 * (start.weekday() >= 5)
            count = level * shape + 0.03 * level * rng.standard_normal(meters)
            if start.hour == 1:
                count *= 0 if start.date() in SPRING else 2 if start.date() in AUTUMN else 1
            places = np.where(row < begins, 0, count.clip(0, LEVELS - 1)).astype(int).tolist()
            file.write(f'"{start + STEP}";' + ";".join([text[k] for text, k in zip(texts, places, strict=True)]) + "\n")


def names_of(path: str) -> list[str]:
    with open(path) as file:
        return [name.strip('"') for name in file.readline().strip().split(";")[1:]]


# Each of these imports its library and gives back the work to be timed.


def with_pandas(path: str) -> Callable[[], int]:
    import pandas as pd

    return lambda: pd.read_csv(path, sep=";", decimal=",", index_col=0, parse_dates=True).size


def with_polars(path: str) -> Callable[[], int]:
    import polars as pl

    types = dict.fromkeys(names_of(path), pl.Float64)
    options = {"separator": ";", "decimal_comma": True, "try_parse_dates": True, "schema_overrides": types}
    return lambda: pl.read_csv(path, **options).height


def with_pyarrow(path: str) -> Callable[[], int]:
    import pyarrow as pa
    from pyarrow import csv

    types = dict.fromkeys(names_of(path), pa.float64())
    parse = csv.ParseOptions(delimiter=";")
    convert = csv.ConvertOptions(decimal_point=",", column_types=types)
    return lambda: csv.read_csv(path, parse_options=parse, convert_options=convert).num_rows


def with_duckdb(path: str) -> Callable[[], int]:
    import duckdb

    types = ", ".join(f"'{name}': 'DOUBLE'" for name in names_of(path))
    query = f"from read_csv(?, delim=';', decimal_separator=',', header=true, types={{{types}}})"
    base = duckdb.connect()
    return lambda: len(base.execute(f"create table t as select * {query}", [path]).fetchall())


def with_wattcast(path: str) -> Callable[[], int]:
    from wattcast.read.convert import convert

    return lambda: convert(path, Path(path).with_suffix(".parquet")).rows


def with_wattcast_five(path: str) -> Callable[[], int]:
    from wattcast.read import read

    return lambda: read(path, meters=names_of(path)[:5]).frame.height


def with_wattcast_parquet(path: str) -> Callable[[], int]:
    from wattcast.read import read

    return lambda: read(Path(path).with_suffix(".parquet"), meters=names_of(path)[:5]).frame.height


READERS = {
    "polars": (with_polars, "reads all"),
    "pandas": (with_pandas, "reads all"),
    "pyarrow": (with_pyarrow, "reads all"),
    "duckdb": (with_duckdb, "reads all into a table"),
    "wattcast": (with_wattcast, "reads, marks, writes Parquet"),
    "wattcast, 5 meters": (with_wattcast_five, "reads and marks five"),
    "wattcast, 5 of Parquet": (with_wattcast_parquet, "reads five from the Parquet file"),
}


def child(reader: str, path: str) -> None:
    """One reader in this process; what it took goes to standard output."""
    work = READERS[reader][0](path)
    begin = time.perf_counter()
    rows = work()
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    print(json.dumps({"seconds": seconds, "peak_mb": peak, "rows": rows}))


def measure(path: Path, repeats: int) -> dict[str, dict[str, float]]:
    """Best time and largest memory of each reader; one that is not installed is left out."""
    results: dict[str, dict[str, float]] = {}
    for _ in range(repeats):
        for reader in READERS:
            command = [sys.executable, __file__, "--child", reader, "--file", str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{reader}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
                continue
            took = json.loads(done.stdout)
            before = results.get(reader, took)
            results[reader] = {
                "seconds": min(before["seconds"], took["seconds"]),
                "peak_mb": max(before["peak_mb"], took["peak_mb"]),
                "rows": took["rows"],
            }
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=140_256)
    parser.add_argument("--meters", type=int, default=370)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", help="where the file is kept for the next time; else it is thrown away")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--file", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args.child, args.file)
        return
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(args.folder or scratch) / f"raw_{args.rows}x{args.meters}.txt"
        if not path.exists():
            write(path, args.rows, args.meters)
        results = measure(path, args.repeats)
        size = path.stat().st_size / 2**20
    base = results["polars"]["seconds"]
    rows = [
        {"reader": name, **took, "over polars": took["seconds"] / base, "what it does": READERS[name][1]}
        for name, took in results.items()
    ]
    ours = results["wattcast"]
    targets = [Target("over Polars' bare read", ours["seconds"] / base, 3.0), Target("peak [MB]", ours["peak_mb"], 900)]
    print(f"{size:.0f} MB; best of {args.repeats}", file=sys.stderr)
    show("ingest", rows, targets, as_json=args.json)


if __name__ == "__main__":
    main()
