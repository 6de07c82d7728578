"""Any readable source -> Parquet, which everything else reads fast; the raw UCI file in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from wattcast.read import raw
from wattcast.read.files import read_source
from wattcast.read.layout import Layout, kept
from wattcast.read.source import existing
from wattcast.read.stream import Progress, Span, stream
from wattcast.read.tables import is_url, kind_of
from wattcast.schema import Readings, ReadingsError


@dataclass(frozen=True)
class Converted:
    """What came of a conversion.

    Attributes:
        path: the Parquet file.
        rows: readings in it.
        meters: names of the meters.
        readings: what is known of them, without the rows: step, zone, unit, findings, notes.
    """

    path: Path
    rows: int
    meters: tuple[str, ...]
    readings: Readings


def convert(
    path: str | Path,
    out: str | Path,
    *,
    meters: Sequence[str] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    layout: Layout | None = None,
    progress: Progress | None = None,
) -> Converted:
    """Writes readings to Parquet: `unique_id, ds, y`, covariates and, where reading marked any, `quality`.

    Rows are sorted by meter and time. Step, zone and unit go along, so that `read` takes them from there. The
    raw UCI file is streamed: memory does not grow with its length.

    Args:
        path: whatever `read` takes.
        out: the Parquet file; it is there whole or not at all.
        meters: names of the meters wanted; None takes all.
        start: first time wanted; a naive one is by the readings' zone.
        end: first time no longer wanted.
        layout: how the source is written, where that is not to be found out.
        progress: told how far it is.

    Raises:
        ReadingsError: the source cannot be read, or `out` cannot be written.
    """
    layout, out = layout or Layout(), Path(out)
    part = out.with_name(out.name + ".part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            readings, rows, found = _written(path, part, meters, (start, end), layout, progress)
            part.replace(out)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise ReadingsError(f"{out} cannot be written ({error}); name another place.") from error
    return Converted(out, rows, found, replace(readings, frame=readings.frame.clear()))


def _written(
    path: str | Path,
    part: Path,
    meters: Sequence[str] | None,
    span: Span,
    layout: Layout,
    progress: Progress | None,
) -> tuple[Readings, int, tuple[str, ...]]:
    if not is_url(path) and kind_of(existing(path)) in ("text", "zip") and (names := raw.head_of(Path(path))):
        wanted = tuple(meters or names)
        asked = raw.layout_of(layout)
        readings, rows = stream(Path(path), part, names, wanted, asked, span=span, progress=progress)
        return readings, rows, wanted
    readings = read_source(path, layout, meters=meters, start=span[0], end=span[1])
    readings.frame.write_parquet(part, metadata=kept(readings), compression_level=1)
    return readings, readings.frame.height, tuple(readings.meters)
