"""What a consent cell says: a clear yes, a clear no, or nothing that can be relied on."""

from __future__ import annotations

import polars as pl

# Lower case, letters and digits only. A word that is a yes in one language and a no in another ("ne") is a no.
_YES = """
yes y true 1 ok okay on x agreed accepted granted given confirmed allowed subscribed optin optedin
ja j oui si s sí sim tak ano áno igen da kyllä kylla evet ναι да так はい 是 同意 نعم
einverstanden erteilt zugestimmt angemeldet accepté accepte consenti abonné aceptado accettato
"""
_NO = """
no n false 0 off none never not denied declined refused rejected revoked withdrawn inactive stop stopped
unsubscribed unsubscribe optout optedout out donotcontact donottext dnd blocked
nein nee non nej nei nie não nao ne nem nu ei hayır hayir yok όχι οχι нет ні いいえ 否 不 不同意 لا
abgelehnt widerrufen abgemeldet widersprochen refusé refuse désabonné revocado rechazado baja revocato rifiutato
"""


def says_yes(consent: pl.Series) -> pl.Series:
    """True where the cell is a clear yes; never null."""
    return _is_one_of(consent, _YES.split())


def says_no(consent: pl.Series) -> pl.Series:
    """True where the cell is a clear no; never null. A cell can say neither: empty, "unknown", a date."""
    return _is_one_of(consent, _NO.split())


def _is_one_of(consent: pl.Series, words: list[str]) -> pl.Series:
    """Once per distinct cell: a million rows say it in a dozen ways."""
    cells = consent.rename("cell").unique().to_frame()
    known = cells.filter(_plain(pl.col("cell")).is_in(words).fill_null(value=False)).to_series()
    return consent.is_in(known.implode()).fill_null(value=False)


def _plain(consent: pl.Expr) -> pl.Expr:
    """' Opt-In ' → 'optin'; a spreadsheet's 1.0 → '1'."""
    composed = consent.str.normalize("NFC").str.to_lowercase().str.strip_chars()
    return composed.str.replace(r"^([01])[.,]0+$", "${1}").str.replace_all(r"[^\p{L}\p{M}\p{N}]", "")
