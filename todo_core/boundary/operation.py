"""The one boundary between a transport and an operation.

An operation is a plain async function that takes a `Tx`. `Caller.perform` runs it; what is true
of every operation happens there and nowhere else, in this order: rate limit, scope, no other request under its
key, a place of its user's, long work on what was sent, begin, idempotent replay, the operation, change record, the
stored reply, commit, and word of it to whoever follows the changes. The commit happens before the answer leaves.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Concatenate, Final, Generic, Literal, ParamSpec, TypeVar, cast

import asyncpg
import structlog

from todo_core.boundary import idempotency
from todo_core.boundary.authentication import Principal
from todo_core.boundary.limits import TellBudget
from todo_core.boundary.recording import Origin, record
from todo_core.boundary.results import Changed
from todo_core.errors import Conflict, InsufficientScope, NotForApps, Suspended, TodoError, Unauthenticated
from todo_core.identity.scopes import Scope
from todo_core.storage.database import ADMIN_ROLE, APP_ROLE, Executor, Role, Row, Transaction, retried
from todo_core.storage.statements import Statement

if TYPE_CHECKING:
    from todo_core.core import Core

P = ParamSpec("P")
R = TypeVar("R")

GONE: Final = "TD401"
SUSPENDED: Final = "TD403"
NO_ADMIN: Final = "TD4AD"
"""SQLSTATEs that `require_active` raises."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Operation(Generic[P, R]):
    """One thing the system does, with what both transports need to know about it."""

    run: Callable[Concatenate[Tx, P], Awaitable[R]]
    name: str
    effect: Literal["reads", "changes"]
    scope: Scope | None
    """What the caller's token must allow; None where any token will do."""
    raises: tuple[type[TodoError], ...]
    destructive: bool
    """Whether it takes something away (undo still brings it back)."""
    idempotent: bool
    """Whether a repetition changes nothing more, even without an idempotency key."""
    for_apps: bool
    """Whether an app that acts for the user, with an OAuth access token, may run it."""
    batch: str | None
    """The name of its first parameter, where that takes a sequence of items."""
    formerly: tuple[str, bool] | None = None
    """The operation and the flag that versions before decision 21 ran in its place."""
    weight: int = 1
    """What a call takes from the rate limit at least."""
    snapshot: bool = False
    """Whether all that it reads is of one moment, in one transaction."""
    first: Callable[..., Awaitable[None]] | None = None
    """What is done before the transaction, with the caller and the arguments: long work on what was sent."""

    @property
    def is_batch(self) -> bool:
        """Whether a call takes several items."""
        return self.batch is not None

    @property
    def role(self) -> Role:
        """The database role it runs as."""
        return ADMIN_ROLE if self.scope == "admin" else APP_ROLE

    def cost(self, args: Sequence[Any], kwargs: Mapping[str, Any] = MappingProxyType({})) -> int:
        """Count what a call takes from the rate limit: one for each item of a batch, else its weight.

        Args:
            args: The positional arguments, without the transaction.
            kwargs: The arguments by name.
        """
        if self.batch is None:
            return self.weight
        items = args[0] if args else kwargs.get(self.batch, ())
        return max(len(items), 1)

    def fingerprint(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bytes:
        """Return what makes two requests under an idempotency key the same.

        A key lives for a day, so a retry may reach another version of the server than the request did, and both must
        compute the same: the flag is the second argument, as it was, and left out where `if_version` is given by name.
        """
        if self.formerly is None or kwargs:
            return idempotency.fingerprint(self.name, args, kwargs)
        name, flag = self.formerly
        return idempotency.fingerprint(name, [args[0], flag, *args[1:]], kwargs)

    @property
    def words(self) -> str:
        """What it does, for people and models."""
        return inspect.cleandoc(self.run.__doc__ or "")


OPERATIONS: Final[dict[str, Operation[..., Any]]] = {}
"""Every operation by name; the tests walk it."""


def operation(
    *,
    effect: Literal["reads", "changes"],
    scope: Scope | None,
    raises: tuple[type[TodoError], ...] = (),
    destructive: bool = False,
    idempotent: bool = True,
    for_apps: bool = True,
    batch: bool = False,
    formerly: tuple[str, bool] | None = None,
    weight: int = 1,
    snapshot: bool = False,
    first: Callable[..., Awaitable[None]] | None = None,
) -> Callable[[Callable[Concatenate[Tx, P], Awaitable[R]]], Operation[P, R]]:
    """Declare an operation; its name is `<module>.<function>`, without the underscore of one named like a built-in.

    Args:
        effect: `reads` runs each statement by itself; `changes` is one transaction, recorded and safe to retry.
        scope: What the caller's token must allow; None where any token will do.
        raises: Refusals of its own, besides those that every operation can meet.
        destructive: Whether it takes something away.
        idempotent: Whether a repetition changes nothing more.
        for_apps: Whether an app that acts for the user may run it.
        formerly: The operation and the flag that versions before decision 21 ran in its place.
        batch: Whether its first argument is a sequence of items, of which each counts for the rate limit.
        weight: What a call takes from the rate limit, where it is no batch.
        snapshot: Whether one that reads does so in one transaction, as of one moment, and can `Tx.stream`.
        first: What is done before the transaction, with the caller and the arguments of the operation, for who may run
            it and is within the rate limit. It leaves what it makes in the arguments.
    """

    def declare(run: Callable[Concatenate[Tx, P], Awaitable[R]]) -> Operation[P, R]:
        name = f"{run.__module__.rpartition('.')[2]}.{getattr(run, '__name__', '').rstrip('_')}"
        _, *parameters = inspect.signature(run).parameters
        items = parameters[0] if batch else None
        declared = Operation(
            *(run, name, effect, scope, raises, destructive, idempotent, for_apps, items, formerly, weight, snapshot),
            first,
        )
        OPERATIONS[name] = declared
        return declared

    return declare


class _RehearsedError(Exception):
    """Leaves a transaction that is not to be committed."""


@dataclass(frozen=True, slots=True)
class Tx(Executor):
    """What an operation works with: one transaction, as one caller."""

    caller: Caller
    _executor: Executor
    origin: Origin | None = None
    """Of the change, for a statement that records what it writes, to save a round trip: the operation then returns the
    change's id, and the boundary records nothing. None where nothing is to be recorded: in a read, and in a dry run."""

    @property
    def core(self) -> Core:
        return self.caller.core

    async def rows(self, statement: Statement, /, **given: Any) -> list[Row]:
        return await self._executor.rows(statement, **given)

    def stream(self, statement: Statement, /, *, size: int, **given: Any) -> AsyncIterator[list[str]]:
        """Run a statement with one column of JSON and yield its rows in chunks; see `Transaction.stream`."""
        assert isinstance(self._executor, Transaction)  # of an operation with `snapshot`
        return self._executor.stream(statement, size=size, **given)

    def part(self) -> AbstractAsyncContextManager[None]:
        """Return what runs a part of a write: if that is refused, only what it has written is gone."""
        assert isinstance(self._executor, Transaction)  # a read has none
        return self._executor.part()


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who is logged in, through some client: the only way to run an operation."""

    core: Core
    principal: Principal
    via: str
    """Transport, and tool if there is one: `rest`, `mcp:add_todos`, `cli`."""
    client: str | None = None
    """How the client names itself."""
    idempotency_key: str | None = None
    dry_run: bool = False
    """Whether to find out what would happen, and change nothing."""
    confirmed: bool = True
    """Whether a person agreed to what takes much away; only a face that agents use says no."""
    confirmed_count: int | None = None
    """How many todos the person agreed to move to the trash; None for any number."""
    confirmed_by: str | None = None
    """How the person's word came, for the record: `in a form`, or `by the agent`, which says so."""
    tell_budget: TellBudget | None = None
    """Is told what each operation leaves of the user's rate limit."""
    weigh: Callable[[], int] | None = None
    """Returns what the request costs at least, by what was read of it."""
    tell_operation: Callable[[str], None] | None = None
    """Is told the name of each operation that begins."""
    tell_change: Callable[[int], None] | None = None
    """Is told the id of each change that was committed."""

    @classmethod
    async def authenticated(
        cls,
        core: Core,
        via: str,
        *,
        token: str | None,
        address: str | None = None,
        client: str | None = None,
        tell_budget: TellBudget | None = None,
        weigh: Callable[[], int] | None = None,
        tell_operation: Callable[[str], None] | None = None,
        tell_change: Callable[[int], None] | None = None,
    ) -> Caller:
        """Return whomever a token names.

        Args:
            core: The core.
            via: The transport.
            token: What the caller presents.
            address: Where the request comes from.
            client: How the client names itself.
            tell_budget: Is told what each operation leaves of the user's rate limit.
            weigh: Returns what the request costs at least, by what was read of it.
            tell_operation: Is told the name of each operation that begins.
            tell_change: Is told the id of each change that was committed.

        Raises:
            Unauthenticated: There is no token, or it is not accepted.
            Suspended: The user was deleted for good, and this is a ban.
            TooManyRequests: It is not accepted, and the address sent too many that were not; or the user goes on beyond
                the rate limit.
            Unavailable: The token cannot be checked right now.
        """
        principal = await core.identity.authenticate(token, address, via)
        core.limits.require_restraint(principal.user_id, tell_budget)
        return cls(
            core,
            principal,
            via,
            client,
            tell_budget=tell_budget,
            weigh=weigh,
            tell_operation=tell_operation,
            tell_change=tell_change,
        )

    def once(self, key: str | None, *, dry_run: bool = False) -> Caller:
        """Return this caller for a request that happens at most once under `key`, or, as a dry run, not at all."""
        return self if key is None and not dry_run else replace(self, idempotency_key=key, dry_run=dry_run)

    def may(self, scope: Scope | None) -> bool:
        """Return whether the caller's token allows what a scope is for, or what needs none."""
        return scope is None or scope in self.principal.scopes

    async def perform(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation: the whole boundary.

        Raises:
            InsufficientScope: The token does not allow it.
            NotForApps: It is not for an app that acts for the user.
            TooManyRequests: The user's rate limit is reached, or the user has too many requests at once.
            Unauthenticated: The token was revoked or has expired, or the user is gone.
            Suspended: The user is suspended.
            Unavailable: The database cannot be reached.
            TodoError: Whatever else the operation declares.
        """
        if self.tell_operation is not None:
            self.tell_operation(operation.name)
        if self.core.hooks.operation is None:
            return await self._perform(operation, *args, **kwargs)
        with self.core.hooks.operation(operation.name):
            return await self._perform(operation, *args, **kwargs)

    async def _perform(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do what `perform` does, unwatched."""
        user_id = self.principal.user_id
        await self.count(operation.cost(args, kwargs))
        if operation.scope is not None and not self.may(operation.scope):
            raise InsufficientScope(operation.scope)
        if self.principal.is_delegated and not operation.for_apps:
            raise NotForApps
        key = None if self.dry_run else self.idempotency_key
        with self.core.running.alone(user_id, key):
            async with self.core.places.one_of(user_id):
                if operation.first is not None:
                    await operation.first(self, *args, **kwargs)
                try:
                    answer = await retried(lambda: self._attempt(operation, *args, **kwargs))
                except asyncpg.PostgresError as error:
                    self._refuse(error.sqlstate)
                    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
                        raise Conflict from error
                    raise
        self.core.activity.seen(user_id)
        return answer

    async def check(self) -> None:
        """Ask whether the caller may act at all, where no operation would.

        Raises:
            TooManyRequests: The user's rate limit is reached, or the user has too many requests at once.
            Unauthenticated: The token was revoked or has expired, or the user is gone.
            Suspended: The user is suspended.
            Unavailable: The database cannot be reached.
        """
        user_id, token_id = self.principal.user_id, self.principal.token_id
        await self.count()
        try:
            async with (
                self.core.places.one_of(user_id),
                self.core.database.begin(user_id=user_id, token_id=token_id, read_only=True),
            ):
                pass
        except asyncpg.PostgresError as error:
            self._refuse(error.sqlstate)
            raise
        self.core.activity.seen(user_id)

    async def count(self, cost: int = 1) -> None:
        """Take from the user's budget what a request costs, also one that is refused before an operation, or runs none.

        Raises:
            TooManyRequests: The user's rate limit is reached.
        """
        if self.weigh is not None:
            cost = max(cost, self.weigh())
        await self.core.limits.spend(self.principal.user_id, cost, self.tell_budget)

    def _refuse(self, sqlstate: str | None) -> None:
        """Raise what `require_active` meant."""
        if sqlstate == GONE:
            _log.info("token_refused", reason="api token revoked or expired, or user gone")
            self.core.identity.forget(self.principal)
            raise Unauthenticated(presented=True) from None
        if sqlstate == SUSPENDED:
            raise Suspended from None
        if sqlstate == NO_ADMIN:
            raise InsufficientScope("admin") from None

    async def _attempt(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        user_id, token_id, role = self.principal.user_id, self.principal.token_id, operation.role
        if operation.snapshot:
            begin = self.core.database.begin(
                user_id=user_id, token_id=token_id, role=role, read_only=True, snapshot=True
            )
            async with begin as transaction:
                return await operation.run(Tx(self, transaction), *args, **kwargs)
        if operation.effect == "reads":
            reader = self.core.database.read(user_id=user_id, token_id=token_id, role=role)
            return await operation.run(Tx(self, reader), *args, **kwargs)
        if self.dry_run:
            return await self._rehearse(operation, *args, **kwargs)
        key = self.idempotency_key
        begin = self.core.database.begin(user_id=user_id, token_id=token_id, role=role, lock=key is None)
        async with self.core.writing.one_of(user_id), begin as transaction:
            fingerprint = b""
            if key is not None:
                fingerprint = operation.fingerprint(args, kwargs)
                kept = await idempotency.claim(transaction, self.core.secret, key, fingerprint)
                if kept is not None:
                    return kept  # type: ignore[return-value]  # what an operation that changes returns
            via = self.via if self.confirmed_by is None else f"{self.via} (confirmed {self.confirmed_by})"
            origin = Origin(operation.name, via, self.client, token_id)
            result = await operation.run(Tx(self, transaction, origin), *args, **kwargs)
            assert isinstance(result, Changed)  # what an operation that changes returns
            recorded = await record(transaction, result, origin)
            result.change_id = None if recorded is None else recorded.id
            if key is not None:
                await idempotency.keep(transaction, key, fingerprint, result)
        if recorded is not None:
            self.core.live.changed(user_id, recorded)
            if self.tell_change is not None:
                self.tell_change(recorded.id)
            if self.core.hooks.changed is not None:
                self.core.hooks.changed(operation.name, self.via)
        return result

    async def _rehearse(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation for its answer alone: the transaction is rolled back."""
        begin = self.core.database.begin(
            user_id=self.principal.user_id, token_id=self.principal.token_id, role=operation.role, lock=True
        )
        result: Changed[Any] | None = None
        with suppress(_RehearsedError):
            async with self.core.writing.one_of(self.principal.user_id), begin as transaction:
                result = cast("Changed[Any]", await operation.run(Tx(self, transaction), *args, **kwargs))
                raise _RehearsedError
        assert result is not None
        return replace(result, secret=None, dry_run=True)  # type: ignore[return-value]  # as above
