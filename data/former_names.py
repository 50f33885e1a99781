"""What lists, tags and segments were called before, as the audit log tells it.

Which people a run went to is known by kind and name. So a name that was given up goes on counting: what was sent to
people under it, they are not to get again under the new one unnoticed.
"""

from __future__ import annotations

import hashlib
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

import orjson
import sqlalchemy as sa

from data.audit_log import log_decision
from data.sql import sql

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

Kind = Literal["list", "tag", "segment"]

CLOCKS_S = 60.0  # a run notes its beginning by the clock of its own machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """One name for another, at an instant."""

    kind: Kind
    old: str
    new: str
    at: float
    by: str

    @property
    def in_words(self) -> str:
        """For whoever asks by the old name."""
        day = time.strftime("%Y-%m-%d", time.gmtime(self.at))
        return f"it has been called {self.new!r} since {day}, when {self.by} renamed it."


def composed(name: str) -> str:
    """One spelling of an é, whether the keyboard made it of one character or two."""
    return unicodedata.normalize("NFC", name.strip())


def identity_of(kind: Kind, name: str) -> str:
    """Which stored people these are, whoever is among them at the moment: SHA-256 of kind and name."""
    return hashlib.sha256(f"{kind} {composed(name)}".encode()).hexdigest()


def log_rename(connection: Connection, rename: Rename) -> None:
    """In the transaction that renames."""
    details = {"kind": rename.kind, "from": rename.old, "to": rename.new}
    log_decision(connection, who=rename.by, what="rename", details=details, now=rename.at)


def read_renames(connection: Connection) -> list[Rename]:
    """All of them, the oldest first."""
    return [_rename(row) for row in connection.execute(_statement("all"))]


def identities(renames: Sequence[Rename], identity: str, since: float) -> set[str]:
    """What the people of a run that began at `since` were called then, and have been called from then on.

    identity: as identity_of gives it; any other one is itself alone.
    """
    found = {identity}
    for rename in renames:
        if rename.at + CLOCKS_S > since and identity_of(rename.kind, rename.old) in found:
            found.add(identity_of(rename.kind, rename.new))
    return found


def called_now(connection: Connection, kind: Kind, name: str) -> Rename | None:
    """The rename that took this name away, with the name that counts today; None: nobody gave it up."""
    latest: Rename | None = None
    for rename in read_renames(connection):
        if rename.kind != kind:
            continue
        if rename.old == composed(name):
            latest = rename
        elif latest is not None and rename.old == latest.new:
            latest = Rename(kind=kind, old=latest.old, new=rename.new, at=rename.at, by=rename.by)
    return latest


def _rename(row: sa.Row[tuple[float, str, str]]) -> Rename:
    told = orjson.loads(row.details)
    return Rename(kind=told["kind"], old=told["from"], new=told["to"], at=row.at, by=row.who)


@cache
def _statement(name: str) -> sa.TextClause:
    return sa.text(sql(f"renames/{name}"))
