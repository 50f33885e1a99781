"""The one seam between the HTTP clients and the network: one attempt per request, and what its failure proves.

The wire is aiohttp itself: httpx over its aiohttp transport costs twice the CPU per message and gives every failure
the name of another (docs/adr/0005-below-the-seam.md). Tests put another `Wire` in its place.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from gateway_clients.errors import BadGatewaySettings, GatewayUnavailable
from gateway_clients.verdicts import HELD_BACK, Answer, Verdict, unconfirmed, unsent
from messaging.outcomes import ErrorKind

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.connector import Connection

    from gateway_clients.base import MayLeave

MAX_ANSWER_BYTES = 32 * 1024 * 1024
KEEP_ALIVE_S = 4.0  # below the 5 s of most servers: a connection that they close under a request is doubt
BUFFERED_BYTES = 64 * 1024  # a body up to this size is handed to the kernel at once and cannot stall

# Raised before a connection stood (to the gateway, or through a proxy to it): no byte of the request can have left.
# Parents of these classes are raised after it too, so they prove nothing. Source: measured, tests/…/test_http.py.
NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """In seconds, each from its own beginning; read_s is the longest silence, not the length of an answer."""

    pool_s: float = 30.0  # waiting for a free connection
    connect_s: float = 5.0  # TCP and TLS
    write_s: float = 15.0
    read_s: float = 20.0

    @property
    def total_s(self) -> float:
        """An answer that trickles for ever ends here."""
        return self.pool_s + self.connect_s + self.write_s + 2 * self.read_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one attempt puts on the wire. url is absolute, its query escaped."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""


class Wire(Protocol):
    """Puts a request on the network exactly once."""

    async def exchange(self, request: Request, may_leave: MayLeave) -> Answer:
        """The whole answer. Raises HeldBack when may_leave() says no, else what the library raises."""
        ...

    async def close(self) -> None: ...


class HeldBack(Exception):
    """We kept the request back on a connection that stood; no byte of it left."""


class AnswerTooLarge(Exception):
    """More than MAX_ANSWER_BYTES."""


class Http:
    """One gateway's address with its connections; lives on the event loop that first asks it something."""

    def __init__(
        self,
        base_url: str,
        *,
        concurrency: int,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
        wire: Wire | None = None,
    ) -> None:
        """concurrency: most connections at a time. headers: sent with every request, credentials included.

        Raises BadGatewaySettings when base_url is not an http or https address, without repeating it.
        """
        self._base_url = _checked(base_url)
        self._headers = {"user-agent": "tidings", **(headers or {})}
        self._post_headers = {**self._headers, "content-type": "application/json"}
        self._wire = wire or AiohttpWire(
            concurrency=concurrency, timeouts=timeouts or Timeouts(), proxy=_proxy_for(self._base_url)
        )

    async def submit(self, path: str, body: bytes, *, may_leave: MayLeave) -> Answer | Verdict:
        """POST JSON once. An answer of any status, or the verdict that its failure proves; raises nothing for I/O."""
        request = Request(method="POST", url=self._base_url + path, headers=self._post_headers, body=body)
        try:
            return await self._wire.exchange(request, may_leave)
        except HeldBack:
            return HELD_BACK
        except (aiohttp.ClientError, OSError, AnswerTooLarge) as error:
            return judge_error(error)

    async def get(self, path: str, query: Sequence[tuple[str, str]] = ()) -> bytes:
        """The body of a 200. Raises GatewayUnavailable for any other answer and for none."""
        url = self._base_url + path + ("?" + urlencode(query) if query else "")
        request = Request(method="GET", url=url, headers=self._headers)
        try:
            answer = await self._wire.exchange(request, _always)
        except (aiohttp.ClientError, OSError, AnswerTooLarge) as error:
            raise GatewayUnavailable(
                f"the gateway at {self.host} gave no answer ({_code_of(error)}); is it running, and is its URL right?"
            ) from None
        if answer.status != 200:
            raise GatewayUnavailable(
                f"the gateway at {self.host} answered {answer.status} instead of what was asked."
            )
        return answer.body

    @property
    def host(self) -> str:
        """Host and port, for people."""
        return URL(self._base_url).authority

    async def close(self) -> None:
        await self._wire.close()


def judge_error(error: BaseException) -> Verdict:
    """What the failure of one request proves for all of its messages. Unsent only where it is sure."""
    code = _code_of(error)
    if isinstance(error, NOT_SENT):
        return unsent(ErrorKind.CONNECT_FAILED, code=code, on_wire=False)
    if isinstance(error, TimeoutError):
        return unconfirmed(ErrorKind.TIMEOUT, code=code)
    if isinstance(error, (aiohttp.ClientResponseError, AnswerTooLarge)):
        return unconfirmed(ErrorKind.BAD_ANSWER, code=code)
    return unconfirmed(ErrorKind.LOST_CONNECTION, code=code)


class AiohttpWire:
    """aiohttp with everything off that would make a second request of one: redirects, retries, cookies."""

    def __init__(self, *, concurrency: int, timeouts: Timeouts, proxy: str | None) -> None:
        self._concurrency = concurrency
        self._timeouts = timeouts
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None

    async def exchange(self, request: Request, may_leave: MayLeave) -> Answer:
        token = _departure.set(_Departure(may_leave, self._timeouts.write_s))
        try:
            async with self._opened().request(
                request.method,
                _as_url(request.url),
                headers=request.headers,
                data=_payload(request.body),
                allow_redirects=False,
                proxy=self._proxy,
                middlewares=() if request.method == "POST" else (_no_second_try,),
            ) as response:
                body = await _read_whole(response)
        finally:
            _departure.reset(token)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(status=response.status, headers=headers, body=body)

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()
            await asyncio.sleep(0)  # the transports hear of it in the loop's next turn

    def _opened(self) -> aiohttp.ClientSession:
        """Made late, because it belongs to the loop that runs."""
        if self._session is None:
            times = self._timeouts
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._concurrency, keepalive_timeout=KEEP_ALIVE_S),
                timeout=aiohttp.ClientTimeout(
                    total=times.total_s,
                    connect=times.pool_s + times.connect_s,
                    sock_connect=times.connect_s,
                    sock_read=times.read_s,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                request_class=_Request,
                trust_env=False,  # the proxy is known already, and netrc is read on every request
            )
        return self._session


@dataclass(frozen=True, slots=True)
class _Departure:
    may_leave: MayLeave
    write_s: float


_departure: ContextVar[_Departure] = ContextVar("departure of the request that this task makes")


class _Request(aiohttp.ClientRequest):
    """Asks whether it may leave when its connection stands and nothing is written yet, and does not write for ever.

    `send` is the narrowest such place: tracing signals come earlier, and raising in one leaks the connection.
    """

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        if not _departure.get().may_leave():
            conn.release()  # unused, so the next request may have it
            raise HeldBack
        return await super().send(conn)

    async def write_bytes(
        self, writer: AbstractStreamWriter, conn: Connection, content_length: int | None = None
    ) -> None:
        """A peer that stops reading would be waited for without end: the read time-out begins after the last byte."""
        if content_length is None or content_length <= BUFFERED_BYTES:
            await super().write_bytes(writer, conn, content_length)
            return
        protocol = conn.protocol
        try:
            async with asyncio.timeout(_departure.get().write_s):
                await super().write_bytes(writer, conn, content_length)
        except TimeoutError as error:
            if protocol is not None:
                protocol.set_exception(aiohttp.SocketTimeoutError("the gateway stopped reading"), error)


async def _no_second_try(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Else a GET whose kept connection was lost is repeated, and a pull that is consumed once is asked twice."""
    try:
        return await handler(request)
    except NOT_SENT:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(_code_of(error)) from error


@lru_cache(maxsize=64)
def _as_url(url: str) -> URL:
    """Submits ask the same one again and again."""
    return URL(url, encoded=True)


async def _read_whole(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise AnswerTooLarge
    return bytes(body)


def _payload(body: bytes) -> bytes | BytesIO | None:
    """A large body goes out in pieces, so that the loop has time for others in between."""
    return BytesIO(body) if len(body) > BUFFERED_BYTES else body or None


def _always() -> bool:
    return True


def _code_of(error: BaseException) -> str:
    """The system's name of the cause where there is one (ECONNREFUSED), else the class; never the error's words."""
    number = getattr(error, "errno", None) or getattr(error.__cause__, "errno", None)
    return errno.errorcode.get(number or 0, type(error).__name__)


def _checked(base_url: str) -> str:
    try:
        url = URL(base_url)
        usable = (
            url.scheme in {"http", "https"}
            and url.host
            and not (url.query_string or url.fragment or url.user)
        )
    except ValueError:
        usable = False
    if not usable:
        raise BadGatewaySettings(
            "url: not a web address like https://host/path (no user, query or fragment); correct the gateway account."
        )
    return base_url.rstrip("/")


def _proxy_for(base_url: str) -> str | None:
    """The proxy that the environment names for this address; never one for loopback."""
    url = URL(base_url)
    host = url.host or ""
    if _is_loopback(host) or proxy_bypass(host):
        return None
    return getproxies().get(url.scheme)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
