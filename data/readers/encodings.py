"""Bytes of a text file to UTF-8 with plain line ends, block by block; the encoding is found when nobody tells it."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from data.readers.counting import count_byte
from data.readers.grid import Digest, Found
from messaging.errors import SourceError

BLOCK_BYTES = 4 << 20
_LOOKED_THROUGH_BYTES = 256 << 10  # at once: no more than what a core keeps at hand
_END_BYTES = 8 << 10  # of a block, in which a line ends
_BYTE_ORDER_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LOOKED_AT_BYTES = 4096
_FOLLOWING = bytes(range(0x80, 0xC0))  # the bytes of a character behind its first
TELL = '--encoding {0}, or [audience] encoding = "{0}" in a campaign file'


@dataclass(frozen=True, slots=True)
class Encoding:
    """codec: for Python. notices: what a person should know of a guess."""

    codec: str
    notices: tuple[str, ...] = ()

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
    is_utf8 = is_utf8_throughout(file) if file.is_utf8 is None else file.is_utf8
    return Encoding("utf-8") if is_utf8 else _western(file, _first_line_that_is_not_utf8(file))


def is_utf8_throughout(file: Found, digest: Digest | None = None) -> bool:
    """digest: what else the same reading feeds with every byte."""
    is_utf8 = True
    for block in _blocks_of_lines(file, n_bytes=_LOOKED_THROUGH_BYTES):
        is_utf8 = is_utf8 and _is_utf8(block)
        if digest is not None:
            digest.update(block)
        elif not is_utf8:
            return False
    return is_utf8


def utf8_blocks(file: Found, encoding: Encoding) -> Iterator[bytes]:
    """The text as UTF-8, without byte-order mark, line ends as LF only, none at its end; most blocks end with one.

    Raises SourceError at bytes that are no text in this encoding.
    """
    waiting = half = b""  # what may be the last of the file, and a CR whose LF may come
    for block in _decoded(file, encoding):
        plain, half = _plain_line_ends(half + block if half else block)
        if plain.isspace() and not plain.strip(b"\n"):  # the first is asked at no cost of most blocks
            waiting += plain
        elif plain:
            if waiting:
                yield waiting
            waiting = plain
    if last := waiting.rstrip(b"\n"):
        yield last


def _plain_line_ends(block: bytes) -> tuple[bytes, bytes]:
    r"""CRLF, and the lone CR of old Macs, to LF: read as they are, a CR-only file is one line, and no error.

    Beside it a CR at the very end, until the next block shows whether its LF comes.
    """
    if b"\r" not in block:
        return block, b""
    half = block[-1:] if block.endswith(b"\r") else b""
    return block[: len(block) - len(half)].replace(b"\r\n", b"\n").replace(b"\r", b"\n"), half


def _decoded(file: Found, encoding: Encoding) -> Iterator[bytes]:
    """Blocks of UTF-8 without byte-order mark."""
    if encoding.codec in {"utf-8", "utf-8-sig"}:
        has_mark = file.head(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8
        for block in _blocks_of_lines(file, start=len(codecs.BOM_UTF8) if has_mark else 0):
            if not file.is_utf8 and not _is_utf8(block):
                raise _not_throughout(file, encoding)
            yield block
        return
    stream, decoder = file.rewound(), codecs.getincrementaldecoder(encoding.codec)()
    has_begun = False
    while True:
        raw = stream.read(BLOCK_BYTES)
        try:
            text = decoder.decode(raw, final=not raw)
        except UnicodeError:
            raise _not_throughout(file, encoding) from None
        yield (text if has_begun else text.removeprefix("\ufeff")).encode()
        has_begun = has_begun or bool(text)
        if not raw:
            return


def _not_throughout(file: Found, encoding: Encoding) -> SourceError:
    return SourceError(
        f"{file.name}: the file is not {encoding.in_words} throughout; it may be cut off. "
        "Save it again as CSV UTF-8."
    )


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


def _first_line_that_is_not_utf8(file: Found) -> int:
    n_lines = 1
    for block in _blocks_of_lines(file):
        if not _is_utf8(block):
            return n_lines + _n_lines_before_an_error(block)
        n_lines += count_byte(block, b"\n")
    raise AssertionError("asked only of a file with such a line")


def _blocks_of_lines(file: Found, *, start: int = 0, n_bytes: int | None = None) -> Iterator[bytes]:
    """The file's bytes from `start`, cut after a line end, and of very long lines between characters of UTF-8.

    Where to cut is looked up first: to cut a block costs as much as to read it.
    """
    stream, most = file.rewound(), n_bytes or BLOCK_BYTES
    n_end = min(_END_BYTES, most // 2)
    while True:
        stream.seek(start + most - n_end)
        end = stream.read(n_end)
        n_left = _n_to_leave(end) if len(end) == n_end else 0  # the file's own end needs no looking for
        stream.seek(start)
        block = stream.read(most - n_left)
        if not block:
            return
        start += len(block)
        yield block


def _n_to_leave(end: bytes) -> int:
    """Of a block that ends so: what stands behind its last line end, or a last character that may be cut in two."""
    line_end = end.rfind(b"\n") + 1
    if line_end:
        return len(end) - line_end
    whole = end.rstrip(_FOLLOWING)
    return len(end) - len(whole) + 1 if whole[-1:] >= b"\xc0" else 0


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
