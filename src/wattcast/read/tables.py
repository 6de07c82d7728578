"""Tables that have types already: Parquet, Arrow, spreadsheets, databases -> typed columns and `LINE`."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import polars.selectors as cs

from wattcast.read.csv import LINE, UNREADABLE, plain_names
from wattcast.read.layout import KEPT, Layout, from_dict
from wattcast.read.source import existing
from wattcast.schema import ID, QUALITY, ReadingsError

if TYPE_CHECKING:
    import sqlalchemy

_PARQUET, _ARROW, _ZIP, _OLD_EXCEL = b"PAR1", b"ARROW1", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
#: Largest spreadsheet, unpacked [bytes]: a million rows of 16 columns have about half of it.
_MOST_UNPACKED = 2**30
#: Seconds a database may take to answer at first.
_PATIENCE = "10"
_FAILURES = (*UNREADABLE, OSError)


def kind_of(path: Path) -> str:
    """What a file is, by its first bytes: "parquet", "arrow", "excel", "zip" or "text"."""
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(_PARQUET):
        return "parquet"
    if head.startswith(_ARROW):
        return "arrow"
    if head.startswith(_OLD_EXCEL) or (head.startswith(_ZIP) and path.suffix.lower() in (".xlsx", ".xlsm", ".ods")):
        return "excel"
    return "zip" if head.startswith(_ZIP) else "text"


def parquet(path: Path, meters: Sequence[str] | None = None) -> tuple[pl.DataFrame, Layout]:
    """A Parquet file and what it says of itself; of one with `unique_id` only the meters asked for leave the disk.

    Raises:
        ReadingsError: not whole, or no rows.
    """
    try:
        lazy = pl.scan_parquet(path)
        columns = lazy.collect_schema()
        if meters and ID in columns:
            there = _meters(lazy, columns[ID])
            wanted = [meter for meter in meters if meter in there] or there[:1]
            lazy = lazy.filter(pl.col(ID).is_in(pl.lit(pl.Series(wanted)).cast(columns[ID]).implode()))
        table = lazy.collect()
        kept = json.loads(pl.read_parquet_metadata(path).get(KEPT, "{}"))
    except (*_FAILURES, json.JSONDecodeError) as error:
        raise ReadingsError(f"{path.name} is not whole Parquet ({type(error).__name__}); write it again.") from error
    texts = [c for c in (ID, QUALITY) if c in table.columns]
    return _with_lines(table.with_columns(pl.col(texts).cast(pl.String)), path.name), from_dict(kept)


def _meters(lazy: pl.LazyFrame, kind: pl.DataType) -> list[str]:
    if isinstance(kind, pl.Enum):  # as `convert` writes them: no need to look
        return kind.categories.to_list()
    return lazy.select(pl.col(ID).cast(pl.String).unique()).collect()[ID].to_list()


def arrow(path: Path) -> pl.DataFrame:
    """An Arrow (Feather) file.

    Raises:
        ReadingsError: not whole, or no rows.
    """
    try:
        table = pl.read_ipc(path)
    except _FAILURES as error:
        raise ReadingsError(f"{path.name} is not whole Arrow ({type(error).__name__}); write it again.") from error
    return _with_lines(table, path.name)


def excel(path: Path, sheet: str | None = None) -> pl.DataFrame:
    """A sheet of a spreadsheet; the first one unless named.

    Raises:
        ReadingsError: no such sheet, not a spreadsheet, no rows, or `fastexcel` is not installed.
    """
    try:
        import fastexcel  # noqa: PLC0415  (optional)
    except ImportError as error:
        raise ReadingsError(
            f"{path.name} is a spreadsheet, which the package fastexcel reads; install it with: "
            "pip install 'wattcast[excel]'."
        ) from error
    _no_bomb(path)
    try:
        book = fastexcel.read_excel(path)
        if sheet is not None and sheet not in book.sheet_names:
            raise ReadingsError(f"{path.name} has no sheet {sheet!r}; it has {', '.join(map(repr, book.sheet_names))}.")
        table = book.load_sheet(sheet if sheet is not None else 0).to_polars()
    except (fastexcel.FastExcelError, *_FAILURES) as error:
        raise ReadingsError(
            f"{path.name} is not a spreadsheet that can be read ({error}).".replace("\n", " ")
        ) from error
    table = table.select(c for c in table.columns if table[c].null_count() < len(table))
    return _with_lines(table, path.name, first=2)


def _no_bomb(path: Path) -> None:
    """Refuses a spreadsheet that unpacks to far more than any has."""
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(member.file_size for member in packed.infolist())
    except (zipfile.BadZipFile, OSError):
        return  # an old one, which is no zip; or the reader says what is wrong
    if size > _MOST_UNPACKED:
        raise ReadingsError(f"{path.name} unpacks to {size >> 20} MiB, too much for a spreadsheet; save it as CSV.")


def is_url(path: str | Path) -> bool:
    """Whether a path is a database URL (`sqlite:///meters.db`, `postgresql://...`)."""
    return isinstance(path, str) and "://" in path


def database(url: str, table: str | None = None) -> tuple[pl.DataFrame, str]:
    """A table of a database, and its name for messages; the only table unless named.

    Args:
        url: as SQLAlchemy has them; the password does not show up in messages.
        table: name of a table or view.

    Raises:
        ReadingsError: no connection, no such table, no rows, or what reads it is not installed.
    """
    try:
        import sqlalchemy  # noqa: PLC0415  (optional)
    except ImportError as error:
        raise ReadingsError(
            "Databases are read with SQLAlchemy; install it with: pip install 'wattcast[sql]'."
        ) from error
    engine = _engine(url)
    place = engine.url.set(query={}).render_as_string(hide_password=True)
    try:
        there = sqlalchemy.inspect(engine)
        names = [*there.get_table_names(), *there.get_view_names()]
        wanted = table or (names[0] if len(names) == 1 else None)
        if wanted not in names:
            what = f"no table {table!r}" if table else f"{len(names)} tables" if names else "no table"
            choose = f"name one of: {', '.join(map(repr, names[:20]))}" if names else "fill it with readings first"
            raise ReadingsError(f"{place} has {what}; {choose}.")
        rows = sqlalchemy.select(sqlalchemy.text("*")).select_from(sqlalchemy.table(wanted))
        with engine.connect() as connection:
            found = pl.read_database(rows, connection, infer_schema_length=None)
    except (sqlalchemy.exc.SQLAlchemyError, *_FAILURES) as error:
        raise ReadingsError(f"{place} cannot be read ({_line(error)}); check that it is there and running.") from error
    finally:
        engine.dispose()
    # the clock of zoned times is the session's, not the meters'
    found = found.with_columns(cs.datetime(time_zone="*").dt.convert_time_zone("UTC"))
    return _with_lines(found, f"table {wanted}"), str(wanted)


def _engine(url: str) -> sqlalchemy.Engine:
    """What connects to a database; errors of SQLAlchemy may quote the URL and its password, so none is passed on."""
    import sqlalchemy  # noqa: PLC0415  (optional)

    scheme = url.split("://", maxsplit=1)[0]
    try:
        where = sqlalchemy.make_url(url)
        if "@" in (where.host or ""):
            raise ValueError("part of a password")
        if where.drivername in ("postgres", "postgresql"):  # SQLAlchemy would take the older psycopg2
            where = where.set(drivername="postgresql+psycopg")
            where = where.update_query_dict({"connect_timeout": _PATIENCE, "client_encoding": "utf8", **where.query})
        engine = sqlalchemy.create_engine(where)
    except ImportError as error:
        name = error.name or "its driver"
        how = "'wattcast[sql]'" if name == "psycopg" else name
        raise ReadingsError(f"{scheme} is read with the package {name}; install it with: pip install {how}.") from None
    except sqlalchemy.exc.NoSuchModuleError:
        raise ReadingsError(
            f"{scheme!r} is no database that can be read; give a file, or a URL as sqlite:///... or postgresql://..."
        ) from None
    except (sqlalchemy.exc.SQLAlchemyError, ValueError):
        whole = "sqlite:///folder/file.db"
        if not scheme.startswith("sqlite"):
            whole = f"{scheme}://user:password@host:port/name (in a password, @ is %40 and : is %3A)"
        raise ReadingsError(f"What follows {scheme}:// is not whole; write {whole}.") from None
    if where.get_backend_name() == "sqlite" and where.database and not where.database.startswith((":", "file:")):
        existing(where.database)  # SQLite would make an empty one
    return engine


def _line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _with_lines(table: pl.DataFrame, name: str, first: int | None = None) -> pl.DataFrame:
    if table.is_empty() or not table.columns:
        raise ReadingsError(f"{name} has no rows; give one with readings.")
    table.columns = plain_names(table.columns)
    if first is None:
        return table.with_columns(pl.lit(None, dtype=pl.Int64).alias(LINE))
    return table.with_columns(pl.int_range(first, pl.len() + first, dtype=pl.Int64).alias(LINE))
