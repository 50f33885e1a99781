"""One frozen `Settings`, read by the outer rooms only; everyone below takes plain arguments."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from messaging.errors import TidingsError

CHECKOUT = Path(__file__).resolve().parent.parent

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class SettingsError(TidingsError):
    """TIDINGS_PREFECT_PORT: Input should be less than or equal to 65535. Correct the variable or the line in .env."""


class Settings(BaseSettings):
    """Every name below is an environment variable with TIDINGS_ before it, or a line of `.env` in the checkout."""

    model_config = SettingsConfigDict(
        env_prefix="TIDINGS_",
        env_file=os.environ.get(
            "TIDINGS_ENV_FILE", CHECKOUT / ".env"
        ),  # tests must not meet a real store in it
        env_ignore_empty=True,  # an empty line of .env means the default, never an empty key
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    var_dir: Path = Field(CHECKOUT / "var", description="everything the running system writes")
    store_url: str = Field("", validate_default=True, repr=False, description="empty: SQLite under var_dir")
    log_level: LogLevel = "INFO"
    sealing_key: SecretStr | None = Field(None, description="instead of var/keys/sealing")
    pseudonym_key: SecretStr | None = Field(
        None, description="instead of var/keys/pseudonym; never change it"
    )

    host: str = Field("127.0.0.1", description="the address the services listen on")
    prefect_port: int = Field(4200, ge=1, le=65535)
    simulator_port: int = Field(4280, ge=0, le=65535, description="0: `tidings up` starts no simulator")
    simulator_url: str = Field(
        "", description="where the account `sim` sends to; empty: the simulator of `tidings up`"
    )

    work_pool: str = "tidings"
    parts_at_once: int = Field(
        2, ge=1, le=64, description="deployed parts of one run that are worked at a time"
    )
    drain_s: float = Field(
        20, gt=0, le=25, description="how long answers are awaited at the end; Prefect kills after 30"
    )

    collect_every_s: float = Field(5, gt=0, description="between two pulls while receipts come")
    collect_at_most_every_s: float = Field(30, gt=0, description="between two pulls while nothing comes")
    collect_quiet_s: float = Field(600, ge=0, description="after the last new receipt, collecting ends")

    hard_failures: int = Field(
        2,
        ge=0,
        le=100,
        description="texts in a row to a number that nobody has, then it is suppressed; 0: never",
    )

    @field_validator("var_dir")
    @classmethod
    def _from_where_the_caller_stands(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("store_url")
    @classmethod
    def _sqlite_under_var_dir(cls, value: str, info: ValidationInfo) -> str:
        if value:
            return value
        return f"sqlite:///{info.data.get('var_dir', CHECKOUT / 'var') / 'store.db'}"

    @property
    def simulator_address(self) -> str:
        """Where the account `sim` sends to."""
        return self.simulator_url or f"http://{self.host}:{self.simulator_port}"

    @property
    def api_url(self) -> str:
        """Prefect's API as `tidings up` serves it."""
        return f"http://{self.host}:{self.prefect_port}/api"


def load_settings() -> Settings:
    """Read the environment and `.env`. Raises SettingsError, which never repeats a value."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = "TIDINGS_" + "_".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(f"{name}: {first['msg']}. Correct the variable or the line in .env.") from None


def prefect_environment(settings: Settings, api_url: str) -> dict[str, str]:
    """What our Prefect children and flows in our own process need, to be laid over `os.environ`.

    Everything Prefect writes stays under var_dir, nothing is reported to anybody, and the ephemeral server never
    starts. The UI gets the API's address because `prefect server start --port` does not tell it.
    """
    return {
        "TIDINGS_HOME": str(CHECKOUT),
        "TIDINGS_VAR_DIR": str(settings.var_dir),
        "TIDINGS_STORE_URL": settings.store_url,
        "PREFECT_HOME": str(settings.var_dir / "prefect"),
        "PREFECT_PROFILES_PATH": str(settings.var_dir / "prefect" / "profiles.toml"),
        "PREFECT_API_URL": api_url,
        "PREFECT_SERVER_UI_API_URL": api_url,
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        "PREFECT_CLI_PROMPT": "false",
        "NO_PROXY": _without_a_proxy("NO_PROXY"),
        "no_proxy": _without_a_proxy("no_proxy"),
        **({"TIDINGS_SIMULATOR_URL": settings.simulator_url} if settings.simulator_url else {}),
    }


def _without_a_proxy(variable: str) -> str:
    """Loopback must not go through a company's proxy."""
    already = [host for host in os.environ.get(variable, "").split(",") if host]
    return ",".join(dict.fromkeys([*already, "127.0.0.1", "localhost"]))
