"""Runs that are run again on the worker of `tidings up`: what is left is sent, and what was sent is not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from cli.children import stop_child
from cli.supervisor import _children_of
from config.settings import CHECKOUT
from tests.cli.conftest import wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.prefect,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc"),
    pytest.mark.skipif(not os.environ.get("LONG_TESTS"), reason="takes minutes: LONG_TESTS=1 runs it"),
]

N_BATCHES = 200
# Somebody else holds these two batches, as long as a lease can be held without a renewal.
HOLD = """
create trigger held after insert on batches when new.batch in (3, 203) begin
    update batches set owner = 'somebody else', expires_at = unixepoch() + 85
    where run = new.run and batch = new.batch;
end;
"""
LET_GO = """
drop trigger if exists held;
update batches set owner = null where owner = 'somebody else';
"""


@pytest.fixture
def up(instance, simulator):
    """A running `tidings up` that sends to a simulator with empty books."""
    instance.ready()
    return instance


@pytest.fixture
def two_held(up):
    """Batches 3 and 203 of whatever is frozen meanwhile fail, since somebody else holds them."""
    up.tell(HOLD)
    yield lambda: up.tell(LET_GO)
    up.tell(LET_GO)


def again(up, flow_run):
    """Retry, as the UI asks for it; how the flow run ends, and after how many seconds."""
    began_s = time.monotonic()
    up.retry(flow_run)
    state = up.end_of(flow_run)
    return state, time.monotonic() - began_s


def settled(count):
    """A count that no longer changes: Prefect's server records task runs some time after they ran."""
    seen = [count()]
    give_up_at_s = time.monotonic() + 120
    while len(seen) < 4 or len(set(seen[-4:])) > 1:
        assert time.monotonic() < give_up_at_s
        time.sleep(1.5)
        seen.append(count())
    return seen[-1]


def counts(simulator):
    books = simulator.ledger()
    return books["messages"], books["duplicates_by_reference"]


def test_retry_of_parts_and_of_the_campaign_run_sends_what_is_left_of_250_batches(
    up, simulator, tmp_path, two_held
):
    flow_run = up.send(tmp_path, "250 batches", n_people=250, batch_size=1)
    failed = up.end_of(flow_run)
    assert failed.type == "FAILED"
    assert "part 1: 1 of 200 batches failed: batch-3;" in failed.message
    assert "part 2: 1 of 50 batches failed: batch-203" in failed.message
    assert counts(simulator) == (248, 0)

    two_held()
    first, second = up.parts_of(flow_run)
    assert again(up, second)[0].type == "COMPLETED"
    assert (counts(simulator), up.run_of("250 batches", "state")) == ((249, 0), "sending")

    n_tasks = settled(up.n_batch_tasks)
    assert again(up, flow_run)[0].type == "COMPLETED"
    assert (counts(simulator), up.run_of("250 batches", "state")) == ((250, 0), "finished")
    assert [up.server.state_of(part).type for part in (first, second)] == ["COMPLETED"] * 2
    assert settled(up.n_batch_tasks) == n_tasks + N_BATCHES  # the part that was done is not run again


def test_a_finished_run_of_200_batches_runs_again_and_sends_nothing(up, simulator, tmp_path, record_property):
    flow_run = up.send(tmp_path, "200 batches", n_people=2 * N_BATCHES, batch_size=2)
    assert up.end_of(flow_run).type == "COMPLETED"
    assert counts(simulator) == (2 * N_BATCHES, 0)
    run = up.run_of("200 batches", "run")

    def by_rerun():
        asked = {"run": run, "which": "all", "decided_by": "ann"}
        return up.server.create_flow_run("rerun-batches/house", {"params": asked})

    def without_prefects_memory():
        stop_child(up.running[-1], patience_s=90)
        for file in (up.var_dir / "prefect").glob("prefect.db*"):
            file.unlink()
        up.ready()
        parameters = {"params": {"campaign": str(tmp_path / "slow.toml"), "run_key": "200 batches"}}
        return lambda: up.server.create_flow_run("send-campaign/house", parameters)

    def timed(name, start):
        n_tasks, began_s = settled(up.n_batch_tasks), time.monotonic()
        state = up.end_of(start())
        record_property(name, round(time.monotonic() - began_s, 1))
        print(f"{name}: {time.monotonic() - began_s:.1f} s, load {os.getloadavg()[0]:.1f}")
        assert state.type == "COMPLETED"
        assert settled(up.n_batch_tasks) == n_tasks + N_BATCHES
        assert counts(simulator) == (2 * N_BATCHES, 0)

    def by_retry(flow_run):
        up.retry(flow_run)
        return flow_run

    timed("Retry of the campaign run", lambda: by_retry(flow_run))
    timed("Retry of its part", lambda: by_retry(up.parts_of(flow_run)[0]))
    timed("rerun_batches(all)", by_rerun)
    timed("with Prefect's database deleted", without_prefects_memory())
    assert up.run_of("200 batches", "state") == "finished"


def test_a_run_whose_worker_was_killed_ends_by_itself_without_a_duplicate(up, simulator, tmp_path):
    """Worker and flow runs die together, so nobody reports it: the automation does, and keep_house retries."""
    simulator.set(latency_ms=300)
    flow_run = up.send(tmp_path, "lost", n_people=2_000)
    assert wait_for(lambda: simulator.ledger()["messages"] > 50, within_s=120)
    (worker,) = (pid for pid in _children_of(up.running[-1].pid) if up.is_worker(pid))
    dying = {worker, *_children_of(worker)}
    for pid in dying:
        os.kill(pid, signal.SIGSTOP)  # so that none can tell of the end of another
    for pid in dying:
        os.kill(pid, signal.SIGKILL)
    simulator.set(latency_ms=0)

    began_s = time.monotonic()
    assert up.server.state_of(flow_run).type == "RUNNING"
    assert wait_for(lambda: up.server.state_of(flow_run).type == "CRASHED", within_s=200)
    print(f"Crashed after {time.monotonic() - began_s:.0f} s")
    assert up.server.state_of(flow_run).message.startswith("no heartbeat for 90 s")
    assert wait_for(lambda: up.server.state_of(flow_run).type == "SCHEDULED", within_s=200)
    print(f"retried after {time.monotonic() - began_s:.0f} s")
    assert wait_for(lambda: up.run_of("lost", "state").startswith("finished"), within_s=120)
    print(f"{up.run_of('lost', 'state')} after {time.monotonic() - began_s:.0f} s")
    n_in_doubt = up.ask("select count(*) from outcomes where status = 4")
    assert simulator.ledger()["duplicates_by_reference"] == 0
    assert 2_000 - n_in_doubt <= simulator.ledger()["messages"] <= 2_000


def test_resume_hands_a_paused_run_to_the_worker_at_once(up, simulator, tmp_path):
    simulator.set(latency_ms=1_500)  # a minute for all of them, so that a command has its time to start
    flow_run = up.send(tmp_path, "paused", n_people=2_000)
    assert wait_for(lambda: simulator.ledger()["messages"] > 50, within_s=120)
    assert tidings(up, "pause", "paused")["state"] == "paused"
    wait_for(lambda: False, within_s=2)
    at_pause = simulator.ledger()["messages"]
    assert up.end_of(flow_run).type == "FAILED"
    assert simulator.ledger()["messages"] == at_pause < 2_000

    simulator.set(latency_ms=0)
    assert tidings(up, "resume", "paused")["taken_up"] == "retried"
    assert wait_for(lambda: up.run_of("paused", "state") == "finished", within_s=120)
    assert counts(simulator) == (2_000, 0)


def test_of_many_late_sweeps_one_does_the_work_of_all(up):
    sweeps = [up.server.create_flow_run("keep-house/house", {}) for _ in range(6)]
    ends = [up.end_of(sweep).type for sweep in sweeps]
    assert ends.count("COMPLETED") >= 1
    assert set(ends) == {"COMPLETED", "CANCELLED"}


def tidings(up, *words):
    """A command beside the running instance; what it prints as JSON."""
    command = [sys.executable, "-c", "from cli.main import main; main()", *words, "--json"]
    asked = subprocess.run(
        command,
        cwd=CHECKOUT,
        env={
            **os.environ,
            "TIDINGS_VAR_DIR": str(up.var_dir),
            "TIDINGS_PREFECT_PORT": str(up.prefect_port),
            "TIDINGS_SIMULATOR_URL": up.simulator_url,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    return json.loads(asked.stdout)
