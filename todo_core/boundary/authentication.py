"""Verify the JWT or API token of a caller, and name its user: a `Principal`.

A caller gets the same 401 for every reason; the reason is in the log (ID7). A verified token is cached for a minute.
The cache may outlive a suspension or a revocation, because every transaction asks the database for both
(`require_active`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from cachetools import TTLCache

from todo_core.boundary.limits import Limits
from todo_core.errors import InvalidInput, Unauthenticated, Unavailable
from todo_core.identity import api_tokens
from todo_core.identity.issuers import LOCAL_ISSUER, OPERATOR_ISSUER, UserRole
from todo_core.identity.jwts import MAX_SUBJECT_LENGTH, Claims, RefusedError, Verifier
from todo_core.identity.scopes import ALL_SCOPES, USER_SCOPES, Scope
from todo_core.queries import sign_in as queries
from todo_core.settings import Settings
from todo_core.storage.database import Database

CACHED_FOR: Final = 60.0
"""Seconds for which a verified token is cached."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Principal:
    """The user and the scopes of a verified token."""

    user_id: int
    scopes: frozenset[Scope]
    token_id: int | None = None
    """The API token, if it was one."""
    is_delegated: bool = False
    """Whether an app acts for the user, with an OAuth access token."""


class Identity:
    """Verifies tokens, and caches their principals for a minute."""

    def __init__(self, settings: Settings, database: Database, limits: Limits, clock: Callable[[], datetime]) -> None:
        """Verify nothing yet.

        Args:
            settings: The trusted issuers, and the time zone of new users.
            database: Where users and API tokens are.
            limits: Counts refused tokens.
            clock: Returns the present moment, with a time zone.
        """
        self._settings = settings
        self._database = database
        self._limits = limits
        self._clock = clock
        self._verifier = Verifier(settings.trusted_issuers, clock)
        self._principals: TTLCache[bytes, tuple[Principal, float]] = TTLCache(10_000, CACHED_FOR)
        """By SHA-256 of the token: the principal, and when the token expires, in seconds since the epoch."""

    async def ready(self) -> None:
        """Return once the keys of every issuer are known.

        Raises:
            Unavailable: Those of one cannot be fetched.
        """
        await self._verifier.ready()

    async def aclose(self) -> None:
        """Close the connections to the issuers."""
        await self._verifier.close()

    async def authenticate(self, token: str | None, address: str | None = None) -> Principal:
        """Verify a bearer token and return its principal.

        Args:
            token: The token, if there is one.
            address: Where the request comes from; an address that sent many refused tokens has to wait.

        Raises:
            Unauthenticated: There is no token, or it is not accepted. The reason is in the log.
            TooManyRequests: The address sent too many refused tokens.
            Unavailable: The database, or the keys that verify the token, cannot be reached.
        """
        if not token:
            _log.info("token_refused", reason="no token")
            raise Unauthenticated
        key = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        cached = self._principals.get(key)
        if cached is not None and cached[1] > self._clock().timestamp():
            return cached[0]
        await self._limits.require_login(address)
        try:
            principal, expires_at = await (self._token(token) if api_tokens.looks_like(token) else self._jwt(token))
        except RefusedError as reason:
            _log.info("token_refused", reason=str(reason))
            await self._limits.refused_login(address)
            raise Unauthenticated(presented=True) from None
        self._principals[key] = (principal, expires_at)
        return principal

    def forget(self, principal: Principal) -> None:
        """Drop a principal from the cache, because its user or API token is gone from the database."""
        for key in [key for key, (cached, _) in self._principals.items() if cached == principal]:
            self._principals.pop(key, None)

    async def local(self, name: str, role: UserRole | None = None) -> Principal:
        """Return the principal of a local user (ID6), made if new, with every scope of its role.

        Args:
            name: The user's name, 1 to 255 printable characters.
            role: The role to store; None leaves the stored one.

        Raises:
            InvalidInput: No user can have this name.
        """
        if not 1 <= len(name) <= MAX_SUBJECT_LENGTH or not name.isprintable():
            raise InvalidInput("A user's name has 1 to 255 printable characters.")
        scopes = frozenset(ALL_SCOPES) if role == "admin" else USER_SCOPES
        return Principal(await self._sign_in(LOCAL_ISSUER, name, role), scopes)

    async def operator(self) -> Principal:
        """Return the principal that administers accounts on the command line.

        It needs no token: whoever runs the command line has the connection string of the database.
        """
        return Principal(await self._sign_in(OPERATOR_ISSUER, "operator", "admin"), frozenset(ALL_SCOPES))

    async def _token(self, token: str) -> tuple[Principal, float]:
        """Return the principal of an API token, never to expire in the cache: the database watches its expiry."""
        if not api_tokens.is_well_formed(token):
            raise RefusedError("api token with a wrong shape or checksum")
        digest = api_tokens.digest(token)
        async with self._database.begin(read_only=True) as transaction:
            await transaction.row(queries.SET_TOKEN, hash=digest)
            row = await transaction.row(queries.FIND_TOKEN, hash=digest)
        if row is None:
            raise RefusedError("api token unknown, revoked or expired")
        if row["last_use_is_old"]:
            await self._renew_last_use(digest)
        return Principal(row["user_id"], frozenset(row["scopes"]), row["id"]), float("inf")

    async def _renew_last_use(self, digest: bytes) -> None:
        """Store that a token is used now. Do nothing if the database is read-only: the caller may still read."""
        with suppress(Unavailable):
            async with self._database.begin() as transaction:
                await transaction.row(queries.SET_TOKEN, hash=digest)
                await transaction.rows(queries.RENEW_LAST_USE, hash=digest)

    async def _jwt(self, token: str) -> tuple[Principal, float]:
        """Return the principal of a JWT, and when the JWT expires, in seconds since the epoch."""
        claims = await self._verifier.verify(token)
        user_id = await self._sign_in(claims.issuer, claims.subject, claims.role, claims)
        return Principal(user_id, claims.scopes, is_delegated=claims.is_delegated), claims.expires_at

    async def _sign_in(self, issuer: str, subject: str, role: UserRole | None, claims: Claims | None = None) -> int:
        """Return the id of the user with that issuer and subject; make the user if new.

        Store the role, the e-mail and the name that the token gives, if they changed (`specs/identity/tokens.md`).
        """
        who = {"issuer": issuer, "subject": subject}
        email, name = (claims.email, claims.name) if claims is not None else (None, None)
        async with self._database.begin() as transaction:
            await transaction.row(queries.SET_SUBJECT, **who)
            zone = self._settings.time_zone
            user = (
                await transaction.row(queries.FIND_USER, **who)
                or await transaction.row(
                    queries.ADD_USER, **who, time_zone=zone, role=role or "user", email=email, name=name
                )
                or await transaction.row(queries.FIND_USER, **who)  # another transaction made it between the two
            )
            assert user is not None  # this transaction made it, or the other one did
            latest = {"role": role or user["role"], "email": email or user["email"]}
            is_changed = latest != {"role": user["role"], "email": user["email"]}
            if is_changed or (name is not None and user["has_no_name"]):
                await transaction.rows(queries.RENEW_USER, **who, **latest, name=name)
        user_id: int = user["id"]
        return user_id
