"""Logging: facts with ids, on stderr; never a text, a name or a full number."""

from __future__ import annotations

import logging
import sys

ROOMS = (
    "cli",
    "flows",
    "console",
    "receiver",
    "tasks",
    "engine",
    "data",
    "gateway_clients",
    "config",
    "messaging",
)

# These print what must not be printed at INFO: httpx whole URLs, SQLAlchemy statements, aiohttp requests.
TOO_TALKATIVE = (
    "httpx",
    "httpcore",
    "aiohttp",
    "asyncio",
    "sqlalchemy",
    "alembic",
    "urllib3",
    "asyncpg",
    "aiosqlite",
)

LINE = "%(asctime)s.%(msecs)03d %(levelname)-7s %(name)s: %(message)s"


def configure_logging(level: str = "INFO") -> None:
    """Our rooms' loggers to stderr at `level`, everybody else at WARNING. Asking again changes the level only.

    The root logger is left alone: inside a flow run it is Prefect's.
    """
    for name in TOO_TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    for room in ROOMS:
        _configure_room(logging.getLogger(room), level)


def _configure_room(logger: logging.Logger, level: str) -> None:
    logger.setLevel(level)
    logger.propagate = False  # else Prefect's root handler prints the line a second time
    if not any(isinstance(handler, _ToStderr) for handler in logger.handlers):
        logger.addHandler(_ToStderr())


class _ToStderr(logging.StreamHandler):  # type: ignore[type-arg]
    """Looks stderr up for each line: progress bars and tests put their own in its place."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(logging.Formatter(LINE, datefmt="%H:%M:%S"))

    @property
    def stream(self) -> object:
        return sys.stderr
