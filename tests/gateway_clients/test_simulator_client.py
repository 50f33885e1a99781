"""The simulator's client: against recorded answers, and against the simulator itself."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import httpx
import orjson
import pytest

from gateway_clients.base import Capabilities, Idempotency, LookedUp, LookUp
from gateway_clients.errors import BadGatewaySettings, GatewayUnavailable, UnknownGatewayKind
from gateway_clients.registry import make_client
from gateway_clients.simulator_client import make_simulator_client
from messaging.outcomes import ErrorKind, Outcome, OutcomeStatus, ProviderError, Receipt, ReceiptStatus
from tests.gateway_clients.contract import SECRET, ClientContract, always, make_messages, submit

ACCEPTED, REJECTED = OutcomeStatus.ACCEPTED, OutcomeStatus.REJECTED
UNSENT, UNCONFIRMED = OutcomeStatus.UNSENT, OutcomeStatus.UNCONFIRMED
URL = "http://127.0.0.1:1"


def made(wire, **settings):
    return make_simulator_client({"url": URL, **settings}, {"api_key": SECRET}, concurrency=4, wire=wire)


def taken(message):
    return {
        "reference": message.reference,
        "id": f"id-{message.reference}",
        "status": "accepted",
        "error": None,
    }


class TestInBulk(ClientContract):
    def make(self, wire):
        return made(wire)

    def accepting(self, messages):
        return httpx.Response(200, json={"messages": [taken(message) for message in messages]})


class TestOneByOne(ClientContract):
    n_messages = 1

    def make(self, wire):
        return made(wire, bulk_size=1)

    def accepting(self, messages):
        return httpx.Response(200, json=taken(messages[0]))


# Recorded answers


def item(**changes):
    return {
        "reference": make_messages(1)[0].reference,
        "id": "g1",
        "status": "accepted",
        "error": None,
        **changes,
    }


@pytest.mark.parametrize(
    ("said", "status", "kind", "gateway_message_id"),
    [
        ([item()], ACCEPTED, None, "g1"),
        ([item(status="duplicate")], ACCEPTED, None, "g1"),
        ([item(id=None, status="rejected", error="blocked")], REJECTED, ErrorKind.BLOCKED, None),
        (
            [item(id=None, status="rejected", error="invalid_number")],
            REJECTED,
            ErrorKind.INVALID_NUMBER,
            None,
        ),
        ([item(id=None, status="rejected", error="a new word")], REJECTED, ErrorKind.UNKNOWN, None),
        ([item(status="rejected", error=None)], UNCONFIRMED, ErrorKind.BAD_ANSWER, None),
        ([item(status="a new word")], UNCONFIRMED, ErrorKind.BAD_ANSWER, None),
        ([item(status=None)], UNCONFIRMED, ErrorKind.BAD_ANSWER, None),
        ([item(id=None)], UNCONFIRMED, ErrorKind.BAD_ANSWER, None),
        ([item(id="")], UNCONFIRMED, ErrorKind.BAD_ANSWER, None),
        ([item(id=7)], UNCONFIRMED, ErrorKind.BAD_ANSWER, None),
        ([item(reference=None)], UNCONFIRMED, ErrorKind.BAD_ANSWER, None),
        ([item(reference="another")], UNCONFIRMED, ErrorKind.BAD_ANSWER, None),
        ([item(), item()], ACCEPTED, None, "g1"),
        ([item(), item(id="g2")], UNCONFIRMED, ErrorKind.BAD_ANSWER, None),
        (
            [item(), item(id=None, status="rejected", error="blocked"), item()],
            UNCONFIRMED,
            ErrorKind.BAD_ANSWER,
            None,
        ),
        (["accepted", 7, None, item()], ACCEPTED, None, "g1"),
        ([], UNCONFIRMED, ErrorKind.BAD_ANSWER, None),
        (None, UNCONFIRMED, ErrorKind.BAD_ANSWER, None),
    ],
)
def test_what_the_answer_says_of_a_message(said, status, kind, gateway_message_id):
    (outcome,) = submit(made(always(httpx.Response(200, json={"messages": said}))), make_messages(1))
    assert (outcome.status, outcome.error and outcome.error.kind) == (status, kind)
    assert outcome.gateway_message_id == gateway_message_id


def test_a_message_that_the_answer_leaves_out_is_in_doubt_and_the_others_are_not():
    messages = make_messages(3)
    reply = httpx.Response(200, json={"messages": [taken(messages[2]), taken(messages[0])]})
    assert [(outcome.reference, outcome.status) for outcome in submit(made(always(reply)), messages)] == [
        (messages[0].reference, ACCEPTED),
        (messages[1].reference, UNCONFIRMED),
        (messages[2].reference, ACCEPTED),
    ]


@pytest.mark.parametrize(
    ("http_status", "code", "status", "error"),
    [
        (401, "bad_credentials", UNSENT, ErrorKind.BAD_CREDENTIALS),
        (402, "no_credit", UNSENT, ErrorKind.NO_CREDIT),
        (404, "not_found", UNSENT, ErrorKind.UNKNOWN),
        (400, "bad_request", REJECTED, ErrorKind.UNKNOWN),
    ],
)
def test_a_refusal_of_the_whole_request_is_final_and_rejects_no_message_for_the_accounts_fault(
    http_status, code, status, error
):
    wire = always(httpx.Response(http_status, json={"error": {"code": code, "text": "…"}}))
    for outcome in submit(made(wire), make_messages(2)):
        assert outcome.status == status
        assert outcome.error == ProviderError(kind=error, permanent=True, code=code)


def test_the_request_carries_every_field_once_and_the_key_in_a_header():
    message, *_ = messages = make_messages(2)
    wire = always(httpx.Response(200))
    submit(made(wire), messages)
    (request,) = wire.requests
    assert (request.method, str(request.url)) == ("POST", f"{URL}/v1/messages/bulk")
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert orjson.loads(request.content)["messages"][0] == {
        "to": message.msisdn,
        "text": message.text,
        "from": "TIDINGS",
        "reference": message.reference,
        "validity_s": 86_400,
    }


def test_more_than_a_request_holds_is_a_bug_of_the_caller():
    for n in (0, 3):
        with pytest.raises(ValueError, match="messages in one request of at most 2"):
            submit(made(always(httpx.Response(200)), bulk_size=2), make_messages(n))


def test_settings_choose_what_the_engine_decides_by():
    client = make_client(
        "simulator",
        {"url": URL, "bulk_size": 1, "pull": "consumed_once", "dedupe_window_s": 60, "look_up": "evidence"},
        {},
        concurrency=1,
    )
    assert client.capabilities == Capabilities(
        bulk_size=1,
        idempotency=Idempotency.REFERENCE,
        dedupe_window_s=60,
        look_up=LookUp.EVIDENCE,
        look_up_after_s=2.0,
        can_pull_receipts=True,
        pull_is_consumed_once=True,
    )
    plain = make_client("simulator", {"url": URL}, {}, concurrency=1).capabilities
    assert (plain.bulk_size, plain.idempotency, plain.look_up) == (500, Idempotency.NONE, LookUp.CONCLUSIVE)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({}, "url"),
        ({"url": "typo"}, "url"),
        ({"url": URL, "bulk_size": 0}, "bulk_size"),
        ({"url": URL, "typo": 1}, "typo"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_by_the_name_of_the_field(settings, field):
    with pytest.raises(BadGatewaySettings, match=rf"^{field}: "):
        make_client("simulator", settings, {}, concurrency=1)


def test_an_unknown_kind_is_refused_with_the_known_ones():
    with pytest.raises(UnknownGatewayKind, match="'carrier-pigeon'; known: simulator"):
        make_client("carrier-pigeon", {}, {}, concurrency=1)


# The simulator itself


def with_client(simulator, ask, **settings):
    """What `ask(client)` comes to, on a loop of its own."""

    async def asking():
        client = make_client("simulator", {"url": simulator.url, **settings}, {}, concurrency=4)
        try:
            return await ask(client)
        finally:
            await client.close()

    return asyncio.run(asking())


def sent(simulator, messages, **settings):
    return with_client(
        simulator,
        lambda client: client.submit(messages, request_key="1-2-3", may_leave=lambda: True),
        **settings,
    )


async def pull_all(client):
    """As the engine does: until the cursor does not move."""
    pages, cursor = [], None
    while True:
        page = await client.pull_receipts(cursor)
        pages.append(page)
        if page.cursor is None or page.cursor == cursor:
            return pages
        cursor = page.cursor


def receipts_of(client, pages):
    return [receipt for page in pages for receipt in client.read_receipts(page.body)[0]]


@pytest.mark.parametrize("bulk_size", [1, 500])
def test_the_simulator_takes_what_is_submitted_once(simulator, bulk_size):
    messages = make_messages(1)
    (outcome,) = sent(simulator, messages, bulk_size=bulk_size)
    assert (outcome.status, outcome.error) == (ACCEPTED, None)
    assert simulator.references() == [messages[0].reference]
    assert simulator.get(f"/v1/messages?reference={messages[0].reference}")["messages"][0] == {
        "reference": messages[0].reference,
        "id": outcome.gateway_message_id,
        "status": "delivered",
        "code": "000",
        "to": messages[0].msisdn,
        "text": messages[0].text,
        "taken_at": pytest.approx(simulator.get("/ledger/arrivals")["arrivals"][0][0]),
    }


@pytest.mark.parametrize(
    ("fault", "status", "kind", "n_taken"),
    [
        ("drop_before_reading", UNCONFIRMED, ErrorKind.LOST_CONNECTION, 0),
        ("drop_after_reading", UNCONFIRMED, ErrorKind.LOST_CONNECTION, 0),
        ("drop_after_accepting", UNCONFIRMED, ErrorKind.LOST_CONNECTION, 3),
        ("half_answer", UNCONFIRMED, ErrorKind.LOST_CONNECTION, 3),
        ("error_500_not_taken", UNCONFIRMED, ErrorKind.BAD_ANSWER, 0),
        ("error_500_taken", UNCONFIRMED, ErrorKind.BAD_ANSWER, 3),
        ("unavailable", UNSENT, ErrorKind.UNAVAILABLE, 0),
    ],
)
def test_every_fault_comes_to_what_it_proves(simulator, fault, status, kind, n_taken):
    simulator.set(faults={fault: {"share": 1}})
    outcomes = sent(simulator, make_messages(3))
    assert {(outcome.status, outcome.error.kind) for outcome in outcomes} == {(status, kind)}
    ledger = simulator.ledger()
    assert (ledger["messages"], ledger["requests"], ledger["faults"]) == (n_taken, 1, {fault: 1})


def test_a_throttled_request_says_how_long_to_wait_and_took_nothing(simulator):
    simulator.set(throttle_per_s=2)
    taken_in, refused = (sent(simulator, make_messages(2)), sent(simulator, make_messages(2)))
    assert {outcome.status for outcome in taken_in} == {ACCEPTED}
    assert {(outcome.status, outcome.error.kind) for outcome in refused} == {(UNSENT, ErrorKind.THROTTLED)}
    assert 0 < refused[0].retry_after_s <= 1
    ledger = simulator.ledger()
    assert (ledger["messages"], ledger["throttled"], ledger["duplicates_by_reference"]) == (2, 2, 0)


def test_a_second_copy_is_counted_or_refused_as_the_simulator_is_set(simulator):
    messages = make_messages(2)
    first, second = sent(simulator, messages), sent(simulator, messages)
    assert simulator.ledger()["duplicates_by_reference"] == 2
    assert first[0].gateway_message_id != second[0].gateway_message_id
    simulator.set(dedupe=True)
    assert sent(simulator, messages) == first
    assert simulator.ledger()["duplicates_by_reference"] == 2


def test_a_wrong_key_is_an_account_that_must_be_corrected(simulator):
    simulator.set(api_key="right")
    (outcome,) = sent(simulator, make_messages(1))
    assert outcome == Outcome(
        reference=make_messages(1)[0].reference,
        status=UNSENT,
        error=ProviderError(kind=ErrorKind.BAD_CREDENTIALS, permanent=True, code="bad_credentials"),
    )
    assert simulator.ledger()["messages"] == 0


def test_credit_that_is_used_up_lets_nothing_more_in(simulator):
    simulator.set(credit=2)
    outcomes = [outcome for one in make_messages(3) for outcome in sent(simulator, [one])]
    assert [(o.status, o.error and o.error.kind) for o in outcomes] == [
        (ACCEPTED, None),
        (ACCEPTED, None),
        (UNSENT, ErrorKind.NO_CREDIT),
    ]
    assert simulator.ledger()["messages"] == 2


@pytest.mark.parametrize("pull", ["repeatable", "consumed_once"])
def test_every_receipt_is_pulled_page_by_page(simulator, pull):
    messages = make_messages(5)
    outcomes = sent(simulator, messages)

    async def ask(client):
        return receipts_of(client, await pull_all(client))

    receipts = with_client(simulator, ask, pull=pull, page_size=2)
    assert [(receipt.reference, receipt.gateway_message_id, receipt.status) for receipt in receipts] == [
        (outcome.reference, outcome.gateway_message_id, ReceiptStatus.DELIVERED) for outcome in outcomes
    ]


def test_a_repeatable_pull_goes_on_where_it_was_and_a_consumed_one_gives_nothing_twice(simulator):
    async def ask(client):
        first = await pull_all(client)
        return first[-1].cursor, receipts_of(client, first), receipts_of(client, await pull_all(client))

    sent(simulator, make_messages(3))
    cursor, first, again = with_client(simulator, ask)
    assert (len(first), again) == (3, first)
    _, once, never = with_client(simulator, ask, pull="consumed_once")
    assert (once, never) == (first, [])

    async def go_on(client):
        return receipts_of(client, [await client.pull_receipts(cursor)])

    assert with_client(simulator, go_on) == []
    simulator.reset()
    sent(simulator, make_messages(2))
    assert len(with_client(simulator, go_on)) == 2  # a cursor from before a restart skips nobody


def test_receipts_and_replies_come_in_our_words(simulator):
    fates = {"9991": "UNDELIVERED", "9992": "EXPIRED", "9993": None, "0001": "DELIVERED"}
    messages = [
        message.__class__(reference=message.reference, msisdn=f"+467010{suffix}", text="x")
        for message, suffix in zip(make_messages(4), fates, strict=True)
    ]
    sent(simulator, messages)
    simulator.reply("+46701000001", "STOP")

    async def ask(client):
        page = await client.pull_receipts(None)
        return client.read_receipts(page.body)

    receipts, (reply,) = with_client(simulator, ask)
    assert [(receipt.reference, receipt.status.name) for receipt in receipts] == [
        (message.reference, fate) for message, fate in zip(messages, fates.values(), strict=True) if fate
    ]
    assert isinstance(receipts[0], Receipt)
    assert receipts[0].code == "027"
    assert (reply.msisdn, reply.to, reply.text) == ("+46701000001", "TIDINGS", "STOP")
    assert reply.received_at >= receipts[0].done_at


def test_a_look_up_finds_what_was_taken_and_says_so_of_what_was_not(simulator):
    messages = make_messages(120)
    outcomes = sent(simulator, messages[:110])
    references = [message.reference for message in reversed(messages)]
    found = with_client(simulator, lambda client: client.look_up(references))
    assert [one.reference for one in found] == references
    assert found[:10] == [LookedUp(reference=reference, is_known=False) for reference in references[:10]]
    assert [one.gateway_message_id for one in found[10:]] == [
        outcome.gateway_message_id for outcome in reversed(outcomes)
    ]
    assert all(later.receipt.status == ReceiptStatus.DELIVERED for _, later in pairwise(found[10:]))


def test_a_look_up_of_a_message_without_its_final_receipt_proves_no_more_than_that_it_was_taken(simulator):
    simulator.set(waiting_share=1)
    [message] = make_messages(1)
    [outcome] = sent(simulator, [message])
    [found] = with_client(simulator, lambda client: client.look_up([message.reference]))
    assert found == LookedUp(
        reference=message.reference,
        is_known=True,
        gateway_message_id=outcome.gateway_message_id,
    )


def test_a_look_up_that_is_answered_with_something_else_learns_nothing():
    for reply in (httpx.Response(200, json={"messages": []}), httpx.Response(200, html="<html>")):
        with pytest.raises(GatewayUnavailable, match="something else"):
            asyncio.run(made(always(reply)).look_up(["r1"]))
