"""Cells that a spreadsheet would take for formulas and run: written with an apostrophe in front, and read back."""

from __future__ import annotations

import polars as pl

_FORMULA = (
    r"^'*[=+\-@\t\r]"  # with apostrophes in front too, so that taking one off gives back what was there
)
_ESCAPED = r"^'+[=+\-@\t\r]"
_PHONE_NUMBER = r"^\+[0-9]+$"  # a plain number with its plus is none


def escaped(text: pl.Expr) -> pl.Expr:
    """The text as a spreadsheet shows it without running it."""
    is_formula = text.str.contains(_FORMULA) & ~text.str.contains(_PHONE_NUMBER)
    return pl.when(is_formula).then(text.str.replace("^", "'")).otherwise(text)


def unescaped(text: pl.Expr) -> pl.Expr:
    """What `escaped` was given."""
    return pl.when(text.str.contains(_ESCAPED)).then(text.str.slice(1)).otherwise(text)
