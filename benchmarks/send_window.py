"""How long it is from the look at the clock to the first byte: the window in which a stopped process still sends late.

    .venv/bin/python -m benchmarks.send_window [--messages 4000]

One POST per message to a simulator, the sender's own client, uvloop, concurrency 50. From the answer of `may_leave` to the
moment in which aiohttp hands the head of the request to the transport, which writes it to the socket in the same call.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from contextvars import ContextVar
from typing import Any

import aiohttp.http_writer
import uvloop

from benchmarks.ledger import CONCURRENCY, plain_simulator
from gateway_clients.registry import make_client
from messaging.outcomes import OutgoingMessage

looked_at: ContextVar[list[float]] = ContextVar("looked_at")


def watch_writes(windows: list[float]) -> None:
    """Note when the first write of each request reaches the transport."""
    write_headers, send_headers = (
        getattr(aiohttp.http_writer.StreamWriter, name) for name in ("_write", "_writelines")
    )

    def note() -> None:
        looks = looked_at.get([])
        if looks:
            windows.append(time.perf_counter() - looks.pop())

    def _write(self: Any, chunk: Any) -> None:
        note()
        write_headers(self, chunk)

    def _writelines(self: Any, chunks: Any) -> None:
        note()
        send_headers(self, chunks)

    for watched in (_write, _writelines):
        setattr(aiohttp.http_writer.StreamWriter, watched.__name__, watched)


async def post_all(url: str, n: int) -> None:
    client = make_client("simulator", {"url": url, "bulk_size": 1}, {}, concurrency=CONCURRENCY)
    left = iter(range(n))

    async def lane() -> None:
        for i in left:
            looks: list[float] = []
            looked_at.set(looks)

            def may_leave(looks: list[float] = looks) -> bool:
                looks.append(time.perf_counter())
                return True

            message = OutgoingMessage(reference=f"window-{i}", msisdn="+447700900123", text="hi")
            await client.submit([message], request_key="", may_leave=may_leave)

    async with asyncio.TaskGroup() as lanes:
        for _ in range(CONCURRENCY):
            lanes.create_task(lane())
    await client.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=4_000)
    n, windows = parser.parse_args().messages, []  # type: tuple[int, list[float]]
    watch_writes(windows)
    with plain_simulator() as url, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        load = os.getloadavg()[0]
        runner.run(post_all(url, n))
    windows.sort()
    shown = {
        f"{share:.2%}": windows[min(len(windows) - 1, int(share * len(windows)))]
        for share in (0.5, 0.99, 0.999)
    }
    print(f"{len(windows)} of {n} requests seen; load {load:.1f}")
    for name, window in {**shown, "longest": windows[-1]}.items():
        print(f"{name:>8} {window * 1e3:8.3f} ms")


if __name__ == "__main__":
    main()
