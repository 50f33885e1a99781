"""Everything that is known of one person, from the store, the folders of runs and imports, and the lake.

Files are searched by person key, one column of a row group at a time, so memory does not grow with them; rejects, which
have no key, by the digits of the number and by ids, as data/erasing.py finds them to forget somebody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import phonenumbers
import pyarrow as pa

from data.consents import consents_of
from data.contacts.history import read_history
from data.contacts.lists import lists_of
from data.contacts.records import read_contact
from data.erasing import Kind, of_events, of_lake, of_person, rejects_about, rows_about
from data.erasing_pages import pages_about
from data.files import RunFolder
from data.people import behaviour_of, outcome_of, replies_of, runs_to_search
from data.suppressions import suppressions_of
from messaging.traces import Traces, trace_of

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from data.instance import Instance

T = TypeVar("T")

_UNREADABLE = (OSError, pa.ArrowException, ValueError)
_OF_MESSAGES = (
    "source_row",
    "reference",
    "msisdn",
    "sender_id",
    "text",
    "encoding",
    "segments",
    "price",
    "region",
)


def all_known(instance: Instance, msisdn: str) -> dict[str, Any]:
    """As data for JSON; instants are seconds since 1970, UTC. `unreadable`: files that may hold more."""
    key = instance.keys.person
    trace = trace_of(key, msisdn)
    with instance.store.read.connect() as connection:
        known = _in_store(connection, trace.person_key)
        runs = runs_to_search(connection)
    contact = known["contact"] or {}
    ids = {contact["external_id"]} if contact.get("external_id") else set()
    search = _Search(instance.var_dir, key, msisdn, ids)
    with instance.store.read.connect() as connection:
        told = [search.run(connection, run) for run in runs if run["folder"] is not None]
    national = phonenumbers.national_significant_number(phonenumbers.parse(msisdn))
    return {
        "number": msisdn,
        "person_key": trace.person_key,
        **known,
        "runs": [run for run in told if run is not None],
        "rejects_of_imports": search.imports(),
        "pages_of_gateways": pages_about(instance.store, search.traces, national=national),
        "analytics": search.lake(),
        "unreadable": search.unreadable,
    }


def _in_store(connection: Connection, person_key: str) -> dict[str, Any]:
    contact = read_contact(connection, person_key)
    places = [] if contact is None else lists_of(connection, contact.contact)
    return {
        "contact": None if contact is None else asdict(contact),
        "lists": [name for kind, name in places if kind == "list"],
        "tags": [name for kind, name in places if kind == "tag"],
        "consents": [asdict(one) for one in consents_of(connection, person_key)],
        "suppressions": [asdict(one) for one in suppressions_of(connection, person_key)],
        "history": [
            {"at": one.at, "by": one.by, "kind": one.kind, "fields": dict(one.fields)}
            for one in read_history(connection, person_key, contact)
        ],
        "replies": replies_of(connection, person_key),
        "behaviour": behaviour_of(connection, person_key),
    }


class _Search:
    """The files of one var folder. ids: as sources know the person; runs add what their files say."""

    def __init__(self, var_dir: Path, key: bytes, msisdn: str, ids: Iterable[str]) -> None:
        self.unreadable: list[str] = []
        self._var_dir = var_dir
        self._key = key
        self._msisdn = msisdn
        self._ids = set(ids)

    @property
    def traces(self) -> Traces:
        return Traces(self._key, [trace_of(self._key, self._msisdn, external_ids=self._ids)])

    def run(self, connection: Connection, run: dict[str, Any]) -> dict[str, Any] | None:
        """What one run holds of the person; None: nothing."""
        folder = RunFolder(self._var_dir / run.pop("folder"))
        by_key = of_person(self.traces, kept=frozenset())
        people = self._rows(folder.audience, by_key)
        excluded = self._rows(folder.excluded, by_key)
        self._ids |= {row["external_id"] for row in (*people, *excluded) if row.get("external_id")}
        messages = self._messages(connection, run["run"], folder, people) if people else []
        rejects = self._rejects(folder.rejects_csv)
        if not (people or excluded or rejects):
            return None
        return {**run, "messages": messages, "excluded": excluded, "rejects": rejects}

    def imports(self) -> list[dict[str, Any]]:
        return [
            {"import": int(folder.name), **row}
            for folder in sorted((self._var_dir / "imports").glob("[0-9]*"))
            for row in self._rejects(folder / "rejects.csv")
        ]

    def lake(self) -> list[dict[str, Any]]:
        """Rows of the analytics' files, without what no row says anything of."""
        by_key, events = of_lake(self.traces), of_events(self.traces)
        found = []
        for kind in ("planned", "excluded", "messages", "events"):
            for path in sorted((self._var_dir / "lake" / kind).glob("[!.]*.parquet")):
                rows = self._rows(path, events if kind == "events" else by_key)
                place = path.relative_to(self._var_dir).as_posix()
                found += [
                    {"file": place, **{name: cell for name, cell in row.items() if cell is not None}}
                    for row in rows
                ]
        return found

    def _messages(
        self, connection: Connection, run: int, folder: RunFolder, people: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        by_key = of_person(self.traces, kept=frozenset())
        by_ordinal = {row["ordinal"]: row for row in people}
        told = []
        for path in sorted((folder.path / "batches").glob("[!.]*.parquet")):
            for row in self._rows(path, by_key):
                message = {name: row[name] for name in _OF_MESSAGES if name in row}
                outcome = outcome_of(connection, run, row["batch"], row["row"])
                told.append({**message, **outcome, "contact": by_ordinal.get(row["ordinal"], {})})
        return told

    def _rejects(self, path: Path) -> list[dict[str, str]]:
        return self._unless_unreadable(path, lambda: list(rejects_about(path, self.traces)))

    def _rows(self, path: Path, kind: Kind) -> list[dict[str, Any]]:
        return self._unless_unreadable(path, lambda: list(_as_dicts(rows_about(path, kind))))

    def _unless_unreadable(self, path: Path, read: Callable[[], list[T]]) -> list[T]:
        try:
            return read() if path.exists() else []
        except _UNREADABLE:
            self.unreadable.append(path.relative_to(self._var_dir).as_posix())
            return []


def _as_dicts(frames: Iterable[Any]) -> Iterator[dict[str, Any]]:
    for frame in frames:
        yield from frame.iter_rows(named=True)
