from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from data.store.migrate import prepare_store
from tests.engine.planning import NOW, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk with PEOPLE on it."""
    store = prepare_store(f"sqlite:///{tmp_path}/store.db", now=NOW)
    desk = Desk(tmp_path, store)
    desk.source()
    yield desk
    store.close()
