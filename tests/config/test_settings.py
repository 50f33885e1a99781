"""Settings: from the environment, frozen, and never repeated in an error."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from config.settings import CHECKOUT, Settings, SettingsError, load_settings, prefect_environment


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch):
    """A developer's own `.env` or shell must not decide a test."""
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"TIDINGS_{name.upper()}", raising=False)


def test_the_defaults_work_on_a_laptop():
    settings = load_settings()
    assert settings.var_dir == CHECKOUT / "var"
    assert settings.store_url == f"sqlite:///{CHECKOUT}/var/store.db"
    assert settings.api_url == "http://127.0.0.1:4200/api"
    assert settings.sealing_key is None


def test_the_store_lies_in_the_var_dir_unless_it_is_told_otherwise(monkeypatch, tmp_path):
    monkeypatch.setenv("TIDINGS_VAR_DIR", str(tmp_path))
    assert load_settings().store_url == f"sqlite:///{tmp_path}/store.db"
    monkeypatch.setenv("TIDINGS_STORE_URL", "postgresql+psycopg://db/tidings")
    assert load_settings().store_url == "postgresql+psycopg://db/tidings"


def test_a_relative_var_dir_is_meant_from_where_the_caller_stands(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDINGS_VAR_DIR", "here")
    assert load_settings().var_dir == tmp_path / "here"


def test_a_tilde_in_the_var_dir_is_the_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TIDINGS_VAR_DIR", "~/tidings")
    assert load_settings().var_dir == tmp_path / "tidings"


def test_settings_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().prefect_port = 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TIDINGS_PREFECT_PORT", "70000"),
        ("TIDINGS_PREFECT_PORT", "http"),
        ("TIDINGS_SIMULATOR_PORT", "-1"),
        ("TIDINGS_DRAIN_S", "26"),  # Prefect kills after 30
        ("TIDINGS_LOG_LEVEL", "LOUD"),
        ("TIDINGS_PARTS_AT_ONCE", "0"),
    ],
)
def test_a_wrong_setting_is_one_sentence_that_names_it_and_hides_its_value(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    sentence = str(raised.value)
    assert sentence.startswith(f"{variable}: ")
    assert "Correct the variable or the line in .env" in sentence
    assert f"'{value}'" not in sentence
    assert raised.value.__cause__ is None
    assert "\n" not in sentence


def test_secrets_and_the_stores_password_are_not_printed(monkeypatch):
    monkeypatch.setenv("TIDINGS_SEALING_KEY", "open sesame")
    monkeypatch.setenv("TIDINGS_PSEUDONYM_KEY", "open sesame")
    monkeypatch.setenv("TIDINGS_STORE_URL", "postgresql+psycopg://tidings:open-sesame@db/tidings")
    assert "sesame" not in repr(load_settings())


def test_what_prefect_writes_stays_in_the_var_dir(monkeypatch, tmp_path):
    monkeypatch.setenv("TIDINGS_VAR_DIR", str(tmp_path))
    environment = prefect_environment(load_settings(), "http://127.0.0.1:4321/api")
    assert environment["PREFECT_HOME"] == str(tmp_path / "prefect")
    assert environment["PREFECT_PROFILES_PATH"].startswith(str(tmp_path))
    assert environment["TIDINGS_VAR_DIR"] == str(tmp_path)
    assert environment["TIDINGS_STORE_URL"] == f"sqlite:///{tmp_path}/store.db"


def test_prefect_reports_to_nobody_and_never_starts_a_server_of_its_own():
    environment = prefect_environment(load_settings(), "http://127.0.0.1:4321/api")
    assert environment["PREFECT_API_URL"] == "http://127.0.0.1:4321/api"
    assert environment["PREFECT_SERVER_UI_API_URL"] == "http://127.0.0.1:4321/api"
    assert environment["PREFECT_SERVER_ALLOW_EPHEMERAL_MODE"] == "false"
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert environment["DO_NOT_TRACK"] == "1"


def test_loopback_goes_past_a_companys_proxy_and_what_was_excepted_stays(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "intranet,localhost")
    monkeypatch.delenv("no_proxy", raising=False)
    environment = prefect_environment(load_settings(), "http://127.0.0.1:4200/api")
    assert environment["NO_PROXY"] == "intranet,localhost,127.0.0.1"
    assert environment["no_proxy"] == "127.0.0.1,localhost"


def test_secrets_do_not_go_to_prefects_children_by_this_way(monkeypatch):
    monkeypatch.setenv("TIDINGS_SEALING_KEY", "open sesame")
    environment = prefect_environment(load_settings(), "http://127.0.0.1:4200/api")
    assert "sesame" not in "".join(environment.values())


def test_every_setting_stands_in_the_example_and_no_other():
    example = (CHECKOUT / ".env.example").read_text()
    lines = [line.lstrip("# ") for line in example.splitlines() if line.lstrip("# ").startswith("TIDINGS_")]
    named = [line.split("=", 1)[0] for line in lines]
    assert named == [f"TIDINGS_{name.upper()}" for name in Settings.model_fields]


def test_the_example_as_it_stands_changes_nothing(tmp_path):
    (tmp_path / ".env").write_text((CHECKOUT / ".env.example").read_text())
    assert Settings(_env_file=tmp_path / ".env") == Settings(_env_file=None)


def test_the_example_with_every_line_in_force_changes_nothing_either(tmp_path):
    lines = (CHECKOUT / ".env.example").read_text().splitlines()
    in_force = [line.removeprefix("# ") for line in lines if line.startswith("# TIDINGS_")]
    (tmp_path / ".env").write_text("\n".join(in_force))
    assert Settings(_env_file=tmp_path / ".env") == Settings(_env_file=None)


def test_an_empty_variable_means_the_default(monkeypatch):
    monkeypatch.setenv("TIDINGS_SEALING_KEY", "")
    monkeypatch.setenv("TIDINGS_STORE_URL", "")
    settings = load_settings()
    assert settings.sealing_key is None
    assert settings.store_url.startswith("sqlite:///")
