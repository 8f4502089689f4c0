"""Describe the trusted issuers of JWTs: their keys, algorithms, audiences and scopes (`specs/identity/tokens.md`)."""

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
"""Issuers that the configuration cannot name."""

MINIMUM_SECRET_BYTES: Final = 32
"""RFC 7518 §3.2: an HS256 key is at least as long as the hash."""

_HOST: Final = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)
"""A host and perhaps a port; no user name, no password."""

Algorithm = Literal["HS256", "RS256", "ES256", "EdDSA"]
WITH_SECRET: Final[frozenset[Algorithm]] = frozenset({"HS256"})
"""Algorithms that verify with a shared secret."""
WITH_KEY_SET: Final[frozenset[Algorithm]] = frozenset({"RS256", "ES256", "EdDSA"})
"""Algorithms that verify with a public key of a key set."""

UserRole = Literal["user", "admin"]
Name = Annotated[str, Field(min_length=1, max_length=255)]
"""The name of an issuer, an audience or a claim."""


def long_enough(secret: SecretStr) -> SecretStr:
    """Return the secret; refuse one of fewer than `MINIMUM_SECRET_BYTES`.

    Raises:
        ValueError: It is shorter.
    """
    if len(secret.get_secret_value().encode()) < MINIMUM_SECRET_BYTES:
        raise ValueError(f"must be at least {MINIMUM_SECRET_BYTES} bytes")
    return secret


def algorithms_for(secret: SecretStr | None) -> frozenset[Algorithm]:
    """Return the algorithms that verify with a secret; those for a key set where there is no secret."""
    return WITH_KEY_SET if secret is None else WITH_SECRET


def is_loopback(host: str | None) -> bool:
    """Return whether the host of a URL is this machine, by its loopback address or as `localhost`."""
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def secure_url(url: str) -> str:
    """Return the URL; refuse one that is neither https nor on this machine.

    Raises:
        ValueError: It is not, or it has a fragment, a user name, or other than plain characters.
    """
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        has_host = False
    if has_host and not _HOST.fullmatch(parts.netloc):
        raise ValueError("must be a URL with a plain host name (international names as xn--…)")
    if not has_host or (parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname))):
        raise ValueError("must be an https:// URL (http:// only on a loopback address)")
    if parts.fragment or not url.isascii() or not url.isprintable() or set(url) & set('"\\ '):
        raise ValueError("must be a URL of plain characters, without a fragment")
    return url


class Issuer(BaseModel):
    """A trusted issuer of JWTs, as `TODO_ISSUERS` configures it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    issuer: Name
    """The exact `iss` of its tokens."""
    audience: Annotated[tuple[Name, ...], Field(min_length=1)]
    """The `aud` values of which a token must carry one."""
    secret: Annotated[SecretStr, AfterValidator(long_enough)] | None = None
    """The key of HS256. An issuer has either this or `jwks_url`."""
    jwks_url: Annotated[str, AfterValidator(secure_url)] | None = None
    """Where its key set is published (RFC 7517 §5)."""
    algorithms: frozenset[Algorithm] = frozenset()
    """Accepted algorithms. Default: every one that verifies with its kind of key."""
    users_of: Name | None = None
    """The issuer that has the same users. Default: this one."""
    scopes: Mapping[str, frozenset[Scope]] = {}
    """What its own scope names mean; our names mean themselves unless they are listed."""
    default_scopes: frozenset[Scope] = USER_SCOPES
    """Scopes of a session token, which has no scope claim."""
    role_claim: Name = "role"
    """The claim with the user's role or roles."""
    admin_roles: frozenset[str] = frozenset()
    """Values of `role_claim` that make an admin. Default: none do."""
    authorization_server: bool = False
    """Whether MCP clients get tokens from it: its metadata is named in ours (RFC 9728)."""
    own_clients: frozenset[str] = frozenset()
    """OAuth client ids of the service's own web UI; every other client is an app that acts for the user."""

    @model_validator(mode="before")
    @classmethod
    def _default_algorithms(cls, value: object) -> object:
        if isinstance(value, dict) and not value.get("algorithms"):
            return value | {"algorithms": algorithms_for(value.get("secret"))}
        return value

    @model_validator(mode="after")
    def _fields_agree(self) -> Issuer:
        if (self.secret is None) == (self.jwks_url is None):
            raise ValueError("needs exactly one of secret and jwks_url")
        if not self.algorithms <= (known := algorithms_for(self.secret)):
            raise ValueError(f"algorithms must be of {', '.join(sorted(known))} with these keys")
        if self.authorization_server:
            secure_url(self.issuer)  # RFC 8414 §2: clients look for its metadata there
        if {self.issuer, self.users} & RESERVED:
            raise ValueError("issuer is reserved for local users; use your identity provider's issuer")
        return self

    @property
    def users(self) -> str:
        """Return the issuer with which its users are stored."""
        return self.users_of or self.issuer


def better_auth(origin: str, resource: str, admin_roles: frozenset[str]) -> tuple[Issuer, Issuer]:
    """Return the two issuers of a Better Auth server: of its sessions, and of its OAuth access tokens.

    Both name the same users, those of the session issuer.

    Args:
        origin: Where the server is, such as https://example.com.
        resource: URL of our MCP endpoint, the audience of access tokens.
        admin_roles: Values of the `role` claim that make an admin.
    """
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
