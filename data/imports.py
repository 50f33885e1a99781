"""Imports of contacts in the store: begun, then finished or failed; what a source brought is kept as counts only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa

from data.file_lock import is_somebody_in
from data.sql import sql
from messaging.errors import TidingsError

if TYPE_CHECKING:
    from data.store.engine import Store

ImportState = Literal["running", "finished", "failed"]


class UnknownImport(TidingsError):
    """There is no import of this number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportCounts:
    """Every row of a source, once: they add up to n_rows."""

    n_new: int = 0
    n_changed: int = 0
    n_same: int = 0
    n_double: int = 0
    n_rejects: int = 0

    @property
    def n_rows(self) -> int:
        return self.n_new + self.n_changed + self.n_same + self.n_double + self.n_rejects


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRecord:
    """One row of `imports`. Instants are seconds since 1970, UTC; folder is relative to the var folder.

    counts: of one that is running or failed, none. fingerprint: '' when its source could not be read.
    """

    import_no: int
    name: str
    source: str
    fingerprint: str
    state: ImportState
    state_reason: str | None
    counts: ImportCounts
    folder: str | None
    started_at: float
    finished_at: float | None
    by: str


def import_folder(var_dir: Path, number: int) -> Path:
    """Where the rejects of an import lie. They hold numbers in clear, so only their owner may read them."""
    return var_dir / "imports" / f"{number:06}"


def begin_import(store: Store, *, name: str, source: str, fingerprint: str, by: str, now: float) -> int:
    """A new import, running. Those of its name that were cut off are failed from here on.

    fingerprint: '' for one whose source could not be read.
    """
    with store.write.begin() as connection:
        told = {"name": name, "source": source, "fingerprint": fingerprint, "by": by, "now": now}
        number = int(connection.execute(_statement("begin"), told).scalar_one())
        reason = f"it ended before its end; import {number} goes on from there"
        connection.execute(
            _statement("give_up"), {"name": name, "import": number, "reason": reason, "now": now}
        )
    return number


def finish_import(store: Store, number: int, *, counts: ImportCounts, folder: str | None, now: float) -> None:
    """All rows of it are stored."""
    _end(store, number, state="finished", reason=None, counts=counts, folder=folder, now=now)


def fail_import(store: Store, number: int, *, reason: str, now: float) -> None:
    """It ends here; what it has stored stays. reason: in words, without anybody's data."""
    _end(store, number, state="failed", reason=reason, counts=ImportCounts(), folder=None, now=now)


def find_earlier(store: Store, fingerprint: str, *, name: str) -> ImportRecord | None:
    """The finished import of this very fingerprint, unless an import of another one changed things since.

    Only imports of the same name are looked at: a file that goes back to an older content is news.
    """
    with store.read.connect() as connection:
        asked = {"fingerprint": fingerprint, "name": name}
        row = connection.execute(_statement("earlier"), asked).mappings().one_or_none()
    return None if row is None else _record(row)


def list_imports(store: Store, most: int = 20) -> list[ImportRecord]:
    """The latest imports, the last one first."""
    with store.read.connect() as connection:
        rows = connection.execute(_statement("latest"), {"most": most}).mappings().all()
    return [_record(row) for row in rows]


def names_at_work(var_dir: Path) -> list[str]:
    """Of imports that somebody is at, by their locks: the store knows of one only once its source was read."""
    locks = sorted((var_dir / "imports").glob(".*.lock"))
    return [lock.stem.removeprefix(".") for lock in locks if is_somebody_in(lock)]


def read_import(store: Store, number: int) -> ImportRecord:
    """Raises UnknownImport."""
    with store.read.connect() as connection:
        row = connection.execute(_statement("read"), {"import": number}).mappings().one_or_none()
    if row is None:
        raise UnknownImport(f"there is no import {number}.")
    return _record(row)


def _end(
    store: Store,
    number: int,
    *,
    state: ImportState,
    reason: str | None,
    counts: ImportCounts,
    folder: str | None,
    now: float,
) -> None:
    told = {
        "import": number,
        "state": state,
        "reason": reason,
        "n_rows": counts.n_rows,
        "n_new": counts.n_new,
        "n_changed": counts.n_changed,
        "n_same": counts.n_same,
        "n_double": counts.n_double,
        "n_rejects": counts.n_rejects,
        "folder": folder,
        "now": now,
    }
    with store.write.begin() as connection:
        connection.execute(_statement("end"), told)


def _record(row: Any) -> ImportRecord:
    return ImportRecord(
        import_no=row["import"],
        name=row["name"],
        source=row["source"],
        fingerprint=row["fingerprint"],
        state=row["state"],
        state_reason=row["state_reason"],
        counts=ImportCounts(
            n_new=row["n_new"],
            n_changed=row["n_changed"],
            n_same=row["n_same"],
            n_double=row["n_double"],
            n_rejects=row["n_rejects"],
        ),
        folder=row["folder"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        by=row["by"],
    )


@cache
def _statement(name: str) -> sa.TextClause:
    return sa.text(sql(f"imports/{name}"))
