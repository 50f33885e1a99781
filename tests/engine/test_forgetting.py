"""Somebody asks to be forgotten: nothing of them is left, and everything still adds up."""

from __future__ import annotations

import shutil
import time

import orjson
import polars as pl
import pytest
import sqlalchemy as sa

from data import erasing, forgotten
from data.analytics import query
from data.backup import write_backup
from data.file_lock import only_one
from data.fingerprints import file_fingerprints
from data.forgotten import read_forgotten
from data.keys import read_secrets
from data.owed_forgetting import read_owed
from data.runs import bind_run, move_run, read_run
from data.store.tables import events, outcomes, receipt_pages, replies
from engine import forgetting
from engine.forgetting import finish_forgetting, forget_person
from engine.restoring import Target, restore_backup
from messaging.runs import RunState
from messaging.sealed import person_key
from tests.engine.lived_in import ANN, HERS, LivedIn


@pytest.fixture(scope="module")
def template(tmp_path_factory, simulator_process):
    """Lived in once for all tests: it takes seconds."""
    simulator_process.reset()
    lived_in = lived_in_at(tmp_path_factory.mktemp("template"), simulator_process)
    with lived_in.opened() as instance:
        lived_in.live(instance)
    return lived_in


@pytest.fixture
def lived_in(template, tmp_path, simulator):
    """Run 1 is over, and she has replied."""
    shutil.copytree(template.var_dir, tmp_path / "var")
    lived_in = lived_in_at(tmp_path, simulator)
    with lived_in.opened() as instance:
        lived_in.load(instance)
    return lived_in


def lived_in_at(base, simulator):
    return LivedIn(base, simulator, f"sqlite:///{base / 'var' / 'store.db'}")


def counts(instance):
    """What analysts count."""
    questions = (
        "select * from campaign_funnel",
        "select count(*), count(distinct person_key) >= 0 from messages",
        "select status, receipt, count(*) from messages group by all order by all",
        "select reason, count(*) from excluded group by all order by all",
        "select count(*) from replies",
        "select kind, count(*) from events where kind <> 'suppression' group by all order by all",
    )
    return [query(instance.analytics, question) for question in questions]


def test_nothing_of_her_is_left_anywhere_and_everything_still_adds_up(lived_in):
    with lived_in.opened() as instance:
        run = 1
        before = counts(instance)
        key = person_key(instance.keys.person, ANN)
    assert {"store.db", "runs/000001/audience.parquet", "runs/000001/batches/000.parquet"} <= set(
        lived_in.found()
    )
    assert set(HERS) - {"7400 123001"} <= {word for words in lived_in.found().values() for word in words}
    with lived_in.opened() as instance:
        done = forget_person(instance, ANN, by="Eve")
        assert done.owed == []
        assert lived_in.found() == {}  # while everything is open, so also in the store's log
        lived_in.load(instance)
        assert counts(instance) == before
        assert lived_in.balanced(instance, run)
    assert lived_in.found() == {}
    holders = set(lived_in.found((key,)))
    assert holders - {"store.db", "forgotten.txt"} == {
        path.relative_to(lived_in.var_dir).as_posix() for path in (lived_in.var_dir / "lake/events").iterdir()
    }
    assert read_owed(lived_in.var_dir) == []
    assert [trace.person_key for trace in read_forgotten(lived_in.var_dir / "forgotten.txt").people] == [key]


def tables_with(instance, text):
    """table.column of every cell of the store in which a text stands."""
    found = set()
    with instance.store.read.connect() as connection:
        for table in sa.inspect(connection).get_table_names():
            for row in connection.execute(sa.text(f'select * from "{table}"')).mappings():
                found |= {f"{table}.{name}" for name, cell in row.items() if text in str(cell)}
    return found


def test_her_person_key_is_left_where_the_suppressions_are_told(lived_in):
    with lived_in.opened() as instance:
        key = person_key(instance.keys.person, ANN)
        forget_person(instance, ANN, by="Eve")
        assert tables_with(instance, key) == {"suppressions.person_key", "events.payload"}
        kinds = query(instance.analytics, f"select distinct kind from events where person_key = '{key}'")[1]
        assert kinds == [("suppression",)]
        with instance.store.read.connect() as connection:
            rows = connection.execute(sa.text("select scope, reason, source, msisdn from suppressions")).all()
            payloads = connection.execute(sa.text("select who, what, details from audit_log")).all()
        assert {tuple(row) for row in rows} == {
            ("", "forgotten", "forget", None),
            ("purpose:news", "forgotten", "forget", None),
        }
        assert [row[:2] for row in payloads] == [("Eve", "forget"), ("Eve", "files rewritten")]
        assert key not in str(payloads)


def test_a_store_in_postgresql_forgets_alike(tmp_path, simulator, postgres_url):
    lived_in = LivedIn(tmp_path, simulator, postgres_url)
    with lived_in.opened() as instance:
        run = lived_in.live(instance)
        assert any(tables_with(instance, word) for word in HERS)
        assert forget_person(instance, ANN, by="Eve").owed == []
        assert not any(tables_with(instance, word) for word in HERS)
        lived_in.load(instance)
        assert lived_in.balanced(instance, run)
    assert lived_in.found() == {}


def test_new_fingerprints_are_noted_beside_the_old_ones(lived_in):
    with lived_in.opened() as instance:
        folder = lived_in.var_dir / "runs" / "000001"
        before = file_fingerprints(folder)
        forget_person(instance, ANN, by="Eve")
        after = file_fingerprints(folder)
        plan = orjson.loads((folder / "plan.json").read_bytes())
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {
        "audience.parquet", "batches/000.parquet", "excluded.parquet", "rejects.csv", "rejects.parquet",
    }  # fmt: skip
    assert plan["files"] == after
    noted = {one["file"]: (one["before"], one["after"]) for one in plan["rewritten"]}
    assert noted == {name: (before[name], after[name]) for name in changed}


def test_once_more_changes_nothing(lived_in):
    with lived_in.opened() as instance:
        assert forget_person(instance, ANN, by="Eve").n_files > 5
        again = forget_person(instance, ANN, by="Eve")
        assert (again.n_files, again.owed) == (0, [])
        assert (lived_in.var_dir / "forgotten.txt").read_text().count("\n") == 1


def test_others_keep_every_byte_of_theirs(lived_in):
    with lived_in.opened() as instance:
        theirs = ("Bright", "7400123002", "CUST-3", "thank you")
        before = lived_in.found(theirs)
        forget_person(instance, ANN, by="Eve")
    after = lived_in.found(theirs)
    assert after.pop("store.db") == {"thank you", "7400123002"}
    assert after == {name: words for name, words in before.items() if not name.startswith("store.db")}


def restored_into(lived_in, backup, base, *, with_the_file=True):
    new = lived_in_at(base, lived_in.simulator)
    new.var_dir.mkdir(parents=True)
    if with_the_file:
        shutil.copy(lived_in.var_dir / "forgotten.txt", new.var_dir)
    secrets = read_secrets(lived_in.var_dir / "keys")
    target = Target(var_dir=new.var_dir, store_url=new.store_url, secrets=secrets, keeps_keys=True)
    return new, restore_backup(backup, target, by="Eve", now=time.time())


def test_a_backup_that_is_restored_forgets_her_again(lived_in, tmp_path):
    with lived_in.opened() as instance:
        backup = write_backup(instance, tmp_path / "backups", now=time.time())
        forget_person(instance, ANN, by="Eve")
    new, restored = restored_into(lived_in, backup.folder, tmp_path / "new")
    assert (len(restored.forgotten.people), restored.not_erased) == (1, [])
    assert new.found() == {}
    with new.opened() as instance:
        new.load(instance)
        assert new.balanced(instance, 1)
    assert new.found() == {}


def write_again(lived_in):
    """She writes once more, and Bob does, on the page that the gateway is asked for again."""
    lived_in.simulator.reply(ANN, "please call me, Zebulonia")
    lived_in.simulator.reply(ANN, "STOP")
    lived_in.simulator.reply("+447400123002", "thank you again")
    time.sleep(0.3)


@pytest.fixture(params=["sqlite", "postgresql"])
def a_store(request, tmp_path, simulator):
    """An instance of its own on each kind of store, and a gateway that can tell all of it again."""
    if request.param == "sqlite":
        lived_in = lived_in_at(tmp_path, simulator)
    else:
        lived_in = LivedIn(tmp_path, simulator, request.getfixturevalue("postgres_url"))
    with lived_in.opened() as instance:
        lived_in.live(instance)
    return lived_in


def test_the_same_pages_pulled_again_bring_nothing_of_her_back_and_her_stop_counts(a_store):
    with a_store.opened() as instance:
        forget_person(instance, ANN, by="Eve")
        write_again(a_store)
        with instance.store.write.begin() as connection:
            connection.execute(sa.text("update accounts set receipt_cursor = null"))
            connection.execute(sa.text("delete from receipts"))  # so that every page has news
        collected = a_store.collect(instance)
        assert (collected.n_replies, collected.n_stops) == (3, 1)
        assert collected.n_new > 0
        assert not any(tables_with(instance, word) for word in HERS)
        assert a_store.found() == {}
        with instance.store.read.connect() as connection:
            texts = connection.execute(sa.text("select text from replies order by reply")).scalars().all()
        assert texts == [None, "thank you", None, None, "thank you again"]
        a_store.load(instance)
        assert a_store.balanced(instance, 1)
        assert a_store.found() == {}
        key = person_key(instance.keys.person, ANN)
        told = query(
            instance.analytics, f"select count(*) from events where kind = 'reply' and person_key = '{key}'"
        )
        assert told[1] == [(0,)]
        assert query(instance.analytics, "select count(*) from replies where is_stop")[1] == [(1,)]


def test_a_restored_store_that_asks_for_the_pages_again_learns_nothing_of_her(lived_in, tmp_path):
    with lived_in.opened() as instance:
        backup = write_backup(instance, tmp_path / "backups", now=time.time())
        forget_person(instance, ANN, by="Eve")
        write_again(lived_in)
    new, _ = restored_into(lived_in, backup.folder, tmp_path / "new")
    with new.opened() as instance:
        new.collect(instance)
        finish_forgetting(instance, pause_s=0)
        assert new.found() == {}
        new.load(instance)
        assert new.balanced(instance, 1)
        assert query(instance.analytics, "select count(*) from replies")[1] == [(5,)]
    assert new.found() == {}


def test_what_was_owed_when_a_backup_was_made_is_done_by_its_restore(lived_in, tmp_path):
    """Also where forgotten.txt was lost with the machine: the suppression list of the backup names her."""
    with lived_in.opened() as instance:
        lived_in.plan_run(instance, "Hello {{ first_name }}")
        forget_person(instance, ANN, by="Eve")
        assert set(lived_in.found()) == {"runs/000002/batches/000.parquet"}
        backup = write_backup(instance, tmp_path / "backups", now=time.time())
    new, _ = restored_into(lived_in, backup.folder, tmp_path / "new", with_the_file=False)
    assert new.found() == {}


def test_what_a_restored_store_had_not_read_yet_is_told_and_blanked_as_it_is_read(lived_in, tmp_path):
    with lived_in.opened() as instance:
        with instance.store.write.begin() as connection:
            connection.execute(sa.text("update receipt_pages set read_at = null"))
            connection.execute(sa.text("delete from replies"))
        backup = write_backup(instance, tmp_path / "backups", now=time.time())
        forget_person(instance, ANN, by="Eve")
    new, restored = restored_into(lived_in, backup.folder, tmp_path / "new")
    assert "were not read yet; they are blanked as they are read" in restored.not_erased[0]
    with new.opened() as instance:
        new.collect(instance)
    assert new.found() == {}


def test_house_keeping_forgets_whoever_an_older_version_let_come_back(a_store):
    with a_store.opened() as instance:
        forget_person(instance, ANN, by="Eve")
        key = person_key(instance.keys.person, ANN)
        with instance.store.write.begin() as connection:
            reply = {"account": "sim", "gateway_message_id": "old", "to": "x", "received_at": 5.0}
            connection.execute(
                sa.insert(replies).values(person_key=key, msisdn=ANN, text="please call me", **reply)
            )
            connection.execute(
                sa.insert(events).values(
                    kind="reply", at=5.0, payload=f'{{"person_key":"{key}","account":"sim"}}'
                )
            )
            body = f'{{"replies":[{{"from":"{ANN}","text":"please call me"}}]}}'.encode()
            connection.execute(
                sa.insert(receipt_pages).values(account="sim", fetched_at=5.0, body=body, read_at=5.0)
            )
        a_store.load(instance)
        assert finish_forgetting(instance, pause_s=0).owed == []
        assert not any(tables_with(instance, word) for word in HERS)
        assert a_store.found() == {}
        named = {"suppressions.person_key", "events.payload"}  # of the suppression itself
        assert tables_with(instance, key) == named
        told = query(instance.analytics, f"select distinct kind from events where person_key = '{key}'")
        assert told[1] == [("suppression",)]
        assert read_owed(a_store.var_dir) == []


def test_under_a_run_that_may_still_send_the_batches_wait_until_it_is_over(lived_in):
    with lived_in.opened() as instance:
        run = lived_in.plan_run(instance, "Hello {{ first_name }}").run
        done = forget_person(instance, ANN, by="Eve")
        assert [text.split(":")[0] for text in done.owed] == [f"run {run}"]
        assert set(lived_in.found()) == {"runs/000002/batches/000.parquet"}
        assert finish_forgetting(instance).owed == []  # nothing to be done yet
        assert [owed.runs for owed in read_owed(lived_in.var_dir)] == [[run]]
        lived_in.send(instance, run)
        assert {(o.row, o.stop_reason) for o in rows(instance, sa.select(outcomes).where(outcomes.c.run == run))} == {
            (0, "opted_out"), (1, None), (2, None),
        }  # fmt: skip
        assert lived_in.simulator.ledger()["messages"] == 2
        assert finish_forgetting(instance, pause_s=0).n_files == 1
        assert lived_in.found() == {}
        assert read_owed(lived_in.var_dir) == []
        assert lived_in.balanced(instance, run)
        assert finish_forgetting(instance, pause_s=0).n_files == 0


def test_a_run_that_is_being_planned_is_looked_at_when_its_plan_is_there(lived_in):
    with lived_in.opened() as instance:
        planning = bind_run(
            instance.store, flow_run_id="f", run_key=None, campaign="spring", account="sim", origin="hand",
            is_simulated=True, now=time.time(),
        )  # fmt: skip
        assert len(forget_person(instance, ANN, by="Eve").owed) == 1
        move_run(instance.store, planning.run, RunState.FAILED_IN_PLANNING, reason="x", now=time.time())
        assert finish_forgetting(instance, pause_s=0).owed == []
        assert read_owed(lived_in.var_dir) == []


def test_what_an_import_at_work_rejects_is_looked_at_when_it_has_ended(lived_in):
    """The store does not know of it while its source is read."""
    with lived_in.opened() as instance:
        with only_one(lived_in.var_dir / "imports" / ".members.lock"):
            assert "the import members is at work" in forget_person(instance, ANN, by="Eve").owed[0]
            lived_in.plan_run(instance, "what it writes")
        assert finish_forgetting(instance, pause_s=0).owed == []
        assert "imports/000001/rejects.csv" not in lived_in.found()


def test_a_page_that_nobody_has_read_is_read_before_it_is_blanked(lived_in):
    with lived_in.opened() as instance:
        with instance.store.write.begin() as connection:
            connection.execute(sa.text("update receipt_pages set read_at = null"))
        assert "were not read yet" in forget_person(instance, ANN, by="Eve").owed[0]
        lived_in.collect(instance)
        assert finish_forgetting(instance, pause_s=0).owed == []
        assert lived_in.found() == {}


def test_a_file_that_cannot_be_read_is_named_and_stops_nothing_else(lived_in):
    with lived_in.opened() as instance:
        (lived_in.var_dir / "runs/000001/excluded.parquet").write_bytes(b"no parquet")
        [owed] = forget_person(instance, ANN, by="Eve").owed
        assert owed.startswith("runs/000001/excluded.parquet cannot be read (")
        (lived_in.var_dir / "runs/000001/excluded.parquet").unlink()
        assert lived_in.found() == {}
        assert finish_forgetting(instance, pause_s=0).owed == []


def test_a_source_that_still_has_her_brings_nothing_of_her_back(lived_in):
    with lived_in.opened() as instance:
        forget_person(instance, ANN, by="Eve")
        run = lived_in.plan_run(instance, "again")
        folder = lived_in.var_dir / "runs" / "000002"
        excluded = pl.read_parquet(folder / "excluded.parquet")
        assert excluded.filter(pl.col("msisdn").is_null()).select("source_row", "reason").rows() == [
            (2, "suppressed"),
            (5, "suppressed"),
        ]
        assert {name for name in lived_in.found() if "rejects" not in name} == set()
        assert lived_in.balanced(instance, run.run)
        lived_in.send(instance, run.run)
        lived_in.load(instance)
        assert {name for name in lived_in.found() if "rejects" not in name} == set()


STEPS = [  # where, and how many calls of it come to their end
    (forgotten, "_append", 0),
    (forgotten, "_suppress", 0),
    (forgotten, "_unname", 0),
    (forgotten, "_erase", 0),
    (forgetting, "rows_of_rejects", 0),
    (forgetting, "erase_rejects", 0),
    (forgetting, "write_text", 0),
    (erasing, "_blanked", 0),
    (forgetting, "erase_pages", 0),
    (forgetting, "erase_again", 0),
    (forgetting, "empty_log", 0),
    (forgetting, "remove_owed", 0),
    (forgotten, "_erase", 3),
    (forgetting, "write_text", 1),
    (erasing, "_blanked", 2),
]


class Crash(BaseException):
    """The process is gone."""


@pytest.mark.parametrize(("module", "step", "after"), STEPS)
def test_a_crash_at_any_step_leaves_it_owed_and_house_keeping_finishes_it(
    lived_in, monkeypatch, module, step, after
):
    do, calls = getattr(module, step), []

    def crash(*args, **named):
        calls.append(step)
        if len(calls) > after:
            raise Crash
        return do(*args, **named)

    with lived_in.opened() as instance:
        before = counts(instance)
        with monkeypatch.context() as patched:
            patched.setattr(module, step, crash)
            try:
                forget_person(instance, ANN, by="Eve")
            except Crash:
                assert len(read_owed(lived_in.var_dir)) == 1
        finish_forgetting(instance, pause_s=0)
        assert lived_in.found() == {}
        assert read_owed(lived_in.var_dir) == []
        lived_in.load(instance)
        assert counts(instance) == before
        assert lived_in.balanced(instance, 1)
        folder = lived_in.var_dir / "runs" / "000001"
        assert orjson.loads((folder / "plan.json").read_bytes())["files"] == file_fingerprints(folder)


def test_messages_of_hers_that_are_in_doubt_are_never_sent_again(lived_in):
    with lived_in.opened() as instance:
        run = 1
        forget_person(instance, ANN, by="Eve")
        with instance.store.write.begin() as connection:
            connection.execute(sa.update(outcomes).values(status=3, receipt=None, attempts=0))
        move_run(instance.store, run, RunState.FINISHED_WITH_UNSENT, reason="x", now=time.time())
        with instance.store.write.begin() as connection:
            connection.execute(sa.text("update runs set state = 'sending'"))
        sent = lived_in.simulator.ledger()["messages"]
        lived_in.send(instance, run)
        assert lived_in.simulator.ledger()["messages"] == sent + 2
        stopped = rows(instance, sa.select(outcomes.c.row).where(outcomes.c.stop_reason == "opted_out"))
        assert [row for (row,) in stopped] == [0]
        assert read_run(instance.store, run).state.is_over


def rows(instance, statement):
    with instance.store.read.connect() as connection:
        return connection.execute(statement).all()
