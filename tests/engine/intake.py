"""A desk where contacts come in: a folder with a source, a store of either kind, and what the store holds afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa

from data.keys import Keys
from data.spool import ROWS_OF_A_CHUNK
from data.store.engine import Store, open_store
from data.store.tables import accounts, metadata
from engine.importing import ImportReport, import_contacts
from messaging.import_file import parse_import
from messaging.sealed import person_key

KEYS = Keys(sealing=b"s" * 32, person=b"p" * 32, references=b"r" * 32)
STANDARD = ("external_id", "first_name", "last_name", "language", "time_zone")


@dataclass
class Intake:
    """One store, a clock that goes on by a second with each look at it, and imports into it."""

    base: Path
    store: Store
    now: float = 1_790_000_000.0
    paused: list[float] = field(default_factory=list)

    @property
    def var_dir(self) -> Path:
        return self.base / "var"

    def source(self, text: str, name: str = "people.csv") -> None:
        (self.base / name).write_text(text, encoding="utf-8")

    def clock(self) -> float:
        self.now += 1.0
        return self.now

    def bring(
        self,
        *,
        file: str | None = "people.csv",
        again: bool = False,
        rows_per_chunk: int = ROWS_OF_A_CHUNK,
        name: str = "people",
        **sections: Any,
    ) -> ImportReport:
        """Import a file. sections: of the import file; those of source besides its file."""
        where = {} if file is None else {"file": file}
        source = {**where, "region": "GB", **sections.pop("source", {})}
        report = import_contacts(
            parse_import({"name": name, "source": source, **sections}),
            base=self.base,
            store=self.store,
            keys=KEYS,
            var_dir=self.var_dir,
            now=self.clock,
            by="a test",
            again=again,
            rows_per_chunk=rows_per_chunk,
            pause=self.paused.append,
        )
        assert report.n_rows == sum(counts_of(report).values()), "the five add up"
        return report

    def contacts(self) -> dict[str, dict[str, str]]:
        """By number, what is filled of everybody."""
        found = self.rows(f"select msisdn, attributes, {', '.join(STANDARD)} from contacts order by contact")
        return {
            msisdn: {
                **{name: value for name, value in zip(STANDARD, fields, strict=True) if value is not None},
                **orjson.loads(attributes),
            }
            for msisdn, attributes, *fields in found
        }

    def changes(self) -> list[tuple[str, dict[str, list[str | None]]]]:
        """(by, fields) of the history of contacts, in order."""
        found = self.rows(
            "select \"by\", fields from contact_changes where kind = 'imported' order by change"
        )
        return [(by, orjson.loads(fields)) for by, fields in found]

    def members(self, name: str, kind: str = "list") -> list[str]:
        return self.column(
            "select msisdn from contacts join list_members on list_members.contact = contacts.contact "
            "join lists on lists.list = list_members.list "
            f"where lists.name = '{name}' and lists.kind = '{kind}' order by msisdn"
        )

    def consents(self) -> dict[str, bool]:
        """By person_key, what counts for marketing."""
        found = self.rows(
            "select person_key, is_given from consents where is_current and purpose = 'marketing'"
        )
        return {person: bool(is_given) for person, is_given in found}

    def imports(self) -> list[tuple[int, str]]:
        return self.rows("select import, state from imports order by import")

    def column(self, text: str) -> list[Any]:
        return [value for (value,) in self.rows(text)]

    def rows(self, text: str) -> list[Any]:
        with self.store.read.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(text))]

    def do(self, text: str, **parameters: Any) -> None:
        with self.store.write.begin() as connection:
            connection.execute(sa.text(text), parameters)


def counts_of(report: ImportReport) -> dict[str, int]:
    return {
        "new": report.n_new,
        "changed": report.n_changed,
        "same": report.n_same,
        "double": report.n_double,
        "rejects": report.n_rejects,
    }


def key_of(msisdn: str) -> str:
    return person_key(KEYS.person, msisdn)


@contextmanager
def intake_at(url: str, base: Path) -> Iterator[Intake]:
    """An intake with empty tables."""
    store = open_store(url)
    if not store.is_sqlite:
        metadata.drop_all(store.write)
    metadata.create_all(store.write)
    with store.write.begin() as connection:
        connection.execute(sa.insert(accounts).values(account="sim", kind="simulator"))
    yield Intake(base, store)
    store.close()
