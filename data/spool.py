"""Frames put aside until all of them are there: in memory as long as they are small, else in a file without a name."""

from __future__ import annotations

import io
import os
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

ROWS_OF_A_CHUNK = 125_000  # design.md §8; twice as many are no faster and take 150 MB more
MOST_BYTES_OF_A_CHUNK = 64 << 20  # rows of 300 columns come in smaller chunks
_MOST_BYTES_IN_MEMORY = 8 << 20


class Spool:
    """Frames in order, read as often as one likes.

    They are kept as bytes: a frame that was filtered out of another one would hold the memory of both. What does not
    fit into memory lies in a file that no folder names, so nothing of it outlives the process, however that ends.
    folder: where that file takes its room; None: where the system keeps temporary files. schema: the columns that
    `frame` has at least. copies: columns, each with the other one that it is a copy of: kept once, found as it was.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        schema: pl.Schema | None = None,
        copies: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder
        self._schema = schema
        self._copies = dict(copies or {})
        self._in_order: list[str] = []  # the columns of a frame, copies among them
        self._in_memory: list[bytes] = []
        self._places: list[tuple[int, int]] = []  # of each frame in the file: where it begins, its bytes
        self._file: int | None = None
        self.n_rows = 0

    def append(self, frame: pl.DataFrame) -> None:
        self.n_rows += frame.height
        self._in_order = frame.columns
        buffer = io.BytesIO()
        # Arrow's own format would write whole buffers of which a filtered frame uses a part.
        frame.drop(self._copies).write_parquet(buffer, compression="lz4", statistics=False)
        self._in_memory.append(buffer.getvalue())
        if self._file is not None or sum(map(len, self._in_memory)) > _MOST_BYTES_IN_MEMORY:
            self._write_out()

    def __iter__(self) -> Iterator[pl.DataFrame]:
        for place in range(len(self)):
            yield self[place]

    def __len__(self) -> int:
        """How many frames there are."""
        return len(self._places) + len(self._in_memory)

    def __getitem__(self, place: int) -> pl.DataFrame:
        """The frame that was appended as number `place`, from 0."""
        kept = pl.read_parquet(io.BytesIO(self._bytes_of(place)))
        if not self._copies:
            return kept
        return kept.select(pl.col(self._copies.get(name, name)).alias(name) for name in self._in_order)

    @property
    def frame(self) -> pl.DataFrame:
        """All frames as one, for what is known to be small."""
        whole: pl.DataFrame = pl.concat([pl.DataFrame(schema=self._schema), *self], how="diagonal")
        return whole

    def _bytes_of(self, place: int) -> bytes | bytearray:
        if place >= len(self._places):
            return self._in_memory[place - len(self._places)]
        assert self._file is not None
        return _read_at(self._file, *self._places[place])

    def _write_out(self) -> None:
        if self._file is None:
            with tempfile.TemporaryFile(dir=self._folder) as file:
                self._file = os.dup(file.fileno())
            weakref.finalize(self, os.close, self._file)
        start = sum(self._places[-1]) if self._places else 0
        for content in self._in_memory:
            _write_at(self._file, memoryview(content), start)
            self._places.append((start, len(content)))
            start += len(content)
        self._in_memory = []


def chunks_of(pieces: Iterator[pl.DataFrame], *, rows: int = ROWS_OF_A_CHUNK) -> Iterator[pl.DataFrame]:
    """The same rows in frames of `rows` at most, small pieces put together up to that and to 64 MB."""
    waiting: list[pl.DataFrame] = []
    for piece in pieces:
        for part in piece.iter_slices(rows):
            if waiting and not _fit(waiting, part, rows):
                yield pl.concat(waiting)
                waiting = []
            waiting.append(part)
    if waiting:
        yield pl.concat(waiting)


def _fit(waiting: list[pl.DataFrame], part: pl.DataFrame, rows: int) -> bool:
    together = [*waiting, part]
    return (
        sum(frame.height for frame in together) <= rows
        and sum(frame.estimated_size() for frame in together) <= MOST_BYTES_OF_A_CHUNK
    )


def _write_at(file: int, view: memoryview, start: int) -> None:
    while view:
        written = os.pwrite(file, view, start)
        view, start = view[written:], start + written


def _read_at(file: int, start: int, length: int) -> bytearray:
    """In turns: the system reads 2 GiB at most at a time."""
    content = bytearray(length)
    view = memoryview(content)
    while view:
        n = os.preadv(file, [view], start)
        assert n, "a spool is as long as what was written to it"
        view, start = view[n:], start + n
    return content
