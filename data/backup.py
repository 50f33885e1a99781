"""A backup: one folder with the store, the run files and the lake, of one instant. Without the keys.

The store is copied first. What it names by then lies on the disk, whole and unchanging, so the files are copied after it
while everybody goes on working. The folder gets its name once it is complete.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from data import backup_postgres
from data.backup_manifest import (
    BackedUpFile,
    BackupError,
    Manifest,
    StoreKind,
    copy_file,
    summed,
    write_manifest,
)
from data.file_lock import only_one
from data.instance import read_identity
from data.sql import sql
from data.store.copying import copy_sqlite
from data.store.migrate import HEAD, sqlite_path
from data.whole_files import make_private_folder, sync_folder

if TYPE_CHECKING:
    from data.instance import Instance
    from data.store.engine import Store

STORE_FILES = {"sqlite": "store.db", "postgresql": "store.dump"}
LOCK_FILE = ".backup.lock"


@dataclass(frozen=True, slots=True)
class Backup:
    """A finished backup. missing: what the store names and the disk does not have, relative to the var folder."""

    folder: Path
    manifest: Manifest
    missing: list[str]


def write_backup(instance: Instance, into: Path, *, now: float) -> Backup:
    """Make a backup as a new folder in `into`, while runs are sent. Raises BackupError; then nothing is left of it."""
    kind: StoreKind = "sqlite" if instance.store.is_sqlite else "postgresql"
    short = instance.instance_id[:8]
    folder = into / f"tidings-{short}-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"
    try:
        with _only_backup(instance.var_dir), _draft(folder, stale=f".tidings-{short}-*") as draft:
            store_file = draft / STORE_FILES[kind]
            copied = _copy_sqlite if kind == "sqlite" else _dump_postgres
            places = copied(instance.store, store_file)
            files = {store_file.name: summed(store_file)}
            missing = _copy_files(places, instance.var_dir, draft, files)
            manifest = Manifest(
                made_at=now,
                instance_id=instance.instance_id,
                keys_check=instance.keys.check,
                salt=read_identity(instance.store).salt,
                store=kind,
                schema=HEAD,
                files=files,
            )
            write_manifest(manifest, draft)
    except (OSError, sqlite3.Error, sa.exc.DatabaseError) as error:
        raise BackupError(
            f"no backup was made in {into} ({_reason(error)}); check that it has room and may be written."
        ) from None
    return Backup(folder, manifest, missing)


@contextmanager
def _only_backup(var_dir: Path) -> Iterator[None]:
    """One at a time, so that whatever draft lies around is what a killed one left."""
    with only_one(var_dir / LOCK_FILE) as is_mine:
        if not is_mine:
            raise BackupError("another backup of this instance is being made; wait until it has ended.")
        yield


@contextmanager
def _draft(folder: Path, *, stale: str) -> Iterator[Path]:
    """A folder that gets its name at the end; a failure leaves nothing."""
    make_private_folder(folder.parent)
    for left_over in folder.parent.glob(stale):
        shutil.rmtree(left_over)
    draft = folder.with_name(f".{folder.name}")
    draft.mkdir(mode=0o700)
    try:
        yield draft
        if folder.exists():
            raise BackupError(f"{folder} exists already; wait a second, or choose another place.")
        draft.rename(folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _copy_sqlite(store: Store, target: Path) -> list[str]:
    """Returns the places that the copy names. The copy has no identity: nobody takes it for a store that may send."""
    source = sqlite_path(store.url)
    if source is None:
        raise BackupError("a store in memory ends with its process and cannot be backed up.")
    copy_sqlite(source, target)
    with closing(sqlite3.connect(target)) as copy:
        try:
            verdict = copy.execute("pragma quick_check").fetchone()[0]
        except sqlite3.DatabaseError as error:
            verdict = str(error)
        if verdict != "ok":
            raise BackupError(f"the store {source} is damaged ({verdict}); restore an earlier backup.")
        places = _places(copy.execute(sql("backup/files")))
        copy.execute(sql("instance/delete"))
        copy.commit()
    return places


def _dump_postgres(store: Store, target: Path) -> list[str]:
    """The names are read in the very snapshot that is dumped."""
    with store.read.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        snapshot = connection.execute(sa.text("select pg_export_snapshot()")).scalar_one()
        places = _places((kind, place) for kind, place in connection.execute(sa.text(sql("backup/files"))))
        backup_postgres.dump(store.url, target, snapshot=snapshot)
    return places


def _places(rows: Iterable[tuple[str, str]]) -> list[str]:
    """Relative to the var folder."""
    return [f"lake/{place}" if kind == "lake" else place for kind, place in rows]


def _copy_files(places: list[str], var_dir: Path, draft: Path, files: dict[str, BackedUpFile]) -> list[str]:
    """Copies files and folders and enters them into `files`; returns the places that are gone."""
    missing = []
    for place in places:
        path = var_dir / place
        found = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        for file in found:
            relative = file.relative_to(var_dir).as_posix()
            try:
                files[relative] = copy_file(file, draft / relative)
            except FileNotFoundError:
                missing.append(relative)
    return missing


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(getattr(error, "orig", None) or error).splitlines()[0]
