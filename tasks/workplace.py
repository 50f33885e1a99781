"""What the tasks of one process share: its instance, and the sender while a flow sends.

Prefect runs tasks in threads of the flow's process, so the flow opens the workplace and its tasks find it here:
references cross Prefect, open stores do not.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from config.logs import configure_logging
from config.settings import Settings, load_settings
from data.instance import Instance, open_instance
from engine.sender.process import SendingProcess
from gateway_clients.registry import make_client

if TYPE_CHECKING:
    from data.accounts import Account
    from engine.plan import Plan
    from gateway_clients.base import GatewayClient


@dataclass(slots=True)
class Workplace:
    """One flow's instance; `sender` while it sends."""

    settings: Settings
    instance: Instance
    _sender: SendingProcess | None = None
    _plan: Plan | None = None

    @property
    def sender(self) -> SendingProcess:
        if self._sender is None:
            raise RuntimeError("batches are submitted inside `sending`, which opens the sender")
        return self._sender

    @property
    def has_sender(self) -> bool:
        return self._sender is not None

    @property
    def plan(self) -> Plan:
        """The plan between its making and its freeze: frames never cross Prefect."""
        if self._plan is None:
            raise RuntimeError("a plan is judged inside `planned`, which holds it")
        return self._plan

    @contextmanager
    def planned(self, plan: Plan) -> Iterator[None]:
        self._plan = plan
        try:
            yield
        finally:
            self._plan = None

    @contextmanager
    def sending(self) -> Iterator[SendingProcess]:
        """The sender of this process. Leaving drains it, so nothing stays in flight."""
        self._sender = SendingProcess(
            self.instance.store,
            var_dir=self.instance.var_dir,
            keys=self.instance.keys,
            drain_s=self.settings.drain_s,
            client_for=self.client_for,
        )
        try:
            yield self._sender
        finally:
            self._sender.close()
            self._sender = None

    def client_for(self, account: Account) -> GatewayClient:
        """A client for an account; a simulated one is found at the address that this system runs it at."""
        if account.is_simulated and "url" not in account.settings:
            account = account.with_url(self.settings.simulator_address)
        return make_client(
            account.kind, account.settings, account.credentials, concurrency=account.concurrency
        )


_open: list[Workplace] = []
_changing = threading.Lock()


@contextmanager
def open_workplace() -> Iterator[Workplace]:
    """The workplace that the settings of this process name; the tasks of the flow that opens it find it."""
    settings = load_settings()
    configure_logging(settings.log_level)
    with open_instance(
        settings.var_dir,
        settings.store_url,
        sealing=settings.sealing_key,
        pseudonym=settings.pseudonym_key,
        now=time.time(),
    ) as instance:
        workplace = Workplace(settings, instance)
        with _changing:
            _open.append(workplace)
        try:
            yield workplace
        finally:
            with _changing:
                _open.remove(workplace)


def is_sending() -> bool:
    """Whether something of this process may be on its way, or waits to be settled."""
    with _changing:
        return any(workplace.has_sender for workplace in _open)


def this_workplace() -> Workplace:
    """The workplace that was opened last in this process: that of the flow around the asking task."""
    with _changing:
        if not _open:
            raise RuntimeError("this task runs inside a flow that opens the workplace")
        return _open[-1]
