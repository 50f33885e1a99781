"""What every gateway client must keep, whatever its provider. A client's tests subclass `ClientContract`.

    class TestMyClient(ClientContract):
        def make(self, wire): ...
        def accepting(self, messages): ...

No network: a `Wire` over `httpx.MockTransport` gives recorded answers and counts requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import aiohttp
import httpx
import pytest

from gateway_clients.base import GatewayClient, MayLeave
from gateway_clients.errors import UnreadablePage
from gateway_clients.http import HeldBack, Request, Wire
from gateway_clients.verdicts import Answer
from messaging.outcomes import ErrorKind, Outcome, OutcomeStatus, OutgoingMessage

SECRET = "the key of the account"
TEXT = "Hello Ann, this is personal"
UNSENT, UNCONFIRMED = OutcomeStatus.UNSENT, OutcomeStatus.UNCONFIRMED


@dataclass
class RecordedWire(Wire):
    """Answers as `handler` says: an httpx.Response, or an exception to raise once the request has left."""

    handler: Callable[[httpx.Request], httpx.Response | BaseException]
    requests: list[httpx.Request] = field(default_factory=list)
    is_closed: bool = False

    async def exchange(self, request: Request, may_leave: MayLeave) -> Answer:
        if not may_leave():
            raise HeldBack
        sent = httpx.Request(request.method, request.url, headers=dict(request.headers), content=request.body)
        self.requests.append(sent)
        reply = self.handler(sent)
        if isinstance(reply, BaseException):
            raise reply
        response = await httpx.MockTransport(lambda _: reply).handle_async_request(sent)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(status=response.status_code, headers=headers, body=await response.aread())

    async def close(self) -> None:
        self.is_closed = True


def always(reply: httpx.Response | BaseException) -> RecordedWire:
    """A wire that knows one reply."""
    return RecordedWire(lambda _: reply)


def make_messages(n: int) -> list[OutgoingMessage]:
    return [
        OutgoingMessage(
            reference=f"ref{number:017d}",
            msisdn=f"+46701{number:06d}",
            text=TEXT,
            sender_id="TIDINGS",
            validity_s=86_400,
        )
        for number in range(n)
    ]


def submit(
    client: GatewayClient, messages: Sequence[OutgoingMessage], *, may_leave: MayLeave = lambda: True
) -> list[Outcome]:
    return asyncio.run(client.submit(messages, request_key="1-2-3", may_leave=may_leave))


WHOLE_REQUEST = [
    # what came, status, kind, on the wire, wait in seconds
    (httpx.Response(429, headers={"Retry-After": "7"}, text="slow"), UNSENT, ErrorKind.THROTTLED, True, 7.0),
    (httpx.Response(429), UNSENT, ErrorKind.THROTTLED, True, None),
    (httpx.Response(408), UNSENT, ErrorKind.TIMEOUT, True, None),
    (httpx.Response(503, headers={"Retry-After": "2"}), UNSENT, ErrorKind.UNAVAILABLE, True, 2.0),
    (httpx.Response(503), UNCONFIRMED, ErrorKind.BAD_ANSWER, True, None),
    (
        httpx.Response(500, json={"error": {"code": "internal"}}),
        UNCONFIRMED,
        ErrorKind.BAD_ANSWER,
        True,
        None,
    ),
    (httpx.Response(502, html="<html>"), UNCONFIRMED, ErrorKind.BAD_ANSWER, True, None),
    (httpx.Response(504), UNCONFIRMED, ErrorKind.BAD_ANSWER, True, None),
    (httpx.Response(302, headers={"Location": "/"}), UNCONFIRMED, ErrorKind.BAD_ANSWER, True, None),
    (httpx.Response(200), UNCONFIRMED, ErrorKind.BAD_ANSWER, True, None),
    (httpx.Response(200, html="<html>log in</html>"), UNCONFIRMED, ErrorKind.BAD_ANSWER, True, None),
    (httpx.Response(200, json={}), UNCONFIRMED, ErrorKind.BAD_ANSWER, True, None),
    (httpx.Response(200, json=[]), UNCONFIRMED, ErrorKind.BAD_ANSWER, True, None),
    (httpx.Response(200, json=None), UNCONFIRMED, ErrorKind.BAD_ANSWER, True, None),
    (httpx.Response(403, html="<html>a firewall</html>"), UNCONFIRMED, ErrorKind.BAD_ANSWER, True, None),
    (aiohttp.ConnectionTimeoutError(), UNSENT, ErrorKind.CONNECT_FAILED, False, None),
    (aiohttp.SocketTimeoutError(), UNCONFIRMED, ErrorKind.TIMEOUT, True, None),
    (TimeoutError(), UNCONFIRMED, ErrorKind.TIMEOUT, True, None),
    (aiohttp.ServerDisconnectedError(), UNCONFIRMED, ErrorKind.LOST_CONNECTION, True, None),
    (aiohttp.ClientOSError(104, "reset"), UNCONFIRMED, ErrorKind.LOST_CONNECTION, True, None),
    (aiohttp.ClientPayloadError(), UNCONFIRMED, ErrorKind.LOST_CONNECTION, True, None),
]


class ClientContract:
    """The laws. A subclass says how its client is made and what its provider answers."""

    n_messages = 3

    def make(self, wire: Wire) -> GatewayClient:
        """The client, with SECRET among its credentials."""
        raise NotImplementedError

    def accepting(self, messages: Sequence[OutgoingMessage]) -> httpx.Response:
        """The provider's answer when it takes these messages; its ids are "id-" and the reference."""
        raise NotImplementedError

    def test_what_holds_for_the_request_holds_for_each_of_its_messages(self):
        for reply, status, kind, on_wire, wait_s in WHOLE_REQUEST:
            wire, messages = always(reply), make_messages(self.n_messages)
            outcomes = submit(self.make(wire), messages)
            assert [outcome.reference for outcome in outcomes] == [
                message.reference for message in messages
            ], reply
            assert {
                (outcome.status, outcome.error and outcome.error.kind, outcome.on_wire, outcome.retry_after_s)
                for outcome in outcomes
            } == {(status, kind, on_wire, wait_s)}, reply
            assert all(outcome.gateway_message_id is None for outcome in outcomes), reply
            assert len(wire.requests) == 1, reply

    def test_what_is_held_back_never_reaches_the_wire(self):
        wire, messages = (
            always(self.accepting(make_messages(self.n_messages))),
            make_messages(self.n_messages),
        )
        outcomes = submit(self.make(wire), messages, may_leave=lambda: False)
        assert wire.requests == []
        assert {
            (outcome.status, outcome.error and outcome.error.kind, outcome.on_wire) for outcome in outcomes
        } == {(UNSENT, ErrorKind.HELD_BACK, False)}

    def test_what_is_taken_is_accepted_with_the_gateways_id(self):
        messages = make_messages(self.n_messages)
        wire = always(self.accepting(messages))
        assert submit(self.make(wire), messages) == [
            Outcome(
                reference=message.reference,
                status=OutcomeStatus.ACCEPTED,
                gateway_message_id=f"id-{message.reference}",
            )
            for message in messages
        ]
        assert len(wire.requests) == 1

    def test_an_answer_about_other_messages_leaves_all_in_doubt(self):
        messages = make_messages(2 * self.n_messages)
        asked, others = messages[: self.n_messages], messages[self.n_messages :]
        outcomes = submit(self.make(always(self.accepting(others))), asked)
        assert [(outcome.reference, outcome.status) for outcome in outcomes] == [
            (message.reference, UNCONFIRMED) for message in asked
        ]

    def test_no_piece_of_an_answer_is_taken_for_the_whole(self):
        messages = make_messages(self.n_messages)
        whole = self.accepting(messages).content
        for end in range(len(whole)):
            outcomes = submit(self.make(always(httpx.Response(200, content=whole[:end]))), messages)
            assert {outcome.status for outcome in outcomes} == {UNCONFIRMED}, whole[:end]

    def test_a_page_that_is_not_the_providers_is_refused_without_being_repeated(self):
        client = self.make(always(httpx.Response(200)))
        for body in (b"", b"<html>", b"[]", b'"x"', b'{"receipts": [{"text": "personal"}], "replies": 7}'):
            with pytest.raises(UnreadablePage) as error:
                client.read_receipts(body)
            assert "personal" not in str(error.value)

    def test_neither_secrets_nor_texts_nor_numbers_come_back(self):
        messages = make_messages(self.n_messages)
        for reply, *_ in WHOLE_REQUEST:
            said = repr(submit(self.make(always(reply)), messages))
            assert not [word for word in (SECRET, TEXT, messages[0].msisdn) if word in said]

    def test_closing_gives_the_connections_back(self):
        wire = always(httpx.Response(200))
        asyncio.run(self.make(wire).close())
        assert wire.is_closed
