"""Read the configuration, once, from the environment and the file that it names, if it names one.

There is no global instance: whoever starts a process makes a `Settings` and passes it on.
`docs/configuration.md` lists every variable; a test compares it with this file.
"""

from __future__ import annotations

import os
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import parse_qsl, urlsplit

import platformdirs
from pydantic import (
    AfterValidator,
    AliasChoices,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from todo_core import ENV_FILE, connection_strings
from todo_core.identity.issuers import (
    RESERVED,
    Algorithm,
    Issuer,
    Name,
    algorithms_for,
    better_auth,
    long_enough,
    secure_url,
)
from todo_core.notations import LARGEST_COST, known_time_zone, parse_limit, parse_networks
from todo_core.text.json_text import strict_json

_ORIGIN: Final = re.compile(
    r"(?!(?:about|blob|data|file|ftp|javascript|wss?):)[a-z][a-z0-9+.-]*://[^\s/?#@*,]+|https?://\*\.[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::[0-9]+)?",
    re.ASCII,
)
"""Origins as browsers and hybrid apps send them (RFC 6454 §6.2). A wildcard is one label, below two at least."""
_HOST: Final = re.compile(
    r"(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.ASCII | re.IGNORECASE
)
"""Values of the Host header (RFC 9110 §7.2)."""
List = Annotated[tuple[str, ...], NoDecode]
"""Comma-separated in the environment."""


class ConfigurationError(Exception):
    """A setting has a wrong value. The message has one line for each mistake, without the value."""


def _has_redis_database(url: SecretStr) -> bool:
    """Return whether the URL of a Redis names a database by its number, or none.

    Of anything else its client would take the first one, where another installation may count.
    """
    parts = urlsplit(url.get_secret_value())
    named = [parts.path.removeprefix("/"), *(value for name, value in parse_qsl(parts.query) if name == "db")]
    return all(not name or (name.isascii() and name.isdecimal()) for name in named)


def _scheme(connection_string: SecretStr) -> str:
    """Return the scheme of a URL; refuse a text that is none."""
    try:
        parts = urlsplit(connection_string.get_secret_value())
        _ = parts.port
    except ValueError:
        raise ValueError("is not a connection string") from None
    return parts.scheme


class Settings(BaseSettings):
    """Every setting, each read from `TODO_<NAME>`."""

    model_config = SettingsConfigDict(
        env_prefix="TODO_",
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    database_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("TODO_DATABASE_URL", "DATABASE_URL"),
        description="PostgreSQL connection string, as Neon shows it. Unset: an embedded PostgreSQL in `TODO_DATA_DIR`.",
    )
    data_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("todo-mcp")),
        description="Folder of the embedded PostgreSQL. Default: the platform's user data folder.",
    )
    database_pool_size: int = Field(
        default=8, ge=1, le=200, description="Connections each worker keeps to the database."
    )
    database_timeout: float = Field(
        default=10.0, gt=0, le=300, description="Seconds one statement may take before the request is refused with 503."
    )
    database_wait: float = Field(
        default=30.0,
        ge=0,
        le=3600,
        allow_inf_nan=False,
        description="Seconds that `serve` waits at its start for a database that cannot be reached yet.",
    )
    drain: float = Field(
        default=0.0,
        ge=0,
        le=600,
        allow_inf_nan=False,
        description="Seconds after SIGTERM for which `serve` serves on and `/readyz` answers 503, so that a proxy sends"
        " its requests elsewhere; then running requests have 10 s to finish.",
    )
    keep_alive: int = Field(
        default=5,
        ge=1,
        le=3600,
        description="Seconds that a connection without requests stays open. Behind a proxy: more than the proxy's own.",
    )
    database_pooler: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="Whether a transaction pooler such as PgBouncer stands before PostgreSQL; `auto`: if the host's"
        " name has `-pooler`. Behind one, prepared statements are off and every setting is made per transaction.",
    )
    database_listen_url: SecretStr | None = Field(
        default=None,
        description="Connection string to hear by (LISTEN) of changes that other processes make, where"
        " `TODO_DATABASE_URL` leads to a pooler: PostgreSQL's own address, such as Neon's host without `-pooler`."
        " Without one, a database behind a pooler is asked every 2 seconds while somebody follows changes.",
    )
    public_url: str | None = Field(
        default=None,
        description="Where clients reach this server, such as https://todo.example.com. The Host header may name it,"
        " and OAuth tokens for MCP are for this URL + `/mcp`.",
    )
    better_auth_url: str | None = Field(
        default=None,
        description="Origin of a Better Auth server whose sessions and OAuth access tokens are accepted;"
        " needs `TODO_PUBLIC_URL`.",
    )
    jwt_issuer: str | None = Field(
        default=None,
        min_length=1,
        max_length=255,
        description="The `iss` of JWTs, for one issuer with these variables.",
    )
    jwt_audience: Annotated[tuple[Name, ...], NoDecode] = Field(
        default=(), description="Comma-separated `aud` values, one of which a JWT must carry."
    )
    jwt_secret: SecretStr | None = Field(
        default=None, description="Secret, at least 32 bytes, that signs HS256 tokens of `TODO_JWT_ISSUER`."
    )
    jwks_url: str | None = Field(
        default=None, description="Where `TODO_JWT_ISSUER` publishes its keys, instead of a secret."
    )
    jwt_algorithms: Annotated[tuple[Algorithm, ...], NoDecode] = Field(
        default=(),
        description="Comma-separated algorithms of `TODO_JWT_ISSUER`. Default: HS256 with a secret,"
        " RS256, ES256 and EdDSA with a key set.",
    )
    issuers: Annotated[tuple[Issuer, ...], NoDecode] = Field(
        default=(),
        description="More trusted issuers, as a JSON list of objects; `specs/identity/tokens.md` has their fields.",
    )
    admin_roles: List = Field(
        default=(), description="Comma-separated values of the `role` claim that make an admin. Default: none do."
    )
    rest_audience: Annotated[tuple[Name, ...], NoDecode] = Field(
        default=(),
        description="Comma-separated `aud` values, one of which a JWT must carry for the REST API. Default: any of its"
        " issuer's.",
    )
    mcp_audience: Annotated[tuple[Name, ...], NoDecode] = Field(
        default=(),
        description="Comma-separated `aud` values, one of which a JWT must carry for MCP. Default: any of its"
        " issuer's.",
    )
    deletion_is_final: bool = Field(
        default=False,
        description="Whether whose account an admin deleted is not let in again: a keyed hash of issuer and subject is"
        " kept for that. Off: the person begins anew.",
    )
    user: str = Field(
        default="local",
        min_length=1,
        max_length=100,
        description="Local user of `stdio`, of `serve` and of the `token` commands.",
    )
    time_zone: Annotated[str, AfterValidator(known_time_zone)] = Field(
        default="UTC", description="IANA time zone given to a new user."
    )
    trash_days: int = Field(
        default=30,
        ge=0,
        le=3650,
        description="Days a todo stays in the trash before a purge, and a proposal after it was decided or expired.",
    )
    history_days: int | None = Field(
        default=None, ge=1, le=36500, description="Days a change stays in the record before a purge. Unset: for ever."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level that is logged, as one JSON line each, on standard error."
    )
    metrics_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Port on which `serve` answers Prometheus, besides its own. Unset: nothing is measured.",
    )
    metrics_host: str = Field(
        default="127.0.0.1",
        min_length=1,
        max_length=255,
        description="Address of `TODO_METRICS_PORT`. Whoever reaches it may read it: not for the public.",
    )
    rate_limit: str = Field(
        default="1200/minute",
        description="What a user may do: requests, of which a batch of n counts n; at least 50, or `off`.",
    )
    login_limit: str = Field(
        default="60/minute", description="Wrong tokens that one address may send before it is told to wait, or `off`."
    )
    address_limit: str = Field(
        default="600/minute",
        description="Requests that one address may send without a token, or for which none is looked at, before it has"
        " to wait, or `off`. Each worker counts by itself; health checks do not count.",
    )
    redis_url: SecretStr | None = Field(
        default=None, description="Redis in which several processes share the limits. Unset: each counts by itself."
    )
    trusted_proxies: List = Field(
        default=(),
        description="Comma-separated addresses or networks of proxies whose X-Forwarded-For and -Proto are believed.",
    )
    cors_origins: List = Field(
        default=(),
        description="Comma-separated origins that browsers may call the API from, such as `https://app.example.com`,"
        " `capacitor://localhost`, or `https://*.preview.example.com` for each one below that host.",
    )
    root_path: str | None = Field(
        default=None, description="The path below which a proxy serves this server, and which it takes away: `/todos`."
    )
    allowed_hosts: List = Field(
        default=(),
        description="Comma-separated `host:port` values accepted in the Host header besides the address served on.",
    )
    mcp_without: List = Field(
        default=(),
        description="Comma-separated MCP tools that are left out, such as `search,fetch`: some frameworks refuse two"
        " servers with a tool of one name.",
    )

    @field_validator(
        "cors_origins",
        "allowed_hosts",
        "trusted_proxies",
        "admin_roles",
        "jwt_audience",
        "jwt_algorithms",
        "rest_audience",
        "mcp_audience",
        "mcp_without",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @field_validator("issuers", mode="before")
    @classmethod
    def _json(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return strict_json(value.encode())
        except ValueError:
            raise ValueError("must be a JSON list of objects, each name in it once") from None

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("cors_origins")
    @classmethod
    def _exact_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(map(_ORIGIN.fullmatch, value)):
            raise ValueError(
                "takes origins such as https://app.example.com, without a path; one `*.` may begin the host"
            )
        return value

    @field_validator("root_path")
    @classmethod
    def _path(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"(?:/[A-Za-z0-9._~-]+)+", value):
            raise ValueError("must be a path such as /todos, without a slash at its end")
        return value

    @field_validator("database_url", "database_listen_url")
    @classmethod
    def _postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            connection_strings.check(value.get_secret_value())
        return value

    @field_validator("jwt_secret")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        return None if value is None else long_enough(value)

    @field_validator("public_url", "better_auth_url")
    @classmethod
    def _origin(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(secure_url(value))
        if parts.path.strip("/") or parts.query:
            raise ValueError("must be an origin such as https://example.com, without a path")
        # As browsers and Better Auth write an origin: without the scheme's own port (RFC 6454 §6.2).
        default = {"https": ":443", "http": ":80"}[parts.scheme]
        return f"{parts.scheme}://{parts.netloc.removesuffix(default)}".lower()

    @field_validator("jwks_url")
    @classmethod
    def _secure(cls, value: str | None) -> str | None:
        return None if value is None else secure_url(value)

    @field_validator("rate_limit", "login_limit", "address_limit")
    @classmethod
    def _limit(cls, value: str, info: ValidationInfo) -> str:
        parse_limit(value, at_least=LARGEST_COST if info.field_name == "rate_limit" else 1)
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and _scheme(value) not in ("redis", "rediss", "unix"):
            raise ValueError("must start with redis://, rediss:// or unix://")
        if value is not None and _scheme(value) != "unix" and not _has_redis_database(value):
            raise ValueError("must end with the number of a database, if with anything: redis://host/1")
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _exact_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(map(_HOST.fullmatch, value)):
            raise ValueError("takes hosts such as todo.example.com:8000, without https://, a path or a wildcard")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        parse_networks(value)
        return value

    @model_validator(mode="after")
    def _variables_of_one_issuer_agree(self) -> Settings:
        keys = [name for name in ("jwt_secret", "jwks_url") if getattr(self, name) is not None]
        if len(keys) > 1:
            raise ValueError("TODO_JWT_SECRET and TODO_JWKS_URL exclude each other; TODO_ISSUERS takes several issuers")
        if keys and not {*self.jwt_algorithms} <= (known := algorithms_for(self.jwt_secret)):
            raise ValueError(f"TODO_JWT_ALGORITHMS must be of {', '.join(sorted(known))} with TODO_{keys[0].upper()}")
        if not keys and (self.jwt_issuer or self.jwt_audience):
            raise ValueError("TODO_JWT_SECRET or TODO_JWKS_URL is required with TODO_JWT_ISSUER and TODO_JWT_AUDIENCE")
        for name in ("jwt_issuer", "jwt_audience") if keys else ():
            if not getattr(self, name):
                raise ValueError(f"TODO_{name.upper()} is required when TODO_{keys[0].upper()} is set")
        if self.jwt_issuer in RESERVED:
            raise ValueError("TODO_JWT_ISSUER is reserved for local users; use your identity provider's issuer")
        return self

    @model_validator(mode="after")
    def _issuers_agree(self) -> Settings:
        if self.better_auth_url is not None and self.public_url is None:
            raise ValueError("TODO_PUBLIC_URL is required when TODO_BETTER_AUTH_URL is set")
        trusted = self.trusted_issuers
        if len({issuer.issuer for issuer in trusted}) < len(trusted):
            raise ValueError("TODO_ISSUERS names an issuer that is configured already; each may be named once")
        servers = [issuer for issuer in trusted if issuer.authorization_server]
        if self.resource is not None and any(self.resource not in server.audience for server in servers):
            raise ValueError("TODO_ISSUERS needs TODO_PUBLIC_URL + /mcp in the audience of an authorization_server")
        for name in ("rest_audience", "mcp_audience"):
            if {*getattr(self, name)} - {audience for issuer in trusted for audience in issuer.audience}:
                raise ValueError(f"TODO_{name.upper()} takes audiences of trusted issuers; name them there, too")
        if servers and self.mcp_audience and self.resource not in self.mcp_audience:
            raise ValueError("TODO_MCP_AUDIENCE needs TODO_PUBLIC_URL + /mcp: an authorization_server is for that")
        if self.public_url is None and servers:
            raise ValueError("TODO_PUBLIC_URL is required when an issuer is an authorization_server")
        return self

    @property
    def resource(self) -> str | None:
        """Return the URL of the MCP endpoint, by which OAuth names it (RFC 8707); None without a public URL."""
        return None if self.public_url is None else f"{self.public_url}/mcp"

    @cached_property
    def trusted_issuers(self) -> tuple[Issuer, ...]:
        """Return every issuer of accepted JWTs, from all three ways to configure one."""
        admin_roles = frozenset(self.admin_roles)
        trusted = [*self.issuers]
        if self.jwt_issuer is not None:
            trusted.append(
                Issuer(
                    issuer=self.jwt_issuer,
                    audience=self.jwt_audience,
                    secret=self.jwt_secret,
                    jwks_url=self.jwks_url,
                    algorithms=frozenset(self.jwt_algorithms),
                    admin_roles=admin_roles,
                )
            )
        if self.better_auth_url is not None and self.resource is not None:
            trusted += better_auth(self.better_auth_url, self.resource, admin_roles)
        return tuple(trusted)

    @classmethod
    def load(cls, **overrides: object) -> Settings:
        """Read the environment, and the file that `TODO_ENV_FILE` names.

        Args:
            **overrides: Values that count instead, by field name.

        Raises:
            ConfigurationError: A value is wrong, or the file cannot be read.
        """
        file = os.environ.get(ENV_FILE) or None
        try:
            if file is not None:
                # pydantic-settings passes over a file that is not there.
                Path(file).expanduser().read_text(encoding="utf-8")
            return cls(_env_file=file, _env_file_encoding="utf-8", **overrides)  # type: ignore[arg-type]  # it checks them
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{ENV_FILE} (or --env-file) cannot be read ({type(error).__name__})") from None
        except ValidationError as error:
            raise ConfigurationError("\n".join(_explain(details) for details in error.errors())) from None


_MESSAGES: Final = {  # by pydantic's type of error, where its own message is for those who know pydantic
    "missing": "is required",
    "extra_forbidden": "is not a known field",
    "int_parsing": "must be a whole number",
    "float_parsing": "must be a number",
    "bool_parsing": "must be true or false",
}


def _explain(details: object) -> str:
    """Return a line for one of pydantic's errors: the variable, and what is wrong with its value."""
    error: dict[str, object] = dict(details)  # type: ignore[call-overload]  # pydantic's ErrorDetails
    location = error["loc"]
    message = _MESSAGES.get(str(error["type"])) or str(error["msg"]).removeprefix("Value error, ")
    message = message.replace("Input should be", "must be").replace("a valid tuple", "a list")
    if not isinstance(location, tuple) or not location:
        return message
    name = str(location[0])
    name = name if name.isupper() else "TODO_" + name.upper()
    if name == "TODO_DATABASE_URL" and name not in os.environ and "DATABASE_URL" in os.environ:
        name = "DATABASE_URL"
    inside = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location[1:])
    return f"{name}{inside} {message[:1].lower()}{message[1:]}"
