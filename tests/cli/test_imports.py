"""Imports that a worker runs for a deployment: what a kill, Retry and a schedule make of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from config.settings import CHECKOUT
from tests.cli.conftest import wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.prefect,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc"),
]

N_MANY = 40_000
N_BAD = 7
IMPORT = """
list = "{name}"
[source]
file = "{name}.csv"
[schedule]
{schedule}
"""


@pytest.fixture
def up(instance):
    instance.ready()
    return instance


def write_import(folder, name, *, n_people, schedule="", first=447_400_000_000):
    """An import of people with numbers, each its own, and of some without."""
    people = [f"+{first + n},Zebedee{n}" for n in range(n_people)]
    bad = [f"n/a,Nobody{n}" for n in range(N_BAD)]
    (folder / f"{name}.csv").write_text("\n".join(["mobile,first_name", *people, *bad]) + "\n")
    path = folder / f"{name}.toml"
    path.write_text(IMPORT.format(name=name, schedule=schedule))
    return path


def process_of(up, flow_run):
    """The process that runs a flow run."""
    mark = f"PREFECT__FLOW_RUN_ID={flow_run}".encode()
    return [pid for pid in up.processes() if mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")]


def is_completed_by_retry(up, flow_run):
    """A late report of the worker can overtake a retry and make it Crashed; then a person asks once more."""
    state = up.server.state_of(flow_run).type
    if state == "CRASHED":
        wait_for(lambda: False, within_s=5)
        up.retry(flow_run)
    return state == "COMPLETED"


def n_on_list(up, name):
    return up.ask(f"select count(*) from list_members join lists using (list) where name = '{name}'")


def test_an_import_that_was_killed_half_way_is_finished_by_retry_with_the_right_counts(up, tmp_path):
    path = write_import(tmp_path, "killed", n_people=N_MANY)
    flow_run = up.server.create_flow_run("import-contacts/house", {"params": {"definition": str(path)}})
    assert wait_for(lambda: n_on_list(up, "killed") > 0, within_s=120)
    for pid in process_of(up, flow_run):
        os.kill(pid, signal.SIGKILL)
    n_before = n_on_list(up, "killed")
    assert up.end_of(flow_run).type == "CRASHED"
    assert n_before < N_MANY, "the import was over before it was killed"

    assert wait_for(lambda: is_completed_by_retry(up, flow_run), within_s=300), up.server.state_of(flow_run)
    assert n_on_list(up, "killed") == N_MANY
    assert (
        up.ask("select count(*) from contacts where msisdn between '+447400000000' and '+447400039999'")
        == N_MANY
    )
    counts = up.ask(
        "select n_rows || ' ' || (n_new + n_changed + n_same) || ' ' || n_double || ' ' || n_rejects "
        "from imports where name = 'killed' and state = 'finished'"
    )
    assert counts == f"{N_MANY + N_BAD} {N_MANY} 0 {N_BAD}"


@pytest.mark.skipif(not os.environ.get("LONG_TESTS"), reason="takes three minutes: LONG_TESTS=1 runs it")
def test_an_interval_fires_by_itself_and_reads_a_source_only_when_it_has_changed(up, tmp_path):
    every = {"schedule": 'interval = "30s"', "first": 447_400_500_000}
    path = write_import(tmp_path, "nightly", n_people=5, **every)
    deployed = subprocess.run(
        [sys.executable, "-c", "from cli.main import main; main()", "deploy", str(path)],
        cwd=CHECKOUT,
        env={**os.environ, "TIDINGS_VAR_DIR": str(up.var_dir), "TIDINGS_PREFECT_PORT": str(up.prefect_port)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert deployed.returncode == 0, deployed.stderr
    assert "import-contacts/nightly deployed (interval)" in deployed.stdout
    assert wait_for(lambda: n_on_list(up, "nightly") == 5, within_s=150)
    assert wait_for(lambda: n_named(up, "Unchanged") >= 1, within_s=150)
    assert up.ask("select count(*) from imports where name = 'nightly'") == 1

    write_import(tmp_path, "nightly", n_people=8, **every)
    finished = "name = 'nightly' and state = 'finished' order by import desc"
    counts = f"select n_new || ' new, ' || n_same || ' the same' from imports where {finished}"
    assert wait_for(lambda: up.ask(counts) == "3 new, 5 the same", within_s=150)
    assert n_on_list(up, "nightly") == 8


def n_named(up, name):
    return up.prefect("/flow_runs/count", {"flow_runs": {"state": {"name": {"any_": [name]}}}})
