"""Bytes of a text file to UTF-8 with plain line ends; the encoding is found when nobody tells it."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from messaging.errors import SourceError

_BYTE_ORDER_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LOOKED_AT_BYTES = 4096
TELL = '[audience] encoding = "{}"'


@dataclass(frozen=True, slots=True)
class Utf8:
    """Text as UTF-8 without byte-order mark, line ends as LF only."""

    content: bytes
    encoding: str  # what it was
    notices: tuple[str, ...] = ()


def to_utf8(content: bytes, name: str, encoding: str | None) -> Utf8:
    """Raises SourceError when the bytes are not text in the encoding that is told or found."""
    if encoding is not None:
        return Utf8(_plain(_decoded_as_told(content, name, encoding)), encoding)
    for mark, marked in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return Utf8(_plain(_decoded(content, name, marked)), marked.removesuffix("-sig"))
    unmarked = _utf16_without_mark(content)
    if unmarked:
        notice = f"{name} has no byte-order mark and was read as {unmarked.upper()}."
        return Utf8(_plain(_decoded(content, name, unmarked)), unmarked, (notice,))
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return _western(content, name, error)
    return Utf8(_plain(content), "utf-8")


def _western(content: bytes, name: str, error: UnicodeDecodeError) -> Utf8:
    """Not UTF-8: Windows-1252, unless most of it is UTF-8, for then every name would come out mangled."""
    line = content.count(b"\n", 0, error.start) + 1
    lenient = content.decode(errors="replace")
    n_bad = lenient.count("\ufffd")
    n_good = len(lenient) - len(lenient.encode("ascii", "ignore")) - n_bad
    if n_good > n_bad:
        raise SourceError(
            f"{name}: line {line} holds bytes that are not UTF-8, though the rest of the file is. "
            f"Mend that line, or tell the encoding in a campaign file: {TELL.format('cp1252')}."
        )
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError:
        raise SourceError(
            f"{name}: line {line} is neither UTF-8 nor Windows-1252. "
            f"Save it as CSV UTF-8, or tell the encoding in a campaign file: {TELL.format('…')}."
        ) from None
    notice = f"{name} is not UTF-8 (first seen in line {line}) and was read as Windows-1252: look at the accents in the samples."
    return Utf8(_plain(text), "cp1252", (notice,))


def _decoded_as_told(content: bytes, name: str, encoding: str) -> str:
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise SourceError(
            f"{name}: there is no encoding {encoding!r}. Use one such as utf-8, cp1252 or utf-16."
        ) from None
    return _decoded(content, name, encoding).removeprefix("\ufeff")


def _decoded(content: bytes, name: str, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeError:
        shown = encoding.removesuffix("-sig").upper()
        raise SourceError(
            f"{name}: the file is not {shown} throughout; it may be cut off. Save it again as CSV UTF-8."
        ) from None


def _utf16_without_mark(content: bytes) -> str | None:
    """Western text in UTF-16 is half zeros, and they stand in turn."""
    head = content[:_LOOKED_AT_BYTES]
    n_pairs = len(head) // 2
    if n_pairs < 4:
        return None
    if head[1::2].count(0) > 0.7 * n_pairs and head[0::2].count(0) < 0.1 * n_pairs:
        return "utf-16-le"
    if head[0::2].count(0) > 0.7 * n_pairs and head[1::2].count(0) < 0.1 * n_pairs:
        return "utf-16-be"
    return None


def _plain(text: str | bytes) -> bytes:
    """CRLF, and the lone CR of old Macs, to LF: read as they are, a CR-only file is one line, and no error."""
    content = text.encode() if isinstance(text, str) else text
    if b"\r" not in content:
        return content
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
