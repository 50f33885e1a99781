"""Every trap of a contact file, as a file: a clear sentence, or each row in exactly one place and nobody in another's.

What a row of the table expects: a sentence, or by row the number that may be texted and the rule of each reject.
"""

import csv
import gzip
import io
import json
import sys
import zipfile
from unittest.mock import patch

import polars as pl
import pytest

from data.readers import csv_text, encodings, open_source
from messaging.contacts import choose_columns, split_contacts
from messaging.errors import SourceError
from tests.data.workbook import workbook

A, B, C = "+447400123001", "+447400123002", "+447400123003"
PLAIN = "name,phone\nAnn,07400 123001\nBob,07400 123002\n"
BOTH = {2: A, 3: B}


def zipped(*files, **more):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writing:
        for name, content in files:
            writing.writestr(name, content)
    return archive.getvalue()


def locked_zip():
    """The flag alone makes it one."""
    content = bytearray(zipped(("people.csv", PLAIN)))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + place] |= 1
    return bytes(content)


def parquet(**columns):
    file = io.BytesIO()
    pl.DataFrame(columns).write_parquet(file)
    return file.getvalue()


def lines(*objects):
    return "\n".join(one if isinstance(one, str) else json.dumps(one) for one in objects)


BOOK = workbook([["name", "phone"], ["Ann", "07400 123001"], [], ["Bob", 7400123002.0]])
BOMB = b"\0" * (80 << 20)

TRAPS = {
    # What comes out right.
    "plain": (PLAIN, BOTH, {}),
    "semicolons": (PLAIN.replace(",", ";"), BOTH, {}),
    "UTF-8 with mark": (PLAIN.encode("utf-8-sig"), BOTH, {}),
    "UTF-16": (PLAIN.encode("utf-16"), BOTH, {}),
    "Latin-1": (PLAIN.replace("Ann", "Zoë").encode("latin-1"), BOTH, {}),
    "CR only": (PLAIN.replace("\n", "\r"), BOTH, {}),
    "quoted line ends": (PLAIN.replace("Ann", '"A\r\nnn"'), BOTH, {}),
    "gzip": (gzip.compress(PLAIN.encode()), BOTH, {}),
    "zip": (zipped(("people.csv", PLAIN), ("__MACOSX/._people.csv", "x")), BOTH, {}),
    "zip of a workbook": (zipped(("people.xlsx", BOOK)), {2: A, 4: B}, {}),
    "a workbook called .csv": (BOOK, {2: A, 4: B}, {}),
    "Parquet called .csv": (parquet(name=["Ann", "Bob"], phone=[447400123001.0, 447400123002.0]), BOTH, {}),
    "JSON lines called .csv": (lines({"phone": A}, "", {"name": "Bob", "phone": 447400123002}), {1: A, 3: B}, {}),
    "duplicate headers": ("phone,name,name\n07400 123001,Ann,x\n07400 123002,Bob,y\n", BOTH, {}),
    "300 columns": (
        ",".join(["phone", *(f"c{k}" for k in range(299))]) + "\n" + f"07400 123001{',x' * 299}\n07400 123002{',' * 299}\n",
        BOTH,
        {},
    ),
    "a cell of 10 MB": (PLAIN.replace("Ann", "x" * 10_000_000), BOTH, {}),
    "NUL bytes": (PLAIN.encode().replace(b"Ann", b"A\0nn").replace(b"123001", b"123\x00001"), BOTH, {}),
    "Excel's damage, mended": ("phone\n447400123001.0\n4.47400123002E11\n7400123003\n", {2: A, 3: B, 4: C}, {}),
    # What becomes a reject.
    "ragged rows": (
        "name,phone,city\nAnn,07400 123001,Leeds\nBob,Jr,07400 123002,Leeds\n07400 123003\n\nCy,07400 123003\n",
        {2: A, 6: C},
        {3: "ragged_row", 4: "no_number"},
    ),
    "Excel's damage, past mending": ("phone\n4.474E+11\n\"4,474E11\"\n0740012300\n", {}, {2: "excel_lost_digits", 3: "excel_lost_digits", 4: "invalid_number"}),
    "formula cells": (
        "name,phone\n=1+1,07400 123001\nBob,=HYPERLINK(1)\nCy,@SUM(1)\n",
        {2: A},
        {3: "not_a_number", 4: "not_a_number"},
    ),
    "two numbers in a cell": ("phone\n07400123001/07400123002\n07400 123002\n", {3: B}, {2: "two_numbers"}),
    "letters for digits": ("phone\n07400 123OO1\n07400 123002\n", {3: B}, {2: "letters_in_number"}),
    "broken JSON lines": (lines({"phone": A}, '{"phone": "074', "[1]", {"phone": B}), {1: A, 4: B}, {2: "broken_line", 3: "broken_line"}),
    # What is refused.
    "a line of 10 MB and nothing else": ("x" * 10_000_000, "the cell is longer than 131,072 characters"),
    "an open quote": (PLAIN.replace("Ann", '"Ann'), "never closed"),
    "an empty zip": (zipped(), "the archive holds 0 files"),
    "a zip of two files": (zipped(("a.csv", PLAIN), ("b.csv", PLAIN)), r"holds 2 files \(a.csv, b.csv\)"),
    "a zip in a zip": (zipped(("a.zip", zipped(("a.csv", PLAIN)))), "an archive inside an archive"),
    "a zip bomb": (zipped(("a.csv", BOMB)), "unpacks to more than 64 MB"),
    "a gzip bomb": (gzip.compress(BOMB), "unpacks to more than 64 MB"),
    "a locked zip": (locked_zip(), "locked with a password"),
    "half a gzip": (gzip.compress(PLAIN.encode() * 500)[:-50], "damaged or cut off"),
    "half a zip": (zipped(("a.csv", PLAIN * 50))[:60], "cannot be opened; it may be damaged or cut off"),
    "half a workbook": (BOOK[: len(BOOK) // 2], "cannot be opened; it may be damaged or cut off"),
    "half a Parquet": (parquet(phone=[A])[:-9], "the Parquet file cannot be read"),
    "a locked workbook": (b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), "locked with a password"),
    "a JSON array": ('[{"phone": "1"}]', "a JSON array"),
    "a PDF": (b"%PDF-1.7\n", "is a PDF"),
    "a web page": ("<html><table>", "is a web page"),
    "no header": ("07400 123001,Ann\n07400 123002,Bob\n", "its first row holds somebody's data"),
    "two columns of numbers": ("mobile,handy\n1,2\n", "2 columns may be the phone number"),
    "bytes of no encoding": (b"phone\n\x81\n", "is neither UTF-8 nor Windows-1252"),
    "half UTF-16": (PLAIN.encode("utf-16")[:-1], "is not UTF-16 throughout"),
}  # fmt: skip


def parted(path):
    """By row the number of each contact, and the rule of each reject."""
    numbers, rules, n_rows = {}, {}, 0
    with open_source(path) as source:
        columns = choose_columns(source.headers, source=source.name)
        for chunk in source.chunks():
            contacts, rejects = split_contacts(chunk, columns, region="GB")
            numbers.update(contacts.select("source_row", "msisdn").iter_rows())
            rules.update(rejects.select("source_row", "rule").iter_rows())
            n_rows += contacts.height + rejects.height
    rules.update(source.rejects.select("source_row", "rule").iter_rows())
    assert source.n_rows == n_rows + source.rejects.height == len(numbers) + len(rules)
    return numbers, rules


@pytest.mark.parametrize("block_bytes", [None, 64], ids=["whole", "in small blocks"])
@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_is_a_sentence_or_each_row_in_its_one_place(tmp_path, monkeypatch, trap, block_bytes):
    content, *expected = TRAPS[trap]
    if block_bytes and len(content) > 100_000:
        pytest.skip("takes too long in blocks of a few bytes")
    path = tmp_path / "contacts.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    if block_bytes:
        monkeypatch.setattr(csv_text, "_BLOCK_BYTES", block_bytes)
        monkeypatch.setattr(csv_text, "_SMALL_BLOCK_BYTES", block_bytes // 2)
        monkeypatch.setattr(encodings, "BLOCK_BYTES", 7)
    if len(expected) == 2:
        assert parted(path) == tuple(expected)
        return
    with pytest.raises(SourceError, match=expected[0]) as error:
        parted(path)
    assert "contacts.csv" in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


def test_how_long_a_cell_may_be_does_not_hang_on_what_else_the_process_has_read(tmp_path):
    path = tmp_path / "contacts.csv"
    path.write_text("x" * 200_000)
    before = csv.field_size_limit(sys.maxsize)
    try:
        with pytest.raises(SourceError, match="longer than 131,072 characters"):
            parted(path)
    finally:
        csv.field_size_limit(before)


def test_one_ragged_row_of_many_sends_few_of_its_neighbours_to_the_exact_reader(tmp_path):
    path = tmp_path / "contacts.csv"
    people = [f"P{n},07400 {123000 + n % 1000:06}" for n in range(60_000)]
    people[40_000] = "Bob,Jr,07400 123001"
    path.write_text("name,phone\n" + "\n".join(people), encoding="utf-8")
    read = []
    exactly = csv_text._Reader.read_by_record

    def counted(reader, n_bytes):
        piece = exactly(reader, n_bytes)
        read.append(piece.frame.height)
        return piece

    with patch.object(csv_text._Reader, "read_by_record", counted):
        numbers, rules = parted(path)
    assert rules == {40_002: "ragged_row"}
    assert (len(numbers), numbers[40_001][-3:], numbers[40_003][-3:]) == (59_999, "999", "001")
    assert 0 < sum(read) < 10_000


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path):
    path = tmp_path / "contacts.csv"
    path.write_text(PLAIN)

    def read_while_somebody_writes():
        with open_source(path) as source:
            path.write_text(PLAIN + "Cy,07400 123003\n")
            list(source.chunks())

    with pytest.raises(SourceError, match="was changed while it was being read"):
        read_while_somebody_writes()


@pytest.mark.parametrize("blank", ["", "\n", "\n\n", ",\n"])
def test_blank_rows_right_below_the_header_count_for_the_numbers_of_the_others(tmp_path, blank):
    path = tmp_path / "contacts.csv"
    path.write_text(PLAIN.replace("phone\n", f"phone\n{blank}"))
    first = 2 + blank.count("\n")
    assert parted(path) == ({first: A, first + 1: B}, {})
