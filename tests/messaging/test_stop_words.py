from __future__ import annotations

import pytest

from messaging.stop_words import STOP_WORDS, is_stop


@pytest.mark.parametrize(
    "text",
    [
        "STOP",
        "stop",
        "  Stop.\n",
        "«STOP!!!»",
        "STOP 🛑",
        "Stop stop STOP",
        "STOP\u200b",
        "ＳＴＯＰ",
        "StopAll",
        "stop all",
        "opt-out",
        "OPT OUT",
        "Unsubscribe",
        "please stop",
        "ARRÊT",
        "arret",
        "De\u0301sabonner",
        "Kündigen",
        "STOPP",
        "baja",
        "No más",
        "AFMELDEN",
        "avsluta",
        "Rezygnuję",
        "ODHLÁSIT",
        "İPTAL",
        "СТОП",
        "Διακοπή",
        "הסר",
        "إيقاف",
        "停止",
    ],
)
def test_the_whole_message_asks_for_no_more(text):
    assert is_stop(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "👍",
        "!!!",
        "yes",
        "don't stop",
        "non-stop party",
        "when does the shop stop selling?",
        "please cancel my appointment",
        "the end",
        "stopped by today",
        "START",
        "stop start",
    ],
)
def test_anything_else_is_an_ordinary_reply(text):
    assert not is_stop(text)


@pytest.mark.parametrize("language", sorted(STOP_WORDS))
def test_every_listed_word_is_found_in_both_cases(language):
    for word in STOP_WORDS[language]:
        assert is_stop(word), word
        assert is_stop(f"{word.upper()}."), word
