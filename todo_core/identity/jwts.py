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
from todo_core.text import storable, strict_json

LEEWAY: Final = timedelta(seconds=30)
MAX_TOKEN_BYTES: Final = 8192
MAX_NESTING: Final = 8
MAX_KID_LENGTH: Final = 256
MAX_SUBJECT_LENGTH: Final = 255
MAX_EMAIL_LENGTH: Final = 320
MAX_NAME_LENGTH: Final = 100

_SEGMENT: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_ACCESS_TOKEN: Final = ("at+jwt", "application/at+jwt")
"""RFC 9068 §2.1."""
_TYPES: Final = ("jwt", *_ACCESS_TOKEN)


class RefusedError(Exception):
    """Why a token is not accepted; for the log only."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified JWT says about its bearer."""

    issuer: str
    """The issuer under which the user is kept."""
    subject: str
    scopes: frozenset[Scope]
    role: UserRole | None
    """None where the token is not the one to say."""
    is_delegated: bool
    """Whether an app has it, to act for the user (an OAuth access token)."""
    expires_at: float
    """Seconds since the epoch."""
    email: str | None = None
    name: str | None = None


class Verifier:
    """Checks the JWTs of the trusted issuers."""

    def __init__(self, issuers: Sequence[Issuer], clock: Callable[[], datetime]) -> None:
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
        """Whether every issuer's keys are known.

        Raises:
            Unavailable: Some never were.
        """
        for keys in self._remote:
            await keys.require()

    async def close(self) -> None:
        """Let go of connections."""
        for keys in self._remote:
            await keys.close()

    async def verify(self, token: str) -> Claims:
        """What the token says, if it is to be believed.

        Raises:
            RefusedError: With the reason.
            Unavailable: There is no key at all to check it with.
        """
        header, claims = _shape(token)
        kind, kid = _header(header)
        named = claims.get("iss")
        trusted = self._trusted.get(named) if isinstance(named, str) else None
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


def _shape(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and payload, each a JSON object without duplicate names, in canonical base64url."""
    if len(token) > MAX_TOKEN_BYTES:
        raise RefusedError("jwt too long")
    parts = token.split(".")
    if len(parts) != 3 or not all(_SEGMENT.fullmatch(part) for part in parts):
        raise RefusedError("not a jwt")
    header, payload, _ = (_canonical(part) for part in parts)
    return _object(header), _object(payload)


def _canonical(segment: str) -> bytes:
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
        raise RefusedError(f"jwt segment {error if type(error) is ValueError else 'is not JSON'}") from None
    if not isinstance(value, dict):
        raise RefusedError("jwt segment is not an object")
    if _depth(value) > MAX_NESTING:
        raise RefusedError("jwt segment nests too deep")
    return value


def _depth(value: object) -> int:
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
    """The token's type and its key's id. `jku`, `jwk`, `x5u` and `x5c` would let the token choose its key."""
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
    leeway = LEEWAY.total_seconds()
    expires = _time(claims["exp"])
    if expires + leeway <= moment:
        raise RefusedError("jwt expired")
    for name in ("nbf", "iat"):
        if name in claims and _time(claims[name]) - leeway > moment:
            raise RefusedError("jwt not valid yet")
    subject = claims["sub"]
    if not _is_text(subject, MAX_SUBJECT_LENGTH):
        raise RefusedError("jwt subject of a wrong type or size")
    if "cnf" in claims:
        raise RefusedError("jwt bound to a key: not a bearer token")
    is_admin = _is_admin(claims, issuer)
    email, called = claims.get("email"), claims.get("name")
    return Claims(
        issuer=issuer.users,
        subject=subject,
        scopes=_scopes(claims, issuer, kind, is_admin=is_admin),
        role=_role(claims, issuer, is_admin=is_admin),
        is_delegated=_is_delegated(claims, issuer, kind),
        expires_at=expires,
        email=email if _is_text(email, MAX_EMAIL_LENGTH) else None,
        name=called.strip()[:MAX_NAME_LENGTH].rstrip() or None if _is_text(called, MAX_TOKEN_BYTES) else None,
    )


def _time(value: object) -> float:
    """RFC 7519 §2 NumericDate."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 2**53:
        raise RefusedError("jwt time of a wrong type or size")
    return float(value)


def _is_text(value: object, longest: int) -> TypeGuard[str]:
    try:
        return isinstance(value, str) and 1 <= len(value) <= longest and storable(value) != ""
    except ValueError:
        return False


def _is_admin(claims: Mapping[str, Any], issuer: Issuer) -> bool:
    role = claims.get(issuer.role_claim)
    roles = role.split(",") if isinstance(role, str) else role if isinstance(role, list) else []
    return any(isinstance(one, str) and one.strip() in issuer.admin_roles for one in roles)


def _is_delegated(claims: Mapping[str, Any], issuer: Issuer, kind: str) -> bool:
    """Whether an app has the token, to act for the user; the service's own clients are the user's hands."""
    clients = [claims[claim] for claim in ("client_id", "azp") if claim in claims]
    own = bool(clients) and all(isinstance(client, str) and client in issuer.own_clients for client in clients)
    return (kind in _ACCESS_TOKEN or issuer.authorization_server) and not own


def _role(claims: Mapping[str, Any], issuer: Issuer, *, is_admin: bool) -> UserRole | None:
    """What the user's role is from now on. An issuer for another one's users may not know it."""
    if issuer.users_of is not None and issuer.role_claim not in claims:
        return None
    return "admin" if is_admin else "user"


def _scopes(claims: Mapping[str, Any], issuer: Issuer, kind: str, *, is_admin: bool) -> frozenset[Scope]:
    """RFC 8693 §4.2 `scope`, or `scp` as other servers write it; a session token has neither.

    The scope `admin` is not enough to be an admin: people consent to scopes, they don't consent to roles.
    """
    given = [_named(claims[claim], claim) for claim in ("scope", "scp") if claim in claims]
    if given:
        # Where a token has both, what only one of them names is not sure.
        found = frozenset.intersection(*(_known(names, issuer) for names in given))
    elif kind in _ACCESS_TOKEN:
        found = frozenset()
    else:
        found = issuer.default_scopes | ({"admin"} if is_admin else set())
    return found if is_admin else found - {"admin"}


def _named(value: object, claim: str) -> list[str]:
    if isinstance(value, str):
        return value.split()
    if claim == "scp" and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return value
    raise RefusedError("jwt scope of a wrong type")


def _known(names: Sequence[str], issuer: Issuer) -> frozenset[Scope]:
    ours: dict[str, frozenset[Scope]] = {scope: frozenset({scope}) for scope in ALL_SCOPES}
    meaning = ours | dict(issuer.scopes)
    return frozenset().union(*(meaning.get(name, frozenset()) for name in names))
