"""Contacts of a CRM or any service that lists them in pages of JSON: read within a time limit, from public addresses only.

A name is resolved here and the address that was looked at is the one that is connected to, so a name that changes its
mind between the look and the connection reaches nothing private. Redirects stay with the host that the connection names.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpcore
import httpx

from data.readers.grid import Grid, Piece
from data.readers.values import as_text, rows_of_text
from data.spool import Spool
from messaging.errors import SourceError

if TYPE_CHECKING:
    from pathlib import Path

    from data.connections import Connection

_TIMEOUT_S = 30.0
_MOST_BYTES_OF_A_PAGE = 64 << 20
_MOST_PAGES = 100_000
_MOST_REDIRECTS = 5
_RETRIES = 2  # of a page: reading is harmless to repeat


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Where a service has its list. Places within an answer are written with dots: paging.next.after.

    path: of the first page, with its parameters. rows: where the list stands; "": the answer is the list. next: where
    the value stands that asks for the next page, or its address; "": there is one page. next_parameter: what the value
    is sent as; "": it is an address.
    """

    path: str
    rows: str = ""
    next: str = ""
    next_parameter: str = ""


@contextmanager
def pages_grid(connection: Connection, pages: Pages, *, folder: Path | None = None) -> Iterator[Grid]:
    """All pages are fetched before the first row is given out: a service that fails half-way plans nothing.

    The header is every key that occurs; nested objects are taken apart and named by their last key, with the ones above
    it where that stands there twice. Raises SourceError.
    """
    digest = hashlib.sha256()
    fetched = Spool(folder)
    keys: dict[str, None] = {}
    first = 2
    with _client(connection) as client:
        for objects in _fetched(client, connection, pages):
            flat = [dict(_flat(one)) for one in objects]
            for one in flat:
                keys.update(dict.fromkeys(one))
            lines = [json.dumps(one, ensure_ascii=False) for one in flat]
            digest.update("\n".join(lines).encode())
            fetched.append(rows_of_text(list(range(first, first + len(lines))), [lines]))
            first += len(lines)
    if not keys:
        raise SourceError(
            f"{connection.name}: the service lists nobody. Check the path and where its rows stand."
        )
    yield Grid(
        header=_short_names(list(keys)),
        pieces=_pieces(fetched, list(keys)),
        read_as=f"HTTP, {first - 2:,} rows of JSON",
        digest=digest,
    )


def ask_once(connection: Connection, path: str) -> None:
    """Fetch one page of whatever kind. Raises SourceError unless the service gives it."""
    deadline = time.monotonic() + connection.time_limit_s
    try:
        with _client(connection) as client:
            status, _, _ = _fetch(client, connection, _joined(connection, path), deadline)
    except (httpx.HTTPError, httpcore.NetworkError, httpcore.TimeoutException, OSError) as error:
        raise _no_answer(connection, error) from None
    if status != 200:
        raise _refused(connection, status)


def _pieces(fetched: Spool, keys: list[str]) -> Iterator[Piece]:
    for frame in fetched:
        objects = [json.loads(line) for line in frame["column_0"]]
        columns = [[as_text(one.get(key)) for one in objects] for key in keys]
        yield Piece(rows_of_text(frame["source_row"].to_list(), columns))


def _fetched(client: httpx.Client, connection: Connection, pages: Pages) -> Iterator[list[dict[str, Any]]]:
    deadline = time.monotonic() + connection.time_limit_s
    url = _joined(connection, pages.path)
    for _ in range(_MOST_PAGES):
        answer = _page(client, connection, url, deadline)
        rows = _at(answer, pages.rows)
        if not isinstance(rows, list) or not all(isinstance(one, dict) for one in rows):
            raise SourceError(
                f"{connection.name}: there is no list of objects at {pages.rows or 'the top'!r} of the answer. "
                "Correct [audience] rows."
            )
        yield rows
        following = _at(answer, pages.next) if pages.next else None
        if following in (None, "", False):
            return
        if pages.next_parameter:
            before, url = url, str(httpx.URL(url).copy_set_param(pages.next_parameter, str(following)))
        else:
            before, url = url, _joined(connection, str(following))
        if url == before:
            raise SourceError(
                f"{connection.name}: the service names the same page as the next one again and again."
            )
    raise SourceError(f"{connection.name}: the service lists more than {_MOST_PAGES:,} pages.")


def _page(client: httpx.Client, connection: Connection, url: str, deadline: float) -> Any:
    """The answer as JSON, numbers as the text they were."""
    for attempt in range(_RETRIES + 1):
        is_last = attempt == _RETRIES
        if time.monotonic() > deadline:
            raise SourceError(
                f"{connection.name}: reading took longer than {connection.time_limit_s:,.0f} s. Nothing was planned; "
                "ask for less, or give the connection more time."
            )
        try:
            status, wait_s, body = _fetch(client, connection, url, deadline)
        except (httpx.HTTPError, httpcore.NetworkError, httpcore.TimeoutException, OSError) as error:
            if is_last:
                raise _no_answer(connection, error) from None
            continue
        if status == 200:
            try:
                return json.loads(body, parse_int=str, parse_float=str)
            except (ValueError, RecursionError):
                raise SourceError(f"{connection.name}: the answer is no JSON. Check the path.") from None
        if status not in {429, 500, 502, 503, 504} or is_last:
            raise _refused(connection, status)
        time.sleep(max(0.0, min(wait_s, deadline - time.monotonic())))
    raise AssertionError("the last attempt returns or raises")


def _no_answer(connection: Connection, error: Exception) -> SourceError:
    return SourceError(
        f"{connection.name}: the service does not answer ({type(error).__name__}). Nothing was planned."
    )


def _refused(connection: Connection, status: int) -> SourceError:
    return SourceError(
        f"{connection.name}: the service refused with status {status}. Nothing was planned; "
        "check the path and the token."
    )


def _fetch(
    client: httpx.Client, connection: Connection, url: str, deadline: float
) -> tuple[int, float, bytes]:
    """Status, seconds to wait and body, after redirects within the same host."""
    for _ in range(_MOST_REDIRECTS + 1):
        with client.stream("GET", url) as answer:
            if answer.has_redirect_location:
                url = _joined(connection, str(httpx.URL(url).join(answer.headers["location"])))
                continue
            body = bytearray()
            for part in answer.iter_bytes():
                body += part
                if len(body) > _MOST_BYTES_OF_A_PAGE or time.monotonic() > deadline:
                    raise SourceError(
                        f"{connection.name}: one page is larger than {_MOST_BYTES_OF_A_PAGE >> 20} MB or comes too "
                        "slowly. Ask for smaller pages."
                    )
            wait = answer.headers.get("retry-after", "")
            return answer.status_code, float(wait) if wait.isdigit() else 1.0, bytes(body)
    raise SourceError(f"{connection.name}: the service redirects without end.")


def _joined(connection: Connection, path: str) -> str:
    """The address of a path. Raises SourceError when it leads to another host: the token is for this one."""
    base = httpx.URL(connection.url)
    url = base.join(path)
    if (url.scheme, url.host, url.port) != (base.scheme, base.host, base.port):
        raise SourceError(
            f"{connection.name}: the service points to another host ({url.host}), where its token must not go. "
            "Give the connection the address that answers."
        )
    return str(url)


def _at(answer: Any, place: str) -> Any:
    for key in filter(None, place.split(".")):
        answer = answer.get(key) if isinstance(answer, dict) else None
    return answer


def _flat(one: Mapping[str, Any], above: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in one.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _short_names(keys: list[str]) -> list[str]:
    last = [key.rpartition(".")[2] for key in keys]
    return [short if last.count(short) == 1 else key for key, short in zip(keys, last, strict=True)]


def _client(connection: Connection) -> httpx.Client:
    headers = {}
    if connection.token:
        is_standard = connection.header.lower() == "authorization"
        headers[connection.header] = f"Bearer {connection.token}" if is_standard else connection.token
    return httpx.Client(
        headers=headers,
        timeout=min(_TIMEOUT_S, connection.time_limit_s),
        transport=_Transport(_Dialler(connection)),
        trust_env=False,  # a proxy of the environment would resolve names in our place
    )


class _Transport(httpx.HTTPTransport):
    """httpx's own, but connected by us."""

    def __init__(self, dialler: _Dialler) -> None:
        super().__init__()
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context(), network_backend=dialler
        )


class _Dialler(httpcore.SyncBackend):
    """Connects to addresses that it has looked at."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        if not self._connection.may_be_private and not all(map(is_public, addresses)):
            raise SourceError(
                f"{self._connection.name}: {host} is at an address that is not public. Nothing was fetched; an admin "
                "may allow it with --private."
            )
        return super().connect_tcp(addresses[0], port, timeout, local_address, socket_options)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet at large; IPv4 inside IPv6 counts as what it is."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip.sixtofour or ip
    return ip.is_global and not ip.is_multicast
