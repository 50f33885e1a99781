"""What a backup says about itself: whose it is, of when, and the checksum of every file in it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Literal

import orjson

from data.whole_files import whole_file, write_text
from messaging.errors import TidingsError

MANIFEST = "manifest.json"
FORMAT = 1
PIECE_BYTES = 1 << 20

StoreKind = Literal["sqlite", "postgresql"]


class BackupError(TidingsError):
    """The backup cannot be made, or is damaged; the sentence says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedUpFile:
    n_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """made_at: no later than the instant the store was copied in. files: by path relative to the backup's folder.

    keys_check tells which keys belong to it; the keys themselves are never in it. salt: of the store (data.instance).
    """

    made_at: float
    instance_id: str
    keys_check: str
    salt: str
    store: StoreKind
    schema: str
    files: Mapping[str, BackedUpFile]

    @property
    def n_bytes(self) -> int:
        return sum(file.n_bytes for file in self.files.values())


def write_manifest(manifest: Manifest, folder: Path) -> None:
    content = {"format": FORMAT, **asdict(manifest)}
    as_json = orjson.dumps(content | {"checksum": _checksum(content)}, option=orjson.OPT_INDENT_2)
    write_text(as_json.decode() + "\n", folder / MANIFEST)


def read_manifest(folder: Path) -> Manifest:
    """Raises BackupError for a folder that is no backup, or whose manifest is damaged or of a later format."""
    try:
        content = orjson.loads((folder / MANIFEST).read_bytes())
        checksum = content.pop("checksum")
    except OSError:
        raise BackupError(
            f"{folder} is no backup of Tidings: it has no {MANIFEST} that can be read; name the folder that "
            "`tidings backup` printed."
        ) from None
    except (ValueError, AttributeError, KeyError, TypeError):
        raise _damaged(folder, MANIFEST) from None
    if checksum != _checksum(content):
        raise _damaged(folder, MANIFEST)
    if content.pop("format") != FORMAT:
        raise BackupError(f"{folder} was made by a later Tidings; update this one (git pull, make install).")
    files = {_inside(name, folder): BackedUpFile(**file) for name, file in content.pop("files").items()}
    return Manifest(**content, files=files)


def copy_file(source: Path, target: Path) -> BackedUpFile:
    """Copy into a whole, private file, and say what was copied. Raises OSError."""
    with source.open("rb") as origin, whole_file(target) as copy:
        return _pump(origin, copy)


def copy_checked(name: str, expected: BackedUpFile, *, folder: Path, target: Path) -> None:
    """Copy a file of a backup. Raises BackupError when it is not what its manifest says; then nothing is copied."""
    try:
        with (folder / name).open("rb") as origin, whole_file(target) as copy:
            if _pump(origin, copy) != expected:
                raise _damaged(folder, name)
    except FileNotFoundError:
        raise _damaged(folder, name) from None


def summed(path: Path) -> BackedUpFile:
    """What a file that was written in its place holds."""
    with path.open("rb") as file:
        return _pump(file, None)


def _pump(origin: BinaryIO, copy: BinaryIO | None) -> BackedUpFile:
    digest, n_bytes = hashlib.sha256(), 0
    while piece := origin.read(PIECE_BYTES):
        digest.update(piece)
        n_bytes += len(piece)
        if copy is not None:
            copy.write(piece)
    return BackedUpFile(n_bytes=n_bytes, sha256=digest.hexdigest())


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _inside(name: str, folder: Path) -> str:
    """A name that leads out of the folder is not one that we wrote."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise _damaged(folder, MANIFEST)
    return name


def _damaged(folder: Path, name: str) -> BackupError:
    return BackupError(
        f"the backup {folder} is damaged: {name} is not as it was written; use another backup."
    )
