"""Pages of receipts as they came from a gateway: kept before they are read, since some can be pulled only once."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from data.sql import sql

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from data.store.engine import Store


class StoredPage(NamedTuple):
    page: int
    body: bytes


def keep_page(store: Store, account: str, body: bytes, *, cursor: str | None, now: float) -> StoredPage:
    """Store a page and where its account's next pull goes on, in one commit. cursor None: where it stands by now.

    Without a cursor there is nothing more at the moment, and the last page is asked for again: it may have grown.
    """
    with store.write.begin() as connection:
        kept = {"account": account, "body": body, "now": now}
        page = int(connection.execute(_statement("keep"), kept).scalar_one())
        if cursor is not None:
            connection.execute(_statement("move_cursor"), {"account": account, "cursor": cursor})
    return StoredPage(page, body)


def read_cursor(store: Store, account: str) -> str | None:
    """Where the next pull of an account goes on; None: at the beginning."""
    with store.read.connect() as connection:
        asked = sa.text("select receipt_cursor from accounts where account = :account")
        return connection.execute(asked, {"account": account}).scalar()


def next_unread(store: Store, account: str, *, after: int) -> StoredPage | None:
    """The first page of an account behind `after` that nobody has read."""
    with store.read.connect() as connection:
        found = connection.execute(_statement("unread"), {"account": account, "after": after}).first()
    return None if found is None else StoredPage(found.page, bytes(found.body))


def mark_read(connection: Connection, page: int, *, now: float) -> bool:
    """In the transaction of what the page told. False: somebody else has read it, so nothing is to be written."""
    return connection.execute(_statement("mark_read"), {"page": page, "now": now}).rowcount == 1


def drop_page(connection: Connection, page: int) -> None:
    """Forget a page that told nothing new; gateways are asked every few seconds."""
    connection.execute(_statement("drop"), {"page": page})


@cache
def _statement(name: str) -> sa.TextClause:
    return sa.text(sql(f"pages/{name}"))
