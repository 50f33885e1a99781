"""A store is brought to this code's schema, or refused in one sentence with nothing changed."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from data.store import migrate
from data.store.engine import Store, open_store
from data.store.migrate import HEAD, MIGRATIONS, StoreError, StoreIsNewer, prepare_store, sqlite_path
from data.store.tables import metadata

NOW = 1_790_000_000.0


def instance_of(store: Store) -> tuple[object, ...]:
    with store.read.connect() as connection:
        return tuple(connection.execute(sa.text("select id, instance_id, created_at from instance")).one())


def set_version(url: str, version: str) -> None:
    store = open_store(url)
    with store.write.begin() as connection:
        connection.execute(sa.text("update alembic_version set version_num = :version"), {"version": version})
    store.close()


def is_another_default(_context, _found, _said, found: str | None, _clause, said: str | None) -> bool | None:
    """None leaves it to Alembic, which takes SQLite's ('') for something other than ''."""
    return False if (found, said) == ("('')", "") else None


def differences(store: Store) -> list[object]:
    """What Alembic would still have to change for the store to be as `tables.py` says."""
    with store.read.connect() as connection:
        options = {"compare_type": True, "compare_server_default": is_another_default}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def test_a_fresh_store_has_every_table_and_an_id(store):
    with store.read.connect() as connection:
        assert set(sa.inspect(connection).get_table_names()) == {*metadata.tables, "alembic_version"}
    number, instance_id, created_at = instance_of(store)
    assert (number, created_at) == (1, NOW)
    assert re.fullmatch("[0-9a-f]{32}", str(instance_id))


def test_preparing_again_changes_nothing(store):
    before = instance_of(store)
    again = prepare_store(store.url, now=NOW + 1000)
    assert instance_of(again) == before
    again.close()


def test_preparing_again_does_not_even_import_alembic(store):
    code = (
        "import sys; from data.store.migrate import prepare_store; prepare_store(sys.argv[1], now=0.0).close();"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, store.url], check=False).returncode == 0


def test_what_the_migrations_make_is_what_the_tables_say(store):
    assert differences(store) == []


def test_a_column_that_only_the_code_knows_would_be_noticed(store):
    with store.write.begin() as connection:
        connection.execute(sa.text("alter table suppressions drop column reason"))
    assert len(differences(store)) == 1


def test_head_is_the_newest_migration():
    revisions = sorted(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    assert revisions[-1] == HEAD


def test_two_processes_may_prepare_a_fresh_store_at_once(store_url):
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: prepare_store(store_url, now=NOW), range(4)))
    assert len({instance_of(store) for store in stores}) == 1
    for store in stores:
        store.close()


def test_a_newer_store_is_refused_and_left_as_it_is(store_url):
    prepare_store(store_url, now=NOW).close()
    set_version(store_url, "9999")
    before = sqlite_path(store_url).read_bytes()
    with pytest.raises(StoreIsNewer) as raised:
        prepare_store(store_url, now=NOW)
    assert f"has schema 9999 and this Tidings knows up to {HEAD}, so nothing was changed" in str(raised.value)
    assert sqlite_path(store_url).read_bytes() == before


NEXT = "9000"
NEXT_MIGRATION = f"""
import sqlalchemy as sa
from alembic import op

revision = "{NEXT}"
down_revision = "{HEAD}"


def upgrade() -> None:
    op.add_column("suppressions", sa.Column("note", sa.Text()))
    op.execute("insert into audit_log (at, who, what) values (0, 'migration', '{NEXT}')")
"""


@pytest.fixture
def next_version(tmp_path, monkeypatch):
    """The code of a later Tidings, which has one more migration."""
    migrations = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, migrations, ignore=shutil.ignore_patterns("__pycache__"))
    (migrations / "versions" / "9000_a_note.py").write_text(NEXT_MIGRATION)

    def update() -> None:
        monkeypatch.setattr(migrate, "MIGRATIONS", migrations)
        monkeypatch.setattr(migrate, "HEAD", NEXT)

    return update


def migrations_run(store: Store) -> list[str]:
    with store.read.connect() as connection:
        return list(connection.execute(sa.text("select what from audit_log")).scalars())


@pytest.mark.parametrize("url", ["store_url", pytest.param("postgres_url", marks=pytest.mark.slow)])
def test_of_processes_that_start_at_once_one_migrates(url, request, next_version, monkeypatch, tmp_path):
    url = request.getfixturevalue(url)
    before = prepare_store(url, now=NOW)
    next_version()
    # Each has seen the old schema before any of them holds the lock.
    monkeypatch.setattr(migrate, "_version", lambda _store: HEAD)
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: prepare_store(url, now=NOW), range(4)))
    assert migrations_run(before) == [NEXT]
    for copy in tmp_path.glob("*.before-*"):
        as_it_was = open_store(f"sqlite:///{copy}")
        assert migrations_run(as_it_was) == [], "who came second has copied what the first had migrated"
        as_it_was.close()
    for store in (before, *stores):
        store.close()


def test_a_store_is_copied_before_it_is_migrated(store_url, next_version):
    prepare_store(store_url, now=NOW).close()
    next_version()
    migrated = prepare_store(store_url, now=NOW)
    copy = sqlite_path(store_url).with_name(f"store.db.before-{NEXT}-was-{HEAD}")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    as_it_was = open_store(f"sqlite:///{copy}")
    assert (migrations_run(as_it_was), migrations_run(migrated)) == ([], [NEXT])
    assert instance_of(as_it_was) == instance_of(migrated)
    for store in (migrated, as_it_was):
        store.close()


def test_the_first_schema_is_brought_to_this_one_with_its_runs(store_url, monkeypatch, tmp_path):
    migrations = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, migrations, ignore=shutil.ignore_patterns("__pycache__", "000[2-9]*"))
    with monkeypatch.context() as first:
        first.setattr(migrate, "MIGRATIONS", migrations)
        first.setattr(migrate, "HEAD", "0001")
        old = prepare_store(store_url, now=NOW)
    with old.write.begin() as connection:
        connection.execute(
            sa.text(
                "insert into runs (campaign, state, origin, is_simulated, account, created_at) "
                "values ('old', 'sending', 'hand', true, 'sim', 1)"
            )
        )
    old.close()
    migrated = prepare_store(store_url, now=NOW)
    assert differences(migrated) == []
    with migrated.read.connect() as connection:
        assert connection.execute(sa.text("select campaign, purpose from runs")).all() == [
            ("old", "marketing")
        ]
    migrated.close()


def test_a_store_without_an_identity_gets_none_by_being_migrated(store, next_version):
    # It is a backup, and stays recognisable as one.
    with store.write.begin() as connection:
        connection.execute(sa.text("delete from instance"))
    next_version()
    again = prepare_store(store.url, now=NOW)
    with again.read.connect() as connection:
        assert connection.execute(sa.text("select count(*) from instance")).scalar() == 0
    again.close()


def test_the_file_and_its_folder_are_private(tmp_path):
    path = tmp_path / "var" / "store.db"
    old_mask = os.umask(0)
    try:
        prepare_store(f"sqlite:///{path}", now=NOW).close()
    finally:
        os.umask(old_mask)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_sqlite_writes_beside_the_file_is_private_too(store):
    with store.write.begin() as connection:
        connection.execute(sa.text("update instance set created_at = 1"))
    beside = list(sqlite_path(store.url).parent.glob("store.db-*"))
    assert beside
    assert {stat.S_IMODE(path.stat().st_mode) for path in beside} == {0o600}


def test_a_store_under_a_file_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "var").write_text("a file where the folder should be")
    with pytest.raises(StoreError) as raised:
        prepare_store(f"sqlite:///{tmp_path}/var/store.db", now=NOW)
    assert f"the store {tmp_path}/var/store.db cannot be written (" in str(raised.value)
    assert "TIDINGS_VAR_DIR" in str(raised.value)


@pytest.fixture
def locked_folder(tmp_path):
    """Root may write anywhere, so root is nobody for the time of the test."""
    tmp_path.chmod(0o555)
    me = os.geteuid()
    if me == 0:
        os.seteuid(65534)
    yield tmp_path
    os.seteuid(me)


def test_a_folder_without_permission_is_refused_in_one_sentence(locked_folder):
    with pytest.raises(StoreError, match="Permission denied"):
        prepare_store(f"sqlite:///{locked_folder}/store.db", now=NOW)


def test_a_folder_in_the_place_of_the_store_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(StoreError, match="Is a directory"):
        prepare_store(f"sqlite:///{tmp_path}", now=NOW)


def test_a_file_that_is_no_store_is_refused_in_one_sentence_and_left_alone(tmp_path):
    path = tmp_path / "store.db"
    path.write_bytes(b"first_name,phone\n" * 1000)
    with pytest.raises(StoreError, match=r"store\.db cannot be opened \(file is not a database\)"):
        prepare_store(f"sqlite:///{path}", now=NOW)
    assert path.read_bytes() == b"first_name,phone\n" * 1000


def test_a_server_out_of_reach_is_one_sentence_without_the_password(tmp_path):
    with pytest.raises(StoreError) as raised:
        prepare_store(f"postgresql+psycopg://tidings:open-sesame@/tidings?host={tmp_path}", now=NOW)
    assert "sesame" not in str(raised.value)
    assert "TIDINGS_STORE_URL" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("url", ["not a url", "oracle+nothing://db", "postgresql+psycopg://h:port/db"])
def test_a_url_that_is_none_is_one_sentence(url):
    with pytest.raises(StoreError, match="TIDINGS_STORE_URL"):
        prepare_store(url, now=NOW)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////var/lib/tidings/store.db", Path("/var/lib/tidings/store.db")),
        ("sqlite:///store.db", Path("store.db")),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("postgresql+psycopg://db/tidings", None),
    ],
)
def test_only_a_store_in_a_file_has_a_path(url, path):
    assert sqlite_path(url) == path


@pytest.mark.slow
def test_postgresql_gets_the_same_tables(postgres_url):
    store = prepare_store(postgres_url, now=NOW)
    assert differences(store) == []
    assert instance_of(store)[0] == 1
    prepare_store(postgres_url, now=NOW).close()
    store.close()


@pytest.mark.slow
def test_two_processes_may_prepare_a_fresh_postgresql_at_once(postgres_url):
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: prepare_store(postgres_url, now=NOW), range(4)))
    assert len({instance_of(store) for store in stores}) == 1
    for store in stores:
        store.close()
