import json

import pytest
from typer.testing import CliRunner

from cli.main import app
from data.instance import open_instance

ANN = "+447400123456"


@pytest.fixture
def instance(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'var' / 'tidings.db'}"
    monkeypatch.setenv("TIDINGS_VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("TIDINGS_STORE_URL", url)
    with open_instance(tmp_path / "var", url, sealing=None, pseudonym=None, now=1.0) as opened:
        yield opened


def ask(*words):
    result = CliRunner().invoke(app, [*words], catch_exceptions=True)
    assert result.exit_code == 0, result.exception
    return result.stdout


def test_what_is_known_is_told_in_words_in_json_and_in_a_file_of_ones_own(instance, tmp_path):
    ask("contacts", "add", ANN, "--first-name", "Zebulonia")
    ask("consent", "give", ANN, "--source", "web form")
    ask("suppress", "add", ANN, "--scope", "SHOP", "--reason", "complaint")
    said = ask("person", "07400 123456", "--region", "GB")
    for words in (
        "contact Zebulonia",
        "consent to marketing: yes, web form, counts",
        "account SHOP: complaint",
    ):
        assert words in said
    known = json.loads(ask("person", ANN, "--json"))
    assert known["contact"]["first_name"] == "Zebulonia"
    out = tmp_path / "ann.json"
    assert json.loads(ask("person", ANN, "--out", str(out), "--json")) == {"file": str(out)}
    assert json.loads(out.read_text()) == known
    assert out.stat().st_mode & 0o777 == 0o600


def test_nothing_is_known_of_a_stranger(instance):
    assert "no contact" in ask("person", ANN)
