"""Bytes of a text file to UTF-8 with plain line ends, block by block; the encoding is found when nobody tells it."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from data.readers.counting import count_byte
from data.readers.grid import Found
from messaging.errors import SourceError

BLOCK_BYTES = 2 << 20
_BYTE_ORDER_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LOOKED_AT_BYTES = 4096
TELL = '--encoding {0}, or [audience] encoding = "{0}" in a campaign file'


@dataclass(frozen=True, slots=True)
class Encoding:
    """codec: for Python. notices: what a person should know of a guess."""

    codec: str
    notices: tuple[str, ...] = ()
    is_proved: bool = False  # every byte has been looked at

    @property
    def in_words(self) -> str:
        return _IN_WORDS.get(self.codec, self.codec.upper())


_IN_WORDS = {"utf-8-sig": "UTF-8", "cp1252": "Windows-1252"}


def find_encoding(file: Found, told: str | None) -> Encoding:
    """Raises SourceError when the bytes are not text in any encoding that can be told from them."""
    if told is not None:
        return Encoding(_known(told, file.name))
    head = file.head(_LOOKED_AT_BYTES)
    for mark, marked in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return Encoding(marked)
    unmarked = _utf16_without_mark(head)
    if unmarked:
        return Encoding(
            unmarked, (f"{file.name} has no byte-order mark and was read as {unmarked.upper()}.",)
        )
    line = _first_line_that_is_not_utf8(file)
    return Encoding("utf-8", is_proved=True) if line is None else _western(file, line)


def utf8_blocks(file: Found, encoding: Encoding) -> Iterator[bytes]:
    """The text as UTF-8, without byte-order mark, line ends as LF only, none at its end.

    Raises SourceError at bytes that are no text in this encoding.
    """
    held = b""  # line ends that may be the file's last, or half of one
    for block in _decoded(file, encoding):
        plain = _plain_line_ends(held + block if held else block)
        kept = plain.rstrip(b"\r\n")
        held = plain[len(kept) :]
        if kept:
            yield kept


def _plain_line_ends(block: bytes) -> bytes:
    r"""CRLF, and the lone CR of old Macs, to LF: read as they are, a CR-only file is one line, and no error.

    A CR at the very end stays until the next block shows whether its LF comes.
    """
    if b"\r" not in block:
        return block
    last = block[-1:] if block.endswith(b"\r") else b""
    return block[: len(block) - len(last)].replace(b"\r\n", b"\n").replace(b"\r", b"\n") + last


def _decoded(file: Found, encoding: Encoding) -> Iterator[bytes]:
    """Blocks of UTF-8 without byte-order mark."""
    stream = file.rewound()
    is_utf8 = encoding.codec in {"utf-8", "utf-8-sig"}
    if is_utf8 and file.head(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
        stream.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8" if is_utf8 else encoding.codec)()
    has_begun = False
    while True:
        raw = stream.read(BLOCK_BYTES)
        try:
            text = "" if encoding.is_proved else decoder.decode(raw, final=not raw)
        except UnicodeError:
            raise SourceError(
                f"{file.name}: the file is not {encoding.in_words} throughout; it may be cut off. "
                "Save it again as CSV UTF-8."
            ) from None
        if not is_utf8 and not has_begun:
            text = text.removeprefix("\ufeff")
        has_begun = has_begun or bool(text)
        yield raw if is_utf8 else text.encode()
        if not raw:
            return


def _known(encoding: str, name: str) -> str:
    try:
        found = codecs.lookup(encoding)
        codecs.getincrementaldecoder(found.name)
        is_text = isinstance(b"".decode(found.name), str)
    except (LookupError, TypeError, ValueError):
        is_text = False
    if not is_text:
        raise SourceError(
            f"{name}: there is no encoding {encoding!r}. Use one such as utf-8, cp1252 or utf-16."
        )
    return found.name


def _first_line_that_is_not_utf8(file: Found) -> int | None:
    stream, held, n_lines = file.rewound(), b"", 1
    while True:
        raw = stream.read(BLOCK_BYTES)
        block = held + raw
        end = block.rfind(b"\n") + 1 if raw else len(block)  # a character that is cut in two is none yet
        if not _is_utf8(block[:end]):
            return n_lines + _n_lines_before_an_error(block[:end])
        if not raw:
            return None
        n_lines += count_byte(block, b"\n")
        held = block[end:]


def _is_utf8(block: bytes) -> bool:
    """By Polars, which looks at many bytes at a time."""
    try:
        pl.Series([block]).cast(pl.String)
    except pl.exceptions.PolarsError:
        return False
    return True


def _n_lines_before_an_error(block: bytes) -> int:
    try:
        block.decode()
    except UnicodeDecodeError as error:
        return block.count(b"\n", 0, error.start)
    return 0


def _western(file: Found, line: int) -> Encoding:
    """Not UTF-8: Windows-1252, unless most of it is UTF-8, for then every name would come out mangled."""
    stream, lenient = file.rewound(), codecs.getincrementaldecoder("utf-8")("replace")
    n_good = n_bad = 0
    is_western = True
    while raw := stream.read(BLOCK_BYTES):
        text = lenient.decode(raw)
        bad = text.count("\ufffd")
        n_bad += bad
        n_good += len(text) - len(text.encode("ascii", "ignore")) - bad
        is_western = is_western and not raw.translate(None, _WESTERN)
    if n_good > n_bad:
        raise SourceError(
            f"{file.name}: line {line} holds bytes that are not UTF-8, though the rest of the file is. "
            f"Mend that line, or tell the encoding: {TELL.format('cp1252')}."
        )
    if not is_western:
        raise SourceError(
            f"{file.name}: line {line} is neither UTF-8 nor Windows-1252. "
            f"Save it as CSV UTF-8, or tell the encoding: {TELL.format('…')}."
        )
    notice = (
        f"{file.name} is not UTF-8 (first seen in line {line}) and was read as Windows-1252: "
        "look at the accents in the samples."
    )
    return Encoding("cp1252", (notice,))


_WESTERN = bytes(code for code in range(256) if code not in {0x81, 0x8D, 0x8F, 0x90, 0x9D})


def _utf16_without_mark(head: bytes) -> str | None:
    """Western text in UTF-16 is half zeros, and they stand in turn."""
    n_pairs = len(head) // 2
    if n_pairs < 4:
        return None
    if head[1::2].count(0) > 0.7 * n_pairs and head[0::2].count(0) < 0.1 * n_pairs:
        return "utf-16-le"
    if head[0::2].count(0) > 0.7 * n_pairs and head[1::2].count(0) < 0.1 * n_pairs:
        return "utf-16-be"
    return None
