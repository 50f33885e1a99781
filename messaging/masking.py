"""How a phone number is written where a person or a log may see it."""

from __future__ import annotations

import polars as pl

_HIDDEN = "…"


def mask(msisdn: str) -> str:
    """+447712345123 → "+4477…123". Of a short number less is shown: at least four characters stay hidden."""
    head, tail = _shown(len(msisdn))
    return msisdn[:head] + _HIDDEN + (msisdn[-tail:] if tail else "")


def mask_expr(msisdn: pl.Expr) -> pl.Expr:
    """`mask` on a whole column; null stays null."""
    n = msisdn.str.len_chars()
    return (
        pl.when(n >= 12)
        .then(pl.concat_str(msisdn.str.head(5), pl.lit(_HIDDEN), msisdn.str.tail(3)))
        .when(n >= 9)
        .then(pl.concat_str(msisdn.str.head(3), pl.lit(_HIDDEN), msisdn.str.tail(2)))
        .when(n.is_not_null())
        .then(pl.lit(_HIDDEN))
    )


def _shown(n_chars: int) -> tuple[int, int]:
    if n_chars >= 12:
        return 5, 3
    if n_chars >= 9:
        return 3, 2
    return 0, 0
