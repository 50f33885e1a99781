"""Collecting: pages of receipts and replies are stored as they came, then read, one commit each (design.md §6).

With its reading a page loses whatever it tells of people who were forgotten: a gateway may tell the same again, and a
restored store asks for it once more. A receipt that says that somebody told the gateway to stop waits when its message
cannot be read: the page stays unread then, and all else that it tells is recorded.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from data.erasing_pages import blank_page, people_in
from data.files import RunFileError
from data.forgotten import forgotten_among
from data.ledger.locking import lock_ledger
from data.ledger.receipts import record_receipts
from data.receipt_pages import (
    StoredPage,
    drop_page,
    keep_page,
    mark_read,
    next_unread,
    read_cursor,
)
from data.replies import record_replies
from data.store.tidying import empty_log
from engine.opted_out import OptedOut, OptOuts
from gateway_clients.errors import GatewayUnavailable, UnreadablePage
from messaging.outcomes import Receipt, Reply
from messaging.sealed import Sealer, person_key

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from data.keys import Keys
    from data.store.engine import Store
    from gateway_clients.base import GatewayClient, Page
    from messaging.sealed import MessageRef

log = logging.getLogger(__name__)

MOST_PAGES = 1_000  # of one call, so that it ends even when receipts come faster than they are read
PULL_TIMEOUT_S = 60.0  # behind the client's own timeouts

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What one call brought. A page counts as unreadable at every call for as long as it cannot be read.

    gateway_error: why pulling ended early, in one sentence; what had been pulled by then is recorded all the same.
    """

    n_pages: int = 0
    n_new: int = 0
    n_repeated: int = 0
    n_unknown: int = 0
    n_adopted: int = 0
    n_replies: int = 0
    n_stops: int = 0
    n_unreadable: int = 0
    gateway_error: str | None = None

    @property
    def has_news(self) -> bool:
        return self.n_new > 0 or self.n_replies > 0

    def __add__(self, other: Collected) -> Collected:
        return Collected(
            n_pages=self.n_pages + other.n_pages,
            n_new=self.n_new + other.n_new,
            n_repeated=self.n_repeated + other.n_repeated,
            n_unknown=self.n_unknown + other.n_unknown,
            n_adopted=self.n_adopted + other.n_adopted,
            n_replies=self.n_replies + other.n_replies,
            n_stops=self.n_stops + other.n_stops,
            n_unreadable=self.n_unreadable + other.n_unreadable,
            gateway_error=other.gateway_error or self.gateway_error,
        )


async def collect(
    store: Store, client: GatewayClient, account: str, keys: Keys, *, var_dir: Path, clock: Clock
) -> Collected:
    """Read what a crashed predecessor left unread, then pull until the gateway has nothing more.

    Runs on the client's event loop; the store is only touched in threads, so a sender on that loop is not held up.
    Pages are read by whoever comes first; reading one twice records nothing twice.
    """
    reader = _Reader(store, client, account, keys, var_dir, clock)
    collected = await _collect(reader, store, client, account)
    if reader.has_blanked:
        await asyncio.to_thread(empty_log, store)
    return collected


async def _collect(reader: _Reader, store: Store, client: GatewayClient, account: str) -> Collected:
    collected = await asyncio.to_thread(reader.read_left_over)
    if not client.capabilities.can_pull_receipts:
        return collected
    cursor = await asyncio.to_thread(read_cursor, store, account)
    for _ in range(MOST_PAGES):
        try:
            page = await _pull(client, cursor)
        except GatewayUnavailable as error:
            return replace(collected, gateway_error=str(error))
        collected += await asyncio.to_thread(reader.keep_and_read, page)
        if page.cursor is None or page.cursor == cursor:
            break
        cursor = page.cursor
    return collected


def collect_once(
    store: Store,
    make_client: Callable[[], GatewayClient],
    account: str,
    keys: Keys,
    *,
    var_dir: Path,
    clock: Clock,
) -> Collected:
    """`collect` for a caller without an event loop, with a client that lives for this call. Blocking."""

    async def with_own_client() -> Collected:
        client = make_client()
        try:
            return await collect(store, client, account, keys, var_dir=var_dir, clock=clock)
        finally:
            await client.close()

    return asyncio.run(with_own_client())


async def _pull(client: GatewayClient, cursor: str | None) -> Page:
    try:
        async with asyncio.timeout(PULL_TIMEOUT_S):
            return await client.pull_receipts(cursor)
    except TimeoutError:
        raise GatewayUnavailable(
            f"the gateway did not answer within {PULL_TIMEOUT_S:.0f} s; receipts are asked for again later."
        ) from None


class _Reader:
    """Reads stored pages of one account; everything here blocks."""

    def __init__(
        self, store: Store, client: GatewayClient, account: str, keys: Keys, var_dir: Path, clock: Clock
    ) -> None:
        self._store = store
        self._client = client
        self._account = account
        self._person = keys.person
        self._sealer = Sealer(keys.references)
        self._opt_outs = OptOuts(store, var_dir, account)
        self._clock = clock
        self.has_blanked = False  # what a page told is in the store's log for a while

    def read_left_over(self) -> Collected:
        """Pages that are stored but not read: of a crashed predecessor, or unreadable until now."""
        collected = Collected()
        after = -1
        while (page := next_unread(self._store, self._account, after=after)) is not None:
            collected += self._read(page)
            after = page.page
        return collected

    def keep_and_read(self, page: Page) -> Collected:
        kept = keep_page(self._store, self._account, page.body, cursor=page.cursor, now=self._clock())
        return self._read(kept)

    def _read(self, page: StoredPage) -> Collected:
        try:
            receipts, replies = self._client.read_receipts(page.body)
        except UnreadablePage as error:
            return self._unread(page, error)
        opted_out, waiting, why = self._opted_out(receipts)
        if why is None:
            return self._record(page, receipts, replies, opted_out)
        others = [one for one in receipts if one not in waiting]
        return self._record_some(others, replies, opted_out) + self._unread(page, why)

    def _unread(self, page: StoredPage, why: Exception) -> Collected:
        log.warning("page %d of account %s stays unread: %s", page.page, self._account, why)
        return Collected(n_unreadable=1)

    def _opted_out(
        self, receipts: Sequence[Receipt]
    ) -> tuple[dict[Receipt, OptedOut], set[Receipt], RunFileError | None]:
        """Whom those receipts speak of that say that somebody told the gateway to stop; nearly always none do.

        Beside them those whose messages cannot be read, and why.
        """
        saying = [one for one in receipts if self._opt_outs.says_so(one.status, one.code)]
        by_batch: dict[tuple[int, int], dict[Receipt, MessageRef]] = defaultdict(dict)
        messages = self._sealer.open_many(one.reference or "" for one in saying)
        for one, message in zip(saying, messages, strict=True):
            if message is not None:
                by_batch[message.run, message.batch][one] = message
        found: dict[Receipt, OptedOut] = {}
        waiting: set[Receipt] = set()
        why: RunFileError | None = None
        for told in by_batch.values():
            try:
                found |= self._opt_outs.people(told)
            except RunFileError as error:
                waiting |= set(told)
                why = error
        return found, waiting, why

    def _record_some(
        self, receipts: list[Receipt], replies: list[Reply], opted_out: Mapping[Receipt, OptedOut]
    ) -> Collected:
        """What a page tells but for the receipts that wait: it stays unread, and told again they are no news."""
        now = self._clock()
        with self._store.write.begin() as connection:
            lock_ledger(connection)
            told = self._told(connection, receipts, replies, opted_out, now)
        return replace(told, n_repeated=0, n_unknown=0)

    def _record(
        self,
        page: StoredPage,
        receipts: list[Receipt],
        replies: list[Reply],
        opted_out: Mapping[Receipt, OptedOut],
    ) -> Collected:
        """All that a page tells, and that it was read, in one commit."""
        now = self._clock()
        people = people_in(page.body, self._person)
        people |= {person_key(self._person, reply.msisdn): reply.msisdn for reply in replies}
        with self._store.write.begin() as connection:
            lock_ledger(connection)
            if not mark_read(connection, page.page, now=now):
                return Collected()
            told = self._told(connection, receipts, replies, opted_out, now)
            forgotten = forgotten_among(connection, people)
            if not told.has_news:
                drop_page(connection, page.page)
                self.has_blanked |= bool(forgotten)
            elif blank_page(connection, page.page, page.body, people, forgotten, self._person):
                self.has_blanked = True
        return replace(told, n_pages=1)

    def _told(
        self,
        connection: Connection,
        receipts: list[Receipt],
        replies: list[Reply],
        opted_out: Mapping[Receipt, OptedOut],
        now: float,
    ) -> Collected:
        recorded = record_receipts(connection, self._account, receipts, self._sealer, now)
        if opted_out:
            said = [opted_out[one] for one in recorded.new if one in opted_out]
            self._opt_outs.suppress(connection, said, now)
        answered = record_replies(connection, self._account, replies, person=self._person, now=now)
        return Collected(
            n_new=recorded.n_new,
            n_repeated=recorded.n_repeated,
            n_unknown=recorded.n_unknown,
            n_adopted=recorded.n_adopted,
            n_replies=answered.n_new,
            n_stops=answered.n_stops,
        )
