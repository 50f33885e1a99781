"""The undo of a list that was misread: everybody who is suppressed by its word alone may be texted again.

Some people at a time, each time in one transaction with its events and its line in the log, so a lift that was cut off
goes on when it is started again, and a sender gets the writer between.
"""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data.audit_log import has_decided, log_decision
from data.ledger.locking import lock_ledger
from data.sql import sql
from data.suppression_sources import KEPT_REASONS, is_list
from data.suppressions import record_lifts, scope_in_words
from messaging.errors import TidingsError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from data.store.engine import Store

LIFTED = "lift suppressions"  # as the log calls it

_SLICE = 500  # people in one transaction: 0.02 s of SQLite's lock
_PAUSE_S = 0.03  # whoever waits for the lock asks for it at least as often in its first 0.1 s
_MOST_NAMED = 3  # sources that a sentence names


class UnknownSource(TidingsError):
    """Nobody is suppressed with this source; the nearest ones are named."""


class NotAList(TidingsError):
    """What people said themselves, or a person decided, is taken back one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfSource:
    """How many suppressions of one source a lift takes back and leaves: by scope and reason.

    besides: what the same people are suppressed by as well, and stay so.
    """

    to_lift: dict[tuple[str, str], int]
    kept: dict[tuple[str, str], int]
    besides: dict[tuple[str, str], int]

    @property
    def n_to_lift(self) -> int:
        return sum(self.to_lift.values())

    @property
    def n_kept(self) -> int:
        return sum(self.kept.values())


def count_source(store: Store, source: str, *, scope: str | None) -> OfSource:
    """What `lift_source` would do now. scope None: in all scopes.

    Nothing, for a source that was lifted before. Raises UnknownSource, and NotAList for what is lifted one by one.
    """
    with store.read.connect() as connection:
        asked = {"source": source, "scope": scope, "kept_reasons": KEPT_REASONS}
        rows = connection.execute(_statement("of_source"), asked).all()
        if not rows:
            _refuse_unknown(connection, source, scope)
        besides = connection.execute(_statement("besides_source"), {"source": source, "scope": scope}).all()
    if not is_list(source):
        raise NotAList(
            f"{source!r} is neither a column of an import nor a file of suppressions, so these are lifted one by one: "
            "`tidings suppress remove NUMBER`."
        )
    return OfSource(
        to_lift={(row.scope, row.reason): int(row.n) for row in rows if not row.is_kept},
        kept={(row.scope, row.reason): int(row.n) for row in rows if row.is_kept},
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

    What people said themselves stays, and what was found out about their numbers, whoever was forgotten, and a purpose
    to which the newest word is a no. Raises NotAList.
    """
    if not is_list(source):
        raise NotAList(f"{source!r} is no list.")
    n_lifted = 0
    for person_keys in _people(store, source, scope):
        asked = {
            "person_keys": person_keys,
            "source": source,
            "scope": scope,
            "kept_reasons": KEPT_REASONS,
        }
        with store.write.begin() as connection:
            lock_ledger(connection)
            lifted = connection.execute(_statement("lift_source"), asked).all()
            if lifted:
                _tell(connection, lifted, source, by=by, why=why, now=now())
        n_lifted += len(lifted)
        pause(_PAUSE_S)
    return n_lifted


def _tell(
    connection: Connection, lifted: Sequence[Any], source: str, *, by: str, why: str, now: float
) -> None:
    record_lifts(
        connection, [(row.person_key, row.scope, row.reason) for row in lifted], by=by, why=why, now=now
    )
    details = {"source": source, "n": len(lifted), "why": why}
    log_decision(connection, who=by, what=LIFTED, details=details, now=now)


def _people(store: Store, source: str, scope: str | None) -> Iterator[list[str]]:
    """The person keys of a source, some at a time, each once; a lock is held for none of it."""
    after = {"person_key": "", "after": ""}
    while True:
        with store.read.connect() as connection:
            asked = {**after, "source": source, "scope": scope, "most": _SLICE}
            page = connection.execute(_statement("people_of_source"), asked).all()
        if not page:
            return
        yield sorted({row.person_key for row in page})
        after = {"person_key": page[-1].person_key, "after": page[-1].scope}


def _refuse_unknown(connection: Connection, source: str, scope: str | None) -> None:
    known = list(connection.execute(_statement("by_source")).scalars())
    if source in known and scope is not None:
        raise UnknownSource(
            f"nobody is suppressed {scope_in_words(scope)} by {source!r}; without --scope it is looked for in all scopes."
        )
    if source not in known and not has_decided(connection, what=LIFTED, mark=source):
        raise UnknownSource(f"nobody is suppressed by {source!r}; {_hint(source, known)}")


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
    lists = {"of_source": ("kept_reasons",), "lift_source": ("person_keys", "kept_reasons")}
    return sa.text(sql(f"suppressions/{name}")).bindparams(
        *(sa.bindparam(one, expanding=True) for one in lists.get(name, ()))
    )
