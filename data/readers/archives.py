"""gzip and zip: the one file inside, unpacked into a file without a name; a small archive of a huge file is refused."""

from __future__ import annotations

import gzip
import os
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO, Protocol

from data.readers.grid import Found
from messaging.errors import SourceError

_BLOCK_BYTES = 4 << 20
_MOST_BYTES = 16 << 30
_HARMLESS_BYTES = 64 << 20  # any archive may come to so much …
_MOST_TIMES = 100  # … and to more only up to so many times its own size: lists of contacts shrink to a tenth

_WORKBOOK_MARKS = ("[Content_Types].xml", "xl/workbook.xml")


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def is_zip_of_a_file(file: Found) -> bool:
    """A zip that is no workbook, which is a zip as well."""
    try:
        with zipfile.ZipFile(file.rewound()) as archive:
            return not any(mark in archive.namelist() for mark in _WORKBOOK_MARKS)
    except (zipfile.BadZipFile, OSError, ValueError):
        return False  # let the reader of workbooks say that it is cut off


def unpack_gzip(file: Found, folder: Path | None) -> Found:
    """Raises SourceError for an archive that is damaged, or far too large once unpacked."""
    packed = file.rewound()
    try:
        with gzip.GzipFile(fileobj=packed) as inner:
            name = file.name.removesuffix(".gz")
            return Found(name, _unpacked(inner, file, folder))
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise _damaged(file) from None


def unpack_zip(file: Found, folder: Path | None) -> Found:
    """Raises SourceError for an archive that is damaged, locked, or holds several files; and as `unpack_gzip` does."""
    try:
        with zipfile.ZipFile(file.rewound()) as archive:
            inside = [
                one for one in archive.infolist() if not one.is_dir() and not _is_of_macos(one.filename)
            ]
            if len(inside) != 1:
                seen = ", ".join(one.filename for one in inside[:5]) or "none"
                raise SourceError(
                    f"{file.name}: the archive holds {len(inside)} files ({seen}). Unpack it and name one of them."
                )
            if inside[0].flag_bits & 1:
                raise SourceError(f"{file.name}: the archive is locked with a password. Unpack it first.")
            with archive.open(inside[0]) as inner:
                return Found(f"{file.name}/{Path(inside[0].filename).name}", _unpacked(inner, file, folder))
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError):
        raise _damaged(file) from None


def _unpacked(inner: _Readable, file: Found, folder: Path | None) -> BinaryIO:
    """Counted while it is read: what an archive says of its size proves nothing."""
    most = min(max(_HARMLESS_BYTES, _MOST_TIMES * _size_of(file)), _MOST_BYTES)
    unpacked = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by who asked for it
    n = 0
    try:
        while block := inner.read(_BLOCK_BYTES):
            n += len(block)
            if n > most:
                raise SourceError(
                    f"{file.name}: the archive unpacks to more than {most >> 20:,} MB, far more than a list of "
                    "contacts would. Unpack it yourself if you trust it."
                )
            unpacked.write(block)
    except BaseException:
        unpacked.close()
        raise
    return unpacked


def _size_of(file: Found) -> int:
    # The reader of the archive is in the middle of this very file: its place must stay.
    return os.fstat(file.fileno()).st_size


def _is_of_macos(name: str) -> bool:
    return name.startswith("__MACOSX/") or name.endswith(".DS_Store")


def _damaged(file: Found) -> SourceError:
    return SourceError(
        f"{file.name}: the archive is damaged or cut off. Export it again, or unpack it first."
    )
