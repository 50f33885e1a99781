"""What a person writes to get no more messages: the whole message is one of these, in any of their languages.

More than the law asks for on purpose: to suppress somebody who meant something else is mended by a word, to text
somebody who said stop is not. A text that merely contains such a word ("please stop texting me") is no match.
Sources: 47 CFR 64.1200(a)(10); Twilio, Telnyx and AWS default lists (docs/analytics.md).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

STOP_WORDS: Mapping[str, tuple[str, ...]] = {
    "en": (
        "stop", "stop all", "stopall", "stop please", "please stop", "unsubscribe", "unsubscribe me", "unsub",
        "cancel", "end", "quit", "revoke", "opt out", "optout", "remove", "remove me", "stop texting me",
    ),
    "de": ("stopp", "stop bitte", "bitte stop", "abmelden", "abbestellen", "austragen", "kündigen", "ende"),
    "fr": ("arrêt", "arrêter", "arrêtez", "stop svp", "désabonner", "désinscrire", "désinscription", "annuler"),
    "es": ("baja", "alto", "parar", "cancelar", "detener", "darme de baja", "no más"),
    "pt": ("sair", "pare", "remover", "descadastrar", "cancele"),
    "it": ("ferma", "basta", "cancella", "cancellami", "disiscrivi", "annulla"),
    "nl": ("stoppen", "afmelden", "uitschrijven", "einde", "opzeggen"),
    "sv": ("avsluta", "avregistrera", "avanmäl", "sluta"),
    "da": ("afmeld", "frameld", "afslut"),
    "no": ("avmeld", "avslutt", "slutt"),
    "fi": ("lopeta", "peru", "seis", "peruuta"),
    "pl": ("wypisz", "rezygnuję", "koniec", "anuluj"),
    "cs": ("odhlásit", "zrušit", "konec"),
    "tr": ("dur", "iptal", "ret"),
    "ru": ("стоп", "отписка", "отписаться", "отмена"),
    "uk": ("відписатися", "скасувати"),
    "el": ("στοπ", "διακοπή", "διαγραφή"),
    "he": ("הסר", "הסרה"),
    "ar": ("إيقاف", "توقف", "الغاء"),
    "zh": ("停止", "退订", "退訂"),
    "ja": ("停止", "配信停止"),
}  # fmt: skip


def is_stop(text: str) -> bool:
    """Whether the whole message asks for no more: case, accents, punctuation, emoji and repeats make no difference."""
    words = _plain(text).split()
    return bool(words) and (" ".join(words) in _PLAIN or (len(set(words)) == 1 and words[0] in _PLAIN))


def _plain(text: str) -> str:
    """Letters, digits and single spaces: "ARRÊT !" and "arret" are the same."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    kept = (char for char in decomposed if not unicodedata.category(char).startswith("M"))
    return " ".join("".join(char if char.isalnum() else _gap(char) for char in kept).split())


def _gap(char: str) -> str:
    """An apostrophe, a zero-width or a control character holds a word together; whatever else stands between two."""
    return "" if char in "'’" or unicodedata.category(char) == "Cf" else " "


_PLAIN = frozenset(_plain(word) for words in STOP_WORDS.values() for word in words)
