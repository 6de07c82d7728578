"""Files and frames -> Readings. What is found out on the way is said in `notes` and `findings`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Unpack

from wattcast.read.files import read_source
from wattcast.read.frame import like, read_frame
from wattcast.read.layout import Layout, Told, overruled, told
from wattcast.read.synthetic import synthetic
from wattcast.schema import Readings

__all__ = ["Layout", "like", "read", "read_frame", "synthetic"]


def read(
    path: str | Path,
    *,
    meters: Sequence[str] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    layout: Layout | None = None,
    **overrules: Unpack[Told],
) -> Readings:
    """Readings of a file or of a database table: one meter, long, or wide (a meter a column).

    Args:
        path: text (plain, gz, zst, zip), Parquet, Arrow, a spreadsheet, or a database URL.
        meters: names of the meters wanted; None takes all.
        start: first time wanted; a naive one is by the readings' zone.
        end: first time no longer wanted.
        layout: how the source is written, as kept from another one.
        **overrules: parts of `Layout` by name (`id`, `ds`, `y`, `step`, `zone`, `label`, `unit`, `separator`,
            `decimal`, `day_first`, `table`, `halve`). What nobody says is found out, and said in `notes`;
            a source without times gets made-up ones from 2011-01-01 00:00, 15 min apart.

    Raises:
        ReadingsError: what cannot be read as readings; the message says where, what, and what would do.
    """
    asked = told(overrules) if layout is None else overruled(layout, overrules)
    return read_source(path, asked, meters=meters, start=start, end=end)


def __getattr__(name: str) -> Any:
    """Samples need packages and network code that plain reading does not."""
    if name in ("locate", "elecdemand", "taylor"):
        from wattcast.read import samples  # noqa: PLC0415

        return getattr(samples, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
