"""Verify the JWT or API token of a caller, and name its user: a `Principal`.

A caller gets the same 401 for every reason; the reason is in the log (ID7). A verified token is cached for a minute.
The cache may outlive a suspension or a revocation, because every transaction asks the database for both
(`require_active`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Literal

from todo_core.boundary.agents import AgentKey
from todo_core.boundary.latest import Passing
from todo_core.boundary.limits import Limits
from todo_core.boundary.lookups import Lookups
from todo_core.errors import FieldError, InvalidInput, Suspended, Unauthenticated, Unavailable
from todo_core.identity import api_tokens
from todo_core.identity.issuers import LOCAL_ISSUER, OPERATOR_ISSUER, UserRole
from todo_core.identity.jwts import MAX_SUBJECT_LENGTH, Claims, EndedError, RefusedError, Verifier
from todo_core.identity.scopes import ALL_SCOPES, USER_SCOPES, Scope
from todo_core.log import structlog
from todo_core.queries import sign_in as queries
from todo_core.settings import Settings
from todo_core.storage.database import Database, retried
from todo_core.storage.roles import SIGN_IN_ROLE
from todo_core.storage.transactions import Row

CACHED_FOR: Final = 60.0
"""Seconds for which a verified token is cached."""
LAST_MOMENT: Final = 253_402_300_799.0
"""The end of the year 9999, in seconds since the epoch: a token that ends later ends then."""

_FACTS: Final = ("role", "issued_at", "ends_at", "email", "name")
"""What a token or the command line may say of a user, by parameter of `queries.sign_in`."""
_NO_LOCAL_USER: Final = "is nobody here yet; `todo-mcp token create --user NAME` makes a local user"
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
    audiences: frozenset[str] | None = None
    """The audiences (`aud`) of a JWT; None for any other token."""
    expires_at: float | None = field(default=None, compare=False)
    """When a JWT expires, in seconds since the epoch; None for any other token."""
    issuer: str = LOCAL_ISSUER
    """The issuer of the user's identity."""
    agent_key: AgentKey | None = None
    """The agent to which the token belongs, over REST and MCP alike; None for a token of the user's own."""


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
        self._audiences = {"rest": frozenset(settings.rest_audience), "mcp": frozenset(settings.mcp_audience)}
        """By face, the audiences of which a JWT must have one there; none where any of its issuer's will do."""
        self._lookups = Lookups(database, limits)
        self._principals: Passing[bytes, Principal] = Passing(10_000, CACHED_FOR)
        """By SHA-256 of the token."""
        self._ended: Passing[bytes, Literal[True]] = Passing(10_000, CACHED_FOR)
        """By SHA-256, tokens whose user or API token is gone from the database."""

    async def ready(self) -> None:
        """Return once the keys of every issuer are known.

        Raises:
            Unavailable: Those of one cannot be fetched.
        """
        await self._verifier.ready()

    async def aclose(self) -> None:
        """Close the connections to the issuers."""
        await self._verifier.close()

    async def authenticate(self, token: str | None, address: str | None = None, face: str | None = None) -> Principal:
        """Verify a bearer token and return its principal.

        Args:
            token: The token, if there is one.
            address: Where the request comes from; one that sent many refused tokens is told so for the next ones.
            face: The transport, `rest` or `mcp`, which may have audiences of its own.

        Raises:
            Unauthenticated: There is no token, or it is not accepted. The reason is in the log.
            Suspended: The user was deleted for good, and this is a ban (`TODO_DELETION_IS_FINAL`).
            TooManyRequests: It is not accepted, and the address sent too many such tokens.
            Unavailable: The database, or the keys that verify the token, cannot be reached.
        """
        if not token:
            _log.info("token_refused", reason="no token")
            raise Unauthenticated
        key = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        principal = self._cached(key) or await self._verified(token, key, address)
        wanted = self._audiences.get(face or "")
        if wanted and principal.audiences is not None and wanted.isdisjoint(principal.audiences):
            _log.info("token_refused", reason="jwt for another audience than this transport's")
            raise Unauthenticated(presented=True)
        return principal

    def _cached(self, key: bytes) -> Principal | None:
        """Return the principal of a token that was verified a short time ago, by its SHA-256."""
        principal = self._principals.get(key)
        if principal is None or principal.expires_at is None:  # each request has the database check an API token
            return principal
        return principal if principal.expires_at > self._clock().timestamp() else None

    async def _verified(self, token: str, key: bytes, address: str | None) -> Principal:
        """Verify a token that is not cached, and cache the outcome by its SHA-256. Raises as `authenticate` does."""
        if self._ended.get(key):
            _log.info("token_refused", reason="user or api token gone")
            raise Unauthenticated(presented=True)
        try:
            is_api_token = api_tokens.looks_like(token)
            principal = await (self._token(token, key, address) if is_api_token else self._jwt(token))
        except RefusedError as reason:
            _log.info("token_refused", reason=str(reason))
            if not isinstance(reason, EndedError):
                await self._limits.require_login(address)
                await self._limits.refused_login(address)
            raise Unauthenticated(presented=True) from None
        if not self._ended.get(key):  # which may have happened meanwhile
            self._principals[key] = principal
        return principal

    def forget(self, principal: Principal) -> None:
        """Drop a principal from the cache."""
        for key in [key for key, cached in self._principals.items() if cached == principal]:
            self._principals.pop(key)

    def end(self, user_id: int, token_id: int | None = None) -> None:
        """Drop the principals of a user, or of an API token, that is gone from the database.

        Their tokens are refused for as long as they would have been cached. Else a session that is still valid would
        make the deleted account anew, before its client learns of the deletion. Where deletion is final, it cannot.
        """
        for key, cached in list(self._principals.items()):
            if cached.user_id == user_id and (token_id is None or cached.token_id == token_id):
                self._principals.pop(key)
                if not self._settings.deletion_is_final:
                    self._ended[key] = True

    async def local(self, name: str, role: UserRole | None = None, *, make: bool = True) -> Principal:
        """Return the principal of a local user (ID6), with every scope of its role.

        Args:
            name: The user's name, 1 to 255 printable characters.
            role: The role to store; None leaves the stored one.
            make: Whether to make a user who is new.

        Raises:
            InvalidInput: No user can have this name; or there is no such user, and none is to be made.
        """
        if not 1 <= len(name) <= MAX_SUBJECT_LENGTH or not name.isprintable():
            raise InvalidInput("A user's name has 1 to 255 printable characters.")
        if not make and await retried(lambda: self._known(*_as_told(LOCAL_ISSUER, name))) is None:
            raise InvalidInput(errors=[FieldError("user", _NO_LOCAL_USER, code="not_found")])
        of_admins: frozenset[Scope] = frozenset({"admin"}) if role == "admin" else frozenset()
        user_id, _ = await self._sign_in(LOCAL_ISSUER, name, role=role)
        return Principal(user_id, USER_SCOPES | of_admins)

    async def operator(self) -> Principal:
        """Return the principal that administers accounts on the command line.

        It needs no token: whoever runs the command line has the connection string of the database.
        """
        user_id, _ = await self._sign_in(OPERATOR_ISSUER, "operator", role="admin")
        return Principal(user_id, frozenset(ALL_SCOPES))

    async def _token(self, token: str, digest: bytes, address: str | None) -> Principal:
        """Return the principal of an API token, of which `digest` is the SHA-256."""
        if not api_tokens.is_well_formed(token):
            raise RefusedError("api token with a wrong shape or checksum")
        row = await self._lookups.find(digest, address)
        if row["last_use_is_old"]:
            await self._renew_last_use(digest)
        key = AgentKey.of_token(row["id"], row["name"])
        return Principal(row["user_id"], _shared(frozenset(row["scopes"])), row["id"], agent_key=key)

    async def _renew_last_use(self, digest: bytes) -> None:
        """Store that a token is used now.

        Do nothing if the database is read-only, or if this would have to wait for other writes: the caller may only
        want to read, and the next request stores it.
        """
        if not self._database.has_room_for_writes:
            return

        async def renew() -> None:
            async with self._database.begin() as transaction:
                await transaction.row(queries.SET_TOKEN, hash=digest)
                await transaction.rows(queries.RENEW_LAST_USE, hash=digest)

        with suppress(Unavailable):
            await retried(renew)

    async def _jwt(self, token: str) -> Principal:
        """Return the principal of a JWT."""
        claims = await self._verifier.verify(token)
        user_id, is_admin = await self._sign_in(claims.issuer, claims.subject, **_told(claims))
        scopes = claims.scopes if is_admin else claims.scopes - {"admin"}
        return Principal(
            user_id,
            _shared(scopes),
            is_delegated=claims.is_delegated,
            audiences=_shared(claims.audiences),
            expires_at=claims.expires_at,
            issuer=claims.issuer,
            agent_key=AgentKey.of_client(claims.issuer, claims.client_id) if claims.is_delegated else None,
        )

    async def _sign_in(
        self,
        issuer: str,
        subject: str,
        *,
        role: UserRole | None = None,
        issued_at: float | None = None,
        ends_at: float | None = None,
        email: str | None = None,
        name: str | None = None,
    ) -> tuple[int, bool]:
        """Return the id of the user with that issuer and subject, made if new, and whether it is an admin now.

        Facts about the user that are newer than the stored ones are stored (`specs/identity/tokens.md`).

        Args:
            issuer: The issuer of the user's identity.
            subject: The user's id at the issuer.
            role: The role; None leaves the stored one.
            issued_at: When the token that names the role was issued, in seconds since the epoch; None for the command
                line.
            ends_at: When that token ends, in seconds since the epoch.
            email: The e-mail address; None leaves the stored one.
            name: The person's name, which is stored only if there is none yet.

        Raises:
            Suspended: The user was deleted for good, and this is a ban (`TODO_DELETION_IS_FINAL`).
            Unavailable: PostgreSQL cannot be reached, or the user was deleted in this moment.
        """
        who, told = _as_told(issuer, subject, role=role, issued_at=issued_at, ends_at=ends_at, email=email, name=name)
        # Most users exist and have nothing new to store: these need no transaction that writes.
        user = await retried(lambda: self._known(who, told))
        if user is None or user["has_news"]:
            user = await retried(lambda: self._renewed(who, told))
        return user["id"], user["is_admin"]

    async def _known(self, who: dict[str, Any], told: dict[str, Any]) -> Row | None:
        """Return the user with that issuer and subject, if there is one, and whether facts are to be stored."""
        async with self._database.begin(role=SIGN_IN_ROLE, read_only=True) as transaction:
            await transaction.row(queries.SET_SUBJECT, **who)
            return await transaction.row(queries.FIND_USER, **who, **told)

    async def _renewed(self, who: dict[str, Any], told: dict[str, Any]) -> Row:
        """Make the user with that issuer and subject, or store new facts; return it. Raises as `_sign_in` does."""
        async with self._database.begin(role=SIGN_IN_ROLE) as transaction:
            await transaction.row(queries.SET_SUBJECT, **who)
            user = await transaction.row(queries.FIND_USER, **who, **told)
            if user is None:
                if self._settings.deletion_is_final and await transaction.value(queries.IS_DELETED, **who):
                    raise Suspended("This account was deleted for good.")
                zone = self._settings.time_zone
                added = await transaction.row(queries.ADD_USER, **who, **told, time_zone=zone)
                if added is not None:
                    return added
                user = await transaction.row(queries.FIND_USER, **who, **told)  # another transaction was faster
            if user is not None and user["has_news"]:
                user = await transaction.row(queries.RENEW_USER, **who, **told)
            if user is None:  # deleted in this moment; the next attempt makes the user anew, or is refused
                raise Unavailable
        return user


@lru_cache(maxsize=256)
def _shared(names: frozenset[Any]) -> frozenset[Any]:
    """Return an equal set that is there already, if there is one: thousands of cached principals have the same."""
    return names


def _as_told(issuer: str, subject: str, **told: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the parameters of the statements: those that identify the user, and the facts, None where unknown."""
    return {"issuer": issuer, "subject": subject}, dict.fromkeys(_FACTS) | told


def _told(claims: Claims) -> dict[str, Any]:
    """Return what a token tells of its user, as `_sign_in` takes it. Without a moment of issue, no role has an end."""
    ends_at = None if claims.role_issued_at is None else min(claims.expires_at, LAST_MOMENT)
    issued_at = claims.role_issued_at
    return {"role": claims.role, "issued_at": issued_at, "ends_at": ends_at, "email": claims.email, "name": claims.name}
