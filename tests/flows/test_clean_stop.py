"""The ends of a flow that are not its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from prefect.exceptions import TerminationSignal

from data.runs import bind_run, move_run, read_run
from flows import clean_stop as flow
from messaging.runs import RunState


class Sender:
    """Remembers that it was drained, and what state its run had when that began."""

    def __init__(self):
        self.n_drains = 0

    def drain(self):
        self.n_drains += 1


@pytest.fixture
def run(instance) -> int:
    """A run that is being sent, as far as its state says."""
    bound = bind_run(
        instance.store,
        flow_run_id="f1",
        run_key="k1",
        campaign="welcome",
        account="sim",
        origin="hand",
        is_simulated=True,
        now=1.0,
    )
    assert move_run(instance.store, bound.run, RunState.SENDING, now=2.0)
    return bound.run


@pytest.fixture
def sender():
    return Sender()


@pytest.mark.prefect
@pytest.mark.parametrize("end", [TerminationSignal(signal=signal.SIGTERM), KeyboardInterrupt()])
def test_a_flow_that_is_told_to_end_drains_and_leaves_its_run_sending(
    instance, run, sender, monkeypatch, end
):
    monkeypatch.setattr(flow, "is_being_cancelled", lambda: False)
    with pytest.raises(type(end)), flow.clean_stop(instance, run, sender):
        raise end
    assert (sender.n_drains, read_run(instance.store, run).state) == (1, RunState.SENDING)


@pytest.mark.prefect
def test_a_flow_that_is_cancelled_cancels_its_run_and_drains(instance, run, sender, monkeypatch):
    monkeypatch.setattr(flow, "is_being_cancelled", lambda: True)
    with pytest.raises(TerminationSignal), flow.clean_stop(instance, run, sender):
        raise TerminationSignal(signal=signal.SIGTERM)
    cancelled = read_run(instance.store, run)
    assert (cancelled.state, cancelled.state_reason) == (RunState.CANCELLED, "cancelled by Prefect")
    assert sender.n_drains == 1


@pytest.mark.prefect
def test_an_error_of_the_flow_is_no_reason_to_drain(instance, run, sender):
    with pytest.raises(ZeroDivisionError), flow.clean_stop(instance, run, sender):
        raise ZeroDivisionError
    assert sender.n_drains == 0


CHILD_OF_A_WORKER = """
import os, signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", '''
import os, signal, sys, time
os.environ["PREFECT__FLOW_RUN_ID"] = "f1"
from flows import clean_stop
clean_stop.LOOK_EVERY_S = 0.05
signal.signal(signal.SIGTERM, lambda *_: (print("told to end", flush=True), sys.exit(0)))
clean_stop.end_with_worker()
print("watching", flush=True)
while True: time.sleep(0.05)
'''], stdout=sys.stdout)
print(sys.stdin.readline())
os._exit(9)
"""


@pytest.mark.slow
def test_a_flow_run_ends_when_its_worker_is_killed():
    with subprocess.Popen(
        [sys.executable, "-c", CHILD_OF_A_WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        assert worker.stdout.readline() == "watching\n"
        os.kill(worker.pid, signal.SIGKILL)
        assert worker.stdout.readline() == "told to end\n"
