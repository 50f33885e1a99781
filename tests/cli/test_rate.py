import json

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from cli.control import this_person
from cli.main import app
from cli.rate import NotARate
from data.accounts import BadAccount, UnknownAccount
from data.instance import open_instance


@pytest.fixture
def instance(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'var' / 'tidings.db'}"
    monkeypatch.setenv("TIDINGS_VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("TIDINGS_STORE_URL", url)
    with open_instance(tmp_path / "var", url, sealing=None, pseudonym=None, now=1.0) as opened:
        yield opened


def ask(*words):
    return CliRunner().invoke(app, ["rate", *words], catch_exceptions=True)


def test_a_rate_is_set_shown_and_taken_away_again_and_the_log_says_by_whom(instance):
    assert ask("sim").stdout.strip() == "sim: no limit; as fast as the gateway answers"
    assert json.loads(ask("sim", "0.5", "--json").stdout) == {"account": "sim", "rate_mps": 0.5}
    assert ask("sim", "40").stdout.strip() == "sim: 40 messages a second"
    assert json.loads(ask("sim", "--json").stdout) == {"account": "sim", "rate_mps": 40.0}
    assert json.loads(ask("sim", "none", "--json").stdout) == {"account": "sim", "rate_mps": None}
    with instance.store.read.connect() as connection:
        logged = connection.execute(sa.text("select who, what from audit_log")).all()
    assert logged == [(this_person(), "rate")] * 3


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("sim", "fast"), NotARate),
        (("sim", "0"), BadAccount),
        (("sim", "nan"), BadAccount),
        (("nobody", "5"), UnknownAccount),
        (("nobody",), UnknownAccount),
    ],
)
def test_what_is_no_rate_or_no_account_is_named(instance, words, error):
    assert isinstance(ask(*words).exception, error)
