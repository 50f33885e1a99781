"""The undo of a list that was misread: everybody who is suppressed by its word alone may be texted again.

Whom another list names as well stays suppressed, by that one's word from then on.
Some people at a time, each time in one transaction with its events and its line in the log, so a lift that was cut off
goes on when it is started again, and a sender gets the writer between.
"""

from __future__ import annotations

import difflib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data.audit_log import has_decided, log_decision
from data.ledger.locking import lock_ledger
from data.sql import sql
from data.suppression_sources import (
    AND,
    KEPT_REASONS,
    alone,
    is_list,
    is_word_of_a_list,
    lists_of,
    without,
)
from data.suppressions import StoredSuppression, record_lifts, record_sources, scope_in_words
from messaging.errors import TidingsError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from data.store.engine import Store

LIFTED = "lift suppressions"  # as the log calls it

_SLICE = 500  # people in one transaction: 0.02 s of SQLite's lock
_PAUSE_S = 0.03  # whoever waits for the lock asks for it at least as often in its first 0.1 s
_MOST_NAMED = 3  # sources that a sentence names
_LISTS = {  # parameters that are lists
    "of_source": ("alone", "kept_reasons"),
    "besides_source": ("alone",),
    "people_of_source": ("alone",),
    "lift_source": ("person_keys", "alone", "kept_reasons"),
    "shared_source": ("person_keys", "alone"),
}


class UnknownSource(TidingsError):
    """Nobody is suppressed with this source; the nearest ones are named."""


class NotAList(TidingsError):
    """What people said themselves, or a person decided, is taken back one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfSource:
    """How many suppressions of one source a lift takes back and leaves: by scope and reason.

    shared: those of other lists as well, which stay by their word. besides: what the same people are suppressed by
    elsewhere, and stay so.
    """

    to_lift: Mapping[tuple[str, str], int]
    shared: Mapping[tuple[str, str], int]
    kept: Mapping[tuple[str, str], int]
    besides: Mapping[tuple[str, str], int]

    @property
    def n_to_lift(self) -> int:
        return sum(self.to_lift.values())

    @property
    def n_shared(self) -> int:
        return sum(self.shared.values())

    @property
    def n_kept(self) -> int:
        return sum(self.kept.values())


def count_source(store: Store, source: str, *, scope: str | None) -> OfSource:
    """What `lift_source` would do now. scope None: in all scopes.

    Nothing, for a source that was lifted before. Raises UnknownSource, and NotAList for what is lifted one by one.
    """
    asked = _asked(source, scope)
    with store.read.connect() as connection:
        rows = connection.execute(_statement("of_source"), {**asked, "kept_reasons": KEPT_REASONS}).all()
        if not rows:
            _refuse_unknown(connection, source, scope)
        besides = connection.execute(_statement("besides_source"), asked).all()
    if not is_list(source):
        raise NotAList(_not_one(source))
    to_lift: Counter[tuple[str, str]] = Counter()
    shared: Counter[tuple[str, str]] = Counter()
    kept: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if row.source in asked["alone"]:
            counted = kept if row.is_kept else to_lift
        elif _is_shared(row, source):
            counted = shared
        else:
            continue
        counted[row.scope, row.reason] += int(row.n)
    return OfSource(
        to_lift=to_lift,
        shared=shared,
        kept=kept,
        besides={(row.scope, row.reason): int(row.n) for row in besides},
    )


def lift_source(
    store: Store,
    source: str,
    *,
    scope: str | None,
    by: str,
    why: str,
    now: Callable[[], float],
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """Lift every suppression that stands by the word of this list alone; returns how many. scope None: in all scopes.

    Where other lists are named beside it, it is taken out of their number, and the suppression stays.
    What people said themselves stays, and what was found out about their numbers, whoever was forgotten, and a purpose
    to which the newest word is a no. Raises NotAList.
    """
    if not is_list(source):
        raise NotAList(f"{source!r} is no list.")
    asked = _asked(source, scope)
    n_lifted = 0
    for person_keys in _people(store, asked):
        theirs = {**asked, "person_keys": person_keys}
        with store.write.begin() as connection:
            lock_ledger(connection)
            lifted = connection.execute(
                _statement("lift_source"), {**theirs, "kept_reasons": KEPT_REASONS}
            ).all()
            shared = [
                row
                for row in connection.execute(_statement("shared_source"), theirs)
                if _is_shared(row, source)
            ]
            if lifted or shared:
                _tell(connection, lifted, shared, source, by=by, why=why, now=now())
        n_lifted += len(lifted)
        pause(_PAUSE_S)
    return n_lifted


def _asked(source: str, scope: str | None) -> dict[str, Any]:
    """What the statements ask for."""
    one = _one(source)
    return {"alone": alone(one) or [source], "named": f"{AND}{one}{AND}", "scope": scope}


def _one(source: str) -> str:
    """A list as suppressions name it."""
    return lists_of(source)[0] if is_list(source) else source


def _is_shared(row: Any, source: str) -> bool:
    return _one(source) in lists_of(row.source) and is_word_of_a_list(row.source, row.reason)


def _tell(
    connection: Connection,
    lifted: Sequence[Any],
    shared: Sequence[Any],
    source: str,
    *,
    by: str,
    why: str,
    now: float,
) -> None:
    """What was lifted, and what stays by the word of others."""
    one = _one(source)
    if lifted:
        gone = [(row.person_key, row.scope, row.reason) for row in lifted]
        record_lifts(connection, gone, by=by, why=why, now=now)
    if shared:
        left = [
            StoredSuppression(**{**row._mapping, "source": without(row.source, one)})  # noqa: SLF001
            for row in shared
        ]
        record_sources(connection, left, now=now)
    details = {"source": one, "n": len(lifted), "n_by_other_lists": len(shared), "why": why}
    log_decision(connection, who=by, what=LIFTED, details=details, now=now)


def _people(store: Store, asked: Mapping[str, Any]) -> Iterator[list[str]]:
    """The person keys of a list, some at a time, each once; a lock is held for none of it."""
    after = {"person_key": "", "after": ""}
    while True:
        with store.read.connect() as connection:
            page = connection.execute(
                _statement("people_of_source"), {**asked, **after, "most": _SLICE}
            ).all()
        if not page:
            return
        yield sorted({row.person_key for row in page})
        after = {"person_key": page[-1].person_key, "after": page[-1].scope}


def _refuse_unknown(connection: Connection, source: str, scope: str | None) -> None:
    stored = list(connection.execute(_statement("by_source")).scalars())
    known = list(dict.fromkeys(one for text in stored for one in lists_of(text) or (text,)))
    one = _one(source)
    if one in known and scope is not None:
        raise UnknownSource(
            f"nobody is suppressed {scope_in_words(scope)} by {source!r}; without --scope it is looked for in all scopes."
        )
    if one not in known and not has_decided(connection, what=LIFTED, mark=one):
        raise UnknownSource(f"nobody is suppressed by {source!r}; {_hint(source, known)}")


def _not_one(source: str) -> str:
    lists = [one for one in lists_of(source) if is_list(one)]
    if lists:
        return f"{source!r} names several lists, which are lifted one after the other: {_either(lists)}."
    return (
        f"{source!r} is neither a column of an import nor a file of suppressions, so these are lifted one by one: "
        "`tidings suppress remove NUMBER`."
    )


def _hint(source: str, known: Sequence[str]) -> str:
    lists = [one for one in known if is_list(one)]
    near = difflib.get_close_matches(source, lists, n=_MOST_NAMED, cutoff=0.6)
    if near:
        return f"did you mean {_either(near)}?"
    if lists:
        more = ", …" if len(lists) > _MOST_NAMED else ""
        return f"lists that suppress somebody: {', '.join(map(repr, lists[:_MOST_NAMED]))}{more}."
    return "no list suppresses anybody."


def _either(names: Sequence[str]) -> str:
    return " or ".join(map(repr, names))


def _statement(name: str) -> sa.TextClause:
    text = sql(f"suppressions/{name}").format(is_kept=sql("suppressions/is_kept"))
    return sa.text(text).bindparams(*(sa.bindparam(one, expanding=True) for one in _LISTS.get(name, ())))
