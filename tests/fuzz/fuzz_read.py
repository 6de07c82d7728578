"""Coverage-guided fuzzing of the readers: python tests/fuzz/fuzz_read.py -runs=200000 [libFuzzer options]

Each input is a file that is read and, if it can be, checked. With `--parsers` first, only the detector and the parsers
run, in memory. Needs the package atheris. Any error but ReadingsError, any hang and any runaway memory ends the run.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import atheris

# the files are short: threads only cost
os.environ["POLARS_MAX_THREADS"] = "1"

with atheris.instrument_imports(include=["wattcast.read", "wattcast.check"]):
    from wattcast.check import check
    from wattcast.read import csv, dialect, read
    from wattcast.read.layout import Told
    from wattcast.read.source import Source
    from wattcast.schema import ReadingsError

SEEDS = (
    b"ds,y\n2024-01-01 00:00,1.5\n2024-01-01 01:00,2.5\n2024-01-01 02:00,4\n",
    b"ds;y\n01.02.2024 00:00;29.590,88\n01.02.2024 00:15;1,5\n",
    b'"MTU (UTC)","Load (MW)"\n"01/01/2025 00:00 - 01/01/2025 00:15","1"\n"01/01/2025 00:15 - 01/01/2025 00:30","2"\n',
    b'"";"MT_001";"MT_002"\n"2011-01-01 00:15:00";0;1,5\n"2011-01-01 00:30:00";2;3\n',
    b"LCLid,DateTime,KWH/hh\nMAC2,2012-10-12 00:30:00.0000000, 0 \nMAC2,2012-10-12 01:00:00.0000000,Null\n",
    b"2024-01-01 00:00:00+01:00,1,a\n2024-01-01 00:00:00+01:00,2,b\n2024-01-01 01:00:00+01:00,3,a\n",
    b"Load\n1\n2\n3\n",
    b"ds,load,wind,available_at\n2024-01-01,5,1,2023-12-31\n2024-01-02,6,2,2024-01-01\n2024-01-03,,3,\n",
    b"date,hour,x\n2011-01-01,1,5\n2011-01-01,24,6\n",
)
OVERRULES: tuple[Told, ...] = (
    {},
    {"zone": "Europe/Berlin"},
    {"zone": "Europe/Berlin", "halve": True},
    {"label": "end"},
    {"available_at": "10:00"},
)
PLACE = Path(tempfile.mkdtemp()) / "fuzz.csv"


def one_input(data: bytes) -> None:
    """A file of these bytes is read, or refused with a sentence."""
    PLACE.write_bytes(data)
    try:
        told = OVERRULES[sum(data[-8:]) % len(OVERRULES)]
        check(read(PLACE, **told))
    except ReadingsError as error:
        if not str(error) or "\n" in str(error):
            raise AssertionError(f"not one sentence: {error!r}") from error


def parsers(data: bytes) -> None:
    """Text is detected and parsed into typed columns, or refused."""
    text = data.decode("utf-8", errors="replace").replace("\0", "").encode()
    try:
        how = dialect.detect(text, "fuzz.csv")
        csv.typed(csv.texts(Source("fuzz.csv", text, "utf-8"), how), "fuzz.csv", how.decimal, day_first=None)
    except ReadingsError as error:
        if not str(error) or "\n" in str(error):
            raise AssertionError(f"not one sentence: {error!r}") from error


def main() -> None:
    whole = "--parsers" not in sys.argv
    corpus = Path(tempfile.mkdtemp())
    for number, seed in enumerate(SEEDS):
        (corpus / str(number)).write_bytes(seed)
    options = ["-timeout=20", "-rss_limit_mb=2048", "-max_len=600", *(a for a in sys.argv[1:] if a != "--parsers")]
    atheris.Setup([sys.argv[0], str(corpus), *options], one_input if whole else parsers)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
