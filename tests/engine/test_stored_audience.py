"""Stored people planned, frozen and texted: who is left out, what each message rests on, and that it still holds."""

from __future__ import annotations

import polars as pl
import pytest
import sqlalchemy as sa

from data.contacts.lists import UnknownList, make_list
from data.fingerprints import file_fingerprints
from data.ledger.claiming import claim
from data.ledger.leasing import take
from data.ledger.records import Claim, ClaimRequest, Recipients
from data.ledger.rules import Rules
from data.renames import rename
from data.runs import RepeatRefused, move_run
from data.segments import save_segment
from data.store.migrate import prepare_store
from data.store.tables import accounts, contacts
from data.suppressions import Suppression, suppress
from engine.freeze import freeze
from engine.plan import make_plan
from messaging.batches import BatchRef
from messaging.campaign import CampaignError, parse_campaign
from messaging.errors import SourceError
from messaging.runs import RunState
from messaging.schemas import CONSENT_OF_A_MESSAGE
from messaging.sealed import person_key
from messaging.segment_filter import parse_filter
from tests.data.stored_people import say, store_people
from tests.engine.planning import KEYS, NOW, Desk, mobiles

ANN, BOB, CY, DEE = (f"+4474001230{n:02}" for n in (1, 2, 3, 4))
PEOPLE = [
    {"msisdn": ANN, "first_name": "Ann", "external_id": "a", "attributes": {"city": "Leeds"}},
    {"msisdn": BOB, "first_name": "Bob", "attributes": {"city": "York"}},
    {"msisdn": CY, "first_name": "Cy"},
    {"msisdn": DEE},
]
CUSTOMERS = {"audience": {"list": "customers"}}
RECORDED = {"consent": {"basis": "recorded"}}
RESTS_ON = CONSENT_OF_A_MESSAGE.names()


def left_out(plan):
    return plan.excluded.frame.select("source_row", "reason").rows()


def frozen(desk, plan, at=NOW, run_key=None, **more):
    run = desk.run(now=at, run_key=run_key)
    return freeze(plan, run, store=desk.store, keys=KEYS, var_dir=desk.var_dir, now=at, **more)


def test_a_list_is_planned_like_a_file_of_the_same_people(desk):
    store_people(desk.store, KEYS.person, PEOPLE, to="customers")
    plan = desk.plan("Hi {{ first_name }} of {{ city|default('town') }}", **CUSTOMERS)
    assert plan.messages.frame.select("msisdn", "text").rows() == [
        (ANN, "Hi Ann of Leeds"),
        (BOB, "Hi Bob of York"),
        (CY, "Hi Cy of town"),
    ]
    assert left_out(plan) == [(4, "empty_field")]
    assert (plan.summary.source_rows, plan.summary.n_rejects, plan.summary.read_as) == (4, 0, "stored list")
    audience = plan.audience.frame
    assert audience.select("source_row", "external_id", "person_key", "city").row(0) == (
        1, "a", person_key(KEYS.person, ANN), "Leeds",
    )  # fmt: skip


def test_a_tag_and_a_segment_are_audiences_too(desk):
    store_people(desk.store, KEYS.person, PEOPLE[:2], to="vip", kind="tag")
    save_segment(
        desk.store, "north", parse_filter({"all": [{"field": "city", "is": "York"}]}), now=NOW, by="Ann"
    )
    assert desk.plan("Hi", audience={"tag": "vip"}).messages.frame["msisdn"].to_list() == [ANN, BOB]
    assert desk.plan("Hi", audience={"segment": "north"}).messages.frame["msisdn"].to_list() == [BOB]


def test_a_segment_of_what_people_did_says_which_runs_it_does_not_know_all_of(desk):
    store_people(desk.store, KEYS.person, PEOPLE[:2], to="vip", kind="tag")
    quiet = parse_filter({"not": [{"texted": {"within": "14d"}}]})
    save_segment(desk.store, "quiet", quiet, now=NOW, by="Ann")
    save_segment(
        desk.store, "north", parse_filter({"all": [{"field": "city", "is": "York"}]}), now=NOW, by="Ann"
    )

    def said(segment):
        return [
            one for one in desk.plan("Hi", audience={"segment": segment}).summary.notices if "asks" in one
        ]

    assert said("quiet") == []
    run = desk.run().run
    move_run(desk.store, run, RunState.SENDING, now=NOW)
    assert f"not all is known yet of run {run}: people whom it texts" in said("quiet")[0]
    assert said("north") == []
    save_segment(
        desk.store, "idle", parse_filter({"not": [{"clicked": {"within": "14d"}}]}), now=NOW, by="Ann"
    )
    assert "nobody counts as having clicked" in said("idle")[1]


def test_a_list_that_nobody_knows_is_one_sentence_with_those_there_are(desk):
    store_people(desk.store, KEYS.person, PEOPLE, to="customers")
    with pytest.raises(UnknownList, match="customers") as raised:
        desk.plan("Hi", audience={"list": "custmers"})
    assert "\n" not in str(raised.value)


def test_a_list_needs_a_store(desk):
    store_people(desk.store, KEYS.person, PEOPLE, to="customers")
    campaign = desk.plan("Hi", **CUSTOMERS).campaign
    with pytest.raises(SourceError, match="known to a store only"):
        make_plan(campaign, base=desk.base, store=None, keys=KEYS)


def test_a_misspelt_field_is_said_before_anybody_is_read(desk):
    store_people(desk.store, KEYS.person, PEOPLE, to="customers")
    with pytest.raises(Exception, match="did you mean first_name"):
        desk.plan("Hi {{ frist_name }}", **CUSTOMERS)


@pytest.mark.parametrize(
    ("audience", "complaint"),
    [
        ({"list": "a", "tag": "b"}, r"give one of .* \(got list and tag\)"),
        ({"list": "a", "file": "b.csv"}, r"got file and list"),
        ({"list": "a", "region": "GB"}, "region is about a file or a connection"),
        ({"segment": "a", "query": "select 1"}, "query is about a file or a connection"),
        ({"list": "a", "number_types": ["mobil"]}, "did you mean mobile"),
        ({"list": "a", "number_types": []}, "number_types"),
    ],
)
def test_what_an_audience_cannot_be_is_one_sentence(audience, complaint):
    with pytest.raises(CampaignError, match=complaint):
        parse_campaign({"name": "c", "audience": audience, "message": {"text": "Hi"}})


def test_a_guard_names_countries_that_there_are():
    definition = {"name": "c", "audience": {"list": "a"}, "message": {"text": "Hi"}}
    guards = parse_campaign({**definition, "guards": {"countries": ["gb", "Ireland"]}}).guards
    assert guards.countries == ("GB", "IE")
    with pytest.raises(CampaignError, match=r"guards\.blocked_countries: write a country as two letters"):
        parse_campaign({**definition, "guards": {"blocked_countries": ["Atlantis"]}})


def test_who_is_left_out_of_a_list_and_why(desk):
    people = [
        {"msisdn": ANN},
        {"msisdn": "+44740012300199", "attributes": {}},  # none by today's plan
        {"msisdn": "+442079460018", "number_type": "fixed_line"},
        {"msisdn": "+33612345678"},
        {"msisdn": BOB},
        {"msisdn": CY},
    ]
    store_people(desk.store, KEYS.person, people, to="customers")
    for msisdn in (ANN, BOB, "+33612345678"):
        say(desk.store, KEYS.person, msisdn, yes=True, at=5.0)
    stopped = Suppression(person_key=person_key(KEYS.person, BOB), msisdn=BOB, reason="STOP", source="reply")
    suppress(desk.store, [stopped], NOW)
    plan = desk.plan("Hi", guards={"blocked_countries": ["FR"]}, **CUSTOMERS, **RECORDED)
    assert plan.excluded.frame.select("source_row", "msisdn", "reason", "detail").rows() == [
        (2, "+44740012300199", "no_longer_valid", None),
        (3, "+442079460018", "not_a_mobile", "fixed_line"),
        (4, "+33612345678", "blocked_country", "FR"),
        (5, BOB, "suppressed", None),
        (6, CY, "no_consent", None),
    ]
    assert plan.messages.frame["msisdn"].to_list() == [ANN]


def test_a_missing_price_is_told_before_a_text_with_a_hole_and_a_hole_before_too_long_a_text(desk):
    people = [{"msisdn": "+33612345678"}, {"msisdn": ANN}, {"msisdn": BOB, "first_name": "B" * 200}]
    store_people(desk.store, KEYS.person, people, to="customers")
    (desk.base / "mine.csv").write_text("region,price_per_segment,currency\nGB,0.5,GBP\n")
    plan = desk.plan(
        "Hi {{ first_name }}", gateway={"prices": "mine.csv"}, guards={"max_segments": 1}, **CUSTOMERS
    )
    assert left_out(plan) == [(1, "no_price"), (2, "empty_field"), (3, "too_long")]


# What a message rests on


def test_each_message_of_a_list_rests_on_its_stored_consent(desk):
    store_people(desk.store, KEYS.person, PEOPLE, to="customers")
    say(desk.store, KEYS.person, ANN, yes=True, at=1_700_000_000.0)
    say(desk.store, KEYS.person, BOB, yes=True)
    say(desk.store, KEYS.person, CY, yes=True, purpose="news")
    run = frozen(desk, desk.plan("Hi", **CUSTOMERS, **RECORDED))
    audience = pl.read_parquet(desk.var_dir / str(run.folder) / "audience.parquet")
    assert audience.select("msisdn", *RESTS_ON).rows() == [
        (ANN, "stored", "web shop", 1_700_000_000.0, "form 12"),
        (BOB, "stored", "web shop", None, "form 12"),
    ]
    twin = pl.read_parquet(desk.var_dir / "lake" / "planned" / "run-000001.parquet")
    assert twin.select(RESTS_ON[:3]).rows() == [row[:3] for row in audience.select(RESTS_ON).rows()]
    assert "consent_evidence" not in twin.columns
    assert run.purpose == "marketing"


def test_an_attested_consent_rests_on_the_note_of_its_campaign(desk):
    store_people(desk.store, KEYS.person, PEOPLE, to="customers")
    say(desk.store, KEYS.person, ANN, yes=True, at=5.0)
    say(desk.store, KEYS.person, BOB, yes=False)
    plan = desk.plan("Hi", **CUSTOMERS)
    assert left_out(plan) == [(2, "suppressed")]
    assert set(plan.audience.frame.select(RESTS_ON).rows()) == {("attested", "members", None, None)}


def test_without_a_word_on_consent_a_message_rests_on_nothing(desk):
    plan = desk.plan("Hi", consent=None)
    assert set(plan.audience.frame.select(RESTS_ON).rows()) == {(None, None, None, None)}


def test_of_a_file_a_row_counts_that_says_yes_and_where_it_says_nothing_the_stored_yes(desk):
    desk.source("phone,SMS consent\n07400 123001,Yes\n07400 123002,maybe\n07400 123003,\n07400 123004,yes\n")
    say(desk.store, KEYS.person, ANN, yes=True, at=1.0)
    say(desk.store, KEYS.person, BOB, yes=True, at=7.0)
    say(desk.store, KEYS.person, CY, yes=True, at=1.0)
    say(desk.store, KEYS.person, CY, yes=False, at=2.0)
    say(desk.store, KEYS.person, DEE, yes=False, at=2.0)  # never overridden by a row
    plan = desk.plan("Hi", **RECORDED)
    assert plan.audience.frame.select("msisdn", *RESTS_ON).rows() == [
        (ANN, "row", "people.csv, SMS consent", None, "Yes"),
        (BOB, "stored", "web shop", 7.0, "form 12"),
    ]
    assert left_out(plan) == [(4, "suppressed"), (5, "suppressed")]


def test_a_consent_is_for_one_purpose(desk):
    store_people(desk.store, KEYS.person, PEOPLE[:2], to="customers")
    say(desk.store, KEYS.person, ANN, yes=True, purpose="news")
    say(desk.store, KEYS.person, BOB, yes=True, purpose="news")
    say(desk.store, KEYS.person, BOB, yes=False, purpose="marketing")
    news = desk.plan("Hi", **CUSTOMERS, consent={"basis": "recorded", "purpose": "news"})
    assert news.messages.frame["msisdn"].to_list() == [ANN, BOB]
    assert frozen(desk, news).purpose == "news"
    assert desk.plan("Hi", **CUSTOMERS).messages.frame["msisdn"].to_list() == [ANN]
    with pytest.raises(CampaignError, match=r"consent\.purpose: write a purpose as one word"):
        desk.plan("Hi", **CUSTOMERS, consent={"basis": "recorded", "purpose": "Our news"})


def test_a_consent_that_is_withdrawn_after_the_plan_stops_the_message(desk):
    store_people(desk.store, KEYS.person, PEOPLE[:3], to="customers")
    for msisdn in (ANN, BOB, CY):
        say(desk.store, KEYS.person, msisdn, yes=True, at=1.0)
    plan = desk.plan("Hi", **CUSTOMERS, **RECORDED)
    frozen(desk, plan)
    say(desk.store, KEYS.person, BOB, yes=False)
    say(desk.store, KEYS.person, CY, yes=False, purpose="news")
    people = plan.messages.frame
    recipients = Recipients(
        person_keys=people["person_key"].to_list(), sender_ids=people["sender_id"].to_list()
    )
    with desk.store.write.begin() as connection:
        connection.execute(sa.insert(accounts).values(account="sim", kind="simulator"))
        lease = take(connection, BatchRef(1, 0), "sender", Rules(), NOW)
        request = ClaimRequest(lease=lease, claim_no=0, recipients=recipients, most=50, is_bulk=False)
        claimed = claim(connection, request, Rules(), NOW)
    assert isinstance(claimed, Claim)
    assert list(claimed.rows) == [0, 2]


# The same again


def test_the_same_list_and_text_are_refused_within_a_day_whatever_changed_in_it(desk):
    store_people(desk.store, KEYS.person, PEOPLE, to="customers")
    frozen(desk, desk.plan("Hi", **CUSTOMERS))
    say(desk.store, KEYS.person, ANN, yes=False)
    with pytest.raises(RepeatRefused):
        frozen(desk, desk.plan("Hi", **CUSTOMERS))
    with desk.store.write.begin() as connection:
        connection.execute(sa.update(contacts).values(attributes='{"city": "Leeds"}'))
    store_people(desk.store, KEYS.person, [{"msisdn": "+447400123009"}], to="customers")
    # Most of them would get it twice; who means that says --again.
    with pytest.raises(RepeatRefused):
        frozen(desk, desk.plan("Hi", **CUSTOMERS))
    assert frozen(desk, desk.plan("Hello", **CUSTOMERS)).run == 4


def named(desk, kind, name):
    """Everybody, as a list, a tag or a segment of this name."""
    if kind != "segment":
        store_people(desk.store, KEYS.person, PEOPLE, to=name, kind=kind)
        return
    store_people(desk.store, KEYS.person, PEOPLE, to="everybody")
    save_segment(desk.store, name, parse_filter({"all": [{"list": "everybody"}]}), now=NOW, by="eve")


@pytest.mark.parametrize("kind", ["list", "tag", "segment"])
def test_another_name_lets_nobody_get_the_same_text_again(desk, kind):
    named(desk, kind, "customers")
    frozen(desk, desk.plan("Hi", audience={kind: "customers"}))
    rename(desk.store, kind, "customers", "clients", by="eve", now=NOW + 100)
    with pytest.raises(RepeatRefused, match="run 1 "):
        frozen(desk, desk.plan("Hi", audience={kind: "clients"}), at=NOW + 200, run_key="1")
    rename(desk.store, kind, "clients", "people", by="eve", now=NOW + 300)
    with pytest.raises(RepeatRefused, match="run 1 "):
        frozen(desk, desk.plan("Hi", audience={kind: "people"}), at=NOW + 400, run_key="2")
    assert frozen(desk, desk.plan("Hello", audience={kind: "people"}), at=NOW + 400, run_key="3").is_frozen
    assert frozen(
        desk, desk.plan("Hi", audience={kind: "people"}), at=NOW + 400, run_key="4", again=True
    ).is_frozen


def somebody_else(desk, name):
    """In a new list, which bears a name that another one has given up."""
    with desk.store.write.begin() as connection:
        make_list(connection, "list", name, NOW, anew=True)
    store_people(desk.store, KEYS.person, [{"msisdn": "+447400123009"}], to=name)


def test_the_old_name_counts_too_when_it_is_given_to_a_new_list(desk):
    store_people(desk.store, KEYS.person, PEOPLE, to="customers")
    frozen(desk, desk.plan("Hi", **CUSTOMERS))
    rename(desk.store, "list", "customers", "clients", by="eve", now=NOW + 100)
    somebody_else(desk, "customers")
    with pytest.raises(RepeatRefused, match="run 1 "):
        frozen(desk, desk.plan("Hi", **CUSTOMERS), at=NOW + 200, run_key="5")


def test_a_new_list_under_an_old_name_says_nothing_of_the_one_that_bore_it(desk):
    store_people(desk.store, KEYS.person, PEOPLE, to="customers")
    rename(desk.store, "list", "customers", "clients", by="eve", now=NOW + 100)
    somebody_else(desk, "customers")
    frozen(desk, desk.plan("Hi", **CUSTOMERS), at=NOW + 200, run_key="6")
    assert frozen(desk, desk.plan("Hi", audience={"list": "clients"}), at=NOW + 300, run_key="7").is_frozen


def test_a_plan_that_was_begun_under_the_old_name_meets_what_was_sent_under_the_new_one(desk):
    store_people(desk.store, KEYS.person, PEOPLE, to="customers")
    begun, plan = desk.run(run_key="begun"), desk.plan("Hi", **CUSTOMERS)
    rename(desk.store, "list", "customers", "clients", by="eve", now=NOW + 100)
    frozen(desk, desk.plan("Hi", audience={"list": "clients"}), at=NOW + 200, run_key="8")
    with pytest.raises(RepeatRefused, match="run 2 "):
        freeze(plan, begun, store=desk.store, keys=KEYS, var_dir=desk.var_dir, now=NOW + 300)


@pytest.mark.parametrize("audience", [{"list": "customers"}, {"file": "people.csv", "region": "GB"}])
def test_the_same_plan_in_two_stores_of_the_same_keys_is_the_same_bytes(tmp_path, audience):
    noted = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        desk = Desk(folder, prepare_store(f"sqlite:///{folder}/store.db", now=NOW))
        desk.source(mobiles([*range(123_000, 123_300), 123_001]) + "n/a,Nobody\n020 7946 0018,Bob\n")
        store_people(desk.store, KEYS.person, PEOPLE, to="customers")
        for msisdn in (ANN, BOB):
            say(desk.store, KEYS.person, msisdn, yes=True, at=5.0)
        run = frozen(desk, desk.plan("Hi {{ first_name }}", audience=audience, **RECORDED))
        noted.append(file_fingerprints(desk.var_dir / str(run.folder)))
        desk.store.close()
    assert list(noted[0]) == [
        "audience.parquet", "batches/000.parquet", "excluded.parquet", "rejects.csv", "rejects.parquet",
    ]  # fmt: skip
    assert noted[0] == noted[1]
