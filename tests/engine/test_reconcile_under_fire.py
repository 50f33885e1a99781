"""Reconciling while others send, and by a process that is killed: nobody may get anything twice."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from data.ledger.rules import Rules
from messaging.runs import RunState
from tests.conftest import CHECKOUT
from tests.engine.doubtful import N_BATCHES, NOT_TAKEN, SIZE, TAKEN


@pytest.mark.slow
@pytest.mark.parametrize("n_requests", [1, 15])
def test_a_reconcile_that_is_killed_is_simply_asked_again(house, n_requests):
    house.simulator.set(dedupe=True)
    house.choose_gateway(dedupe_window_s=3600, look_up="none")
    house.send(**TAKEN, **NOT_TAKEN)
    house.let_pass()
    house.simulator.set(latency_ms=300)
    n_before = house.simulator.ledger()["requests"]
    call = f"reconcile_elsewhere({house.store.url!r}, {str(house.var_dir)!r})"
    code = f"from tests.engine.doubtful import reconcile_elsewhere; {call}"
    with subprocess.Popen([sys.executable, "-c", code], cwd=CHECKOUT) as process:
        while process.poll() is None and house.simulator.ledger()["requests"] < n_before + n_requests:
            time.sleep(0.02)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    in_flight = house.terms()["in_flight"]
    assert in_flight > 0
    house.let_pass()
    house.simulator.set(latency_ms=0)
    too_early = house.reconcile()
    assert too_early.n_unconfirmed == too_early.n_too_early >= in_flight, "whoever was killed might live"
    assert too_early.ask_again_at > time.time()
    house.let_pass()
    done = house.reconcile()
    assert (done.n_unconfirmed, done.run.state) == (0, RunState.FINISHED)


@pytest.mark.slow
def test_a_sender_and_a_reconciler_at_work_on_the_same_run_send_nothing_twice(house):
    """No second copy is refused here: only the ledger keeps what is in doubt, or proved unsent, from being doubled."""
    house.rules = Rules(lease_s=2.0, send_window_s=0.4, back_off_s=0.05)
    has_ended = threading.Event()
    proved: list[int] = []

    def reconcile_all_the_time() -> None:
        while not has_ended.is_set():
            done = house.reconcile()
            proved.append(done.n_by_look_up + done.n_surely_unsent)

    with ThreadPoolExecutor(1) as beside:
        reconciling = beside.submit(reconcile_all_the_time)
        give_up_at_s = time.monotonic() + 60
        while house.terms() != {"accepted": SIZE * N_BATCHES} and time.monotonic() < give_up_at_s:
            house.send(**TAKEN, **NOT_TAKEN)
        has_ended.set()
        reconciling.result()
    assert house.terms() == {"accepted": SIZE * N_BATCHES}
    assert sum(proved) > 0
