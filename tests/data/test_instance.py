"""An instance is opened with its own folder, store and keys, or not at all."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from data.instance import RESTORING, VarDirError, make_var_dir, open_instance, read_identity
from data.keys import KeysError
from data.store.migrate import StoreError
from messaging.sealed import Sealer

ONE, OTHER = SecretStr("1" * 64), SecretStr("2" * 64)


def start(var_dir, *, pseudonym=None):
    url = f"sqlite:///{var_dir / 'store.db'}"
    return open_instance(var_dir, url, sealing=pseudonym, pseudonym=pseudonym, now=1.0)


def test_the_first_start_binds_the_store_to_its_keys(tmp_path):
    with start(tmp_path) as instance:
        assert read_identity(instance.store).keys_check == instance.keys.check
    with start(tmp_path) as again:
        assert again.keys == instance.keys


def test_keys_that_are_wholly_lost_are_not_made_anew_beside_their_store(tmp_path):
    with start(tmp_path):
        pass
    shutil.rmtree(tmp_path / "keys")
    with pytest.raises(KeysError, match="nobody's opt-out would be found"), start(tmp_path):
        pass
    assert not (tmp_path / "keys").exists()


def test_a_store_is_not_opened_with_the_keys_of_another_one(tmp_path):
    with start(tmp_path, pseudonym=ONE):
        pass
    with (
        pytest.raises(KeysError, match="not the one that this store was made with"),
        start(tmp_path, pseudonym=OTHER),
    ):
        pass


def test_a_store_that_is_made_anew_under_the_same_keys_gives_no_reference_twice(tmp_path):
    # Else the lost store's receipts would be taken for those of the new run 1, and its people would get nothing.
    with start(tmp_path) as lost:
        reference = Sealer(lost.keys.references).seal(1, 0, 0)
    (tmp_path / "store.db").unlink()
    with start(tmp_path) as new:
        assert Sealer(new.keys.references).seal(1, 0, 0) != reference
        assert Sealer(new.keys.references).open(reference) is None
        assert new.keys.person == lost.keys.person


def test_a_store_that_was_copied_from_a_backup_is_not_opened(tmp_path):
    with start(tmp_path) as instance, instance.store.write.begin() as connection:
        connection.execute(sa.text("delete from instance"))
    with pytest.raises(StoreError, match="tidings restore"), start(tmp_path):
        pass


def test_nothing_is_made_beside_a_restore_that_was_cut_off(tmp_path):
    (tmp_path / RESTORING).mkdir()
    with pytest.raises(VarDirError, match="once more"), start(tmp_path):
        pass
    assert not (tmp_path / "store.db").exists()


def test_several_processes_may_open_the_folder_at_the_same_instant(tmp_path):
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(make_var_dir, [tmp_path / "var"] * 400))
    assert list((tmp_path / "var").iterdir()) == []  # and none leaves its probe there
