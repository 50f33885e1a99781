"""One instance of Tidings: its var folder, its store, its keys. The outer rooms open it, everyone below is handed parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from data.accounts import ensure_simulator_account
from data.keys import Keys, KeysError, load_keys
from data.sql import sql
from data.store.engine import Store
from data.store.migrate import StoreError, prepare_store
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
    refuse_half_restored(var_dir)
    store = prepare_store(store_url, now=now)
    try:
        check = read_identity(store).keys_check
        keys = load_keys(var_dir, sealing=sealing, pseudonym=pseudonym, check=check)
        if check is None:
            _bind_keys(store, keys)
        ensure_simulator_account(store)
        yield Instance(var_dir, store, keys)
    finally:
        store.close()


@dataclass(frozen=True, slots=True)
class Identity:
    """Which instance a store belongs to. keys_check None: no keys were used with it yet."""

    instance_id: str
    keys_check: str | None


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


def refuse_half_restored(var_dir: Path) -> None:
    """Raises VarDirError when a restore into the folder was cut off: nothing may be made beside what it left."""
    if (var_dir / RESTORING).exists():
        raise VarDirError(f"a restore into {var_dir} was cut off; run `tidings restore` once more.")


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
        probe.unlink()
    except OSError as error:
        raise VarDirError(
            f"the folder {var_dir} cannot be written ({error.strerror}); "
            "make it writable, or point TIDINGS_VAR_DIR at one that is."
        ) from None
