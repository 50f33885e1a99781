"""What was deleted is to be gone from the disk as well."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

from data.store.migrate import sqlite_path

if TYPE_CHECKING:
    from data.store.engine import Store

_ATTEMPTS = 10
_ATTEMPT_S = 0.3  # a sender waits for no longer than that
_NAP_S = 0.5


def empty_log(store: Store) -> bool:
    """Bring SQLite's log into the store and empty it: it holds pages as they were. False: somebody reads old ones.

    The store itself keeps nothing of what was deleted (`secure_delete`). PostgreSQL is left to its own vacuum.
    """
    path = sqlite_path(store.url)
    if path is None:
        return True
    with closing(sqlite3.connect(path, timeout=_ATTEMPT_S, isolation_level=None)) as connection:
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(_NAP_S)
            is_busy, *_ = connection.execute("pragma wal_checkpoint(truncate)").fetchone()
            if not is_busy:
                return True
    return False
