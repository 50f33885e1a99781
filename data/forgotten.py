"""People who asked to be forgotten: told to a file first, which no backup holds and no restore replaces.

A line is a person key, an instant, and by what else somebody is found in files: keyed hashes of the number's digits and
of ids that sources gave them. A restored store knows nothing of those who were forgotten since the backup; the file
does, so they are forgotten again. It names nobody: none of these opens to a number.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import orjson
import sqlalchemy as sa

from data.ledger.locking import lock_ledger
from data.sql import sql
from data.suppressions import FORGOTTEN, KEYS_PER_STATEMENT, Suppression, record_suppressions
from data.whole_files import make_private_folder, sync_folder
from messaging.traces import Trace

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from data.store.engine import Store

FILE = "forgotten.txt"  # in the var folder

_LINE = re.compile(r"([0-9a-f]{32}) \d+(?:\.\d+)?((?: d\d+:[0-9a-f]{32}| i[0-9a-f]{32})*)( back)?")
_EVENTS_AT_ONCE = 500
_ERASED = (
    "replies",
    "changes",
    "members",
    "contacts",
    "consents",
    "consents_before",
    "behaviour",
)  # members before contacts


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What the file tells. n_unreadable: lines that are none, such as the last one of a process that was killed."""

    people: list[Trace]
    n_unreadable: int

    @property
    def person_keys(self) -> list[str]:
        return [trace.person_key for trace in self.people]


def forget(store: Store, file: Path, people: Sequence[Trace], *, now: float) -> None:
    """Keep nothing of these people in the store but that they are suppressed, and never text them again.

    The file comes first: a crash between the two leaves somebody whom the next restore forgets, and nobody whom it
    brings back. What files hold of them: engine.forgetting.
    """
    known = {trace.person_key: trace for trace in read_forgotten(file).people}
    new = [
        trace
        for trace in people
        if known.get(trace.person_key) != trace.with_all(known.get(trace.person_key))
    ]
    if new:
        _append(file, [_line(trace, now) for trace in new])
    person_keys = [trace.person_key for trace in people]
    with store.write.begin() as connection:
        lock_ledger(connection)
        _suppress(connection, person_keys, now)  # at once: claims see it from here on
    with store.read.connect() as connection:
        told = _events_that_name(connection, person_keys)
    for first in range(0, len(told), _EVENTS_AT_ONCE):
        with store.write.begin() as connection:
            _unname(connection, told[first : first + _EVENTS_AT_ONCE])
    with store.write.begin() as connection:
        lock_ledger(connection)
        _erase(connection, person_keys)


def erase_again(store: Store, person_keys: Sequence[str]) -> None:
    """What somebody who had begun before wrote of them since; they stay suppressed as they are."""
    with store.write.begin() as connection:
        lock_ledger(connection)
        _erase(connection, person_keys)


def external_ids(store: Store, person_keys: Sequence[str]) -> list[str]:
    """The ids that sources gave these people, as contacts have them."""
    with store.read.connect() as connection:
        found = connection.execute(_statement("external_ids"), {"person_keys": list(person_keys)})
        return [row.external_id for row in found]


def forget_within(connection: Connection, person_keys: Sequence[str], *, now: float) -> None:
    """`forget` in the caller's transaction, for people whom the file has already."""
    _suppress(connection, person_keys, now)
    _unname(connection, _events_that_name(connection, person_keys))
    _erase(connection, person_keys)


def let_back(file: Path, person_key: str, *, now: float) -> None:
    """Somebody who was forgotten came back themselves: a restore leaves them alone from now on."""
    _append(file, [f"{person_key} {now:.3f} back"])


def read_forgotten(file: Path) -> Forgotten:
    """Everybody in the file, once; nobody when there is none."""
    if not file.exists():
        return Forgotten([], 0)
    lines = [line for line in file.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    found = [_LINE.fullmatch(line) for line in lines]
    people: dict[str, Trace] = {}
    for line in found:
        if line is not None:
            person_key, hashes, is_back = line.groups()
            if is_back:
                people.pop(person_key, None)
            else:
                people[person_key] = _trace(person_key, hashes.split(), people.get(person_key))
    return Forgotten(list(people.values()), found.count(None))


def forgotten_people(store: Store) -> list[str]:
    """Whoever must not be kept again, though a source still has them."""
    with store.read.connect() as connection:
        return list(connection.execute(sa.text(sql("forgotten/people"))).scalars())


def forgotten_among(connection: Connection, person_keys: Iterable[str]) -> set[str]:
    """Whoever of these people asked to be forgotten and was not let back."""
    asked = sorted(set(person_keys))
    if not asked:
        return set()
    name = "forgotten" if connection.dialect.name == "sqlite" else "forgotten_on_postgresql"
    told = {"person_keys": orjson.dumps(asked).decode()}
    return set(connection.execute(sa.text(sql(f"contacts/{name}")), told).scalars())


def forgotten_with_replies(store: Store) -> dict[str, str]:
    """Whoever of the forgotten has a reply that still names them: person key → number."""
    with store.read.connect() as connection:
        return {
            row.person_key: row.msisdn for row in connection.execute(sa.text(sql("forgotten/with_replies")))
        }


def _suppress(connection: Connection, person_keys: Sequence[str], now: float) -> None:
    entries = [
        Suppression(person_key=person, msisdn=None, reason=FORGOTTEN, source="forget")
        for person in person_keys
    ]
    record_suppressions(connection, entries, now=now)
    _do(connection, "suppressions", person_keys)


def _erase(connection: Connection, person_keys: Sequence[str]) -> None:
    if connection.dialect.name != "sqlite":  # first, as an import does: so neither waits for the other
        connection.execute(sa.text(sql("contacts/lock_on_postgresql")))
    for name in _ERASED:
        _do(connection, name, person_keys)


def _do(connection: Connection, name: str, person_keys: Sequence[str]) -> None:
    for first in range(0, len(person_keys), KEYS_PER_STATEMENT):
        chunk = {"person_keys": list(person_keys[first : first + KEYS_PER_STATEMENT])}
        connection.execute(_statement(name), chunk)


def _events_that_name(connection: Connection, person_keys: Iterable[str]) -> list[tuple[int, str]]:
    """(event, payload without the person) of all replies of these people: a read of every reply's event."""
    people = set(person_keys)
    found = []
    for event, payload in connection.execute(sa.text(sql("forgotten/replies_events"))):
        told = orjson.loads(payload)
        if told.get("person_key") in people:
            del told["person_key"]
            found.append((event, orjson.dumps(told).decode()))
    return found


def _unname(connection: Connection, told: Sequence[tuple[int, str]]) -> None:
    if told:
        rows = [{"event": event, "payload": payload} for event, payload in told]
        connection.execute(sa.text(sql("forgotten/unname_event")), rows)


def _line(trace: Trace, now: float) -> str:
    digits = [f"d{length}:{digest}" for length, digest in sorted(trace.digits)]
    return " ".join(
        [trace.person_key, f"{now:.3f}", *digits, *(f"i{digest}" for digest in sorted(trace.ids))]
    )


def _trace(person_key: str, hashes: Sequence[str], known: Trace | None) -> Trace:
    digits = {
        (int(length), digest) for length, _, digest in (h[1:].partition(":") for h in hashes if h[0] == "d")
    }
    ids = {h[1:] for h in hashes if h[0] == "i"}
    return Trace(person_key, frozenset(digits), frozenset(ids)).with_all(known)


def _append(file: Path, told: Sequence[str]) -> None:
    make_private_folder(file.parent)
    with os.fdopen(os.open(file, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600), "r+b") as lines:
        is_cut_off = lines.seek(0, os.SEEK_END) > 0 and _last_byte(lines) != b"\n"
        lines.write((b"\n" if is_cut_off else b"") + "".join(f"{line}\n" for line in told).encode())
        lines.flush()
        os.fsync(lines.fileno())
    sync_folder(file.parent)


def _last_byte(lines: BinaryIO) -> bytes:
    lines.seek(-1, os.SEEK_END)
    return lines.read(1)


@cache
def _statement(name: str) -> sa.TextClause:
    return sa.text(sql(f"forgotten/{name}")).bindparams(sa.bindparam("person_keys", expanding=True))
