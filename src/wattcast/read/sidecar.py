"""Names and times that lie in files beside a table without header: `LOAD_name.csv`, `LOAD_date.csv`."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from wattcast.read import stamps
from wattcast.read.csv import LINE

_TIMES, _NAMES = ("_date", "_dates", "_time", "_times", "_timestamp"), ("_name", "_names", "_columns", "_header")


def completed(path: Path, frame: pl.DataFrame) -> tuple[pl.DataFrame, bool, list[str]]:
    """The table with times and names from beside it, where there are as many as rows and columns.

    Args:
        path: file of the table. For `MHL_train.csv` times are looked for in `MHL_train_date.csv`, names in
            `MHL_train_name.csv` and `MHL_name.csv`.
        frame: its columns, unnamed.

    Returns:
        The table, whether its columns now have names, and what was taken from where.
    """
    notes: list[str] = []
    stem = path.name.split(".")[0]
    suffix = path.name[len(stem) :]
    own = [c for c in frame.columns if c != LINE]
    named = False
    for beside in _there(path, [stem, *_shorter(stem)], _NAMES, suffix):
        names = [name.strip().strip('"') for name in beside.read_text(errors="replace").replace("\n", ",").split(",")]
        names = [name for name in names if name]
        if len(names) == len(own) == len(set(names)):
            frame = frame.rename(dict(zip(own, names, strict=True)))
            notes.append(f"Names of the columns are taken from {beside.name}.")
            named = True
            break
    if not any(dtype.is_temporal() for dtype in frame.schema.values()):
        for beside in _there(path, [stem], _TIMES, suffix):
            lines = beside.read_text(errors="replace").split("\n")
            cells = [line.strip().strip('"') for line in lines if line.strip()]
            if len(cells) == len(frame) and stamps.looks_like(cells[0]):
                frame = frame.with_columns(stamps.parse(pl.Series("ds", cells)).ds.alias("ds"))
                notes.append(f"Times are taken from {beside.name}.")
                break
    return frame, named, notes


def _shorter(stem: str) -> list[str]:
    return [stem.rsplit("_", 1)[0]] if "_" in stem else []


def _there(path: Path, stems: list[str], endings: tuple[str, ...], suffix: str) -> list[Path]:
    places = [path.with_name(stem + ending + suffix) for stem in stems for ending in endings]
    return [place for place in places if place.is_file() and place != path]
