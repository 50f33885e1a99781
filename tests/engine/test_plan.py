import sqlite3
from contextlib import closing

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.connections import Connection, UnknownConnection, save_connection
from data.suppressions import Suppression, suppress
from engine.plan import make_plan
from messaging.campaign import CampaignError
from messaging.errors import TidingsError
from messaging.sealed import person_key
from tests.engine.planning import KEYS, NOW, mobiles


def left_out(plan):
    return plan.excluded.frame.select("source_row", "reason").rows()


def test_every_row_of_the_source_is_a_reject_left_out_or_a_message(desk):
    plan = desk.plan("Hi {{ first_name }} of {{ city|default('somewhere') }}")
    assert plan.rejects.frame.select("source_row", "column", "raw_value", "rule").rows() == [
        (7, "phone", "not a number", "not_a_number")
    ]
    assert left_out(plan) == [(3, "empty_field"), (5, "not_a_mobile"), (6, "duplicate"), (8, "opted_out")]
    assert plan.messages.frame.select(
        "ordinal", "msisdn", "text", "encoding", "segments", "price"
    ).rows() == [
        (0, "+447400123001", "Hi Ann of Leeds", "gsm7", 1, 0.04),
        (1, "+447400123003", "Hi Zoë of somewhere", "ucs2", 1, 0.04),
        (2, "+33612345678", "Hi Élodie of Lyon", "gsm7", 1, 0.06),
        (3, "+447400123005", "Hi 李雷 of Leeds", "ucs2", 1, 0.04),
    ]
    summary = plan.summary
    assert (summary.source_rows, summary.n_rejects, summary.contacts) == (9, 1, 8)
    assert (summary.n_excluded, summary.audience, summary.holdout, summary.messages) == (4, 4, 0, 4)
    assert (summary.segments, summary.cost, summary.currency) == (4, 0.18, "EUR")
    assert (summary.encodings, summary.regions) == ({"gsm7": 2, "ucs2": 2}, {"GB": 3, "FR": 1})


def test_the_audience_is_the_frozen_people_with_their_own_columns(desk):
    audience = desk.plan().audience.frame
    assert audience.columns[:6] == ["ordinal", "source_row", "msisdn", "person_key", "region", "external_id"]
    assert audience.filter(pl.col("ordinal") == 1).select("source_row", "city", "person_key").row(0) == (
        3,
        "Köln",
        person_key(KEYS.person, "+447400123002"),
    )
    assert not {"text", "encoding", "segments"} & set(audience.columns)


def test_a_recorded_consent_leaves_out_whoever_did_not_say_yes(desk):
    plan = desk.plan(consent={"basis": "recorded"})
    assert (10, "no_consent") in left_out(plan)


def test_whoever_opted_out_before_is_left_out(desk):
    key = person_key(KEYS.person, "+447400123003")
    suppress(desk.store, [Suppression(person_key=key, msisdn=None, reason="STOP", source="reply")], NOW)
    assert (4, "suppressed") in left_out(desk.plan())


@pytest.mark.parametrize(("scope", "is_left_out"), [("Tidings", True), ("sim", True), ("Others", False)])
def test_an_opt_out_from_a_sender_or_an_account_counts_there(desk, scope, is_left_out):
    key = person_key(KEYS.person, "+447400123003")
    suppress(
        desk.store,
        [Suppression(person_key=key, msisdn=None, reason="STOP", source="reply", scope=scope)],
        NOW,
    )
    assert ((4, "suppressed") in left_out(desk.plan())) == is_left_out


def test_a_text_of_too_many_segments_leaves_its_person_out(desk):
    plan = desk.plan("{{ first_name|default('x') }}" + "a" * 159, guards={"max_segments": 1})
    assert {row for row, reason in left_out(plan) if reason == "too_long"} == {2, 4, 9, 10}
    assert plan.messages.frame["segments"].to_list() == [1]


def test_columns_of_the_source_may_be_named_like_ours(desk):
    desk.source(
        "phone,detail,price,row,reason,column,text,segments\n07400 123001,d,p,r,why,c,t,s\n07400 123002,,,,,,,\n"
    )
    plan = desk.plan("{{ detail }} {{ price }} {{ row }} {{ reason }} {{ column }}")
    assert plan.messages.frame.select("text", "price", "row").rows() == [("d p r why c", 0.04, 0)]
    assert left_out(plan) == [(3, "empty_field")]


def test_a_guard_is_told_and_the_plan_can_still_be_looked_at(desk):
    assert desk.plan().stopped_by is None
    many = desk.plan(guards={"max_messages": 3})
    assert many.stopped_by == (
        "spring: 5 messages, and guards.max_messages allows 3; raise it if they are all meant."
    )
    assert many.samples(1)
    dear = desk.plan(guards={"max_cost": 0.2})
    assert "0.22 EUR, and guards.max_cost allows 0.20" in str(dear.stopped_by)


def test_a_plan_for_nobody_is_stopped(desk):
    desk.source("phone\n020 7946 0018\n")
    plan = desk.plan("Hi")
    assert "nobody is left to text (0 rejects, 1 excluded of 1 rows)" in str(plan.stopped_by)
    assert plan.summary.n_batches == 0


def test_the_same_plan_has_the_same_fingerprint_however_it_is_cut(desk):
    plan = desk.plan().summary.plan_fingerprint
    assert desk.plan().summary.plan_fingerprint == plan
    assert desk.plan(run={"batch_size": 2}).summary.plan_fingerprint == plan


@pytest.mark.parametrize(
    "change",
    [
        {"text": "Hello {{ first_name|default('there') }}"},
        {"message": {"text": "Hi {{ first_name|default('there') }}", "sender_id": "Others"}},
        {"gateway": {"account": "other"}},
        {"run": {"validity": "1h"}},
        {"consent": {"basis": "recorded"}},
    ],
    ids=["text", "sender", "account", "validity", "consent"],
)
def test_whatever_changes_what_is_sent_changes_the_fingerprint(desk, change):
    assert desk.plan(**change).summary.plan_fingerprint != desk.plan().summary.plan_fingerprint


def test_an_opt_out_changes_the_plan_but_neither_source_nor_text(desk):
    before = desk.plan().summary
    key = person_key(KEYS.person, "+447400123003")
    suppress(desk.store, [Suppression(person_key=key, msisdn=None, reason="STOP", source="reply")], NOW)
    after = desk.plan().summary
    assert after.plan_fingerprint != before.plan_fingerprint
    assert (after.source_fingerprint, after.text_fingerprint) == (
        before.source_fingerprint,
        before.text_fingerprint,
    )


def test_batches_are_cut_in_the_order_of_the_source(desk):
    desk.source(mobiles(range(123_000, 123_007)))
    plan = desk.plan(run={"batch_size": 3})
    assert plan.summary.n_batches == 3
    assert plan.messages.frame.select("ordinal", "batch", "row").rows() == [
        (0, 0, 0), (1, 0, 1), (2, 0, 2), (3, 1, 0), (4, 1, 1), (5, 1, 2), (6, 2, 0),
    ]  # fmt: skip


def test_samples_show_the_longest_then_each_kind_and_mask_the_number(desk):
    plan = desk.plan(
        "Hi {{ first_name|default('there') }}{% if city == 'Lyon' %}" + "!" * 200 + "{% endif %}"
    )
    samples = plan.samples(3)
    assert [(s.segments, s.encoding, s.text[:9]) for s in samples] == [
        (2, "gsm7", "Hi Élodie"),
        (1, "gsm7", "Hi Ann"),
        (1, "ucs2", "Hi Zoë"),
    ]
    assert samples[1].masked_msisdn == "+4474…001"
    assert len(plan.samples(50)) == 5


def test_characters_of_the_template_that_cost_segments_are_noticed(desk):
    assert not any("UCS-2" in notice for notice in desk.plan().summary.notices)
    [notice] = [notice for notice in desk.plan("Don’t wait – come").summary.notices if "UCS-2" in notice]
    assert "’ " in notice or "– " in notice


def test_prices_of_ones_own_are_used_and_a_country_without_one_is_left_out(desk):
    (desk.base / "mine.csv").write_text("region,price_per_segment,currency\nGB,0.5,GBP\n", encoding="utf-8")
    plan = desk.plan(gateway={"prices": "mine.csv"})
    assert (plan.summary.cost, plan.summary.currency) == (2.0, "GBP")
    assert (9, "no_price") in left_out(plan)


@pytest.mark.parametrize(
    ("sections", "complaint"),
    [
        ({"audience": {"file": "nobody.csv"}}, r"nobody\.csv"),
        ({"message": {"text": "Hi {{ frist_name }}"}}, "did you mean first_name"),
        ({"message": {"template": "none.j2"}}, r"none\.j2"),
        ({"audience": {"file": "people.csv", "phone": "handy"}}, "handy"),
        ({"gateway": {"prices": "none.csv"}}, r"none\.csv"),
    ],
    ids=["source", "field", "template", "column", "prices"],
)
def test_what_cannot_be_planned_is_one_sentence(desk, sections, complaint):
    with pytest.raises(TidingsError, match=complaint) as raised:
        desk.plan(**sections)
    assert "\n" not in str(raised.value)


def test_a_plan_needs_no_store(desk):
    with_store = desk.plan()
    without = make_plan(with_store.campaign, base=desk.base, store=None, keys=KEYS)
    assert without.messages.frame.equals(with_store.messages.frame)


CELLS = st.one_of(
    st.sampled_from(["07400 123001", "+447400123002", "07400123003.0", "020 7946 0018", "nonsense", "", "4.4E11", "+33612345678"]),
    st.from_regex(r"07400 12[0-9]{4}", fullmatch=True),
)  # fmt: skip
WORDS = st.sampled_from(["", "Ann", " ", "Zoë", "李雷", "no", "yes", "x" * 300, '"quoted"', "=1+1"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(CELLS, WORDS, WORDS), min_size=1, max_size=12),
    basis=st.sampled_from(["recorded", "attested"]),
    batch_size=st.integers(1, 4),
)
def test_nobody_is_lost_and_nobody_is_there_twice(desk, rows, basis, batch_size):
    lines = [[cell.replace('"', '""') for cell in row] for row in rows]
    body = "".join(",".join(f'"{cell}"' for cell in line) + "\n" for line in lines)
    desk.source(f"phone,first_name,consent,plan\n{body.replace(chr(10), ',basic' + chr(10))}")
    plan = desk.plan(
        "Hi {{ first_name }}",
        consent={"basis": basis, "note": "members"},
        guards={"max_segments": 2},
        run={"batch_size": batch_size},
    )
    in_audience = plan.audience.frame["source_row"].to_list()
    everybody = [*plan.rejects.frame["source_row"], *plan.excluded.frame["source_row"], *in_audience]
    assert sorted(everybody) == list(range(2, 2 + len(rows)))
    assert (
        plan.messages.frame["ordinal"].to_list()
        == plan.audience.frame["ordinal"].to_list()
        == list(range(len(in_audience)))
    )
    assert plan.messages.frame["msisdn"].to_list() == plan.audience.frame["msisdn"].to_list()
    assert plan.messages.frame["msisdn"].is_unique().all()
    assert plan.summary.source_rows == len(rows)
    assert plan.messages.frame.group_by("batch").len()["len"].max() in {None, *range(1, batch_size + 1)}


def test_a_template_says_first_name_whatever_the_source_calls_it(desk):
    desk.source("Handy;Vorname;Fälligkeit\n07400 123001;Ann;Montag\n")
    sections = {"audience": {"file": "people.csv", "region": "GB", "attributes": {"due": "Fälligkeit"}}}
    plan = desk.plan("{{ first_name }}: {{ due }} {{ falligkeit }}", **sections)
    assert plan.messages.frame["text"].to_list() == ["Ann: Montag Montag"]
    assert plan.summary.columns == {"phone": "Handy", "due": "Fälligkeit", "first_name": "Vorname"}
    assert plan.summary.read_as == "CSV, UTF-8, separated by semicolon"
    assert plan.audience.frame.select("due", "first_name", "vorname").row(0) == ("Montag", "Ann", "Ann")


def test_a_plan_reads_its_people_from_a_named_connection(desk):
    path = desk.base / "crm.db"
    with closing(sqlite3.connect(path)) as crm:
        crm.execute("create table people as select '07400 123001' as phone, 'Ann' as first_name")
        crm.commit()
    save_connection(
        desk.store, Connection(name="crm", kind="sql", url=f"sqlite:///{path}"), sealing_key=KEYS.sealing
    )
    audience = {"connection": "crm", "query": "select * from people", "region": "GB"}
    plan = desk.plan("Hi {{ first_name }}", audience=audience)
    assert plan.messages.frame["text"].to_list() == ["Hi Ann"]
    before = plan.summary
    with closing(sqlite3.connect(path)) as crm:
        crm.execute("insert into people values ('07400 123002', 'Bob')")
        crm.commit()
    after = desk.plan("Hi {{ first_name }}", audience=audience).summary
    assert after.source_fingerprint == before.source_fingerprint  # so the same text by hand is one too many
    assert after.plan_fingerprint != before.plan_fingerprint
    with pytest.raises(UnknownConnection, match="erp"):
        desk.plan(audience={**audience, "connection": "erp"})


@pytest.mark.parametrize(
    "audience",
    [{}, {"file": "a", "connection": "b", "query": "c"}, {"connection": "b"}, {"file": "a", "query": "c"},
     {"connection": "b", "query": "c", "path": "/"}],
)  # fmt: skip
def test_an_audience_has_one_source(desk, audience):
    with pytest.raises(CampaignError, match=r"^audience: "):
        desk.plan(audience=audience)


def test_a_column_may_be_told_under_the_name_of_another_that_has_its_own(desk):
    """First and last names stand in each other's columns, and what a field's name takes over may be the id's column."""
    desk.source("phone,last_name,first_name,nr\n07400 123001,Ann,Smith,4\n07400 123002,Bob,Jones,5\n")
    told = {"first_name": "last_name", "last_name": "first_name", "nr": "phone", "place": "nr"}
    audience = {"file": "people.csv", "region": "GB", "external_id": "nr", "attributes": told}
    plan = desk.plan("Hi {{ first_name }} {{ last_name }}, {{ place }}", audience=audience, rows_per_chunk=1)
    assert plan.messages.frame["text"].to_list() == ["Hi Ann Smith, 4", "Hi Bob Jones, 5"]
    assert plan.audience.frame["external_id"].to_list() == ["4", "5"]
