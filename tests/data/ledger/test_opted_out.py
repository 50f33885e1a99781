"""Whoever has told the gateway to stop is on our list in the commit of its refusal."""

from __future__ import annotations

import dataclasses

import pytest
import sqlalchemy as sa

from data.ledger.records import ClaimRequest, Dedupe
from data.ledger.resubmitting import resubmit
from data.ledger.settling import settle
from data.store.tables import runs, suppressions
from data.suppressions import FORGOTTEN, lift_suppression
from messaging.outcomes import ErrorKind, OutcomeStatus
from tests.data.ledger.conftest import accepted, refused

NUMBERS = [f"+4474001230{i:02}" for i in range(10)]
REASON = "opted out at the gateway"


@pytest.fixture
def bench(bench_of):
    bench = bench_of()
    bench.recipients = dataclasses.replace(bench.recipients, msisdns=NUMBERS)
    return bench


def opted_out(*rows):
    return refused(OutcomeStatus.REJECTED, *rows, kind=ErrorKind.OPTED_OUT, permanent=True)


def suppressed(bench):
    return bench.rows(
        "select person_key, scope, msisdn, reason, source from suppressions order by person_key, scope"
    )


def of_person(row, *, scope="", msisdn=None):
    return (f"person {row}", scope, msisdn or NUMBERS[row], REASON, "run 1 through sim")


def to_real_people(bench):
    bench.do(sa.update(runs).values(is_simulated=False))


def test_the_first_refusal_suppresses_everywhere_and_nobody_else(bench):
    to_real_people(bench)
    blocked = refused(OutcomeStatus.REJECTED, 3, kind=ErrorKind.BLOCKED, permanent=True)
    bench.settle(bench.claim(bench.take()), *accepted(0, 1), *opted_out(2, 4), *blocked)
    assert suppressed(bench) == [of_person(2), of_person(4)]
    told = {"scope": "", "reason": REASON, "source": "run 1 through sim"}
    assert bench.events("suppression") == [
        ("suppression", {"person_key": f"person {row}", **told}) for row in (2, 4)
    ]


def test_what_a_simulator_says_holds_for_its_account_only(bench):
    bench.settle(bench.claim(bench.take()), *opted_out(2))
    assert suppressed(bench) == [of_person(2, scope="sim")]


def test_the_next_claim_stops_another_message_to_them(bench):
    bench.recipients = dataclasses.replace(bench.recipients, person_keys=["person 0"] * 10)
    lease = bench.take()
    bench.settle(bench.claim(lease, most=1), *opted_out(0))
    bench.ask(lease, 1)
    assert bench.terms() == {"rejected": 1, "stopped": 9}
    assert bench.tally().reasons["stopped"] == {"opted_out": 9}


def test_a_settle_that_is_undone_suppresses_nobody_and_its_repetition_does(bench):
    claimed = bench.claim(bench.take(), most=1)
    connection = bench.store.write.connect()
    settle(connection, claimed, opted_out(0), 0.0, 1.0, bench.rules, bench.now)
    connection.close()  # the process was killed before its commit
    assert (bench.terms(), suppressed(bench)) == ({"in_flight": 1, "not_yet_claimed": 9}, [])
    bench.settle(claimed, *opted_out(0))
    assert (bench.terms(), suppressed(bench)) == (
        {"rejected": 1, "not_yet_claimed": 9},
        [of_person(0, scope="sim")],
    )


def test_a_refusal_that_is_settled_twice_is_one(bench):
    claimed = bench.claim(bench.take())
    bench.settle(claimed, *opted_out(2))
    bench.settle(claimed, *opted_out(2))
    assert len(bench.events("suppression")) == len(suppressed(bench)) == 1


def test_whoever_was_let_back_by_hand_stays_so_until_another_message_is_refused(bench):
    bench.recipients = dataclasses.replace(bench.recipients, person_keys=["person 0"] * 10)
    lease = bench.take()
    first = bench.claim(lease, most=1)
    bench.settle(first, *opted_out(0))
    lift_suppression(bench.store, "person 0", "sim", by="Eve", why="asked for it", now=bench.now)
    bench.settle(first, *opted_out(0))  # the word of the commit was lost
    assert suppressed(bench) == []
    bench.settle(bench.claim(lease, 1, most=1), *opted_out(1))
    assert [person for person, *_ in suppressed(bench)] == ["person 0"]


def test_the_earlier_reason_of_somebody_who_is_suppressed_already_stays(bench):
    to_real_people(bench)
    claimed = bench.claim(bench.take())
    bench.opt_out(2)
    bench.settle(claimed, *opted_out(2))
    assert [(reason, source) for *_, reason, source in suppressed(bench)] == [("stop", "reply")]
    assert bench.events("suppression") == []


def test_an_answer_that_comes_after_its_message_fell_in_doubt_suppresses_too(bench):
    lease = bench.take()
    claimed = bench.claim(lease, most=1)
    bench.now += bench.rules.lease_s + 1
    bench.take("second")
    assert bench.settle(claimed, *opted_out(0)).n_applied == 1
    assert suppressed(bench) == [of_person(0, scope="sim")]


def test_an_answer_that_changes_nothing_of_its_message_suppresses_too(bench):
    claimed = bench.claim(bench.take(), most=1)
    bench.settle(claimed, *accepted(0))
    assert bench.settle(claimed, *opted_out(0)).n_late == 1
    assert suppressed(bench) == [of_person(0, scope="sim")]


def test_a_second_copy_that_is_refused_suppresses_and_leaves_the_first_in_doubt(bench):
    others = accepted(*(row for row in range(10) if row != 2))
    doubt = refused(OutcomeStatus.UNCONFIRMED, 2, kind=ErrorKind.LOST_CONNECTION)
    first = bench.take()
    bench.settle(bench.claim(first), *others, *doubt)
    bench.give_back(first)
    bench.outlast()
    lease = bench.take("reconcile")
    request = ClaimRequest(
        lease=lease, claim_no=lease.n_claims, recipients=bench.recipients, most=50, is_bulk=False
    )
    again = bench.commit(resubmit, request, Dedupe(window_s=86_400, by_request=False), bench.rules)
    bench.settle(again, *opted_out(2))
    assert bench.terms() == {"accepted": 9, "unconfirmed": 1}
    assert suppressed(bench) == [of_person(2, scope="sim")]


def test_of_somebody_who_was_forgotten_nothing_more_is_kept(bench):
    claimed = bench.claim(bench.take())
    bench.do(
        sa.insert(suppressions).values(
            person_key="person 2", scope="", reason=FORGOTTEN, source="forget", at=bench.now
        )
    )
    bench.settle(claimed, *opted_out(2))
    assert suppressed(bench) == [("person 2", "", None, FORGOTTEN, "forget")]


def test_a_message_that_names_nobody_any_more_suppresses_nobody(bench):
    claimed = bench.claim(bench.take())
    keys = [None if row == 2 else key for row, key in enumerate(bench.recipients.person_keys)]
    forgotten = dataclasses.replace(
        claimed, recipients=dataclasses.replace(bench.recipients, person_keys=keys)
    )
    bench.settle(forgotten, *opted_out(2, 3))
    assert suppressed(bench) == [of_person(3, scope="sim")]
