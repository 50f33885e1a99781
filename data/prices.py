"""Price lists: what one segment costs, by the country of the number."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from messaging.errors import TidingsError

EXAMPLE_PRICES = Path(__file__).parent / "reference" / "prices.csv"
COLUMNS = ("region", "price_per_segment", "currency")


class PricesError(TidingsError):
    """prices.csv, line 7: the price "O.04" is no number; correct it."""


@dataclass(frozen=True, slots=True)
class Prices:
    """per_segment: by ISO 3166 region, in `currency`. A region that is not in it cannot be texted."""

    per_segment: Mapping[str, float] = field(repr=False)
    currency: str
    fingerprint: str  # sha256 of the file's bytes
    is_example: bool

    def with_prices(self, messages: pl.DataFrame) -> pl.DataFrame:
        """Add `price`, of the whole message, to a frame with region and segments."""
        per_segment = pl.col("region").replace_strict(dict(self.per_segment), return_dtype=pl.Float64)
        return messages.with_columns(price=(per_segment * pl.col("segments")).round(6))


def load_prices(path: Path | None = None) -> Prices:
    """Read a price list: CSV with the columns region, price_per_segment, currency; lines with # are comments.

    path None: the invented examples in data/reference/prices.csv. Raises PricesError.
    """
    file = path or EXAMPLE_PRICES
    try:
        body = file.read_bytes()
        table = pl.read_csv(body, comment_prefix="#", infer_schema=False)
    except OSError as error:
        raise PricesError(
            f"the price list {file} cannot be read ({error.strerror}); correct gateway.prices."
        ) from None
    except pl.exceptions.PolarsError:
        raise PricesError(f"the price list {file} is no CSV of {', '.join(COLUMNS)}.") from None
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise PricesError(f"the price list {file} has no column {missing[0]}; it needs {', '.join(COLUMNS)}.")
    return Prices(
        per_segment=_per_segment(table, file),
        currency=_the_one_currency(table, file),
        fingerprint=hashlib.sha256(body).hexdigest(),
        is_example=path is None,
    )


def _per_segment(table: pl.DataFrame, file: Path) -> dict[str, float]:
    priced = table.select(
        region=pl.col("region").str.strip_chars().str.to_uppercase(),
        written=pl.col("price_per_segment"),
        price=pl.col("price_per_segment").str.strip_chars().cast(pl.Float64, strict=False),
    )
    wrong = priced.filter(~(pl.col("price").is_finite() & (pl.col("price") >= 0)).fill_null(value=False))
    if wrong.height:
        region, written, _ = wrong.row(0)
        raise PricesError(
            f"the price list {file}: the price {written!r} of {region} is no amount; correct it."
        )
    twice = priced.filter(pl.col("region").is_duplicated())["region"]
    if len(twice):
        raise PricesError(f"the price list {file} has two prices for {twice[0]}; take one out.")
    return dict(priced.select("region", "price").iter_rows())


def _the_one_currency(table: pl.DataFrame, file: Path) -> str:
    currencies = table["currency"].str.strip_chars().drop_nulls().unique().sort().to_list()
    if len(currencies) != 1:
        raise PricesError(f"the price list {file} needs one currency in all its rows, not {len(currencies)}.")
    return str(currencies[0])
