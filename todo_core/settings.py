"""Configuration, read once from the environment or a `.env` file and never changed.

There is no global instance: whoever starts a process makes a `Settings` and hands it on.
`docs/configuration.md` lists every variable; a test holds it to this file.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import platformdirs
from pydantic import AfterValidator, AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

LOCAL_ISSUER = "urn:todo-mcp:local"
"""Issuer of the users that the command line makes; no outside token may carry it."""

MINIMUM_SECRET_BYTES = 32
"""RFC 7518 §3.2: an HS256 key is at least as long as the hash."""


class ConfigurationError(Exception):
    """A setting has a wrong value; the text is one line for each mistake."""


def _known_time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("is not an IANA time zone, such as Europe/Berlin")
    return name


class Settings(BaseSettings):
    """Every setting, each read from `TODO_<NAME>`."""

    model_config = SettingsConfigDict(
        env_prefix="TODO_",
        env_file=".env",
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
    database_pooler: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="Whether a transaction pooler such as PgBouncer stands before PostgreSQL; `auto`: if the host's"
        " name has `-pooler`. Behind one, prepared statements are off and every setting is made per transaction.",
    )
    jwt_secret: SecretStr | None = Field(
        default=None, description="Secret, at least 32 bytes, that signs HS256 tokens. Unset: JWTs are refused."
    )
    jwt_issuer: str | None = Field(default=None, description="The `iss` that every JWT must carry.")
    jwt_audience: str | None = Field(default=None, description="The `aud` that every JWT must carry.")
    user: str = Field(
        default="local",
        min_length=1,
        max_length=100,
        description="Local user of `stdio`, of `serve` and of the `token` commands.",
    )
    time_zone: Annotated[str, AfterValidator(_known_time_zone)] = Field(
        default="UTC", description="IANA time zone given to a new user."
    )
    trash_days: int = Field(default=30, ge=0, le=3650, description="Days a todo stays in the trash before a purge.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level that is logged, as one JSON line each, on standard error."
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Comma-separated origins that browsers may call the API from."
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Comma-separated `host:port` values accepted in MCP's Host header besides the address served on.",
    )

    @field_validator("cors_origins", "allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("cors_origins")
    @classmethod
    def _exact_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            parts = urlsplit(origin)
            is_exact = f"{parts.scheme}://{parts.netloc}" == origin and "*" not in origin
            if parts.scheme not in ("http", "https") or not parts.netloc or not is_exact:
                raise ValueError("takes origins such as https://app.example.com, without a path or a wildcard")
        return value

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        try:
            parts = urlsplit(value.get_secret_value())
            _ = parts.port
        except ValueError:
            raise ValueError("is not a connection string") from None
        if parts.scheme not in ("postgresql", "postgres", "postgresql+asyncpg"):
            raise ValueError("must start with postgresql://")
        return value

    @field_validator("jwt_secret")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value().encode()) < MINIMUM_SECRET_BYTES:
            raise ValueError(f"must be at least {MINIMUM_SECRET_BYTES} bytes")
        return value

    @model_validator(mode="after")
    def _jwt_is_whole(self) -> Settings:
        if self.jwt_secret is not None:
            for name in ("jwt_issuer", "jwt_audience"):
                if not getattr(self, name):
                    raise ValueError(f"TODO_{name.upper()} is required when TODO_JWT_SECRET is set")
        if self.jwt_issuer == LOCAL_ISSUER:
            raise ValueError("TODO_JWT_ISSUER is reserved for local users; use your identity provider's issuer")
        return self

    @classmethod
    def load(cls, **overrides: object) -> Settings:
        """Read the environment (and `.env`), with `overrides` by field name on top.

        Raises:
            ConfigurationError: A value is wrong; one line a mistake, without the value.
        """
        try:
            return cls(**overrides)  # type: ignore[arg-type]  # pydantic checks them
        except ValidationError as error:
            raise ConfigurationError("\n".join(_explain(found) for found in error.errors())) from None


def _explain(found: object) -> str:
    error: dict[str, object] = dict(found)  # type: ignore[call-overload]  # pydantic's ErrorDetails
    location = error["loc"]
    message = str(error["msg"]).removeprefix("Value error, ")
    if not isinstance(location, tuple) or not location:
        return message
    name = str(location[0])
    name = name if name.isupper() else "TODO_" + name.upper()
    if name == "TODO_DATABASE_URL" and name not in os.environ and "DATABASE_URL" in os.environ:
        name = "DATABASE_URL"
    return f"{name} {message[:1].lower()}{message[1:]}"
