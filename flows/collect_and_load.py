"""Receipts and replies into the store, events into the analytics, for as long as there is something to wait for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from prefect import State, flow
from prefect.states import Completed

from data.ledger.audit import audit_run
from data.runs import accounts_of_runs, read_run
from engine.closing import close_again
from engine.receipts import Collected
from flows.clean_stop import end_with_worker
from flows.parameters import CollectAndLoad
from messaging.runs import RunState
from tasks.collect_receipts import collect_receipts
from tasks.load_analytics import load_analytics
from tasks.workplace import open_workplace

if TYPE_CHECKING:
    from data.instance import Instance

_STILL_SENDING = frozenset({RunState.SENDING, RunState.PAUSED, RunState.STOPPED})


@flow(name="collect-and-load", flow_run_name="collect and load", persist_result=False)
def collect_and_load(params: CollectAndLoad | None = None) -> State[Any]:
    """Collect receipts and load analytics.

    Args:
        params: whose receipts to wait for
    """
    end_with_worker()
    with open_workplace() as workplace:
        instance, settings = workplace.instance, workplace.settings
        run = params.run if params else None
        accounts = accounts_of_runs(instance.store, run)
        collected, wait_s = Collected(), settings.collect_every_s
        quiet_since_s = time.monotonic()
        while True:
            news = _collect(accounts)
            collected += news
            if run is not None and news.n_adopted:
                close_again(instance.store, run, now=time.time())
            load_analytics()
            if news.has_news:
                quiet_since_s, wait_s = time.monotonic(), settings.collect_every_s
            else:
                wait_s = min(2 * wait_s, settings.collect_at_most_every_s)
            is_quiet = time.monotonic() - quiet_since_s >= settings.collect_quiet_s
            if run is None or not _is_something_outstanding(instance, run, is_quiet=is_quiet):
                break
            time.sleep(wait_s)
        load_analytics(fold_all=True)
    return Completed(message=_in_words(collected))


def _collect(accounts: list[str]) -> Collected:
    collected = Collected()
    for account in accounts:
        collected += collect_receipts(account)
    return collected


def _is_something_outstanding(instance: Instance, run: int, *, is_quiet: bool) -> bool:
    """Until every receipt is there, or none has come for a while; the collector of the schedule finds later ones."""
    if is_quiet:
        return False
    if read_run(instance.store, run).state in _STILL_SENDING:
        return True
    with instance.store.read.connect() as connection:
        terms = audit_run(connection, run, now=time.time()).terms
    return terms["waiting"] + terms["unconfirmed"] > 0


def _in_words(collected: Collected) -> str:
    words = f"{collected.n_new:,} receipts, {collected.n_replies:,} replies"
    if collected.n_stops:
        words += f" ({collected.n_stops:,} opt-outs)"
    if collected.n_unreadable:
        words += f"; {collected.n_unreadable:,} pages could not be read and are kept"
    return words + (f"; {collected.gateway_error}" if collected.gateway_error else "")
