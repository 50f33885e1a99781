"""People who asked to be forgotten: told to a file first, which no backup holds and no restore replaces.

A line is a person key and an instant. A restored store knows nothing of those who were forgotten since the backup; the
file does, so they are forgotten again. It names nobody: a person key opens to no number.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import sqlalchemy as sa

from data.ledger.locking import lock_ledger
from data.sql import sql
from data.suppressions import KEYS_PER_STATEMENT, Suppression, record_suppressions
from data.whole_files import make_private_folder, sync_folder

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from data.store.engine import Store

FILE = "forgotten.txt"  # in the var folder

_LINE = re.compile(r"([0-9a-f]{32}) \d+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What the file tells. n_unreadable: lines that are none, such as the last one of a process that was killed."""

    person_keys: list[str]
    n_unreadable: int


def forget(store: Store, file: Path, person_keys: Sequence[str], *, now: float) -> None:
    """Keep neither number nor text of these people in the store, and never text them again.

    The file comes first: a crash between the two leaves somebody whom the next restore forgets, and nobody whom it
    brings back. Run folders keep their numbers until they are removed as a whole.
    """
    _append(file, person_keys, now)
    with store.write.begin() as connection:
        lock_ledger(connection)
        forget_within(connection, person_keys, now=now)


def forget_within(connection: Connection, person_keys: Sequence[str], *, now: float) -> None:
    """`forget` in the caller's transaction, for people whom the file has already."""
    entries = [
        Suppression(person_key=person, msisdn=None, reason="forgotten", source="forget")
        for person in person_keys
    ]
    record_suppressions(connection, entries, now=now)
    for first in range(0, len(person_keys), KEYS_PER_STATEMENT):
        chunk = {"person_keys": list(person_keys[first : first + KEYS_PER_STATEMENT])}
        for name in ("forgotten/suppressions", "forgotten/replies"):
            connection.execute(_statement(name), chunk)


def read_forgotten(file: Path) -> Forgotten:
    """Everybody in the file, once; nobody when there is none."""
    if not file.exists():
        return Forgotten([], 0)
    lines = [line for line in file.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    found = [_LINE.fullmatch(line) for line in lines]
    return Forgotten(list(dict.fromkeys(line[1] for line in found if line)), found.count(None))


def _append(file: Path, person_keys: Sequence[str], now: float) -> None:
    make_private_folder(file.parent)
    with os.fdopen(os.open(file, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600), "r+b") as lines:
        is_cut_off = lines.seek(0, os.SEEK_END) > 0 and _last_byte(lines) != b"\n"
        told = "".join(f"{person} {now:.3f}\n" for person in person_keys)
        lines.write((b"\n" if is_cut_off else b"") + told.encode())
        lines.flush()
        os.fsync(lines.fileno())
    sync_folder(file.parent)


def _last_byte(lines: BinaryIO) -> bytes:
    lines.seek(-1, os.SEEK_END)
    return lines.read(1)


@cache
def _statement(name: str) -> sa.TextClause:
    return sa.text(sql(name)).bindparams(sa.bindparam("person_keys", expanding=True))
