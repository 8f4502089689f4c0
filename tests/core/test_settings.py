"""Configuration: read from the environment, and every mistake one line without the value."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from tests.tables import each
from todo_core.identity.issuers import LOCAL_ISSUER, OPERATOR_ISSUER, Issuer
from todo_core.identity.scopes import USER_SCOPES
from todo_core.settings import ConfigurationError, Settings

pytestmark = pytest.mark.requirement("OP2")

JWT = {
    "TODO_JWT_SECRET": "s" * 32,
    "TODO_JWT_ISSUER": "https://auth.example.test",
    "TODO_JWT_AUDIENCE": "https://todo.example.test",
}


ONE: dict[str, Any] = {"issuer": "https://one.example.test", "audience": ["todo"], "secret": "s" * 32}
REMOTE: dict[str, Any] = {
    "issuer": "https://two.example.test",
    "audience": ["todo"],
    "jwks_url": "https://two.test/jwks",
}
SERVER = REMOTE | {"audience": ["https://todo.example.test/mcp"], "authorization_server": True}


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
    assert settings.trusted_issuers == ()
    assert settings.admin_roles == ()
    assert settings.resource is None
    assert settings.rate_limit == "1200/minute"
    assert settings.login_limit == "60/minute"
    assert settings.address_limit == "600/minute"
    assert settings.redis_url is None
    assert settings.trusted_proxies == ()
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
        TODO_DATABASE_WAIT="0",
        TODO_DRAIN="15",
        TODO_KEEP_ALIVE="75",
        TODO_DATABASE_POOLER="off",
        TODO_USER="ann",
        TODO_TIME_ZONE="Europe/Berlin",
        TODO_TRASH_DAYS="0",
        TODO_MCP_WITHOUT="search, fetch",
        TODO_HISTORY_DAYS="90",
        TODO_LOG_LEVEL="WARNING",
        TODO_CORS_ORIGINS="https://app.example.test, http://localhost:5173,",
        TODO_ROOT_PATH="/todos",
        TODO_ALLOWED_HOSTS="todo.example.test:443",
        TODO_PUBLIC_URL="https://todo.example.test",
        TODO_BETTER_AUTH_URL="https://better.example.test",
        TODO_JWT_ALGORITHMS="HS256, ",
        TODO_ISSUERS=json.dumps([ONE]),
        TODO_ADMIN_ROLES="admin, owner",
        TODO_REST_AUDIENCE="https://todo.example.test, https://better.example.test",
        TODO_MCP_AUDIENCE="https://todo.example.test/mcp",
        TODO_DELETION_IS_FINAL="yes",
        TODO_METRICS_PORT="9464",
        TODO_METRICS_HOST="::1",
        TODO_RATE_LIMIT="100/second",
        TODO_LOGIN_LIMIT="off",
        TODO_ADDRESS_LIMIT="10/second",
        TODO_REDIS_URL="rediss://:pw@host/1",
        TODO_TRUSTED_PROXIES="10.0.0.0/8, ::1",
    )

    def written(value: Any) -> Any:
        return value.get_secret_value() if isinstance(value, SecretStr) else value

    assert {name: written(getattr(settings, name)) for name in Settings.model_fields} == {
        "database_url": "postgresql://me:pw@host/db",
        "data_dir": tmp_path,
        "database_pool_size": 3,
        "database_timeout": 1.5,
        "database_wait": 0,
        "drain": 15,
        "keep_alive": 75,
        "database_pooler": "off",
        "database_listen_url": None,
        "jwt_secret": "s" * 32,
        "user": "ann",
        "time_zone": "Europe/Berlin",
        "trash_days": 0,
        "mcp_without": ("search", "fetch"),
        "history_days": 90,
        "log_level": "warning",
        "metrics_port": 9464,
        "metrics_host": "::1",
        "cors_origins": ("https://app.example.test", "http://localhost:5173"),
        "root_path": "/todos",
        "allowed_hosts": ("todo.example.test:443",),
        "public_url": "https://todo.example.test",
        "better_auth_url": "https://better.example.test",
        "jwt_issuer": "https://auth.example.test",
        "jwt_audience": ("https://todo.example.test",),
        "jwks_url": None,  # in place of a secret
        "jwt_algorithms": ("HS256",),
        "issuers": (Issuer(**ONE),),
        "admin_roles": ("admin", "owner"),
        "rest_audience": ("https://todo.example.test", "https://better.example.test"),
        "mcp_audience": ("https://todo.example.test/mcp",),
        "deletion_is_final": True,
        "rate_limit": "100/second",
        "login_limit": "off",
        "address_limit": "10/second",
        "redis_url": "rediss://:pw@host/1",
        "trusted_proxies": ("10.0.0.0/8", "::1"),
    }


@pytest.mark.requirement("ID5")
@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://todo.example.test", "https://todo.example.test"),
        ("https://todo.example.test/", "https://todo.example.test"),
        ("https://Todo.Example.Test:443", "https://todo.example.test"),
        ("HTTPS://todo.example.test:8443/", "https://todo.example.test:8443"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("https://xn--bcher-kva.example.test", "https://xn--bcher-kva.example.test"),
    ],
)
def test_an_origin_is_written_as_browsers_do_and_the_resource_is_below_it(
    written: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load(monkeypatch, TODO_PUBLIC_URL=written)

    assert (settings.public_url, settings.resource) == (meant, f"{meant}/mcp")


# --- issuers -----------------------------------------------------------------------------------


@pytest.mark.requirement("ID1")
def test_one_issuer_is_named_by_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    (issuer,) = load(monkeypatch, **JWT, TODO_ADMIN_ROLES="admin").trusted_issuers

    assert issuer.issuer == issuer.users == "https://auth.example.test"
    assert issuer.audience == ("https://todo.example.test",)
    assert issuer.secret is not None
    assert issuer.secret.get_secret_value() == "s" * 32
    assert issuer.jwks_url is None
    assert issuer.algorithms == {"HS256"}
    assert issuer.default_scopes == USER_SCOPES
    assert (issuer.role_claim, issuer.admin_roles) == ("role", {"admin"})
    assert not issuer.authorization_server


@pytest.mark.requirement("ID1")
def test_an_issuer_with_a_key_set_takes_every_algorithm_with_two_keys_but_those_that_are_not_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remote = {name: value for name, value in JWT.items() if name != "TODO_JWT_SECRET"}
    (issuer,) = load(monkeypatch, **remote, TODO_JWKS_URL="https://auth.example.test/jwks").trusted_issuers
    (narrow,) = load(monkeypatch, TODO_JWT_ALGORITHMS="EdDSA,ES256").trusted_issuers

    assert (issuer.jwks_url, issuer.secret) == ("https://auth.example.test/jwks", None)
    assert issuer.algorithms == {"RS256", "ES256", "EdDSA"}
    assert narrow.algorithms == {"EdDSA", "ES256"}


@pytest.mark.requirement("ID1", "ID2")
def test_the_three_ways_to_name_issuers_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        monkeypatch,
        **JWT,
        TODO_ISSUERS=json.dumps([ONE, REMOTE | {"users_of": ONE["issuer"], "scopes": {"tasks": ["todos:read"]}}]),
        TODO_BETTER_AUTH_URL="https://better.example.test/",
        TODO_PUBLIC_URL="https://todo.example.test/",
        TODO_ADMIN_ROLES="owner",
    )

    by_name = {issuer.issuer: issuer for issuer in settings.trusted_issuers}
    assert by_name.keys() == {
        "https://auth.example.test",
        "https://one.example.test",
        "https://two.example.test",
        "https://better.example.test",
        "https://better.example.test/api/auth",
    }
    assert by_name["https://two.example.test"].users == ONE["issuer"]
    assert by_name["https://two.example.test"].scopes == {"tasks": {"todos:read"}}
    assert by_name["https://one.example.test"].admin_roles == frozenset()
    session, access = by_name["https://better.example.test"], by_name["https://better.example.test/api/auth"]
    assert session.jwks_url == access.jwks_url == "https://better.example.test/api/auth/jwks"
    assert (session.audience, access.audience) == (("https://better.example.test",), ("https://todo.example.test/mcp",))
    assert session.users == access.users == "https://better.example.test"
    assert (session.authorization_server, access.authorization_server) == (False, True)
    assert (session.default_scopes, access.default_scopes) == (USER_SCOPES, frozenset())
    assert session.admin_roles == access.admin_roles == {"owner"}


def of(second: dict[str, Any], **changed: Any) -> list[dict[str, Any]]:
    return [ONE, second | changed]


WRONG_ISSUERS: dict[str, tuple[Any, str]] = {
    "no JSON": ("{", "TODO_ISSUERS "),
    "an object": (ONE, "TODO_ISSUERS "),
    "a string": ("a-wrong-value", "TODO_ISSUERS "),
    "a list of strings": (["a-wrong-value"], "TODO_ISSUERS[0] "),
    "no audience": ([{"issuer": "a-wrong-value", "secret": "s" * 32}], "TODO_ISSUERS[0].audience "),
    "no issuer": (of({"audience": ["todo"], "secret": "s" * 32}), "TODO_ISSUERS[1].issuer "),
    "an empty audience": (of(REMOTE, audience=[]), "TODO_ISSUERS[1].audience "),
    "an audience that is no list": (of(REMOTE, audience="a-wrong-value"), "TODO_ISSUERS[1].audience "),
    "an empty word for an audience": (of(REMOTE, audience=["todo", ""]), "TODO_ISSUERS[1].audience[1] "),
    "a long issuer": (of(REMOTE, issuer="a-wrong-value" * 20), "TODO_ISSUERS[1].issuer "),
    "a short secret": (of(REMOTE, jwks_url=None, secret="a-wrong-value"), "TODO_ISSUERS[1].secret "),
    "neither kind of key": (of(REMOTE, jwks_url=None), "TODO_ISSUERS[1] "),
    "both kinds of key": (of(REMOTE, secret="s" * 32), "TODO_ISSUERS[1] "),
    "a key set without TLS": (of(REMOTE, jwks_url="http://a-wrong-value.test/"), "TODO_ISSUERS[1].jwks_url "),
    "a key set in a file": (of(REMOTE, jwks_url="file:///a-wrong-value"), "TODO_ISSUERS[1].jwks_url "),
    "a key set with a password": (of(REMOTE, jwks_url="https://a-wrong-value:b@a.test/"), "TODO_ISSUERS[1].jwks_url "),
    "no algorithm": (of(REMOTE, algorithms=["none"]), "TODO_ISSUERS[1].algorithms[0] "),
    "an algorithm with a secret": (of(REMOTE, algorithms=["HS256"]), "TODO_ISSUERS[1] "),
    "an algorithm with two keys": ([ONE | {"algorithms": ["RS256"]}], "TODO_ISSUERS[0] "),
    "an unknown scope": (of(REMOTE, scopes={"a": ["a-wrong-value"]}), "TODO_ISSUERS[1].scopes.a[0] "),
    "an unknown default scope": (of(REMOTE, default_scopes=["a-wrong-value"]), "TODO_ISSUERS[1].default_scopes[0] "),
    "an empty role claim": (of(REMOTE, role_claim=""), "TODO_ISSUERS[1].role_claim "),
    "roles that are no list": (of(REMOTE, admin_roles="a-wrong-value"), "TODO_ISSUERS[1].admin_roles "),
    "an unknown field": (of(REMOTE, audiences=["a-wrong-value"]), "TODO_ISSUERS[1].audiences "),
    "the issuer of local users": (of(REMOTE, issuer=LOCAL_ISSUER), "TODO_ISSUERS[1] "),
    "the users of the command line": (of(REMOTE, users_of=OPERATOR_ISSUER), "TODO_ISSUERS[1] "),
    "a server at no address": (of(SERVER, issuer="a-wrong-value"), "TODO_ISSUERS[1] "),
    "one issuer twice": ([ONE, REMOTE, ONE | {"audience": ["a-wrong-value"]}], "TODO_ISSUERS "),
    "a server for another resource": (of(SERVER, audience=["a-wrong-value"]), "TODO_ISSUERS "),
}


@pytest.mark.requirement("ID1")
@each(("issuers", "begins"), WRONG_ISSUERS.values(), ids=WRONG_ISSUERS)
def test_a_mistake_in_the_list_of_issuers_is_one_line_that_says_where_it_is(
    issuers: Any, begins: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as one, pytest.raises(ConfigurationError) as refused:
        load(
            one,
            TODO_PUBLIC_URL="https://todo.example.test",
            TODO_ISSUERS="{" if issuers == "{" else json.dumps(issuers),
        )

    (line,) = str(refused.value).splitlines()
    assert line.startswith(begins)
    assert "wrong-value" not in line
    assert refused.value.__suppress_context__


@pytest.mark.requirement("ID1")
def test_every_mistake_in_the_list_of_issuers_has_its_own_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(monkeypatch, TODO_ISSUERS=json.dumps([ONE | {"audience": [], "x": 1}, {"issuer": ""}]))

    assert sorted(line.partition(" ")[0] for line in str(refused.value).splitlines()) == [
        "TODO_ISSUERS[0].audience",
        "TODO_ISSUERS[0].x",
        "TODO_ISSUERS[1].audience",
        "TODO_ISSUERS[1].issuer",
    ]


@pytest.mark.requirement("ID1", "ID5")
@pytest.mark.parametrize(
    ("environment", "line"),
    [
        (
            JWT | {"TODO_JWKS_URL": "https://auth.example.test/jwks"},
            "TODO_JWT_SECRET and TODO_JWKS_URL exclude each other; TODO_ISSUERS takes several issuers",
        ),
        (
            {"TODO_JWKS_URL": "https://auth.example.test/jwks", "TODO_JWT_AUDIENCE": "todo"},
            "TODO_JWT_ISSUER is required when TODO_JWKS_URL is set",
        ),
        (
            {"TODO_BETTER_AUTH_URL": "https://better.example.test"},
            "TODO_PUBLIC_URL is required when TODO_BETTER_AUTH_URL is set",
        ),
        (
            {"TODO_ISSUERS": json.dumps([SERVER])},
            "TODO_PUBLIC_URL is required when an issuer is an authorization_server",
        ),
        (
            JWT | {"TODO_REST_AUDIENCE": f"{JWT['TODO_JWT_AUDIENCE']}, nobody's"},
            "TODO_REST_AUDIENCE takes audiences of trusted issuers; name them there, too",
        ),
        (
            {"TODO_MCP_AUDIENCE": "nobody's"},
            "TODO_MCP_AUDIENCE takes audiences of trusted issuers; name them there, too",
        ),
        (
            JWT
            | {
                "TODO_MCP_AUDIENCE": JWT["TODO_JWT_AUDIENCE"],
                "TODO_BETTER_AUTH_URL": "https://better.example.test",
                "TODO_PUBLIC_URL": "https://todo.example.test",
            },
            "TODO_MCP_AUDIENCE needs TODO_PUBLIC_URL + /mcp: an authorization_server is for that",
        ),
        (
            JWT | {"TODO_ISSUERS": json.dumps([ONE | {"issuer": JWT["TODO_JWT_ISSUER"]}])},
            "TODO_ISSUERS names an issuer that is configured already; each may be named once",
        ),
        (
            {
                "TODO_BETTER_AUTH_URL": "https://two.example.test",
                "TODO_PUBLIC_URL": "https://todo.example.test",
                "TODO_ISSUERS": json.dumps([REMOTE]),
            },
            "TODO_ISSUERS names an issuer that is configured already; each may be named once",
        ),
    ],
)
def test_variables_that_do_not_go_together_are_one_line(
    environment: dict[str, str], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(monkeypatch, **environment)

    assert str(refused.value) == line


@pytest.mark.requirement("ID1")
def test_an_issuer_may_be_an_authorization_server_for_this_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        monkeypatch, TODO_PUBLIC_URL="https://todo.example.test", TODO_ISSUERS=json.dumps([ONE, SERVER, REMOTE][:2])
    )

    assert [issuer.authorization_server for issuer in settings.trusted_issuers] == [False, True]


@pytest.mark.requirement("ID1")
def test_an_issuer_never_changes() -> None:
    issuer = Issuer(**ONE)

    with pytest.raises(ValidationError):
        issuer.issuer = "somebody else"  # type: ignore[misc]


# --- the environment ---------------------------------------------------------------------------


def test_the_usual_name_of_the_database_works_and_ours_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = load(monkeypatch, DATABASE_URL="postgres://theirs/db").database_url
    ours = load(monkeypatch, TODO_DATABASE_URL="postgresql+asyncpg://ours/db").database_url

    assert theirs is not None
    assert theirs.get_secret_value() == "postgres://theirs/db"
    assert ours is not None
    assert ours.get_secret_value() == "postgresql+asyncpg://ours/db"


def test_a_file_that_is_named_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "todo.env").write_text("TODO_USER=from the file\nTODO_TRASH_DAYS=7\nUNRELATED=1\n")

    settings = load(monkeypatch, TODO_ENV_FILE=str(tmp_path / "todo.env"), TODO_USER="from the environment")

    assert (settings.user, settings.trash_days) == ("from the environment", 7)


@pytest.mark.parametrize("name", [".env", "todo.env", ".env.local"])
def test_no_file_of_the_working_directory_is_read_unasked(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("DATABASE_URL=postgresql://theirs/db\nTODO_JWT_SECRET=hunter2\n")

    assert Settings.load().database_url is None


@pytest.mark.parametrize("content", [None, b"TODO_USER=\xff\n"], ids=["not there", "no text"])
def test_a_named_file_that_cannot_be_read_is_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "todo.env").write_bytes(content)

    with pytest.raises(ConfigurationError, match=r"^TODO_ENV_FILE \(or --env-file\) cannot be read \(\w+\)$"):
        load(monkeypatch, TODO_ENV_FILE=str(tmp_path / "todo.env"))


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, TODO_DATABASE_URL="", TODO_TRASH_DAYS="").trash_days == 30


def test_what_the_command_line_says_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TODO_USER", "from the environment")

    assert Settings.load(user="from the command line").user == "from the command line"


WRONG = {
    "TODO_DATABASE_URL": ["mysql://a-wrong-value/db", "a-wrong-value", "postgresql://host/db?a-wrong-value=1"],
    "DATABASE_URL": ["mysql://a-wrong-value/db"],
    "TODO_DATABASE_POOL_SIZE": ["0", "201", "a-wrong-value"],
    "TODO_DATABASE_TIMEOUT": ["0", "301", "nan", "inf", "a-wrong-value"],
    "TODO_DATABASE_WAIT": ["-1", "3601", "nan", "a-wrong-value"],
    "TODO_DRAIN": ["-1", "601", "nan", "a-wrong-value"],
    "TODO_KEEP_ALIVE": ["0", "3601", "1.5", "a-wrong-value"],
    "TODO_DATABASE_POOLER": ["a-wrong-value"],
    "TODO_JWT_SECRET": ["a-wrong-value", "ü" * 15],
    "TODO_JWT_ISSUER": ["a-wrong-value" * 20, LOCAL_ISSUER, OPERATOR_ISSUER],
    "TODO_JWT_AUDIENCE": ["a-wrong-value" * 20, "todo," + "a-wrong-value" * 20],
    "TODO_JWT_ALGORITHMS": ["none", "hs256", "HS512", "RS256"],
    "TODO_JWKS_URL": [
        "a-wrong-value",
        "http://a-wrong-value.test/jwks",
        "ftp://a-wrong-value.test/jwks",
        "https://",
        "https://a-wrong-value:0/jwks",
        "https://a-wrong-value:65536/jwks",
        "https://a-wrong-value:password@host.test/jwks",
        "https://a-wrong-value.test/jwks#fragment",
        "https://a-wrong-value.test/j wks",
        "https://[a-wrong-value/jwks",
        "https://bücher.test/jwks",
    ],
    "TODO_PUBLIC_URL": [
        "a-wrong-value",
        "http://a-wrong-value.test",
        "https://a-wrong-value.test/path",
        "https://a-wrong-value.test?query",
        "https://a-wrong-value.test#fragment",
        "https://a-wrong-value@host.test",
    ],
    "TODO_BETTER_AUTH_URL": ["a-wrong-value", "https://a-wrong-value.test/api/auth", "http://a-wrong-value.test"],
    "TODO_RATE_LIMIT": ["a-wrong-value", "49/minute", "1200", "1200/fortnight", "-1/minute", "0/minute"],
    "TODO_LOGIN_LIMIT": ["a-wrong-value", "0/minute", "OFF/minute"],
    "TODO_ADDRESS_LIMIT": ["a-wrong-value", "0/minute", "OFF/minute"],
    "TODO_REDIS_URL": [
        "a-wrong-value",
        "http://a-wrong-value/",
        "redis://host/a-wrong-value",  # the client would take the first database, which another installation may have
        "rediss://:pw@host:6379/-1",
        "redis://host/0/1",
        "redis://host/1?db=a-wrong-value",
    ],
    "TODO_ALLOWED_HOSTS": [
        "https://a-wrong-value.test",
        "a-wrong-value.test/",
        "a-wrong-value.test:8000/path",
        "*.a-wrong-value.test",
        "*",
        "a-wrong-value.test:port",
        "a wrong value",
        "good.example.test:8000,user@a-wrong-value.test",
        "::1",
    ],
    "TODO_TRUSTED_PROXIES": ["a-wrong-value", "10.0.0.0/33", "10.0.0.1/8", "127.0.0.1,a-wrong-value"],
    "TODO_USER": ["u" * 101],
    "TODO_TIME_ZONE": ["a-wrong-value", "CEST", "../etc/passwd"],
    "TODO_TRASH_DAYS": ["-1", "3651", "1.5", "a-wrong-value"],
    "TODO_LOG_LEVEL": ["a-wrong-value"],
    "TODO_CORS_ORIGINS": [
        "*",
        "https://*.test",
        "https://app.*.example.test",
        "https://*.*.example.test",
        "app://*.example.test",
        "file://a-wrong-value",
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


@each(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_wrong_value_is_one_line_that_names_its_variable_and_not_the_value(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {**JWT, name: value} if name.startswith("TODO_JWT") else {name: value}

    with monkeypatch.context() as one, pytest.raises(ConfigurationError) as refused:
        load(one, **environment)

    (line,) = str(refused.value).splitlines()
    assert re.match(rf"{name}(\[\d\])? ", line)
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
    settings = load(
        monkeypatch,
        **JWT,
        TODO_DATABASE_URL="postgresql://me:hunter2@host/db",
        TODO_REDIS_URL="redis://:hunter2@host/1",
        TODO_ISSUERS=json.dumps([ONE]),
    )
    assert len(settings.trusted_issuers) == 2

    shown = f"{settings} {settings!r} {settings.model_dump_json()} {settings.trusted_issuers!r} {vars(settings)!r}"
    assert "hunter2" not in shown
    assert "s" * 32 not in shown


def test_settings_never_change(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch)

    with pytest.raises(ValidationError):
        settings.user = "somebody else"  # type: ignore[misc]
