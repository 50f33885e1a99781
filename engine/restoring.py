"""A backup becomes an instance again, and nothing of it is sent by itself.

Nobody knows what happened between the backup and now: messages, starts, opt-outs. So every message that was not final
is in doubt, every run waits for a person, and every number is a new one. What is restored is made beside its place and
moved there at the end; the row that says whose store it is comes last of all, and without it nothing opens the store.
"""

from __future__ import annotations

import hmac
import shutil
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from data import backup_postgres
from data.accounts import check_credentials
from data.audit_log import log_decision
from data.backup import STORE_FILES
from data.backup_manifest import Manifest, copy_checked, read_manifest
from data.connections import check_connections
from data.file_lock import only_one
from data.forgotten import FILE as FORGOTTEN_FILE
from data.forgotten import Forgotten, forget_within, read_forgotten
from data.instance import RESTORING, has_identity, make_var_dir
from data.keys import Keys, KeySecrets, KeysError, is_of_earlier_pseudonyms, keys_from, write_secrets
from data.ledger.locking import lock_ledger
from data.ledger.restoring import doubt_unfinished
from data.restores import ParkedRuns, in_words, park_runs, record_restore
from data.store.engine import Store
from data.store.migrate import HEAD, StoreIsNewer, drop_tables, is_empty, prepare_store, sqlite_path, too_new
from data.whole_files import sync_folder
from engine.forgetting import forget_in_restored
from messaging.errors import TidingsError

LOCK_FILE = ".restore.lock"
FOLDERS = ("runs", "lake")  # of the var folder, beside the store


class CannotRestore(TidingsError):
    """/srv/tidings/var holds an instance already; a backup is restored into an empty one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a person should know of the new instance. n_unconfirmed: messages that were not final in the backup."""

    instance_id: str
    manifest: Manifest
    n_unconfirmed: int
    runs: ParkedRuns
    forgotten: Forgotten
    not_erased: list[str] = field(default_factory=list)  # files that still tell of them, in sentences


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where an instance is to be, and by what keys. keeps_keys: they are written to its var folder."""

    var_dir: Path
    store_url: str
    secrets: KeySecrets
    keeps_keys: bool

    @property
    def store_draft(self) -> Path:
        """Where an SQLite store is made, beside its place."""
        path = sqlite_path(self.store_url)
        assert path is not None, "only an SQLite store has a draft"
        return path.with_name(f".{path.name}.restoring")


def restore_backup(source: Path, target: Target, *, by: str, now: float) -> Restored:
    """Make an instance of a backup, or leave the place as it was.

    Raises BackupError (damaged, no backup), CannotRestore (not empty, another kind of store), StoreIsNewer, KeysError,
    CredentialsSealed, ConnectionSealed and StoreError.
    """
    manifest = read_manifest(source)
    keys = keys_from(target.secrets)
    _refuse_unfit(manifest, source, target, keys)
    make_var_dir(target.var_dir)
    with only_one(target.var_dir / LOCK_FILE) as is_mine:
        if not is_mine:
            raise CannotRestore(f"another restore into {target.var_dir} is at work; wait until it has ended.")
        _clear_what_was_cut_off(target)
        _refuse_existing(target)
        with _or_nothing(target) as workshop:
            return _restore(source, manifest, target, keys, workshop, by=by, now=now)


def _restore(
    source: Path, manifest: Manifest, target: Target, keys: Keys, workshop: Path, *, by: str, now: float
) -> Restored:
    for name, file in manifest.files.items():
        is_store = name == STORE_FILES["sqlite"]
        copy_checked(name, file, folder=source, target=target.store_draft if is_store else workshop / name)
    with closing(_make_store(workshop, manifest, target, now)) as store:
        check_credentials(store, sealing_key=keys.sealing)
        check_connections(store, sealing_key=keys.sealing)
        _move_folders(workshop, target.var_dir)
        if target.keeps_keys:
            write_secrets(target.secrets, target.var_dir / "keys")
        forgotten = read_forgotten(target.var_dir / FORGOTTEN_FILE)
        erased = forget_in_restored(store, target.var_dir, keys.person, forgotten.people, now=now)
        restored = _make_safe(store, manifest, keys, forgotten, by=by, now=now)
    _move_store(target)
    return replace(restored, not_erased=erased)


def _refuse_unfit(manifest: Manifest, source: Path, target: Target, keys: Keys) -> None:
    kind = "postgresql" if sqlite_path(target.store_url) is None else "sqlite"
    if manifest.store != kind:
        names = {"sqlite": "an SQLite store", "postgresql": "a store in PostgreSQL"}
        raise CannotRestore(
            f"{source} holds {names[manifest.store]} and this instance is set to {names[kind]}; "
            "set TIDINGS_STORE_URL to the same kind."
        )
    if manifest.schema > HEAD:
        raise StoreIsNewer(too_new(f"the backup {source}", manifest.schema))
    if is_of_earlier_pseudonyms(target.secrets, manifest.keys_check):
        raise CannotRestore(
            f"{source} was made before version 0.1.0, under other pseudonyms; restore it with the program that made it."
        )
    if not hmac.compare_digest(manifest.keys_check, keys.check):
        raise KeysError(
            f"these are not the keys of {source}, and with them nobody's opt-out would be found; "
            "name the folder that `tidings backup --keys` wrote, with --keys."
        )


def _clear_what_was_cut_off(target: Target) -> None:
    """A restore that was killed left its workshop, and perhaps folders in their place; nobody has used them yet."""
    if not (target.var_dir / RESTORING).exists() or has_identity(target.store_url):
        return
    _clear(target)


def _refuse_existing(target: Target) -> None:
    taken = [folder for folder in FOLDERS if any((target.var_dir / folder).glob("*"))]
    if taken:
        raise CannotRestore(
            f"{target.var_dir} holds an instance already ({', '.join(taken)}); a backup is restored into an empty one, "
            "so move that away or set TIDINGS_VAR_DIR."
        )
    if not is_empty(target.store_url):
        raise CannotRestore(
            "the place of the store is taken already; a backup is restored into an empty one, so move that store away "
            "or set TIDINGS_STORE_URL."
        )


@contextmanager
def _or_nothing(target: Target) -> Iterator[Path]:
    """The workshop of a restore, inside the var folder so that what is made in it can be moved; a failure leaves nothing."""
    workshop = target.var_dir / RESTORING
    workshop.mkdir(mode=0o700)
    try:
        yield workshop
    except BaseException:
        _clear(target)
        raise
    shutil.rmtree(workshop)


def _clear(target: Target) -> None:
    for folder in FOLDERS:
        shutil.rmtree(target.var_dir / folder, ignore_errors=True)
    if sqlite_path(target.store_url) is None:
        drop_tables(target.store_url)
    else:
        for left_over in target.store_draft.parent.glob(f"{target.store_draft.name}*"):
            left_over.unlink()
    shutil.rmtree(target.var_dir / RESTORING, ignore_errors=True)


def _make_store(workshop: Path, manifest: Manifest, target: Target, now: float) -> Store:
    """The store of the backup at the schema of this code, still without an identity."""
    if manifest.store == "sqlite":
        return prepare_store(f"sqlite:///{target.store_draft}", now=now)
    backup_postgres.load(target.store_url, workshop / STORE_FILES["postgresql"])
    return prepare_store(target.store_url, now=now)


def _move_folders(workshop: Path, var_dir: Path) -> None:
    for folder in FOLDERS:
        made = workshop / folder
        if made.exists():
            made.rename(var_dir / folder)
    sync_folder(var_dir)


def _make_safe(
    store: Store, manifest: Manifest, keys: Keys, forgotten: Forgotten, *, by: str, now: float
) -> Restored:
    """All of it in one transaction, and the identity last."""
    instance_id = uuid.uuid4().hex
    reason = f"restored from the backup of {in_words(manifest.made_at)}"
    with store.write.begin() as connection:
        lock_ledger(connection)
        n_unconfirmed = doubt_unfinished(connection, now)
        parked = park_runs(connection, reason, backup_at=manifest.made_at, now=now)
        forget_within(connection, forgotten.person_keys, now=now)
        details = {
            "backup_at": manifest.made_at,
            "from": manifest.instance_id,
            "n_unconfirmed": n_unconfirmed,
        }
        log_decision(connection, who=by, what="restore", details=details, now=now)
        record_restore(
            connection,
            backup_at=manifest.made_at,
            backup_instance_id=manifest.instance_id,
            instance_id=instance_id,
            keys_check=keys.check,
            salt=manifest.salt,
            now=now,
        )
    return Restored(
        instance_id=instance_id,
        manifest=manifest,
        n_unconfirmed=n_unconfirmed,
        runs=parked,
        forgotten=forgotten,
    )


def _move_store(target: Target) -> None:
    """From here on there is an instance. Closed by its last user, an SQLite store is one file."""
    path = sqlite_path(target.store_url)
    if path is not None:
        target.store_draft.rename(path)
        sync_folder(path.parent)
