"""Verify a JWT strictly: shape before key, key before signature, signature before claims (RFC 8725).

The algorithm comes from the configuration and never from the token. PyJWT checks the signature;
what it is lenient about is checked here first (`specs/identity/tokens.md`).
"""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeGuard

import jwt

from todo_core.identity.issuers import Issuer, UserRole
from todo_core.identity.jwks import KeySource, NoSuchKeyError, RemoteKeys, SharedSecret
from todo_core.identity.scopes import ALL_SCOPES, Scope
from todo_core.text import is_storable, told_name
from todo_core.text.json_text import RepeatedNameError, strict_json

LEEWAY: Final = timedelta(seconds=30)
"""How far the issuer's clock may differ from ours."""
MAX_TOKEN_BYTES: Final = 8192
"""Length of the longest token, which is ASCII."""
MAX_NESTING: Final = 8
"""Deepest nesting of objects and arrays in the header or the payload."""
MAX_KID_LENGTH: Final = 256
"""Characters of a key id."""
MAX_SUBJECT_LENGTH: Final = 255
"""Characters of a subject."""
MAX_EMAIL_LENGTH: Final = 320
"""Characters of an e-mail address; a longer one is not stored (RFC 5321 §4.5.3.1: 64 + 1 + 255)."""
MAX_NAME_LENGTH: Final = 100
"""Characters of a display name; a longer one is cut."""

_SEGMENT: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_ACCESS_TOKEN: Final = ("at+jwt", "application/at+jwt")
"""Types of an OAuth access token, in lower case (RFC 9068 §2.1)."""
_TYPES: Final = ("jwt", *_ACCESS_TOKEN)
"""Accepted types, in lower case."""


class RefusedError(Exception):
    """A token is not accepted. The message is the reason, for the log only."""


class EndedError(RefusedError):
    """A genuine token is not accepted any more: whoever presents it has not guessed."""


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a verified JWT."""

    issuer: str
    """The issuer with which the user is stored."""
    subject: str
    """The user's id there, 1–255 characters."""
    scopes: frozenset[Scope]
    audiences: frozenset[str]
    """Whom the token is for."""
    role: UserRole | None
    """The role to store for the user; None leaves the stored one."""
    role_issued_at: float | None
    """When the token was issued, in seconds since the epoch, if it may make an admin; an older token does not count."""
    is_delegated: bool
    """Whether an app acts for the user (an OAuth access token)."""
    expires_at: float
    """Seconds since the epoch."""
    client_id: str | None = None
    """The OAuth client that it was given to, if it says so: 1 or more characters that PostgreSQL can store."""
    email: str | None = None
    name: str | None = None
    """What to call the person, at most `MAX_NAME_LENGTH` characters."""


class Verifier:
    """Verifies the JWTs of the trusted issuers."""

    def __init__(self, issuers: Sequence[Issuer], clock: Callable[[], datetime]) -> None:
        """Fetch no key yet. Issuers with one `jwks_url` share its keys.

        Args:
            issuers: The trusted issuers.
            clock: Returns the present moment, with a time zone.
        """
        self._clock = clock
        by_url: dict[str, RemoteKeys] = {}
        self._trusted: dict[str, tuple[Issuer, KeySource]] = {}
        for issuer in issuers:
            keys: KeySource
            if issuer.jwks_url is None:
                assert issuer.secret is not None  # an issuer has one of the two
                keys = SharedSecret(issuer.secret.get_secret_value())
            else:
                if issuer.jwks_url not in by_url:
                    by_url[issuer.jwks_url] = RemoteKeys(issuer.jwks_url, clock)
                keys = by_url[issuer.jwks_url]
            self._trusted[issuer.issuer] = (issuer, keys)
        self._remote = tuple(by_url.values())

    async def ready(self) -> None:
        """Return once the keys of every issuer are known.

        Raises:
            Unavailable: Those of one cannot be fetched.
        """
        for keys in self._remote:
            await keys.require()

    async def close(self) -> None:
        """Close the connections to the issuers."""
        for keys in self._remote:
            await keys.close()

    async def verify(self, token: str) -> Claims:
        """Verify a token and return its claims.

        Raises:
            RefusedError: The token is not accepted; the message is the reason.
            Unavailable: The issuer has no key to verify it with.
        """
        header, claims = _decoded(token)
        kind, kid = _header(header)
        # Read before the signature is verified, to choose the keys; `jwt.decode` checks it again.
        issuer_claim = claims.get("iss")
        trusted = self._trusted.get(issuer_claim) if isinstance(issuer_claim, str) else None
        if trusted is None:
            raise RefusedError("jwt issuer is not trusted" if self._trusted else "jwt, but no issuer is configured")
        issuer, keys = trusted
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in issuer.algorithms:
            raise RefusedError("jwt algorithm is not the configured one")
        try:
            key = await keys.find(kid, algorithm)
        except NoSuchKeyError:
            raise RefusedError("jwt signed with no known key") from None
        try:
            jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                issuer=issuer.issuer,
                audience=issuer.audience,
                options={
                    "require": ["exp", "iss", "aud", "sub"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise RefusedError(f"jwt refused: {type(error).__name__}") from None
        return _claims(claims, issuer, kind, self._clock().timestamp())


def _decoded(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and payload: JSON objects without duplicate names, from three segments of canonical base64url."""
    if len(token) > MAX_TOKEN_BYTES:
        raise RefusedError("jwt too long")
    parts = token.split(".")
    if len(parts) != 3 or not all(_SEGMENT.fullmatch(part) for part in parts):
        raise RefusedError("not a jwt")
    header, payload, _ = (_canonical(part) for part in parts)
    return _object(header), _object(payload)


def _canonical(segment: str) -> bytes:
    """Return the bytes of a base64url segment; refuse any but their one spelling without padding."""
    try:
        raw = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except (binascii.Error, ValueError):
        raise RefusedError("jwt segment is not base64url") from None
    if urlsafe_b64encode(raw).rstrip(b"=").decode() != segment:
        raise RefusedError("jwt segment is not canonical base64url")
    return raw


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = strict_json(raw)
    except ValueError as error:
        is_told = type(error) is ValueError or isinstance(error, RepeatedNameError)
        raise RefusedError(f"jwt segment {error if is_told else 'is not JSON'}") from None
    if not isinstance(value, dict):
        raise RefusedError("jwt segment is not an object")
    if _depth(value) > MAX_NESTING:
        raise RefusedError("jwt segment nests too deep")
    return value


def _depth(value: object) -> int:
    """Return how many objects and arrays lie within each other, counted without recursion."""
    depth, level = 0, [value]
    while level := [
        inner
        for item in level
        if isinstance(item, dict | list)
        for inner in (item.values() if isinstance(item, dict) else item)
    ]:
        depth += 1
    return depth


def _header(header: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return the token's type, in lower case, and its key id.

    `jku`, `jwk`, `x5u` and `x5c` are not read: they would let the token choose its key.
    """
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise RefusedError("jwt of another type")
    if {"crit", "b64", "zip"} & header.keys():
        raise RefusedError("jwt with a critical extension")
    kid = header.get("kid")
    if "kid" in header and not (isinstance(kid, str) and 1 <= len(kid) <= MAX_KID_LENGTH):
        raise RefusedError("jwt key id of a wrong type or size")
    return kind.lower(), kid


def _claims(claims: Mapping[str, Any], issuer: Issuer, kind: str, moment: float) -> Claims:
    """Check the claims of a token with a right signature.

    Args:
        claims: The payload.
        issuer: Who signed it.
        kind: Its type, in lower case.
        moment: The present, in seconds since the epoch.
    """
    leeway = LEEWAY.total_seconds()
    expires = _time(claims["exp"])
    if expires + leeway <= moment:
        raise EndedError("jwt expired")
    for claim in ("nbf", "iat"):
        if claim in claims and _time(claims[claim]) - leeway > moment:
            raise RefusedError("jwt not valid yet")
    subject = claims["sub"]
    if not _is_text(subject, MAX_SUBJECT_LENGTH):
        raise RefusedError("jwt subject of a wrong type or size")
    if "cnf" in claims:
        raise RefusedError("jwt bound to a key: not a bearer token")
    is_admin = _is_admin(claims, issuer)
    role = _role(claims, issuer, is_admin=is_admin)
    audience = claims["aud"]
    email, name = claims.get("email"), claims.get("name")
    return Claims(
        issuer=issuer.users,
        subject=subject,
        scopes=_scopes(claims, issuer, kind, is_admin=is_admin),
        audiences=frozenset([audience] if isinstance(audience, str) else audience),
        role=role,
        role_issued_at=_time(claims["iat"]) if role is not None and issuer.admin_roles else None,
        is_delegated=_is_delegated(claims, issuer, kind),
        expires_at=expires,
        client_id=_client_id(claims),
        email=told_name(email, MAX_EMAIL_LENGTH) if _is_text(email, MAX_EMAIL_LENGTH) else None,
        name=told_name(name, MAX_NAME_LENGTH) if _is_text(name, MAX_TOKEN_BYTES) else None,
    )


def _time(value: object) -> float:
    """Return a NumericDate: seconds since the epoch (RFC 7519 §2)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 2**53:
        raise RefusedError("jwt time of a wrong type or size")
    return float(value)


def _is_text(value: object, longest: int) -> TypeGuard[str]:
    """Return whether a claim is a string that PostgreSQL can store, of 1 to `longest` characters."""
    return isinstance(value, str) and 1 <= len(value) <= longest and is_storable(value)


def _is_admin(claims: Mapping[str, Any], issuer: Issuer) -> bool:
    """Return whether a token makes its user an admin. Of one without `iat`, nobody knows which is the later."""
    if "iat" not in claims:
        return False
    claim = claims.get(issuer.role_claim)
    roles = claim.split(",") if isinstance(claim, str) else claim if isinstance(claim, list) else []
    return any(isinstance(role, str) and role.strip() in issuer.admin_roles for role in roles)


def _is_delegated(claims: Mapping[str, Any], issuer: Issuer, kind: str) -> bool:
    """Return whether an app acts for the user with this token; the service's own clients are no apps."""
    clients = [claims[claim] for claim in ("client_id", "azp") if claim in claims]
    own = bool(clients) and all(isinstance(client, str) and client in issuer.own_clients for client in clients)
    return (kind in _ACCESS_TOKEN or issuer.authorization_server) and not own


def _client_id(claims: Mapping[str, Any]) -> str | None:
    """Return the OAuth client (RFC 9068 §2.2; `azp` of OpenID Connect Core §2), if there is one.

    Raises:
        RefusedError: It is none that could be kept.
    """
    named = next((claims[claim] for claim in ("client_id", "azp") if claims.get(claim) is not None), None)
    if named is None or _is_text(named, MAX_TOKEN_BYTES):
        return named
    raise RefusedError("jwt client of a wrong type or size")


def _role(claims: Mapping[str, Any], issuer: Issuer, *, is_admin: bool) -> UserRole | None:
    """Return the role to store for the user; None leaves the stored one.

    An issuer with `users_of` may not know the roles of another issuer's users, so its silence says nothing. Nor does a
    token without `iat`, where roles are given.
    """
    if issuer.users_of is not None and issuer.role_claim not in claims:
        return None
    if issuer.admin_roles and "iat" not in claims:
        return None
    return "admin" if is_admin else "user"


def _scopes(claims: Mapping[str, Any], issuer: Issuer, kind: str, *, is_admin: bool) -> frozenset[Scope]:
    """Return the scopes of `scope` (RFC 8693 §4.2) or `scp`, as other servers spell it; a session token has neither.

    The scope `admin` counts only for an admin: people consent to scopes, they don't consent to roles.
    """
    claimed = [_scope_names(claims[claim], claim) for claim in ("scope", "scp") if claim in claims]
    if claimed:
        # Of a token with both claims, only the scopes that both name are certain.
        scopes = frozenset.intersection(*(_our_scopes(names, issuer) for names in claimed))
    elif kind in _ACCESS_TOKEN:
        scopes = frozenset()
    else:
        scopes = issuer.default_scopes | ({"admin"} if is_admin else set())
    return scopes if is_admin else scopes - {"admin"}


def _scope_names(value: object, claim: str) -> list[str]:
    """Return the names in a scope claim: a string with spaces; for `scp` also a list of strings."""
    if isinstance(value, str):
        return value.split()
    if claim == "scp" and isinstance(value, list) and all(isinstance(name, str) for name in value):
        return value
    raise RefusedError("jwt scope of a wrong type")


def _our_scopes(names: Sequence[str], issuer: Issuer) -> frozenset[Scope]:
    """Return what the issuer's scope names mean here; names that mean nothing here are left out."""
    ours: dict[str, frozenset[Scope]] = {scope: frozenset({scope}) for scope in ALL_SCOPES}
    meaning = ours | dict(issuer.scopes)
    return frozenset().union(*(meaning.get(name, frozenset()) for name in names))
