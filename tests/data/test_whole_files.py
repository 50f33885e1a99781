import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from data.whole_files import make_private_folder, whole_file, write_text, write_text_once


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def careless_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def test_files_and_the_folders_made_for_them_are_for_their_owner_only(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    write_text("x", path)
    assert [mode(path), mode(path.parent), mode(path.parent.parent)] == [0o600, 0o700, 0o700]


def write_half(path):
    with whole_file(path) as file:
        file.write(b"half")
        raise RuntimeError("in the middle")


def test_a_failure_leaves_what_was_there_and_nothing_beside_it(tmp_path):
    path = tmp_path / "file"
    write_text("before", path)
    with pytest.raises(RuntimeError, match="in the middle"):
        write_half(path)
    assert path.read_text(encoding="utf-8") == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_sees_the_old_file_until_the_new_one_is_complete(tmp_path):
    path = tmp_path / "file"
    write_text("old", path)
    with whole_file(path) as file:
        file.write(b"new")
        assert path.read_text(encoding="utf-8") == "old"
    assert path.read_text(encoding="utf-8") == "new"


def test_what_is_written_once_stays_whoever_writes_again(tmp_path):
    path = tmp_path / "key"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: write_text_once(str(n), path), range(8)))
    first = path.read_text(encoding="utf-8")
    write_text_once("another", path)
    assert path.read_text(encoding="utf-8") == first
    assert list(tmp_path.iterdir()) == [path]
    assert mode(path) == 0o600


def test_a_folder_that_is_there_keeps_its_mode(tmp_path):
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o755)
    make_private_folder(tmp_path / "shared" / "own")
    assert (mode(tmp_path / "shared"), mode(tmp_path / "shared" / "own")) == (0o755, 0o700)
