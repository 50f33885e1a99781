"""A backup becomes an instance again, in which nobody is texted twice because of it."""

from __future__ import annotations

import shutil
import stat

import orjson
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from data import backup_postgres
from data.accounts import Account, CredentialsSealed, save_account
from data.backup import write_backup
from data.backup_manifest import BackupError
from data.connections import Connection, ConnectionSealed, save_connection
from data.file_lock import only_one
from data.forgotten import forget
from data.instance import RESTORING, VarDirError, read_identity
from data.keys import KeysError, read_secrets
from data.restores import RUNS_SKIPPED, RepeatUnknown
from data.runs import RepeatRefused, move_run, read_run
from data.store.migrate import HEAD, StoreIsNewer
from data.whole_files import write_text
from engine import restoring
from engine.occurrences import lost_in_restore
from engine.restoring import CannotRestore, Target, restore_backup
from engine.run_control import CannotSteer, cancel_run, resume_run
from messaging.runs import RunState
from messaging.traces import Trace
from tests.data.small_house import NOW, House, bind, freeze, house_in, rows, set_state, terms

HOUR = 3600.0
LATER = NOW + HOUR


@pytest.fixture
def lost(tmp_path) -> House:
    """The instance that is backed up, and lost afterwards."""
    return house_in(tmp_path / "lost")


@pytest.fixture
def back_up(lost, tmp_path):
    """Backs up what is in the lost instance; a function makes it a richer one first."""

    def make(fill=lambda instance: freeze(instance, bind(instance))):
        with lost.opened() as instance:
            fill(instance)
            return write_backup(instance, tmp_path / "backups", now=NOW).folder

    return make


def target_at(house: House, keys_of: House, *, keeps_keys: bool = True) -> Target:
    return Target(
        var_dir=house.var_dir,
        store_url=house.store_url,
        secrets=read_secrets(keys_of.var_dir / "keys"),
        keeps_keys=keeps_keys,
    )


@pytest.fixture
def new(tmp_path) -> House:
    """Where it is restored to."""
    return house_in(tmp_path / "new")


@pytest.fixture
def restore(lost, new):
    def do(folder, *, now=LATER):
        return restore_backup(folder, target_at(new, lost), by="ann", now=now)

    return do


# What comes back


def test_a_restored_instance_has_an_id_of_its_own_and_the_old_keys(lost, new, back_up, restore):
    restored = restore(back_up())
    with lost.opened() as before, new.opened() as after:
        assert read_identity(after.store).instance_id == after.instance_id == restored.instance_id
        assert after.instance_id != before.instance_id
        assert after.keys == before.keys


def test_its_files_are_what_they_were(lost, new, back_up, restore):
    restore(back_up())
    assert new.files() == lost.files()


def test_it_is_private(new, back_up, restore):
    restore(back_up())
    for path in (new.var_dir, *new.var_dir.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_nothing_of_the_work_is_left(new, back_up, restore):
    restore(back_up())
    assert {path.name for path in new.var_dir.iterdir()} == {
        "store.db",
        "runs",
        "lake",
        "keys",
        ".restore.lock",
    }


def test_it_can_be_backed_up_and_restored_once_more(new, tmp_path, back_up, restore):
    restore(back_up())
    with new.opened() as instance:
        again = write_backup(instance, tmp_path / "backups", now=LATER + 1)
    third = house_in(tmp_path / "third")
    restore_backup(again.folder, target_at(third, new), by="ann", now=LATER + HOUR)
    with third.opened() as instance:
        assert rows(instance, "select backup_at, restored_at from restores order by 1") == [
            (NOW, LATER),
            (LATER + 1, LATER + HOUR),
        ]


# Everything starts paused


@pytest.mark.parametrize(
    "state",
    [state for state in RunState if state not in {RunState.FINISHED, RunState.CANCELLED, RunState.PLANNING,
                                                  RunState.FAILED_IN_PLANNING}],
)  # fmt: skip
def test_a_run_that_was_not_over_is_paused(new, back_up, restore, state):
    def fill(instance):
        freeze(instance, bind(instance))
        set_state(instance, 1, state)

    restored = restore(back_up(fill))
    with new.opened() as instance:
        run = read_run(instance.store, 1)
        assert (run.state, run.state_reason) == (
            RunState.PAUSED,
            "restored from the backup of 2026-09-21 14:13 UTC",
        )
        assert rows(
            instance, "select payload from events where kind = 'run' order by event desc limit 1"
        ) == [(orjson.dumps({"state": "paused", "reason": run.state_reason}).decode(),)]
    assert (restored.runs.n_paused, restored.runs.n_cancelled) == (1, 0)


@pytest.mark.parametrize("state", [RunState.FINISHED, RunState.CANCELLED])
def test_a_run_that_is_over_for_good_stays_so(new, back_up, restore, state):
    def fill(instance):
        freeze(instance, bind(instance))
        set_state(instance, 1, state)

    assert restore(back_up(fill)).runs.n_paused == 0
    with new.opened() as instance:
        assert read_run(instance.store, 1).state is state


@pytest.mark.parametrize("state", [RunState.PLANNING, RunState.FAILED_IN_PLANNING])
def test_a_run_without_a_plan_may_have_been_sent_since_and_is_never_planned_again(
    new, back_up, restore, state
):
    def fill(instance):
        set_state(instance, bind(instance, flow_run_id="flow").run, state)

    assert restore(back_up(fill)).runs.n_cancelled == 1
    with new.opened() as instance:
        assert bind(instance, flow_run_id="flow").state is RunState.CANCELLED
        assert not move_run(instance.store, 1, RunState.PLANNING, now=LATER)


# In doubt


def test_every_message_that_was_not_final_is_unconfirmed(new, back_up, restore):
    assert restore(back_up()).n_unconfirmed == 10
    with new.opened() as instance:
        assert terms(instance, 1) == {"unconfirmed": 10}


def test_a_resumed_run_sends_nothing_of_it_by_itself(new, back_up, restore):
    restore(back_up())
    with new.opened() as instance:
        resumed = resume_run(instance.store, 1, by="ann", now=LATER, opt_outs_checked=True)
        assert resumed.run.state is RunState.FINISHED_WITH_UNCONFIRMED
        assert terms(instance, 1) == {"unconfirmed": 10}


# Numbers


def test_run_numbers_go_on_above_any_that_can_have_been_used_since(new, back_up, restore):
    restored = restore(back_up())
    with new.opened() as instance:
        assert bind(instance).run == restored.runs.next_run == 1 + RUNS_SKIPPED + HOUR + 1


def test_a_number_that_no_run_bears_any_more_counts_too(new, back_up, restore):
    def fill(instance):
        bind(instance)
        with instance.store.write.begin() as connection:
            connection.execute(sa.text("delete from runs"))

    restore(back_up(fill))
    with new.opened() as instance:
        assert bind(instance).run > 1 + RUNS_SKIPPED


def test_a_store_without_any_run_skips_numbers_as_well(new, back_up, restore):
    restore(back_up(lambda _: None))
    with new.opened() as instance:
        assert bind(instance).run == RUNS_SKIPPED + HOUR + 1


def test_a_backup_that_is_restored_twice_gives_no_number_twice(lost, new, tmp_path, back_up, restore):
    folder = back_up()
    restore(folder)
    with new.opened() as instance:
        used = {bind(instance).run for _ in range(20)}
    second = house_in(tmp_path / "second")
    restore_backup(folder, target_at(second, lost), by="ann", now=LATER + 60)
    with second.opened() as instance:
        assert bind(instance).run > max(used)


# What happened in between is not known


def test_the_same_text_to_the_same_source_needs_again_while_nobody_knows(new, back_up, restore):
    restore(back_up(lambda _: None))
    with new.opened() as instance:
        run = bind(instance)
        with pytest.raises(RepeatUnknown) as refused:
            freeze(instance, run, now=LATER + 60, repeats_since=LATER - 23 * HOUR)
        assert "between 2026-09-21 14:13 UTC and 2026-09-21 15:13 UTC is not known" in str(refused.value)
        assert "--again" in str(refused.value)
        assert freeze(instance, run, now=LATER + 60, repeats_since=None).is_frozen  # --again, or a schedule


def test_after_repeat_after_the_span_counts_no_more(new, back_up, restore):
    restore(back_up(lambda _: None))
    with new.opened() as instance:
        assert freeze(instance, bind(instance), now=LATER + 25 * HOUR, repeats_since=LATER + HOUR).is_frozen


def test_a_repetition_that_is_known_is_told_by_its_name(new, back_up, restore):
    restore(back_up())
    with new.opened() as instance, pytest.raises(RepeatRefused, match="run 1"):
        freeze(instance, bind(instance), now=LATER + 60, repeats_since=NOW - HOUR)


def lost_start(instance, due_at, **start):
    return lost_in_restore(instance.store, due_at=due_at, **{"flow_run_id": "flow", "run_key": None, **start})


@pytest.mark.parametrize("due_at", [NOW + 60, NOW - 60])
def test_an_occurrence_that_was_due_before_the_restore_is_skipped(new, back_up, restore, due_at):
    restore(back_up())
    with new.opened() as instance:
        assert "was sent between 2026-09-21 14:13 UTC and 2026-09-21 15:13 UTC is not known" in lost_start(
            instance, due_at
        )


def test_an_occurrence_after_the_restore_is_sent(new, back_up, restore):
    restore(back_up())
    with new.opened() as instance:
        assert lost_start(instance, LATER + 1) is None


@pytest.mark.parametrize("start", [{"flow_run_id": "known"}, {"run_key": "spring@9"}])
def test_a_start_whose_run_is_in_the_backup_goes_its_way(new, back_up, restore, start):
    restore(back_up(lambda instance: bind(instance, run_key="spring@9", flow_run_id="known")))
    with new.opened() as instance:
        assert lost_start(instance, NOW - 60, **start) is None


def test_where_nothing_was_restored_nothing_is_lost(lost):
    with lost.opened() as instance:
        assert lost_start(instance, NOW) is None


# Opt-outs


def test_no_run_resumes_until_a_person_says_that_opt_outs_were_looked_for(new, back_up, restore):
    restore(back_up())
    with new.opened() as instance:
        with pytest.raises(CannotSteer) as refused:
            resume_run(instance.store, 1, by="ann", now=LATER)
        assert str(refused.value) == (
            "this instance was restored, and who opted out between 2026-09-21 14:13 UTC and 2026-09-21 15:13 UTC may "
            "be missing here; pull or import those opt-outs (`tidings suppress import FILE`), then say so: "
            "`tidings resume 1 --opt-outs-checked`."
        )
        assert not move_run(instance.store, 1, RunState.SENDING, now=LATER), "by no other way either"
        resume_run(instance.store, 1, by="bea", now=LATER + 5, opt_outs_checked=True)
        assert rows(instance, "select opt_outs_checked_by, opt_outs_checked_at from restores") == [
            ("bea", LATER + 5)
        ]
        assert rows(instance, "select who, at from audit_log where what = 'opt-outs checked'") == [
            ("bea", LATER + 5)
        ]


def test_it_is_said_once_for_every_run(new, back_up, restore):
    def fill(instance):
        for _ in range(2):
            freeze(instance, bind(instance))

    restore(back_up(fill))
    with new.opened() as instance:
        resume_run(instance.store, 1, by="ann", now=LATER, opt_outs_checked=True)
        resume_run(instance.store, 2, by="ann", now=LATER)
        assert rows(instance, "select count(*) from audit_log where what = 'opt-outs checked'") == [(1,)]


def test_a_new_run_starts_paused_until_then(new, back_up, restore):
    restore(back_up(lambda _: None))
    with new.opened() as instance:
        run = freeze(instance, bind(instance), now=LATER)
        assert run.state is RunState.PAUSED
        assert "opt-outs between" in str(run.state_reason)
        resumed = resume_run(instance.store, run.run, by="ann", now=LATER, opt_outs_checked=True)
        assert resumed.run.state is RunState.SENDING
        assert freeze(instance, bind(instance), now=LATER + 1).state is RunState.SENDING


def test_a_restored_run_may_be_cancelled_without_it(new, back_up, restore):
    restore(back_up())
    with new.opened() as instance:
        assert cancel_run(instance.store, 1, by="ann", now=LATER).n_stopped == 0
        assert terms(instance, 1) == {"unconfirmed": 10}


def test_people_who_were_forgotten_since_the_backup_are_forgotten_again(lost, new, back_up, restore):
    folder, person = back_up(), "a" * 32
    with lost.opened() as instance:
        forget(instance.store, lost.var_dir / "forgotten.txt", [Trace(person)], now=NOW + 60)
    new.var_dir.mkdir()
    shutil.copy(lost.var_dir / "forgotten.txt", new.var_dir)
    assert restore(folder).forgotten.person_keys == [person]
    with new.opened() as instance:
        assert rows(instance, "select person_key, msisdn, reason from suppressions") == [
            (person, None, "forgotten")
        ]


# Refused, with nothing left behind


@pytest.mark.parametrize(
    "taken", ["store.db", "store.db-wal", "runs/000001/plan.json", "lake/runs/1.parquet"]
)
def test_an_existing_instance_is_never_written_over(new, back_up, restore, taken):
    folder = back_up()
    write_text("mine", new.var_dir / taken)
    with pytest.raises(CannotRestore, match="restored into an empty one"):
        restore(folder)
    assert {path.name for path in new.var_dir.iterdir()} == {taken.split("/")[0], ".restore.lock"}
    assert (new.var_dir / taken).read_text() == "mine"


def leaves_nothing(house: House) -> bool:
    return not house.var_dir.exists() or {path.name for path in house.var_dir.iterdir()} <= {".restore.lock"}


def test_other_keys_are_refused(new, tmp_path, back_up):
    folder, other = back_up(), house_in(tmp_path / "other")
    with other.opened():
        pass
    with pytest.raises(KeysError, match="these are not the keys of"):
        restore_backup(folder, target_at(new, other), by="ann", now=LATER)
    assert leaves_nothing(new)


def with_credentials(instance):
    account = Account(account="carrier", kind="simulator", credentials={"token": "t"})
    save_account(instance.store, account, sealing_key=instance.keys.sealing)


def with_a_connection(instance):
    connection = Connection(name="crm", kind="http", url="https://crm.example", token="t")
    save_connection(instance.store, connection, sealing_key=instance.keys.sealing)


@pytest.mark.parametrize(
    ("fill", "refusal", "name"),
    [(with_credentials, CredentialsSealed, "carrier"), (with_a_connection, ConnectionSealed, "crm")],
)
def test_another_sealing_key_is_refused_when_it_does_not_open_what_is_sealed(
    lost, new, back_up, fill, refusal, name
):
    folder = back_up(fill)
    secrets = read_secrets(lost.var_dir / "keys", sealing=SecretStr("2" * 64))
    target = Target(var_dir=new.var_dir, store_url=new.store_url, secrets=secrets, keeps_keys=True)
    with pytest.raises(refusal, match=name):
        restore_backup(folder, target, by="ann", now=LATER)
    assert leaves_nothing(new)


@pytest.mark.parametrize("name", ["store.db", "runs/000001/audience.parquet"])
def test_a_damaged_backup_is_one_sentence_and_leaves_nothing(new, back_up, restore, name):
    folder = back_up()
    (folder / name).write_bytes(b"other")
    with pytest.raises(BackupError, match="is damaged"):
        restore(folder)
    assert leaves_nothing(new)


def test_a_backup_of_a_later_tidings_is_refused(new, back_up, restore, monkeypatch):
    folder = back_up()
    monkeypatch.setattr(restoring, "HEAD", "0000")
    with pytest.raises(StoreIsNewer, match=f"has schema {HEAD}"):
        restore(folder)
    assert leaves_nothing(new)


def test_a_backup_of_another_kind_of_store_is_refused(lost, new, back_up):
    folder = back_up()
    target = Target(
        var_dir=new.var_dir,
        store_url="postgresql+psycopg://nobody@localhost/nothing",
        secrets=read_secrets(lost.var_dir / "keys"),
        keeps_keys=False,
    )
    with pytest.raises(CannotRestore, match="holds an SQLite store"):
        restore_backup(folder, target, by="ann", now=LATER)
    assert leaves_nothing(new)


def test_a_failure_at_the_last_moment_leaves_nothing(new, back_up, restore, monkeypatch):
    folder = back_up()

    def fail(*_args, **_how):
        raise KeyboardInterrupt

    monkeypatch.setattr(restoring, "record_restore", fail)
    with pytest.raises(KeyboardInterrupt):
        restore(folder)
    (new.var_dir / "keys" / "pseudonym").unlink()
    (new.var_dir / "keys" / "sealing").unlink()
    (new.var_dir / "keys").rmdir()
    assert leaves_nothing(new)


def test_a_restore_that_was_killed_opens_for_nobody_and_can_be_repeated(new, back_up, restore, monkeypatch):
    folder = back_up()
    with monkeypatch.context() as patch:
        patch.setattr(restoring, "_clear", lambda _target: None)  # a killed process clears nothing away
        patch.setattr(restoring, "_move_store", lambda _target: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            restore(folder)
    assert (new.var_dir / RESTORING).exists()
    with pytest.raises(VarDirError, match="once more"), new.opened():
        pass
    restore(folder)
    with new.opened() as instance:
        assert terms(instance, 1) == {"unconfirmed": 10}


def test_two_restores_at_once_are_one_too_many(new, back_up, restore):
    folder = back_up()
    with only_one(new.var_dir / restoring.LOCK_FILE), pytest.raises(CannotRestore, match="another restore"):
        restore(folder)


# PostgreSQL


@pytest.fixture
def postgres_house(postgres_url, tmp_path):
    if shutil.which("pg_dump") is None or shutil.which("pg_restore") is None:
        pytest.skip("pg_dump and pg_restore are not installed")
    return House(tmp_path / "lost", postgres_url)


@pytest.fixture
def another_postgres_url(postgres):
    return postgres.new_database()


@pytest.mark.slow
def test_a_store_in_postgresql_comes_back_as_a_new_instance(postgres_house, another_postgres_url, tmp_path):
    with postgres_house.opened() as before:
        freeze(before, bind(before))
        folder = write_backup(before, tmp_path / "backups", now=NOW).folder
        bind(before)  # after the backup
    assert {path.name for path in folder.iterdir()} == {"manifest.json", "store.dump", "runs", "lake"}
    new = House(tmp_path / "new", another_postgres_url)
    restored = restore_backup(folder, target_at(new, postgres_house), by="ann", now=LATER)
    with new.opened() as after:
        assert after.instance_id == restored.instance_id != before.instance_id
        assert terms(after, 1) == {"unconfirmed": 10}
        assert read_run(after.store, 1).state is RunState.PAUSED
        assert bind(after).run == restored.runs.next_run > 1 + RUNS_SKIPPED
        assert not move_run(after.store, 1, RunState.SENDING, now=LATER)
        resume_run(after.store, 1, by="ann", now=LATER, opt_outs_checked=True)
    with pytest.raises(CannotRestore, match="taken already"):
        restore_backup(
            folder, target_at(House(tmp_path / "third", another_postgres_url), new), by="ann", now=LATER
        )


@pytest.mark.slow
def test_a_dump_that_somebody_loads_by_hand_opens_for_nobody(postgres_house, another_postgres_url, tmp_path):
    with postgres_house.opened() as instance:
        folder = write_backup(instance, tmp_path / "backups", now=NOW).folder
    backup_postgres.load(another_postgres_url, folder / "store.dump")
    with (
        pytest.raises(Exception, match="tidings restore"),
        House(postgres_house.var_dir, another_postgres_url).opened(),
    ):
        pass


@pytest.mark.slow
def test_a_restore_into_postgresql_that_fails_leaves_an_empty_database(
    postgres_house, another_postgres_url, tmp_path, monkeypatch
):
    with postgres_house.opened() as instance:
        folder = write_backup(instance, tmp_path / "backups", now=NOW).folder
    new = House(tmp_path / "new", another_postgres_url)
    with monkeypatch.context() as patch:
        patch.setattr(restoring, "record_restore", lambda *_args, **_how: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            restore_backup(folder, target_at(new, postgres_house), by="ann", now=LATER)
    restore_backup(folder, target_at(new, postgres_house), by="ann", now=LATER)


@pytest.mark.slow
def test_a_missing_program_and_a_server_out_of_reach_are_one_sentence(postgres_house, tmp_path, monkeypatch):
    with postgres_house.opened() as instance, monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        with pytest.raises(BackupError, match="pg_dump is not installed here"):
            write_backup(instance, tmp_path / "backups", now=NOW)
    url = f"postgresql+psycopg://tidings:open-sesame@/nothing?host={tmp_path}"
    with pytest.raises(BackupError, match="pg_restore failed") as failed:
        backup_postgres.load(url, tmp_path / "none")
    assert "sesame" not in str(failed.value)
    assert "\n" not in str(failed.value)
