"""The instance that a command works on, as the environment names it."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from config.logs import configure_logging
from config.settings import Settings

if TYPE_CHECKING:
    from data.instance import Instance


def open_here(settings: Settings) -> AbstractContextManager[Instance]:
    """The instance of `settings`, opened for one command."""
    from data.instance import open_instance

    configure_logging(settings.log_level)
    return open_instance(
        settings.var_dir,
        settings.store_url,
        sealing=settings.sealing_key,
        pseudonym=settings.pseudonym_key,
        now=time.time(),
    )
