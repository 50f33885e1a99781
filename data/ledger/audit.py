"""Does it add up? All equations of one run from one snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from data.ledger.statements import statement
from messaging.errors import TidingsError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

# What each side of an equation adds up; the words are the terms of data/sql/ledger/audit.sql.
EQUATIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("source_rows", ("rejects", "contacts")),
    ("contacts", ("excluded", "audience")),
    ("audience", ("messages", "holdout")),
    ("messages", ("in_batches",)),
    (
        "messages",
        ("accepted", "rejected", "unsent", "unconfirmed", "in_flight", "not_yet_claimed", "stopped"),
    ),
    (
        "accepted",
        (
            "delivered",
            "read",
            "undelivered",
            "expired",
            "rejected_later",
            "failed",
            "canceled",
            "waiting",
            "no_receipt",
        ),
    ),
)


class NoSuchRun(TidingsError):
    """run 42 is not in the store."""


@dataclass(frozen=True, slots=True)
class Equation:
    """name says it in words; left and right are what the store counts."""

    name: str
    left: int
    right: int


@dataclass(frozen=True, slots=True)
class Audit:
    """terms: every count the equations are made of; beside them `assumed_sent` (of the unconfirmed) and
    `possible_duplicates` (messages of which the gateway may have taken a second copy).
    """

    equations: tuple[Equation, ...]
    terms: Mapping[str, int]

    @property
    def balanced(self) -> bool:
        """Every equation holds, and nothing is counted below zero."""
        return all(e.left == e.right for e in self.equations) and min(self.terms.values()) >= 0


def audit_run(connection: Connection, run: int, now: float | None = None) -> Audit:
    """Check a run, at any instant, by one SQL statement.

    now: tells a message that still waits for a receipt from one whose validity is over; None: all count as waiting.
    Raises NoSuchRun.
    """
    terms = {term: int(n) for term, n in connection.execute(statement("audit"), {"run": run, "now": now})}
    if "source_rows" not in terms:
        raise NoSuchRun(f"run {run} is not in the store; `tidings status` lists the runs that are.")
    equations = tuple(
        Equation(
            name=f"{_worded(left)} = {' + '.join(_worded(term) for term in right)}",
            left=terms[left],
            right=sum(terms[term] for term in right),
        )
        for left, right in EQUATIONS
    )
    return Audit(equations, terms)


def _worded(term: str) -> str:
    return term.replace("_", " ")
