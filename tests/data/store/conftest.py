"""A fresh SQLite store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from data.store.engine import Store
from data.store.migrate import prepare_store

NOW = 1_790_000_000.0


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    store = prepare_store(store_url, now=NOW)
    yield store
    store.close()
