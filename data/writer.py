"""One thread that writes for a whole process: whatever waits goes into one commit.

A group that fails is rolled back and done again one by one, so a bug in one request harms no other. A store that
cannot be reached is asked again and again: every request may be repeated, because the word of a commit can be lost
as well as the commit.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa

from data.ledger.locking import lock_ledger
from data.store.engine import Store, clock_of

log = logging.getLogger(__name__)

T = TypeVar("T")

MOST_PER_COMMIT = 64
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0
PATIENCE_S = 60.0
PATIENCE_AT_CLOSE_S = 5.0


class WriterClosed(RuntimeError):
    """The writer of this process was closed; nothing more is written through it."""


@dataclass(slots=True, eq=False)
class _Request:
    fn: Callable[..., Any]
    args: tuple[Any, ...]
    future: Future[Any]
    patience_s: float
    failing_since_s: float | None = None


class Writer:
    """`ask` from any thread; the answer comes once it is committed."""

    def __init__(self, store: Store) -> None:
        self.n_commits = 0
        self.n_requests = 0
        self._store = store
        self._waiting: deque[_Request] = deque()
        self._changed = threading.Condition()
        self._closed_at_s: float | None = None
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    def ask(self, fn: Callable[..., T], *args: Any, patience_s: float = PATIENCE_S) -> Future[T]:
        """Have `fn(connection, *args, now)` done and committed; `now` is the store's clock.

        fn must be repeatable: it is called again when its transaction, or only the word of its commit, was lost.
        patience_s: how long a store that cannot be reached is asked again before the asker gets the error.
        Raises WriterClosed.
        """
        future: Future[T] = Future()
        with self._changed:
            if self._closed_at_s is not None:
                raise WriterClosed("the writer of this process was closed")
            self._waiting.append(_Request(fn, args, future, patience_s))
            self._changed.notify()
        return future

    def close(self) -> None:
        """Do what was asked, then end the thread. A store out of reach is waited for a few seconds at most."""
        with self._changed:
            if self._closed_at_s is None:
                self._closed_at_s = time.monotonic()
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        pause_s = 0.0
        while group := self._next_group(pause_s):
            failing = self._do_group(group)
            if not failing:
                pause_s = 0.0
                continue
            pause_s = min(max(FIRST_PAUSE_S, 2 * pause_s), LONGEST_PAUSE_S)
            with self._changed:
                self._waiting.extendleft(reversed(failing))

    def _next_group(self, pause_s: float) -> list[_Request]:
        """What waits, at most MOST_PER_COMMIT of it, after the pause. Empty: closed, and all is done."""
        if pause_s:
            time.sleep(pause_s)
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed_at_s is not None)
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_PER_COMMIT))]

    def _do_group(self, group: list[_Request]) -> list[_Request]:
        """Commit them together, or else one by one. Returns those that are to be tried again."""
        # A request that was tried before may be cancelled no more, and has been marked as running already.
        group = [r for r in group if r.failing_since_s is not None or r.future.set_running_or_notify_cancel()]
        if len(group) > 1:
            try:
                self._commit(group)
            except Exception as error:  # noqa: BLE001 - whatever it was, it is met again below, alone
                log.debug(
                    "a commit of %d requests failed (%s); once more, one by one",
                    len(group),
                    type(error).__name__,
                )
            else:
                return []
        return [request for request in group if self._must_try_again(request)]

    def _must_try_again(self, request: _Request) -> bool:
        try:
            self._commit([request])
        except sa.exc.OperationalError as error:
            if not self._is_out_of_patience(request):
                return True
            request.future.set_exception(error)
        except Exception as error:  # noqa: BLE001 - it is the asker's, and this thread serves others too
            request.future.set_exception(error)
        return False

    def _is_out_of_patience(self, request: _Request) -> bool:
        now_s = time.monotonic()
        if request.failing_since_s is None:
            request.failing_since_s = now_s
            log.warning("the store cannot be written at the moment; trying again")
        if self._closed_at_s is not None and now_s > self._closed_at_s + PATIENCE_AT_CLOSE_S:
            return True
        return now_s >= request.failing_since_s + request.patience_s

    def _commit(self, group: list[_Request]) -> None:
        with self._store.write.begin() as connection:
            lock_ledger(connection)
            now = clock_of(connection)
            answers = [request.fn(connection, *request.args, now) for request in group]
        self.n_commits += 1
        self.n_requests += len(group)
        for request, answer in zip(group, answers, strict=True):
            request.future.set_result(answer)
