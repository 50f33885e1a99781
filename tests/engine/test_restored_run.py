"""Backed up in mid-run, lost, restored, reconciled: by the simulator's own count, nobody got anything twice."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from data.accounts import Account
from data.backup import write_backup
from data.instance import Instance
from data.keys import read_secrets
from data.runs import read_run
from engine.closing import close_run, reopen_run
from engine.reconcile import Reconciled, reconcile_run
from engine.restoring import Restored, Target, restore_backup
from engine.run_control import resume_run
from engine.sender.process import SendingProcess
from gateway_clients.base import GatewayClient
from gateway_clients.registry import make_client
from messaging.batches import BatchRef
from messaging.runs import RunState
from tests.chaos.arena import freeze_a_run, set_account
from tests.conftest import Simulator
from tests.data.small_house import House, house_in, terms

N, BATCH_SIZE = 900, 100
SLOW_MPS, FAST_MPS = 40, 500  # so slow that the run outlasts any backup; then it is not waited for
PATIENCE_S = 60.0

pytestmark = pytest.mark.slow


@dataclasses.dataclass
class World:
    """One gateway, the instance that is lost, and the one that is made of its backup."""

    folder: Path
    simulator: Simulator
    store_urls: list[str]  # of PostgreSQL; none: SQLite under the var folder

    def house(self, name: str) -> House:
        if not self.store_urls:
            return house_in(self.folder / name)
        return House(self.folder / name, self.store_urls[("lost", "new").index(name)])

    def client_for(self, account: Account) -> GatewayClient:
        settings = {**account.settings, "url": self.simulator.url}
        return make_client(account.kind, settings, account.credentials, concurrency=account.concurrency)

    @contextmanager
    def sending(self, instance: Instance, run: int) -> Iterator[SendingProcess]:
        """All batches of the run are sent meanwhile; what is still on its way at the end is awaited."""
        sender = SendingProcess(
            instance.store,
            var_dir=instance.var_dir,
            keys=instance.keys,
            drain_s=20,
            client_for=self.client_for,
        )
        n_batches = read_run(instance.store, run).n_batches
        with ThreadPoolExecutor(4) as threads:
            sent = [
                threads.submit(sender.submit_batch, BatchRef(run, batch), f"task {batch}")
                for batch in range(n_batches)
            ]
            yield sender
            for one in sent:
                one.result()
        sender.close()

    def wait_for(self, n: int) -> None:
        """Until the gateway has taken so many."""
        give_up_at_s = time.monotonic() + PATIENCE_S
        while self.n_taken < n:
            assert time.monotonic() < give_up_at_s, "nothing is being sent"
            time.sleep(0.02)

    @property
    def n_taken(self) -> int:
        return int(self.simulator.ledger()["messages"])

    def back_up_in_mid_run(self, *, is_finished: bool) -> tuple[Path, int]:
        """A backup that was made while a sender worked; it sent everything afterwards, or half of what was left."""
        with self.house("lost").opened(now=time.time()) as instance:
            set_account(instance, rate_mps=SLOW_MPS, bulk_size=1, concurrency=20)
            run = freeze_a_run(instance, n_messages=N, batch_size=BATCH_SIZE)
            with self.sending(instance, run) as sender:
                self.wait_for(N // 20)
                folder = write_backup(instance, self.folder / "backups", now=time.time()).folder
                assert self.n_taken < N, "the backup came too late to be one in mid-run"
                set_account(instance, rate_mps=FAST_MPS, bulk_size=1, concurrency=20)
                if not is_finished:
                    self.wait_for(self.n_taken + N // 8)
                    sender.drain()
            assert terms(instance, run).get("accepted") == self.n_taken
        return folder, run

    def restore(self, folder: Path) -> Restored:
        lost, new = self.house("lost"), self.house("new")
        target = Target(
            var_dir=new.var_dir,
            store_url=new.store_url,
            secrets=read_secrets(lost.var_dir / "keys"),
            keeps_keys=True,
        )
        return restore_backup(folder, target, by="ann", now=time.time())

    def reconcile(self, instance: Instance, run: int) -> Reconciled:
        """As often as the gateway may still learn of a message that is on its way."""
        while True:
            done = reconcile_run(
                instance.store,
                run,
                by="ann",
                var_dir=instance.var_dir,
                keys=instance.keys,
                client_for=self.client_for,
            )
            if done.ask_again_at is None:
                return done
            time.sleep(max(0.0, done.ask_again_at - time.time()) + 0.1)

    def check(self, n_taken: int) -> None:
        ledger = self.simulator.ledger()
        assert (ledger["messages"], ledger["distinct_references"]) == (n_taken, n_taken)
        assert (ledger["duplicates_by_reference"], ledger["duplicates_by_number"]) == (0, 0)


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request, tmp_path, simulator) -> World:
    simulator.set(latency_ms=20)
    urls = []
    if request.param == "postgresql":
        postgres = request.getfixturevalue("postgres")
        urls = [postgres.new_database(), postgres.new_database()]
    return World(tmp_path, simulator, urls)


def test_what_was_sent_after_the_backup_is_found_out_and_not_sent_again(world):
    folder, run = world.back_up_in_mid_run(is_finished=True)
    restored = world.restore(folder)
    with world.house("new").opened(now=time.time()) as instance:
        assert 0 < restored.n_unconfirmed < N
        assert terms(instance, run) == {
            "accepted": N - restored.n_unconfirmed,
            "unconfirmed": restored.n_unconfirmed,
        }
        resume_run(instance.store, run, by="ann", now=time.time(), opt_outs_checked=True)
        with world.sending(instance, run):  # a Retry of every batch: nothing is claimable
            pass
        world.check(N)
        assert world.reconcile(instance, run).n_unconfirmed == 0
        with world.sending(instance, run):
            pass
        assert terms(instance, run) == {"accepted": N}
        assert read_run(instance.store, run).state is RunState.FINISHED
    world.check(N)


def test_what_was_never_sent_goes_out_once_after_all(world):
    folder, run = world.back_up_in_mid_run(is_finished=False)
    n_taken = world.n_taken
    world.restore(folder)
    with world.house("new").opened(now=time.time()) as instance:
        resume_run(instance.store, run, by="ann", now=time.time(), opt_outs_checked=True)
        done = world.reconcile(instance, run)
        assert terms(instance, run) == {"accepted": n_taken, "unsent": N - n_taken}
        assert done.run.state is RunState.FINISHED_WITH_UNSENT
        world.check(n_taken)

        set_account(instance, rate_mps=FAST_MPS, bulk_size=1, concurrency=20)
        reopen_run(instance.store, done.run, now=time.time())
        with world.sending(instance, run):
            pass
        assert close_run(instance.store, run, now=time.time()).state is RunState.FINISHED
        assert terms(instance, run) == {"accepted": N}
    world.check(N)
