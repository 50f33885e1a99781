"""An event loop in which nothing takes time: when nobody can go on, the clock jumps to the next timer."""

from __future__ import annotations

import asyncio
import selectors


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


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Begins at 0 s. No sockets, no threads: one order of events, decided by the program alone."""

    def __init__(self) -> None:
        self._no_waiting = _NoWaiting()
        super().__init__(self._no_waiting)

    def time(self) -> float:
        return self._no_waiting.now_s
