from hypothesis import given, settings
from hypothesis import strategies as st

from data.readers.counting import count_byte, neighbours

BLOCKS = st.binary() | st.text(',"\n\0aé').map(str.encode)


@settings(deadline=None)
@given(block=BLOCKS, byte=st.sampled_from([b",", b'"', b"\n", b"\0", b"\xc3"]))
def test_bytes_are_counted_as_python_counts_them(block, byte):
    assert count_byte(block, byte) == block.count(byte)
    assert count_byte(memoryview(block), byte) == block.count(byte)


@settings(deadline=None)
@given(block=BLOCKS.filter(len), byte=st.sampled_from([b",", b'"', b"\n", b"\0", b"\xc3"]))
def test_each_byte_of_a_kind_has_its_neighbours_and_the_ends_of_a_block_are_line_ends(block, byte):
    places = [place for place, one in enumerate(block, start=1) if one == ord(byte)]
    ended = b"\n" + block + b"\n"
    before, behind = neighbours(block, byte)
    assert before.to_list() == [ended[place - 1] for place in places]
    assert behind.to_list() == [ended[place + 1] for place in places]
