"""Reconciling a run: what is in doubt is asked about, and whatever proves something of it is adopted.

First, whoever held a batch and is gone gives it up. Then, in this order: receipts, kept or just collected; the gateway's look-up; and where the gateway refuses second copies,
the same message once more with the same reference. What nothing proves stays unconfirmed, for a person to decide.
Nothing here moves a message to another gateway, and a second call finds nothing to change.
"""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from data.accounts import Account, read_account
from data.audit_log import log_decision
from data.files import read_batch
from data.flight_record import FlightRecords
from data.ledger.audit import audit_run
from data.ledger.leasing import live_leases
from data.ledger.reconciling import (
    UnknownReceipt,
    adopt_found,
    adopt_receipts,
    read_in_doubt,
    unknown_receipts_of,
)
from data.ledger.records import Adopted, Dedupe, Found, InDoubt
from data.ledger.recovering import expire_leases
from data.ledger.rules import Rules
from data.runs import RunRecord, move_within, read_run, read_within
from data.writer import Writer
from engine.closing import CAN_GO_ON, close_again, close_run, last_state
from engine.opted_out import OptedOut, OptOuts
from engine.receipts import collect
from engine.run_control import ENDS_BY_ITSELF, stop_leftovers
from engine.sender.core import BatchToSend, send_batch
from engine.sender.lanes import Lanes, StopSign
from engine.sender.process import SystemClock, batch_to_send
from engine.sender.resubmitting_ledger import ResubmittingLedger
from gateway_clients.base import Capabilities, GatewayClient, Idempotency, LookedUp, LookUp
from gateway_clients.errors import GatewayUnavailable
from messaging.batches import BatchRef
from messaging.errors import TidingsError
from messaging.runs import RunState
from messaging.sealed import MessageRef, Sealer
from messaging.tally import BUSY

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from data.keys import Keys
    from data.store.engine import Store

T = TypeVar("T")

LOOK_UPS_AT_ONCE = 100  # what is proved by so many is committed before the next are asked for
LOOK_UP_TIMEOUT_S = 60.0  # behind the client's own timeouts
MOST_FAILURES = 3  # look-ups in a row without an answer: the gateway is left alone then


class CannotReconcile(TidingsError):
    """run 3 was never frozen: it has no messages, so nothing of it can be in doubt."""


@dataclass(slots=True, kw_only=True)
class Reconciled:
    """What one call came to, in messages. n_unconfirmed: still in doubt, those assumed sent included.

    n_look_up_failed: left as they are, since the gateway gave no answer about them. n_busy: batches that somebody
    else works on. n_too_early: may still be on their way, so that their absence proves nothing before ask_again_at.
    """

    run: RunRecord
    n_by_receipts: int = 0
    n_matched: int = 0  # receipts that came before their message was known
    n_by_look_up: int = 0
    n_surely_unsent: int = 0
    n_look_up_failed: int = 0
    n_resubmitted: int = 0
    n_by_resubmission: int = 0
    n_busy: int = 0
    n_unconfirmed: int = 0
    n_assumed_sent: int = 0
    n_too_early: int = 0
    ask_again_at: float | None = None
    gateway_errors: list[str] = field(default_factory=list)

    @property
    def n_undecided(self) -> int:
        return self.n_unconfirmed - self.n_assumed_sent


def reconcile_run(
    store: Store,
    run: int,
    *,
    by: str,
    var_dir: Path,
    keys: Keys,
    client_for: Callable[[Account], GatewayClient],
    rules: Rules | None = None,
) -> Reconciled:
    """Prove what can be proved of a run's messages in doubt, in this thread; blocks until nothing more can be.

    Allowed in every state of a frozen run; messages go out once more only where the run may send, or had ended with
    something left. Raises CannotReconcile, UnknownRun, and what an account or its client raises that cannot be used.
    """
    record = read_run(store, run)
    if not record.is_frozen:
        raise CannotReconcile(
            f"run {run} was never frozen: it has no messages, so nothing of it can be in doubt; "
            f"`tidings status {run}` shows where it stands."
        )
    account = read_account(store, record.account, sealing_key=keys.sealing)
    writer = Writer(store)
    try:
        reconciler = _Reconciler(store, record, account, writer, keys, var_dir, rules or Rules(), by)
        return asyncio.run(reconciler.work(client_for))
    finally:
        writer.close()


class _Reconciler:
    """One call, on an event loop of its own. All writing goes through the writer and so by the store's clock."""

    def __init__(
        self,
        store: Store,
        run: RunRecord,
        account: Account,
        writer: Writer,
        keys: Keys,
        var_dir: Path,
        rules: Rules,
        by: str,
    ) -> None:
        self._store = store
        self._run = run.run
        self._account = account
        self._writer = writer
        self._keys = keys
        self._var_dir = var_dir
        self._folder = var_dir / (run.folder or "")
        self._opt_outs = OptOuts(store, var_dir, account.account)
        self._validity_s = run.validity_s
        self._rules = rules
        self._by = by
        self._flights = FlightRecords(var_dir)
        self._sealer = Sealer(keys.references)
        self._done = Reconciled(run=run)
        self._unasked: set[int] = set()  # batches with a message that the gateway gave no answer about

    async def work(self, client_for: Callable[[Account], GatewayClient]) -> Reconciled:
        await self._ask(partial(expire_leases, flights=self._flights), self._rules)
        _, before = await self._in_doubt()
        client = client_for(self._account)
        try:
            await self._adopt_receipts(client)
            asked_at, doubt = await self._in_doubt()
            self._done.n_by_receipts = max(0, len(before) - len(doubt))
            await self._look_up(client, doubt, asked_at)
            await self._resubmit(client)
        finally:
            await client.close()
        await self._count(client.capabilities, asked_at)
        self._done.run = await asyncio.to_thread(self._close)
        return self._done

    async def _ask(self, fn: Callable[..., T], *args: Any) -> T:
        return await asyncio.wrap_future(self._writer.ask(fn, *args))

    async def _in_doubt(self) -> tuple[float, list[InDoubt]]:
        return await self._ask(_read_in_doubt, self._run)

    async def _adopt_receipts(self, client: GatewayClient) -> None:
        """What the gateway has to tell comes first: no other proof is as cheap."""
        collected = await collect(
            self._store, client, self._account.account, self._keys, var_dir=self._var_dir, clock=time.time
        )
        if collected.gateway_error:
            self._done.gateway_errors.append(collected.gateway_error)
        unknown, opted_out = await asyncio.to_thread(self._unknown_receipts)
        adopted = await self._ask(self._suppressing(adopt_receipts, opted_out), self._run, unknown)
        self._done.n_matched = adopted.n_matched

    def _unknown_receipts(self) -> tuple[list[UnknownReceipt], list[OptedOut]]:
        """And whoever of them has told the gateway to stop."""
        with self._store.read.connect() as connection:
            unknown = unknown_receipts_of(connection, self._run, self._account.account, self._sealer)
        told = {
            one.number: MessageRef(self._run, one.ref.batch, one.receipt.row)
            for one in unknown
            if self._opt_outs.says_so(one.receipt.status, one.receipt.code)
        }
        return unknown, list(self._opt_outs.people(told).values())

    def _opted_out(self, found: Sequence[Found]) -> list[OptedOut]:
        told = {
            one: MessageRef(self._run, one.asked.batch, one.asked.row)
            for one in found
            if one.receipt is not None and self._opt_outs.says_so(one.receipt.status, one.receipt.code)
        }
        return list(self._opt_outs.people(told).values())

    def _suppressing(
        self, adopt: Callable[..., Adopted], opted_out: Sequence[OptedOut]
    ) -> Callable[..., Adopted]:
        """The same, and whoever it turns out to be about is suppressed in its commit."""

        def adopt_and_suppress(connection: Connection, *args: Any) -> Adopted:
            adopted = adopt(connection, *args)
            self._opt_outs.suppress(connection, opted_out, args[-1])
            return adopted

        return adopt_and_suppress

    async def _look_up(self, client: GatewayClient, doubt: Sequence[InDoubt], asked_at: float) -> None:
        """Ask about everything that was submitted to this account; one part after the other, each committed."""
        if client.capabilities.look_up is LookUp.NONE:
            return
        n_failures = 0
        ours = [one for one in doubt if one.account in {None, self._account.account}]
        for part in (ours[at : at + LOOK_UPS_AT_ONCE] for at in range(0, len(ours), LOOK_UPS_AT_ONCE)):
            answers = await self._answers(client, part) if n_failures < MOST_FAILURES else {}
            n_failures = 0 if answers else n_failures + 1
            found = [
                _as_found(one, answers[one], client.capabilities, asked_at) for one in part if one in answers
            ]
            opted_out = await asyncio.to_thread(self._opted_out, found)
            adopting = self._suppressing(adopt_found, opted_out)
            adopted = await self._ask(adopting, self._run, self._account.account, found, self._sealer)
            self._done.n_by_look_up += adopted.n_accepted
            self._done.n_surely_unsent += adopted.n_unsent
            self._done.n_look_up_failed += len(part) - len(found)
            self._unasked.update(one.batch for one in part if one not in answers)

    async def _answers(self, client: GatewayClient, part: Sequence[InDoubt]) -> dict[InDoubt, LookedUp]:
        references = self._sealer.seal_many(self._run, [one.batch for one in part], [one.row for one in part])
        try:
            async with asyncio.timeout(LOOK_UP_TIMEOUT_S):
                said = {one.reference: one for one in await client.look_up(references)}
        except (GatewayUnavailable, TimeoutError) as error:
            self._say(str(error) or "the gateway did not answer a look-up in time.")
            return {}
        return {
            one: said[reference] for one, reference in zip(part, references, strict=True) if reference in said
        }

    async def _resubmit(self, client: GatewayClient) -> None:
        """Send what is left once more, batch by batch, where a second copy is refused."""
        dedupe = _dedupe_of(client.capabilities)
        if dedupe is None:
            return
        _, doubt = await self._in_doubt()
        undecided = {one.batch for one in doubt if not one.is_assumed_sent}
        ledger = ResubmittingLedger(self._writer, self._rules, self._flights, dedupe)
        batches = await asyncio.to_thread(self._read_batches, sorted(undecided - self._unasked))
        worth_it = [
            batch for batch in batches if await ledger.is_worth_it(batch, client, self._account.account)
        ]
        if not worth_it or not await self._ask(_reopen, self._run, self._by):
            return
        lanes, stop = Lanes(self._account.concurrency), StopSign()
        for batch in worth_it:
            tally = await send_batch(
                batch,
                f"reconcile/{uuid.uuid4()}",
                ledger=ledger,
                gateway=client,
                lanes=lanes,
                clock=SystemClock(),
                random=random.Random(),
                stop=stop,
                rules=self._rules,
            )
            self._done.n_busy += tally.ended == BUSY
        self._done.n_resubmitted, self._done.n_by_resubmission = ledger.n_claimed, ledger.n_accepted

    def _read_batches(self, numbers: Iterable[int]) -> list[BatchToSend]:
        refs = [BatchRef(self._run, number) for number in numbers]
        return [batch_to_send(ref, read_batch(self._folder, ref), self._validity_s) for ref in refs]

    async def _count(self, capabilities: Capabilities, asked_at: float) -> None:
        """What is left, and from when on another call may prove more of it: perhaps at once, if this one took long."""
        _, left = await self._in_doubt()
        self._done.n_unconfirmed = len(left)
        self._done.n_assumed_sent = sum(one.is_assumed_sent for one in left)
        if capabilities.look_up is LookUp.CONCLUSIVE or _dedupe_of(capabilities) is not None:
            over_at = [
                one.last_sent_at + capabilities.look_up_after_s
                for one in left
                if one.last_sent_at is not None and not one.is_assumed_sent
            ]
            ahead = [at for at in over_at if at > asked_at]
            self._done.n_too_early, self._done.ask_again_at = len(ahead), max(ahead, default=None)

    def _close(self) -> RunRecord:
        """The state that the run's ledger shows now; while somebody else works on it, it is theirs to close."""
        now = self._store.now()
        stop_leftovers(self._store, self._run, now=now)
        with self._store.read.connect() as connection:
            is_worked = live_leases(connection, self._run, now) > 0
            end = last_state(audit_run(connection, self._run, now).terms)
        # Unsent messages end a run too, but one that we did not reopen may wait for whoever sends them.
        if not is_worked and (self._done.n_resubmitted or end in ENDS_BY_ITSELF):
            return close_run(self._store, self._run, now=now)
        return close_again(self._store, self._run, now=now)

    def _say(self, error: str) -> None:
        if error not in self._done.gateway_errors:
            self._done.gateway_errors.append(error)


def _read_in_doubt(connection: Connection, run: int, now: float) -> tuple[float, list[InDoubt]]:
    return now, read_in_doubt(connection, run, now)


def _reopen(connection: Connection, run: int, by: str, now: float) -> bool:
    """Whether the run may send now. One that had ended with something left is sending again, on record."""
    state = read_within(connection, run).state
    if state not in CAN_GO_ON:
        return state is RunState.SENDING
    reason = f"messages in doubt go out once more, asked for by {by}"
    is_moved = move_within(connection, run, RunState.SENDING, reason, now)
    if is_moved:
        log_decision(connection, who=by, what="reconcile", details={"run": run}, now=now)
    return is_moved


def _dedupe_of(capabilities: Capabilities) -> Dedupe | None:
    if capabilities.idempotency is Idempotency.NONE or capabilities.dedupe_window_s <= 0:
        return None
    return Dedupe(
        window_s=capabilities.dedupe_window_s,
        by_request=capabilities.idempotency is Idempotency.REQUEST_KEY,
    )


def _as_found(asked: InDoubt, said: LookedUp, capabilities: Capabilities, asked_at: float) -> Found:
    """asked_at: the store's clock before the gateway was asked."""
    is_over = asked.last_sent_at is not None and asked.last_sent_at + capabilities.look_up_after_s <= asked_at
    return Found(
        asked,
        said.is_known,
        said.gateway_message_id,
        said.receipt,
        proves_absence=capabilities.look_up is LookUp.CONCLUSIVE and is_over,
    )
