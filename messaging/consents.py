"""What a consent cell says: a clear yes, a clear no, or nothing that can be relied on; and what a message rests on."""

from __future__ import annotations

import polars as pl

from messaging.schemas import CONSENT_OF_A_MESSAGE

# Lower case, letters and digits only. A word that is a yes in one language and a no in another ("ne") is a no.
_YES = """
yes y true 1 ok okay on x agreed accepted granted given confirmed allowed subscribed optin optedin
ja j oui si s sí sim tak ano áno igen da kyllä kylla evet ναι да так はい 是 同意 نعم
einverstanden erteilt zugestimmt angemeldet accepté accepte consenti abonné aceptado accettato
"""
_NO = """
no n false f 0 off none never not denied declined refused rejected revoked withdrawn inactive stop stopped
unsubscribed unsubscribe optout optedout out donotcontact donottext dnd blocked
falsch faux falso falsk falskt fals fałsz onwaar usann epätosi nepravda hamis yanlış yanliş ложь ψευδης ψευδής
nein nee non nej nei nie não nao ne nem nu ei hayır hayir yok όχι οχι нет ні いいえ 否 不 不同意 لا
abgelehnt widerrufen abgemeldet widersprochen refusé refuse désabonné revocado rechazado baja revocato rifiutato
"""

# A cell of a column of opt-outs that says so by the column's own word, and one that says the contrary.
_STOPS = """
revoked withdrawn declined denied refused rejected stop stopped unsubscribed unsubscribe optout optedout out donotcontact
donottext dnd blocked abgelehnt widerrufen abgemeldet widersprochen refusé refuse désabonné revocado rechazado baja revocato
rifiutato
"""
_GOES_ON = "subscribed optin optedin active allowed angemeldet abonné"
_SAYS_NOTHING = "na nan nil null unknown undefined unset empty blank nv ka unbekannt inconnu desconocido sconosciuto leer vide"


def says_yes(consent: pl.Series) -> pl.Series:
    """True where the cell is a clear yes; never null."""
    return _is_one_of(consent, _YES.split())


def says_no(consent: pl.Series) -> pl.Series:
    """True where the cell is a clear no; never null. A cell can say neither: empty, "unknown", a date."""
    return _is_one_of(consent, _NO.split())


def says_stop(cells: pl.Series) -> pl.Series:
    """Of a column of opt-outs: true for a yes, a date, a cross, a reason: whatever is filled and is no denial; never null."""
    denials = {*_NO.split(), *_GOES_ON.split()} - set(_STOPS.split())
    is_filled = cells.str.contains(r"[^\s\[\]{}]").fill_null(
        value=False
    )  # an empty list of JSON is nothing, too
    return is_filled & ~_is_one_of(cells, sorted(denials))


def says_stop_for_good(cells: pl.Series) -> pl.Series:
    """`says_stop` without what stands for an empty cell (n/a, a dash, a date of noughts): what follows is not undone by the
    next file.
    """
    is_dash = cells.str.contains(r"^[\s.?/\\_\p{Pd}0:]+$").fill_null(value=False)
    return says_stop(cells) & ~is_dash & ~_is_one_of(cells, _SAYS_NOTHING.split())


def attested(contacts: pl.DataFrame, note: str | None) -> pl.DataFrame:
    """Contacts + CONSENT_OF_A_MESSAGE: one person vouches for all of them, in words. None: nobody does."""
    is_said = {"consent_basis": None if note is None else "attested", "consent_source": note}
    told = {name: pl.lit(is_said.get(name), dtype=kind) for name, kind in CONSENT_OF_A_MESSAGE.items()}
    return contacts.with_columns(**told)


def recorded(contacts: pl.DataFrame, *, row_source: str | None) -> pl.DataFrame:
    """Contacts + CONSENT_OF_A_MESSAGE: a yes in the row, else the one that is stored; nulls for whoever gave none.

    contacts: CONTACTS + consent_source, consent_at and consent_evidence of the stored yes, null where there is none.
    row_source: the source and its column, in words; None: the contacts are stored ones, and so is what they say.
    """
    is_in_row = pl.lit(value=False) if row_source is None else says_yes(contacts["consent"])
    in_row = {
        "consent_source": pl.lit(row_source, dtype=pl.String),
        "consent_at": pl.lit(None, dtype=pl.Float64),
        "consent_evidence": pl.col("consent"),
    }
    return contacts.with_columns(
        consent_basis=pl.when(is_in_row)
        .then(pl.lit("row"))
        .when(pl.col("consent_source").is_not_null())
        .then(pl.lit("stored")),
        **{name: pl.when(is_in_row).then(cell).otherwise(name) for name, cell in in_row.items()},
    )


def _is_one_of(consent: pl.Series, words: list[str]) -> pl.Series:
    """Once per distinct cell: a million rows say it in a dozen ways."""
    cells = consent.rename("cell").unique().to_frame()
    known = cells.filter(_plain(pl.col("cell")).is_in(words).fill_null(value=False)).to_series()
    return consent.is_in(known.implode()).fill_null(value=False)


def _plain(consent: pl.Expr) -> pl.Expr:
    """' Opt-In ' → 'optin'; a spreadsheet's 1.0 → '1'."""
    composed = consent.str.normalize("NFC").str.to_lowercase().str.strip_chars()
    return composed.str.replace(r"^([01])[.,]0+$", "${1}").str.replace_all(r"[^\p{L}\p{M}\p{N}]", "")
