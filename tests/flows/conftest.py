"""A Prefect server for all tests of this room, and campaigns to small invented audiences."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.prefect_server import own_prefect_server
from config.settings import Settings, load_settings, prefect_environment
from data.instance import Instance, open_instance

FIRST_NUMBER = 447_400_100_000  # libphonenumber calls these valid
CAMPAIGN = """
name = "{name}"
[audience]
file = "{name}.csv"
region = "GB"
[message]
text = "{text}"
sender_id = "Tidings"
[schedule]
{schedule}
[run]
batch_size = {batch_size}
"""


@dataclass(frozen=True)
class PrefectTestServer:
    """Where it listens, and everything it wrote."""

    api_url: str
    home: Path

    def holds(self, *words: str) -> list[str]:
        """Which of these words stand in any of its files: database, its log, logs of runs."""
        content = b"".join(path.read_bytes() for path in self.home.rglob("*") if path.is_file())
        return [word for word in words if word.encode() in content]


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory) -> Iterator[PrefectTestServer]:
    """One server; flows in this process use it. Its scheduler looks every second instead of every minute."""
    home = tmp_path_factory.mktemp("prefect")
    settings = Settings(var_dir=home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS", "1")
        with own_prefect_server(settings) as api_url:
            for name, value in prefect_environment(settings, api_url).items():
                if name.startswith("PREFECT_"):  # an instance is a test's own, and none of later tests'
                    patch.setenv(name, value)
            from prefect.context import refresh_global_settings_context

            from flows.this_run import tell_the_rest

            refresh_global_settings_context()  # another room's tests may have imported Prefect before
            yield PrefectTestServer(api_url, home / "prefect")
            tell_the_rest()


@pytest.fixture
def settings(prefect_server, simulator, tmp_path, monkeypatch) -> Settings:
    """A fresh instance that sends to the simulator, as the environment of this process names it."""
    monkeypatch.setenv("TIDINGS_VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("TIDINGS_STORE_URL", "")
    monkeypatch.setenv("TIDINGS_SIMULATOR_URL", simulator.url)
    monkeypatch.setenv("TIDINGS_COLLECT_EVERY_S", "0.1")
    monkeypatch.setenv("TIDINGS_COLLECT_QUIET_S", "0.5")
    assert os.environ["PREFECT_API_URL"] == prefect_server.api_url
    return load_settings()


@pytest.fixture
def instance(settings) -> Iterator[Instance]:
    with open_instance(
        settings.var_dir, settings.store_url, sealing=None, pseudonym=None, now=1_800_000_000.0
    ) as opened:
        yield opened


@pytest.fixture
def campaign(tmp_path: Path) -> Callable[..., Path]:
    """Writes a campaign and its people; the path of the campaign's file."""

    def write(
        name: str = "welcome",
        *,
        n_people: int = 25,
        text: str = "Hi {{ first_name }}, welcome!",
        batch_size: int = 10,
        schedule: str = "",
    ) -> Path:
        people = [f"{number_of(n)},{name_of(n)}" for n in range(n_people)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["mobile,first_name", *people]) + "\n")
        path = tmp_path / f"{name}.toml"
        path.write_text(CAMPAIGN.format(name=name, text=text, batch_size=batch_size, schedule=schedule))
        return path

    return write


def number_of(person: int) -> str:
    return f"+{FIRST_NUMBER + person}"


def name_of(person: int) -> str:
    return f"Zebedee{person}"


def task_names(state) -> list[str]:
    """The tasks that ran in the parts of a flow run, sorted."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterParentFlowRunId,
    )

    parts = FlowRunFilter(
        parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[state.state_details.flow_run_id])
    )
    with get_client(sync_client=True) as client:
        return sorted(task.name for task in client.read_task_runs(flow_run_filter=parts))
