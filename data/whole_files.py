"""Files that are there whole or not at all, readable by their owner only from the first byte on."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` once it is complete and on the disk; a failure leaves nothing."""
    with _draft_of(path) as (draft, file):
        yield file
        _finish(file)
        draft.replace(path)
    sync_folder(path.parent)


@contextmanager
def whole_place(path: Path) -> Iterator[Path]:
    """`whole_file` for who opens files by name: the empty file that is to be written takes the place of `path`."""
    with _draft_of(path) as (draft, file):
        yield draft
        _finish(file)
        draft.replace(path)
    sync_folder(path.parent)


def write_text(text: str, path: Path) -> None:
    """A whole file of UTF-8."""
    with whole_file(path) as file:
        file.write(text.encode())


def write_text_once(text: str, path: Path) -> None:
    """`write_text`, unless the file exists: of several processes at once one writes, and all read the same."""
    with _draft_of(path) as (draft, file):
        file.write(text.encode())
        _finish(file)
        with suppress(FileExistsError):
            path.hardlink_to(draft)  # unlike a rename, a link never replaces what another process just wrote
    sync_folder(path.parent)


def make_private_folder(folder: Path) -> None:
    """The folder and those above it that are missing, each for its owner only."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)


def sync_folder(folder: Path) -> None:
    """A new name is on the disk only once its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _draft_of(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    make_private_folder(path.parent)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            yield draft, file
    finally:
        draft.unlink(missing_ok=True)


def _finish(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
