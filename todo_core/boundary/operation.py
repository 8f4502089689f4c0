"""What the system does, each thing an `Operation`, and the transaction that one works with.

An operation is a plain async function that takes a `Tx`; `caller.Caller.perform` runs it.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Concatenate, Final, Generic, Literal, NamedTuple, ParamSpec, TypeVar

from todo_core.boundary import idempotency
from todo_core.boundary.recording import Origin, record
from todo_core.boundary.results import Changed, Recorded
from todo_core.errors import TodoError
from todo_core.identity.scopes import Scope
from todo_core.models.agents import Verb
from todo_core.storage.roles import ADMIN_ROLE, APP_ROLE, Acting, Role
from todo_core.storage.statements import Statement
from todo_core.storage.transactions import Executor, Row, Transaction

if TYPE_CHECKING:
    from todo_core.boundary.caller import Caller
    from todo_core.core import Core

P = ParamSpec("P")
R = TypeVar("R")


class ByItem(NamedTuple):
    """What an agent must be allowed to do for an operation whose items say what that is."""

    of: Callable[..., Collection[Verb]]
    """Tells it of the first argument of the operation."""
    among: tuple[Verb, ...]
    """What it may be: one of these is enough for some call."""


Verbs = tuple[Verb, ...] | ByItem | None
"""What an agent must be allowed to do."""


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
    """Whether all its statements see the database as of one moment, in one transaction."""
    for_agents: bool = True
    """Whether an agent may run it, or the person alone."""
    proposable: bool = True
    """Whether an agent that proposes may propose it, where it changes something."""
    verbs: Verbs = None
    """What an agent must be allowed to do; see `operation`."""
    within_lists: bool = False
    """Whether an agent whose mandate names lists may run it: what it sees and writes belongs to lists."""
    first: Callable[..., Awaitable[None]] | None = None
    """Long work on the input, done before the transaction begins; see `operation`."""
    at_once: bool = False
    """Whether what it writes by one statement may be committed with it; see `operation`."""

    @property
    def role(self) -> Role:
        """The database role it runs as."""
        return ADMIN_ROLE if self.scope == "admin" else APP_ROLE

    def needed(self, args: Sequence[Any]) -> Collection[Verb] | None:
        """Return what an agent must be allowed to do for a call; None if it must be bounded in nothing.

        Args:
            args: The positional arguments, without the transaction.
        """
        return self.verbs.of(*args[:1]) if isinstance(self.verbs, ByItem) else self.verbs

    @property
    def alternatives(self) -> Sequence[Collection[Verb] | None]:
        """Return what different calls need, as `needed` does of each; where items decide, one verb each."""
        return [(verb,) for verb in self.verbs.among] if isinstance(self.verbs, ByItem) else [self.verbs]

    def cost(self, args: Sequence[Any], kwargs: Mapping[str, Any] = MappingProxyType({})) -> int:
        """Count what a call takes from the rate limit: one for each item of a batch; its weight where it names none.

        Args:
            args: The positional arguments, without the transaction.
            kwargs: The arguments by name.
        """
        if self.batch is None:
            return self.weight
        items = args[0] if args else kwargs.get(self.batch, ())
        return len(items) or self.weight

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
"""Every operation by name, of the modules that are loaded; the tests walk it."""


def operation_named(name: str) -> Operation[..., Any] | None:
    """Return an operation by its name, also of a module that nothing has loaded yet; None if there is none."""
    if name not in OPERATIONS and (module := name.partition(".")[0]).isidentifier():
        with suppress(ModuleNotFoundError):
            import_module(f"todo_core.operations.{module}")
    return OPERATIONS.get(name)


def operation(
    *,
    effect: Literal["reads", "changes"],
    scope: Scope | None,
    raises: tuple[type[TodoError], ...] = (),
    destructive: bool = False,
    idempotent: bool = True,
    for_apps: bool = True,
    for_agents: bool = True,
    verbs: Verbs = None,
    within_lists: bool = False,
    batch: bool = False,
    formerly: tuple[str, bool] | None = None,
    weight: int = 1,
    snapshot: bool = False,
    first: Callable[..., Awaitable[None]] | None = None,
    proposable: bool = True,
    at_once: bool = False,
) -> Callable[[Callable[Concatenate[Tx, P], Awaitable[R]]], Operation[P, R]]:
    """Declare an operation; its name is `<module>.<function>`, without the underscore of one named like a built-in.

    Args:
        effect: `reads` runs each statement by itself; `changes` is one transaction, recorded and safe to retry.
        scope: What the caller's token must allow; None where any token will do.
        raises: Refusals of its own, besides those that every operation can meet.
        destructive: Whether it takes something away.
        idempotent: Whether a repetition changes nothing more.
        for_apps: Whether an app that acts for the user may run it.
        for_agents: Whether an agent may run it; False for the person alone.
        verbs: What an agent must be allowed to do. None: only an agent whose mandate bounds nothing may run it.
        within_lists: Whether an agent whose mandate names lists may run it: all that it reads and writes belongs to
            lists.
        formerly: The operation and the flag that versions before decision 21 ran in its place.
        batch: Whether its first argument is a sequence of items, of which each counts for the rate limit.
        weight: What a call takes from the rate limit, where it is no batch, or a batch that names no items.
        snapshot: Whether one that reads does so in one transaction, as of one moment, and can `Tx.stream`.
        first: Long work on the input, such as parsing a file. Called with the caller and the operation's arguments,
            once scope, mandate and rate limit have allowed the call and before the transaction begins. It stores its
            result in one of the arguments.
        proposable: Whether an agent that proposes may propose it, where it changes something.
        at_once: Whether what it writes by one statement may be committed with it: after `Tx.rows_at_once` it refuses
            nothing of that.
    """

    def declare(run: Callable[Concatenate[Tx, P], Awaitable[R]]) -> Operation[P, R]:
        name = f"{run.__module__.rpartition('.')[2]}.{getattr(run, '__name__', '').rstrip('_')}"
        _, *parameters = inspect.signature(run).parameters
        declared = Operation(
            run=run,
            name=name,
            effect=effect,
            scope=scope,
            raises=raises,
            destructive=destructive,
            idempotent=idempotent,
            for_apps=for_apps,
            batch=parameters[0] if batch else None,
            formerly=formerly,
            weight=weight,
            snapshot=snapshot,
            for_agents=for_agents,
            proposable=proposable,
            verbs=verbs,
            within_lists=within_lists,
            first=first,
            at_once=at_once,
        )
        OPERATIONS[name] = declared
        return declared

    return declare


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

    @property
    def said_at(self) -> datetime:
        """The moment in which the request was said: now, but for one that waited for a person's approval."""
        said_at = self.caller.said_at
        return self.core.clock() if said_at is None else said_at

    def rows(self, statement: Statement, /, **given: Any) -> Coroutine[Any, Any, list[Row]]:
        return self._executor.rows(statement, **given)

    async def rows_at_once(self, statement: Statement, /, **given: Any) -> list[Row]:
        """Run a statement that is all that is written, and return its rows; see `Transaction.rows_at_once`."""
        assert isinstance(self._executor, Transaction)  # a read has none
        return await self._executor.rows_at_once(statement, **given)

    def stream(self, statement: Statement, /, *, size: int, **given: Any) -> AsyncIterator[list[str]]:
        """Run a statement with one column of JSON and yield its rows in chunks; see `Transaction.stream`."""
        assert isinstance(self._executor, Transaction)  # of an operation with `snapshot`
        return self._executor.stream(statement, size=size, **given)

    async def allow(self, seconds: int) -> None:
        """Let each further statement take so long; see `Transaction.allow`."""
        assert isinstance(self._executor, Transaction)  # a read has none
        await self._executor.allow(seconds)

    def as_called_by(self, caller: Caller) -> Tx:
        """Return this transaction for an operation that runs as another caller, without a change record of its own."""
        return replace(self, caller=caller, origin=None)

    async def record(self, changed: Changed[Any], origin: Origin) -> Recorded | None:
        """Record another change, beside that of the operation, and return it; None if no row was changed."""
        assert isinstance(self._executor, Transaction)  # a read has none
        return await record(self._executor, changed, origin)

    def acting_as(self, agent: Acting) -> AbstractAsyncContextManager[None]:
        """Return a context in which statements run as an agent, under its mandate; see `Transaction.acting_as`."""
        assert isinstance(self._executor, Transaction)  # a read has none
        return self._executor.acting_as(agent)

    def rehearsal(self) -> AbstractAsyncContextManager[None]:
        """Return what runs a part of a write for what it returns alone: what it has written is gone at its end."""
        assert isinstance(self._executor, Transaction)  # a read has none
        return self._executor.rehearsal()

    def part(self) -> AbstractAsyncContextManager[None]:
        """Return a context for a part of a write: a refusal in it undoes that part alone; see `Transaction.part`."""
        assert isinstance(self._executor, Transaction)  # a read has none
        return self._executor.part()
