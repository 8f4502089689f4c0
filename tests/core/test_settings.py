"""Configuration: read from the environment, and every mistake one line without the value."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from todo_core.settings import ConfigurationError, Settings

pytestmark = pytest.mark.requirement("OP2")

JWT = {
    "TODO_JWT_SECRET": "s" * 32,
    "TODO_JWT_ISSUER": "https://auth.example.test",
    "TODO_JWT_AUDIENCE": "https://todo.example.test",
}


@pytest.fixture(autouse=True)
def _nothing_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith("TODO_") or name == "DATABASE_URL":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def load(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings.load()


def test_nothing_needs_to_be_set() -> None:
    settings = Settings.load()

    assert settings.database_url is None
    assert settings.jwt_secret is None
    assert settings.user == "local"
    assert settings.time_zone == "UTC"
    assert settings.trash_days == 30
    assert settings.data_dir.name == "todo-mcp"


def test_every_value_comes_from_its_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = load(
        monkeypatch,
        **JWT,
        TODO_DATABASE_URL="postgresql://me:pw@host/db",
        TODO_DATA_DIR=str(tmp_path),
        TODO_DATABASE_POOL_SIZE="3",
        TODO_DATABASE_TIMEOUT="1.5",
        TODO_DATABASE_POOLER="off",
        TODO_USER="ann",
        TODO_TIME_ZONE="Europe/Berlin",
        TODO_TRASH_DAYS="0",
        TODO_LOG_LEVEL="WARNING",
        TODO_CORS_ORIGINS="https://app.example.test, http://localhost:5173,",
        TODO_ALLOWED_HOSTS="todo.example.test:443",
    )

    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql://me:pw@host/db"
    assert settings.data_dir == tmp_path
    assert settings.database_pool_size == 3
    assert settings.database_timeout == 1.5
    assert settings.database_pooler == "off"
    assert settings.jwt_secret is not None
    assert settings.jwt_secret.get_secret_value() == "s" * 32
    assert settings.user == "ann"
    assert settings.time_zone == "Europe/Berlin"
    assert settings.trash_days == 0
    assert settings.log_level == "warning"
    assert settings.cors_origins == ("https://app.example.test", "http://localhost:5173")
    assert settings.allowed_hosts == ("todo.example.test:443",)


def test_the_usual_name_of_the_database_works_and_ours_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = load(monkeypatch, DATABASE_URL="postgres://theirs/db").database_url
    ours = load(monkeypatch, TODO_DATABASE_URL="postgresql+asyncpg://ours/db").database_url

    assert theirs is not None
    assert theirs.get_secret_value() == "postgres://theirs/db"
    assert ours is not None
    assert ours.get_secret_value() == "postgresql+asyncpg://ours/db"


def test_a_file_in_the_working_directory_is_read_and_the_environment_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("TODO_USER=from the file\nTODO_TRASH_DAYS=7\nUNRELATED=1\n")

    settings = load(monkeypatch, TODO_USER="from the environment")

    assert (settings.user, settings.trash_days) == ("from the environment", 7)


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, TODO_DATABASE_URL="", TODO_TRASH_DAYS="").trash_days == 30


def test_what_the_command_line_says_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TODO_USER", "from the environment")

    assert Settings.load(user="from the command line").user == "from the command line"


WRONG = {
    "TODO_DATABASE_URL": ["mysql://a-wrong-value/db", "a-wrong-value"],
    "DATABASE_URL": ["mysql://a-wrong-value/db"],
    "TODO_DATABASE_POOL_SIZE": ["0", "201", "a-wrong-value"],
    "TODO_DATABASE_TIMEOUT": ["0", "301", "nan", "inf", "a-wrong-value"],
    "TODO_DATABASE_POOLER": ["a-wrong-value"],
    "TODO_JWT_SECRET": ["a-wrong-value", "ü" * 15],
    "TODO_USER": ["u" * 101],
    "TODO_TIME_ZONE": ["a-wrong-value", "CEST", "../etc/passwd"],
    "TODO_TRASH_DAYS": ["-1", "3651", "1.5", "a-wrong-value"],
    "TODO_LOG_LEVEL": ["a-wrong-value"],
    "TODO_CORS_ORIGINS": [
        "*",
        "https://*.example.test",
        "a-wrong-value.test",
        "https://a-wrong-value.test/",
        "https://a-wrong-value.test/path",
        "https://a-wrong-value.test?query",
        "https://a-wrong-value.test#fragment",
        "ftp://a-wrong-value.test",
        "https://good.example.test,https://",
        "null",
    ],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_wrong_value_is_one_line_that_names_its_variable_and_not_the_value(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {**JWT, name: value} if name.startswith("TODO_JWT") else {name: value}

    with pytest.raises(ConfigurationError) as refused:
        load(monkeypatch, **environment)

    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"{name} ")
    assert "wrong-value" not in line
    assert refused.value.__suppress_context__


def test_every_mistake_has_its_own_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(monkeypatch, TODO_TRASH_DAYS="-1", TODO_LOG_LEVEL="loud", TODO_TIME_ZONE="here")

    assert sorted(line.partition(" ")[0] for line in str(refused.value).splitlines()) == [
        "TODO_LOG_LEVEL",
        "TODO_TIME_ZONE",
        "TODO_TRASH_DAYS",
    ]


@pytest.mark.requirement("ID1")
@pytest.mark.parametrize("missing", ["TODO_JWT_ISSUER", "TODO_JWT_AUDIENCE"])
def test_a_secret_without_issuer_or_audience_is_refused(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(monkeypatch, **{name: value for name, value in JWT.items() if name != missing})

    assert str(refused.value) == f"{missing} is required when TODO_JWT_SECRET is set"


@pytest.mark.requirement("ID1", "ID6")
def test_no_outside_token_can_be_issued_for_local_users(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="reserved for local users"):
        load(monkeypatch, **JWT | {"TODO_JWT_ISSUER": "urn:todo-mcp:local"})


@pytest.mark.requirement("ID7")
def test_secrets_show_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, **JWT, TODO_DATABASE_URL="postgresql://me:hunter2@host/db")

    assert "hunter2" not in f"{settings} {settings!r} {settings.model_dump_json()}"
    assert "s" * 32 not in f"{settings} {settings!r} {settings.model_dump_json()}"


def test_settings_never_change(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch)

    with pytest.raises(ValidationError):
        settings.user = "somebody else"  # type: ignore[misc]
