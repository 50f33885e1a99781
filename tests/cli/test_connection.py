"""connection add, test and list; and plan, which shows how a source was read."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest
from typer.testing import CliRunner

from cli.main import app
from data.connections import BadConnection


@pytest.fixture
def crm(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDINGS_VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("TIDINGS_STORE_URL", "")
    path = tmp_path / "crm.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table people as select '07400 123001' as handy, 'Ann' as vorname")
        connection.commit()
    return path


def ask(*words: str, told: str | None = None):
    return CliRunner().invoke(app, list(words), input=told, catch_exceptions=True)


def test_a_connection_is_added_from_standard_input_tested_and_listed_without_its_secret(crm):
    added = ask("connection", "add", "crm", "--time-limit", "30", "--json", told=f"sqlite:///{crm}\n")
    assert json.loads(added.stdout) == {"connection": "crm", "kind": "sql"}
    tested = json.loads(ask("connection", "test", "crm", "--json").stdout)
    assert (tested["answers"], tested["problem"]) == (True, None)
    listed = ask("connection", "list", "--json").stdout
    assert json.loads(listed) == [{"connection": "crm", "kind": "sql", "time_limit_s": 30.0}]
    assert str(crm) not in listed


def test_a_connection_that_does_not_answer_ends_with_1(crm):
    ask("connection", "add", "crm", told=f"sqlite:///{crm}\n")
    crm.unlink()
    tested = ask("connection", "test", "crm")
    assert tested.exit_code == 1
    assert "crm: the query cannot be read" in tested.stderr


def test_a_connection_without_a_secret_is_refused(crm):
    assert isinstance(ask("connection", "add", "crm", told="\n").exception, BadConnection)


def test_plan_reads_a_campaign_by_its_connections_name_and_says_how(crm, tmp_path):
    ask("connection", "add", "crm", told=f"sqlite:///{crm}\n")
    campaign = tmp_path / "spring.toml"
    campaign.write_text(
        'name = "spring"\n[audience]\nconnection = "crm"\nquery = "select * from people"\nregion = "GB"\n'
        '[message]\ntext = "Hi {{ first_name }}"\n[consent]\nbasis = "attested"\nnote = "members"\n'
    )
    planned = json.loads(ask("plan", str(campaign), "--json").stdout)
    assert (planned["messages"], planned["read_as"]) == (1, "query, sqlite")
    assert planned["columns"] == {"phone": "handy", "first_name": "vorname"}
    shown = " ".join(ask("plan", str(campaign)).stdout.split())
    assert "read as query, sqlite columns phone: handy · first name: vorname" in shown


def test_what_is_told_on_the_line_goes_before_what_is_found(crm, tmp_path):
    contacts = tmp_path / "people.csv"
    contacts.write_bytes("phone:имя\n07400 123001:Яна\n".encode("koi8-r"))
    line = ["plan", "--file", str(contacts), "--text", "Hi {{ first_name }}", "--region", "GB", "--json"]
    planned = json.loads(ask(*line, "--separator", ":", "--encoding", "koi8-r").stdout)
    assert planned["read_as"] == "CSV, KOI8-R, separated by ':'"
    assert planned["columns"] == {"phone": "phone", "first_name": "имя"}
