"""One `tidings up` for the tests that need everything running."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.children import free_port
from config.settings import CHECKOUT, Settings
from data.keys import load_keys
from data.orchestrator import FlowRunState, Orchestrator
from messaging.sealed import MessageRef, Sealer

START_PATIENCE_S = (
    150.0  # a first start of Prefect's server takes 10 s alone, and much longer on a busy machine
)
N_PEOPLE = 3_000
CAMPAIGN = """
[audience]
file = "people.csv"
[message]
text = "Hi {{{{ first_name }}}}"
[schedule]
{schedule}
[run]
batch_size = {batch_size}
"""


@dataclass
class Instance:
    """Everything that one `tidings up` needs and makes."""

    var_dir: Path
    prefect_port: int
    simulator_url: str
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def server(self) -> Orchestrator:
        return Orchestrator(f"http://127.0.0.1:{self.prefect_port}/api")

    def ready(self) -> subprocess.Popen[bytes]:
        """`tidings up`, started unless it runs."""
        if self.running and self.running[-1].poll() is None:
            return self.running[-1]
        return self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        output = self.var_dir.parent / "up.log"
        with output.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-c", "from cli.main import main; main()", "up"],
                cwd=CHECKOUT,
                env={
                    **os.environ,
                    "TIDINGS_VAR_DIR": str(self.var_dir),
                    "TIDINGS_STORE_URL": "",
                    "TIDINGS_PREFECT_PORT": str(self.prefect_port),
                    "TIDINGS_SIMULATOR_URL": self.simulator_url,
                    "TIDINGS_COLLECT_QUIET_S": "2",
                    "PYTHONUNBUFFERED": "1",
                },
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.running.append(process)
        wait_for(lambda: self.said("Ctrl-C") or process.poll() is not None, within_s=START_PATIENCE_S)
        assert process.poll() is None, output.read_text()
        return process

    def said(self, words: str) -> bool:
        return words in (self.var_dir.parent / "up.log").read_text()

    def processes(self) -> set[int]:
        """Every living process that works on this var folder."""
        mark = f"TIDINGS_VAR_DIR={self.var_dir}".encode()
        return {
            int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _has(entry, mark)
        }

    def ask(self, query: str) -> Any:
        """One value from the store; None when no row answers."""
        with closing(sqlite3.connect(self.var_dir / "store.db", timeout=30)) as store:
            row = store.execute(query).fetchone()
        return None if row is None else row[0]

    def tell(self, script: str) -> None:
        """Change the store, as nobody but a test does."""
        with closing(sqlite3.connect(self.var_dir / "store.db", timeout=30)) as store:
            store.executescript(script)

    def run_of(self, run_key: str, column: str) -> Any:
        return self.ask(f"select {column} from runs where run_key = '{run_key}'")

    def prefect(self, path: str, body: dict[str, Any]) -> Any:
        """What Prefect's server answers to a POST."""
        answer = httpx.post(f"{self.server.api_url}{path}", json=body, timeout=30, trust_env=False)
        assert answer.is_success, answer.text
        return answer.json()

    def retry(self, flow_run: str) -> None:
        """What a click on Retry in the UI posts."""
        state = {"type": "SCHEDULED", "name": "AwaitingRetry"}
        answer = self.prefect(f"/flow_runs/{flow_run}/set_state", {"state": state, "force": True})
        assert answer["status"] == "ACCEPT"

    def end_of(self, flow_run: str, *, within_s: float = 300.0) -> FlowRunState:
        """How a flow run ends, once it has been started again if it was over before."""
        assert wait_for(lambda: self.server.state_of(flow_run).is_final, within_s=within_s)
        return self.server.state_of(flow_run)

    def parts_of(self, flow_run: str) -> list[str]:
        """The flow runs of the parts of a campaign's flow run, the first part first."""
        mine = {"flow_runs": {"parent_flow_run_id": {"any_": [flow_run]}}, "sort": "NAME_ASC"}
        found = self.prefect("/flow_runs/filter", mine)
        return [
            part["id"]
            for part in sorted(found, key=lambda part: part["parameters"].get("part", -1))
            if "part" in part["parameters"]
        ]

    def n_batch_tasks(self) -> int:
        """How many batches were run by Prefect, all in all."""
        done = {"name": {"like_": "batch-"}, "state": {"type": {"any_": ["COMPLETED"]}}}
        return int(self.prefect("/task_runs/count", {"task_runs": done}))

    def accepted(self) -> set[MessageRef]:
        """Every message that the ledger holds as accepted."""
        with closing(sqlite3.connect(self.var_dir / "store.db", timeout=30)) as store:
            return {
                MessageRef(*row)
                for row in store.execute("select run, batch, row from outcomes where status = 1")
            }

    def open_references(self, references: list[str]) -> set[MessageRef]:
        """The messages that references on the wire stand for."""
        keys = load_keys(self.var_dir, salt=self.ask("select salt from instance"))
        opened = Sealer(keys.references).open_many(references)
        assert None not in opened
        return {message for message in opened if message is not None}

    @property
    def settings(self) -> Settings:
        return Settings(
            var_dir=self.var_dir, prefect_port=self.prefect_port, simulator_url=self.simulator_url
        )

    def write_campaign(
        self, folder: Path, name: str, *, n_people: int, schedule: str = "", batch_size: int = 100
    ) -> Path:
        people = "\n".join(f"+{447_400_100_000 + n},Zebedee" for n in range(n_people))
        (folder / "people.csv").write_text(f"mobile,first_name\n{people}\n")
        path = folder / f"{name}.toml"
        path.write_text(CAMPAIGN.format(schedule=schedule, batch_size=batch_size))
        return path

    def send(self, folder: Path, run_key: str, *, n_people: int = N_PEOPLE, batch_size: int = 100) -> str:
        """Start a campaign on the worker; the id of its flow run.

        What earlier tests left half sent is paused, or keep_house would take it up in the middle of this one.
        """
        self.tell("update runs set state = 'paused' where state = 'sending';")
        path = self.write_campaign(folder, "slow", n_people=n_people, batch_size=batch_size)
        parameters = {"params": {"campaign": str(path), "run_key": run_key}}
        return self.server.create_flow_run("send-campaign/house", parameters)

    def is_worker(self, process: int) -> bool:
        return b"worker" in Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")


def _has(entry: Path, mark: bytes) -> bool:
    try:
        is_alive = (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
        return is_alive and mark in (entry / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def wait_for(is_so: Callable[[], bool], *, within_s: float) -> bool:
    give_up_at_s = time.monotonic() + within_s
    while not is_so():
        if time.monotonic() > give_up_at_s:
            return False
        time.sleep(0.1)
    return True


@pytest.fixture(scope="session")
def instance(simulator_process, tmp_path_factory) -> Iterator[Instance]:
    """One instance for all tests of this room: a second start is quicker, and a running one costs nothing."""
    made = Instance(tmp_path_factory.mktemp("up") / "var", free_port(), simulator_process.url)
    yield made
    for process in made.running:
        process.kill()
        process.wait()
    for left in made.processes():
        os.kill(left, signal.SIGKILL)
