"""The sender of one process, a real store and the simulator in a process of its own."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from data.ledger.rules import Rules
from data.runs import read_run
from data.store.tables import runs
from engine.run_control import resume_run
from engine.sender.process import SendingProcess
from gateway_clients.registry import make_client
from messaging.batches import BatchRef
from messaging.runs import RunState
from tests.chaos.arena import freeze_a_run, instance_in, is_balanced, set_account

CONCURRENCY = 10


class House:
    """An instance, one run in it, and the senders of as many processes as a test wants."""

    def __init__(self, instance, simulator, *, n_messages, batch_size):
        self.instance, self.simulator = instance, simulator
        self.batches = range(-(-n_messages // batch_size))
        self.run = freeze_a_run(instance, n_messages=n_messages, batch_size=batch_size)

    def send(self, attempt="first", **rules):
        """One process, four batches at a time, as a part of a run does it."""
        sender = SendingProcess(
            self.instance.store,
            var_dir=self.instance.var_dir,
            keys=self.instance.keys,
            drain_s=5,
            client_for=self._client,
            rules=Rules(**rules),
        )
        try:
            with ThreadPoolExecutor(4) as threads:
                return list(
                    threads.map(
                        lambda b: sender.submit_batch(BatchRef(self.run, b), f"{attempt} {b}"), self.batches
                    )
                )
        finally:
            sender.close()
            assert is_balanced(self.instance, self.run)

    def _client(self, account):
        settings = {**account.settings, "url": self.simulator.url}
        return make_client(account.kind, settings, {"api_key": "ours"}, concurrency=account.concurrency)

    @property
    def record(self):
        return read_run(self.instance.store, self.run)

    def resume(self):
        return resume_run(self.instance.store, self.run, by="a test", now=time.time())


@pytest.fixture
def house_of(tmp_path, simulator):
    with instance_in(tmp_path / "var") as instance:

        def make(n_messages=1000, batch_size=200, *, bulk_size=1, rate_mps=None):
            set_account(instance, rate_mps=rate_mps, bulk_size=bulk_size, concurrency=CONCURRENCY)
            return House(instance, simulator, n_messages=n_messages, batch_size=batch_size)

        yield make


# The breaker


def test_a_gateway_that_refuses_everybody_stops_the_run_and_a_resume_goes_on_where_it_stopped(house_of):
    house = house_of()
    house.simulator.set(reject_share=1.0)
    tallies = house.send()
    assert (house.record.state, house.record.state_reason[-32:]) == (
        RunState.STOPPED,
        "messages in a row failed (blocked)"[-32:],
    )
    n_rejected = sum(tally.rejected for tally in tallies)
    assert 100 <= n_rejected <= 100 + 2 * CONCURRENCY
    assert house.simulator.ledger()["rejected"] == {"blocked": n_rejected}
    assert {tally.ended for tally in tallies} == {"stopped"}

    house.simulator.set(reject_share=0.0)
    assert not house.resume().is_worked
    tallies = house.send("second")
    assert (
        sum(tally.accepted for tally in tallies) == house.simulator.ledger()["messages"] == 1000 - n_rejected
    )
    assert sum(tally.rejected for tally in tallies) == n_rejected
    assert house.record.state is RunState.SENDING


def test_in_bulk_a_thread_has_two_requests_on_their_way_when_the_run_stops(house_of):
    house = house_of(bulk_size=100)
    house.simulator.set(reject_share=1.0, latency_ms=20)
    tallies = house.send()
    assert house.record.state is RunState.STOPPED
    assert sum(tally.rejected for tally in tallies) <= 4 * 2 * 100


@pytest.mark.parametrize("bulk_size", [1, 50])
@pytest.mark.parametrize(
    ("wrong", "right", "reason"),
    [
        ({"api_key": "another"}, {"api_key": "ours"}, "credentials refused"),
        ({"credit": 0}, {"credit": None}, "out of credit"),
    ],
)
def test_a_refused_account_stops_the_run_at_once_and_nothing_is_lost(
    house_of, bulk_size, wrong, right, reason
):
    house = house_of(bulk_size=bulk_size)
    house.simulator.set(latency_ms=5, **wrong)
    house.send()
    assert (house.record.state, house.record.state_reason) == (
        RunState.STOPPED,
        f"the gateway refuses the account: {reason}",
    )
    asked = house.simulator.ledger()
    assert asked["requests"] <= 2 * CONCURRENCY, "only what was claimed already"
    assert asked["messages"] == 0

    house.simulator.set(**right)
    house.resume()
    assert sum(tally.accepted for tally in house.send("second")) == 1000
    assert house.simulator.ledger()["duplicates_by_reference"] == 0


def test_the_guards_of_a_run_are_its_own(house_of):
    house = house_of()
    with house.instance.store.write.begin() as connection:
        guards = '{"max_failures_in_a_row": 1000000, "max_failure_rate": 1, "failure_window": 200}'
        connection.execute(sa.update(runs).values(guards=guards))
    house.simulator.set(reject_share=1.0)
    assert sum(tally.rejected for tally in house.send()) == 1000
    assert house.record.state is RunState.SENDING


# What is tried again


def accepted_of(tallies):
    return sum(tally.accepted for tally in tallies)


@pytest.mark.parametrize("bulk_size", [1, 50])
def test_a_gateway_that_throttles_gets_everything_in_the_end_and_nothing_twice(house_of, bulk_size):
    house = house_of(300, 100, bulk_size=bulk_size)
    house.simulator.set(throttle_per_s=100)
    assert accepted_of(house.send()) == 300
    ledger = house.simulator.ledger()
    assert (ledger["messages"], ledger["duplicates_by_reference"]) == (300, 0)
    assert ledger["throttled_requests"] > 0


def test_a_gateway_that_is_unavailable_for_a_moment_gets_everything_in_the_end(house_of):
    house = house_of(200, 100)
    house.simulator.set(faults={"unavailable": {"share": 0.2}}, retry_after_s=0.05)
    assert accepted_of(house.send(back_off_s=0.05)) == 200
    ledger = house.simulator.ledger()
    assert ledger["requests"] == 200 + ledger["faults"]["unavailable"]


def test_a_gateway_that_stays_unavailable_ends_the_batch_after_five_requests_a_message_with_its_reason(
    house_of,
):
    house = house_of(20, 20)
    house.simulator.set(faults={"unavailable": {"share": 1.0}}, retry_after_s=0.05)
    (tally,) = house.send(back_off_s=0.01)
    assert tally.in_words() == "batch 0: 20 unsent (gateway unavailable)"
    assert house.simulator.ledger()["requests"] == 5 * 20
    house.simulator.set(faults={})
    assert accepted_of(house.send("the rerun")) == 20, "a new task run has new attempts"


@pytest.mark.parametrize(
    "fault", ["drop_after_reading", "drop_after_accepting", "half_answer", "error_500_taken"]
)
def test_what_may_have_been_sent_is_not_tried_again(house_of, fault):
    house = house_of(20, 20)
    house.simulator.set(faults={fault: {"share": 1.0}})
    (tally,) = house.send()
    assert (tally.unconfirmed, tally.needs_attention) == (20, False)
    assert house.simulator.ledger()["requests"] == 20
    house.simulator.set(faults={})
    (tally,) = house.send("the rerun")
    assert (tally.unconfirmed, house.simulator.ledger()["requests"]) == (20, 20)
