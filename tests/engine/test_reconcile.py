"""Real runs through the real simulator over HTTP, with faults; then reconciled and compared with its books."""

from __future__ import annotations

import asyncio
import time

import pytest
import sqlalchemy as sa

from data.ledger.deciding import Decision
from data.ledger.leasing import take
from data.ledger.rules import Rules
from data.store.tables import runs, suppressions
from engine.reconcile import CannotReconcile, reconcile_run
from engine.resolving import resolve_run
from gateway_clients.simulator_client import SimulatorClient
from messaging.batches import BatchRef
from messaging.runs import RunState
from tests.engine.doubtful import KEYS, N_BATCHES, NOT_TAKEN, RUN, SIZE, TAKEN, client_for


@pytest.mark.parametrize("bulk_size", [1, 20])
def test_what_the_gateway_took_is_adopted_by_look_up(either_house, bulk_size):
    house = either_house
    house.choose_gateway(bulk_size=bulk_size)
    house.send(**({"half_answer": {"every": 2}} if bulk_size > 1 else TAKEN))
    n = house.terms()["unconfirmed"]
    assert n >= SIZE / 3
    done = house.reconcile()
    assert (done.n_by_look_up, done.n_unconfirmed, done.n_resubmitted) == (n, 0, 0)
    assert (done.run.state, house.terms()) == (RunState.FINISHED, {"accepted": SIZE * N_BATCHES})
    assert house.accepted() == set(house.simulator.references())


def test_receipts_prove_first(house):
    house.simulator.set(waiting_share=0)
    house.send(**TAKEN)
    n = house.terms()["unconfirmed"]
    done = house.reconcile()
    assert (done.n_by_receipts, done.n_by_look_up, done.n_unconfirmed) == (n, 0, 0)
    assert done.run.state is RunState.FINISHED


def test_a_second_call_changes_nothing(house):
    house.send(**TAKEN, **NOT_TAKEN)
    house.let_pass()
    house.reconcile()
    before = house.everything()
    again = house.reconcile()
    assert house.everything() == before
    assert (again.n_by_look_up, again.n_surely_unsent, again.n_resubmitted) == (0, 0, 0)


def test_what_the_gateway_surely_never_took_is_unsent_once_nothing_can_be_on_its_way(house):
    house.send(**NOT_TAKEN)
    n = house.terms()["unconfirmed"]
    too_early = house.reconcile()
    assert (too_early.n_surely_unsent, too_early.n_unconfirmed, too_early.n_too_early) == (0, n, n)
    assert too_early.ask_again_at > time.time()
    house.let_pass()
    done = house.reconcile()
    assert (done.n_surely_unsent, done.n_unconfirmed, done.n_too_early) == (n, 0, 0)
    assert done.run.state is RunState.FINISHED_WITH_UNSENT
    house.send()
    assert house.terms() == {"accepted": SIZE * N_BATCHES}


def test_a_look_up_that_took_long_is_worth_another_one_at_once(house, monkeypatch):
    # Asked while something could be on its way, answered when nothing could: the answer proved nothing, a new one will.
    house.send(**NOT_TAKEN)
    n = house.terms()["unconfirmed"]
    house.let_pass(29)

    async def slowly(self, references):
        await asyncio.sleep(5)
        return await look_up(self, references)

    look_up = SimulatorClient.look_up
    monkeypatch.setattr(SimulatorClient, "look_up", slowly)
    slow = house.reconcile()
    assert (slow.n_surely_unsent, slow.n_too_early) == (0, n)
    assert slow.ask_again_at < time.time()
    assert house.reconcile().n_surely_unsent == n


@pytest.mark.parametrize("bulk_size", [1, 20])
def test_where_second_copies_are_refused_nothing_stays_in_doubt(either_house, bulk_size):
    house = either_house
    house.simulator.set(dedupe=True)
    house.choose_gateway(bulk_size=bulk_size, dedupe_window_s=3600, look_up="none")
    faults = {"half_answer": {"every": 2}} if bulk_size > 1 else {**TAKEN, **NOT_TAKEN}
    house.send(**faults)
    n, n_taken = house.terms()["unconfirmed"], house.simulator.ledger()["messages"]
    house.let_pass()
    done = house.reconcile()
    assert (done.n_resubmitted, done.n_by_resubmission, done.n_unconfirmed) == (n, n, 0)
    assert (done.run.state, house.terms()) == (RunState.FINISHED, {"accepted": SIZE * N_BATCHES})
    books = house.simulator.ledger()
    assert books["messages"] == SIZE * N_BATCHES
    assert books["deduplicated"] == n - (books["messages"] - n_taken)
    assert house.rows("select distinct kind from claims order by kind") == [("resubmit",), ("submit",)]
    [(reason,)] = house.rows("select details from audit_log where what = 'reconcile'")
    assert reason == '{"run":1}'


def test_copies_that_are_lost_as_well_are_tried_again_in_the_same_call(house):
    house.simulator.set(dedupe=True)
    house.choose_gateway(dedupe_window_s=3600, look_up="none")
    house.send(**TAKEN, **NOT_TAKEN)
    house.let_pass()
    house.rules = Rules(back_off_s=0.05)
    faults = {"drop_after_accepting": {"every": 12}, "unavailable": {"every": 20}}
    house.simulator.set(faults=faults, retry_after_s=0.1)
    done = house.reconcile()
    assert done.n_unconfirmed == 0
    assert done.n_resubmitted > done.n_by_resubmission


def test_where_they_are_not_refused_nothing_goes_out_a_second_time(house):
    house.choose_gateway(look_up="none")
    house.send(**TAKEN, **NOT_TAKEN)
    n, n_requests = house.terms()["unconfirmed"], house.simulator.ledger()["requests"]
    house.let_pass()
    before = house.everything()
    done = house.reconcile()
    assert (done.n_resubmitted, done.n_unconfirmed, done.n_undecided) == (0, n, n)
    assert house.everything() == before
    assert house.simulator.ledger()["requests"] == n_requests
    assert done.run.state is RunState.FINISHED_WITH_UNCONFIRMED


def test_nothing_goes_out_when_the_gateway_may_have_forgotten(house):
    house.simulator.set(dedupe=True)
    house.choose_gateway(dedupe_window_s=3600, look_up="none")
    house.send(**NOT_TAKEN)
    house.let_pass(3100)
    assert house.reconcile().n_resubmitted == 0


@pytest.mark.parametrize("look_up", ["evidence", "none"])
def test_an_absence_that_proves_nothing_leaves_the_doubt(house, look_up):
    house.choose_gateway(look_up=look_up)
    house.send(**NOT_TAKEN)
    n = house.terms()["unconfirmed"]
    house.let_pass()
    done = house.reconcile()
    assert (done.n_surely_unsent, done.n_unconfirmed, done.n_look_up_failed) == (0, n, 0)


def test_a_gateway_that_gives_no_answer_leaves_everything_as_it_was_and_that_is_said(house):
    house.choose_gateway(dedupe_window_s=3600)
    house.send(**NOT_TAKEN)
    house.let_pass()
    house.simulator.set(api_key="another one", dedupe=True)
    before = house.everything()
    done = house.reconcile()
    n = house.terms()["unconfirmed"]
    assert (done.n_look_up_failed, done.n_resubmitted, done.n_unconfirmed) == (n, 0, n)
    assert "answered 401" in done.gateway_errors[0]
    assert house.everything() == before


@pytest.mark.parametrize("state", [RunState.PAUSED, RunState.CANCELLED])
def test_a_run_that_may_not_send_adopts_what_is_proved_and_sends_nothing(house, state):
    house.simulator.set(dedupe=True)
    house.choose_gateway(dedupe_window_s=3600)
    house.send(**TAKEN, **NOT_TAKEN)
    n, n_taken = house.terms()["unconfirmed"], house.simulator.ledger()["messages"]
    house.let_pass()
    with house.store.write.begin() as connection:
        connection.execute(sa.text(f"update runs set state = '{state.value}'"))
    done = house.reconcile()
    assert (done.n_by_look_up + done.n_surely_unsent, done.n_resubmitted) == (n, 0)
    assert done.run.state is state
    assert house.simulator.ledger()["messages"] == n_taken
    assert house.terms() == {
        "accepted": n_taken,
        "stopped" if state is RunState.CANCELLED else "unsent": SIZE * N_BATCHES - n_taken,
    }


def test_a_paused_run_sends_no_copies(house):
    house.simulator.set(dedupe=True)
    house.choose_gateway(dedupe_window_s=3600, look_up="none")
    house.send(**NOT_TAKEN)
    house.let_pass()
    with house.store.write.begin() as connection:
        connection.execute(sa.text("update runs set state = 'paused'"))
    before = house.everything()
    assert house.reconcile().n_unconfirmed == house.terms()["unconfirmed"]
    assert house.everything() == before


def test_a_batch_that_somebody_else_works_on_is_left_to_them(house):
    house.simulator.set(dedupe=True)
    house.choose_gateway(dedupe_window_s=3600, look_up="none")
    house.send(**NOT_TAKEN)
    house.let_pass()
    with house.store.write.begin() as connection:
        take(connection, BatchRef(RUN, 0), "somebody", house.rules, time.time())
    done = house.reconcile()
    assert (done.n_busy, done.n_unconfirmed) == (1, SIZE // 3)
    assert done.run.state is RunState.SENDING  # theirs to close


def test_what_a_dead_holder_left_in_flight_is_in_doubt_and_reconciled(house):
    """Nobody took the batch since, and no house sweep runs."""
    house.rules = Rules(lease_s=1.5)
    house.send()
    with house.store.write.begin() as connection:
        connection.execute(sa.text("delete from outcomes where batch = 0 and row < 3"))
        connection.execute(
            sa.text("update claims set state = 'open', n_settled = n - 3 where batch = 0 and claim_no = 0")
        )
        connection.execute(sa.text("update batches set owner = 'gone', expires_at = 1 where batch = 0"))
        connection.execute(sa.text("update runs set state = 'sending'"))
    assert house.terms() == {"accepted": SIZE * N_BATCHES - 3, "in_flight": 3}
    done = house.reconcile()
    assert (done.n_by_look_up, house.terms()) == (3, {"accepted": SIZE * N_BATCHES})
    assert done.run.state is RunState.FINISHED


def test_who_wrote_stop_meanwhile_gets_no_second_copy(house):
    house.simulator.set(dedupe=True)
    house.choose_gateway(dedupe_window_s=3600, look_up="none")
    house.send(**NOT_TAKEN)
    house.let_pass()
    [(batch, row), *_] = house.rows("select batch, row from outcomes where status = 4 order by batch, row")
    with house.store.write.begin() as connection:
        connection.execute(
            sa.insert(suppressions).values(
                person_key=f"p{batch}-{row}", scope="", reason="stop", source="reply", at=1
            )
        )
    assert house.reconcile().n_unconfirmed == 1
    assert house.sealer.seal(RUN, batch, row) not in house.simulator.references()
    before = house.everything()
    assert house.reconcile().n_unconfirmed == 1
    assert house.everything() == before


def test_what_a_person_assumed_sent_is_proved_or_left(house):
    house.simulator.set(dedupe=True)
    house.choose_gateway(dedupe_window_s=3600)
    house.send(**TAKEN, **NOT_TAKEN)
    n, n_taken = house.terms()["unconfirmed"], house.simulator.ledger()["messages"]
    house.let_pass()
    resolve_run(house.store, RUN, Decision.ASSUMED_SENT, by="Ann", why="late", now=time.time())
    done = house.reconcile()
    assert (done.n_unconfirmed, done.n_assumed_sent) == (
        SIZE * N_BATCHES - n_taken,
        SIZE * N_BATCHES - n_taken,
    )
    assert done.n_by_look_up == n - done.n_unconfirmed
    assert (done.run.state, house.simulator.ledger()["messages"]) == (RunState.FINISHED, n_taken)


def test_a_run_without_messages_has_nothing_to_reconcile(house):
    with house.store.write.begin() as connection:
        connection.execute(sa.insert(runs).values(
            run=2, campaign="c", state="planning", origin="hand", is_simulated=True, account="sim", created_at=0
        ))  # fmt: skip
    with pytest.raises(CannotReconcile, match="run 2 was never frozen"):
        reconcile_run(house.store, 2, by="Ann", var_dir=house.var_dir, keys=KEYS, client_for=client_for)
