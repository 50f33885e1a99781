"""The ends of a flow that are not its own: Ctrl-C, SIGTERM, Prefect's Cancel, and the death of its worker."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prefect.exceptions import TerminationSignal

from data.store.engine import let_go
from engine.run_control import CannotSteer, cancel_run, stop_leftovers
from flows.this_run import is_being_cancelled, is_server_up
from tasks.workplace import is_sending

if TYPE_CHECKING:
    from data.instance import Instance
    from engine.sender.process import SendingProcess

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
GIVE_UP_AFTER_S = 40.0  # a drain and its settles are over by then


@contextmanager
def clean_stop(instance: Instance, run: int, sender: SendingProcess | None = None) -> Iterator[None]:
    """When the flow is told to end: a cancelled one cancels our run, and whatever is in flight is settled first.

    Anything but a cancel leaves the run sending, so a Retry goes on where it stopped.
    """
    try:
        yield
    except (TerminationSignal, KeyboardInterrupt) as told:
        draining = threading.Thread(target=sender.drain) if sender is not None else None
        if draining is not None:
            draining.start()  # first of all: asking Prefect takes a moment
        let_go(told)
        if is_being_cancelled():
            _cancel(instance, run)
        if draining is not None:
            draining.join()
        stop_leftovers(
            instance.store, run, now=instance.store.now()
        )  # a drain leaves what it held back unsent
        raise


def _cancel(instance: Instance, run: int) -> None:
    try:
        cancel_run(instance.store, run, by="Prefect", now=instance.store.now())
    except CannotSteer as error:  # it was over already, and a flow that ends keeps no one waiting
        log.info("not cancelled: %s", error)


def end_with_worker() -> None:
    """A flow run that a worker started ends cleanly when that worker is gone: it would go on sending for nobody."""
    if "PREFECT__FLOW_RUN_ID" not in os.environ or _watching.is_set():
        return
    _watching.set()
    threading.Thread(target=_watch, args=(os.getppid(),), name="lifeline", daemon=True).start()


_watching = threading.Event()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY_S)
    os.kill(os.getpid(), signal.SIGTERM)
    give_up_at_s = time.monotonic() + GIVE_UP_AFTER_S
    while time.monotonic() < give_up_at_s and (is_sending() or is_server_up()):
        time.sleep(LOOK_EVERY_S)
    os._exit(1)  # all is settled, and Prefect would try for minutes to tell a server that is gone
