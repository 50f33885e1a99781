"""Suppressions from files and to files: a list of numbers, or what another export wrote, with scopes and reasons."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import polars as pl

from data.files import write_csv_for_people
from data.ledger.locking import lock_ledger
from data.readers import SmallSource, read_source
from data.suppression_sources import joined, list_source
from data.suppressions import (
    EVERYWHERE,
    StoredSuppression,
    Suppression,
    all_suppressions,
    record_suppressions,
)
from messaging.columns import Columns, choose_columns
from messaging.contacts import split_contacts
from messaging.errors import SourceError
from messaging.formula_cells import escaped, unescaped
from messaging.sealed import person_keys

if TYPE_CHECKING:
    from data.store.engine import Store

EXPORTED = ("number", "person_key", "scope", "reason", "source", "time")  # the header of an export
OPTED_OUT = "opted out"  # why, when a list does not say

_SLICE = 10_000  # people in one transaction: senders wait meanwhile
_PAUSE_S = 0.02
_TIME = "%Y-%m-%dT%H:%M:%S%.6fZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedSuppressions:
    """What came of a file: every row of it is a reject, or one of the numbers; n_new and n_known count people."""

    n_rows: int
    n_new: int
    n_known: int
    rejects: pl.DataFrame  # REJECTS
    notices: list[str]


def import_suppressions(
    store: Store,
    path: Path,
    *,
    key: bytes,
    region: str | None,
    now: float,
    reason: str | None = None,
    phone: str | None = None,
    scope: str | None = None,
) -> ImportedSuppressions:
    """Suppress every number of a contact file, landlines too; or what an export wrote, each as it was.

    key: the key of person keys. region: the country of numbers that are written without one. scope None: everywhere.
    Raises SourceError as read_source and choose_columns do, and when scope or reason are given beside a file that says
    its own; then nobody was suppressed. A repeat goes on where a crash came.
    """
    source = read_source(path)
    if set(EXPORTED) <= set(source.headers.values()):
        if scope is not None or reason is not None:
            raise SourceError(
                f"{source.name} says scopes and reasons itself; leave out --scope and --reason."
            )
        entries, rejects = _as_exported(source, key, now)
    else:
        columns = choose_columns(source.headers, phone=phone, source=source.name)
        contacts, rejects = split_contacts(source.frame, columns, region=region)
        entries = [
            Suppression(
                person_key=person,
                msisdn=msisdn,
                reason=reason or OPTED_OUT,
                source=list_source(source.name),
                scope=scope or EVERYWHERE,
            )
            for person, msisdn in zip(person_keys(key, contacts["msisdn"]), contacts["msisdn"], strict=True)
        ]
    n_new = _suppress_in_slices(store, entries, now)
    return ImportedSuppressions(
        n_rows=source.n_rows,
        n_new=n_new,
        n_known=len({(entry.person_key, entry.scope) for entry in entries}) - n_new,
        rejects=pl.concat([source.rejects, rejects]).sort("source_row"),
        notices=source.notices,
    )


def export_suppressions(store: Store, target: Path | BinaryIO) -> int:
    """Write the whole list as a CSV that imports again as it is: for its owner only, or to a stream. Returns the rows."""
    counted = _Counted(all_suppressions(store))
    if isinstance(target, Path):
        write_csv_for_people(EXPORTED, counted.frames(), target)
    else:
        target.write(f"{','.join(EXPORTED)}\n".encode())
        for frame in counted.frames():
            frame.with_columns(escaped(pl.col(pl.String))).write_csv(target, include_header=False)
    return counted.n_rows


class _Counted:
    """Pages as frames of text with the columns EXPORTED. Who was forgotten has a person key and no number."""

    def __init__(self, pages: Iterable[Sequence[StoredSuppression]]) -> None:
        self.n_rows = 0
        self._pages = pages

    def frames(self) -> Iterator[pl.DataFrame]:
        schema = dict.fromkeys(EXPORTED, pl.String()) | {"time": pl.Float64()}
        at = (pl.col("time") * 1_000_000).round().cast(pl.Int64).cast(pl.Datetime("us")).dt.strftime(_TIME)
        for page in self._pages:
            rows = [
                (
                    one.msisdn,
                    None if one.msisdn else one.person_key,
                    one.scope,
                    one.reason,
                    one.source,
                    one.at,
                )
                for one in page
            ]
            self.n_rows += len(rows)
            yield pl.DataFrame(rows, schema=schema, orient="row").with_columns(time=at)


def _suppress_in_slices(store: Store, entries: Sequence[Suppression], now: float) -> int:
    n_new = 0
    for first in range(0, len(entries), _SLICE):
        if first:
            time.sleep(_PAUSE_S)
        with store.write.begin() as connection:
            lock_ledger(connection)
            n_new += record_suppressions(connection, entries[first : first + _SLICE], now=now)
    return n_new


def _as_exported(source: SmallSource, key: bytes, now: float) -> tuple[list[Suppression], pl.DataFrame]:
    """A row names a person by number, or by the key of one who was forgotten; any other row is a reject."""
    named = {written: name for name, written in source.headers.items()}
    frame = source.frame.select(
        "source_row", *(unescaped(pl.col(named[written])).alias(written) for written in EXPORTED)
    )
    is_key = pl.col("number").is_null() & pl.col("person_key").str.contains(r"^[0-9a-f]{32}$").fill_null(
        value=False
    )
    by_number = frame.filter(~is_key)
    contacts, rejects = split_contacts(by_number, Columns("number"), region=None)
    told = contacts.with_columns(person_key=person_keys(key, contacts["msisdn"]))
    people = pl.concat(
        [
            told.select("source_row", "msisdn", "person_key", "scope", "reason", "source", "time"),
            frame.filter(is_key).select(
                "source_row",
                pl.lit(None, dtype=pl.String).alias("msisdn"),
                *EXPORTED[1:],
            ),
        ]
    ).sort("source_row")
    at = pl.col("time").str.to_datetime(_TIME, strict=False, time_unit="us").cast(pl.Int64) / 1_000_000
    entries = [
        Suppression(
            person_key=person,
            msisdn=msisdn,
            reason=reason or OPTED_OUT,
            source=joined("", told_source or "") or told_source or list_source(source.name),
            scope=scope or EVERYWHERE,
            at=None if instant is None else min(instant, now),
        )
        for msisdn, person, scope, reason, told_source, instant in people.select(
            "msisdn", "person_key", "scope", "reason", "source", at.alias("at")
        ).iter_rows()
    ]
    return entries, rejects
