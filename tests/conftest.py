"""What tests of several rooms share: a simulated gateway in a process of its own, and a PostgreSQL where there is one."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from data.store.engine import Store, open_store
from data.store.tables import metadata
from tests.throwaway_postgres import NoPostgres, ThrowawayPostgres, throwaway_postgres

CHECKOUT = Path(__file__).resolve().parent.parent

# A developer's shell and `.env` may name a store with real people in it: neither we nor our children may see it.
for name in [name for name in os.environ if name.startswith(("TIDINGS_", "PREFECT_"))]:
    del os.environ[name]
os.environ["TIDINGS_ENV_FILE"] = os.devnull


@dataclass(frozen=True)
class Simulator:
    """A running simulator, steered and read over its own HTTP API (docs/simulator.md)."""

    url: str

    def set(self, **settings: Any) -> None:
        """Change settings until the end of the test."""
        self.post("/control/settings", settings)

    def reset(self) -> None:
        """Empty books; everything is taken at once and delivered at once."""
        self.post("/control/reset", {})

    def reply(self, msisdn: str, text: str, *, to: str = "TIDINGS") -> None:
        """Let a phone write back."""
        self.post("/control/replies", {"from": msisdn, "to": to, "text": text})

    def ledger(self) -> dict[str, Any]:
        """What it counted: messages, distinct_references, duplicates_by_reference, …"""
        return self.get("/ledger")

    def references(self) -> list[str]:
        """The reference of every message it took, in order, one taken twice twice."""
        with urllib.request.urlopen(f"{self.url}/ledger/references", timeout=10) as answer:
            text: str = answer.read().decode()
        return text.split()

    def get(self, path: str) -> dict[str, Any]:
        return _ask(urllib.request.Request(self.url + path))

    def post(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
        return _ask(urllib.request.Request(self.url + path, data=orjson.dumps(content), method="POST"))


@pytest.hookimpl(tryfirst=True)  # before xdist looks at the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several workers (`make test`): a file's tests stay together, and one worker has all Prefect servers."""
    for item in items:
        group = "prefect" if item.get_closest_marker("prefect") else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def simulator_process() -> Iterator[Simulator]:
    """The process; a test asks for `simulator`."""
    command = [sys.executable, "-m", "gateway_clients.simulator.server", "--port", "0", "--plain"]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Simulator(process.stdout.readline().strip())
        process.terminate()


@pytest.fixture
def simulator(simulator_process: Simulator) -> Simulator:
    """A simulated gateway with empty books that takes and delivers everything at once."""
    simulator_process.reset()
    return simulator_process


@pytest.fixture(scope="session")
def postgres() -> Iterator[ThrowawayPostgres]:
    """The server of this session, where its programs are installed."""
    try:
        with throwaway_postgres() as server:
            yield server
    except NoPostgres as why:
        pytest.skip(str(why))


@pytest.fixture
def postgres_url(postgres: ThrowawayPostgres) -> str:
    """A fresh, empty database."""
    return postgres.new_database()


@pytest.fixture(scope="session")
def _ledger_on_postgres(postgres: ThrowawayPostgres) -> Iterator[Store]:
    store = open_store(postgres.new_database())
    metadata.create_all(store.write)
    yield store
    store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_store(request: pytest.FixtureRequest) -> Iterator[Callable[[], Store]]:
    """Makes stores with empty tables, of each kind in turn; the same tests hold on both."""
    made: list[Store] = []

    def make() -> Store:
        if request.param == "sqlite":
            made.append(open_store("sqlite://"))
            metadata.create_all(made[-1].write)
            return made[-1]
        store: Store = request.getfixturevalue("_ledger_on_postgres")
        names = ", ".join(table.name for table in metadata.sorted_tables)
        with store.write.begin() as connection:
            connection.exec_driver_sql(f"truncate {names} restart identity")
        return store

    yield make
    for store in made:
        store.close()


def _ask(request: urllib.request.Request) -> dict[str, Any]:
    with urllib.request.urlopen(request, timeout=10) as answer:
        content: dict[str, Any] = orjson.loads(answer.read())
    return content
