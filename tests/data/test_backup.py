"""A backup is whole, private, of one instant, and holds no key; a damaged one is told as such."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sqlite3
import stat
from contextlib import closing

import orjson
import pytest
import sqlalchemy as sa

from data import backup as backups
from data.backup import write_backup
from data.backup_manifest import BackupError, copy_checked, read_manifest
from data.file_lock import only_one
from data.imports import ImportCounts, begin_import, finish_import, import_folder
from data.store.engine import open_store
from data.store.migrate import StoreError
from tests.data.small_house import NOW, House, bind, freeze, house_in


@pytest.fixture
def house(tmp_path) -> House:
    """One run is frozen, and one is still in planning."""
    house = house_in(tmp_path / "var")
    with house.opened() as instance:
        freeze(instance, bind(instance))
        bind(instance, run_key="next")
    return house


@pytest.fixture
def backed_up(house, tmp_path):
    with house.opened() as instance:
        return write_backup(instance, tmp_path / "backups", now=NOW)


def files_of(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_it_holds_the_store_the_run_files_and_the_lake(backed_up):
    assert files_of(backed_up.folder) == {
        "manifest.json",
        "store.db",
        "runs/000001/audience.parquet",
        "runs/000001/batches/000.parquet",
        "runs/000001/plan.json",
        "lake/planned/run-000001.parquet",
    }
    assert backed_up.missing == []


def test_it_holds_the_rejects_of_imports_too(house, tmp_path):
    with house.opened() as instance:
        number = begin_import(instance.store, name="a", source="a.csv", fingerprint="1", by="ann", now=NOW)
        folder = import_folder(house.var_dir, number)
        folder.mkdir(parents=True)
        (folder / "rejects.csv").write_text("row")
        place = folder.relative_to(house.var_dir).as_posix()
        finish_import(instance.store, number, counts=ImportCounts(), folder=place, now=NOW)
        made = write_backup(instance, tmp_path / "backups", now=NOW)
    assert "imports/000001/rejects.csv" in files_of(made.folder)
    assert made.missing == []


def test_its_name_tells_the_instance_and_the_time(backed_up):
    assert backed_up.folder.name == f"tidings-{backed_up.manifest.instance_id[:8]}-20260921T141320Z"


def test_it_is_private(house, tmp_path):
    old_mask = os.umask(0)
    try:
        with house.opened() as instance:
            made = write_backup(instance, tmp_path / "elsewhere" / "backups", now=NOW)
    finally:
        os.umask(old_mask)
    for path in (made.folder, *made.folder.rglob("*"), made.folder.parent, made.folder.parent.parent):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_no_key_is_in_it(house, backed_up):
    keys = [(house.var_dir / "keys" / name).read_bytes().strip() for name in ("pseudonym", "sealing")]
    for path in backed_up.folder.rglob("*"):
        assert path.is_dir() or not any(key in path.read_bytes() for key in keys), path


def test_what_it_says_of_itself_can_be_checked(backed_up, tmp_path):
    manifest = read_manifest(backed_up.folder)
    assert manifest == backed_up.manifest
    assert (manifest.made_at, manifest.store, manifest.schema) == (NOW, "sqlite", "0002")
    for name, file in manifest.files.items():
        copy_checked(name, file, folder=backed_up.folder, target=tmp_path / "copy" / name)


def test_a_store_that_is_copied_out_of_it_is_not_opened(backed_up, tmp_path):
    shutil.copy(backed_up.folder / "store.db", tmp_path / "store.db")
    shutil.copytree(tmp_path / "var" / "keys", tmp_path / "keys")
    with pytest.raises(StoreError, match="tidings restore"), house_in(tmp_path).opened():
        pass


def test_it_takes_no_lock_that_a_writer_holds_and_sees_nothing_of_an_open_transaction(house, tmp_path):
    with house.opened() as instance, instance.store.write.begin() as connection:
        connection.execute(sa.text("insert into audit_log (at, who, what) values (0, 'x', 'unfinished')"))
        made = write_backup(instance, tmp_path / "backups", now=NOW)
    copy = open_store(f"sqlite:///{made.folder / 'store.db'}")
    with copy.read.connect() as connection:
        assert connection.execute(sa.text("select count(*) from audit_log")).scalar() == 0
    copy.close()


def test_a_failure_half_way_leaves_nothing(house, tmp_path, monkeypatch):
    def full_disk(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backups, "copy_file", full_disk)
    with house.opened() as instance, pytest.raises(BackupError, match="No space left on device"):
        write_backup(instance, tmp_path / "backups", now=NOW)
    assert list((tmp_path / "backups").iterdir()) == []


def test_what_a_killed_backup_left_goes_with_the_next_one(house, tmp_path):
    with house.opened() as instance:
        left_over = tmp_path / "backups" / f".tidings-{instance.instance_id[:8]}-20200101T000000Z"
        left_over.mkdir(parents=True)
        (left_over / "store.db").write_bytes(b"half")
        made = write_backup(instance, tmp_path / "backups", now=NOW)
    assert list((tmp_path / "backups").iterdir()) == [made.folder]


def test_two_backups_at_once_are_one_too_many(house, tmp_path):
    with (
        house.opened() as instance,
        only_one(house.var_dir / backups.LOCK_FILE),
        pytest.raises(BackupError, match="another backup"),
    ):
        write_backup(instance, tmp_path / "backups", now=NOW)


def test_a_backup_never_takes_the_place_of_another(house, backed_up, tmp_path):
    before = (backed_up.folder / "manifest.json").read_bytes()
    with house.opened() as instance, pytest.raises(BackupError, match="exists already"):
        write_backup(instance, tmp_path / "backups", now=NOW)
    assert list((tmp_path / "backups").iterdir()) == [backed_up.folder]
    assert (backed_up.folder / "manifest.json").read_bytes() == before


def test_files_that_the_store_names_and_nobody_has_are_named(house, tmp_path):
    shutil.rmtree(house.var_dir / "runs")
    with house.opened() as instance:
        assert write_backup(instance, tmp_path / "backups", now=NOW).missing == ["runs/000001"]


def test_superseded_files_of_the_lake_stay_out(house, tmp_path):
    with house.opened() as instance:
        with instance.store.write.begin() as connection:
            connection.execute(sa.text("update exports set superseded_at = 1"))
        made = write_backup(instance, tmp_path / "backups", now=NOW)
    assert not (made.folder / "lake").exists()


def test_a_damaged_store_is_not_taken_for_a_backup(house, tmp_path):
    path = house.var_dir / "store.db"
    with closing(sqlite3.connect(path)) as store:  # a page that nothing of a backup reads
        page = store.execute("select rootpage from sqlite_master where name = 'replies'").fetchone()[0]
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 64)
    with house.opened() as instance, pytest.raises(BackupError, match="is damaged"):
        write_backup(instance, tmp_path / "backups", now=NOW)
    assert list((tmp_path / "backups").iterdir()) == []


@pytest.mark.parametrize("name", ["store.db", "runs/000001/plan.json"])
def test_a_changed_or_missing_file_is_one_sentence_that_names_it(backed_up, tmp_path, name):
    path, manifest = backed_up.folder / name, read_manifest(backed_up.folder)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    for _ in range(2):
        with pytest.raises(BackupError, match=f"is damaged: {name} is not as it was written"):
            copy_checked(name, manifest.files[name], folder=backed_up.folder, target=tmp_path / "copy")
        assert not (tmp_path / "copy").exists()
        path.unlink(missing_ok=True)


def changed(content):
    return orjson.dumps(orjson.loads(content) | {"made_at": NOW + 3600})


@pytest.mark.parametrize(
    "spoil", [lambda content: content[:-20], changed, lambda _: b"[]"], ids=["cut", "changed", "other"]
)
def test_a_changed_manifest_is_damage(backed_up, spoil):
    path = backed_up.folder / "manifest.json"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(BackupError, match=r"damaged: manifest\.json"):
        read_manifest(backed_up.folder)


def test_a_folder_that_is_no_backup_is_one_sentence(tmp_path):
    with pytest.raises(BackupError, match="is no backup of Tidings"):
        read_manifest(tmp_path)


def test_a_manifest_cannot_lead_out_of_its_folder(backed_up, tmp_path):
    evil = dataclasses.replace(
        backed_up.manifest, files={"../../outside": next(iter(backed_up.manifest.files.values()))}
    )
    backups.write_manifest(evil, tmp_path)
    with pytest.raises(BackupError, match="damaged"):
        read_manifest(tmp_path)
