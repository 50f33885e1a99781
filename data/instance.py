"""One instance of Tidings: its var folder, its store, its keys. The outer rooms open it, everyone below is handed parts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from data.accounts import ensure_simulator_account
from data.keys import Keys, KeysError, load_keys
from data.sql import sql
from data.store.engine import Store, open_store
from data.store.migrate import StoreError, is_empty, prepare_store
from messaging.errors import TidingsError

if TYPE_CHECKING:
    from pydantic import SecretStr


RESTORING = ".restoring"  # in the var folder for as long as a restore works on it


class VarDirError(TidingsError):
    """The folder that everything is written to cannot be used."""


@dataclass(frozen=True, slots=True)
class Instance:
    """What every command and every flow of one instance shares."""

    var_dir: Path
    store: Store
    keys: Keys
    instance_id: str

    @property
    def lake(self) -> Path:
        return self.var_dir / "lake"

    @property
    def analytics(self) -> Path:
        return self.var_dir / "analytics.duckdb"


@contextmanager
def open_instance(
    var_dir: Path, store_url: str, *, sealing: SecretStr | None, pseudonym: SecretStr | None, now: float
) -> Iterator[Instance]:
    """Open the instance in `var_dir`, making at first use what it needs: folder, keys, store, the account `sim`.

    Raises VarDirError, StoreError or KeysError.
    """
    make_var_dir(var_dir)
    _refuse_half_restored(var_dir, store_url)
    store = prepare_store(store_url, now=now)
    try:
        identity = read_identity(store)
        keys = load_keys(
            var_dir, sealing=sealing, pseudonym=pseudonym, check=identity.keys_check, salt=identity.salt
        )
        if identity.keys_check is None:
            _bind_keys(store, keys)
        ensure_simulator_account(store)
        yield Instance(var_dir, store, keys, identity.instance_id)
    finally:
        store.close()


@dataclass(frozen=True, slots=True)
class Identity:
    """Which instance a store belongs to. keys_check None: no keys were used with it yet.

    salt: goes into its references and outlives restores, as a store made anew under the same keys must not.
    """

    instance_id: str
    keys_check: str | None
    salt: str


def read_identity(store: Store) -> Identity:
    """Raises StoreError for a store without one: a backup, or what a restore left that was cut off."""
    with store.read.connect() as connection:
        row = connection.execute(sa.text(sql("instance/read"))).one_or_none()
    if row is None:
        raise StoreError(
            "this store was copied from a backup and would send again what was sent since; "
            "empty its place, and put the backup there with `tidings restore`."
        )
    return Identity(*row)


def has_identity(store_url: str) -> bool:
    """Whether the store is there, and somebody's: a restore has come to its end."""
    if is_empty(store_url):
        return False
    with closing(open_store(store_url)) as store, store.read.connect() as connection:
        return connection.execute(sa.text(sql("instance/read"))).one_or_none() is not None


def _refuse_half_restored(var_dir: Path, store_url: str) -> None:
    """Nothing may be made beside what a restore left that was cut off."""
    left_over = var_dir / RESTORING
    if left_over.exists() and not has_identity(store_url):
        raise VarDirError(f"a restore into {var_dir} was cut off; run `tidings restore` once more.")
    shutil.rmtree(left_over, ignore_errors=True)


def _bind_keys(store: Store, keys: Keys) -> None:
    """The store knows its keys from the first start on; of two that start at once, both must have the same."""
    with store.write.begin() as connection:
        connection.execute(sa.text(sql("instance/bind_keys")), {"keys_check": keys.check})
    if read_identity(store).keys_check != keys.check:
        raise KeysError(
            "another process has just used this store for the first time with another pseudonym key; "
            "give both the same TIDINGS_PSEUDONYM_KEY, or the same var/keys."
        )


def make_var_dir(var_dir: Path) -> None:
    """The folder exists, is private to its owner, and can be written."""
    try:
        var_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        var_dir.chmod(0o700)
        probe = var_dir / ".writable"
        probe.touch(mode=0o600)
        probe.unlink(missing_ok=True)  # another process looks at the same time
    except OSError as error:
        raise VarDirError(
            f"the folder {var_dir} cannot be written ({error.strerror}); "
            "make it writable, or point TIDINGS_VAR_DIR at one that is."
        ) from None
