"""Every trap of contact files that we know of, with real files."""

import csv
import hashlib
import io
from unittest.mock import patch

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.readers import ReadRule, csv_text, read_source
from data.readers.headers import clean_headers
from data.readers.tape import Tape
from messaging.errors import SourceError
from messaging.schemas import RAW, REJECTS, RESERVED
from tests.data.workbook import workbook


@pytest.fixture
def read(tmp_path):
    """Write bytes (or text as UTF-8) under a name, and read them."""

    def write_and_read(content, name="contacts.csv", **told):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_source(path, **told)

    return write_and_read


def rows(source):
    return source.frame.rows()


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found(read, separator):
    source = read(f"name{separator}phone\nAnn{separator}07400 123456\n")
    assert rows(source) == [(2, "Ann", "07400 123456")]


def test_the_separator_is_the_one_that_cuts_all_rows_alike(read):
    source = read("name;note, if any\nAnn;a, b, c\nBob;d\n")
    assert rows(source) == [(2, "Ann", "a, b, c"), (3, "Bob", "d")]


def test_a_separator_that_is_told_is_used(read):
    assert rows(read("a,b:c\n1,2:3\n", separator=":")) == [(2, "1,2", "3")]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_any_line_end_is_one(read, ends):
    assert rows(read(ends.join(["name,phone", "Ann,1", "Bob,2"]))) == [(2, "Ann", "1"), (3, "Bob", "2")]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "cp1252", "latin-1"]
)
def test_the_encoding_is_found_and_a_guess_is_said(read, encoding):
    source = read("First Name,phone\nZoë Müller,07400 123456\nÉva,07400 123457\n".encode(encoding))
    assert rows(source) == [(2, "Zoë Müller", "07400 123456"), (3, "Éva", "07400 123457")]
    is_guess = encoding in {"utf-16-le", "utf-16-be", "cp1252", "latin-1"}
    assert [bool("was read as" in notice) for notice in source.notices] == [True] * is_guess


def test_an_encoding_that_is_told_is_used(read):
    assert rows(read("имя,phone\nЯна,1\n".encode("koi8-r"), encoding="koi8-r")) == [(2, "Яна", "1")]


def test_a_few_bad_bytes_do_not_turn_a_file_of_utf8_into_another_encoding(read):
    with pytest.raises(
        SourceError, match=r"^contacts.csv: line 3 holds bytes that are not UTF-8, though the rest"
    ):
        read("name,phone\nZoë Müller Éva,1\n".encode() + b"Jos\xe9,2\n")


@pytest.mark.parametrize(
    ("content", "told", "sentence"),
    [
        (b"a,b\n1,\x81\n", {}, "line 2 is neither UTF-8 nor Windows-1252"),
        (b"a,b\n1,\xfc\n", {"encoding": "utf-8"}, "is not UTF-8 throughout"),
        (b"a,b\n1,2\n", {"encoding": "klingon"}, "there is no encoding 'klingon'"),
        ("a,b\n1,2\n".encode("utf-16")[:-1], {}, "is not UTF-16 throughout; it may be cut off"),
        (b"", {}, "the file is empty"),
        (b"\n \n\n", {}, "the file is empty"),
        (b"\xef\xbb\xbf", {}, "the file is empty"),
        (b"name,phone\n", {}, "there is a header row but no contact below it"),
        (b"name,phone\n,\n\n", {}, "there is a header row but no contact below it"),
        (b"%PDF-1.7", {}, "is a PDF"),
        (b"\x1f\x8b\x08", {}, "the archive is damaged or cut off"),
        (b"<!DOCTYPE html>", {}, "is a web page"),
        (b"PK\x03\x04 not a workbook", {}, "the workbook cannot be opened"),
        (b"PAR1 not parquet PAR1", {}, "the Parquet file cannot be read"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else str(value),
)
def test_a_file_that_cannot_be_read_is_one_sentence_with_its_name_and_the_next_step(
    read, content, told, sentence
):
    with pytest.raises(SourceError, match=sentence) as error:
        read(content, **told)
    assert "contacts.csv" in str(error.value)
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(SourceError, match=r"nobody.csv: there is no such file"):
        read_source(tmp_path / "nobody.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(SourceError, match=r"folder.csv is a folder"):
        read_source(tmp_path / "folder.csv")


def test_everything_stays_text(read):
    source = read("phone,points,since,vip\n007,0042,2026-01-02,TRUE\n=1+1,1e5,@SUM,-0\n")
    assert rows(source) == [(2, "007", "0042", "2026-01-02", "TRUE"), (3, "=1+1", "1e5", "@SUM", "-0")]
    assert source.frame.schema == RAW | dict.fromkeys(["phone", "points", "since", "vip"], pl.String())


def test_an_empty_cell_is_null_quoted_or_not(read):
    assert rows(read('name,phone,x\nAnn,,1\n"","",2\n')) == [(2, "Ann", None, "1"), (3, None, None, "2")]


def test_a_row_with_too_many_values_is_a_reject_and_its_neighbours_are_not(read):
    source = read("name,phone\nAnn,1\nBob,2,3\nCid,4\n")
    assert rows(source) == [(2, "Ann", "1"), (4, "Cid", "4")]
    assert source.rejects.rows() == [(3, None, "Bob,2,3", "ragged_row", ReadRule.RAGGED_ROW.sentence)]
    assert (source.rejects.schema, source.n_rows) == (REJECTS, 3)


def test_values_too_many_that_are_all_empty_are_none(read):
    source = read("name,phone\nAnn,1,,\nBob,2\n")
    assert rows(source) == [(2, "Ann", "1"), (3, "Bob", "2")]


def test_a_row_with_too_few_values_is_filled_up_and_said(read):
    source = read("name,phone,city\nAnn,1,Leeds\nBob,2\nCid\n")
    assert rows(source) == [(2, "Ann", "1", "Leeds"), (3, "Bob", "2", None), (4, "Cid", None, None)]
    assert source.notices == ["contacts.csv: rows 3, 4 ended early; their last columns are empty."]


def test_a_short_row_shows_although_a_quoted_separator_makes_up_for_it(read):
    source = read('name,phone\n"Ann, Mary",1\nBob\n')
    assert rows(source) == [(2, "Ann, Mary", "1"), (3, "Bob", None)]
    assert source.notices == ["contacts.csv: row 3 ended early; their last columns are empty."]


def test_a_short_row_shows_although_the_last_one_ends_with_a_cell_too_many(read):
    source = read("name,phone,city\nAnn,1\nBob,2,Leeds,")
    assert rows(source) == [(2, "Ann", "1", None), (3, "Bob", "2", "Leeds")]
    assert source.notices == ["contacts.csv: row 2 ended early; their last columns are empty."]


def test_the_mark_of_a_file_that_was_put_behind_another_one_hides_no_short_row(read):
    """Polars leaves the mark out, and its three bytes are what a row gets that lacks three cells."""
    source = read("a,b,c,d\n\ufeffAnn,1,2,3\nBob\n")
    assert [row[2:] for row in rows(source)] == [("1", "2", "3"), (None, None, None)]
    assert source.notices == ["contacts.csv: row 3 ended early; their last columns are empty."]


def test_a_row_of_any_white_space_is_blank_and_any_other_sign_is_not(read):
    source = read('name,phone\n\u3000, \n\u200b,\n~,\n"\u2028\n","\t\u00a0"\né,1\n\x1f,\n')
    assert [row[0] for row in rows(source)] == [3, 4, 6, 7]
    assert source.notices == ["contacts.csv: rows 2, 5 are blank and not counted."]


def test_blank_rows_count_for_the_numbers_but_not_as_contacts(read):
    source = read("\nname,phone\nAnn,1\n\n,\nBob,2\n\n\n")
    assert rows(source) == [(3, "Ann", "1"), (6, "Bob", "2")]
    assert source.notices == ["contacts.csv: rows 4, 5 are blank and not counted."]
    assert source.n_rows == 2


def test_a_line_end_inside_quotes_starts_no_row(read):
    source = read('name,note,phone\nAnn,"two\nlines",1\nBob,"with ""quotes"", and more",2\n')
    assert rows(source) == [(2, "Ann", "two\nlines", "1"), (3, "Bob", 'with "quotes", and more', "2")]


def test_a_quote_that_is_never_closed_is_named_by_its_row_and_line(read):
    with pytest.raises(
        SourceError, match=r'^contacts.csv: a quote \("\) that opens in row 4, line 5, is never closed'
    ):
        read('name,phone\n"An\nn",1\nBob,2\nCid,"3\nDan,4\nEve,5\n')


def test_a_quote_that_is_never_closed_in_a_long_file_is_named_too(read):
    body = "".join(f"Name {k},{k}\n" for k in range(20_000))
    with pytest.raises(SourceError, match=r"a quote .* that opens in row 2, line 2, is never closed"):
        read(f'name,phone\nAnn,"1\n{body}')


def test_quotes_inside_a_value_are_part_of_it(read):
    assert rows(read('name,phone\n5" pipe,1\nthe "best",2\n')) == [
        (2, '5" pipe', "1"),
        (3, 'the "best"', "2"),
    ]


def test_nul_bytes_are_left_out_and_said(read):
    source = read(b"name,phone\nA\0nn,1\n")
    assert rows(source) == [(2, "Ann", "1")]
    assert source.notices == ["contacts.csv: 1 NUL bytes were left out; the file may be damaged."]


def test_excels_line_about_the_separator_is_no_row(read):
    assert rows(read("sep=;\nname;phone\nAnn;1,5\n")) == [(2, "Ann", "1,5")]


def test_a_file_of_one_column_needs_no_separator(read):
    assert rows(read("phone\n07400 123456\n\n07400 123457\n")) == [(2, "07400 123456"), (4, "07400 123457")]


def test_a_cell_of_ten_megabytes_and_300_columns_are_read(read):
    long = "x" * 10_000_000
    assert rows(read(f"name,phone\n{long},1\n")) == [(2, long, "1")]
    wide = read(",".join(f"c{k}" for k in range(300)) + "\n" + ",".join(map(str, range(300))) + "\n")
    assert wide.frame.shape == (1, 301)


def test_the_fingerprint_is_of_the_bytes(read):
    content = b"name,phone\r\nAnn,1\r\n"
    assert read(content).fingerprint == hashlib.sha256(content).hexdigest()
    assert read(content).fingerprint != read(content + b"\r\n").fingerprint


def test_headers_become_names_for_templates_and_are_kept_as_written(read):
    source = read("First Name,E-Mail,msisdn,Prénom,1st visit,in,,имя\nAnn,a@b.c,1,x,y,z,w,v\n")
    assert source.headers == {
        "first_name": "First Name",
        "e_mail": "E-Mail",
        "msisdn_": "msisdn",
        "prenom": "Prénom",
        "column_1st_visit": "1st visit",
        "in_": "in",
        "column_7": "",
        "имя": "имя",
    }
    assert source.frame.columns[1:] == list(source.headers)


def test_a_repeated_header_is_renamed_and_said(read):
    source = read("phone,Phone,phone\n1,2,3\n")
    assert source.headers == {"phone": "phone", "phone_2": "Phone", "phone_3": "phone"}
    assert source.notices == [
        "Column 2 repeats the name 'Phone'; it is called phone_2 in templates.",
        "Column 3 repeats the name 'phone'; it is called phone_3 in templates.",
    ]


def test_an_unnamed_column_with_nothing_in_it_is_none(read):
    source = read("name,phone,\nAnn,1,\nBob,2,\n")
    assert source.frame.columns == ["source_row", "name", "phone"]


@given(st.lists(st.text(max_size=8), min_size=1, max_size=12))
def test_every_header_gets_a_name_of_its_own_that_a_template_can_use(header):
    names, _ = clean_headers(header)
    assert len(names) == len(header)
    assert all(name.isidentifier() and name not in RESERVED for name in names)


TABLES = st.lists(
    st.lists(st.text(alphabet='ab",;\n é', max_size=5), min_size=1, max_size=4), min_size=1, max_size=6
)


@settings(max_examples=200, deadline=None)
@given(table=TABLES, quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_what_polars_reads_whole_is_what_is_read_record_by_record(table, quoting):
    text = io.StringIO()
    csv.writer(text, quoting=quoting, lineterminator="\n").writerows([["h1", "h2", "h3"], *table])
    agree_on(text.getvalue().encode())


@settings(max_examples=400, deadline=None)
@given(st.text(alphabet='a",\n ', max_size=30))
def test_polars_is_believed_only_where_it_agrees(body):
    agree_on(f"h1,h2\n{body}".encode())


def agree_on(content):
    """Whatever the fast reader gives out is what the exact one gives; where they would differ it gives nothing."""
    header, body = content.split(b"\n", 1)
    body = body.rstrip(b"\n")
    fast = csv_text.read_block(body, ",", header.count(b",") + 1) if body else None
    if fast is None:
        return
    tape = Tape("f.csv", iter([body]))
    reader = csv_text._Reader("f.csv", tape, ",", width=header.count(b",") + 1)
    exact = reader.read_by_record(len(body))
    assert not exact.unread
    assert not reader.short_rows.n
    assert fast.rows() == exact.frame.drop("source_row").rows()


def test_a_plain_file_is_read_in_blocks(read):
    """The slow reader is for files that do not add up."""
    with patch.object(csv_text._Reader, "read_by_record", side_effect=AssertionError):
        assert rows(read('name,phone\n"Ann, Mary",1\nBob,2\n')) == [(2, "Ann, Mary", "1"), (3, "Bob", "2")]


def test_a_workbook_is_read_with_the_row_numbers_that_excel_shows(read):
    content = workbook(
        [
            [],
            [],
            ["Name", "Mobile Phone"],
            ["Ann", 447400123456],
            [],
            [None, "07400 123457"],
            ["Bob", ("A1", "x")],
        ]
    )
    source = read(content, "people.xlsx")
    assert rows(source) == [(4, "Ann", "447400123456"), (6, None, "07400 123457"), (7, "Bob", "x")]
    assert source.headers == {"name": "Name", "mobile_phone": "Mobile Phone"}
    assert source.notices == ["people.xlsx: row 5 is blank and not counted."]


def test_a_workbook_with_several_sheets_says_which_one_was_read(read):
    content = workbook([["phone"], ["1"]], sheets=("Old", "New"))
    assert read(content, "people.xlsx").notices == [
        (
            "people.xlsx has 2 sheets and 'Old' was read; --sheet NAME, or [audience] sheet = \"…\" in a "
            "campaign file names another."
        )
    ]
    assert read(content, "people.xlsx", sheet="New").notices == []


@pytest.mark.parametrize(
    ("content", "told", "sentence"),
    [
        (workbook([["phone"], ["1"]]), {"sheet": "Nope"}, r"there is no sheet 'Nope' \(saw: Sheet1\)"),
        (workbook([]), {}, "sheet 'Sheet1': there is nothing in it"),
        (
            workbook([["phone"], ["1"]])[:400],
            {},
            "the workbook cannot be opened; it may be damaged or cut off",
        ),
        (b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), {}, "locked with a password"),
    ],
    ids=["no such sheet", "empty", "cut off", "locked"],
)
def test_a_workbook_that_cannot_be_read_says_why(read, content, told, sentence):
    with pytest.raises(SourceError, match=sentence) as error:
        read(content, "people.xlsx", **told)
    assert "people.xlsx" in str(error.value)


def test_what_a_file_is_decides_its_content_not_its_name(read):
    assert rows(read(workbook([["phone"], ["1"]]), "people.csv")) == [(2, "1")]
    assert rows(read("phone\n1\n", "people.xlsx")) == [(2, "1")]


def test_parquet_becomes_the_text_that_a_person_would_write(read):
    file = io.BytesIO()
    pl.DataFrame(
        {
            "Phone": [447400123456.0, None],
            "points": [42, 7],
            "share": [0.5, 2.0],
            "vip": [True, False],
            "since": pl.Series(["2026-01-02", None]).str.to_date(),
            "name": ["Zoë", ""],
            "tags": [["a"], []],
        }
    ).write_parquet(file)
    source = read(file.getvalue(), "people.parquet")
    assert source.headers["phone"] == "Phone"
    assert rows(source) == [
        (2, "447400123456", "42", "0.5", "true", "2026-01-02", "Zoë"),
        (3, None, "7", "2", "false", None, None),
    ]
    assert source.notices == ["people.parquet: the column 'tags' holds no plain values and was left out."]
