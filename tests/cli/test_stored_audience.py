"""plan --list, --tag and --segment: the line's own words about people in the store."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.arguments import WhatToSend
from cli.definition import UnclearLine, load_what
from cli.main import app
from data.contacts.lists import UnknownList
from messaging.campaign import CampaignError, Consent
from tasks.plan_campaign import _with_consent

PEOPLE = "phone,first_name,city,consent\n07400 123001,Ann,Leeds,yes\n07400 123002,Bob,York,\n07400 123003,,York,no\n"
LINE = ("--text", "Hi {{ first_name }} of {{ city }}")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder in whose instance three people are on the list customers."""
    monkeypatch.setenv("TIDINGS_VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("TIDINGS_STORE_URL", "")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people.csv").write_text(PEOPLE)
    imported = ask(
        "contacts", "import", "people.csv", "--region", "GB", "--list", "customers", "--tag", "vip"
    )
    assert imported.exit_code == 0, imported.exception
    return tmp_path


def ask(*words: str) -> Any:
    return CliRunner().invoke(app, list(words), catch_exceptions=True)


@pytest.mark.parametrize(("option", "name"), [("--list", "customers"), ("--tag", "vip")])
def test_a_line_plans_everybody_in_a_list_or_with_a_tag(here, option, name):
    asked = ask("plan", option, name, *LINE, "--consent", "members", "--json")
    assert asked.exit_code == 0, asked.exception
    plan = json.loads(asked.stdout)
    assert (plan["campaign"], plan["source_rows"], plan["messages"]) == (name, 3, 2)
    assert plan["excluded"] == {"suppressed": 1}
    assert plan["read_as"] == f"stored {option[2:]}"


def test_a_plan_of_a_list_shows_its_people_as_they_would_be_texted(here):
    shown = ask("plan", "--list", "customers", *LINE).stdout
    assert "stored list" in shown
    assert "Hi Ann of Leeds" in shown
    assert "07400" not in shown


def test_an_unknown_list_is_one_sentence(here):
    asked = ask("plan", "--list", "custmers", *LINE)
    assert isinstance(asked.exception, UnknownList)
    assert "customers" in str(asked.exception)


@pytest.mark.parametrize(
    ("words", "kind", "complaint"),
    [
        (("--list", "a", "--segment", "b"), UnclearLine, "only one of --list and --segment"),
        (("--file", "people.csv", "--list", "a"), UnclearLine, "only one of --file and --list"),
        (("--list", "customers", "--region", "GB"), CampaignError, "region is about a file or a connection"),
        (("welcome", "--list", "customers"), UnclearLine, "welcome is a whole campaign"),
    ],
)
def test_a_line_that_says_too_much_is_one_sentence(here, words, kind, complaint):
    asked = ask("plan", *words, *LINE)
    assert isinstance(asked.exception, kind), asked.exception
    assert complaint in str(asked.exception)


def test_who_vouches_on_the_line_does_so_for_the_purpose_of_the_campaign(here):
    (here / "news.toml").write_text(
        '[audience]\nlist = "customers"\n[message]\ntext = "Hi"\n[consent]\nbasis = "recorded"\npurpose = "news"\n'
    )
    what = WhatToSend(campaign="news.toml", consent="members")
    vouched = Consent(basis="attested", note="members", purpose="news")
    assert load_what(what, var_dir=here / "var").campaign.consent == vouched
    campaign = load_what(WhatToSend(campaign="news.toml"), var_dir=here / "var").campaign
    assert _with_consent(campaign, "members").consent == vouched
