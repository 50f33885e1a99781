"""Which column of a source holds the number, the country, the consent and the source's own id of a person.

Columns are recognised by their headers in the languages that exports come in. What is not clear is not guessed: a
person is asked to name the column.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from messaging.errors import SourceError

_MOST_HEADERS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that mean something to Tidings, under their cleaned names. None: the source has no such column."""

    phone: str
    region: str | None = None
    consent: str | None = None
    external_id: str | None = None
    opt_out: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)  # cleaned name → as the source writes it

    def as_written(self, column: str) -> str:
        return self.headers.get(column, column)


def choose_columns(
    headers: Mapping[str, str] | Iterable[str],
    *,
    phone: str | None = None,
    region: str | None = None,
    consent: str | None = None,
    external_id: str | None = None,
    source: str = "the file",
) -> Columns:
    """Find the columns by their headers; one that is named must be there.

    headers: cleaned name → as written (Source.headers), or just names. A column may be named either way.
    source: the file's name, for errors. A mobile number is preferred to any other, a telephone at work, at home or
    a second one is taken only when there is no better.
    Raises SourceError when a named column is missing, when none looks like a phone number, or when two do alike.
    """
    written = dict(headers) if isinstance(headers, Mapping) else {name: name for name in headers}
    found = _Finder(written, source)
    return Columns(
        phone=found.named(phone, "--phone COLUMN") or found.phone(),
        region=found.named(region, "country") or found.best(_rank_country),
        consent=found.named(consent, "consent") or found.consent(),
        external_id=found.named(external_id, "external_id") or found.best(_rank_external_id),
        opt_out=found.best(_rank_opt_out),
        headers=written,
    )


class _Finder:
    """The headers of one source, and the questions asked of them."""

    def __init__(self, written: Mapping[str, str], source: str) -> None:
        self._written = written
        self._source = source
        self._words = {name: _words(header) for name, header in written.items()}

    def named(self, wanted: str | None, setting: str) -> str | None:
        """The column that a person named, as the source writes it or cleaned."""
        if wanted is None:
            return None
        for name, header in self._written.items():
            if wanted.strip() in (header.strip(), name):
                return name
        alike = [name for name, words in self._words.items() if words == _words(wanted)]
        if len(alike) == 1:
            return alike[0]
        raise SourceError(
            f"{self._source}: there is no column {wanted!r} (saw: {self._seen()}). Correct {setting}."
        )

    def phone(self) -> str:
        best = self._best(_rank_phone)
        if len(best) == 1:
            return best[0]
        if best:
            raise SourceError(
                f"{self._source}: {len(best)} columns may be the phone number ({self._seen(best)}). "
                "Name one with --phone COLUMN."
            )
        if any(map(_is_like_data, self._written.values())):
            raise SourceError(
                f"{self._source}: its first row holds somebody's data, not the names of columns. "
                "Put a row of names above it, such as: phone, first_name."
            )
        raise SourceError(
            f"{self._source}: no column looks like a phone number (saw: {self._seen()}). "
            "Name it with --phone COLUMN."
        )

    def consent(self) -> str | None:
        """Two columns that may both say it are not guessed between: one of them may be about e-mail or post."""
        best = self._best(_rank_consent)
        if len(best) > 1:
            raise SourceError(
                f"{self._source}: {len(best)} columns may be the consent ({self._seen(best)}). "
                'Name one in a campaign file ([audience] consent = "…"), or rename the other.'
            )
        return best[0] if best else None

    def best(self, rank: Callable[[frozenset[str]], int | None]) -> str | None:
        """The first of the best: where a wrong guess texts nobody, the leftmost column is good enough."""
        return next(iter(self._best(rank)), None)

    def _best(self, rank: Callable[[frozenset[str]], int | None]) -> list[str]:
        """The columns of the lowest rank, in order."""
        ranked = [(place, name) for name, words in self._words.items() if (place := rank(words)) is not None]
        lowest = min(ranked, default=(0, ""))[0]
        return [name for place, name in ranked if place == lowest]

    def _seen(self, names: Collection[str] | None = None) -> str:
        headers = [self._written[name] for name in (self._written if names is None else names)]
        shown = ["…" if _is_like_data(header) else header for header in headers[:_MOST_HEADERS_SHOWN]]
        n_more = len(headers) - len(shown)
        return ", ".join(shown) + (f" and {n_more} more" if n_more else "")


def _words(header: str) -> frozenset[str]:
    """Lower case, no accents, camelCase apart; beside the words, all of them joined."""
    apart = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", header)
    plain = unicodedata.normalize("NFKD", apart.casefold())
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    words = re.findall(r"[^\W_]+", plain)
    return frozenset([*words, "".join(words)])


def _has(words: frozenset[str], *, whole: Collection[str] = (), stems: tuple[str, ...] = ()) -> bool:
    return not words.isdisjoint(whole) or any(word.startswith(stems) for word in words if stems)


def _is_like_data(header: str) -> bool:
    """Seven digits or an '@' stand in no column's name, but in the first person's row."""
    return sum(map(str.isdigit, header)) >= 7 or "@" in header


_MOBILE_STEMS = (
    "msisdn", "mobil", "mobiel", "handy", "cellphone", "cellular", "telmob", "movil", "celular", "telemovel", "telemobil",
    "komork", "matkapuhelin", "smsnumber", "smsnummer", "κινητ", "мобил", "手机", "手機", "携帯", "جوال",
)  # fmt: skip
_MOBILE_WORDS = ("cell", "gsm", "portable", "numeroportable", "natel")
_PHONE_STEMS = (
    "phone", "telephon", "telefon", "telefoon", "telefo", "rufnummer", "contactnumber", "contactno", "puhelin",
    "numerodetelephone", "τηλεφων", "телефон", "电话", "電話", "هاتف",
)  # fmt: skip
_PHONE_WORDS = ("tel", "tlf", "fono", "telno", "telnr")
_SECOND_CHOICE_STEMS = (
    "landline",
    "festnetz",
    "geschaft",
    "dienst",
    "second",
    "altern",
    "other",
    "emergency",
    "notfall",
)
_SECOND_CHOICE_WORDS = (
    "home",
    "work",
    "office",
    "business",
    "privat",
    "fixe",
    "fijo",
    "fisso",
    "2",
    "3",
    "4",
)
_ABOUT_A_NUMBER = (
    "type", "typ", "code", "country", "consent", "optin", "optout", "opt", "verified", "valid", "status", "date", "time",
    "provider", "carrier", "model", "os", "email", "mail", "fax", "telefax", "extension", "ext", "label", "permission",
    "allowed", "app", "language", "hash", "id", "network", "brand",
)  # fmt: skip


def _rank_phone(words: frozenset[str]) -> int | None:
    """0: mobile, 1: any telephone, 2 and 3: the same at home, at work, or a second one."""
    is_mobile = _has(words, whole=_MOBILE_WORDS, stems=_MOBILE_STEMS)
    if not is_mobile and not _has(words, whole=_PHONE_WORDS, stems=_PHONE_STEMS):
        return None
    if _has(words, whole=_ABOUT_A_NUMBER) and "msisdn" not in words:
        return None
    is_second = _has(words, whole=_SECOND_CHOICE_WORDS, stems=_SECOND_CHOICE_STEMS)
    return (0 if is_mobile else 1) + (2 if is_second else 0)


_COUNTRY_WORDS = (
    "country", "countrycode", "countryiso", "iso2", "land", "landcode", "landerkennung", "laenderkennung", "landercode",
    "laendercode", "pays", "codepays", "pais", "paese", "nazione", "kraj", "maa", "zeme", "orszag", "tara", "ulke",
    "χωρα", "страна", "国", "国家", "國家", "البلد",
)  # fmt: skip
_NOT_OF_A_NUMBER = ("birth", "origin", "language", "currency", "manager", "sales")


def _rank_country(words: frozenset[str]) -> int | None:
    """The country of the number before that of the address. A "region" is more often a part of a country: never taken."""
    if not _has(words, whole=_COUNTRY_WORDS) or _has(words, whole=_NOT_OF_A_NUMBER):
        return None
    return 0 if _has(words, stems=_MOBILE_STEMS + _PHONE_STEMS) else 1


_CONSENT_STEMS = (
    "consent", "optin", "smsoptin", "einwilligung", "zustimmung", "werbeeinwilligung", "consenso", "consentimiento",
    "autorizacion", "samtycke", "samtykke", "toestemming", "zgoda", "souhlas", "permission", "marketingpermission",
    "acceptsmarketing", "acceptssmsmarketing", "suostumus", "согласие", "同意",
)  # fmt: skip
_ABOUT_A_CONSENT = (
    "date", "datum", "time", "at", "on", "source", "ip", "timestamp", "version", "by", "method", "text", "note", "id",
)  # fmt: skip
_OTHER_CHANNELS = (
    "email",
    "mail",
    "post",
    "postal",
    "letter",
    "call",
    "calls",
    "voice",
    "phone",
    "cookie",
    "cookies",
)


def _rank_consent(words: frozenset[str]) -> int | None:
    """One that says SMS before one that says nothing; one of another channel alone is none."""
    is_consent = _has(words, stems=_CONSENT_STEMS) or {"opt", "in"} <= words
    if not is_consent or _has(words, whole=_ABOUT_A_CONSENT):
        return None
    if _has(words, whole=("sms", "mobile", "texts", "texting"), stems=("smsoptin", "acceptssms")):
        return 0
    return None if _has(words, whole=_OTHER_CHANNELS) else 1


_OPT_OUT_STEMS = (
    "optout", "optedout", "smsoptout", "unsubscri", "donottext", "donotcontact", "donotsms", "abgemeldet", "widerspruch",
    "widerrufen", "desabonn", "desinscri", "suppress", "afgemeld", "avregistrer",
)  # fmt: skip


def _rank_opt_out(words: frozenset[str]) -> int | None:
    is_opt_out = _has(words, whole=("dnc", "stop"), stems=_OPT_OUT_STEMS) or {"opt", "out"} <= words
    if _has(words, whole=("sms", "mobile", "text", "texts"), stems=("smsopt",)) and is_opt_out:
        return 0
    return 1 if is_opt_out and not _has(words, whole=_OTHER_CHANNELS) else None


_EXTERNAL_IDS = (
    "externalid", "customerid", "contactid", "clientid", "memberid", "subscriberid", "userid", "personid", "crmid",
    "customernumber", "customerno", "membernumber", "kundennummer", "kundennr", "kundenid", "kundnummer", "klantnummer",
    "numeroclient", "idclient", "idcliente", "codicecliente", "recordid", "contactkey", "uuid", "guid", "id",
)  # fmt: skip


def _rank_external_id(words: frozenset[str]) -> int | None:
    """The names in order of how surely they mean the person."""
    return min((place for place, name in enumerate(_EXTERNAL_IDS) if name in _joined(words)), default=None)


def _joined(words: frozenset[str]) -> frozenset[str]:
    """Only the header as a whole: in `campaign_id` or `shop id` the word `id` is not the person's."""
    return frozenset([max(words, key=len)]) if words else words
