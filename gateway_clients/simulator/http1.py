"""A small HTTP/1.1 server side: requests of one connection one after the other, answered from memory.

Own, because a carrier's faults are made of bytes (half an answer, a reset before the body is read) and because it
needs a third less CPU per request than aiohttp.web, which the sender under test has to share (docs/simulator.md).
It reads what clients send: Content-Length bodies, keep-alive, pipelining, Expect: 100-continue. Chunked bodies are
refused with 411.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import cast

MAX_HEAD_BYTES = 16_384
MAX_BODY_BYTES = 16 * 1024 * 1024

_HEAD_END = b"\r\n\r\n"


class Ending(Enum):
    """How an answer ends."""

    WHOLE = "the answer is sent and the connection kept"
    HALF = "half of the body is sent, then the connection is closed"
    NONE = "nothing is sent and the connection is reset"


@dataclass(frozen=True, slots=True)
class Head:
    """A request without its body. Header names are lower case; path and query are as they came."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    n_body_bytes: int

    @property
    def is_last(self) -> bool:
        return self.headers.get("connection", "").lower() == "close"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What the application wants to be answered, after delay_s."""

    body: bytes = b"{}"
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    ending: Ending = Ending.WHOLE


DROPPED = Response(ending=Ending.NONE)


class MalformedRequest(Exception):
    """A request that is not HTTP as this server reads it; the connection ends with `status`."""

    def __init__(self, status: int) -> None:
        super().__init__(HTTPStatus(status).phrase)
        self.status = status


class Connection(asyncio.Protocol):
    """One connection. `may_read` is asked at each head (False: reset); `respond` gets head and body."""

    def __init__(
        self,
        may_read: Callable[[Head], bool],
        respond: Callable[[Head, bytes], Response],
        open_connections: set[Connection],
    ) -> None:
        self._may_read = may_read
        self._respond = respond
        self._open = open_connections
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._received = bytearray()
        self._head: Head | None = None
        self._answering: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's does not inherit from it
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio names it
        self._open.discard(self)
        if self._answering is not None:
            self._answering.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._read_on()

    def abort(self) -> None:
        """End the connection at once."""
        self._transport.abort()

    def _read_on(self) -> None:
        """Answer every whole request that has come, until one has to wait."""
        try:
            while self._answering is None and not self._transport.is_closing():
                if self._head is None and not self._read_head():
                    return
                assert self._head is not None
                if len(self._received) < self._head.n_body_bytes:
                    return
                self._answer(self._head)
        except MalformedRequest as error:
            self._write(Response(status=error.status, body=b""), is_last=True)

    def _read_head(self) -> bool:
        end = self._received.find(_HEAD_END)
        if end < 0:
            if len(self._received) > MAX_HEAD_BYTES:
                raise MalformedRequest(431)
            return False
        head = parse_head(bytes(self._received[:end]))
        del self._received[: end + len(_HEAD_END)]
        if not self._may_read(head):
            self.abort()
            return False
        if "expect" in head.headers:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._head = head
        return True

    def _answer(self, head: Head) -> None:
        body = bytes(self._received[: head.n_body_bytes])
        del self._received[: head.n_body_bytes]
        self._head = None
        response = self._respond(head, body)
        if response.delay_s > 0:
            self._answering = self._loop.call_later(
                response.delay_s, self._answer_late, response, head.is_last
            )
        else:
            self._write(response, is_last=head.is_last)

    def _answer_late(self, response: Response, is_last: bool) -> None:
        self._answering = None
        self._write(response, is_last=is_last)
        self._read_on()

    def _write(self, response: Response, *, is_last: bool) -> None:
        if response.ending is Ending.NONE:
            self.abort()
            return
        head = _head_of(response, is_last=is_last)
        if response.ending is Ending.HALF:
            self._transport.write(head + response.body[: len(response.body) // 2])
            self._transport.close()
            return
        self._transport.write(head + response.body)
        if is_last:
            self._transport.close()


def parse_head(raw: bytes) -> Head:
    """The head of a request, without the empty line that ends it. Raises MalformedRequest."""
    request_line, *lines = raw.decode("latin-1").split("\r\n")
    try:
        method, target, version = request_line.split(" ")
    except ValueError:
        raise MalformedRequest(400) from None
    if not version.startswith("HTTP/1."):
        raise MalformedRequest(505)
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise MalformedRequest(400)
        headers[name.lower()] = value.strip()
    path, _, query = target.partition("?")
    return Head(method, path, query, headers, _n_body_bytes(headers))


def _n_body_bytes(headers: Mapping[str, str]) -> int:
    if "transfer-encoding" in headers:
        raise MalformedRequest(411)
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise MalformedRequest(400)
    if int(length) > MAX_BODY_BYTES:
        raise MalformedRequest(413)
    return int(length)


_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}


def _head_of(response: Response, *, is_last: bool) -> bytes:
    lines = [
        _STATUS_LINES[response.status],
        f"content-type: {response.content_type}\r\ncontent-length: {len(response.body)}\r\n",
        *(f"{name}: {value}\r\n" for name, value in response.headers.items()),
        "connection: close\r\n\r\n" if is_last else "\r\n",
    ]
    return "".join(lines).encode("latin-1")
