"""An event loop in which nothing takes time: when nobody can go on, the clock jumps to the next timer."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine, Generator
from typing import Any


class Deadlock(RuntimeError):
    """Everybody waits, and no timer is set: it would be so for ever."""


class _NoWaiting(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Deadlock("everybody waits, and no timer is set")
        self.now_s += max(0.0, timeout)
        return []


class _NumberedTask(asyncio.Task[Any]):
    """Sets of tasks are walked in the order of their hashes: by address, that would be another order each time."""

    n_tasks = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _NumberedTask.n_tasks += 1
        self._number = self.n_tasks  # before the loop keeps it in a set
        super().__init__(*args, **kwargs)

    def __hash__(self) -> int:
        return self._number


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Begins at 0 s. No sockets, no threads: one order of events, decided by the program alone."""

    def __init__(self) -> None:
        self._no_waiting = _NoWaiting()
        super().__init__(self._no_waiting)
        _NumberedTask.n_tasks = 0
        self.set_task_factory(_numbered)

    def time(self) -> float:
        return self._no_waiting.now_s


def _numbered(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any] | Generator[Any, None, Any]
) -> _NumberedTask:
    return _NumberedTask(coroutine, loop=loop)
