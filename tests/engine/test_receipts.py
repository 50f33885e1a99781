from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import orjson
import pytest
import sqlalchemy as sa

from data.keys import Keys
from data.store.tables import suppressions
from engine import receipts as collecting
from engine.receipts import Collected, collect, collect_once
from gateway_clients.base import Capabilities, Page
from gateway_clients.errors import GatewayUnavailable, UnreadablePage
from messaging.outcomes import Receipt, ReceiptStatus, Reply
from messaging.sealed import Sealer, person_key
from tests.data.lake.small_world import SmallWorld

KEYS = Keys(sealing=b"s" * 32, person=b"p" * 32, references=b"r" * 32)
SEALER = Sealer(KEYS.references)
NUMBER = "+447712345123"


class Crash(Exception):
    pass


class Gateway:
    """Pages by cursor, as JSON of our own; what is asked for at the end comes again."""

    def __init__(self, *bodies: bytes, can_pull: bool = True) -> None:
        self.capabilities = Capabilities(can_pull_receipts=can_pull)
        self.bodies = list(bodies)
        self.asked: list[str | None] = []
        self.is_down_from: int | None = None
        self.is_closed = False

    async def pull_receipts(self, cursor: str | None) -> Page:
        self.asked.append(cursor)
        at = int(cursor or 0)
        if self.is_down_from is not None and at >= self.is_down_from:
            raise GatewayUnavailable("the simulator does not answer; is it running?")
        return Page(body=self.bodies[at], cursor=str(at + 1) if at + 1 < len(self.bodies) else None)

    def read_receipts(self, body: bytes) -> tuple[list[Receipt], list[Reply]]:
        if body.startswith(b"<"):
            raise UnreadablePage("the page is no JSON")
        told = orjson.loads(body)
        receipts = [
            Receipt(
                gateway_message_id=f"g{row}", reference=SEALER.seal(1, 0, row), status=ReceiptStatus.DELIVERED
            )
            for row in told.get("rows", [])
        ]
        replies = [
            Reply(gateway_message_id=gid, msisdn=NUMBER, to="+4490", text=text, received_at=5.0)
            for gid, text in told.get("replies", {}).items()
        ]
        return receipts, replies

    async def close(self) -> None:
        self.is_closed = True


def page(*rows: int, **replies: str) -> bytes:
    return orjson.dumps({"rows": rows, "replies": replies})


@pytest.fixture
def world(tmp_path) -> SmallWorld:
    world = SmallWorld(tmp_path)
    world.freeze()
    return world


@pytest.fixture
def listening(caplog) -> Iterator[pytest.LogCaptureFixture]:
    logger = logging.getLogger("engine.receipts")
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


def run(world: SmallWorld, gateway: Gateway) -> Collected:
    return asyncio.run(
        collect(world.store, gateway, "sim", KEYS, var_dir=world.lake.parent, clock=lambda: world.now)  # type: ignore[arg-type]
    )


def stored_receipts(world: SmallWorld) -> list[int]:
    return [row for (row,) in world.rows("select row from receipts order by row")]


def test_all_pages_are_pulled_recorded_and_kept(world):
    gateway = Gateway(page(0, 1), page(2), page(3))
    assert run(world, gateway) == Collected(n_pages=3, n_new=4, n_adopted=4)
    assert gateway.asked == [None, "1", "2"]
    assert stored_receipts(world) == [0, 1, 2, 3]
    assert world.rows("select body, read_at from receipt_pages order by page") == [
        (body, world.now) for body in gateway.bodies
    ]


def test_the_next_collecting_goes_on_where_this_one_ended(world):
    gateway = Gateway(page(0), page(1))
    run(world, gateway)
    gateway.bodies = [page(0), page(1, 2), page(3)]
    assert run(world, gateway) == Collected(n_pages=2, n_new=2, n_repeated=1, n_adopted=2)
    assert gateway.asked == [None, "1", "1", "2"]


def test_a_page_that_tells_nothing_new_is_not_kept(world):
    gateway = Gateway(page(0))
    run(world, gateway)
    assert run(world, gateway) == Collected(n_pages=1, n_repeated=1)
    gateway.bodies = [page()]
    assert run(world, gateway) == Collected(n_pages=1)
    assert world.rows("select count(*) from receipt_pages") == [(1,)]


def test_a_page_is_stored_before_anybody_reads_it_and_the_successor_reads_it_first(world):
    gateway = Gateway(page(0), page(1), page(2))
    gateway.read_receipts = lambda body: (_ for _ in ()).throw(Crash)
    with pytest.raises(Crash):
        run(world, gateway)
    successor = Gateway(*gateway.bodies)
    assert run(world, successor) == Collected(n_pages=3, n_new=3, n_adopted=3)
    assert successor.asked == ["1", "2"]  # what can be pulled only once was not asked for again


def test_a_crash_while_a_page_is_recorded_leaves_it_whole_for_the_successor(world, monkeypatch):
    gateway = Gateway(page(0, 1, r1="STOP"))
    with monkeypatch.context() as patch:
        patch.setattr(collecting, "record_replies", lambda *args, **kwargs: (_ for _ in ()).throw(Crash))
        with pytest.raises(Crash):
            run(world, gateway)
    assert stored_receipts(world) == []
    assert world.rows("select count(*) from receipt_pages where read_at is null") == [(1,)]
    first = run(world, Gateway(page(), can_pull=False))
    assert first == Collected(n_pages=1, n_new=2, n_adopted=2, n_replies=1, n_stops=1)


def test_an_unreadable_page_is_kept_counted_and_holds_nobody_up(world, listening):
    gateway = Gateway(page(0), b"<html>", page(1))
    assert run(world, gateway) == Collected(n_pages=2, n_new=2, n_adopted=2, n_unreadable=1)
    assert "page 2 of account sim stays unread: the page is no JSON" in listening.text
    assert world.rows("select body from receipt_pages where read_at is null") == [(b"<html>",)]
    again = run(world, Gateway(page(0), b"<html>", page(1)))
    assert (again.n_unreadable, again.n_new) == (1, 0)


def test_a_gateway_that_fails_half_way_keeps_what_it_told_before(world):
    gateway = Gateway(page(0), page(1), page(2))
    gateway.is_down_from = 1
    first = run(world, gateway)
    assert (first.n_new, first.gateway_error) == (1, "the simulator does not answer; is it running?")
    gateway.is_down_from = None
    assert run(world, gateway).n_new == 2
    assert gateway.asked == [None, "1", "1", "2"]


def test_a_gateway_that_does_not_answer_at_all_is_given_up(world, monkeypatch):
    monkeypatch.setattr(collecting, "PULL_TIMEOUT_S", 0.01)
    gateway = Gateway(page(0))

    async def silence(cursor: str | None) -> Page:
        await asyncio.Event().wait()
        raise AssertionError

    gateway.pull_receipts = silence
    assert "did not answer within" in str(run(world, gateway).gateway_error)


def test_a_cursor_that_does_not_move_ends_the_pulling(world):
    gateway = Gateway(page(0), page(1))
    gateway.bodies.append(gateway.bodies[0])

    async def stuck(cursor: str | None) -> Page:
        gateway.asked.append(cursor)
        return Page(body=page(0), cursor="here")

    gateway.pull_receipts = stuck
    run(world, gateway)
    assert gateway.asked == [None, "here"]


def test_a_gateway_without_a_pull_is_not_asked(world):
    gateway = Gateway(page(0), can_pull=False)
    assert run(world, gateway) == Collected()
    assert gateway.asked == []


def test_who_writes_stop_is_suppressed_in_the_same_commit_and_only_once(world):
    gateway = Gateway(page(r1="Thanks!", r2=" Stop. "), page(r2="Stop", r3="STOPP"))
    assert run(world, gateway) == Collected(n_pages=2, n_replies=3, n_stops=2)
    key = person_key(KEYS.person, NUMBER)
    assert world.rows("select person_key, scope, msisdn, reason, source from suppressions") == [
        (key, "", NUMBER, "opted_out", "reply to sim")
    ]
    assert world.rows("select person_key, text from replies order by reply") == [
        (key, "Thanks!"),
        (key, " Stop. "),
        (key, "STOPP"),
    ]
    assert [kind for (kind,) in world.rows("select kind from events where run is null order by event")] == [
        "reply",
        "reply",
        "suppression",
        "reply",
    ]


def test_neither_number_nor_text_is_in_the_events(world):
    run(world, Gateway(page(r1="STOP")))
    payloads = " ".join(payload for (payload,) in world.rows("select payload from events"))
    assert NUMBER not in payloads
    assert "STOP" not in payloads


def forget(world: SmallWorld) -> None:
    key = person_key(KEYS.person, NUMBER)
    world.do(
        sa.insert(suppressions).values(person_key=key, scope="", reason="forgotten", source="forget", at=1.0)
    )


def test_of_somebody_who_was_forgotten_it_is_kept_that_somebody_wrote_and_said_stop(world):
    forget(world)
    assert run(world, Gateway(page(r1="I am Ann", r2="STOP"))) == Collected(n_pages=1, n_replies=2, n_stops=1)
    kept = world.rows("select gateway_message_id, person_key, msisdn, text, received_at from replies")
    assert kept == [("r1", "", None, None, 5.0), ("r2", "", None, None, 5.0)]
    payloads = [
        orjson.loads(payload) for (payload,) in world.rows("select payload from events where kind = 'reply'")
    ]
    assert payloads == [{"account": "sim", "is_stop": False}, {"account": "sim", "is_stop": True}]
    assert world.rows("select scope, reason, msisdn from suppressions") == [("", "forgotten", None)]
    assert run(world, Gateway(page(r1="I am Ann", r2="STOP"))) == Collected(n_pages=1)


WRITTEN = ("+447712345123", "00447712345123", "447712345123", "+44 7712 345 123", "07712 345123")


@pytest.mark.parametrize("written", WRITTEN)
def test_however_a_page_writes_the_number_of_somebody_forgotten_it_is_blanked_and_its_receipts_count(
    world, written
):
    """A national number is one by the reply beside it: a client knows whose it is."""
    forget(world)
    body = orjson.dumps(
        {
            "rows": [0, 1],
            "replies": {"r1": "I am Ann"},
            "as it came": [{"from": written, "text": "I am Ann"}, {"from": "+447712345124", "text": "Bob"}],
        }
    )
    assert run(world, Gateway(body)) == Collected(n_pages=1, n_new=2, n_adopted=2, n_replies=1)
    assert stored_receipts(world) == [0, 1]
    [(stored,)] = world.rows("select body from receipt_pages")
    assert orjson.loads(stored)["as it came"] == [
        {"from": None, "text": ""},
        {"from": "+447712345124", "text": "Bob"},
    ]


def test_a_receipt_that_names_somebody_forgotten_counts_and_loses_the_name(world):
    forget(world)
    body = orjson.dumps({"rows": [2], "of": [{"to": 447712345123, "name": "Ann"}]})
    assert run(world, Gateway(body)) == Collected(n_pages=1, n_new=1, n_adopted=1)
    assert world.rows("select body from receipt_pages") == [(b'{"rows":[2],"of":[{"to":null,"name":""}]}',)]


def test_a_page_of_somebody_forgotten_that_a_crash_left_unread_is_read_whole_and_then_blanked(
    world, monkeypatch
):
    forget(world)
    body = orjson.dumps({"rows": [0], "replies": {"r1": "STOP"}, "it": [{"from": NUMBER, "text": "STOP"}]})
    with monkeypatch.context() as patch:
        patch.setattr(collecting, "record_replies", lambda *args, **kwargs: (_ for _ in ()).throw(Crash))
        with pytest.raises(Crash):
            run(world, Gateway(body))
    assert world.rows("select body from receipt_pages") == [(body,)]
    collected = run(world, Gateway(body))
    assert (collected.n_new, collected.n_replies, collected.n_stops) == (1, 1, 1)
    [(stored,)] = world.rows("select body from receipt_pages")
    assert NUMBER[1:].encode() not in stored


def test_a_caller_without_a_loop_gets_a_client_of_its_own_that_is_closed(world):
    gateway = Gateway(page(0))
    collected = collect_once(
        world.store,
        lambda: gateway,
        "sim",
        KEYS,
        var_dir=world.lake.parent,
        clock=lambda: world.now,
    )
    assert (collected.n_new, collected.has_news, gateway.is_closed) == (1, True, True)
