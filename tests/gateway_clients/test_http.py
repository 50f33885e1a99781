"""What a failure proves, shown on real sockets: unsent only where no byte of the request can have left."""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
from contextlib import asynccontextmanager, closing

import pytest
import uvloop

from gateway_clients import http as seam
from gateway_clients.errors import BadGatewaySettings, GatewayUnavailable
from gateway_clients.http import Http, Timeouts
from gateway_clients.verdicts import HELD_BACK, Answer, Verdict, unconfirmed, unsent
from messaging.outcomes import ErrorKind, OutcomeStatus
from tests.gateway_clients.misbehaving import OK, misbehaving

QUICK = Timeouts(pool_s=0.2, connect_s=0.2, write_s=0.2, read_s=0.2)
BODY = b'{"reference":"m1"}'


def run(coroutine):
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(asyncio.wait_for(coroutine, 10))


@asynccontextmanager
async def http_to(url, *, concurrency=2, timeouts=QUICK, **more):
    http = Http(url, concurrency=concurrency, timeouts=timeouts, **more)
    try:
        yield http
    finally:
        await http.close()


async def submit(http, body=BODY, *, may_leave=lambda: True):
    return await http.submit("/v1/messages", body, may_leave=may_leave)


async def submit_to(script, body=BODY):
    """One submit to a server that follows the script: what it came to, and the server."""
    async with misbehaving(script) as server, http_to(server.url) as http:
        return await submit(http, body), server


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


# The whole answer


def test_a_whole_answer_comes_back_with_lower_case_headers_after_one_request():
    async def script(peer):
        while await peer.read_request():
            await peer.answer(b"HTTP/1.1 429 Slow Down\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nslow")

    answer, server = run(submit_to(script))
    assert answer == Answer(status=429, headers={"retry-after": "7", "content-length": "4"}, body=b"slow")
    assert len(server.requests) == 1
    assert server.requests[0].startswith(b"POST /v1/messages HTTP/1.1\r\n")
    assert server.requests[0].endswith(b"\r\n\r\n" + BODY)


def test_headers_of_the_account_go_with_every_request():
    async def exchange():
        async def script(peer):
            while await peer.read_request():
                await peer.answer()

        headers = {"authorization": "Bearer k"}
        async with misbehaving(script) as server, http_to(server.url, headers=headers) as http:
            await submit(http)
            await http.get("/v1/receipts", [("cursor", "a b"), ("limit", "1")])
            return server.requests

    post, get = run(exchange())
    assert b"authorization: bearer k\r\n" in post.lower()
    assert b"authorization: bearer k\r\n" in get.lower()
    assert get.startswith(b"GET /v1/receipts?cursor=a+b&limit=1 HTTP/1.1\r\n")


def test_a_redirect_is_an_answer_and_never_followed():
    async def script(peer):
        while await peer.read_request():
            await peer.answer(b"HTTP/1.1 307 Elsewhere\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")

    answer, server = run(submit_to(script))
    assert (answer.status, len(server.requests)) == (307, 1)


def test_connections_are_kept_between_requests():
    async def exchange():
        async def script(peer):
            while await peer.read_request():
                await peer.answer()

        async with misbehaving(script) as server, http_to(server.url) as http:
            for _ in range(3):
                assert isinstance(await submit(http), Answer)
            return server

    server = run(exchange())
    assert (server.n_connections, len(server.requests)) == (1, 3)


# Surely unsent


def test_refused_is_unsent_and_nothing_was_on_the_wire():
    async def exchange():
        async with http_to(f"http://127.0.0.1:{free_port()}") as http:
            return await submit(http)

    assert run(exchange()) == unsent(ErrorKind.CONNECT_FAILED, code="ECONNREFUSED", on_wire=False)


@pytest.mark.skipif(sys.platform != "linux", reason="a full backlog refuses elsewhere")
def test_a_connect_that_takes_too_long_is_unsent():
    async def exchange():
        with closing(socket.socket()) as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            fillers = [socket.socket() for _ in range(4)]
            for filler in fillers:
                filler.setblocking(False)
                assert filler.connect_ex(listener.getsockname()) in {0, errno.EINPROGRESS}
            async with http_to(f"http://127.0.0.1:{listener.getsockname()[1]}") as http:
                verdict = await submit(http)
            for filler in fillers:
                filler.close()
            return verdict

    assert run(exchange()) == unsent(ErrorKind.CONNECT_FAILED, code="ConnectionTimeoutError", on_wire=False)


def test_a_wait_for_a_free_connection_that_takes_too_long_is_unsent():
    async def exchange():
        async def script(peer):
            await peer.read_request()
            await asyncio.sleep(5)

        slow_reader = Timeouts(pool_s=0.1, connect_s=0.1, read_s=5)
        async with (
            misbehaving(script) as server,
            http_to(server.url, concurrency=1, timeouts=slow_reader) as http,
        ):
            first = asyncio.create_task(submit(http))
            await server.has_read(1)
            second = await submit(http)
            first.cancel()
            await asyncio.wait([first])
            return second, server

    verdict, server = run(exchange())
    assert verdict == unsent(ErrorKind.CONNECT_FAILED, code="ConnectionTimeoutError", on_wire=False)
    assert len(server.requests) == 1


async def _silence(peer):
    await peer.reader.read()


async def _no_tls(peer):
    await peer.answer(b"HTTP/1.1 400 This is plain HTTP\r\n\r\n")
    await peer.reader.read()


@pytest.mark.parametrize("script", [_silence, _no_tls])
def test_a_tls_handshake_that_fails_is_unsent(script):
    async def exchange():
        async with (
            misbehaving(script) as server,
            http_to(server.url.replace("http:", "https:")) as http,
        ):
            return await submit(http)

    verdict = run(exchange())
    assert (verdict.status, verdict.error.kind, verdict.on_wire) == (
        OutcomeStatus.UNSENT,
        ErrorKind.CONNECT_FAILED,
        False,
    )


def test_a_proxy_that_refuses_to_connect_is_unsent(monkeypatch):
    async def script(peer):
        while await peer.read_request():
            await peer.answer(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n")

    async def exchange():
        async with misbehaving(script) as server:
            monkeypatch.setenv("https_proxy", server.url)
            monkeypatch.setenv("no_proxy", "")
            async with http_to("https://gateway.invalid") as http:
                return await submit(http), server

    verdict, server = run(exchange())
    assert verdict == unsent(ErrorKind.CONNECT_FAILED, code="ClientHttpProxyError", on_wire=False)
    assert [request.split(b"\r\n")[0] for request in server.requests] == [
        b"CONNECT gateway.invalid:443 HTTP/1.1"
    ]


def test_loopback_goes_through_no_proxy(monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("no_proxy", "")

    async def script(peer):
        while await peer.read_request():
            await peer.answer()

    answer, _ = run(submit_to(script))
    assert isinstance(answer, Answer)


# In doubt


async def _reset_after_accept(peer):
    peer.reset()


async def _read_then_closed(peer):
    await peer.read_request()
    peer.close()


async def _read_then_reset(peer):
    await peer.read_request()
    peer.reset()


async def _read_and_silent(peer):
    await peer.read_request()
    await asyncio.sleep(5)


async def _body_cut_short(peer):
    await peer.read_request()
    await peer.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    peer.close()


async def _head_cut_short(peer):
    await peer.read_request()
    await peer.answer(b"HTTP/1.1 200 OK\r\nContent-Le")
    peer.close()


async def _no_http(peer):
    await peer.read_request()
    await peer.answer(b"\x00\x01 good day\r\n\r\n")
    peer.close()


async def _trickle(peer):
    await peer.read_request()
    await peer.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(50):
        await peer.answer(b" ")
        await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("script", "kind", "n_read"),
    [
        (_reset_after_accept, ErrorKind.LOST_CONNECTION, 0),
        (_read_then_closed, ErrorKind.LOST_CONNECTION, 1),
        (_read_then_reset, ErrorKind.LOST_CONNECTION, 1),
        (_read_and_silent, ErrorKind.TIMEOUT, 1),
        (_body_cut_short, ErrorKind.LOST_CONNECTION, 1),
        (_head_cut_short, ErrorKind.LOST_CONNECTION, 1),
        (_no_http, ErrorKind.BAD_ANSWER, 1),
        (_trickle, ErrorKind.TIMEOUT, 1),
    ],
)
def test_whatever_breaks_once_the_connection_stands_leaves_doubt_and_is_not_repeated(script, kind, n_read):
    verdict, server = run(submit_to(script))
    assert isinstance(verdict, Verdict)
    assert (verdict.status, verdict.error.kind) == (OutcomeStatus.UNCONFIRMED, kind)
    assert len(server.requests) == n_read
    assert server.n_connections == 1


@pytest.mark.parametrize("ending", ["close", "reset"])
def test_a_kept_connection_that_ends_under_the_second_request_leaves_doubt(ending):
    async def exchange():
        async def script(peer):
            await peer.read_request()
            await peer.answer()
            await peer.read_request()
            getattr(peer, ending)()

        async with misbehaving(script) as server, http_to(server.url) as http:
            first, second = await submit(http), await submit(http)
            return first, second, server

    first, second, server = run(exchange())
    assert first.status == 200
    assert (second.status, second.error.kind) == (OutcomeStatus.UNCONFIRMED, ErrorKind.LOST_CONNECTION)
    assert (server.n_connections, len(server.requests)) == (1, 2)


def test_a_kept_connection_that_the_server_closed_in_idleness_costs_nobody_anything():
    async def exchange():
        async def script(peer):
            await peer.read_request()
            await peer.answer()
            peer.close()

        async with misbehaving(script) as server, http_to(server.url) as http:
            first = await submit(http)
            await asyncio.sleep(0.05)
            return first, await submit(http), server

    first, second, server = run(exchange())
    assert (first.status, second.status) == (200, 200)
    assert len(server.requests) == 2


def test_a_peer_that_stops_reading_leaves_doubt_after_the_write_timeout():
    async def stops_reading(peer):
        peer.writer.transport.pause_reading()
        await asyncio.sleep(5)

    async def exchange():
        patient = Timeouts(write_s=0.2, read_s=60)
        async with misbehaving(stops_reading) as server, http_to(server.url, timeouts=patient) as http:
            return await submit(http, b"x" * 64_000_000)

    assert run(exchange()) == unconfirmed(ErrorKind.TIMEOUT, code="SocketTimeoutError")


def test_an_answer_larger_than_any_gateway_gives_leaves_doubt(monkeypatch):
    monkeypatch.setattr(seam, "MAX_ANSWER_BYTES", 1)

    async def script(peer):
        while await peer.read_request():
            await peer.answer()

    verdict, _ = run(submit_to(script))
    assert verdict == unconfirmed(ErrorKind.BAD_ANSWER, code="AnswerTooLarge")


def test_an_unknown_error_is_in_doubt():
    assert seam.judge_error(OSError("never seen")).status == OutcomeStatus.UNCONFIRMED


def test_a_cancelled_request_stays_cancelled_and_the_pool_lives_on():
    async def exchange():
        async def script(peer):
            while request := await peer.read_request():
                if b"slow" in request:
                    await asyncio.sleep(5)
                await peer.answer()

        async with misbehaving(script) as server, http_to(server.url) as http:
            slow = [asyncio.create_task(submit(http, b'"slow"')) for _ in range(2)]
            await server.has_read(2)
            for task in slow:
                task.cancel()
            ended, _ = await asyncio.wait(slow)
            return [task.cancelled() for task in ended], [await submit(http) for _ in range(4)]

    cancelled, answers = run(exchange())
    assert cancelled == [True, True]
    assert [answer.status for answer in answers] == [200] * 4


# Held back


def test_what_may_not_leave_leaves_no_byte_on_a_new_connection():
    async def script(peer):
        await peer.read_request()

    async def exchange():
        async with misbehaving(script) as server, http_to(server.url) as http:
            return await submit(http, may_leave=lambda: False), server

    verdict, server = run(exchange())
    assert verdict == HELD_BACK
    assert (server.n_connections, server.requests, server.stray) == (1, [], b"")


def test_what_may_not_leave_leaves_no_byte_on_a_kept_connection_which_stays_in_use():
    async def exchange():
        async def script(peer):
            while await peer.read_request():
                await peer.answer()

        async with misbehaving(script) as server, http_to(server.url) as http:
            came = [await submit(http, may_leave=lambda may=may: may) for may in (True, False, True)]
        return came, server

    came, server = run(exchange())
    assert [getattr(one, "status", None) for one in came] == [200, OutcomeStatus.UNSENT, 200]
    assert came[1] == HELD_BACK
    assert (server.n_connections, len(server.requests), server.stray) == (1, 2, b"")


def test_it_is_asked_once_when_the_connection_stands_and_before_anything_is_read():
    async def exchange():
        asked = []

        async def script(peer):
            while await peer.read_request():
                await peer.answer()

        async with misbehaving(script) as server, http_to(server.url, concurrency=1) as http:

            def may_leave():
                asked.append((len(http._wire._session.connector._acquired), len(server.requests)))
                return True

            await asyncio.gather(*(submit(http, may_leave=may_leave) for _ in range(3)))
        return asked

    assert run(exchange()) == [(1, 0), (1, 1), (1, 2)]


# Pulls


def test_a_pull_whose_kept_connection_was_lost_is_not_repeated():
    async def exchange():
        async def script(peer):
            await peer.read_request()
            await peer.answer()
            await peer.read_request()
            peer.close()

        async with misbehaving(script) as server, http_to(server.url) as http:
            assert await http.get("/v1/receipts/next") == b"{}"
            with pytest.raises(GatewayUnavailable, match=r"127\.0\.0\.1"):
                await http.get("/v1/receipts/next")
            return server

    assert len(run(exchange()).requests) == 2


def test_a_pull_that_is_refused_names_the_gateway_and_the_cause():
    async def exchange():
        port = free_port()
        async with http_to(f"http://127.0.0.1:{port}") as http:
            with pytest.raises(
                GatewayUnavailable, match=rf"127\.0\.0\.1:{port} gave no answer \(ECONNREFUSED\)"
            ):
                await http.get("/v1/receipts")

    run(exchange())


def test_a_pull_that_is_not_answered_with_200_says_with_what():
    async def exchange():
        async def script(peer):
            await peer.read_request()
            await peer.answer(OK.replace(b"200 OK", b"503 No"))

        async with misbehaving(script) as server, http_to(server.url) as http:
            with pytest.raises(GatewayUnavailable, match="answered 503"):
                await http.get("/v1/receipts")

    run(exchange())


# Addresses


@pytest.mark.parametrize(
    "url",
    [
        "",
        "gateway",
        "ftp://gateway",
        "http://",
        "http://me:secret@gateway",
        "http://gateway?key=secret",
        "http://[::1",
    ],
)
def test_an_address_that_cannot_be_one_is_refused_without_being_repeated(url):
    with pytest.raises(BadGatewaySettings, match=r"^url: ") as error:
        Http(url, concurrency=1)
    assert "secret" not in str(error.value)
