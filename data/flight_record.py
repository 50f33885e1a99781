"""A second witness beside the ledger: which claimed messages a process had let leave before it died.

One small file per batch that is worked (var/flight, 0600), mapped into memory and marked just before the bytes of a
message leave: four bytes a row, the number of the claim plus one. Pages outlive SIGKILL, not a power cut, so a record
is believed only within the boot it was made in, and only of a process that is provably dead (data/process_life.py).
Without that proof nothing changes: whatever lay in an open claim is in doubt.
"""

from __future__ import annotations

import logging
import mmap
import os
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from data.ledger.records import Lease, own_request_key
from data.process_life import ProcessMark, is_dead, this_process
from messaging.batches import BatchRef

log = logging.getLogger(__name__)

HEADER_BYTES = 1024
BYTES_PER_ROW = 4


class FlightRecord:
    """The record of one lease. `mark` is a write to memory; nothing here waits for a disk."""

    def __init__(self, path: Path, pages: mmap.mmap, inode: int) -> None:
        self._path = path
        self._pages = pages
        self._inode = inode
        self._marks = memoryview(pages)[HEADER_BYTES:].cast("I")

    def mark(self, claim_no: int, rows: Sequence[int]) -> None:
        """Before the first byte of these messages leaves."""
        marks, mark = self._marks, claim_no + 1
        for row in rows:
            marks[row] = mark

    def end(self, *, is_settled: bool) -> None:
        """Nothing more leaves under this lease. is_settled: and nothing is open, so nobody needs the file."""
        self._marks.release()
        self._pages.close()
        if is_settled and _inode(self._path) == self._inode:  # else the next holder's lies there by now
            self._path.unlink(missing_ok=True)


class FlightRecords:
    """The flight records of one var folder: at most one file per batch, made by its holder, replaced by the next one."""

    def __init__(self, var_dir: Path) -> None:
        self._folder = var_dir / "flight"
        self._process = this_process()

    def begin(self, lease: Lease, n_rows: int) -> FlightRecord | None:
        """A record for the holder of a lease, before its first claim. None: none can be kept here."""
        if self._process is None:
            return None
        header = _Header(
            run=lease.ref.run,
            batch=lease.ref.batch,
            fence=lease.fence,
            owner=lease.owner,
            n_rows=n_rows,
            process=asdict(self._process),
        )
        try:
            return _create(self._path(lease.ref), header)
        except (OSError, ValueError) as error:
            log.warning("no flight record of %s can be kept (%s)", lease.ref, type(error).__name__)
            return None

    def is_dead(self, ref: BatchRef, owner: str, fence: int) -> bool:
        """Whether the holder of this very lease is provably dead. False: it lives, or nobody can know."""
        found = self._read(ref, fence)
        return found is not None and found.owner == owner

    def departed(self, ref: BatchRef, fence: int, claim_no: int, request_key: str) -> AbstractSet[int] | None:
        """The rows whose bytes may have left in a claim of a dead process. None: no proof, all of it may have."""
        found = self._read(ref, fence)
        if found is None or own_request_key(found.owner, ref, claim_no) != request_key:
            return None
        return {row for row, mark in enumerate(found.marks) if mark == claim_no + 1}

    def batches(self) -> list[BatchRef]:
        """Those that have a record."""
        return [BatchRef(*map(int, path.stem.split("-"))) for path in sorted(self._folder.glob("*-*.flight"))]

    def remove(self, ref: BatchRef) -> None:
        """Nobody will ask for it any more; without it there is doubt, never a second copy."""
        self._path(ref).unlink(missing_ok=True)

    def _read(self, ref: BatchRef, fence: int) -> _LeftBehind | None:
        """What a dead process left of its lease; None also when it died while it wrote the header."""
        try:
            with self._path(ref).open("rb", buffering=0) as file:  # a buffer would read marks ahead
                header = _Header(**orjson.loads(file.read(HEADER_BYTES).rstrip(b"\0")))
                if (header.run, header.batch, header.fence) != (ref.run, ref.batch, fence):
                    return None
                if not is_dead(ProcessMark(**header.process)):
                    return None
                # Only now: what a living process marks after the file was read would be missed.
                marks = file.read()
        except (OSError, ValueError, TypeError):
            return None
        if len(marks) != BYTES_PER_ROW * header.n_rows:
            return None
        return _LeftBehind(header.owner, memoryview(marks).cast("I"))

    def _path(self, ref: BatchRef) -> Path:
        return self._folder / f"{ref.run:06d}-{ref.batch:05d}.flight"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    """Whose record it is, as JSON at the file's beginning."""

    run: int
    batch: int
    fence: int
    owner: str
    n_rows: int
    process: dict[str, Any]

    def as_bytes(self) -> bytes:
        """Raises ValueError when the owner's name is longer than any of ours."""
        content = orjson.dumps(self)
        if len(content) > HEADER_BYTES:
            raise ValueError("the owner's name is too long for a flight record")
        return content.ljust(HEADER_BYTES, b"\0")


class _LeftBehind(NamedTuple):
    owner: str
    marks: Sequence[int]


def _create(path: Path, header: _Header) -> FlightRecord:
    """Every byte is written, not only promised: a full disk is met here, and not at a mark."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.unlink(missing_ok=True)  # a holder that sleeps keeps its own pages
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        size = os.write(file, header.as_bytes() + bytes(BYTES_PER_ROW * header.n_rows))
        return FlightRecord(path, mmap.mmap(file, size), os.fstat(file).st_ino)
    finally:
        os.close(file)


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None
