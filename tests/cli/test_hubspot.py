"""The worked example of docs/contacts.md, as it stands there, against a service that answers as HubSpot does."""

from __future__ import annotations

import json
import re
import tomllib

import pytest
from typer.testing import CliRunner

from cli.main import app
from config.settings import CHECKOUT
from data.connections import BadConnection
from messaging.import_file import parse_import
from tests.services import serving


@pytest.fixture
def service(tmp_path, monkeypatch):
    monkeypatch.setenv("TIDINGS_VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("TIDINGS_STORE_URL", "")
    with serving() as server:
        added = ask("connection", "add", "hubspot", "--url", server.url, "--private", told="t0ken\n")
        assert added.exit_code == 0, added.output
        server.asked.clear()
        yield server


def ask(*words, told=None):
    return CliRunner().invoke(app, list(words), input=told, catch_exceptions=True)


def example(begins):
    """The block of the page that reads from HubSpot and begins so."""
    page = (CHECKOUT / "docs" / "contacts.md").read_text()
    return next(
        block
        for block in re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
        if block.startswith(begins) and 'connection = "hubspot"' in block
    )


def test_the_example_s_import_brings_everybody_once_a_morning(service, tmp_path):
    path = tmp_path / "hubspot.toml"
    path.write_text(example('name = "hubspot"'))
    brought = json.loads(ask("contacts", "import", str(path), "--json").stdout)
    assert (brought["source_rows"], brought["new"], brought["consents"]) == (5, 5, 5)
    assert [page.partition("after=")[2] for page, _ in service.asked] == ["", "2", "4"]
    assert {token for _, token in service.asked} == {"Bearer t0ken"}
    shown = json.loads(ask("contacts", "show", "+447400123003", "--json").stdout)
    contact = shown["contact"]
    assert (contact["external_id"], contact["first_name"], contact["last_name"]) == ("3", "P3", "Smith")
    assert (shown["lists"], shown["has_said_yes"]) == (["customers"], True)
    refusing = json.loads(ask("contacts", "show", "+447400123004", "--json").stdout)
    assert (refusing["has_said_yes"], refusing["left_out"]) == (False, "said no to marketing")
    assert parse_import(tomllib.loads(path.read_text())).schedule.cron == "30 5 * * *"
    again = json.loads(ask("contacts", "import", str(path), "--json").stdout)
    assert again["was_imported_before"]


def test_the_example_s_campaign_reads_the_same_people(service, tmp_path):
    path = tmp_path / "spring.toml"
    path.write_text(
        f'name = "spring"\n{example("[audience]")}\n[message]\ntext = "Hi {{{{ first_name }}}}"\n'
        '[consent]\nbasis = "attested"\nnote = "members"\n'
    )
    planned = json.loads(ask("plan", str(path), "--json").stdout)
    assert (planned["messages"], planned["read_as"]) == (5, "HTTP, 5 rows of JSON")
    assert planned["columns"] == {"phone": "phone", "first_name": "firstname", "external_id": "id"}


def test_the_example_s_connection_is_tested_without_reading_anybody(service):
    path = "/crm/v3/objects/contacts?limit=1"
    tested = json.loads(ask("connection", "test", "hubspot", "--path", path, "--json").stdout)
    assert (tested["answers"], len(service.asked)) == (True, 1)


def test_how_a_service_lets_in_is_told_on_the_line(service):
    words = ["connection", "add", "hubspot", "--url", service.url, "--private", "--auth", "oauth2"]
    token_url = f"{service.url}/token"
    assert isinstance(ask(*words, told="me:s3cret\n").exception, BadConnection)
    assert ask(*words, "--token-url", token_url, "--scope", "contacts", told="me:s3cret\n").exit_code == 0
    assert ask("connection", "test", "hubspot", "--path", "/crm").exit_code == 0
    assert [path for path, _ in service.asked] == ["/token", "/crm"]
    listed = ask("connection", "list", "--json").stdout
    assert json.loads(listed)[0]["auth"] == "oauth2"
    assert "s3cret" not in listed
