"""The simulator's process and its HTTP, byte by byte where a client library would hide them."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.error
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import pytest

from gateway_clients.simulator.server import SimulatorError, serve

CHECKOUT = Path(__file__).resolve().parents[3]


def message(number=1, **changes):
    return {
        "to": f"+46701{number:06d}",
        "text": "Hello",
        "from": "SHOP",
        "reference": f"r{number}",
        **changes,
    }


def request(path, content, *, extra=b""):
    body = orjson.dumps(content)
    head = f"POST {path} HTTP/1.1\r\nHost: sim\r\nContent-Length: {len(body)}\r\n".encode()
    return head + extra + b"\r\n" + body


def exchange(simulator, *pieces, until_closed=False):
    """Everything the server says to these pieces, each sent by itself. until_closed: the server ends first."""
    address = urlsplit(simulator.url)
    with closing(socket.create_connection((address.hostname, address.port), timeout=5)) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            line.sendall(piece)
        if not until_closed:
            line.shutdown(socket.SHUT_WR)
        said = b""
        while piece := line.recv(65_536):
            said += piece
        return said


def bodies(said):
    """The JSON of every answer."""
    return [orjson.loads(rest.split(b"HTTP/1.1")[0]) for rest in said.split(b"\r\n\r\n")[1:]]


# The process


def started(*arguments):
    command = [sys.executable, "-m", "gateway_clients.simulator.server", *arguments]
    return subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_one_line_and_ends_by_itself_when_told_even_with_open_connections(number):
    with started("--port", "0") as process:
        url = urlsplit(process.stdout.readline().strip())
        assert (url.scheme, url.hostname) == ("http", "127.0.0.1")
        with closing(socket.create_connection((url.hostname, url.port))) as line:
            line.sendall(b"POST /v1/messages HTTP/1.1\r\n")
            process.send_signal(number)
            rest, errors = process.communicate(timeout=10)
        assert (process.returncode, rest, errors) == (0, "", "")


def test_a_taken_port_is_one_sentence_and_exit_code_2(simulator):
    port = urlsplit(simulator.url).port
    with started("--port", str(port)) as process:
        rest, errors = process.communicate(timeout=10)
    assert (process.returncode, rest) == (2, "")
    assert errors.startswith(f"simulator: port {port} is taken: ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "gateway.example"])
def test_it_listens_on_no_other_address_unless_told(host):
    with pytest.raises(SimulatorError, match="has no log-in"):
        serve(host, 0)


# Its HTTP


def test_requests_in_one_piece_are_answered_one_after_the_other(simulator):
    said = exchange(simulator, request("/v1/messages", message(1)) + request("/v1/messages", message(2)))
    assert [answer["reference"] for answer in bodies(said)] == ["r1", "r2"]


def test_answers_keep_their_order_when_the_first_one_is_slow(simulator):
    simulator.set(latency_ms=50)
    two = request("/v1/messages", message(1)) + b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n"
    said = exchange(simulator, two, until_closed=True)
    assert [sorted(answer) for answer in bodies(said)] == [["error", "id", "reference", "status"], ["ok"]]


def test_a_request_may_come_byte_by_byte(simulator):
    raw = request("/v1/messages", message(1), extra=b"Connection: close\r\n")
    said = exchange(simulator, *(raw[at : at + 1] for at in range(len(raw))), until_closed=True)
    assert bodies(said)[0]["status"] == "accepted"
    assert simulator.references() == ["r1"]


def test_a_client_that_waits_for_leave_to_go_on_gets_it(simulator):
    extra = b"Expect: 100-continue\r\nConnection: close\r\n"
    said = exchange(simulator, request("/v1/messages", message(1), extra=extra), until_closed=True)
    assert said.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"good day\r\n\r\n", b"400"),
        (b"GET / HTTP/2.0\r\n\r\n", b"505"),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
        (b"POST /v1/messages HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"411"),
        (b"POST /v1/messages HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST /v1/messages HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", b"413"),
        (b"GET /" + b"x" * 20_000, b"431"),
    ],
)
def test_what_is_no_request_ends_the_connection_with_a_status(simulator, raw, status):
    said = exchange(simulator, raw, until_closed=True)
    assert said.split(b" ")[1] == status
    assert b"connection: close" in said


# Its API


@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        ("/v1/messages", [], "not a JSON object"),
        ("/v1/messages/bulk", {}, "a list of 1 to 10000 messages"),
        ("/v1/messages/bulk", {"messages": []}, "a list of 1 to 10000 messages"),
        ("/control/settings", {"latency": 5}, "latency: Extra inputs are not permitted"),
        ("/control/settings", {"latency_ms": -5}, "latency_ms: "),
        ("/control/settings", {"faults": {"fire": {}}}, "faults"),
        ("/control/settings", {"waiting_share": 0.9, "expired_share": 0.2}, "together are more than 1"),
        ("/control/replies", {"from": "+46701"}, "a reply is"),
        ("/control/reset", {"seed": "x"}, "seed: a whole number"),
    ],
)
def test_a_request_that_cannot_be_understood_says_why(simulator, path, content, words):
    with pytest.raises(urllib.error.HTTPError) as error:
        simulator.post(path, content)
    with error.value as answer:
        assert answer.code == 400
        assert words in orjson.loads(answer.read())["error"]["text"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nowhere", 404),
        ("/control/reset", 405),
        ("/v1/messages", 400),
        ("/v1/receipts?limit=0", 400),
        ("/v1/receipts?cursor=x", 400),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(simulator, path, status):
    with pytest.raises(urllib.error.HTTPError) as error:
        simulator.get(path)
    error.value.close()
    assert error.value.code == status


def test_settings_change_field_by_field_and_a_reset_brings_back_those_of_the_start(simulator):
    at_start = simulator.get("/control/settings")
    simulator.set(latency_ms=1)
    simulator.set(dedupe=True)
    assert simulator.get("/control/settings") == {**at_start, "latency_ms": 1, "dedupe": True}
    simulator.reset()
    assert simulator.get("/control/settings") == at_start


def test_the_ledger_counts_and_the_arrivals_say_when_and_what_was_answered(simulator):
    simulator.post("/v1/messages/bulk", {"messages": [message(1), message(2), message(3, to="junk")]})
    simulator.post("/v1/messages", message(1))
    simulator.set(throttle_per_s=1)
    simulator.post("/v1/messages", message(4, to="+46701239990"))
    with pytest.raises(urllib.error.HTTPError) as error:
        simulator.post("/v1/messages", message(5))
    with error.value as refused:
        assert 0 < float(refused.headers["retry-after"]) <= 1
    assert simulator.ledger() == {
        "messages": 3,
        "distinct_references": 2,
        "duplicates_by_reference": 1,
        "duplicates_by_number": 1,
        "deduplicated": 0,
        "rejected": {"invalid_number": 1, "blocked": 1},
        "receipts": 3,
        "replies": 0,
        "requests": 4,
        "throttled": 1,
        "throttled_requests": 1,
        "faults": {},
    }
    arrivals = simulator.get("/ledger/arrivals")["arrivals"]
    assert [(n, status) for _, n, status in arrivals] == [(3, 200), (1, 200), (1, 200), (1, 429)]
    assert [at for at, *_ in arrivals] == sorted(at for at, *_ in arrivals)


def test_replies_are_listed_apart_too(simulator):
    simulator.reply("+46701000001", "STOP", to="SHOP")
    first = simulator.get("/v1/replies")
    assert [(reply["from"], reply["to"], reply["text"]) for reply in first["replies"]] == [
        ("+46701000001", "SHOP", "STOP")
    ]
    assert simulator.get(f"/v1/replies?cursor={first['cursor']}")["replies"] == []
