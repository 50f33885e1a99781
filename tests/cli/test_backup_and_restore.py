"""backup, restore and resume --opt-outs-checked, as a person gives them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.control import this_person
from cli.main import app
from config.settings import CHECKOUT
from tests.data.small_house import bind, freeze, house_in


@pytest.fixture
def house(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDINGS_VAR_DIR", str(tmp_path / "lost"))
    house = house_in(tmp_path / "lost")
    with house.opened() as instance:
        freeze(instance, bind(instance))
    return house


def ask(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def words_of(text: str) -> str:
    return " ".join(text.split())


def refused(*words: object, var_dir: Path) -> str:
    """What stands on stderr of a command that ends with 2, one sentence without a traceback."""
    done = subprocess.run(
        [sys.executable, "-c", "from cli.main import main; main()", *map(str, words)],
        cwd=CHECKOUT,
        env={"TIDINGS_VAR_DIR": str(var_dir), "TIDINGS_ENV_FILE": "/dev/null", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_from_the_backup_to_the_resumed_run(house, tmp_path, monkeypatch):
    made = json.loads(ask("backup", tmp_path / "backups", "--keys", tmp_path / "keys", "--json"))
    assert set(made) == {"backup", "made_at", "instance", "store", "files", "bytes", "missing", "keys"}
    assert (made["store"], made["files"], made["missing"]) == ("sqlite", 5, [])
    monkeypatch.setenv("TIDINGS_VAR_DIR", str(tmp_path / "new"))
    told = json.loads(ask("restore", made["backup"], "--keys", made["keys"], "--json"))
    assert told["instance"] != told["backup_of"] == made["instance"]
    del told["instance"], told["backup_of"], told["next_run"]
    assert told == {
        "var_dir": str(tmp_path / "new"),
        "backup_at": made["made_at"],
        "paused": 1,
        "cancelled": 0,
        "unconfirmed": 10,
        "forgotten_again": 0,
        "forgotten_unreadable": 0,
        "not_erased": [],
    }
    assert (
        json.loads(ask("resume", "1", "--opt-outs-checked", "--json"))["state"] == "finished_with_unconfirmed"
    )
    assert json.loads(ask("audit", "1", "--json"))["balanced"]


def test_without_the_flag_the_keys_are_not_in_it_and_that_is_said(house, tmp_path):
    told = words_of(ask("backup", tmp_path / "backups"))
    assert "The keys are NOT in it, and without them it cannot be restored" in told
    assert not list((tmp_path / "backups").rglob("*pseudonym*"))


def test_a_backup_without_a_place_goes_into_the_var_folder(house):
    made = json.loads(ask("backup", "--json"))
    assert Path(made["backup"]).parent == house.var_dir / "backups"
    assert made["keys"] is None


def test_the_keys_may_be_in_place_already(house, tmp_path, monkeypatch):
    made = json.loads(ask("backup", tmp_path / "backups", "--json"))
    house.var_dir.rename(tmp_path / "put away")
    (tmp_path / "lost").mkdir()
    (tmp_path / "put away" / "keys").rename(tmp_path / "lost" / "keys")
    told = words_of(ask("restore", made["backup"]))
    assert "1 runs are paused, and nothing is sent." in told
    assert "10 messages that may have been sent since the backup are unconfirmed now." in told
    assert "Never start the old one again" in told
    assert this_person() in {who for (who,) in _audit_log(house)}


def _audit_log(house):
    from tests.data.small_house import rows

    with house.opened() as instance:
        return rows(instance, "select who from audit_log where what = 'restore'")


@pytest.mark.parametrize("keys", ["backups", "backups/keys", "."])
def test_the_keys_are_never_written_beside_the_backup(house, tmp_path, keys):
    told = refused("backup", tmp_path / "backups", "--keys", tmp_path / keys, var_dir=house.var_dir)
    assert "name another place for the keys" in told
    assert not (tmp_path / "backups").exists()


def test_other_keys_are_never_written_over(house, tmp_path):
    made = json.loads(ask("backup", tmp_path / "backups", "--keys", tmp_path / "keys", "--json"))
    kept = Path(made["keys"]) / "pseudonym"
    kept.write_text("1" * 64)
    told = refused("backup", tmp_path / "more", "--keys", tmp_path / "keys", var_dir=house.var_dir)
    assert "holds other keys already" in told
    assert kept.read_text() == "1" * 64


def test_a_restore_without_keys_says_what_to_name(house, tmp_path):
    made = json.loads(ask("backup", tmp_path / "backups", "--json"))
    assert "--keys" in refused("restore", made["backup"], var_dir=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_restore_over_an_instance_is_refused(house, tmp_path):
    made = json.loads(ask("backup", tmp_path / "backups", "--json"))
    assert "holds an instance already" in refused("restore", made["backup"], var_dir=house.var_dir)


def test_what_is_no_backup_is_refused(house, tmp_path):
    assert "is no backup of Tidings" in refused("restore", tmp_path, var_dir=house.var_dir)


def test_a_run_is_not_resumed_without_the_word_of_a_person(house, tmp_path, monkeypatch):
    made = json.loads(ask("backup", tmp_path / "backups", "--keys", tmp_path / "keys", "--json"))
    monkeypatch.setenv("TIDINGS_VAR_DIR", str(tmp_path / "new"))
    ask("restore", made["backup"], "--keys", made["keys"])
    assert "tidings resume 1 --opt-outs-checked" in refused("resume", "1", var_dir=tmp_path / "new")
