"""Several processes on one PostgreSQL, as several machines would be."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import sqlalchemy as sa

from data.ledger.records import own_request_key
from messaging.batches import BatchRef
from tests.chaos.arena import freeze_a_run, instance_in, judge, set_account
from tests.chaos.modes import POSTGRES
from tests.chaos.nursery import nursery
from tests.chaos.report import Report
from tests.chaos.trials import Surroundings, Trial
from tests.chaos.victim import EXIT_BUSY, EXIT_DONE, owner_of

pytestmark = pytest.mark.slow

N_MESSAGES, BATCH_SIZE = 1_600, 100


def test_four_processes_share_a_run_and_nobody_gets_it_twice(postgres, simulator, tmp_path):
    url = postgres.new_database()
    simulator.set(latency_ms=10)
    with instance_in(tmp_path, url) as instance, nursery() as children:
        set_account(instance, rate_mps=None, bulk_size=1, concurrency=10)
        run = freeze_a_run(instance, n_messages=N_MESSAGES, batch_size=BATCH_SIZE)
        senders = [
            children.bear(
                var_dir=str(tmp_path),
                store_url=url,
                run=run,
                simulator=simulator.url,
                seed=seed,
                lease_s=20.0,
            )
            for seed in range(4)
        ]
        assert {sender.wait() for sender in senders} <= {EXIT_DONE, EXIT_BUSY}
        verdict = judge(instance, [run], simulator.url)
        assert verdict.is_kept
        assert (verdict.received, verdict.unconfirmed) == (N_MESSAGES, 0)
        assert all(n_claims_of(instance, run, sender) for sender in senders)


def n_claims_of(instance, run, sender):
    """How many claims bear the mark of this process."""
    owner = owner_of(sender.order, sender.pid)
    with instance.store.read.connect() as connection:
        claims = connection.execute(sa.text("select batch, claim_no, request_key from claims")).all()
    return sum(
        key == own_request_key(owner, BatchRef(run, batch), claim_no) for batch, claim_no, key in claims
    )


def test_a_sender_goes_on_when_its_connections_are_cut(postgres, simulator):
    """Without a single death: a settle is tried again until the store has it."""
    with nursery() as children:
        around = Surroundings(nursery=children, simulator=simulator.url, new_database=postgres.new_database())
        report, mode = Report(), replace(POSTGRES, n_racing=1, lease_s=20.0)
        Trial(mode, around, report, random.Random(1), flight=True).play(0)
    assert report.failures(n_kills=0, least_per_phase=0) == []
    assert report.total()["messages"] == mode.n_messages
    assert report.n_cuts
