import os
import weakref

import polars as pl
import pytest

from data import spool
from data.spool import Spool, chunks_of


def frames(*heights):
    first = 0
    for height in heights:
        yield pl.DataFrame({"n": range(first, first + height), "text": ["x" * 50] * height})
        first += height


@pytest.mark.parametrize("in_memory", [0, 1000, 10**9])
def test_frames_come_back_in_order_as_often_as_one_asks(tmp_path, monkeypatch, in_memory):
    monkeypatch.setattr(spool, "_MOST_BYTES_IN_MEMORY", in_memory)
    kept, put = Spool(tmp_path), list(frames(3, 0, 40, 1))
    for frame in put:
        kept.append(frame)
    for _ in range(2):
        assert [one.rows() for one in kept] == [one.rows() for one in put]
    assert kept.n_rows == 44
    assert kept.frame["n"].to_list() == list(range(44))


def test_a_column_that_is_a_copy_of_another_one_is_kept_once_and_found_in_its_place(tmp_path):
    n = 2_000
    frame = pl.DataFrame({"twin": [f"{i * 7919}" for i in range(n)], "n": range(n)})
    frame = frame.with_columns(text="twin")
    once, twice = Spool(tmp_path, copies={"twin": "text"}), Spool(tmp_path)
    for kept in (once, twice):
        kept.append(frame)
        kept.append(frame.head(0))
        assert [one.rows() for one in kept] == [frame.rows(), []]
        assert kept[0].columns == kept.frame.columns == ["twin", "n", "text"]
    assert len(once._in_memory[0]) < len(twice._in_memory[0]) * 0.8


def test_what_is_put_aside_has_no_name_and_goes_with_its_spool(tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "_MOST_BYTES_IN_MEMORY", 0)
    kept = Spool(tmp_path)
    kept.append(next(frames(5)))
    assert list(tmp_path.iterdir()) == []
    descriptor, alive = kept._file, weakref.ref(kept)
    os.fstat(descriptor)
    del kept
    assert alive() is None
    with pytest.raises(OSError):
        os.fstat(descriptor)


def test_an_empty_spool_has_the_columns_it_was_given():
    assert Spool(schema=pl.Schema({"a": pl.UInt32})).frame.schema == {"a": pl.UInt32}


def test_pieces_are_put_together_up_to_a_chunk_and_cut_down_to_it():
    chunks = list(chunks_of(frames(3, 3, 3, 10, 1), rows=7))
    assert [chunk.height for chunk in chunks] == [6, 3, 7, 4]
    assert pl.concat(chunks)["n"].to_list() == list(range(20))
    assert list(chunks_of(iter(()))) == []


def test_wide_rows_come_in_smaller_chunks(monkeypatch):
    monkeypatch.setattr(spool, "MOST_BYTES_OF_A_CHUNK", 2_000)
    assert len(list(chunks_of(frames(*[10] * 10)))) > 3
