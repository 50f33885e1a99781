"""Text that is read from its front: in blocks of whole records by who is quick, line by line by who is exact."""

from __future__ import annotations

from collections.abc import Iterator

from data.readers.counting import count_byte
from messaging.errors import SourceError

_MOST_BYTES_OF_A_LINE = 64 << 20
_FEW_BYTES = 4096  # of a line


class Tape:
    """The lines of a text that comes in blocks of UTF-8. n_lines: how many were taken."""

    def __init__(self, name: str, blocks: Iterator[bytes]) -> None:
        self._name = name
        self._blocks = blocks
        self._buffer = b""
        self._at = 0
        self._is_over = False
        self.n_lines = 0
        self.n_bytes = 0  # taken

    def peek(self, n: int) -> bytes:
        """The next n bytes; fewer only at the end."""
        self._fill(n)
        return self._buffer[self._at : self._at + n]

    def line(self) -> str | None:
        """The next line with its end; None when there is none. The last one has an end too."""
        while (end := self._buffer.find(b"\n", self._at)) < 0 and not self._is_over:
            n_waiting = len(self._buffer) - self._at
            if n_waiting > _MOST_BYTES_OF_A_LINE:
                raise SourceError(
                    f"{self._name}: line {self.n_lines + 1} is longer than 64 MB, so this is no list of contacts. "
                    "Export it again with one contact per line."
                )
            self._fill(2 * n_waiting + 1)
        if end >= 0:
            return self._take(end + 1).decode()
        rest = self._take(len(self._buffer))
        self.n_lines += bool(rest)
        return f"{rest.decode()}\n" if rest else None

    def records(self, n: int) -> bytes:
        """About n bytes of whole records, as far as an even number of quotes tells; they stay until `skip`.

        Empty: there are none left, or no record seems to end within n bytes.
        """
        self._fill(n)
        n_waiting = len(self._buffer) - self._at
        stop = self._at + (
            n if n_waiting > 2 * n else n_waiting
        )  # all of a block that ends with a record is no copy
        is_rest = self._is_over and stop == len(self._buffer)
        return self._buffer[self._at : stop if is_rest else _end_of_records(self._buffer, self._at, stop)]

    def skip(self, n: int) -> None:
        end = self._at + n
        # Of much text without a copy, of little without what a column costs.
        self.n_lines += (
            count_byte(memoryview(self._buffer)[self._at : end], b"\n")
            if n > _FEW_BYTES
            else self._buffer.count(b"\n", self._at, end)
        )
        self.n_bytes += n
        self._at = end

    def is_over(self) -> bool:
        return not self.peek(1)

    def _fill(self, n: int) -> None:
        have = len(self._buffer) - self._at
        if have >= n or self._is_over:
            return
        parts = [self._buffer[self._at :]] if have else []
        while have < n and not self._is_over:
            block = next(self._blocks, None)
            self._is_over = block is None
            if block:
                parts.append(block)
                have += len(block)
        self._buffer, self._at = b"".join(parts), 0

    def _take(self, end: int) -> bytes:
        taken = self._buffer[self._at : end]
        self.skip(len(taken))
        return taken


def _end_of_records(text: bytes, start: int, stop: int) -> int:
    """After the last line end that an even number of quotes stands before. start: there is none."""
    end = text.rfind(b"\n", start, stop) + 1
    n_quotes = count_byte(memoryview(text)[start:end], b'"')
    while end > start and n_quotes % 2:
        before = text.rfind(b"\n", start, end - 1) + 1
        n_quotes -= text.count(b'"', max(before, start), end)
        end = before
    return max(end, start)
