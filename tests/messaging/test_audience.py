import re
from itertools import combinations
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.audience import (
    EVERYBODY,
    Reach,
    choose_audience,
    compare_rows,
    keep_readable,
    number_audience,
    weigh_contacts,
)
from messaging.consents import attested, recorded
from messaging.schemas import AUDIENCE, CONSENT_OF_A_MESSAGE, CONTACTS, EXCLUDED


def contacts(*people):
    """Contacts of distinct numbers, but where a person says otherwise."""
    defaults = {
        "region": "GB",
        "number_type": "mobile",
        "consent": None,
        "external_id": None,
        "city": "Leeds",
    }
    rows = [
        {**defaults, "source_row": 2 + i, "msisdn": f"+44740012{i:04}", **person}
        for i, person in enumerate(people)
    ]
    frame = pl.DataFrame(rows, schema={**CONTACTS, "city": pl.String})
    return frame.with_columns(person_key=pl.lit("key of ") + pl.col("msisdn"))


def parted(frame, *, basis="attested", suppressed=(), priced=("GB", "DE"), reach=EVERYBODY):
    """The audience and the others."""
    frame = resting(frame, basis)
    weighed = weigh_contacts(frame, needs_yes=basis == "recorded", suppressed=suppressed, reach=reach)
    return choose_audience(frame, weighed.hstack(compare_rows(weighed).get_columns()), priced_regions=priced)


def resting(frame, basis):
    """With what each message would rest on: rows only, since nobody's consent is stored."""
    if basis != "recorded":
        return attested(frame, "members" if basis else None)
    unknown = {name: pl.lit(None, dtype=CONSENT_OF_A_MESSAGE[name]) for name in STORED}
    return recorded(frame.with_columns(**unknown), row_source="people.csv")


STORED = ("consent_source", "consent_at", "consent_evidence")


def chosen(*people, **asked):
    """Source rows of the audience, and (source row, reason, detail) of the others."""
    audience, excluded = parted(contacts(*people), **asked)
    return audience["source_row"].to_list(), excluded.select("source_row", "reason", "detail").rows()


@pytest.mark.parametrize(
    ("number_type", "reason"),
    [
        ("mobile", None),
        ("fixed_line_or_mobile", None),
        ("fixed_line", "not_a_mobile"),
        ("voip", "not_a_mobile"),
        (None, "not_a_mobile"),
    ],
)
def test_only_numbers_that_can_be_mobile_are_texted(number_type, reason):
    expected = ([2], []) if reason is None else ([], [(2, reason, number_type)])
    assert chosen({"number_type": number_type}) == expected


def test_a_no_counts_whatever_the_basis():
    for basis in ("attested", "recorded", None):
        assert chosen({"consent": "No"}, basis=basis) == ([], [(2, "opted_out", "row 2")])


def test_a_no_in_one_row_counts_for_every_row_of_the_number():
    same = {"msisdn": "+447400999999"}
    assert chosen({**same, "consent": "yes"}, {}, {**same, "consent": "opt-out"}) == (
        [3],
        [(2, "opted_out", "row 4"), (4, "opted_out", "row 4")],
    )


@pytest.mark.parametrize("consent", [None, "", "unknown", "2024-01-01"])
def test_a_recorded_consent_must_be_a_clear_yes(consent):
    assert chosen({"consent": consent}, {"consent": "yes"}, basis="recorded") == (
        [3],
        [(2, "no_consent", None)],
    )
    assert chosen({"consent": consent}, basis="attested") == ([2], [])


def test_the_suppressed_are_left_out():
    assert chosen({}, {}, suppressed={"key of +447400120000"}) == ([3], [(2, "suppressed", None)])


def test_of_a_number_the_first_row_stays():
    same = {"msisdn": "+447400999999"}
    assert chosen(same, {}, same, same) == ([2, 3], [(4, "duplicate", "row 2"), (5, "duplicate", "row 2")])


def test_a_row_that_may_not_be_texted_takes_nobodys_place():
    same = {"msisdn": "+447400999999"}
    assert chosen(
        {**same, "consent": "?"}, {**same, "consent": "yes"}, {**same, "consent": "yes"}, basis="recorded"
    ) == (
        [3],
        [(2, "no_consent", None), (4, "duplicate", "row 3")],
    )


def test_a_country_without_a_price_is_left_out():
    assert chosen({"region": "FR"}, {"region": "001"}, {"region": "DE"}) == (
        [4],
        [(2, "no_price", "FR"), (3, "no_price", "001")],
    )


# Each reason with a person who has it, in the order of docs/contacts.md; keys and numbers are those of the first row.
REASONS = {
    "no_longer_valid": {"number_type": "unknown"},
    "not_a_mobile": {"number_type": "fixed_line"},
    "blocked_country": {"region": "KP"},
    "opted_out": {"consent": "no"},
    "suppressed": {"person_key": "STOP"},
    "no_consent": {"consent": "?"},
    "duplicate": {"msisdn": "+447400999999"},
    "no_price": {"region": "FR"},
}
PAIRS = [
    (first, second)
    for first, second in combinations(REASONS, 2)
    if not REASONS[first].keys() & REASONS[second].keys()  # nobody has both
]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_of_two_reasons_the_first_one_counts(first, second):
    somebody = {"msisdn": "+447400999999", "consent": "yes"}
    person = {"consent": "yes", **REASONS[first], **REASONS[second]}
    key = person.pop("person_key", None)
    frame = contacts(somebody, person)
    if key is not None:
        frame = frame.with_columns(
            person_key=pl.when(pl.col("source_row") == 3).then(pl.lit(key)).otherwise("person_key")
        )
    reach = Reach(blocked_countries=["KP"])
    _, excluded = parted(frame, basis="recorded", suppressed={"STOP"}, reach=reach)
    assert excluded.filter(pl.col("source_row") == 3)["reason"].to_list() == [first]


def test_the_order_of_the_page_is_that_of_the_code():
    page = (Path(__file__).parents[2] / "docs" / "contacts.md").read_text(encoding="utf-8")
    section = page.partition("## Who is left out")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert named == [*REASONS, "empty_field", "render_failed", "empty_text", "too_long"]


@pytest.mark.parametrize("reason", ["no_longer_valid", "not_a_mobile", "blocked_country", "no_consent"])
def test_whoever_may_not_be_texted_takes_nobodys_place(reason):
    """The first row of two of the same number is left out for the reason; the second one is texted."""
    same = {"msisdn": "+447400999999", "consent": "yes"}
    audience, excluded = parted(
        contacts({**same, **REASONS[reason]}, same),
        basis="recorded",
        reach=Reach(blocked_countries=["KP"]),
    )
    assert audience["source_row"].to_list() == [3]
    assert excluded["reason"].to_list() == [reason]


def test_a_campaign_may_go_to_more_types_of_numbers_and_to_fewer():
    types = [{"number_type": name} for name in ("mobile", "fixed_line_or_mobile", "voip")]
    assert chosen(*types, reach=Reach(number_types=["mobile", "voip"])) == (
        [2, 4],
        [(3, "not_a_mobile", "fixed_line_or_mobile")],
    )


def test_a_campaign_may_go_to_some_countries_only():
    people = [{"region": region} for region in ("GB", "DE", "FR", "001")]
    priced = ("GB", "DE", "FR", "001")
    assert chosen(*people, priced=priced, reach=Reach(countries=["GB", "DE"], blocked_countries=["DE"])) == (
        [2],
        [(3, "blocked_country", "DE"), (4, "blocked_country", "FR"), (5, "blocked_country", "001")],
    )


@pytest.mark.parametrize(
    ("basis", "consent", "rests_on"),
    [
        ("attested", "yes", ("attested", "members", None, None)),
        ("attested", None, ("attested", "members", None, None)),
        (None, "yes", (None, None, None, None)),
        ("recorded", " Opt-In", ("row", "people.csv", None, " Opt-In")),
    ],
)
def test_a_message_says_what_it_rests_on(basis, consent, rests_on):
    audience, _ = parted(contacts({"consent": consent}), basis=basis)
    assert audience.select(CONSENT_OF_A_MESSAGE.names()).row(0) == rests_on


def test_a_stored_yes_counts_where_the_row_says_nothing():
    said = pl.DataFrame(
        {"consent_source": "shop", "consent_at": 7.0, "consent_evidence": "form 12"},
    )
    frame = contacts({"consent": "yes"}, {"consent": "later"}).join(said, how="cross")
    assert recorded(frame, row_source="people.csv").select(CONSENT_OF_A_MESSAGE.names()).rows() == [
        ("row", "people.csv", None, "yes"),
        ("stored", "shop", 7.0, "form 12"),
    ]
    assert recorded(frame, row_source=None)["consent_basis"].to_list() == ["stored", "stored"]


def rendered(*rows):
    kinds = {
        "text": pl.String,
        "rule": pl.String,
        "detail": pl.String,
        "encoding": pl.String,
        "segments": pl.UInt8,
    }
    return pl.DataFrame(rows, schema=kinds, orient="row")


def test_texts_that_cannot_be_sent_leave_their_person_out():
    people = contacts({}, {}, {}).with_columns(detail=pl.lit("a column of the source"))
    texts = rendered(
        (None, "empty_field", "city", None, None),
        ("long", None, None, "gsm7", 7),
        ("fine", None, None, "gsm7", 6),
    )
    readable, excluded = keep_readable(people, texts, max_segments=6)
    assert excluded.select("source_row", "reason", "detail").rows() == [
        (2, "empty_field", "city"),
        (3, "too_long", "7 segments"),
    ]
    assert readable.select("source_row", "text", "encoding", "segments", "detail").rows() == [
        (4, "fine", "gsm7", 6, "a column of the source")
    ]


def test_ordinals_count_those_who_are_left_in_source_order():
    audience = number_audience(resting(contacts({}, {}, {}), "attested").filter(pl.col("source_row") != 3))
    assert audience.select("ordinal", "source_row").rows() == [(0, 2), (1, 4)]
    assert audience.columns[: len(AUDIENCE)] == AUDIENCE.names()
    assert audience.schema["ordinal"] == AUDIENCE["ordinal"]
    assert "city" in audience.columns


PERSON = st.fixed_dictionaries(
    {
        "msisdn": st.sampled_from([f"+44740099999{i}" for i in range(4)]),
        "region": st.sampled_from(["GB", "FR", "001"]),
        "number_type": st.sampled_from(["mobile", "fixed_line", None]),
        "consent": st.sampled_from([None, "yes", "no", "?"]),
    }
)


@settings(max_examples=60, deadline=None)
@given(
    people=st.lists(PERSON, max_size=12),
    basis=st.sampled_from(["attested", "recorded", None]),
    suppressed=st.sets(st.sampled_from([f"key of +44740099999{i}" for i in range(4)])),
)
def test_everybody_is_in_the_audience_or_left_out_once_and_no_number_is_in_it_twice(
    people, basis, suppressed
):
    frame = contacts(*people)
    audience, excluded = parted(frame, basis=basis, suppressed=suppressed, priced=("GB",))
    assert sorted([*audience["source_row"], *excluded["source_row"]]) == frame["source_row"].to_list()
    assert audience["source_row"].is_sorted()
    assert excluded["source_row"].is_sorted()
    assert audience["msisdn"].is_unique().all()
    assert excluded["reason"].null_count() == 0
    assert excluded.columns == [*EXCLUDED, "person_key"]
    said_no = set(frame.filter(pl.col("consent") == "no")["msisdn"])
    assert not said_no & set(audience["msisdn"])
    assert not suppressed & set(audience["person_key"])


def test_rows_are_compared_with_all_others_however_many_are_looked_at_once(monkeypatch):
    people = [{"msisdn": f"+4474009999{n % 7:02}", "consent": "no" if n == 30 else "yes"} for n in range(40)]
    at_once = chosen(*people)
    assert len(at_once[0]) == 6
    monkeypatch.setattr("messaging.audience._ROWS_COMPARED_AT_ONCE", 5)
    assert chosen(*people) == at_once
