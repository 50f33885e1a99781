import hashlib
import io
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from data.readers import encodings
from data.readers.encodings import Encoding, is_utf8_throughout, utf8_blocks
from data.readers.grid import Found

TEXTS = st.text(alphabet="a é李🙂\r\n", max_size=40)
BLOCK_SIZES = st.integers(7, 40)


def found(content):
    return Found("f.csv", io.BytesIO(content))


def is_utf8(content):
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


@settings(deadline=None)
@given(content=TEXTS.map(str.encode) | st.binary(max_size=40), size=BLOCK_SIZES)
def test_utf8_is_told_whatever_a_block_cuts_in_two_and_every_byte_is_hashed(content, size):
    digest = hashlib.sha256()
    with patch.object(encodings, "_LOOKED_THROUGH_BYTES", size):
        assert is_utf8_throughout(found(content)) == is_utf8(content)
        assert is_utf8_throughout(found(content), digest) == is_utf8(content)
    assert digest.digest() == hashlib.sha256(content).digest()


@settings(deadline=None)
@given(text=TEXTS, size=BLOCK_SIZES, codec=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_line_ends_are_one_byte_each_and_none_is_at_the_end_however_a_text_is_cut(text, size, codec):
    with patch.object(encodings, "BLOCK_BYTES", size):
        blocks = list(utf8_blocks(found(text.encode(codec)), Encoding(codec)))
    assert b"".join(blocks).decode() == text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    assert all(blocks)
