"""Laws of planning, on messes of files and of stored lists: every row is in one place, and for the reason that a plain
Python reading of docs/contacts.md gives it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.store.tables import consents, contacts, events, list_members, lists, suppressions
from data.suppressions import Suppression, suppress
from engine.freeze import freeze
from messaging.sealed import person_key
from tests.data.stored_people import say, store_people
from tests.engine.planning import KEYS, NOW

# MSISDN → type and region by today's metadata.
NUMBERS = {
    "+447400123001": ("mobile", "GB"),
    "+447400123002": ("mobile", "GB"),
    "+442079460018": ("fixed_line", "GB"),
    "+33612345678": ("mobile", "FR"),
    "+12015550123": ("fixed_line_or_mobile", "US"),
    "+445600123456": ("voip", "GB"),
    "+88213300655": ("voip", "001"),
    "+44740012300": ("unknown", "GB"),
}
CELLS = {
    **{msisdn: msisdn for msisdn in NUMBERS},
    "07400 123001": "+447400123001",
    "447400123002.0": "+447400123002",
    "": None,
    "n/a": None,
    "4.4E11": None,
}
SCOPES = ("", "sim", "Tidings", "purpose:marketing", "purpose:news", "Others")
SAID = st.dictionaries(st.sampled_from(list(NUMBERS)), st.booleans(), max_size=4)
STOPPED = st.dictionaries(st.sampled_from(list(NUMBERS)), st.sampled_from(SCOPES), max_size=3)
WORDS = {"yes": True, "no": False, "": None, "maybe": None}
ASKED = st.fixed_dictionaries(
    {
        "basis": st.sampled_from(["attested", "recorded", None]),
        "purpose": st.sampled_from(["marketing", "news"]),
        "number_types": st.sampled_from([None, ["mobile"], ["mobile", "fixed_line_or_mobile", "voip"]]),
        "countries": st.sampled_from([None, ["GB"], ["GB", "FR"]]),
        "blocked_countries": st.sampled_from([[], ["FR"]]),
    }
)
MESS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Model:
    """What docs/contacts.md says of one row after the other. rows: (MSISDN, word of the row)."""

    def __init__(self, asked, said, stopped):
        self._types = asked["number_types"] or ["mobile", "fixed_line_or_mobile"]
        self._countries, self._blocked = asked["countries"], asked["blocked_countries"]
        self._needs_yes = asked["basis"] == "recorded"
        purpose = asked["purpose"] if asked["basis"] else "marketing"
        self._given = {msisdn for msisdn, is_given in said.items() if is_given}
        withdrawn = {msisdn for msisdn, is_given in said.items() if not is_given}
        here = {"", "sim", "Tidings", f"purpose:{purpose}"}
        if purpose != "marketing":  # what people have said is about marketing
            self._given, withdrawn = set(), set()
        self._suppressed = withdrawn | {msisdn for msisdn, scope in stopped.items() if scope in here}

    def reasons(self, rows):
        refused = {msisdn for msisdn, word in rows if word is False}
        taken = set()
        for msisdn, word in rows:
            reason = self._reason(msisdn, word, refused, taken)
            if reason in {None, "no_price"}:
                taken.add(msisdn)
            yield reason

    def basis(self, msisdn, word):
        return "row" if word else "stored" if msisdn in self._given else None

    def _reason(self, msisdn, word, refused, taken):
        number_type, region = NUMBERS[msisdn]
        if number_type == "unknown":
            return "no_longer_valid"
        if number_type not in self._types:
            return "not_a_mobile"
        if region in self._blocked or (self._countries is not None and region not in self._countries):
            return "blocked_country"
        if msisdn in refused:
            return "opted_out"
        if msisdn in self._suppressed:
            return "suppressed"
        if self._needs_yes and self.basis(msisdn, word) is None:
            return "no_consent"
        if msisdn in taken:
            return "duplicate"
        return None if region in {"GB", "FR"} else "no_price"


@pytest.fixture
def desk(desk):
    (desk.base / "mine.csv").write_text("region,price_per_segment,currency\nGB,0.5,GBP\nFR,1,GBP\n")
    return desk


def planned(desk, asked, **audience):
    consent = {"basis": asked["basis"], "purpose": asked["purpose"], "note": "members"}
    types = {} if asked["number_types"] is None else {"number_types": asked["number_types"]}
    guards = {name: asked[name] for name in ("countries", "blocked_countries") if asked[name] is not None}
    return desk.plan(
        "Hi",
        audience={**audience, **types},
        consent=consent if asked["basis"] else None,
        guards=guards,
        gateway={"account": "sim", "prices": "mine.csv"},
        rows_per_chunk=3,
    )


def emptied(desk, said, stopped):
    """The store as if nobody had ever been in it, then with these words and suppressions."""
    with desk.store.write.begin() as connection:
        for table in (consents, suppressions, list_members, lists, contacts, events):
            connection.execute(sa.delete(table))
    suppress(
        desk.store,
        [
            Suppression(
                person_key=person_key(KEYS.person, msisdn),
                msisdn=None,
                reason="STOP",
                source="x",
                scope=scope,
            )
            for msisdn, scope in stopped.items()
        ],
        NOW,
    )
    for msisdn, is_given in said.items():
        say(desk.store, KEYS.person, msisdn, yes=is_given, at=5.0)


def assert_laws(plan, model, contacts_of, n_rejects):
    """contacts_of: source row → (MSISDN, word)."""
    everybody = plan.contacts.frame.select("source_row", "msisdn").rows()
    excluded, audience = plan.excluded.frame, plan.audience.frame
    assert plan.summary.source_rows == plan.rejects.n_rows + plan.contacts.n_rows
    assert plan.rejects.n_rows == n_rejects
    assert everybody == [(row, msisdn) for row, (msisdn, _) in contacts_of.items()]
    assert sorted([*excluded["source_row"], *audience["source_row"]]) == list(contacts_of)
    reasons = dict(zip(contacts_of, model.reasons(list(contacts_of.values())), strict=True))
    assert dict(excluded.select("source_row", "reason").rows()) == {
        row: reason for row, reason in reasons.items() if reason is not None
    }
    assert audience["msisdn"].is_unique().all()
    assert plan.messages.frame["msisdn"].to_list() == audience["msisdn"].to_list()
    if plan.campaign.consent is not None and plan.campaign.consent.basis == "recorded":
        rested = dict(audience.select("source_row", "consent_basis").rows())
        assert rested == {row: model.basis(*contacts_of[row]) for row in rested}


@MESS
@given(
    rows=st.lists(
        st.tuples(st.sampled_from(list(CELLS)), st.sampled_from(list(WORDS))), min_size=1, max_size=10
    ),
    asked=ASKED,
    said=SAID,
    stopped=STOPPED,
)
def test_every_row_of_a_file_is_in_one_place_for_the_reason_that_the_page_gives(
    desk, rows, asked, said, stopped
):
    emptied(desk, said, stopped)
    body = "".join(f'"{cell}","{word}","x"\n' for cell, word in rows)
    desk.source(f"phone,consent,plan\n{body}")
    plan = planned(desk, asked, file="people.csv", region="GB")
    read = {2 + at: (CELLS[cell], WORDS[word]) for at, (cell, word) in enumerate(rows)}
    known = {
        row: (msisdn, word)
        for row, (msisdn, word) in read.items()
        if msisdn is not None and NUMBERS[msisdn][0] != "unknown"
    }
    assert_laws(plan, Model(asked, said, stopped), known, len(rows) - len(known))


@MESS
@given(
    people=st.lists(st.sampled_from(list(NUMBERS)), min_size=1, unique=True),
    asked=ASKED,
    said=SAID,
    stopped=STOPPED,
)
def test_every_contact_of_a_list_is_in_one_place_for_the_reason_that_the_page_gives(
    desk, people, asked, said, stopped
):
    emptied(desk, said, stopped)
    store_people(desk.store, KEYS.person, [{"msisdn": msisdn} for msisdn in people], to="customers")
    plan = planned(desk, asked, list="customers")
    # A stored yes is the person's own, so none of them rests on a row; a stored no is a suppression.
    known = {at: (msisdn, None) for at, msisdn in enumerate(people, start=1)}
    assert_laws(plan, Model(asked, said, stopped), known, 0)
    if plan.stopped_by is None:
        run = desk.run(is_simulated=True)
        frozen = freeze(plan, run, store=desk.store, keys=KEYS, var_dir=desk.var_dir, again=True, now=NOW)
        assert (frozen.n_contacts, frozen.n_excluded + frozen.n_audience) == (len(people), len(people))
        assert frozen.purpose == plan.campaign.purpose
