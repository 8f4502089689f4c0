"""Who is calling: a JWT or an API token becomes a `Principal`.

The algorithm comes from the configuration and never from the token. What a caller is told is
always the same 401; the reason is for the log (ID7).
"""

from __future__ import annotations

import binascii
import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import jwt
import structlog
from cachetools import TTLCache
from sqlalchemy import LargeBinary, Text, case, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from todo_core import tokens
from todo_core.database import Database, Statement, parameter
from todo_core.errors import InvalidInput, Unauthenticated
from todo_core.models.fields import Scope
from todo_core.models.tokens import ApiToken
from todo_core.models.users import User
from todo_core.settings import LOCAL_ISSUER, Settings
from todo_core.text import storable, strict_json

LEEWAY: Final = timedelta(seconds=30)
MAX_TOKEN_BYTES: Final = 8192
CACHED_FOR: Final = 60.0
"""Seconds a verified token is remembered. An API token's revocation needs no forgetting: the
database checks it in every transaction (`require_live_token`)."""

USER_SCOPES: Final[frozenset[Scope]] = frozenset({"todos:read", "todos:write", "profile"})
ALL_SCOPES: Final[frozenset[Scope]] = USER_SCOPES | {"admin"}

MAX_CLIENT_LENGTH: Final = 200
MAX_SUBJECT_LENGTH: Final = 255

_SEGMENT: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_log = structlog.get_logger()


class _Refused(Exception):
    """Why a token is not accepted; for the log only."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A user whose token was verified."""

    user_id: int
    scopes: frozenset[Scope]
    token_id: int | None = None
    """The API token, if it was one."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified JWT says about its bearer."""

    issuer: str
    subject: str
    scopes: frozenset[Scope]
    expires_at: float
    """Seconds since the epoch."""


_SEEN = Statement(
    select(
        func.set_config("app.issuer", parameter("issuer", Text()), True),
        func.set_config("app.subject", parameter("subject", Text()), True),
    )
)
_user = User.__table__  # type: ignore[attr-defined]
_FIND_USER = Statement(
    select(_user.c.id).where(
        _user.c.issuer == parameter("issuer", Text()), _user.c.subject == parameter("subject", Text())
    )
)
_MAKE_USER = Statement(
    insert(_user)
    .values(
        issuer=parameter("issuer", Text()),
        subject=parameter("subject", Text()),
        time_zone=parameter("time_zone", Text()),
    )
    .on_conflict_do_nothing()
    .returning(_user.c.id)
)
_PRESENT = Statement(
    select(func.set_config("app.token_hash", func.encode(parameter("hash", LargeBinary()), "hex"), True))
)
_USE_TOKEN = Statement(
    update(ApiToken)
    .where(
        col(ApiToken.hash) == parameter("hash", LargeBinary()),
        col(ApiToken.revoked_at).is_(None),
        or_(col(ApiToken.expires_at).is_(None), col(ApiToken.expires_at) > func.now()),
    )
    .values(
        last_used_at=case(
            (col(ApiToken.last_used_at) > func.now() - timedelta(minutes=1), col(ApiToken.last_used_at)),
            else_=func.now(),
        )
    )
    .returning(col(ApiToken.id), col(ApiToken.user_id), col(ApiToken.scopes))
)


def bearer_token(authorization: str | None) -> str | None:
    """The token of an `Authorization: Bearer` header (RFC 6750 §2.1), if there is one."""
    scheme, _, token = (authorization or "").partition(" ")
    return token if scheme.lower() == "bearer" and token else None


def client_name(user_agent: str | None) -> str | None:
    """How the client names itself, for the record of changes."""
    return user_agent[:MAX_CLIENT_LENGTH] if user_agent else None


class Identity:
    """Verifies tokens and remembers for a minute whom they name."""

    def __init__(self, settings: Settings, database: Database, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._principals: TTLCache[bytes, tuple[Principal, float]] = TTLCache(10_000, CACHED_FOR)

    async def authenticate(self, token: str | None) -> Principal:
        """The user that a bearer token names.

        Raises:
            Unauthenticated: There is no token, or it is not accepted. The log has the reason.
            Unavailable: The database cannot be reached.
        """
        if not token:
            _log.info("token_refused", reason="no token")
            raise Unauthenticated
        key = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._principals.get(key)
        if known is not None and known[1] > self._clock().timestamp():
            return known[0]
        try:
            principal, until = await (self._token(token) if tokens.looks_like(token) else self._jwt(token))
        except _Refused as reason:
            _log.info("token_refused", reason=str(reason))
            raise Unauthenticated from None
        self._principals[key] = (principal, until)
        return principal

    async def local(self, name: str) -> Principal:
        """The local user of that name, with every scope a user can have (ID6).

        Raises:
            InvalidInput: The name cannot be one.
        """
        if not 1 <= len(name) <= MAX_SUBJECT_LENGTH or not name.isprintable():
            raise InvalidInput("A user's name has 1 to 255 printable characters.")
        return Principal(await self._user(LOCAL_ISSUER, name), USER_SCOPES)

    async def _token(self, token: str) -> tuple[Principal, float]:
        if not tokens.is_well_formed(token):
            raise _Refused("api token with a wrong shape or checksum")
        digest = tokens.digest(token)
        async with self._database.begin() as transaction:
            await transaction.row(_PRESENT, hash=digest)
            row = await transaction.row(_USE_TOKEN, hash=digest)
        if row is None:
            raise _Refused("api token unknown, revoked or expired")
        return Principal(row["user_id"], frozenset(row["scopes"]), row["id"]), float("inf")

    async def _jwt(self, token: str) -> tuple[Principal, float]:
        claims = verify_jwt(token, self._settings, self._clock())
        return Principal(await self._user(claims.issuer, claims.subject), claims.scopes), claims.expires_at

    async def _user(self, issuer: str, subject: str) -> int:
        """The user's id; the user is made at first sight (DESIGN §3)."""
        names = {"issuer": issuer, "subject": subject}
        async with self._database.begin() as transaction:
            await transaction.row(_SEEN, **names)
            user_id: int | None = (
                await transaction.value(_FIND_USER, **names)
                or await transaction.value(_MAKE_USER, **names, time_zone=self._settings.time_zone)
                or await transaction.value(_FIND_USER, **names)  # somebody else's transaction made it in between
            )
        assert user_id is not None  # one of the two inserted it
        return user_id


def verify_jwt(token: str, settings: Settings, now: datetime) -> Claims:
    """Check a JWT strictly: shape before signature, signature before claims (RFC 8725).

    Raises:
        _Refused: With the reason.
    """
    if settings.jwt_secret is None:
        raise _Refused("jwt, but none is configured")
    header, _ = _shape(token)
    if header.get("alg") != "HS256":
        raise _Refused("jwt algorithm is not the configured one")
    if str(header.get("typ", "JWT")).upper() not in ("JWT", "AT+JWT"):
        raise _Refused("jwt of another type")
    if {"crit", "b64", "zip"} & header.keys():
        raise _Refused("jwt with a critical extension")
    try:
        claims = jwt.decode(
            token,
            settings.jwt_secret.get_secret_value(),
            algorithms=["HS256"],
            options={
                "require": ["exp", "iss", "aud", "sub"],
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
        )
    except jwt.PyJWTError as error:
        raise _Refused(f"jwt refused: {type(error).__name__}") from None
    return _claims(claims, now)


def _shape(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and payload, each a JSON object without duplicate names, in canonical base64url."""
    if len(token) > MAX_TOKEN_BYTES:
        raise _Refused("jwt too long")
    parts = token.split(".")
    if len(parts) != 3 or not all(_SEGMENT.fullmatch(part) for part in parts):
        raise _Refused("not a jwt")
    header, payload, _ = (_canonical(part) for part in parts)
    return _object(header), _object(payload)


def _canonical(segment: str) -> bytes:
    try:
        raw = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except (binascii.Error, ValueError):
        raise _Refused("jwt segment is not base64url") from None
    if urlsafe_b64encode(raw).rstrip(b"=").decode() != segment:
        raise _Refused("jwt segment is not canonical base64url")
    return raw


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = strict_json(raw)
    except ValueError as error:
        raise _Refused(f"jwt segment {error if type(error) is ValueError else 'is not JSON'}") from None
    if not isinstance(value, dict):
        raise _Refused("jwt segment is not an object")
    return value


def _claims(claims: Mapping[str, Any], now: datetime) -> Claims:
    moment = now.timestamp()
    leeway = LEEWAY.total_seconds()
    expires = _time(claims, "exp")
    if expires is None or expires + leeway <= moment:
        raise _Refused("jwt expired")
    for name in ("nbf", "iat"):
        if (begins := _time(claims, name)) is not None and begins - leeway > moment:
            raise _Refused("jwt not valid yet")
    issuer, subject = claims["iss"], claims["sub"]
    if not isinstance(issuer, str) or not isinstance(subject, str) or not 1 <= len(subject) <= MAX_SUBJECT_LENGTH:
        raise _Refused("jwt subject or issuer of a wrong type or size")
    try:
        storable(subject)
    except ValueError:
        raise _Refused("jwt subject is not storable text") from None
    return Claims(issuer, subject, _scopes(claims), expires)


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 2**53:
        raise _Refused("jwt time of a wrong type or size")
    return float(value)


def _scopes(claims: Mapping[str, Any]) -> frozenset[Scope]:
    """RFC 8693 §4.2 `scope`, a space-separated string. A token without it is a user's own session."""
    if "scope" not in claims:
        return USER_SCOPES
    if not isinstance(claims["scope"], str):
        raise _Refused("jwt scope is not a string")
    named = claims["scope"].split(" ")
    return frozenset(scope for scope in ALL_SCOPES if scope in named)
