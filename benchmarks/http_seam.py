"""What the transport seam costs per message: one POST each to a simulator, one process, no ledger.

    .venv/bin/python benchmarks/http_seam.py [--concurrency 50] [--seconds 3]

Three ways to the same simulator: aiohttp bare, gateway_clients.http.Http, and httpx over httpx-aiohttp. Rounds are
interleaved; the medians count. The last line is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import httpx
import orjson
import uvloop
from httpx_aiohttp import AiohttpTransport

from gateway_clients.http import Http
from gateway_clients.verdicts import Answer

CHECKOUT = Path(__file__).resolve().parent.parent
Post = Callable[[bytes], Awaitable[bytes]]
HEADERS = {"content-type": "application/json"}


@asynccontextmanager
async def bare_aiohttp(url: str, concurrency: int) -> AsyncIterator[Post]:
    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def post(body: bytes) -> bytes:
            async with session.post(f"{url}/v1/messages", data=body, headers=HEADERS) as response:
                return await response.read()

        yield post


@asynccontextmanager
async def our_seam(url: str, concurrency: int) -> AsyncIterator[Post]:
    http = Http(url, concurrency=concurrency)

    async def post(body: bytes) -> bytes:
        answer = await http.submit("/v1/messages", body, may_leave=lambda: True)
        assert isinstance(answer, Answer)
        return answer.body

    yield post
    await http.close()


@asynccontextmanager
async def httpx_over_aiohttp(url: str, concurrency: int) -> AsyncIterator[Post]:
    limits = httpx.Limits(max_connections=concurrency)
    async with httpx.AsyncClient(transport=AiohttpTransport(limits=limits), trust_env=False) as client:

        async def post(body: bytes) -> bytes:
            return (await client.post(f"{url}/v1/messages", content=body, headers=HEADERS)).content

        yield post


WAYS = {"aiohttp": bare_aiohttp, "Http": our_seam, "httpx-aiohttp": httpx_over_aiohttp}


async def send_for(url: str, way: str, *, concurrency: int, seconds: float, numbers: itertools.count) -> dict:
    n_accepted = 0
    async with WAYS[way](url, concurrency) as post:
        ends_at = time.monotonic() + seconds

        async def lane() -> None:
            nonlocal n_accepted
            while time.monotonic() < ends_at:
                number = next(numbers)
                message = {
                    "to": f"+4670{number:08d}1",
                    "text": "Hello Ann, your order is on its way.",
                    "from": "TIDINGS",
                }
                answer = orjson.loads(await post(orjson.dumps({**message, "reference": f"{number:020d}"})))
                n_accepted += answer["status"] == "accepted"

        started, cpu = time.monotonic(), time.process_time()
        async with asyncio.TaskGroup() as lanes:
            for _ in range(concurrency):
                lanes.create_task(lane())
        took_s, cpu = time.monotonic() - started, time.process_time() - cpu
    return {"messages_per_s": n_accepted / took_s, "cpu_ms_per_1k": cpu * 1e6 / n_accepted}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--concurrency", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    command = [sys.executable, "-m", "gateway_clients.simulator.server", "--port", "0", "--plain"]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url, numbers = server.stdout.readline().strip(), itertools.count()
        rounds: dict[str, list[dict]] = {way: [] for way in WAYS}
        for _, way in itertools.product(range(chosen.rounds), WAYS):
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                seconds, concurrency = chosen.seconds, chosen.concurrency
                rounds[way].append(
                    runner.run(send_for(url, way, concurrency=concurrency, seconds=seconds, numbers=numbers))
                )
        server.terminate()
    medians = {
        way: {name: round(statistics.median(result[name] for result in results)) for name in results[0]}
        for way, results in rounds.items()
    }
    for way, result in medians.items():
        print(
            f"{way:14} {result['messages_per_s']:7,} messages/s {result['cpu_ms_per_1k']:5} ms CPU per 1,000"
        )
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        json.dumps(
            {**medians, "concurrency": chosen.concurrency, "peak_mb": peak_mb, "load": os.getloadavg()[0]}
        )
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
