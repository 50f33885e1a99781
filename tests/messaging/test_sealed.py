"""References and pseudonyms: what strangers may see of our numbers."""

from __future__ import annotations

import hashlib

import polars as pl
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from messaging.sealed import REFERENCE_LENGTH, MessageRef, Sealer, person_key, person_keys

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
SEALER = Sealer(b"a key that only tests have")

RUNS = st.integers(0, 2**31 - 1)
BATCHES = st.integers(0, 2**24 - 1)
ROWS = st.integers(0, 2**16 - 1)
PLACES = st.tuples(RUNS, BATCHES, ROWS)


@given(place=PLACES)
def test_a_reference_opens_to_what_was_sealed(place):
    assert SEALER.open(SEALER.seal(*place)) == MessageRef(*place)


@pytest.mark.parametrize(
    "place", [(0, 0, 0), (2**31 - 1, 2**24 - 1, 2**16 - 1), (1, 31, 65_535), (1, 32, 0), (42, 16_777_215, 1)]
)
def test_a_reference_opens_at_the_edges_of_its_fields(place):
    assert SEALER.open(SEALER.seal(*place)) == MessageRef(*place)


@given(places=st.sets(PLACES, min_size=2, max_size=50))
def test_two_messages_never_share_a_reference(places):
    assert len({SEALER.seal(*place) for place in places}) == len(places)


@given(place=PLACES)
def test_a_reference_is_twenty_characters_that_nobody_misreads(place):
    reference = SEALER.seal(*place)
    assert len(reference) == REFERENCE_LENGTH
    assert set(reference) <= set(ALPHABET)


@given(place=PLACES)
def test_a_reference_that_came_back_in_upper_case_opens(place):
    assert SEALER.open(SEALER.seal(*place).upper()) == MessageRef(*place)


@given(reference=st.text(ALPHABET, min_size=REFERENCE_LENGTH, max_size=REFERENCE_LENGTH))
def test_a_string_that_we_did_not_seal_opens_to_nothing_or_is_the_one_we_would_seal(reference):
    opened = SEALER.open(reference)
    assert opened is None or SEALER.seal(opened.run, opened.batch, opened.row) == reference


def test_none_of_a_hundred_thousand_foreign_strings_opens():
    # The chance of one opening is 2^-29, so that this test fails by luck once in 5,400 draws of the key: the key is fixed.
    foreign = Sealer(b"somebody else's key, not ours").seal_column(
        7, _column(range(100_000)), _column([0] * 100_000)
    )
    assert SEALER.open_many(foreign) == [None] * 100_000


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "0" * 19,
        "0" * 21,
        "u" * 20,  # not of the alphabet
        "l" * 20,
        "0" * 19 + " ",
        "K" * 19 + "\N{KELVIN SIGN}",  # its lower case is an ordinary k
        "０" * 20,  # full-width digits
        "🙂" * 20,
        "0" * 19 + "\n",
    ],
)
def test_what_is_no_reference_opens_to_nothing(reference):
    assert SEALER.open(reference) is None


@given(place=PLACES, position=st.integers(0, REFERENCE_LENGTH - 1), other=st.sampled_from(ALPHABET))
def test_a_changed_character_never_opens_to_the_same_message(place, position, other):
    reference = SEALER.seal(*place)
    changed = reference[:position] + other + reference[position + 1 :]
    assert changed == reference or SEALER.open(changed) != MessageRef(*place)


@given(run=RUNS, places=st.lists(st.tuples(BATCHES, ROWS), max_size=40))
def test_a_column_is_sealed_like_its_rows(run, places):
    batches, rows = _column(batch for batch, _ in places), _column(row for _, row in places)
    sealed = SEALER.seal_column(run, batches, rows)
    assert sealed.name == "reference"
    assert sealed.dtype == pl.String
    assert sealed.to_list() == [SEALER.seal(run, batch, row) for batch, row in places]
    assert (
        SEALER.seal_many(run, [batch for batch, _ in places], [row for _, row in places]) == sealed.to_list()
    )


def test_a_column_of_several_chunks_is_sealed_in_order():
    batches = pl.concat([_column([3, 1]), _column([2])], rechunk=False)
    rows = pl.concat([_column([0]), _column([5, 9])], rechunk=False)
    assert SEALER.seal_column(1, batches, rows).to_list() == [
        SEALER.seal(1, 3, 0),
        SEALER.seal(1, 1, 5),
        SEALER.seal(1, 2, 9),
    ]


def test_columns_of_the_messages_schema_are_sealed_without_overflow():
    batches = pl.Series([2**24 - 1], dtype=pl.UInt32)
    rows = pl.Series([2**16 - 1], dtype=pl.UInt16)
    reference = SEALER.seal_column(2**31 - 1, batches, rows).item()
    assert SEALER.open(reference) == MessageRef(2**31 - 1, 2**24 - 1, 2**16 - 1)


@given(places=st.lists(PLACES, max_size=10))
def test_many_references_open_in_order_among_foreign_ones(places):
    references = [text for place in places for text in (SEALER.seal(*place), "not one of ours")]
    assert SEALER.open_many(references) == [ref for place in places for ref in (MessageRef(*place), None)]


@pytest.mark.parametrize(
    "place", [(-1, 0, 0), (2**31, 0, 0), (0, -1, 0), (0, 2**24, 0), (0, 0, -1), (0, 0, 2**16)]
)
def test_a_number_that_does_not_fit_is_refused(place):
    with pytest.raises(ValueError, match="does not fit"):
        SEALER.seal(*place)


@pytest.mark.parametrize(
    ("batches", "rows"),
    [([0, 2**24], [0, 0]), ([0, 0], [0, 2**16]), ([-1, 1], [0, 0]), ([0, 0], [-1, 1]), ([None, 1], [0, 0])],
)
def test_a_column_with_a_number_that_does_not_fit_is_refused(batches, rows):
    with pytest.raises(ValueError, match=r"does not fit|without its batch"):
        SEALER.seal_column(1, pl.Series(batches, dtype=pl.Int64), pl.Series(rows, dtype=pl.Int64))


def test_a_row_without_its_batch_is_refused():
    with pytest.raises(ValueError, match="every row needs its batch"):
        SEALER.seal_column(1, _column([1]), _column([1, 2]))


def test_another_key_seals_otherwise_and_opens_nothing_of_ours():
    other = Sealer(b"a key that only tests hav3")
    assert other.seal(1, 2, 3) != SEALER.seal(1, 2, 3)
    assert other.open(SEALER.seal(1, 2, 3)) is None


def test_a_reference_is_the_same_for_ever():
    # Receipts come days later and keys are never rotated: a change of the cipher would orphan what is under way.
    assert [SEALER.seal(*place) for place in ((0, 0, 0), (1, 0, 0), (42, 17, 999))] == [
        "8dtza2v5zc9ey1za8r5e",
        "gqnhme1gf3dfqqstyrxt",
        "8fvnmyys0r0gnny28j8r",
    ]


def test_a_short_key_is_refused():
    with pytest.raises(ValueError, match="16 bytes"):
        Sealer(b"fifteen bytes!!")


@given(msisdn=st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_a_pseudonym_is_32_hex_digits_and_does_not_hold_the_number(msisdn):
    key = person_key(b"k" * 32, msisdn)
    assert len(key) == 32
    assert set(key) <= set("0123456789abcdef")
    assert msisdn[1:] not in key


@given(msisdns=st.lists(st.one_of(st.none(), st.text(min_size=1, max_size=16)), max_size=30))
def test_a_column_has_the_pseudonyms_of_its_rows(msisdns):
    keys = person_keys(b"k" * 32, pl.Series("msisdn", msisdns, dtype=pl.String))
    assert keys.name == "person_key"
    assert keys.to_list() == [None if msisdn is None else person_key(b"k" * 32, msisdn) for msisdn in msisdns]


def test_a_column_in_pieces_and_cut_out_of_another_one_has_the_pseudonyms_of_its_rows():
    numbers = [f"+4477{i:08}" for i in range(1_000)]
    column = pl.concat([pl.Series(numbers[:400]), pl.Series(numbers[400:])], rechunk=False).slice(350, 200)
    assert person_keys(b"k" * 32, column).to_list() == [
        person_key(b"k" * 32, one) for one in numbers[350:550]
    ]


def test_a_pseudonym_is_the_number_enciphered_and_added_to_it():
    # By another mode of the library and by integers, which is how the bytes of a column must come out too.
    number = b"+447712345123".ljust(16, b"\0")
    aes_key = hashlib.blake2b(b"k" * 32, digest_size=32, person=b"person").digest()
    enciphered = Cipher(algorithms.AES(aes_key), modes.CBC(bytes(16))).encryptor().update(number)
    hashed = int.from_bytes(enciphered, "big") ^ int.from_bytes(number, "big")
    assert person_key(b"k" * 32, "+447712345123") == f"{hashed:032x}"


def test_a_pseudonym_is_the_same_for_ever():
    # Opt-outs of people who were forgotten are known by nothing else.
    texts = ["+447712345123", "+12025550123", "+999123456789012", "an email address of a reply", "é"]
    assert [person_key(b"k" * 32, text) for text in texts] == [
        "c9ca442537f5875c5bbbc9a79236c5ff",
        "c4c2efad36a59224874aa4299ccc504c",
        "1911ad7e1b3d256bd7d69ff367781b8e",
        "653d7914691fe67c2a8f65061a9811f5",
        "cb5c570a69ce5f9c641d63800c04c4ca",
    ]


def test_a_million_numbers_in_a_row_have_as_many_pseudonyms():
    numbers = pl.select("+4477" + pl.int_range(1_000_000).cast(pl.String).str.zfill(8)).to_series()
    assert person_keys(b"k" * 32, numbers).n_unique() == 1_000_000


def test_a_person_has_another_pseudonym_under_another_key():
    assert person_key(b"a" * 32, "+447712345123") != person_key(b"b" * 32, "+447712345123")


def _column(values) -> pl.Series:
    return pl.Series(list(values), dtype=pl.UInt64)
