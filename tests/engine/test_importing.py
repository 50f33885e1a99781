"""Contacts come into the store: each row of a source is one of five, and nobody who said no is asked again."""

from __future__ import annotations

import fcntl
import sqlite3
import stat
import threading
from contextlib import closing

import polars as pl
import pytest
import sqlalchemy as sa

from data.connections import Connection, save_connection
from data.consents import ConsentEntry, record_consents
from data.contacts import merging
from data.contacts.lists import BadListName, add_members
from data.file_lock import only_one
from data.forgotten import forget
from data.imports import list_imports, names_at_work
from data.store.engine import Store
from data.suppressions import Suppression, lift_suppression, suppress
from engine.importing import ImportRunning
from messaging.errors import SourceError
from messaging.traces import trace_of
from tests.engine.intake import KEYS, counts_of, key_of

ANN, BOB, LANDLINE, DEE, LI = (
    "+447400123001", "+447400123002", "+442079460018", "+447400123004", "+447400123005",
)  # fmt: skip
PEOPLE = """phone,first_name,city,consent
07400 123001,Ann,Leeds,yes
07400 123002,,Köln,yes
020 7946 0018,Bob,Leeds,yes
07400 123001,Ann again,Leeds,yes
not a number,Cy,Leeds,yes
07400 123004,Dee,Leeds,no
1,2,3,4,5
07400 123005,李雷,,maybe
"""


@pytest.fixture
def people(intake):
    """An intake with PEOPLE in it."""
    intake.source(PEOPLE)
    intake.bring()
    return intake


def test_every_row_is_one_of_five(intake):
    intake.source(PEOPLE)
    report = intake.bring(list="Spring", tags=["vip", "new"])
    assert counts_of(report) == {"new": 5, "changed": 0, "same": 0, "double": 1, "rejects": 2}
    assert intake.contacts() == {
        ANN: {"first_name": "Ann", "city": "Leeds"},
        BOB: {"city": "Köln"},
        LANDLINE: {"first_name": "Bob", "city": "Leeds"},
        DEE: {"first_name": "Dee", "city": "Leeds"},
        LI: {"first_name": "李雷"},
    }
    everybody = sorted([ANN, BOB, LANDLINE, DEE, LI])
    assert (
        intake.members("Spring") == intake.members("vip", "tag") == intake.members("new", "tag") == everybody
    )
    assert set(intake.column("select changed_by from contacts")) == {"import 1"}
    assert intake.changes() == []
    assert (report.rejects, report.columns["consent"]) == ({"not_a_number": 1, "ragged_row": 1}, "consent")


def test_few_people_are_stored_in_the_order_of_their_source(people):
    assert list(people.contacts()) == [ANN, BOB, LANDLINE, DEE, LI]


def test_what_is_kept_of_an_import(people):
    (kept,) = list_imports(people.store)
    assert (kept.import_no, kept.name, kept.source, kept.state, kept.by) == (
        1, "people", "people.csv", "finished", "a test",
    )  # fmt: skip
    assert (kept.counts.n_rows, kept.counts.n_new, kept.folder) == (8, 5, "imports/000001")


def test_what_a_file_says_wins_and_what_it_does_not_say_stays(people):
    people.source("phone,first_name,city\n07400 123001,Anna,\n07400 123002,Bo,York\n07400 123004,Dee,Leeds\n")
    assert counts_of(people.bring()) == {"new": 0, "changed": 2, "same": 1, "double": 0, "rejects": 0}
    assert people.contacts()[ANN] == {"first_name": "Anna", "city": "Leeds"}
    assert people.contacts()[BOB] == {"first_name": "Bo", "city": "York"}
    assert people.changes() == [
        ("import 2", {"first_name": ["Ann", "Anna"]}),
        ("import 2", {"city": ["Köln", "York"], "first_name": [None, "Bo"]}),
    ]


def test_a_cell_of_blanks_is_empty(people):
    people.source("phone,first_name,city\n07400 123001,  ,\t\n")
    assert counts_of(people.bring())["same"] == 1


@pytest.mark.parametrize(
    ("merge", "after"),
    [
        ({"wins": "stored"}, {"first_name": "Ann", "city": "Leeds", "plan": "gold"}),
        ({"keep": ["city"]}, {"first_name": "Anna", "city": "Leeds", "plan": "gold"}),
        ({"keep": ["first_name", "plan"]}, {"first_name": "Ann", "city": "York", "plan": "gold"}),
    ],
)
def test_the_stored_value_wins_where_it_is_told_to(people, merge, after):
    people.source("phone,first_name,city,plan\n07400 123001,Anna,York,gold\n")
    people.bring(merge=merge)
    assert people.contacts()[ANN] == after


def test_other_rules_are_another_import_of_the_same_file(people):
    people.source("phone,first_name\n07400 123001,Anna\n")
    assert counts_of(people.bring(merge={"wins": "stored"}))["same"] == 1
    report = people.bring()
    assert (report.was_imported_before, report.n_changed) == (False, 1)


def test_a_field_to_keep_that_nobody_has_is_a_mistake(people):
    with pytest.raises(
        SourceError, match=r"merge.keep names 'ctiy', and no contact has such a field; it has: .*city"
    ):
        people.bring(merge={"keep": ["ctiy"]})


def test_a_field_to_keep_may_be_missing_from_a_file(people):
    people.source("phone,first_name\n07400 123001,Anna\n")
    assert people.bring(merge={"keep": ["city"]}).n_changed == 1


def test_columns_are_fields_by_the_names_that_somebody_gave_them(intake):
    intake.source("Handy;Vorname;Kundennummer;Fällig am;Land;\n07400 123001;Ann;K 1;2026-12-01;GB;\n")
    intake.bring(source={"attributes": {"due": "Fällig am"}})
    assert intake.contacts()[ANN] == {
        "first_name": "Ann", "external_id": "K 1", "due": "2026-12-01", "land": "GB",
    }  # fmt: skip
    assert intake.rows("select attribute, header from attributes order by 1") == [
        ("due", "Fällig am"), ("land", "Land"),
    ]  # fmt: skip


def test_a_file_that_was_imported_is_not_read_again(people):
    report = people.bring()
    assert (report.was_imported_before, report.import_no, report.n_new) == (True, 1, 5)
    assert report.rejects == {"not_a_number": 1, "ragged_row": 1}
    assert people.imports() == [(1, "finished")]


@pytest.mark.parametrize(
    "otherwise",
    [{"list": "Other"}, {"tags": ["x"]}, {"source": {"region": "FR"}}, {"consent": {"purpose": "news"}}],
)
def test_put_elsewhere_or_read_otherwise_it_is_another_import(people, otherwise):
    assert not people.bring(**otherwise).was_imported_before


def test_again_finds_the_rows_the_same_and_changes_nothing(people):
    before = people.rows("select * from contacts order by contact")
    assert counts_of(people.bring(again=True)) == {
        "new": 0,
        "changed": 0,
        "same": 5,
        "double": 1,
        "rejects": 2,
    }
    assert people.rows("select * from contacts order by contact") == before
    assert people.rows("select count(*) from consents") == [(4,)]


def test_a_file_that_goes_back_to_what_it_said_before_is_news(people):
    people.source(PEOPLE.replace("Ann,", "Anna,"))
    people.bring()
    people.source(PEOPLE)
    report = people.bring()
    assert (report.was_imported_before, report.n_changed) == (False, 1)
    assert people.contacts()[ANN]["first_name"] == "Ann"


def test_an_edit_by_hand_is_looked_at_again(people):
    people.do("update contacts set first_name = 'Annie', source_hash = null where msisdn = :ann", ann=ANN)
    assert people.bring().was_imported_before
    assert people.contacts()[ANN]["first_name"] == "Annie"
    assert counts_of(people.bring(again=True))["changed"] == 1
    assert people.contacts()[ANN]["first_name"] == "Ann"


def test_who_was_deleted_by_hand_comes_back_only_when_told(people):
    people.do("delete from contacts where msisdn = :ann", ann=ANN)
    people.bring()
    assert ANN not in people.contacts()
    assert people.bring(again=True).n_new == 1


def test_who_was_taken_off_a_list_comes_back_only_when_told(intake):
    intake.source(PEOPLE)
    intake.bring(list="Spring")
    intake.do("delete from list_members where contact = 1")
    intake.bring(list="Spring")
    assert len(intake.members("Spring")) == 4
    assert counts_of(intake.bring(list="Spring", again=True))["same"] == 5
    assert len(intake.members("Spring")) == 5


def test_members_are_added_and_never_removed(people):
    people.source("phone\n07400 123001\n")
    people.bring(list="Spring")
    people.source("phone\n07400 123002\n")
    people.bring(list="Spring")
    assert people.members("Spring") == [ANN, BOB]


def test_a_suppression_outlives_an_import_that_says_yes(intake):
    entry = Suppression(person_key=key_of(ANN), msisdn=ANN, reason="STOP", source="reply")
    suppress(intake.store, [entry], 5.0)
    intake.source(PEOPLE)
    intake.bring()
    assert ("", "STOP") in intake.rows(
        f"select scope, reason from suppressions where person_key = '{key_of(ANN)}'"
    )


def test_what_is_said_of_consent_is_recorded_with_where_it_was_said(people):
    assert people.consents() == {
        key_of(ANN): True,
        key_of(BOB): True,
        key_of(LANDLINE): True,
        key_of(DEE): False,
    }
    said = "select source, evidence, recorded_by from consents where not is_given"
    assert people.rows(said) == [("import people", "consent: no", "import 1")]
    assert people.column("select scope from suppressions") == ["purpose:marketing"]


def test_silence_and_an_undated_yes_undo_no_no(people):
    people.source("phone,consent\n07400 123004,\n07400 123001,maybe\n")
    people.bring()
    people.source("phone,consent\n07400 123004,yes\n")
    people.bring()
    assert people.consents()[key_of(DEE)] is False
    assert people.consents()[key_of(ANN)] is True


def test_a_newer_yes_undoes_a_no_and_an_older_one_does_not(intake):
    intake.source("phone,consent,when\n07400 123004,no,2026-03-04\n")
    told = {"purpose": "marketing", "at": "when", "source": "web form"}
    intake.bring(consent=told)
    intake.source("phone,consent,when\n07400 123004,yes,2026-03-03 23:59\n")
    intake.bring(consent=told)
    assert intake.consents() == {key_of(DEE): False}
    intake.source("phone,consent,when\n07400 123004,yes,2026-03-05\n")
    intake.bring(consent=told)
    assert intake.consents() == {key_of(DEE): True}
    assert intake.contacts()[DEE] == {}, "when it was said is no attribute"
    assert set(intake.column("select source from consents")) == {"web form"}


def test_a_no_in_any_row_of_a_number_counts(intake):
    intake.source("phone,consent\n07400 123001,yes\n07400 123001,no\n07400 123002,no\n07400 123002,yes\n")
    intake.bring()
    assert intake.consents() == {key_of(ANN): False, key_of(BOB): False}


def test_a_yes_by_hand_is_not_undone_by_a_row_that_was_there_before(people):
    entry = ConsentEntry(
        person_key=key_of(DEE), msisdn=DEE, purpose="marketing", is_given=True, at=people.clock(), source="telephone",
        evidence=None, by="Eve",
    )  # fmt: skip
    with people.store.write.begin() as connection:
        record_consents(connection, [entry], now=people.clock())
    people.source(PEOPLE.replace("Ann,", "Anna,"))
    people.bring()
    assert people.consents()[key_of(DEE)] is True


def test_what_is_unclear_about_consent_is_told(intake):
    intake.source(
        "phone,consent,when\n07400 123001,perhaps,\n07400 123002,yes,03/04/2026\n07400 123004,yes,2099-01-01\n"
    )
    report = intake.bring(consent={"at": "when"})
    assert any("1 cells of consent say neither yes nor no" in notice for notice in report.notices)
    assert any("2 times of consent could not be read" in notice for notice in report.notices)
    assert intake.column("select at from consents") == [0.0, 0.0]


def test_a_column_that_the_import_file_misspells_is_named(intake):
    intake.source(PEOPLE)
    with pytest.raises(SourceError, match=r"there is no column 'wann' \(saw: .*\). Correct \[consent\] at"):
        intake.bring(consent={"at": "wann"})
    assert intake.imports() == [(1, "failed")]


def test_who_asked_to_be_forgotten_is_not_stored_again(intake):
    entry = Suppression(person_key=key_of(ANN), msisdn=None, reason="forgotten", source="forget")
    suppress(intake.store, [entry], 5.0)
    intake.source(PEOPLE)
    report = intake.bring()
    assert counts_of(report) == {"new": 4, "changed": 0, "same": 0, "double": 1, "rejects": 3}
    assert ANN not in intake.contacts()
    rejects = pl.read_parquet(report.rejects_csv.with_suffix(".parquet"))
    assert rejects.select("source_row", "rule", "raw_value").rows() == [
        (2, "forgotten", None),
        (6, "not_a_number", "not a number"),
        (8, "ragged_row", "1,2,3,4,5"),
    ]
    assert "123001" not in report.rejects_csv.read_text()
    assert "07400 123001,Ann" not in report.rejects_csv.read_text()


def test_rejects_can_be_mended_and_brought_again(people):
    path = people.var_dir / "imports" / "000001" / "rejects.csv"
    assert (
        stat.S_IMODE(path.stat().st_mode)
        == stat.S_IMODE(path.with_suffix(".parquet").stat().st_mode)
        == 0o600
    )
    mended = path.read_text().replace(",not a number,Cy", ",07400 123009,Cy")
    people.source(mended, "mended.csv")
    report = people.bring(file="mended.csv", name="mended")
    assert counts_of(report) == {"new": 1, "changed": 0, "same": 0, "double": 0, "rejects": 1}
    assert people.contacts()["+447400123009"] == {"first_name": "Cy", "city": "Leeds"}


def test_a_source_without_rejects_leaves_no_folder(intake):
    intake.source("phone\n07400 123001\n")
    assert intake.bring().rejects_csv is None
    assert not (intake.var_dir / "imports" / "000001").exists()


def test_a_source_that_cannot_be_read_has_changed_nothing_and_is_noted(intake):
    intake.source("name,mail\nAnn,a@example.com\n")
    with pytest.raises(SourceError, match="no column looks like a phone number"):
        intake.bring(list="Spring")
    assert (intake.contacts(), intake.column("select name from lists")) == ({}, [])
    (failed,) = list_imports(intake.store)
    assert failed.state == "failed"
    assert "no column looks like a phone number" in failed.state_reason


def test_a_list_name_that_nobody_could_write_again_is_refused_before_anything_is_stored(intake):
    intake.source(PEOPLE)
    with pytest.raises(BadListName):
        intake.bring(list="a\nb")
    assert intake.contacts() == {}


def test_one_import_of_a_name_at_a_time(intake):
    intake.source(PEOPLE)
    with (
        only_one(intake.var_dir / "imports" / ".people.lock"),
        pytest.raises(ImportRunning, match="wait until"),
    ):
        intake.bring()
    assert intake.bring().n_new == 5


def test_whoever_only_looks_what_is_at_work_is_in_no_import_s_way_nor_in_each_other_s(intake):
    intake.source(PEOPLE)
    place = intake.var_dir / "imports" / ".people.lock"
    assert names_at_work(intake.var_dir) == []
    with only_one(place):
        assert names_at_work(intake.var_dir) == ["people"]
    looking = place.open("rb")
    fcntl.flock(looking, fcntl.LOCK_SH)
    assert names_at_work(intake.var_dir) == []

    class Paused(list):
        def append(self, _seconds):
            looking.close()

    intake.paused = Paused()
    assert intake.bring().n_new == 5
    assert looking.closed


def test_an_import_that_was_cut_off_is_failed_by_the_next_one(intake):
    intake.do(
        'insert into imports (name, source, fingerprint, state, started_at, "by") '
        "values ('people', 'people.csv', 'f', 'running', 1, 'x')"
    )
    intake.source(PEOPLE)
    assert intake.bring().import_no == 2
    assert intake.imports() == [(1, "failed"), (2, "finished")]


@pytest.mark.parametrize("rows_per_chunk", [7, 1000])
def test_two_imports_of_the_same_people_at_once_store_each_of_them_once(intake, monkeypatch, rows_per_chunk):
    monkeypatch.setattr("data.contacts.merging.FIRST_SLICE", 10)
    monkeypatch.setattr("data.contacts.merging.LONGEST_SLICE", 10)
    numbers = [f"07400 {number:06}" for number in range(200_000, 200_120)]
    for name in ("one", "two"):
        intake.source("phone,consent\n" + "".join(f"{number},yes\n" for number in numbers), f"{name}.csv")
    reports = {}

    def bring(name):
        reports[name] = intake.bring(file=f"{name}.csv", name=name, list=name, rows_per_chunk=rows_per_chunk)

    threads = [threading.Thread(target=bring, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(report.n_new for report in reports.values()) == 120
    assert sum(report.n_same for report in reports.values()) == 120
    assert len(intake.contacts()) == len(intake.members("one")) == len(intake.members("two")) == 120
    assert len(intake.consents()) == 120


@pytest.fixture
def crm(intake):
    """A database with PEOPLE of its own, and a connection to it."""
    path = intake.base / "crm.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table people (phone text, first_name text)")
        connection.executemany(
            "insert into people values (?, ?)",
            [("07400 123001", "Ann"), ("07400 123002", "Bo\0b"), ("n/a", "Cy")],
        )
        connection.commit()
    save_connection(
        intake.store, Connection(name="crm", kind="sql", url=f"sqlite:///{path}"), sealing_key=KEYS.sealing
    )
    return path


def bring_from_crm(intake, query="select phone, first_name from people", **more):
    return intake.bring(file=None, source={"connection": "crm", "query": query}, **more)


def test_people_come_from_a_database_and_unchanged_they_are_not_stored_again(intake, crm):
    assert counts_of(bring_from_crm(intake)) == {"new": 2, "changed": 0, "same": 0, "double": 0, "rejects": 1}
    assert intake.contacts() == {ANN: {"first_name": "Ann"}, BOB: {"first_name": "Bob"}}
    assert bring_from_crm(intake).was_imported_before
    assert bring_from_crm(intake, again=True).n_same == 2
    assert intake.imports() == [(1, "finished"), (2, "finished")]


def test_a_database_that_fails_half_way_has_changed_nothing(intake, crm):
    overflows_at_its_end = (
        "with recursive numbers(n) as (select 200000 union all select n + 1 from numbers where n < 299000) "
        "select printf('07400 %06d', n) as phone, abs(-9223372036854775807 - (n = 299000)) as points from numbers"
    )
    with pytest.raises(SourceError):
        bring_from_crm(intake, overflows_at_its_end)
    assert intake.contacts() == {}
    assert [state for _, state in intake.imports()] == ["failed"]


def until_it_waits(store: Store, thread: threading.Thread) -> None:
    """On PostgreSQL it is at a lock now; on SQLite it cannot even begin."""
    if store.is_sqlite:
        return
    while thread.is_alive():
        with store.read.connect() as connection:
            if connection.execute(sa.text("select count(*) from pg_locks where not granted")).scalar_one():
                return


def test_an_import_and_a_forgetting_wait_for_each_other_one_after_the_other(people):
    people.bring(list="Spring", again=True)
    contact, list_no = people.rows("select contact, list from list_members order by contact")[0]
    failed: list[Exception] = []

    def forget_ann() -> None:
        try:
            forget(people.store, people.var_dir / "forgotten.txt", [trace_of(KEYS.person, ANN)], now=1.0)
        except sa.exc.DBAPIError as error:
            failed.append(error)

    forgetting = threading.Thread(target=forget_ann)
    with people.store.write.begin() as connection:
        merging._lock(connection, writes_ledger=False)
        forgetting.start()
        until_it_waits(people.store, forgetting)
        add_members(connection, list_no, [contact], at=1.0, by="an import")
    forgetting.join()
    assert failed == []
    assert ANN not in people.contacts()
    assert ANN not in people.members("Spring")


def test_a_column_of_opt_outs_counts_for_one_purpose_and_says_so(intake):
    intake.source("phone,opted out\n07400 123001,yes\n07400 123002,no\n07400 123004,2025-03-01\n")
    report = intake.bring(consent={"purpose": "news"})
    assert intake.column("select scope from suppressions") == ["purpose:news"] * 2
    assert "opted out counts for news alone" in report.notices[0]


STOPPED = """phone,first_name,Do not contact
07400 123001,Ann,yes
07400 123002,Bob,no
020 7946 0018,,2025-03-01
07400 123004,Dee,
07400 123004,Dee,asked us on the phone
07400 123005,Li,n/a
not a number,Cy,yes
"""
OF_STOPPED = "import people, column Do not contact"


def kept_from_all_texts(intake):
    """By number: the reason and the source."""
    found = intake.rows("select msisdn, reason, source from suppressions where scope = ''")
    return {msisdn: told for msisdn, *told in found}


def test_whoever_wants_no_text_at_all_is_suppressed_everywhere_and_counted(intake):
    intake.source(STOPPED)
    report = intake.bring()
    told = ["do not contact", OF_STOPPED]
    assert kept_from_all_texts(intake) == {ANN: told, LANDLINE: told, DEE: told}
    assert counts_of(report) == {"new": 5, "changed": 0, "same": 0, "double": 1, "rejects": 1}
    assert (report.n_suppressed, report.columns["do_not_contact"]) == (3, "Do not contact")
    assert intake.contacts()[ANN] == {"first_name": "Ann"}  # the column is no attribute
    assert sorted(intake.column("select kind from events")) == ["suppression"] * 7


def test_no_later_file_lets_them_back(intake):
    intake.source(STOPPED)
    intake.bring()
    before = kept_from_all_texts(intake)
    for cells in ("no", "", "n/a"):
        intake.source(f"phone,consent,Do not contact\n07400 123001,yes,{cells}\n07400 123004,yes,{cells}\n")
        assert intake.bring().n_suppressed == 0
        assert kept_from_all_texts(intake) == before
    intake.source("phone,consent\n07400 123001,yes\n020 7946 0018,yes\n")
    intake.bring()
    assert kept_from_all_texts(intake) == before


def test_the_first_reason_stays_and_nobody_is_counted_twice(intake):
    person = Suppression(person_key=key_of(ANN), msisdn=ANN, reason="complaint", source="by hand")
    suppress(intake.store, [person], 1.0)
    intake.source(STOPPED)
    assert intake.bring().n_suppressed == 2
    assert kept_from_all_texts(intake)[ANN] == ["complaint", "by hand"]
    assert intake.bring(again=True).n_suppressed == 0


def test_a_person_who_was_there_before_the_file_said_so_is_suppressed(intake):
    intake.source("phone,first_name\n07400 123001,Ann\n")
    intake.bring()
    intake.source("phone,first_name,dnc\n07400 123001,Ann,x\n")
    report = intake.bring()
    assert (report.n_same, report.n_suppressed) == (1, 1)
    assert kept_from_all_texts(intake) == {ANN: ["do not contact", "import people, column dnc"]}


def test_a_file_that_came_before_such_a_column_was_known_is_looked_at_again(intake, monkeypatch):
    intake.source(STOPPED)
    with monkeypatch.context() as patch:  # as an earlier version chose its columns
        patch.setattr("messaging.columns.rank_do_not_contact", lambda _words: None)
        assert intake.bring().n_suppressed == 0
    report = intake.bring()
    assert (report.was_imported_before, report.n_suppressed) == (False, 3)
    assert intake.bring().was_imported_before


def test_of_two_such_columns_either_is_enough(intake):
    intake.source("phone,DNC,Blacklisted\n07400 123001,x,\n07400 123002,,yes\n07400 123004,no,no\n")
    assert intake.bring().n_suppressed == 2
    told = ["do not contact", "import people, column DNC, Blacklisted"]
    assert kept_from_all_texts(intake) == {ANN: told, BOB: told}
    assert intake.contacts()[ANN] == {}


def test_whom_somebody_let_back_stays_so_while_their_row_says_what_it_said(intake):
    intake.source(STOPPED)
    intake.bring()
    lift_suppression(intake.store, key_of(ANN), "", by="Eve", why="asked for our texts again", now=5.0)
    intake.source(f"{STOPPED}07400 123006,New,no\n")
    assert intake.bring().n_suppressed == 0
    assert ANN not in kept_from_all_texts(intake)
    intake.source(STOPPED.replace("123001,Ann,yes", "123001,Ann,2026-01-01"))
    assert intake.bring().n_suppressed == 1


def test_of_somebody_who_was_forgotten_a_file_that_says_so_brings_nothing_back(intake):
    forget(intake.store, intake.base / "forgotten.txt", [trace_of(KEYS.person, ANN)], now=1.0)
    intake.source(STOPPED)
    report = intake.bring()
    assert (report.n_suppressed, report.rejects) == (2, {"not_a_number": 1, "forgotten": 1})
    assert intake.rows("select person_key, reason from suppressions where msisdn is null") == [
        (key_of(ANN), "forgotten")
    ]


def test_what_an_import_that_was_cut_off_has_stored_is_suppressed_with_it(intake, monkeypatch):
    intake.source(STOPPED)
    record = merging.record_suppressions
    with monkeypatch.context() as patch:
        patch.setattr(merging, "FIRST_SLICE", 1)
        patch.setattr(
            merging, "record_suppressions", lambda *args, **kwargs: (record(*args, **kwargs), 1 / 0)
        )
        with pytest.raises(ZeroDivisionError):
            intake.bring()
    assert kept_from_all_texts(intake) == {}
    assert not {ANN, LANDLINE, DEE} & set(intake.contacts())
    assert intake.bring().n_suppressed == 3


@pytest.mark.parametrize("day", ["2025-05-02", "2.5.2025"])
def test_a_no_of_a_day_is_newer_than_a_yes_of_any_time_of_that_day(intake, day):
    intake.source("phone,consent,at\n07400 123001,yes,2025-05-02 15:00\n07400 123002,yes,2025-05-03 00:00\n")
    intake.bring(consent={"at": "at"})
    intake.source(f"phone,consent,at\n07400 123001,no,{day}\n07400 123002,no,{day}\n")
    intake.bring(consent={"at": "at"})
    assert intake.consents() == {key_of(ANN): False, key_of(BOB): True}
    intake.source(f"phone,consent,at\n07400 123001,yes,{day}\n")
    intake.bring(consent={"at": "at"})
    assert intake.consents()[key_of(ANN)] is False
