"""Who is calling: a JWT or an API token becomes a `Principal`.

What a caller is told is always the same 401; the reason is for the log (ID7). Whether a user is
suspended and a token still lives is asked of the database in every transaction
(`require_active`), so what is remembered here needs no forgetting when that changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from cachetools import TTLCache
from sqlalchemy import LargeBinary, Text, and_, case, func, not_, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from todo_core.boundary.limits import Limits
from todo_core.errors import InvalidInput, Unauthenticated
from todo_core.identity import api_tokens
from todo_core.identity.issuers import LOCAL_ISSUER, OPERATOR_ISSUER, UserRole
from todo_core.identity.jwts import MAX_SUBJECT_LENGTH, Claims, RefusedError, Verifier
from todo_core.identity.scopes import ALL_SCOPES, USER_SCOPES, Scope
from todo_core.models.tokens import ApiToken
from todo_core.models.users import User
from todo_core.settings import Settings
from todo_core.storage.database import Database
from todo_core.storage.statements import Statement, parameter

CACHED_FOR: Final = 60.0
"""Seconds a verified token is remembered."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Principal:
    """A user whose token was verified."""

    user_id: int
    scopes: frozenset[Scope]
    token_id: int | None = None
    """The API token, if it was one."""
    is_delegated: bool = False
    """Whether an app acts for the user, with an OAuth access token."""


_SEEN = Statement(
    select(
        func.set_config("app.issuer", parameter("issuer", Text()), True),
        func.set_config("app.subject", parameter("subject", Text()), True),
    )
)
_user = User.__table__  # type: ignore[attr-defined]
_HAS_NO_NAME = and_(_user.c.display_name.is_(None), not_(_user.c.is_name_chosen))
"""A name that the user took away stays away; one that was never there may come with a later token."""
_WRITTEN_DOWN = (_user.c.id, _user.c.role, _user.c.email, _HAS_NO_NAME.label("has_no_name"))
_FIND_USER = Statement(
    select(*_WRITTEN_DOWN).where(
        _user.c.issuer == parameter("issuer", Text()), _user.c.subject == parameter("subject", Text())
    )
)
_MAKE_USER = Statement(
    insert(_user)
    .values(
        issuer=parameter("issuer", Text()),
        subject=parameter("subject", Text()),
        time_zone=parameter("time_zone", Text()),
        role=parameter("role", Text()),
        email=parameter("email", Text()),
        display_name=parameter("name", Text()),
    )
    .on_conflict_do_nothing()
    .returning(*_WRITTEN_DOWN)
)
_RENEW_USER = Statement(
    update(_user)
    .where(_user.c.issuer == parameter("issuer", Text()), _user.c.subject == parameter("subject", Text()))
    .values(
        role=parameter("role", Text()),
        email=parameter("email", Text()),
        display_name=case((_HAS_NO_NAME, parameter("name", Text())), else_=_user.c.display_name),
        version=_user.c.version + 1,
        updated_at=func.now(),
    )
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


class Identity:
    """Verifies tokens and remembers for a minute whom they name."""

    def __init__(self, settings: Settings, database: Database, limits: Limits, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._database = database
        self._limits = limits
        self._clock = clock
        self._verifier = Verifier(settings.trusted_issuers, clock)
        self._principals: TTLCache[bytes, tuple[Principal, float]] = TTLCache(10_000, CACHED_FOR)

    async def ready(self) -> None:
        """Whether tokens can be checked.

        Raises:
            Unavailable: The keys of an issuer were never reached.
        """
        await self._verifier.ready()

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._verifier.close()

    async def authenticate(self, token: str | None, address: str | None = None) -> Principal:
        """The user that a bearer token names.

        Args:
            token: What the caller presents.
            address: Where the request comes from; one that sends many refused tokens has to wait.

        Raises:
            Unauthenticated: There is no token, or it is not accepted. The log has the reason.
            TooManyRequests: The address sent too many that were not.
            Unavailable: The database, or the keys to check the token with, cannot be reached.
        """
        if not token:
            _log.info("token_refused", reason="no token")
            raise Unauthenticated
        key = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._principals.get(key)
        if known is not None and known[1] > self._clock().timestamp():
            return known[0]
        await self._limits.require_login(address)
        try:
            principal, until = await (self._token(token) if api_tokens.looks_like(token) else self._jwt(token))
        except RefusedError as reason:
            _log.info("token_refused", reason=str(reason))
            await self._limits.refused_login(address)
            raise Unauthenticated(presented=True) from None
        self._principals[key] = (principal, until)
        return principal

    def forget(self, principal: Principal) -> None:
        """Verify the tokens of a principal anew: the database knows its user or token no more."""
        for key in [key for key, (known, _) in self._principals.items() if known == principal]:
            self._principals.pop(key, None)

    async def local(self, name: str, role: UserRole | None = None) -> Principal:
        """The local user of that name, with every scope that the role has (ID6).

        Args:
            name: 1 to 255 printable characters.
            role: The user's role from now on; None leaves it.

        Raises:
            InvalidInput: The name cannot be one.
        """
        if not 1 <= len(name) <= MAX_SUBJECT_LENGTH or not name.isprintable():
            raise InvalidInput("A user's name has 1 to 255 printable characters.")
        scopes = frozenset(ALL_SCOPES) if role == "admin" else USER_SCOPES
        return Principal(await self._sign_in(LOCAL_ISSUER, name, role), scopes)

    async def operator(self) -> Principal:
        """Whoever runs the command line has the database itself: an admin."""
        return Principal(await self._sign_in(OPERATOR_ISSUER, "operator", "admin"), frozenset(ALL_SCOPES))

    async def _token(self, token: str) -> tuple[Principal, float]:
        if not api_tokens.is_well_formed(token):
            raise RefusedError("api token with a wrong shape or checksum")
        digest = api_tokens.digest(token)
        async with self._database.begin() as transaction:
            await transaction.row(_PRESENT, hash=digest)
            row = await transaction.row(_USE_TOKEN, hash=digest)
        if row is None:
            raise RefusedError("api token unknown, revoked or expired")
        return Principal(row["user_id"], frozenset(row["scopes"]), row["id"]), float("inf")

    async def _jwt(self, token: str) -> tuple[Principal, float]:
        claims = await self._verifier.verify(token)
        user_id = await self._sign_in(claims.issuer, claims.subject, claims.role, claims)
        return Principal(user_id, claims.scopes, is_delegated=claims.is_delegated), claims.expires_at

    async def _sign_in(self, issuer: str, subject: str, role: UserRole | None, claims: Claims | None = None) -> int:
        """Return the user's id; make the user at first sight, with role and e-mail of the latest token from then on.

        What of a token counts when is in `specs/identity/tokens.md`.
        """
        who = {"issuer": issuer, "subject": subject}
        email, name = (claims.email, claims.name) if claims is not None else (None, None)
        async with self._database.begin() as transaction:
            await transaction.row(_SEEN, **who)
            zone = self._settings.time_zone
            found = (
                await transaction.row(_FIND_USER, **who)
                or await transaction.row(_MAKE_USER, **who, time_zone=zone, role=role or "user", email=email, name=name)
                or await transaction.row(_FIND_USER, **who)  # somebody else's transaction made it in between
            )
            assert found is not None  # one of the two inserted it
            new = {"role": role or found["role"], "email": email or found["email"]}
            is_new = new != {"role": found["role"], "email": found["email"]}
            if is_new or (name is not None and found["has_no_name"]):
                await transaction.rows(_RENEW_USER, **who, **new, name=name)
        user_id: int = found["id"]
        return user_id
