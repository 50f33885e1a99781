from hypothesis import given, settings
from hypothesis import strategies as st

from data.readers.counting import count_byte, has_pair

BLOCKS = st.binary() | st.text(',"\n\0aé').map(str.encode)


@settings(deadline=None)
@given(block=BLOCKS, byte=st.sampled_from([b",", b'"', b"\n", b"\0", b"\xc3"]))
def test_bytes_are_counted_as_python_counts_them(block, byte):
    assert count_byte(block, byte) == block.count(byte)
    assert has_pair(block, byte) == (2 * byte in block)
