"""The short form of `make chaos`, and whether the judge would notice."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
import sqlalchemy as sa

from messaging.sealed import Sealer
from tests.chaos.arena import freeze_a_run, instance_in, judge, set_account
from tests.chaos.harness import Arena
from tests.chaos.modes import BULK_FAULTS, ONE_BY_ONE, POSTGRES, RACING, SLEEPERS
from tests.chaos.nursery import nursery
from tests.chaos.report import Report

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def children():
    with nursery() as opened:
        yield opened


def play(children, mode, n_kills, *, flight=True, postgres=None):
    report, short = Report(), replace(mode, n_messages=mode.n_messages // 3, batch_size=mode.batch_size // 3)
    Arena(children, postgres, report, give_up_at_s=float("inf")).play(short, n_kills, flight=flight, seed=7)
    assert report.failures(n_kills=n_kills, least_per_phase=0) == []
    assert report.audits == report.audits_balanced > n_kills
    return report


@pytest.mark.parametrize("flight", [True, False], ids=["with a flight record", "without"])
def test_nobody_gets_it_twice_or_is_lost_when_the_sender_is_killed(children, flight):
    play(children, ONE_BY_ONE, 2, flight=flight)


def test_nor_when_the_gateway_fails_as_well_and_two_race(children):
    play(children, RACING, 2)
    play(children, BULK_FAULTS, 1)


def test_nor_when_one_sleeps_for_longer_than_its_lease_and_wakes_while_another_sends(children):
    assert play(children, SLEEPERS, 1).n_stops


def test_nor_when_the_connections_to_postgres_are_cut(children, postgres):
    assert play(children, POSTGRES, 2, postgres=postgres).n_cuts


@pytest.fixture
def sent(simulator, tmp_path):
    """A run of four messages, all accepted: each of them once in the simulator's log and in the ledger."""
    with instance_in(tmp_path) as instance:
        set_account(instance, rate_mps=None, bulk_size=1, concurrency=2)
        run = freeze_a_run(instance, n_messages=4, batch_size=4)
        with instance.store.write.begin() as connection:
            connection.execute(sa.text("update batches set next_row = 4"))
            connection.execute(
                sa.text("insert into outcomes (run, batch, row, status) values (:run, 0, :row, 1)"),
                [{"run": run, "row": row} for row in range(4)],
            )
        references = Sealer(instance.keys.references).seal_many(run, [0] * 4, range(4))
        for row, reference in enumerate(references):
            take(simulator, reference, row)
        yield instance, run, references


def take(simulator, reference, row):
    message = {"to": f"+44770090000{row}", "text": "hi", "reference": reference}
    httpx.post(f"{simulator.url}/v1/messages", json=message, trust_env=False).raise_for_status()


def test_the_judge_finds_nothing_where_nothing_is(sent, simulator):
    instance, run, _ = sent
    assert judge(instance, [run], simulator.url).is_kept


def test_the_judge_sees_a_second_copy(sent, simulator):
    instance, run, references = sent
    take(simulator, references[0], 0)
    verdict = judge(instance, [run], simulator.url)
    assert (verdict.duplicates_by_reference, verdict.duplicates_by_number) == (1, 1)


def test_the_judge_sees_who_is_called_accepted_and_never_reached_the_gateway(sent, simulator):
    instance, run, references = sent
    simulator.reset()
    for row in range(3):
        take(simulator, references[row], row)
    assert judge(instance, [run], simulator.url).lost == 1


def test_the_judge_sees_what_was_received_and_is_called_unsent(sent, simulator):
    instance, run, _ = sent
    with instance.store.write.begin() as connection:
        connection.execute(sa.text("update outcomes set status = 3 where row = 2"))
    verdict = judge(instance, [run], simulator.url)
    assert (verdict.hidden, verdict.lost) == (1, 0)


def test_the_judge_sees_a_message_that_nobody_planned(sent, simulator):
    instance, run, _ = sent
    take(simulator, "a stranger", 9)
    assert judge(instance, [run], simulator.url).hidden == 1


def test_the_judge_sees_a_claim_under_a_stale_fence(sent, simulator):
    instance, run, _ = sent
    claim = (
        "insert into claims (run, batch, claim_no, kind, account, fence, first_row, last_row, n, n_settled, request_key,"
        " slot_at, step_s, send_before, state, claimed_at)"
        " values (:run, 0, :claim_no, 'submit', 'sim', :fence, 0, 1, 1, 1, 'k', 0, 0, 0, 'settled', 0)"
    )
    with instance.store.write.begin() as connection:
        for claim_no, fence in enumerate((1, 3, 2)):
            connection.execute(sa.text(claim), {"run": run, "claim_no": claim_no, "fence": fence})
    assert judge(instance, [run], simulator.url).stale_claims == 1
