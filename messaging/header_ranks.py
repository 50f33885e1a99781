"""How surely a header means a phone number, a country, a consent, …, by its words in the languages of exports.

words: lower case, without accents; beside the words of the header, all of them joined. Every rank_… gives 0 for the
surest, more for less sure, None for a header that means something else.
"""

from __future__ import annotations

from collections.abc import Collection

from messaging.field_words import is_field


def _has(words: frozenset[str], *, whole: Collection[str] = (), stems: tuple[str, ...] = ()) -> bool:
    return not words.isdisjoint(whole) or any(word.startswith(stems) for word in words if stems)


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
    "allowed", "app", "language", "hash", "id", "network", "brand", "dnc", "dnd", "stop", "blocked", "blacklist", "blacklisted",
)  # fmt: skip


def rank_phone(words: frozenset[str]) -> int | None:
    """0: mobile, 1: any telephone, 2 and 3: the same at home, at work, or a second one."""
    is_mobile = _has(words, whole=_MOBILE_WORDS, stems=_MOBILE_STEMS)
    if not is_mobile and not _has(words, whole=_PHONE_WORDS, stems=_PHONE_STEMS):
        return None
    if _has(words, whole=_ABOUT_A_NUMBER) and "msisdn" not in words:
        return None
    # The numbers themselves in a list of such people; beside any other telephone it is what they want.
    is_second = _says_do_not_contact(words) or _has(
        words, whole=_SECOND_CHOICE_WORDS, stems=_SECOND_CHOICE_STEMS
    )
    return (0 if is_mobile else 1) + (2 if is_second else 0)


_COUNTRY_WORDS = (
    "country", "countrycode", "countryiso", "iso2", "land", "landcode", "landerkennung", "laenderkennung", "landercode",
    "laendercode", "pays", "codepays", "pais", "paese", "nazione", "kraj", "maa", "zeme", "orszag", "tara", "ulke",
    "χωρα", "страна", "国", "国家", "國家", "البلد",
)  # fmt: skip
_NOT_OF_A_NUMBER = ("birth", "origin", "language", "currency", "manager", "sales")


def rank_country(words: frozenset[str]) -> int | None:
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


def rank_consent(words: frozenset[str]) -> int | None:
    """One that says SMS before one that says nothing; one of another channel alone is none."""
    is_consent = _has(words, stems=_CONSENT_STEMS) or {"opt", "in"} <= words
    if not is_consent or _has(words, whole=_ABOUT_A_CONSENT):
        return None
    if _has(words, whole=("sms", "mobile", "texts", "texting"), stems=("smsoptin", "acceptssms")):
        return 0
    return None if _has(words, whole=_OTHER_CHANNELS) else 1


_DO_NOT_CONTACT_STEMS = (
    "blacklist", "blocklist", "suppress", "kontaktsperre", "werbesperre", "sperrliste", "robinsonlist", "listenoire", "listanegra",
    "listanera", "zwartelijst",
)  # fmt: skip
# Of several words, so with others before them as well: "Person - Do not contact", "Bitte nicht kontaktieren".
_DO_NOT_CONTACT_PHRASES = (
    "donotcontact", "dontcontact", "donottext", "donttext", "donotsms", "donotmessage", "nichtkontaktieren", "nepascontacter",
    "nocontactar", "naocontactar", "naocontatar", "noncontattare", "nietcontacteren",
)  # fmt: skip
# Of an account, a card or a bus line, too: so only where the header says nothing else.
_STOP_WORDS = frozenset(
    {"stop", "blocked", "gesperrt", "bloque", "bloqueado", "bloccato", "geblokkeerd", "sparrad"}
)
_BESIDE_A_STOP_WORD = frozenset({"is", "contact", "sms", "mobile", "text", "texts"})


def rank_do_not_contact(words: frozenset[str]) -> int | None:
    """No text of any kind: one that says SMS before one that says nothing; one of another channel alone is none."""
    said = words - {_joined_header(words)} - _BESIDE_A_STOP_WORD or words
    if not (_says_do_not_contact(words) or said <= _STOP_WORDS):
        return None
    return _rank_of_channel(words)


def _says_do_not_contact(words: frozenset[str]) -> bool:
    is_word = _has(words, whole=("dnc",), stems=_DO_NOT_CONTACT_STEMS)
    return is_word or any(phrase in _joined_header(words) for phrase in _DO_NOT_CONTACT_PHRASES)


_OPT_OUT_STEMS = (
    "optout", "optedout", "smsoptout", "unsubscri", "abgemeldet", "widerspruch", "widerrufen", "desabonn", "desinscri",
    "afgemeld", "avregistrer",
)  # fmt: skip


def rank_opt_out(words: frozenset[str]) -> int | None:
    """No text of one purpose."""
    is_opt_out = _has(words, whole=("stop",), stems=_OPT_OUT_STEMS) or {"opt", "out"} <= words
    if not is_opt_out or rank_do_not_contact(words) is not None:
        return None
    return _rank_of_channel(words)


def _rank_of_channel(words: frozenset[str]) -> int | None:
    if _has(words, whole=("sms", "mobile", "text", "texts"), stems=("smsopt",)):
        return 0
    return None if _has(words, whole=_OTHER_CHANNELS) else 1


_EXTERNAL_IDS = (
    "externalid", "customerid", "contactid", "clientid", "memberid", "subscriberid", "userid", "personid", "crmid",
    "customernumber", "customerno", "membernumber", "kundennummer", "kundennr", "kundenid", "kundnummer", "klantnummer",
    "numeroclient", "idclient", "idcliente", "codicecliente", "recordid", "contactkey", "uuid", "guid", "id",
)  # fmt: skip


def rank_external_id(words: frozenset[str]) -> int | None:
    """The names in order of how surely they mean the person."""
    return min((place for place, name in enumerate(_EXTERNAL_IDS) if name in _joined(words)), default=None)


def rank_field(name: str, words: frozenset[str]) -> int | None:
    return 0 if is_field(name, _joined_header(words)) else None


def _joined_header(words: frozenset[str]) -> str:
    return max(words, key=len, default="")


def _joined(words: frozenset[str]) -> frozenset[str]:
    """Only the header as a whole: in `campaign_id` or `shop id` the word `id` is not the person's."""
    return frozenset([_joined_header(words)]) if words else words
