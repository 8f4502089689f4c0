"""Who may say who somebody is: the trusted issuers of JWTs (`specs/identity/tokens.md`)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from todo_core.identity.scopes import USER_SCOPES, Scope

LOCAL_ISSUER: Final = "urn:todo-mcp:local"
"""Issuer of the users that the command line makes; no outside token may carry it."""

OPERATOR_ISSUER: Final = "urn:todo-mcp:operator"
"""Issuer of the account that the command line administers with."""

RESERVED: Final = frozenset({LOCAL_ISSUER, OPERATOR_ISSUER})

MINIMUM_SECRET_BYTES: Final = 32
"""RFC 7518 §3.2: an HS256 key is at least as long as the hash."""

_HOST: Final = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)

Algorithm = Literal["HS256", "RS256", "ES256", "EdDSA"]
WITH_SECRET: Final[frozenset[Algorithm]] = frozenset({"HS256"})
WITH_KEY_SET: Final[frozenset[Algorithm]] = frozenset({"RS256", "ES256", "EdDSA"})

UserRole = Literal["user", "admin"]
Name = Annotated[str, Field(min_length=1, max_length=255)]


def long_enough(secret: SecretStr) -> SecretStr:
    """Refuse a secret that is shorter than the hash."""
    if len(secret.get_secret_value().encode()) < MINIMUM_SECRET_BYTES:
        raise ValueError(f"must be at least {MINIMUM_SECRET_BYTES} bytes")
    return secret


def fitting(secret: SecretStr | None) -> frozenset[Algorithm]:
    """The algorithms for a secret, or for a key set where there is none."""
    return WITH_KEY_SET if secret is None else WITH_SECRET


def is_loopback(host: str | None) -> bool:
    """Whether a host, as in a URL, is this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def secure_url(url: str) -> str:
    """Refuse a URL that is neither https nor on this machine."""
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        named = False
    if named and not _HOST.fullmatch(parts.netloc):
        raise ValueError("must be a URL with a plain host name (international names as xn--…)")
    if not named or (parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname))):
        raise ValueError("must be an https:// URL (http:// only on a loopback address)")
    if parts.fragment or not url.isascii() or not url.isprintable() or set(url) & set('"\\ '):
        raise ValueError("must be a URL of plain characters, without a fragment")
    return url


class Issuer(BaseModel):
    """One trusted issuer: whose tokens it signs, with which keys, and what they may do."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    issuer: Name
    audience: Annotated[tuple[Name, ...], Field(min_length=1)]
    secret: Annotated[SecretStr, AfterValidator(long_enough)] | None = None
    jwks_url: Annotated[str, AfterValidator(secure_url)] | None = None
    algorithms: frozenset[Algorithm] = frozenset()
    users_of: Name | None = None
    scopes: Mapping[str, frozenset[Scope]] = {}
    default_scopes: frozenset[Scope] = USER_SCOPES
    role_claim: Name = "role"
    admin_roles: frozenset[str] = frozenset()
    authorization_server: bool = False
    own_clients: frozenset[str] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _all_that_fit(cls, value: object) -> object:
        if isinstance(value, dict) and not value.get("algorithms"):
            return value | {"algorithms": fitting(value.get("secret"))}
        return value

    @model_validator(mode="after")
    def _is_whole(self) -> Issuer:
        if (self.secret is None) == (self.jwks_url is None):
            raise ValueError("needs exactly one of secret and jwks_url")
        if not self.algorithms <= (known := fitting(self.secret)):
            raise ValueError(f"algorithms must be of {', '.join(sorted(known))} with these keys")
        if self.authorization_server:
            secure_url(self.issuer)  # RFC 8414 §2: clients look for its metadata there
        if {self.issuer, self.users} & RESERVED:
            raise ValueError("issuer is reserved for local users; use your identity provider's issuer")
        return self

    @property
    def users(self) -> str:
        """The issuer under which its users are kept."""
        return self.users_of or self.issuer


def better_auth(origin: str, resource: str, admin_roles: frozenset[str]) -> tuple[Issuer, Issuer]:
    """A Better Auth server's two issuers, its sessions and its OAuth access tokens, for the same people."""
    keys = f"{origin}/api/auth/jwks"
    session = Issuer(issuer=origin, audience=(origin,), jwks_url=keys, admin_roles=admin_roles)
    access = Issuer(
        issuer=f"{origin}/api/auth",
        audience=(resource,),
        jwks_url=keys,
        users_of=origin,
        default_scopes=frozenset(),
        admin_roles=admin_roles,
        authorization_server=True,
    )
    return session, access
