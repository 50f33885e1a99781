from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from data.accounts import save_account
from data.instance import Instance
from data.store.migrate import prepare_store
from tests.conftest import Simulator
from tests.engine.doubtful import House, make_house
from tests.engine.intake import Intake, intake_at
from tests.engine.lived_in import LivedIn
from tests.engine.planning import NOW, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk with PEOPLE on it."""
    store = prepare_store(f"sqlite:///{tmp_path}/store.db", now=NOW)
    desk = Desk(tmp_path, store)
    desk.source()
    yield desk
    store.close()


@pytest.fixture
def house(tmp_path: Path, simulator: Simulator) -> Iterator[House]:
    """Whatever a test does, nobody may get anything twice."""
    yield from make_house(f"sqlite:///{tmp_path / 'store.db'}", tmp_path, simulator)


@pytest.fixture(params=["sqlite", "postgresql"])
def either_house(request: pytest.FixtureRequest, tmp_path: Path, simulator: Simulator) -> Iterator[House]:
    is_postgres = request.param == "postgresql"
    url = request.getfixturevalue("postgres_url") if is_postgres else f"sqlite:///{tmp_path / 'store.db'}"
    yield from make_house(url, tmp_path, simulator)


@pytest.fixture
def lived_in(tmp_path: Path, simulator: Simulator) -> LivedIn:
    return LivedIn(tmp_path, simulator, f"sqlite:///{tmp_path / 'var' / 'store.db'}")


@pytest.fixture
def instance(lived_in: LivedIn) -> Iterator[Instance]:
    """Its instance, with the account of its gateway and nothing else."""
    with lived_in.opened() as instance:
        save_account(instance.store, lived_in.account(), sealing_key=instance.keys.sealing)
        yield instance


@pytest.fixture(params=["sqlite", "postgresql"])
def intake(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Intake]:
    is_postgres = request.param == "postgresql"
    url = request.getfixturevalue("postgres_url") if is_postgres else f"sqlite:///{tmp_path / 'store.db'}"
    with intake_at(url, tmp_path) as made:
        yield made
