import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.segments import GSM7_BASIC, GSM7_EXTENSION, count_segments, not_gsm7


def counted(text):
    return count_segments(pl.DataFrame({"text": [text]})).row(0)[1:]


def by_hand(text):
    """The same rules, one character after the other."""
    is_gsm7 = all(character in GSM7_BASIC + GSM7_EXTENSION for character in text)
    sizes = [2 if (c in GSM7_EXTENSION if is_gsm7 else ord(c) > 0xFFFF) else 1 for c in text]
    alone, part = (160, 153) if is_gsm7 else (70, 67)
    segments, filled = 1, 0
    if sum(sizes) > alone:
        for size in sizes:
            if filled + size > part:
                segments, filled = segments + 1, 0
            filled += size
    return ("gsm7" if is_gsm7 else "ucs2"), segments


@pytest.mark.parametrize(
    ("text", "encoding", "segments"),
    [
        ("", "gsm7", 1),
        ("a" * 160, "gsm7", 1),
        ("a" * 161, "gsm7", 2),
        ("a" * 306, "gsm7", 2),
        ("a" * 307, "gsm7", 3),
        ("€" * 80, "gsm7", 1),
        ("€" * 81, "gsm7", 2),
        ("a" * 152 + "€" + "b" * 152, "gsm7", 3),  # the pair moves to the second part as a whole
        ("a" * 151 + "€" + "b" * 153, "gsm7", 2),
        ("\n" * 160, "gsm7", 1),
        ("é" * 160, "gsm7", 1),
        ("ê" * 70, "ucs2", 1),
        ("ê" * 71, "ucs2", 2),
        ("“" + "a" * 69, "ucs2", 1),
        ("🙂" * 35, "ucs2", 1),
        ("🙂" * 36, "ucs2", 2),
        ("ж" * 66 + "🙂" + "ж" * 66, "ucs2", 3),
        ("\ue000" * 200 + "🙂", "ucs2", 4),  # a private character that the packing uses as its own mark
        ("a" * 160 + "\r\n", "gsm7", 2),
    ],
)
def test_segments_at_the_edges(text, encoding, segments):
    assert counted(text) == (encoding, segments)


EDGES = st.sampled_from(
    [0, 1, 69, 70, 71, 133, 134, 135, 152, 153, 154, 159, 160, 161, 305, 306, 307, 459, 460]
)
ALPHABETS = st.sampled_from(
    [GSM7_BASIC, GSM7_BASIC[20:] + GSM7_EXTENSION * 3, "ab €", "абв ’“", "abc 😀🎉𝒳\ue000", "a👍🏽❤️é\r\n\x1b"]
)


@settings(deadline=None)
@given(data=st.data(), alphabet=ALPHABETS, n=EDGES, more=st.integers(0, 3))
def test_whole_columns_count_as_one_character_after_the_other(data, alphabet, n, more):
    texts = data.draw(
        st.lists(st.text(alphabet, min_size=max(n - 3, 0), max_size=n + more), min_size=1, max_size=5)
    )
    frame = count_segments(pl.DataFrame({"text": texts}))
    assert frame.select("encoding", "segments").rows() == [by_hand(text) for text in texts]


def test_a_row_without_a_text_has_neither_encoding_nor_segments():
    frame = count_segments(
        pl.DataFrame({"text": [None, "a" * 150 + "€" * 9, "hi"]}, schema={"text": pl.String})
    )
    assert frame.select("encoding", "segments").rows() == [(None, None), ("gsm7", 2), ("gsm7", 1)]
    assert frame["segments"].dtype == pl.UInt8


def test_a_text_beyond_all_measure_counts_as_the_most_that_the_column_holds():
    assert counted("a" * 50_000) == ("gsm7", 255)


def test_the_other_columns_and_the_order_stay():
    frame = pl.DataFrame({"units": [3, 1, 2], "body": ["ж", "a", "b"]})
    assert count_segments(frame, "body").select("units", "body", "encoding").rows() == [
        (3, "ж", "ucs2"),
        (1, "a", "gsm7"),
        (2, "b", "gsm7"),
    ]


def test_the_characters_that_cost_are_named():
    assert not_gsm7("Zoë’s café – 5 €") == {"ë", "’", "–"}
    assert not_gsm7("plain [text]") == set()
