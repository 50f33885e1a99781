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
        block = self.peek(n)
        is_rest = self._is_over and len(self._buffer) - self._at <= n
        return block if is_rest else block[: _end_of_records(block)]

    def skip(self, n: int) -> None:
        self._take(self._at + n)

    def is_over(self) -> bool:
        return not self.peek(1)

    def _fill(self, n: int) -> None:
        have = len(self._buffer) - self._at
        if have >= n or self._is_over:
            return
        parts = [self._buffer[self._at :]]
        while have < n and not self._is_over:
            block = next(self._blocks, None)
            self._is_over = block is None
            if block:
                parts.append(block)
                have += len(block)
        self._buffer, self._at = b"".join(parts), 0

    def _take(self, end: int) -> bytes:
        taken = self._buffer[self._at : end]
        self._at += len(taken)
        self.n_bytes += len(taken)
        self.n_lines += count_byte(taken, b"\n") if len(taken) > _FEW_BYTES else taken.count(b"\n")
        return taken


def _end_of_records(block: bytes) -> int:
    """After the last line end that an even number of quotes stands before. 0: there is none."""
    end = block.rfind(b"\n")
    n_quotes = count_byte(block[: end + 1], b'"')
    while end >= 0 and n_quotes % 2:
        before = block.rfind(b"\n", 0, end)
        n_quotes -= block.count(b'"', before + 1, end + 1)
        end = before
    return end + 1
