"""The window that remains (docs/adr/0010): a process that stops between its look at the clock and its first byte."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest

from data.ledger.audit import audit_run
from data.ledger.deciding import Decision
from engine.resolving import resolve_run
from tests.chaos.arena import freeze_a_run, instance_in, judge, set_account
from tests.chaos.nursery import nursery
from tests.chaos.victim import EXIT_DONE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="sees in /proc that a process has stopped"),
]

LEASE_S = 1.0
N = 60


@pytest.fixture
def arena(tmp_path, simulator):
    """(instance, run, bear): one batch of sixty, and senders of it."""
    with instance_in(tmp_path) as instance, nursery() as children:
        set_account(instance, rate_mps=None, bulk_size=1, concurrency=5)
        run = freeze_a_run(instance, n_messages=N, batch_size=N)

        def bear(**order):
            return children.bear(
                var_dir=str(tmp_path),
                store_url=None,
                run=run,
                simulator=simulator.url,
                lease_s=LEASE_S,
                **order,
            )

        yield instance, run, bear


def fall_asleep(bear):
    """A sender that has stopped right after it saw that its twelfth message may leave."""
    sleeper = bear(stop_at=12)
    stat = Path(f"/proc/{sleeper.pid}/stat")
    give_up_at_s = time.monotonic() + 30
    while stat.read_text().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < give_up_at_s
        time.sleep(0.02)
    return sleeper


def terms(instance, run):
    with instance.store.read.connect() as connection:
        audit = audit_run(connection, run, now=time.time())
    assert audit.balanced
    return audit.terms


def test_a_sleeper_holds_its_lease_and_then_its_messages_are_in_doubt_until_it_wakes(arena, simulator):
    instance, run, bear = arena
    sleeper = fall_asleep(bear)
    time.sleep(2 * LEASE_S)
    assert bear().wait() == EXIT_DONE
    found = terms(instance, run)
    assert found["accepted"] + found["unconfirmed"] == N
    assert found["unconfirmed"] > 0  # it lives, so no flight record speaks for it

    sleeper.signal(signal.SIGCONT)
    sleeper.wait()
    assert bear().wait() == EXIT_DONE  # what it held back when it woke is unsent, and is sent now
    verdict = judge(instance, [run], simulator.url)
    assert verdict.is_kept
    assert (verdict.received, verdict.unconfirmed) == (N, 0)


def test_what_leaves_after_a_person_had_it_sent_again_is_shown_as_a_possible_duplicate(arena, simulator):
    """The only way to a second copy that the ledger leaves open, and it takes a decision of a person."""
    instance, run, bear = arena
    sleeper = fall_asleep(bear)
    time.sleep(2 * LEASE_S)
    bear().wait()
    time.sleep(LEASE_S)  # as long as it may send, had it not stopped past its last look
    resolve_run(instance.store, run, Decision.SEND_AGAIN, by="Ann", why="she takes the risk", now=time.time())
    assert bear().wait() == EXIT_DONE
    in_flight = simulator.ledger()["duplicates_by_reference"]  # had left, and nobody has read the answer yet

    sleeper.signal(signal.SIGCONT)
    sleeper.wait()
    n_copies = simulator.ledger()["duplicates_by_reference"]
    assert n_copies > in_flight  # one left late
    assert terms(instance, run)["possible_duplicates"] == n_copies
    assert judge(instance, [run], simulator.url).hidden == 0
