"""The one lock of the ledger on PostgreSQL. SQLite's write transactions come one after another anyway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.ledger.statements import statement

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


def lock_ledger(connection: Connection) -> None:
    """Wait until no other transaction writes the ledger. Asking again in the same transaction costs one round trip.

    All rows of accounts, in name order, before any other row: so no two writers can wait for each other.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(statement("lock_accounts"))
