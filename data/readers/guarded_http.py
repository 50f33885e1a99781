"""A session of requests that reaches one host only, at addresses that were looked at, until a deadline.

A name is resolved here and the address that was looked at is the one that is connected to, so a name that changes its
mind between the look and the connection reaches nothing private. Every request passes `_Door`: pages, redirects, and
those for a token.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests
import urllib3
from dlt.sources.helpers.requests.retry import Client
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry, parse_url

from messaging.errors import SourceError

if TYPE_CHECKING:
    from data.connections import Connection

_TIMEOUT_S = 30.0  # of one connect or read
_MOST_BYTES_OF_A_PAGE = 64 << 20
_MOST_REDIRECTS = 5
_ATTEMPTS = 3  # at a page: reading is harmless to repeat
_WORTH_ANOTHER = (429, 500, 502, 503, 504)


@dataclass(slots=True, kw_only=True)
class Reading:
    """One reading of a connection, with its end in time (of time.monotonic)."""

    connection: Connection
    deadline: float
    _open: weakref.WeakSet[socket.socket] = field(default_factory=weakref.WeakSet)
    _answers: weakref.WeakSet[requests.Response] = field(default_factory=weakref.WeakSet)
    _sessions: list[requests.Session] = field(default_factory=list)

    def left_s(self) -> float:
        """Raises SourceError when the time is over."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise SourceError(
                f"{self.connection.name}: reading took longer than {self.connection.time_limit_s:,.0f} s. "
                "Nothing was planned; ask for less, or give the connection more time."
            )
        return left

    def connected(self, line: socket.socket) -> None:
        self._open.add(line)

    def answered(self, answer: requests.Response) -> None:
        self._answers.add(answer)

    def begun(self, session: requests.Session) -> None:
        self._sessions.append(session)

    def hang_up(self) -> None:
        """Whatever waits for a byte now waits no longer."""
        for line in list(self._open):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for answer in list(self._answers):
            answer.close()
        for session in self._sessions:
            session.close()


@contextmanager
def begin_reading(connection: Connection) -> Iterator[Reading]:
    reading = Reading(connection=connection, deadline=time.monotonic() + connection.time_limit_s)
    # A timeout counts from the last byte, so a service that gives one now and then would keep us for ever.
    alarm = threading.Timer(connection.time_limit_s, reading.hang_up)
    alarm.daemon = True
    alarm.start()
    try:
        yield reading
    finally:
        alarm.cancel()
        reading.close()


def session_for(reading: Reading, url: str) -> requests.Session:
    """A session for the host of `url`. It raises SourceError for any other one; dlt's client repeats what is worth it."""
    session: requests.Session = Client(
        request_timeout=_TIMEOUT_S,
        raise_for_status=False,
        status_codes=_WORTH_ANOTHER,
        request_max_attempts=_ATTEMPTS,
        request_backoff_factor=1,
        request_max_retry_delay=reading.connection.time_limit_s,
    ).session
    reading.begun(session)
    session.trust_env = False  # a proxy of the environment would resolve names in our place; no .netrc either
    session.max_redirects = _MOST_REDIRECTS
    session.headers["User-Agent"] = "tidings"
    session.adapters.clear()
    door = _Door(reading, url)
    for scheme in ("https://", "http://"):
        session.mount(scheme, door)
    return session


class _Door(HTTPAdapter):
    """Lets requests to one host out and bounded answers in."""

    def __init__(self, reading: Reading, url: str) -> None:
        self._reading = reading
        self._home = _host_of(url)
        super().__init__()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **more: Any) -> None:
        super().init_poolmanager(
            connections, maxsize, block, ssl_context=ssl.create_default_context(), **more
        )
        self.poolmanager.pool_classes_by_scheme = _pools(self._reading)

    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:
        name = self._reading.connection.name
        host = _host_of(str(request.url))
        if host != self._home:
            raise SourceError(
                f"{name}: the service points to another host ({host[1]}), where its token must not go. "
                "Give the connection the address that answers."
            )
        timeout = min(_TIMEOUT_S, self._reading.left_s())
        answer = super().send(request, *args, **{**more, "stream": True, "timeout": timeout})
        self._reading.answered(answer)
        if answer.status_code in _WORTH_ANOTHER and _wait_s(answer) > self._reading.left_s():
            raise SourceError(
                f"{name}: the service asks us to wait longer than the time limit of the connection allows. "
                "Nothing was planned; try again later."
            )
        return answer

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        answer = _Answer(self._reading)
        vars(answer).update(vars(super().build_response(req, resp)))
        return answer


class _Answer(requests.Response):
    """A page of bounded size, with numbers as the text they were."""

    def __init__(self, reading: Reading) -> None:
        super().__init__()
        self._reading = reading

    def iter_content(self, chunk_size: int | None = 1, decode_unicode: bool = False) -> Iterator[Any]:  # noqa: ARG002
        n_bytes = 0
        for part in super().iter_content(chunk_size):
            n_bytes += len(part)
            if n_bytes > _MOST_BYTES_OF_A_PAGE:
                raise SourceError(
                    f"{self._reading.connection.name}: one page is larger than {_MOST_BYTES_OF_A_PAGE >> 20} MB. "
                    "Ask for smaller pages."
                )
            yield part
        self._reading.left_s()  # where the end of a page is the end of the line, hanging up looks like it

    def json(self, **_: Any) -> Any:
        try:
            return json.loads(self.content, parse_int=str, parse_float=str)
        except (ValueError, RecursionError):
            raise SourceError(
                f"{self._reading.connection.name}: the answer is no JSON. Check the path."
            ) from None


def _pools(reading: Reading) -> dict[str, type[HTTPConnectionPool]]:
    """urllib3's own, but connected by us."""

    class Line(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            reading.connected(self.sock)

        def _new_conn(self) -> socket.socket:
            named = self._dns_host
            addresses = _addresses(reading.connection, named, self.port or 0)
            try:
                for address in addresses[:-1]:
                    self._dns_host = address
                    with contextlib.suppress(urllib3.exceptions.HTTPError):
                        return super()._new_conn()
                self._dns_host = addresses[-1]
                return super()._new_conn()
            finally:
                self._dns_host = named  # whom the certificate must be for

    class SecureLine(Line, HTTPSConnection):
        pass

    class Pool(HTTPConnectionPool):
        ConnectionCls = Line

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureLine

    return {"http": Pool, "https": SecurePool}


def _addresses(connection: Connection, host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise SourceError(
            f"{connection.name}: there is no address for {host}. Check the URL of the connection."
        ) from None
    addresses = [str(one[4][0]) for one in found]
    if not connection.may_be_private and not all(map(is_public, addresses)):
        raise SourceError(
            f"{connection.name}: {host} is at an address that is not public. Nothing was fetched; an admin "
            "may allow it with --private."
        )
    return addresses


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet at large; IPv4 inside IPv6 counts as what it is."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip.sixtofour or ip
    return ip.is_global and not ip.is_multicast


def _host_of(url: str) -> tuple[str, str, int]:
    """As the one reads it who connects: two readers of one URL could see two hosts in it."""
    parsed = parse_url(url)
    scheme = parsed.scheme or ""
    return scheme, (parsed.host or "").rstrip("."), parsed.port or (443 if scheme == "https" else 80)


def _wait_s(answer: requests.Response) -> float:
    """In seconds or as a date, as dlt will take it."""
    try:
        return Retry().parse_retry_after(answer.headers.get("Retry-After", ""))
    except InvalidHeader:
        return 0.0
