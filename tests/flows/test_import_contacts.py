"""A source into the store of contacts, as Prefect runs it: its counts, its rejects, and what it never tells."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from data.connections import Connection, save_connection
from data.file_lock import only_one
from tests.flows.conftest import name_of, number_of

pytestmark = pytest.mark.prefect

IMPORT = """
name = "{name}"
list = "members"
[source]
file = "{name}.csv"
region = "GB"
[consent]
source = "web form"
[schedule]
{schedule}
"""
HEADER = "mobile,first_name,sms_consent"


@pytest.fixture
def definition(tmp_path):
    """Writes an import file and its people; the path of the file."""

    def write(name="members", rows=(), *, n_people=20, header=HEADER, schedule=""):
        people = [f"{number_of(n)},{name_of(n)},yes" for n in range(n_people)]
        (tmp_path / f"{name}.csv").write_text("\n".join([header, *people, *rows]) + "\n")
        path = tmp_path / f"{name}.toml"
        path.write_text(IMPORT.format(name=name, schedule=schedule))
        return path

    return write


@pytest.fixture
def run_import(settings):
    """Start an import; the state its flow ends in."""
    from flows.import_contacts import import_contacts
    from flows.parameters import ImportContacts

    def start(path, **parameters):
        return import_contacts(ImportContacts(definition=str(path), **parameters), return_state=True)

    return start


def ask(instance, query):
    with instance.store.read.connect() as connection:
        return connection.exec_driver_sql(query).scalar()


def in_prefect(state):
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return client.read_flow_run(state.state_details.flow_run_id)


def artifacts_of(state):
    """The artifacts of a flow run by key, each as it stands last."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    only = FlowRunFilter(id=FlowRunFilterId(any_=[state.state_details.flow_run_id]))
    with get_client(sync_client=True) as client:
        return {artifact.key: artifact for artifact in client.read_artifacts(flow_run_filter=only)}


def tasks_of(state):
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    only = FlowRunFilter(id=FlowRunFilterId(any_=[state.state_details.flow_run_id]))
    with get_client(sync_client=True) as client:
        return client.read_task_runs(flow_run_filter=only)


def test_a_message_tells_how_many_people_want_no_text_at_all(run_import, definition):
    header = "mobile,first_name,do_not_contact"
    state = run_import(definition(rows=[f"{number_of(30)},Nobody,no"], n_people=2, header=header))
    assert state.message == (
        "import 1: 3 rows: 3 new, 0 changed, 0 the same, 0 doubles, 0 rejects; 2 now kept from all texts"
    )


MESSY = ["n/a,Nobody,yes", "0740010000,Short,yes", f"{number_of(3)},Twice,yes", ",Empty,yes"]


def test_a_source_goes_into_the_store_and_every_row_is_counted_once(run_import, definition, instance):
    state = run_import(definition(rows=MESSY))
    assert (state.name, state.message) == (
        "Completed",
        "import 1: 24 rows: 20 new, 0 changed, 0 the same, 1 double, 3 rejects",
    )
    assert ask(instance, "select count(*) from contacts") == 20
    assert (
        ask(instance, "select count(*) from list_members join lists using (list) where name = 'members'")
        == 20
    )
    assert ask(instance, "select count(*) from consents where is_given and purpose = 'marketing'") == 20
    assert in_prefect(state).name == "members · import 1"


def test_a_table_shows_the_counts_and_the_rules_and_where_the_rejects_lie(run_import, definition, instance):
    table = artifacts_of(run_import(definition(rows=MESSY)))["import-1"]
    assert {row["rows"]: row["count"] for row in json.loads(table.data)} == {
        "source rows": 24,
        "new": 20,
        "changed": 0,
        "the same": 0,
        "doubles": 1,
        "rejects": 3,
        "rejects: no number": 1,
        "rejects: not a number": 1,
        "rejects: invalid number": 1,
    }
    [path] = [word.strip("`") for word in table.description.split() if word.startswith("`")]
    assert (instance.var_dir / path).is_file()


def test_progress_is_shown_and_ends_at_a_hundred(run_import, definition, instance):
    progress = artifacts_of(run_import(definition()))["import-progress-members"]
    assert (progress.type, float(progress.data)) == ("progress", 100.0)


def test_an_unchanged_source_is_not_imported_again(run_import, definition, instance):
    path = definition()
    run_import(path)
    again = run_import(path)
    assert again.is_completed()
    assert (again.name, again.message) == (
        "Unchanged",
        "the source is as import 1 read it, so nothing was written; “Import again” stores it all the same",
    )
    assert ask(instance, "select count(*) from imports") == 1
    assert artifacts_of(again).keys() == set()
    assert in_prefect(again).name == "members"


def test_import_again_stores_an_unchanged_source(run_import, definition, instance):
    path = definition()
    run_import(path)
    state = run_import(path, again=True)
    assert state.name == "Completed"
    assert "20 rows: 0 new, 0 changed, 20 the same" in state.message


def test_a_source_that_has_changed_is_imported(run_import, definition, instance):
    run_import(definition())
    state = run_import(definition(n_people=25))
    assert "25 rows: 5 new, 0 changed, 20 the same" in state.message


def test_a_second_start_beside_a_first_one_imports_nothing(run_import, definition, instance):
    (instance.var_dir / "imports").mkdir(mode=0o700)
    with only_one(instance.var_dir / "imports" / ".members.lock") as is_mine:
        assert is_mine
        state = run_import(definition())
    assert (state.name, state.message) == ("Already running", "another start imports members just now")
    assert ask(instance, "select count(*) from contacts") == 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param(lambda path: path.with_suffix(".csv").unlink(), "members.csv", id="no-file"),
        pytest.param(
            lambda path: path.with_suffix(".csv").write_text("id,mail\n1,a@example.com\n"),
            "no column looks like a phone number",
            id="no-phone",
        ),
        pytest.param(
            lambda path: path.write_text(path.read_text() + "[merge]\nwin = 1\n"),
            "members.toml: merge.win: unknown key; did you mean wins?",
            id="definition",
        ),
    ],
)
def test_what_cannot_be_imported_fails_with_its_sentence_and_is_not_tried_again(
    run_import, definition, instance, change, sentence
):
    path = definition()
    change(path)
    state = run_import(path)
    assert state.is_failed()
    assert sentence in state.message
    assert "\n" not in state.message
    assert [task.run_count for task in tasks_of(state)] in ([], [1])
    assert ask(instance, "select count(*) from contacts") == 0


@pytest.fixture
def shop(instance, tmp_path):
    """A database behind a named connection, and an import of its customers; the path of that."""
    database = tmp_path / "shop.db"
    with closing(sqlite3.connect(database)) as made:
        made.execute("create table customers (mobile text, first_name text)")
        made.executemany(
            "insert into customers values (?, ?)", [(number_of(n), name_of(n)) for n in range(3)]
        )
        made.commit()
    url = f"sqlite:///{database}"
    save_connection(
        instance.store, Connection(name="shop", kind="sql", url=url), sealing_key=instance.keys.sealing
    )
    path = tmp_path / "customers.toml"
    path.write_text('[source]\nconnection = "shop"\nquery = "select * from customers"\n')
    return path


def test_a_database_is_imported_and_known_again(run_import, shop, instance):
    assert "3 rows: 3 new" in run_import(shop).message
    again = run_import(shop)
    assert again.name == "Unchanged"


def test_a_database_that_does_not_answer_is_one_sentence_without_its_secret(
    run_import, shop, instance, prefect_server
):
    gone = Connection(
        name="shop", kind="sql", url="postgresql://reader:Tr0ub4dor@127.0.0.1:1/shop", time_limit_s=5
    )
    save_connection(instance.store, gone, sealing_key=instance.keys.sealing)
    state = run_import(shop)
    assert state.is_failed()
    assert state.message.startswith("shop: ")
    assert "\n" not in state.message
    assert [task.run_count for task in tasks_of(state)] == [1]

    from flows.this_run import tell_the_rest

    tell_the_rest()
    assert prefect_server.holds("Tr0ub4dor") == []


def test_an_import_that_is_nowhere_fails_with_the_nearest_there_is(run_import, instance):
    state = run_import("membrs")
    assert (state.is_failed(), "did you mean members?" in state.message) == (True, True)


def test_an_occurrence_that_comes_too_late_is_skipped(run_import, definition, instance, monkeypatch):
    due_at = datetime.now(UTC) - timedelta(hours=3)
    monkeypatch.setattr("flows.lateness.occurrence", lambda: due_at)
    state = run_import(definition(schedule='max_lateness = "2h"'))
    assert (state.name, state.message) == (
        "Skipped",
        "180 minutes late; max_lateness is 120 minutes, so nothing was imported",
    )
    assert ask(instance, "select count(*) from imports") == 0


def test_nothing_personal_reaches_prefect_however_an_import_ends(
    run_import, definition, instance, prefect_server, monkeypatch, capfd
):
    run_import(definition("mixed", rows=["0740010,Zebedee77,yes", "Zebedee78,Zebedee79,yes"]))
    bad = definition("cut")
    bad.with_suffix(".csv").write_text(f'{HEADER}\n{number_of(1)},"{name_of(1)},yes\n')
    run_import(bad)
    headerless = definition("headerless", header=f"{number_of(2)},{name_of(2)},yes")
    assert run_import(headerless).is_failed()
    _break_import(monkeypatch)
    assert run_import(definition("broken")).is_failed()

    from flows.this_run import tell_the_rest

    tell_the_rest()
    printed = "".join(capfd.readouterr())
    personal = [f"Zebedee{n}" for n in (*range(20), 77, 78, 79)]
    personal += [number_of(n).removeprefix("+44") for n in range(20)]
    assert prefect_server.holds(*personal) == []
    assert [word for word in personal if word in printed] == []
    assert prefect_server.holds("mixed · import 1") == ["mixed · import 1"]


def _break_import(monkeypatch):
    """A mistake of ours that quotes a row, as errors of libraries do; tried again once, at once."""
    from tasks.import_contacts import import_source

    def break_it(*_args, **_kwargs):
        raise ValueError(f"cannot convert {number_of(7)} of {name_of(7)}")

    monkeypatch.setattr("tasks.import_contacts.import_contacts", break_it)
    monkeypatch.setattr(import_source, "retries", 0)
