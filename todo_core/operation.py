"""The one boundary between a transport and an operation.

An operation is a plain async function that takes a `Tx`. `Caller.perform` runs it; what is true
of every operation happens there and nowhere else, in this order: scope, begin, idempotent
replay, the operation, change record, the stored reply, commit, notification. The commit happens
before the answer leaves.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Concatenate, Final, Generic, Literal, ParamSpec, TypeVar

import asyncpg
import structlog

from todo_core import idempotency
from todo_core.database import (
    RETRYABLE,
    Executor,
    Row,
    Statement,
    Transaction,
)
from todo_core.errors import Conflict, InsufficientScope, TodoError, Unauthenticated, Unavailable
from todo_core.models.fields import Scope
from todo_core.queries import changes as queries
from todo_core.results import Changed

if TYPE_CHECKING:
    from todo_core.core import Core
    from todo_core.identity import Principal

P = ParamSpec("P")
R = TypeVar("R")

TOKEN_REFUSED: Final = "TD401"  # noqa: S105  # a SQLSTATE, not a secret
"""SQLSTATE that `require_live_token` raises."""

ATTEMPTS: Final = 3
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Operation(Generic[P, R]):
    """One thing the system does, with what both transports need to know about it."""

    run: Callable[Concatenate[Tx, P], Awaitable[R]]
    name: str
    effect: Literal["reads", "changes"]
    scope: Scope
    raises: tuple[type[TodoError], ...]
    destructive: bool
    """Whether it takes something away (undo still brings it back)."""
    idempotent: bool
    """Whether a repetition changes nothing more, even without an idempotency key."""

    @property
    def words(self) -> str:
        """What it does, for people and models."""
        return inspect.cleandoc(self.run.__doc__ or "")


OPERATIONS: Final[dict[str, Operation[..., Any]]] = {}
"""Every operation by name; the tests walk it."""


def operation(
    *,
    effect: Literal["reads", "changes"],
    scope: Scope,
    raises: tuple[type[TodoError], ...] = (),
    destructive: bool = False,
    idempotent: bool = True,
) -> Callable[[Callable[Concatenate[Tx, P], Awaitable[R]]], Operation[P, R]]:
    """Declare an operation; its name is `<module>.<function>`.

    Args:
        effect: `reads` runs each statement by itself; `changes` is one transaction, recorded and safe to retry.
        scope: What the caller's token must allow.
        raises: Refusals of its own, besides those that every operation can meet.
        destructive: Whether it takes something away.
        idempotent: Whether a repetition changes nothing more.
    """

    def declare(run: Callable[Concatenate[Tx, P], Awaitable[R]]) -> Operation[P, R]:
        name = f"{run.__module__.rpartition('.')[2]}.{getattr(run, '__name__', '')}"
        declared = Operation(run, name, effect, scope, raises, destructive, idempotent)
        OPERATIONS[name] = declared
        return declared

    return declare


@dataclass(frozen=True, slots=True)
class Tx(Executor):
    """What an operation works with: one transaction, as one caller."""

    caller: Caller
    _executor: Executor

    @property
    def core(self) -> Core:
        return self.caller.core

    async def rows(self, statement: Statement, /, **given: Any) -> list[Row]:
        return await self._executor.rows(statement, **given)


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

    def once(self, key: str | None) -> Caller:
        """The same caller, for a request that happens at most once under `key`."""
        return self if key is None else replace(self, idempotency_key=key)

    def may(self, scope: Scope) -> bool:
        return scope in self.principal.scopes

    async def perform(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation: the whole boundary.

        Raises:
            InsufficientScope: The token does not allow it.
            Unauthenticated: The token was revoked or has expired.
            Unavailable: The database cannot be reached.
            TodoError: Whatever else the operation declares.
        """
        if not self.may(operation.scope):
            raise InsufficientScope(operation.scope)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._attempt(operation, *args, **kwargs)
            except RETRYABLE as error:
                if attempt == ATTEMPTS:
                    raise Unavailable from error
            except asyncpg.PostgresError as error:
                if error.sqlstate == TOKEN_REFUSED:
                    _log.info("token_refused", reason="api token revoked or expired")
                    raise Unauthenticated from None
                if isinstance(error, asyncpg.IntegrityConstraintViolationError):
                    raise Conflict from error
                raise
        raise AssertionError("unreachable")  # pragma: no cover

    async def _attempt(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        user_id, token_id = self.principal.user_id, self.principal.token_id
        if operation.effect == "reads":
            return await operation.run(
                Tx(self, self.core.database.read(user_id=user_id, token_id=token_id)), *args, **kwargs
            )
        key = self.idempotency_key
        begin = self.core.database.begin(user_id=user_id, token_id=token_id, lock=key is None)
        async with begin as transaction:
            fingerprint = b""
            if key is not None:
                fingerprint = idempotency.fingerprint(operation.name, args, kwargs)
                if (first_answer := await idempotency.claim(transaction, key, fingerprint)) is not None:
                    return first_answer  # type: ignore[return-value]  # what an operation that changes returns
            result = await operation.run(Tx(self, transaction), *args, **kwargs)
            assert isinstance(result, Changed)  # what an operation that changes returns
            await self._record(transaction, operation, result)
            if key is not None:
                await idempotency.keep(transaction, key, fingerprint, result)
        if result.change_id is not None:
            self.core.announcer.announce(user_id, result.change_id)
        return result

    async def _record(self, transaction: Transaction, operation: Operation[P, R], result: Changed[Any]) -> None:
        if not result.touched:
            return
        result.change_id = await transaction.value(
            queries.RECORD,
            operation=operation.name,
            via=self.via,
            client=self.client,
            token_id=self.principal.token_id,
            undoes=result.undoes,
            entries="[" + ",".join(entry.as_json() for entry in result.touched) + "]",
        )
