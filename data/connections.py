"""Named connections to databases and HTTP sources: set up once by an admin, sealed; campaign files say their names only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

import orjson
import sqlalchemy as sa

from data.sealing import SealBroken, seal, unseal
from data.sql import sql
from data.store.engine import Store
from messaging.errors import TidingsError

Kind = Literal["sql", "http"]
Auth = Literal["token", "query", "basic", "oauth2"]
MOST_TIME_S = 86_400


class UnknownConnection(TidingsError):
    """No connection has this name."""


class BadConnection(TidingsError):
    """A connection that could not be used: its address or limits make no sense."""


class ConnectionSealed(TidingsError):
    """The secret of a connection was sealed under another key, or for another connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Where contacts come from. url of a database: with user and password, so it is sealed; of an HTTP source: open.

    time_limit_s: for all of one reading. may_be_private: an HTTP source may live at an address that is not public.
    auth: how a service lets in whom it knows. token: in the header, where "Authorization" has "Bearer " put before it;
    query: in the parameter of that name; basic: token is user:password; oauth2: token is client_id:client_secret, which
    token_url changes into one for a while, of that scope.
    """

    name: str
    kind: Kind
    url: str = field(repr=False)
    token: str = field(default="", repr=False)
    header: str = "Authorization"
    auth: Auth = "token"
    token_url: str = ""
    scope: str = ""
    time_limit_s: float = 600.0
    may_be_private: bool = False


def save_connection(store: Store, connection: Connection, *, sealing_key: bytes) -> None:
    """Write a connection or change it. Raises BadConnection."""
    _guard(connection)
    is_sql = connection.kind == "sql"
    secret = {"url": connection.url} if is_sql else ({"token": connection.token} if connection.token else {})
    settings: dict[str, Any] = {"time_limit_s": connection.time_limit_s}
    if not is_sql:
        settings |= {
            "url": connection.url,
            "header": connection.header,
            "may_be_private": connection.may_be_private,
        }
        if connection.auth != "token":
            settings |= {
                "auth": connection.auth,
                "token_url": connection.token_url,
                "scope": connection.scope,
            }
    row = {
        "connection": connection.name,
        "kind": connection.kind,
        "settings": orjson.dumps(settings).decode(),
        "secret": seal(secret, name=_seal_name(connection.name), key=sealing_key),
    }
    with store.write.begin() as transaction:
        transaction.execute(sa.text(sql("connections/save")), row)


def read_connection(store: Store, name: str, *, sealing_key: bytes) -> Connection:
    """One connection with its secret open. Raises UnknownConnection and ConnectionSealed."""
    with store.read.connect() as transaction:
        row = transaction.execute(sa.text(sql("connections/read")), {"connection": name}).one_or_none()
    if row is None:
        known = ", ".join(one for one, _, _ in list_connections(store)) or "none"
        raise UnknownConnection(
            f"there is no connection {name!r}; known: {known}. `tidings connection add {name}` makes it."
        )
    try:
        secret = unseal(row.secret, name=_seal_name(name), key=sealing_key)
    except SealBroken:
        raise ConnectionSealed(
            f"the secret of connection {name} does not open with the sealing key in use; "
            "restore var/keys/sealing (or TIDINGS_SEALING_KEY), or add the connection again."
        ) from None
    return Connection(name=name, kind=row.kind, **{**orjson.loads(row.settings), **secret})


def check_connections(store: Store, *, sealing_key: bytes) -> None:
    """Raises ConnectionSealed when the secret of a connection does not open with this key."""
    for name, _, _ in list_connections(store):
        read_connection(store, name, sealing_key=sealing_key)


def list_connections(store: Store) -> list[tuple[str, Kind, Mapping[str, Any]]]:
    """Name, kind and settings of all; no secret is opened."""
    with store.read.connect() as transaction:
        rows = transaction.execute(sa.text(sql("connections/list"))).all()
    return [(row.connection, row.kind, orjson.loads(row.settings)) for row in rows]


def _guard(connection: Connection) -> None:
    if not connection.name.replace("-", "").replace("_", "").isalnum():
        raise BadConnection("a connection's name has letters, digits, '-' and '_' only.")
    if not 1 <= connection.time_limit_s <= MOST_TIME_S:
        raise BadConnection(f"connection {connection.name}: the time limit is 1 to {MOST_TIME_S:,} seconds.")
    if connection.kind == "sql":
        from data.readers.sql_query import check_url

        check_url(connection)
        return
    _guard_address(connection, connection.url)
    if connection.auth in {"basic", "oauth2"} and ":" not in connection.token:
        parts = "user:password" if connection.auth == "basic" else "client_id:client_secret"
        raise BadConnection(
            f"connection {connection.name}: its secret is {parts} with --auth {connection.auth}."
        )
    if (connection.auth == "oauth2") != bool(connection.token_url):
        raise BadConnection(f"connection {connection.name}: --auth oauth2 and --token-url belong together.")
    if connection.auth == "oauth2":
        _guard_address(connection, connection.token_url)
    if connection.auth == "query" and (not connection.token or connection.header == "Authorization"):
        raise BadConnection(
            f"connection {connection.name}: --auth query needs a token, and --header names its parameter."
        )


def _guard_address(connection: Connection, url: str) -> None:
    address = urlsplit(url)
    if address.scheme not in {"https", "http"} or not address.hostname or address.username:
        raise BadConnection(
            f"connection {connection.name}: write its address as https://host, without user or password in it."
        )
    if address.scheme == "http" and connection.token and not connection.may_be_private:
        raise BadConnection(
            f"connection {connection.name}: a token must not travel over http; use https, or --private for a server "
            "of your own."
        )


def _seal_name(name: str) -> str:
    return f"connection {name}"
