import polars as pl
import pytest

from messaging.columns import choose_columns
from messaging.incoming import (
    INCOMING,
    Fields,
    fields_of,
    filled_attributes,
    first_of_each,
    hashes,
    n_unclear,
    read_incoming,
)
from messaging.schemas import CONTACTS

NOW = 1_790_000_000.0
DAY = 86_400.0


def contacts(rows, **columns):
    """CONTACTS + person_key + columns. rows: (person, consent)."""
    people = pl.DataFrame(
        {
            "source_row": range(2, 2 + len(rows)),
            "msisdn": [f"+44{person}" for person, _ in rows],
            "region": ["GB"] * len(rows),
            "number_type": ["mobile"] * len(rows),
            "consent": [consent for _, consent in rows],
            "external_id": [None] * len(rows),
        },
        schema=CONTACTS,
    )
    own = {name: pl.Series(cells, dtype=pl.String) for name, cells in columns.items()}
    return people.with_columns(person_key=pl.Series([person for person, _ in rows]), **own)


def test_every_column_is_one_field_or_kept_elsewhere():
    headers = {
        "mobil": "Mobil", "land": "Land", "vorname": "Vorname", "kunde": "Kundennummer", "einwilligung": "Einwilligung",
        "faellig": "Fällig", "am": "am", "nr": "Nr", "ort": "Ort",
    }  # fmt: skip
    columns = choose_columns(headers, external_id="kunde", fields={"due": "faellig"})
    assert fields_of(columns, consent_at="am", evidence="nr") == Fields(
        standard={"first_name": "vorname", "external_id": "kunde"},
        attributes={"due": "faellig", "land": "land", "ort": "ort"},
        consent="einwilligung",
        consent_at="am",
        evidence="nr",
        headers=headers,
    )


def test_only_what_is_filled_is_told():
    fields = Fields(standard={"first_name": "vorname"}, attributes={"city": "ort", "note": "note"})
    read = read_incoming(
        contacts(
            [("a", None)] * 3,
            vorname=["Ann", "  ", None],
            ort=['L"e\\e', "", None],
            note=["\0", "x\0y\n", " "],
        ),
        fields,
        now=NOW,
    )
    assert read.schema == INCOMING
    assert read["first_name"].to_list() == ["Ann", None, None]
    assert read["attributes"].to_list() == ['{"city":"L\\"e\\\\e"}', '{"note":"xy\\n"}', "{}"]


def test_a_source_without_attributes_has_none():
    read = read_incoming(contacts([("a", None)]), Fields(standard={}, attributes={}), now=NOW)
    assert read.select("attributes", "first_name", "is_given", "evidence").row(0) == ("{}", None, None, None)


def test_what_is_said_has_its_time_and_its_evidence():
    fields = Fields(
        standard={},
        attributes={},
        consent="ok",
        consent_at="at",
        headers={"ok": "SMS Einwilligung", "at": "am"},
    )
    rows = contacts(
        [("a", "ja"), ("b", "Nein"), ("c", "vielleicht"), ("d", None), ("e", "ja")],
        ok=["ja", "Nein", "vielleicht", None, "ja"],
        at=["2026-01-02", "soon", "2026-01-02", "2026-01-02", "2099-01-02"],
    )
    read = read_incoming(rows, fields, now=NOW)
    assert read.select("is_given", "said_at", "evidence").rows() == [
        (True, 1767312000.0, "SMS Einwilligung: ja"),
        (False, None, "SMS Einwilligung: Nein"),
        (None, None, None),
        (None, None, None),
        (True, None, "SMS Einwilligung: ja"),
    ]
    assert n_unclear(rows, read, fields) == (1, 2)


def test_evidence_is_what_the_source_says_it_is():
    fields = Fields(standard={}, attributes={}, consent="ok", evidence="form", headers={"form": "Form no."})
    read = read_incoming(
        contacts([("a", "yes"), ("b", "yes")], ok=["yes"] * 2, form=["17", None]), fields, now=NOW
    )
    assert read["evidence"].to_list() == ["Form no.: 17", "ok: yes"]


def test_the_attributes_that_somebody_has():
    fields = Fields(standard={}, attributes={"a": "a", "b": "b", "c": "c"})
    rows = contacts([("a", None)] * 2, a=[None, "x"], b=[" ", None], c=["y", "y"])
    assert filled_attributes(rows, fields) == {"a", "c"}
    assert filled_attributes(rows, fields, besides={"c"}) == {"a"}


def said(person, is_given, at=None):
    told = {"person_key": person, "is_given": is_given, "said_at": at, "evidence": f"{is_given} {at}"}
    return told | {"do_not_contact": False}


@pytest.mark.parametrize(
    ("statements", "counts"),
    [
        ([(True, None), (False, None)], (False, None)),
        ([(False, None), (True, None)], (False, None)),
        ([(None, None), (True, None)], (True, None)),
        ([(True, 5.0), (False, 4.0)], (True, 5.0)),
        ([(True, 5.0), (False, 5.0)], (False, 5.0)),
        ([(False, 5.0), (True, 5.0)], (False, 5.0)),
        ([(True, 5.0), (False, None)], (False, None)),
        ([(True, None), (False, 1.0)], (False, 1.0)),
        ([(None, None), (None, None)], (None, None)),
    ],
)
def test_all_rows_of_a_person_say_one_thing(statements, counts):
    rows = pl.DataFrame(
        [
            {"source_row": row, **said("a", *told)}
            for row, told in enumerate([*statements, (None, None)], start=2)
        ]
        + [{"source_row": 9, **said("b", True, 1.0)}],
        schema_overrides={"is_given": pl.Boolean, "said_at": pl.Float64},
    )
    first = first_of_each(rows)
    assert first["source_row"].to_list() == [2, 9]
    assert first.select("is_given", "said_at").row(0) == counts
    assert first["evidence"][1] == "True 1.0"


def test_one_row_of_a_person_that_wants_no_text_at_all_is_enough():
    rows = pl.DataFrame(
        [
            {"source_row": row, **said(person, None), "do_not_contact": stopped}
            for row, (person, stopped) in enumerate(
                [("a", False), ("b", True), ("c", False), ("a", True), ("b", False), ("c", False)], start=2
            )
        ],
        schema_overrides={"is_given": pl.Boolean, "said_at": pl.Float64},
    )
    assert first_of_each(rows).select("source_row", "do_not_contact").rows() == [
        (2, True), (3, True), (4, False),
    ]  # fmt: skip


def rows_of(**changes):
    told = dict.fromkeys(INCOMING, None) | {
        "source_row": 2, "person_key": "a", "msisdn": "+441", "region": "GB", "number_type": "mobile",
        "first_name": "Ann", "attributes": '{"city":"Leeds"}',
    }  # fmt: skip
    return pl.DataFrame([told | changes], schema=INCOMING)


def test_a_hash_is_the_same_in_every_version():
    assert hashes(rows_of(), rules="file").to_list() == [-8170827805459535051]
    assert hashes(rows_of(do_not_contact=False), rules="file").to_list() == [-8170827805459535051]


@pytest.mark.parametrize(
    "change",
    [
        {"first_name": None},
        {"first_name": None, "last_name": "Ann"},
        {"attributes": '{"city":"York"}'},
        {"region": "JE"},
        {"number_type": "fixed_line"},
        {"is_given": True},
        {"is_given": True, "said_at": 1.0},
        {"evidence": "x"},
        {"do_not_contact": True},
    ],
)
def test_a_hash_changes_with_whatever_merging_the_row_could_change(change):
    assert hashes(rows_of(**change), rules="file").item() != hashes(rows_of(), rules="file").item()
    assert hashes(rows_of(), rules="stored").item() != hashes(rows_of(), rules="file").item()


def test_where_a_row_stands_is_not_in_its_hash():
    assert hashes(rows_of(source_row=7), rules="file").item() == hashes(rows_of(), rules="file").item()
