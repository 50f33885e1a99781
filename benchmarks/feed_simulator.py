"""How many messages a second the simulator takes from a feeder that is not Tidings.

    .venv/bin/python benchmarks/feed_simulator.py [--url URL] [--seconds 5] [--connections 32]

Starts a simulator of its own (--plain) unless --url names one. The feeder is asyncio protocols that write requests
made beforehand and only look for the end of each answer; afterwards the simulator's own ledger is compared with what
the feeder counted. The last line is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import cast

import orjson
import uvloop

CHECKOUT = Path(__file__).resolve().parent.parent
BARS = {"single": 6_000, "bulk": 60_000}
BULK = 500


class Feeder(asyncio.Protocol):
    """One connection with one request under way at a time, until the deadline."""

    def __init__(self, next_request: Callable[[], bytes], deadline: float, done: asyncio.Semaphore) -> None:
        self.next_request, self.deadline, self.done = next_request, deadline, done
        self.received = bytearray()
        self.n_answers = self.n_other = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self.received += data
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return
        start = self.received.index(b"content-length: ") + 16
        length = int(self.received[start : self.received.index(b"\r\n", start)])
        if len(self.received) < end + 4 + length:
            return
        self.n_answers += 1
        self.n_other += not self.received.startswith(b"HTTP/1.1 200")
        self.received.clear()
        self._ask()

    def _ask(self) -> None:
        if time.monotonic() < self.deadline:
            self.transport.write(self.next_request())
        else:
            self.transport.close()
            self.done.release()


def request_maker(host: str, n_messages: int) -> Callable[[], bytes]:
    """Requests with fresh references; only reference and number differ, so making one is a join."""
    counter = 0
    path = "/v1/messages" if n_messages == 1 else "/v1/messages/bulk"

    def message(number: int) -> bytes:
        return (
            b'{"to":"+4670%08d","text":"Hello Ann, your order is on its way. Reply STOP to end.",'
            b'"from":"TIDINGS","reference":"%020d","validity_s":86400}' % (number % 90_000_000, number)
        )

    def make() -> bytes:
        nonlocal counter
        body = b",".join([message(number) for number in range(counter, counter + n_messages)])
        counter += n_messages
        if n_messages > 1:
            body = b'{"messages":[' + body + b"]}"
        head = f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        return head.encode() + body

    return make


async def feed(host: str, port: int, *, n_messages: int, n_connections: int, seconds: float) -> dict:
    loop = asyncio.get_running_loop()
    make, done = request_maker(f"{host}:{port}", n_messages), asyncio.Semaphore(0)
    started = time.monotonic()
    feeders = []
    for _ in range(n_connections):
        _, feeder = await loop.create_connection(lambda: Feeder(make, started + seconds, done), host, port)
        feeders.append(feeder)
    for _ in feeders:
        await done.acquire()
    took_s = time.monotonic() - started
    n_answers = sum(feeder.n_answers for feeder in feeders)
    return {
        "messages": n_answers * n_messages,
        "not_200": sum(feeder.n_other for feeder in feeders),
        "messages_per_s": round(n_answers * n_messages / took_s),
    }


def measure(url: str, *, seconds: float, n_connections: int) -> dict:
    host, port = url.removeprefix("http://").split(":")
    results: dict[str, dict] = {}
    for name, n_messages, connections in (
        ("single", 1, n_connections),
        ("bulk", BULK, min(8, n_connections)),
    ):
        ask(f"{url}/control/reset", b"{}")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            result = runner.run(
                feed(host, int(port), n_messages=n_messages, n_connections=connections, seconds=seconds)
            )
        ledger = ask(f"{url}/ledger")
        n_known = ledger["messages"] + sum(
            ledger["rejected"].values()
        )  # the magic suffix 9990 is among the numbers
        result["ledger_agrees"] = n_known == result["messages"] and ledger["duplicates_by_reference"] == 0
        result["passed"] = result["messages_per_s"] >= BARS[name] and result["ledger_agrees"]
        results[name] = result
    return results


def ask(url: str, body: bytes | None = None) -> dict:
    with urllib.request.urlopen(url, data=body, timeout=60) as answer:  # noqa: S310 - our own address
        return orjson.loads(answer.read())


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, default=32)
    chosen = parser.parse_args()
    server = None
    if chosen.url is None:
        command = [sys.executable, "-m", "gateway_clients.simulator.server", "--port", "0", "--plain"]
        server = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    try:
        url = chosen.url or server.stdout.readline().strip()
        results = measure(url, seconds=chosen.seconds, n_connections=chosen.connections)
    finally:
        if server is not None:
            server.terminate()
            server.wait(10)
    load = round(os.getloadavg()[0], 1)
    for name, result in results.items():
        print(
            f"{name}: {result['messages_per_s']:,} messages/s (bar {BARS[name]:,}), ledger agrees: {result['ledger_agrees']}"
        )
    print(json.dumps({**results, "cores": os.cpu_count(), "load": load}))
    return 0 if all(result["passed"] for result in results.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
