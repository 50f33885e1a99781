"""One instance of Tidings: its var folder, its store, its keys. The outer rooms open it, everyone below is handed parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from data.accounts import ensure_simulator_account
from data.keys import Keys, load_keys
from data.store.engine import Store
from data.store.migrate import prepare_store
from messaging.errors import TidingsError

if TYPE_CHECKING:
    from pydantic import SecretStr


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

    Raises VarDirError, StoreError or KeysError, each before anything else is written.
    """
    make_var_dir(var_dir)
    keys = load_keys(var_dir, sealing=sealing, pseudonym=pseudonym)
    store = prepare_store(store_url, now=now)
    try:
        ensure_simulator_account(store)
        yield Instance(var_dir, store, keys)
    finally:
        store.close()


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
