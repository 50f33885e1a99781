"""The ledger's SQL as prepared statements: parsing a text for its parameters costs more than running it."""

from __future__ import annotations

import re
from functools import cache, lru_cache

import sqlalchemy as sa

from data.sql import sql

LISTS = {"known_receipts": "gateway_message_ids", "unknown_by_id": "gateway_message_ids"}


@cache
def statement(name: str) -> sa.TextClause:
    """data/sql/ledger/<name>.sql, ready to execute; a parameter in LISTS takes a list."""
    text = sa.text(sql(f"ledger/{name}"))
    return text.bindparams(sa.bindparam(LISTS[name], expanding=True)) if name in LISTS else text


@cache
def driver_text(name: str, dialect: str) -> str:
    """The same text for `exec_driver_sql`: its parameters are given as tuples, in the order they stand in the text.

    For many rows at once only: SQLAlchemy's own handling of their parameters costs more than writing them.
    """
    return re.sub(r":(\w+)", _mark(dialect), sql(f"ledger/{name}"))


@lru_cache(maxsize=1024)
def list_text(name: str, dialect: str, n: int) -> str:
    """The same for a text whose only parameter is a list, for n values."""
    return re.sub(r":(\w+)", f"({', '.join([_mark(dialect)] * n)})", sql(f"ledger/{name}"))


def _mark(dialect: str) -> str:
    return "?" if dialect == "sqlite" else "%s"
