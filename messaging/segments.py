"""Encoding and number of segments of a text, exactly as a phone network cuts it, on whole columns.

GSM-7 (3GPP TS 23.038): 160 septets alone, else 153 a part; a character of the extension table takes two septets.
Any other character makes the whole text UCS-2: 70 UTF-16 units alone, else 67 a part. An escape pair (TS 23.040
§9.2.3.24.1) and a surrogate pair are never cut in two, so dividing by the size of a part undercounts: 152 letters,
a euro sign and 152 letters are three parts, not two.
"""

from __future__ import annotations

import polars as pl

GSM7_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM7_EXTENSION = "\f^{}\\[~]|€"

_MOST_SEGMENTS = 255  # what the column holds; no network takes so many, and the plan refuses far fewer


def _any_of(characters: str, *, but: bool = False) -> str:
    codes = "".join(rf"\x{{{ord(character):x}}}" for character in characters)
    return f"[{'^' if but else ''}{codes}]"


_NOT_GSM7 = _any_of(GSM7_BASIC + GSM7_EXTENSION, but=True)
_GSM7_PAIR = _any_of(GSM7_EXTENSION)
_UCS2_PAIR = r"[\x{10000}-\x{10FFFF}]"

# Parts are packed greedily, which a greedy regex does as well. Each pair is spelt as a marker and its second half; a
# part may end on anything but a marker. An escape cannot stand in a GSM-7 text; U+E000 can stand in a UCS-2 one.
_ESCAPE, _HIGH_HALF = "\x1b", "\ue000"
_GSM7_PART = rf"(?s).{{0,152}}[^{_ESCAPE}]"
_UCS2_PART = rf"(?s).{{0,66}}[^{_HIGH_HALF}]"


def count_segments(messages: pl.DataFrame, column: str = "text") -> pl.DataFrame:
    """Add `encoding` ("gsm7" | "ucs2") and `segments` (UInt8) to a frame with texts; both null where the text is.

    An empty text is one segment; more than 255 count as 255. A network that keeps emoji clusters whole (a skin tone,
    a flag) may need one segment more.
    """
    text = pl.col(column)
    is_gsm7 = ~text.str.contains(_NOT_GSM7)
    n_pairs = (
        pl.when(is_gsm7)
        .then(text.str.count_matches(_GSM7_PAIR))
        .otherwise(text.str.count_matches(_UCS2_PAIR))
    )
    measured = messages.select(
        text.alias("text"),
        is_gsm7.alias("is_gsm7"),
        n_pairs.alias("n_pairs"),
        n_units=text.str.len_chars() + n_pairs,
    )
    return messages.with_columns(
        measured.select(
            encoding=pl.when("is_gsm7").then(pl.lit("gsm7")).when(~pl.col("is_gsm7")).then(pl.lit("ucs2")),
            segments=_packed(measured).clip(upper_bound=_MOST_SEGMENTS).cast(pl.UInt8),
        )
    )


def not_gsm7(text: str) -> set[str]:
    """The characters that make a text UCS-2, so that a person can choose others; empty for a GSM-7 text."""
    return set(text) - set(GSM7_BASIC) - set(GSM7_EXTENSION)


def _packed(measured: pl.DataFrame) -> pl.Series:
    """Segments of each row (text, is_gsm7, n_pairs, n_units): a division, but where pairs must be kept whole."""
    alone = pl.when("is_gsm7").then(160).otherwise(70)
    part = pl.when("is_gsm7").then(153).otherwise(67)
    n_units = pl.col("n_units")
    divided = measured.select(
        pl.when(n_units <= alone).then(1).otherwise((n_units + part - 1) // part)
    ).to_series()
    hard = measured.select(((pl.col("n_pairs") > 0) & (n_units > alone)).arg_true()).to_series()
    if hard.is_empty():
        return divided.set(measured["text"].is_null(), None)
    return divided.set(measured["text"].is_null(), None).scatter(
        hard, _packed_by_regex(measured[hard]).cast(divided.dtype)
    )


def _packed_by_regex(measured: pl.DataFrame) -> pl.Series:
    text = pl.col("text")
    escaped = text.str.replace_all(f"({_GSM7_PAIR})", f"{_ESCAPE}${{1}}")
    # The marker of a pair may stand in the text itself, where it is a character like any other.
    spelt = text.str.replace_all(_HIGH_HALF, "x", literal=True).str.replace_all(_UCS2_PAIR, f"{_HIGH_HALF}x")
    return measured.select(
        pl.when("is_gsm7")
        .then(escaped.str.count_matches(_GSM7_PART))
        .otherwise(spelt.str.count_matches(_UCS2_PART))
    ).to_series()
