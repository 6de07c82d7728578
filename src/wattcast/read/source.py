"""A file on disk -> its text as UTF-8 bytes, whatever it is packed in and whatever wrote it."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from wattcast.schema import ReadingsError

#: Largest text taken into memory [bytes]; larger files go through `convert`, which streams.
MAX_BYTES = 4 * 2**30

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
    with path.open("rb") as file:
        head = file.read(4)
    try:
        if head[:2] == _GZIP:
            with gzip.open(path) as packed:
                raw = packed.read(MAX_BYTES + 1)
        elif head == _ZSTD:
            raw = _unzstd(path)
        elif head == _ZIP:
            raw = _unzip(path)
        else:
            with path.open("rb") as file:
                raw = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise ReadingsError(f"{path.name} is cut short or damaged ({error}); fetch it again.") from error
    if len(raw) > MAX_BYTES:
        raise ReadingsError(f"{path.name} holds more than {MAX_BYTES // 2**30} GiB of text; convert it in parts.")
    return raw


def _unzip(path: Path) -> bytes:
    """The only table in a zip; what a Mac adds of its own is passed over."""
    with zipfile.ZipFile(path) as packed:
        inside = [i for i in packed.infolist() if not i.is_dir() and not i.filename.startswith("__MACOSX")]
        tables = [i for i in inside if Path(i.filename).suffix.lower() in (".csv", ".txt", ".tsv")] or inside
        if len(tables) != 1:
            names = ", ".join(repr(i.filename) for i in tables[:10])
            raise ReadingsError(f"{path.name} holds {len(tables)} files ({names}); unpack it and name one.")
        with packed.open(tables[0]) as file:
            return file.read(MAX_BYTES + 1)


def _unzstd(path: Path) -> bytes:
    import zstandard  # noqa: PLC0415  (only for files packed this way)

    out, unpacker, fed = bytearray(), None, b""
    try:
        with path.open("rb") as file:
            # Small bites: 4 KiB of zstd can hold 128 MiB of zeros.
            while len(out) <= MAX_BYTES and (chunk := fed or file.read(4096)):
                unpacker = unpacker or zstandard.ZstdDecompressor().decompressobj()
                out += unpacker.decompress(chunk)
                fed = unpacker.unused_data  # a further frame
                unpacker = None if unpacker.eof else unpacker
    except zstandard.ZstdError as error:
        raise OSError(str(error)) from error
    if unpacker is not None and len(out) <= MAX_BYTES:
        raise EOFError("its last frame is not whole")
    return bytes(out)


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
