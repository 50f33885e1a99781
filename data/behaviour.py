"""What came of earlier texts, per person and run: filled by each load of the analytics, asked by segments.

A reply belongs to the last text that the person had got from its account before it. Nothing fills clicked_at yet:
links are not followed.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import sqlalchemy as sa

from data.sql import sql

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from data.store.engine import Store

T = TypeVar("T")

PEOPLE_PER_TRANSACTION = 4_000  # a sending run waits for none of these for long
PAUSE_S = 0.05  # and writes between two
PEOPLE_PER_STATEMENT = 4_000
REPLY_BEFORE_S = 60.0  # an answer may be stamped this long before our own note that the gateway took the text


class Behaved(NamedTuple):
    """What is known of one person's message of a run; instants in seconds since 1970. All None: it was no text after all."""

    person_key: str
    texted_at: float | None
    delivered_at: float | None
    failed_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """As of when behaviour is known. waiting_runs: of which something newer is known to the ledger only."""

    loaded_at: float | None
    waiting_runs: list[int]
    replies_wait: bool

    @property
    def is_current(self) -> bool:
        return not self.waiting_runs and not self.replies_wait


class _Text(NamedTuple):
    person_key: str
    run: int
    account: str
    texted_at: float | None
    replied_at: float | None


def put_behaviour(
    store: Store, run: int, people: Iterable[Behaved], *, pause: Callable[[float], None] = time.sleep
) -> int:
    """Write what changed for the people of a run, in slices. Returns how many. Once more changes nothing."""
    n_people = 0
    for chunk in _slices(people, PEOPLE_PER_TRANSACTION):
        if n_people:
            pause(PAUSE_S)
        known = [one for one in chunk if one[1:] != (None, None, None)]
        gone = [one for one in chunk if one[1:] == (None, None, None)]
        with store.write.begin() as connection:
            for name, rows in (("put", known), ("take_back", gone)):
                if rows:
                    connection.execute(_statement(name), [{**one._asdict(), "run": run} for one in rows])
        n_people += len(chunk)
    return n_people


def settle_replies_to(store: Store, run: int, *, pause: Callable[[float], None] = time.sleep) -> int:
    """Give the replies of everybody whom a run texted to the texts that they answer. Returns how many rows changed."""
    with store.read.connect() as connection:
        people = connection.execute(_statement("who_replied"), {"run": run}).scalars().all()
    return settle_replies_of(store, people, pause=pause)


def settle_replies_of(
    store: Store, people: Sequence[str], *, pause: Callable[[float], None] = time.sleep
) -> int:
    """Give every reply of these people to the text that it answers. Returns how many rows changed."""
    n_changed = 0
    for chunk in _slices(people, PEOPLE_PER_STATEMENT):
        with store.read.connect() as connection:
            changed = _settled(_texts(connection, chunk), _replies(connection, chunk))
        if changed:
            with store.write.begin() as connection:
                connection.execute(_statement("set_replied"), changed)
            pause(PAUSE_S)
        n_changed += len(changed)
    return n_changed


def behaviour_standing(store: Store, *, simulated: bool) -> Standing:
    """As of when segments know what people did. simulated: whether runs through a simulator count."""
    with store.read.connect() as connection:
        return Standing(
            loaded_at=connection.execute(_statement("loaded_at")).scalar(),
            waiting_runs=list(
                connection.execute(_statement("waiting_runs"), {"simulated": simulated}).scalars()
            ),
            replies_wait=bool(connection.execute(_statement("waiting_replies")).scalar_one()),
        )


def runs_to_come(store: Store, *, simulated: bool) -> list[int]:
    """Runs of which behaviour does not know all yet: those that are not over, and those with news for the next load."""
    asked = {"simulated": simulated}
    with store.read.connect() as connection:
        return sorted(
            {
                *connection.execute(_statement("open_runs"), asked).scalars(),
                *connection.execute(_statement("waiting_runs"), asked).scalars(),
            }
        )


def _texts(connection: Connection, people: Sequence[str]) -> list[_Text]:
    return [
        _Text._make(row) for row in connection.execute(_statement("texts"), {"person_keys": list(people)})
    ]


def _replies(connection: Connection, people: Sequence[str]) -> dict[tuple[str, str], list[float]]:
    """When each person wrote to each account."""
    written: dict[tuple[str, str], list[float]] = defaultdict(list)
    for person_key, account, at in connection.execute(_statement("replies"), {"person_keys": list(people)}):
        written[person_key, account].append(at)
    return written


def _settled(texts: Sequence[_Text], replies: dict[tuple[str, str], list[float]]) -> list[dict[str, Any]]:
    """The rows of behaviour whose last reply is another one than they say."""
    by_account: dict[tuple[str, str], list[_Text]] = defaultdict(list)
    for text in texts:
        by_account[text.person_key, text.account].append(text)
    changed = []
    for place, written in replies.items():
        answered = _answered(by_account[place], written)
        for text in by_account[place]:
            replied_at = answered.get(text.run)
            # A reply that is known no more, since it was too old to be kept, is not taken from its text.
            if replied_at is None and text.replied_at not in written:
                continue
            if replied_at != text.replied_at:
                changed.append({"person_key": text.person_key, "run": text.run, "replied_at": replied_at})
    return changed


def _answered(texts: Sequence[_Text], written: Sequence[float]) -> dict[int, float]:
    """Run → the last reply to its text."""
    sent = sorted((text.texted_at, text.run) for text in texts if text.texted_at is not None)
    answered: dict[int, float] = {}
    for at in sorted(written):
        before = bisect_right(sent, (at + REPLY_BEFORE_S, float("inf")))
        if before:
            answered[sent[before - 1][1]] = at
    return answered


def _slices(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


@cache
def _statement(name: str) -> sa.TextClause:
    text = sa.text(sql(f"behaviour/{name}"))
    takes_people = name in {"replies", "texts"}
    return text.bindparams(sa.bindparam("person_keys", expanding=True)) if takes_people else text
