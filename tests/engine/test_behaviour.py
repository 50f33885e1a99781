from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data import behaviour as kept
from data.analytics import query
from data.behaviour import Standing, behaviour_standing
from data.lake import manifest
from data.ledger.locking import lock_ledger
from data.replies import record_replies
from data.store.engine import open_store
from data.store.tables import accounts, behaviour, exports, runs, suppressions
from messaging.outcomes import OutcomeStatus, ReceiptStatus, Reply
from messaging.sealed import person_key
from tests.data.lake.small_world import History, SmallWorld

KEY = b"a key of persons"
TEXTED = (OutcomeStatus.ACCEPTED, OutcomeStatus.UNCONFIRMED)
ARRIVED = (ReceiptStatus.DELIVERED, ReceiptStatus.READ)
IN_THE_LEDGER = "select batch, row, status, receipt from outcomes order by batch, row"
IN_THE_STORE = (
    "select person_key, texted_at, delivered_at, failed_at from behaviour where run = 1 order by person_key"
)
IN_THE_LAKE = """
    select person_key, epoch(coalesce(accepted_at, settled_at)),
        case when receipt in ('delivered', 'read') then epoch(receipt_at) end,
        case when receipt in ('undelivered', 'expired', 'rejected', 'failed', 'canceled') then epoch(receipt_at) end
    from messages where status in ('accepted', 'unconfirmed') order by person_key
"""


class Crash(Exception):
    pass


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallWorld]:
    if request.param == "sqlite":
        yield SmallWorld(tmp_path)
        return
    store = open_store(request.getfixturevalue("postgres_url"))
    yield SmallWorld(tmp_path, store)
    store.close()


def freeze(world: SmallWorld, run: int, n: int = 4) -> None:
    """A run to person 0 … n - 1, as rows of a batch."""
    world.freeze(run=run, batch_sizes=(n,))


def tell(world: SmallWorld, run: int, status: OutcomeStatus, *rows: int, kind: str = "outcomes") -> None:
    world.tell(kind, {"rows": rows, "status": [int(status)] * len(rows)}, run=run, batch=0)


def receive(world: SmallWorld, run: int, status: ReceiptStatus, *rows: int) -> None:
    told = {"rows": rows, "status": [int(status)] * len(rows), "done_at": [world.now] * len(rows)}
    world.tell("receipts", told, run=run, batch=0)


def reply(world: SmallWorld, msisdn: str, *, account: str = "sim") -> None:
    one = Reply(
        gateway_message_id=f"r{world.now}", msisdn=msisdn, to="Shop", text="yes", received_at=world.now
    )
    with world.store.write.begin() as connection:
        lock_ledger(connection)
        record_replies(connection, account, [one], person=KEY, now=world.now)


def known(world: SmallWorld) -> dict[tuple[str, int], dict[str, float]]:
    """(person, run) → what is known, in seconds since the world's first instant."""
    with world.store.read.connect() as connection:
        rows = connection.execute(sa.select(behaviour)).mappings().all()
    return {
        (row["person_key"], row["run"]): {
            name.removesuffix("_at"): row[name] - START
            for name in row
            if name.endswith("_at") and row[name] is not None
        }
        for row in rows
    }


START = 1_800_000_000.0


def test_what_came_of_each_message_is_known_after_the_next_load(world):
    freeze(world, 1)
    world.load()
    assert known(world) == {}
    tell(world, 1, OutcomeStatus.ACCEPTED, 0, 1)
    tell(world, 1, OutcomeStatus.REJECTED, 2)
    world.load()
    assert known(world) == {("person 0", 1): {"texted": 0}, ("person 1", 1): {"texted": 0}}
    world.now += 60
    receive(world, 1, ReceiptStatus.DELIVERED, 0)
    receive(world, 1, ReceiptStatus.EXPIRED, 1)
    world.load()
    assert known(world) == {
        ("person 0", 1): {"texted": 0, "delivered": 60},
        ("person 1", 1): {"texted": 0, "failed": 60},
    }
    receive(world, 1, ReceiptStatus.DELIVERED, 1)
    world.load()
    assert known(world)["person 1", 1] == {"texted": 0, "delivered": 60}


def test_a_message_in_doubt_counts_as_a_text_until_it_was_none(world):
    freeze(world, 1)
    tell(world, 1, OutcomeStatus.UNCONFIRMED, 0, kind="doubt")
    world.load()
    assert known(world) == {("person 0", 1): {"texted": 0}}
    world.tell("decision", {"rows": [0], "decision": "send again", "by": "Ann"}, run=1, batch=0)
    world.load()
    assert known(world) == {("person 0", 1): {}}


def test_a_load_without_news_writes_nothing(world):
    freeze(world, 1)
    tell(world, 1, OutcomeStatus.ACCEPTED, 0)
    world.load()
    before = known(world), world.rows("select * from exports order by export")
    world.now += 5
    world.load()
    assert (known(world), world.rows("select * from exports order by export")) == before


@pytest.mark.parametrize(
    "dies", ["put_behaviour", "settle_replies_to", "name_fold", "settle_replies_of", "forget_exports"]
)
def test_wherever_a_load_dies_the_next_one_makes_it_good(world, monkeypatch, dies):
    from engine import loading

    number = "+447700900123"
    freeze(world, 1)
    with world.store.write.begin() as connection:
        connection.execute(
            sa.insert(behaviour).values(person_key=person_key(KEY, number), run=1, texted_at=world.now)
        )
    tell(world, 1, OutcomeStatus.ACCEPTED, 0, 1, 2)
    world.now += 9
    reply(world, number)

    def die(*args: object, **kwargs: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(loading if hasattr(loading, dies) else manifest, dies, die)
        with pytest.raises(Crash):
            world.load()
    world.load()
    texted = {(f"person {i}", 1): {"texted": 0} for i in range(3)}
    assert known(world) == {**texted, (person_key(KEY, number), 1): {"texted": 0, "replied": 9}}
    assert behaviour_standing(world.store, simulated=True).is_current


def test_a_run_that_was_folded_before_behaviour_was_kept_is_made_up_for(world):
    freeze(world, 1)
    tell(world, 1, OutcomeStatus.ACCEPTED, 0, 1)
    world.load()
    before = known(world)
    world.do(sa.delete(behaviour))
    world.do(sa.delete(exports).where(exports.c.kind == "behaviour"))
    world.load()
    assert known(world) == before


def test_people_are_written_in_slices_with_a_pause_between(world, monkeypatch):
    monkeypatch.setattr(kept, "PEOPLE_PER_TRANSACTION", 2)
    pauses: list[float] = []
    people = [kept.Behaved(f"person {i}", 1.0, None, None) for i in range(5)]
    assert kept.put_behaviour(world.store, 1, people, pause=pauses.append) == 5
    assert len(pauses) == 2
    assert len(known(world)) == 5


def test_somebody_who_was_forgotten_during_a_load_is_not_written_down_again(world):
    world.do(
        sa.insert(suppressions).values(
            person_key="person 1", scope="", reason="forgotten", source="forget", at=1
        )
    )
    told = [kept.Behaved(f"person {i}", START, START + 1, None) for i in range(3)]
    kept.put_behaviour(world.store, 1, told)
    assert sorted(known(world)) == [("person 0", 1), ("person 2", 1)]


class Correspondence:
    """Runs that text one person, and what that person writes back."""

    def __init__(self, world: SmallWorld) -> None:
        self.world = world
        self.number = "+447700900123"
        self.person = person_key(KEY, self.number)

    def text(self, run: int, *, account: str = "sim") -> None:
        """As a load would have filled it in."""
        self.world.do(
            sa.insert(runs).values(
                run=run, campaign="c", state="finished", origin="hand", is_simulated=True, account=account,
                created_at=START, started_at=self.world.now,
            )
        )  # fmt: skip
        self.world.do(sa.insert(behaviour).values(person_key=self.person, run=run, texted_at=self.world.now))

    def replied(self) -> dict[int, float]:
        self.world.load()
        return {run: told["replied"] for (_, run), told in known(self.world).items() if "replied" in told}


def test_a_reply_belongs_to_the_last_text_before_it_and_the_last_reply_counts(world):
    both = Correspondence(world)
    both.text(1)
    world.now += 100
    reply(world, both.number)
    world.now += 100
    both.text(2)
    world.now += 100
    reply(world, both.number)
    world.now += 100
    reply(world, both.number)
    assert both.replied() == {1: 100, 2: 400}


def test_a_reply_to_another_account_or_to_no_text_is_nobodys(world):
    both = Correspondence(world)
    world.do(sa.insert(accounts).values(account="other", kind="simulator"))
    reply(world, both.number)
    world.now += 100
    both.text(1)
    world.now += 100
    reply(world, both.number, account="other")
    assert both.replied() == {}


def test_an_answer_that_is_stamped_a_moment_before_the_text_is_one_to_it(world):
    both = Correspondence(world)
    reply(world, both.number)
    world.now += 30
    both.text(1)
    assert both.replied() == {1: 0}


def test_a_reply_that_came_before_its_run_was_folded_moves_to_it(world):
    both = Correspondence(world)
    both.text(1)
    world.now += 100
    world.do(sa.insert(runs).values(run=2, campaign="c", state="sending", origin="hand", is_simulated=True, account="sim", created_at=world.now))  # fmt: skip
    world.now += 200
    reply(world, both.number)
    assert both.replied() == {1: 300}
    kept.put_behaviour(world.store, 2, [kept.Behaved(both.person, START + 250, None, None)])
    kept.settle_replies_to(world.store, 2)
    assert both.replied() == {2: 300}


def test_what_is_not_loaded_yet_is_said(world):
    assert behaviour_standing(world.store, simulated=True) == Standing(
        loaded_at=None, waiting_runs=[], replies_wait=False
    )
    freeze(world, 1)
    tell(world, 1, OutcomeStatus.ACCEPTED, 0)
    assert behaviour_standing(world.store, simulated=True).waiting_runs == [1]
    assert behaviour_standing(world.store, simulated=False).waiting_runs == []
    world.load()
    reply(world, "+447700900123")
    assert behaviour_standing(world.store, simulated=True) == Standing(
        loaded_at=START, waiting_runs=[], replies_wait=True
    )
    world.load()
    assert behaviour_standing(world.store, simulated=True).is_current


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@example(seed=2**32, n_steps=53, load_at={5})  # a receipt for a message in flight
@given(seed=st.integers(0, 2**32), n_steps=st.integers(1, 60), load_at=st.sets(st.integers(0, 60)))
def test_behaviour_is_what_the_ledger_says_however_often_it_was_loaded(seed, n_steps, load_at):
    with tempfile.TemporaryDirectory() as folder:
        world = SmallWorld(Path(folder))
        history = History(world, seed, batch_sizes=(5, 3))
        for step in range(n_steps):
            history.step()
            if step in load_at:
                world.load()
        world.load(fold_all=True)
        in_store = [row for row in world.rows(IN_THE_STORE) if row[1:] != (None, None, None)]
        assert in_store == query(world.analytics, IN_THE_LAKE)[1]
        assert [(row[0], row[2] is not None, row[3] is not None) for row in in_store] == from_ledger(world)


def from_ledger(world: SmallWorld) -> list[tuple[Any, ...]]:
    """(person, whether it arrived, whether it failed) of each message that was sent, or may have been."""
    sent = [
        (f"person {batch * 5 + row}", receipt in ARRIVED, receipt is not None and ReceiptStatus(receipt).is_final and receipt not in ARRIVED)
        for batch, row, status, receipt in world.rows(IN_THE_LEDGER)
        if status in TEXTED
    ]  # fmt: skip
    return sorted(sent)
