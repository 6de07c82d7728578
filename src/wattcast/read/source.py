"""A file on disk -> its text as UTF-8 bytes, whatever it is packed in and whatever wrote it."""

from __future__ import annotations

import gzip
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from wattcast.schema import ReadingsError

#: Largest text taken into memory [bytes].
MAX_BYTES = 2 * 2**30
#: Packed files that unpack to more than this [bytes] and to so many times their size are bombs.
_HARMLESS, _BOMB = 256 * 2**20, 100
_CHUNK = 1 << 20
#: What unpacking raises where a file is damaged (encrypted and exotic zips are the last two).
DAMAGED = (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError)
#: A table's first line ends within this [bytes].
_LONGEST_LINE = 4 * 2**20
_LINE_END = re.compile(rb"[\r\n]")

_GZIP, _ZSTD, _ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"


@dataclass(frozen=True)
class Source:
    """Content of a file, unpacked.

    Attributes:
        name: file name for messages.
        text: UTF-8 bytes without byte-order mark; lines end in LF or CR LF.
        encoding: encoding it was found in.
    """

    name: str
    text: bytes
    encoding: str


def existing(path: str | Path) -> Path:
    """The path of a readable, non-empty file.

    Raises:
        ReadingsError: no such file, a folder, an empty file, no permission.
    """
    path = Path(path).expanduser()
    try:
        if not path.exists():
            raise ReadingsError(f"There is no file {str(path)!r}; check the path.")
        if path.is_dir():
            raise ReadingsError(f"{str(path)!r} is a folder; name a file of readings in it.")
        with path.open("rb") as file:
            if not file.read(1):
                raise ReadingsError(f"{path.name} is empty; it should hold readings.")
    except (OSError, ValueError) as error:
        if isinstance(error, ReadingsError):
            raise
        raise ReadingsError(f"{str(path)!r} cannot be opened ({error}); check path and permissions.") from error
    return path


def load(path: str | Path) -> Source:
    """Unpacks and decodes a text file.

    Args:
        path: text, plain or packed with gzip, zstd or zip.

    Raises:
        ReadingsError: no such file, empty, damaged, too large, or not text.
    """
    path = existing(path)
    raw = _unpacked(path)
    if not raw.strip():
        raise ReadingsError(f"{path.name} is empty; it should hold readings.")
    text, encoding = _decoded(raw, path.name)
    if b"\n" not in text and b"\r" in text:
        text = text.replace(b"\r", b"\n")
    return Source(path.name, text, encoding)


def _unpacked(path: Path) -> bytes:
    """All of the text; it is given up early where it cannot be a table, or is more than its file can mean."""
    most = min(MAX_BYTES, max(_HARMLESS, _BOMB * path.stat().st_size))
    out = bytearray()
    try:
        for chunk in chunks(path):
            out += chunk
            if len(out) > most:
                raise ReadingsError(
                    f"{path.name} holds more than {most >> 20} MiB of text, too much to take in at once; split it, or "
                    "convert it to Parquet where it was made."
                )
            if len(out) > _LONGEST_LINE and not _LINE_END.search(out[:_LONGEST_LINE]):
                raise ReadingsError(f"{path.name} begins with a line of more than {_LONGEST_LINE >> 20} MiB: no table.")
    except DAMAGED as error:
        raise ReadingsError(f"{path.name} is cut short or damaged ({error}); fetch it again.") from error
    return bytes(out)


def is_packed(path: Path) -> bool:
    """Whether a file is packed with gzip, zstd or zip."""
    with path.open("rb") as file:
        head = file.read(4)
    return head in (_ZSTD, _ZIP) or head[:2] == _GZIP


def chunks(path: Path) -> Iterator[bytes]:
    """The text of a file, unpacked, a piece at a time.

    Raises:
        ReadingsError: a zip that holds several tables.
        DAMAGED: any of these, where it is damaged.
    """
    with path.open("rb") as file:
        head = file.read(4)
        file.seek(0)
        if head == _ZSTD:
            yield from _unzstd(file)
        elif head == _ZIP:
            with zipfile.ZipFile(file) as packed, packed.open(_table_in(packed, path.name)) as member:
                yield from iter(partial(member.read, _CHUNK), b"")
        elif head[:2] == _GZIP:
            with gzip.open(file) as unpacked:
                yield from iter(partial(unpacked.read, _CHUNK), b"")
        else:
            yield from iter(partial(file.read, _CHUNK), b"")


def _table_in(packed: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """The only table in a zip; what a Mac adds of its own is passed over."""
    inside = [i for i in packed.infolist() if not i.is_dir() and not i.filename.startswith("__MACOSX")]
    tables = [i for i in inside if Path(i.filename).suffix.lower() in (".csv", ".txt", ".tsv")] or inside
    if len(tables) != 1:
        names = ", ".join(repr(i.filename) for i in tables[:10])
        raise ReadingsError(f"{name} holds {len(tables)} files ({names}); unpack it and name one.")
    return tables[0]


def _unzstd(file: BinaryIO) -> Iterator[bytes]:
    import zstandard  # noqa: PLC0415  (only for files packed this way)

    unpacker, fed = None, b""
    try:
        # Small bites: 4 KiB of zstd can hold 128 MiB of zeros.
        while chunk := fed or file.read(4096):
            unpacker = unpacker or zstandard.ZstdDecompressor().decompressobj()
            yield unpacker.decompress(chunk)
            fed = unpacker.unused_data  # a further frame
            unpacker = None if unpacker.eof else unpacker
    except zstandard.ZstdError as error:
        raise OSError(str(error)) from error
    if unpacker is not None:
        raise EOFError("its last frame is not whole")


def _decoded(raw: bytes, name: str) -> tuple[bytes, str]:
    """UTF-8 bytes and the encoding found; cp1252 is what is left when UTF-8 and UTF-16 do not fit."""
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")):
        if raw.startswith(mark):
            return _recoded(raw, encoding, name), encoding
    if b"\0" in raw:
        raise ReadingsError(f"{name} is not a text table (it holds zero bytes); give CSV, Parquet or a spreadsheet.")
    try:
        raw.decode("utf-8")
        return raw, "utf-8"
    except UnicodeDecodeError:
        return _recoded(raw, "cp1252", name), "cp1252"


def _recoded(raw: bytes, encoding: str, name: str) -> bytes:
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ReadingsError(
            f"{name}, line {line}: the text is neither UTF-8 nor {encoding}; save the file as UTF-8.",
            when=f"line {line}",
        ) from error
    if "\0" in text:
        raise ReadingsError(f"{name} is not a text table (it holds zero bytes); give CSV, Parquet or a spreadsheet.")
    return text.encode("utf-8")
