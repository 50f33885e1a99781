"""A server on 127.0.0.1 that breaks off wherever a test wants, and knows exactly what it read."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


@dataclass
class Peer:
    """One connection as the script of a test sees it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    server: Misbehaving

    async def read_request(self) -> bytes:
        """One whole request, counted; empty when the client went away."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            self.server.stray += error.partial
            return b""
        length = next(
            (int(line[16:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length: ")),
            0,
        )
        self.server.requests.append(head + await self.reader.readexactly(length))
        async with self.server.came:
            self.server.came.notify_all()
        return self.server.requests[-1]

    async def answer(self, raw: bytes = OK) -> None:
        self.writer.write(raw)
        await self.writer.drain()

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """RST instead of FIN."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


@dataclass
class Misbehaving:
    url: str = ""
    n_connections: int = 0
    requests: list[bytes] = field(default_factory=list)  # read whole
    stray: bytes = b""  # bytes of requests that did not come whole
    came: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def has_read(self, n_requests: int) -> None:
        async with self.came:
            await self.came.wait_for(lambda: len(self.requests) >= n_requests)


@asynccontextmanager
async def misbehaving(script: Script) -> AsyncIterator[Misbehaving]:
    """Runs `script` for every connection."""
    misbehaves = Misbehaving()
    scripts: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        misbehaves.n_connections += 1
        task = asyncio.current_task()
        assert task is not None
        scripts.add(task)
        try:
            await script(Peer(reader, writer, misbehaves))
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client had enough, or the test is over
        finally:
            scripts.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    misbehaves.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield misbehaves
    finally:
        server.close()
        for task in tuple(scripts):
            task.cancel()
        if scripts:
            await asyncio.wait(tuple(scripts))
        await asyncio.sleep(0)
