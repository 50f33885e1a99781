"""Numbers of ours that strangers may see: the reference on the wire and the pseudonym of a person.

A reference is 100 bits in 20 characters: run (31), batch (24), row (16) and 29 zero bits, enciphered as one block.
It opens without a table, two of them never collide, and a string that we did not seal opens with a chance of 2^-29.
The cipher is a Feistel network over two halves of 50 bits (Luby and Rackoff; six rounds) whose round function is AES.
A pseudonym is a keyed hash, made of AES too: one call enciphers a whole column, where BLAKE2b would cost a Python call
per round and message, and per person.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl
import pyarrow as pa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

REFERENCE_LENGTH = 20
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base32: no i, l, o, u to misread
_VALUES = {char: value for value, char in enumerate(_ALPHABET)}
_PAIRS = pl.Series([a + b for a in _ALPHABET for b in _ALPHABET])

_RUN_BITS, _BATCH_BITS, _ROW_BITS, _CHECK_BITS = 31, 24, 16, 29
_HALF_BITS = 50
_HALF = (1 << _HALF_BITS) - 1
_ROUNDS = 6
_BLOCK_BYTES = 16  # of AES; a plus and 15 digits fit
_BATCH_BITS_LEFT = _HALF_BITS - _RUN_BITS  # the batch straddles the halves: 19 bits left, 5 right
_BATCH_BITS_RIGHT = _BATCH_BITS - _BATCH_BITS_LEFT


@dataclass(frozen=True, slots=True, order=True)
class MessageRef:
    """Where a message stands in the ledger."""

    run: int
    batch: int
    row: int


class _Blocks(Protocol):
    def update(self, data: bytes | memoryview) -> bytes: ...


class Sealer:
    """Seals (run, batch, row) to a reference of 20 characters, and opens its own references again.

    key: 16 bytes or more, secret, never rotated. Safe to share between threads.
    """

    __slots__ = ("_aes_key",)

    def __init__(self, key: bytes) -> None:
        if len(key) < 16:
            raise ValueError("a sealing key has 16 bytes or more")
        self._aes_key = _derived(key, b"reference")

    def seal(self, run: int, batch: int, row: int) -> str:
        """One reference. Raises ValueError for numbers that do not fit."""
        _guard_range("run", run, _RUN_BITS)
        _guard_range("batch", batch, _BATCH_BITS)
        _guard_range("row", row, _ROW_BITS)
        blocks = _enciphering(self._aes_key)
        left, right = _halves(run, batch, row)
        for number in range(_ROUNDS):
            left, right = right, left ^ _round_value(blocks, number, right)
        return _spell(left << _HALF_BITS | right)

    def open(self, reference: str) -> MessageRef | None:
        """What a reference stands for; None for anything that this key did not seal. Upper case is the same."""
        return self._opened(reference, _enciphering(self._aes_key))

    def open_many(self, references: Iterable[str]) -> list[MessageRef | None]:
        """`open` for many, in order."""
        blocks = _enciphering(self._aes_key)
        return [self._opened(reference, blocks) for reference in references]

    def seal_many(
        self, run: int, batches: Sequence[int] | pl.Series, rows: Sequence[int] | pl.Series
    ) -> list[str]:
        """One reference per pair of batch and row, in order."""
        return self.seal_column(
            run, pl.Series(batches, dtype=pl.UInt64), pl.Series(rows, dtype=pl.UInt64)
        ).to_list()

    def seal_column(self, run: int, batches: pl.Series, rows: pl.Series) -> pl.Series:
        """`seal_many` as a column named `reference`. Raises ValueError for numbers that do not fit, and for nulls."""
        _guard_range("run", run, _RUN_BITS)
        if len(batches) != len(rows):
            raise ValueError("every row needs its batch")
        if not len(batches):
            return pl.Series("reference", [], dtype=pl.String)
        _guard_column("batch", batches, _BATCH_BITS)
        _guard_column("row", rows, _ROW_BITS)
        batch, row = batches.cast(pl.UInt64), rows.cast(pl.UInt64)
        left = run * (1 << _BATCH_BITS_LEFT) + batch // (1 << _BATCH_BITS_RIGHT)
        right = batch % (1 << _BATCH_BITS_RIGHT) * (1 << _ROW_BITS + _CHECK_BITS) + row * (1 << _CHECK_BITS)
        blocks = _enciphering(self._aes_key)
        for number in range(_ROUNDS):
            left, right = right, left ^ _round_column(blocks, number, right)
        return pl.select(pl.concat_str(*_spelled(left), *_spelled(right)).alias("reference")).to_series()

    def _opened(self, reference: str, blocks: _Blocks) -> MessageRef | None:
        number = _read(reference)
        if number is None:
            return None
        left, right = number >> _HALF_BITS, number & _HALF
        for step in reversed(range(_ROUNDS)):
            left, right = right ^ _round_value(blocks, step, left), left
        if right % (1 << _CHECK_BITS):
            return None
        packed = (left << _HALF_BITS | right) >> _CHECK_BITS
        row, packed = packed % (1 << _ROW_BITS), packed >> _ROW_BITS
        return MessageRef(packed >> _BATCH_BITS, packed % (1 << _BATCH_BITS), row)


def person_key(key: bytes, msisdn: str) -> str:
    """The pseudonym of a person: 32 hexadecimal digits, the same for the same number and key for ever.

    AES of the number, and the number once more on top: that is one way, and no two numbers are likely to share one
    (Matyas, Meyer and Oseas). An MSISDN is one block; a text that is none goes through BLAKE2b before.
    """
    if len(msisdn) <= _BLOCK_BYTES and msisdn.isascii():
        block = msisdn.encode().ljust(_BLOCK_BYTES, b"\0")
    else:
        block = hashlib.blake2b(msisdn.encode(), key=key[:64], digest_size=_BLOCK_BYTES).digest()
    enciphered = _enciphering(_derived(key, b"person")).update(block)
    return bytes(one ^ other for one, other in zip(enciphered, block, strict=True)).hex()


def person_keys(key: bytes, msisdns: pl.Series) -> pl.Series:
    """`person_key` on a whole column, named `person_key`; null stays null."""
    padded = msisdns.cast(pl.String).str.pad_end(_BLOCK_BYTES, "\0")
    others = (padded.str.len_bytes() != _BLOCK_BYTES).fill_null(value=True).arg_true()
    keys = _hashed_blocks(_derived(key, b"person"), padded.scatter(others, "\0" * _BLOCK_BYTES))
    one_by_one = [None if text is None else person_key(key, text) for text in msisdns.gather(others)]
    return keys.scatter(others, pl.Series(one_by_one, dtype=pl.String)).alias("person_key")


def _hashed_blocks(aes_key: bytes, blocks: pl.Series) -> pl.Series:
    """blocks: text of 16 bytes each, so they lie in memory as AES wants them."""
    if not len(blocks):
        return blocks
    written = blocks.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest()).buffers()[2]
    n_bytes = _BLOCK_BYTES * len(blocks)
    enciphered = _enciphering(aes_key).update(memoryview(written).cast("B")[:n_bytes])
    hashed = (_words(pa.py_buffer(enciphered)) ^ _words(written.slice(0, n_bytes))).to_arrow().buffers()[1]
    digests = pa.FixedSizeBinaryArray.from_buffers(pa.binary(_BLOCK_BYTES), len(blocks), [None, hashed])
    return _series(digests).bin.encode("hex")


def _derived(key: bytes, purpose: bytes) -> bytes:
    return hashlib.blake2b(key[:64], digest_size=32, person=purpose).digest()


def _enciphering(aes_key: bytes) -> _Blocks:
    # ECB on purpose: it is the bare block function. An encryptor is not for two threads at once, so one per call.
    return Cipher(algorithms.AES(aes_key), modes.ECB()).encryptor()  # noqa: S305


def _words(buffer: pa.Buffer) -> pl.Series:
    """Eight bytes each."""
    return _series(pa.Array.from_buffers(pa.uint64(), buffer.size // 8, [None, buffer]))


def _series(array: pa.Array) -> pl.Series:
    """In a batch, for a lone array would bring pyarrow's functions, which take 25 ms to import."""
    return pl.DataFrame(pa.record_batch([array], names=["value"])).to_series()


def _guard_range(name: str, value: object, bits: int) -> None:
    if not isinstance(value, int) or not 0 <= value < 1 << bits:
        raise ValueError(f"{name} {value} does not fit {bits} bits")


def _guard_column(name: str, numbers: pl.Series, bits: int) -> None:
    if numbers.null_count():
        raise ValueError(f"a message without its {name}")
    _guard_range(name, numbers.min(), bits)
    _guard_range(name, numbers.max(), bits)


def _halves(run: int, batch: int, row: int) -> tuple[int, int]:
    packed = ((run << _BATCH_BITS | batch) << _ROW_BITS | row) << _CHECK_BITS
    return packed >> _HALF_BITS, packed & _HALF


def _round_value(blocks: _Blocks, number: int, half: int) -> int:
    """The round function: the low 50 bits of AES(half, round number)."""
    block = half.to_bytes(8, "little") + number.to_bytes(8, "little")
    return int.from_bytes(blocks.update(block)[:8], "little") & _HALF


def _round_column(blocks: _Blocks, number: int, half: pl.Series) -> pl.Series:
    """`_round_value` for a column: its values and the round number interleaved are the blocks, as they lie in memory."""
    pairs = pl.select(pl.concat_arr(half, pl.lit(number, dtype=pl.UInt64))).to_series().explode().rechunk()
    enciphered = blocks.update(memoryview(pairs.to_arrow().buffers()[1]).cast("B"))
    return _words(pa.py_buffer(enciphered)).gather_every(2) & _HALF


def _spell(number: int) -> str:
    shifts = range(5 * (REFERENCE_LENGTH - 1), -1, -5)
    return "".join(_ALPHABET[number >> shift & 31] for shift in shifts)


def _spelled(half: pl.Series) -> list[pl.Series]:
    """Five columns of two characters each."""
    return [_PAIRS.gather(half // (1 << shift) % 1024) for shift in range(_HALF_BITS - 10, -1, -10)]


def _read(reference: str) -> int | None:
    # isascii first: the Kelvin sign's lower case is an ordinary k.
    if len(reference) != REFERENCE_LENGTH or not reference.isascii():
        return None
    number = 0
    for char in reference.lower():
        value = _VALUES.get(char)
        if value is None:
            return None
        number = number << 5 | value
    return number
