"""Gateway accounts in the store. Credentials rest sealed and are opened only for the process that sends."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa

from data.audit_log import log_decision
from data.ledger.locking import lock_ledger
from data.sealing import SealBroken, seal, unseal
from data.sql import sql
from messaging.errors import TidingsError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from data.store.engine import Store

SIMULATOR_ACCOUNT = "sim"
SIMULATOR_KIND = "simulator"

_DEFAULT_CONCURRENCY = 50


class UnknownAccount(TidingsError):
    """There is no gateway account of this name."""


class BadAccount(TidingsError):
    """An account that could not send: its rate or concurrency makes no sense."""


class CredentialsSealed(TidingsError):
    """Credentials were sealed under another key, or for another account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A configured connection to a gateway. settings are its client's, and hold no secret."""

    account: str
    kind: str
    settings: dict[str, Any] = field(default_factory=dict)
    credentials: dict[str, str] = field(default_factory=dict, repr=False)
    rate_mps: float | None = None  # messages per second; None: as fast as it answers
    concurrency: int = _DEFAULT_CONCURRENCY  # most requests open at a time in one process

    @property
    def is_simulated(self) -> bool:
        return self.kind == SIMULATOR_KIND

    def with_url(self, url: str) -> Account:
        """The same account at an address that only the running system knows, such as the simulator's."""
        return replace(self, settings={**self.settings, "url": url})


def read_account(store: Store, name: str, *, sealing_key: bytes) -> Account:
    """One account with its credentials open. Raises UnknownAccount and CredentialsSealed."""
    with store.read.connect() as connection:
        row = connection.execute(sa.text(sql("accounts/read")), {"account": name}).one_or_none()
        if row is None:
            raise _unknown(connection, name)
    return Account(
        account=row.account,
        kind=row.kind,
        settings=orjson.loads(row.settings),
        credentials=_open(row.credentials, row.account, sealing_key),
        rate_mps=row.rate_mps,
        concurrency=row.concurrency,
    )


def kind_of_account(store: Store, name: str) -> str | None:
    """The kind of gateway behind an account, without opening its credentials. None: there is no such account."""
    with store.read.connect() as connection:
        return kind_within(connection, name)


def kind_within(connection: Connection, name: str) -> str | None:
    """`kind_of_account` in the caller's transaction."""
    row = connection.execute(sa.text(sql("accounts/read")), {"account": name}).one_or_none()
    return None if row is None else str(row.kind)


def check_credentials(store: Store, *, sealing_key: bytes) -> None:
    """Raises CredentialsSealed when the credentials of an account do not open with this key."""
    with store.read.connect() as connection:
        names = connection.execute(sa.text(sql("accounts/names"))).scalars().all()
    for name in names:
        read_account(store, name, sealing_key=sealing_key)


def save_account(store: Store, account: Account, *, sealing_key: bytes) -> None:
    """Write an account or change it; its pace so far stays. Raises BadAccount."""
    _guard(account)
    row = {
        "account": account.account,
        "kind": account.kind,
        "settings": orjson.dumps(account.settings).decode(),
        "credentials": seal(account.credentials, name=account.account, key=sealing_key),
        "rate_mps": account.rate_mps,
        "concurrency": account.concurrency,
    }
    with store.write.begin() as connection:
        connection.execute(sa.text(sql("accounts/save")), row)


def set_rate(store: Store, name: str, rate_mps: float | None, *, by: str, now: float) -> None:
    """Another pace for an account, in effect with the next claim of whoever sends through it. None: no limit.

    Raises UnknownAccount and BadAccount.
    """
    _guard_rate(name, rate_mps)
    values = {"account": name, "rate_mps": rate_mps, "step_s": 1 / rate_mps if rate_mps else 0.0}
    with store.write.begin() as connection:
        lock_ledger(connection)
        if not connection.execute(sa.text(sql("accounts/set_rate")), values).rowcount:
            raise _unknown(connection, name)
        details = {"account": name, "rate_mps": rate_mps}
        log_decision(connection, who=by, what="rate", details=details, now=now)


def ensure_simulator_account(store: Store) -> None:
    """The account `sim` exists from first start. One that is there stays as somebody may have changed it.

    Its address is not stored: it is a setting of the running system (`Account.with_url`).
    """
    row = {
        "account": SIMULATOR_ACCOUNT,
        "kind": SIMULATOR_KIND,
        "settings": "{}",
        "concurrency": _DEFAULT_CONCURRENCY,
    }
    with (
        store.read.connect() as connection
    ):  # every command passes here: no write lock when there is nothing to do
        if connection.execute(sa.text(sql("accounts/read")), row).one_or_none() is not None:
            return
    with store.write.begin() as connection:
        connection.execute(sa.text(sql("accounts/add")), row)


def _guard(account: Account) -> None:
    if not account.account or not account.kind:
        raise BadAccount("a gateway account needs a name and a kind.")
    _guard_rate(account.account, account.rate_mps)
    if not 1 <= account.concurrency <= 1_000:
        raise BadAccount(f"gateway account {account.account}: the concurrency must be 1 to 1000 requests.")


def _guard_rate(name: str, rate_mps: float | None) -> None:
    if rate_mps is not None and not 0 < rate_mps < float("inf"):
        raise BadAccount(f"gateway account {name}: the rate must be more than 0 messages per second.")


def _unknown(connection: Connection, name: str) -> UnknownAccount:
    known = connection.execute(sa.text(sql("accounts/names"))).scalars().all()
    return UnknownAccount(f"there is no gateway account {name!r}; known: {', '.join(known) or 'none'}.")


def _open(sealed: bytes | None, account: str, key: bytes) -> dict[str, str]:
    try:
        return unseal(sealed, name=account, key=key)
    except SealBroken:
        raise CredentialsSealed(
            f"the credentials of gateway account {account} do not open with the sealing key in use; "
            "restore var/keys/sealing (or TIDINGS_SEALING_KEY), or enter the credentials again."
        ) from None
