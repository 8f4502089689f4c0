"""The one boundary between a transport and an operation.

An operation is a plain async function that takes a `Tx`. `Caller.perform` runs it; what is true
of every operation happens there and nowhere else, in this order: rate limit, scope, no other request under its
key, a place of its user's, the agent that acts and whether this is for agents, long work on what was sent, begin,
idempotent replay, the operation (or, for an agent that proposes, its rehearsal and the proposal), change record, the
stored reply, commit, and word of it to whoever follows the changes. The commit happens before the answer leaves.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, cast

import asyncpg
import structlog

from todo_core.boundary import idempotency, proposing
from todo_core.boundary.agents import Agent, AgentKey
from todo_core.boundary.authentication import Principal
from todo_core.boundary.limits import TellBudget
from todo_core.boundary.operation import Operation, Tx
from todo_core.boundary.recording import Origin, record
from todo_core.boundary.results import Changed, Recorded
from todo_core.errors import (
    AgentBlocked,
    Conflict,
    InsufficientScope,
    NotForAgents,
    NotForApps,
    OutsideMandate,
    Suspended,
    TodoError,
    Unauthenticated,
    Unavailable,
)
from todo_core.identity.scopes import Scope
from todo_core.models.agents import Verb
from todo_core.queries import agents as agent_queries
from todo_core.storage.database import ATTEMPTS, retried
from todo_core.storage.roles import Acting
from todo_core.storage.transactions import Executor, Transaction

if TYPE_CHECKING:
    from todo_core.core import Core

P = ParamSpec("P")
R = TypeVar("R")

GONE: Final = "TD401"
SUSPENDED: Final = "TD403"
NO_ADMIN: Final = "TD4AD"
BLOCKED: Final = "TD4AG"
CHANGED: Final = "TD4MA"
"""SQLSTATEs that `require_active` raises; the last where what the caller knows of the agent is not true any more."""
ENDED: Final = frozenset({GONE, SUSPENDED, BLOCKED, CHANGED})
"""Those after which nobody is told of further changes without coming back."""

_log = structlog.get_logger()


class _RehearsedError(Exception):
    """Leaves a transaction that is not to be committed."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who is logged in, through some client: the only way to run an operation."""

    core: Core
    principal: Principal
    via: str
    """Transport, and tool if there is one: `rest`, `mcp:add_todos`, `cli`."""
    client: str | None = None
    """How the client names itself."""
    request_id: str | None = None
    """The id of the request, for the record."""
    idempotency_key: str | None = None
    dry_run: bool = False
    """Whether to find out what would happen, and change nothing."""
    confirmed: bool = True
    """Whether a person agreed to what takes much away; only a face that agents use says no."""
    confirmed_count: int | None = None
    """How many todos the person agreed to move to the trash; None for any number."""
    confirmed_by: str | None = None
    """How the person's word came, for the record: `in a form`, or `by the agent`, which says so."""
    reason: str | None = None
    """Why an agent proposes what it calls, in its words."""
    said_at: datetime | None = None
    """When the request was said, whose words are read by it; None for now. See `rules.schedules.Calendar`."""
    tell_budget: TellBudget | None = None
    """Is told what each operation leaves of the user's rate limit."""
    weigh: Callable[[], int] | None = None
    """Returns what the request costs at least, by what was read of it."""
    tell_operation: Callable[[str], None] | None = None
    """Is told the name of each operation that begins."""
    tell_change: Callable[[int], None] | None = None
    """Is told the id of each change that was committed."""
    tell_agent: Callable[[int], None] | None = None
    """Is told the id of the agent that acts, once it is known."""

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
        tell_agent: Callable[[int], None] | None = None,
        request_id: str | None = None,
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
            tell_agent: Is told the id of the agent that acts.
            request_id: The id of the request, for the record.

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
            request_id,
            tell_budget=tell_budget,
            weigh=weigh,
            tell_operation=tell_operation,
            tell_change=tell_change,
            tell_agent=tell_agent,
        )

    @property
    def agent_id(self) -> int | None:
        """The agent that calls, once it was found; None for the person."""
        return None if self.principal.agent is None else self.principal.agent.id

    @property
    def proposes(self) -> bool:
        """Whether what it writes waits for the person's approval; known once the agent was found."""
        return self.principal.agent is not None and self.principal.agent.mode == "propose"

    @property
    def agent_key(self) -> AgentKey | None:
        """Return who acts for the person; None where it is the person.

        Whatever comes through MCP is an agent: with a token of the person's own it is known by how it names itself.
        """
        key = self.principal.agent_key
        if key is None and self.via.startswith("mcp"):
            key = AgentKey.of_program(self.principal.issuer, self.client)
        return key

    @property
    def acting(self) -> Acting | None:
        """Return what PostgreSQL is told of the agent; None for the person."""
        agent = self.principal.agent
        return None if agent is None else agent.acting

    def once(self, key: str | None, *, dry_run: bool = False) -> Caller:
        """Return this caller for a request that happens at most once under `key`, or, as a dry run, not at all."""
        return self if key is None and not dry_run else replace(self, idempotency_key=key, dry_run=dry_run)

    def may(self, scope: Scope | None) -> bool:
        """Return whether the caller's token allows what a scope is for, or what needs none.

        With `todos:propose` an agent may ask for what `todos:write` is for, and is held to proposing it.
        """
        scopes = self.principal.scopes
        if scope == "todos:propose":
            return "todos:write" in scopes or scope in scopes
        return scope is None or scope in scopes or (scope == "todos:write" and self._only_proposes)

    @property
    def is_person(self) -> bool:
        """Return whether nobody acts for the person; an agent that could not be stored yet is none either."""
        return self.agent_key is None

    @property
    def may_read(self) -> bool:
        """Return whether token and mandate allow to read todos."""
        agent = self.principal.agent
        return self.may("todos:read") and (agent is None or agent.verbs is None or "read" in agent.verbs)

    def could(self, operation: Operation[..., Any]) -> bool:
        """Return whether token and mandate allow some call of an operation; the mandate once the agent was found."""
        agent = self.principal.agent
        if not self.may(operation.scope):
            return False
        if agent is None:
            return True
        for verbs in operation.alternatives:
            try:
                self._require_mandate(agent, operation, verbs)
            except OutsideMandate:
                continue
            return True
        return False

    def _require_mandate(self, agent: Agent, operation: Operation[..., Any], verbs: Collection[Verb] | None) -> None:
        """Refuse an agent a call that needs these verbs with `OutsideMandate`, unless its mandate allows it."""
        agent.require(verbs, is_write=self._writes(operation), within_lists=operation.within_lists)

    @property
    def has_lists(self) -> bool:
        """Return whether it is an agent that may see some lists only; known once the agent was found."""
        return self.principal.agent is not None and self.principal.agent.lists is not None

    @property
    def _only_proposes(self) -> bool:
        """Return whether the token lets an agent propose, and not write."""
        scopes = self.principal.scopes
        return "todos:propose" in scopes and "todos:write" not in scopes and self.agent_key is not None

    async def perform(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation: the whole boundary.

        Raises:
            InsufficientScope: The token does not allow it.
            NotForApps: It is not for an app that acts for the user.
            NotForAgents: It is for the person alone.
            TooManyRequests: The user's rate limit is reached, or the user has too many requests at once.
            Unauthenticated: The token was revoked or has expired, or the user is gone.
            Suspended: The user is suspended.
            AgentBlocked: The agent is blocked, or its time is over.
            OutsideMandate: The agent may not do this.
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

        def require(agent: Agent) -> None:
            if operation.for_agents:
                self._require_mandate(agent, operation, operation.needed(args))

        changes = operation.effect == "changes"
        with self.core.running.alone(user_id, self.agent_key, key):
            async with self.core.places.one_of(user_id):
                try:
                    if operation.first is not None:
                        await self._as_agent(Caller._begin, require, to_write=changes)
                        await operation.first(self, *args, **kwargs)
                    answer = await self._as_agent(
                        lambda me: me._attempt(operation, *args, **kwargs), require, to_write=changes
                    )
                except asyncpg.PostgresError as error:
                    self._refuse(error.sqlstate)
                    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
                        raise Conflict from error
                    raise
        if isinstance(answer, Changed) and answer.gone is not None:
            self.core.forget(answer.gone)
        if not (isinstance(answer, Changed) and answer.gone == user_id):
            self.core.activity.seen(user_id)
        return answer

    def _writes(self, operation: Operation[..., Any]) -> bool:
        """Return whether an operation would change something, and nobody could propose that."""
        return operation.effect == "changes" and not self.dry_run and not operation.proposable

    async def _as_agent(
        self,
        attempt: Callable[[Caller], Awaitable[R]],
        require: Callable[[Agent], None] | None = None,
        *,
        to_write: bool = False,
    ) -> R:
        """Run an attempt as the agent that acts, or as the person; again, if PostgreSQL knows the agent otherwise.

        Args:
            attempt: Is told who acts.
            require: Refuses an agent with `OutsideMandate`. What a process remembers refuses nobody: the person may
                have allowed more since.
            to_write: Whether it is to change something.
        """
        key, user_id = self.agent_key, self.principal.user_id
        if key is None:
            return await retried(lambda: attempt(self))
        for last in range(ATTEMPTS):
            agent = await self._known(user_id, key, require, to_write)
            if agent is not None and self.tell_agent is not None:
                self.tell_agent(agent.id)
            me = replace(self, principal=replace(self.principal, agent=agent))
            try:
                return await retried(lambda: attempt(me))  # noqa: B023  # it is awaited in this round
            except asyncpg.PostgresError as error:
                if error.sqlstate != CHANGED or last == ATTEMPTS - 1:
                    raise
                self.core.agents.forget(user_id, key)
        raise AssertionError("unreachable")  # pragma: no cover

    async def _known(
        self, user_id: int, key: AgentKey, require: Callable[[Agent], None] | None, to_write: bool
    ) -> Agent | None:
        """Return the agent that acts, as it is remembered if that refuses nothing."""
        agent = await self._found(user_id, key, to_write)
        if agent is None or require is None:
            return agent
        try:
            require(agent)
        except OutsideMandate:
            self.core.agents.forget(user_id, key)
            agent = await self._found(user_id, key, to_write)
            if agent is not None:
                require(agent)
        return agent

    async def _found(self, user_id: int, key: AgentKey, to_write: bool) -> Agent | None:
        """Return the agent that acts, with what its token makes of its mandate."""
        agent = await self.core.agents.find(user_id, key, self.client, to_write=to_write)
        return replace(agent, mode="propose") if agent is not None and self._only_proposes else agent

    async def check(self) -> Caller:
        """Ask whether the caller may act at all, where no operation would; return it, with the agent if it is one.

        Raises:
            TooManyRequests: The user's rate limit is reached, or the user has too many requests at once.
            Unauthenticated: The token was revoked or has expired, or the user is gone.
            Suspended: The user is suspended.
            AgentBlocked: The agent is blocked, or its time is over.
            Unavailable: The database cannot be reached.
        """
        user_id = self.principal.user_id
        await self.count()
        try:
            async with self.core.places.one_of(user_id):
                me = await self._as_agent(Caller._begin)
        except asyncpg.PostgresError as error:
            self._refuse(error.sqlstate)
            raise
        self.core.activity.seen(user_id)
        return me

    async def _begin(self) -> Caller:
        """Let PostgreSQL say whether the caller may act, and return the caller."""
        user_id, token_id = self.principal.user_id, self.principal.token_id
        async with self.core.database.begin(user_id=user_id, token_id=token_id, agent=self.acting, read_only=True):
            return self

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
            self.core.identity.end(self.principal.user_id, self.principal.token_id)
            raise Unauthenticated(presented=True) from None
        if sqlstate == SUSPENDED:
            raise Suspended from None
        if sqlstate == NO_ADMIN:
            raise InsufficientScope("admin") from None
        if sqlstate == BLOCKED:
            raise AgentBlocked from None
        if sqlstate == CHANGED:  # again and again
            raise Unavailable from None

    async def _attempt(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation as the agent that acts, or as the person. Who may not read is shown no row in a refusal."""
        if self.may_read:
            return await self._run(operation, *args, **kwargs)
        try:
            answer = await self._run(operation, *args, **kwargs)
        except TodoError as error:
            error.extra.pop("current", None)
            raise
        for result in answer.results if isinstance(answer, Changed) else ():
            if isinstance(result, TodoError):
                result.extra.pop("current", None)
        return answer

    async def _run(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        user_id, token_id, role = self.principal.user_id, self.principal.token_id, operation.role
        agent = self.acting
        if not operation.for_agents and self.agent_key is not None:
            await self._begin()  # one that may not act at all is told so
            raise NotForAgents
        if operation.snapshot:
            begin = self.core.database.begin(
                user_id=user_id, token_id=token_id, agent=agent, role=role, read_only=True, snapshot=True
            )
            async with begin as transaction:
                return await operation.run(Tx(self, transaction), *args, **kwargs)
        if operation.effect == "reads":
            reader = self.core.database.read(user_id=user_id, token_id=token_id, agent=agent, role=role)
            return await operation.run(Tx(self, reader), *args, **kwargs)
        if agent is None and self.agent_key is not None:  # it is new, and could not be stored: nor can anything else
            raise Unavailable
        if self.dry_run:
            return await self._rehearse(operation, *args, **kwargs)
        return await self._change(operation, *args, **kwargs)

    async def _change(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation that changes something, or propose it, in one transaction, with its record and answer."""
        user_id, token_id, agent = self.principal.user_id, self.principal.token_id, self.acting
        key = None
        if self.idempotency_key is not None:
            key = idempotency.Key(self.idempotency_key, self.agent_id or idempotency.NOBODY)
        begin = self.core.database.begin(
            user_id=user_id, token_id=token_id, agent=agent, role=operation.role, lock=key is None
        )
        async with self.core.writing.one_of(user_id), begin as transaction:
            fingerprint = b""
            if key is not None:
                fingerprint = operation.fingerprint(args, kwargs)
                kept = await idempotency.claim(transaction, self.core.secret, key, fingerprint)
                if kept is not None:
                    return kept  # type: ignore[return-value]  # what an operation that changes returns
            result: Changed[Any]
            if self.proposes:
                result, recorded = await proposing.propose(transaction, self, operation, args, kwargs)
            else:
                result, recorded = await self._write(transaction, operation, *args, **kwargs)
            if key is not None:
                await idempotency.keep(transaction, key, fingerprint, result)
        if recorded is not None:
            self.core.live.changed(user_id, recorded)
            if self.tell_change is not None:
                self.tell_change(recorded.id)
            if self.core.hooks.changed is not None:
                self.core.hooks.changed(operation.name if result.proposal_id is None else proposing.PROPOSED, self.via)
        return result  # type: ignore[return-value]  # what an operation that changes returns

    async def _write(
        self, transaction: Transaction, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> tuple[Changed[Any], Recorded | None]:
        """Run an operation and record what it changed; return its answer, and the change."""
        via = self.via if self.confirmed_by is None else f"{self.via} (confirmed {self.confirmed_by})"
        origin = Origin(operation.name, via, self.client, self.principal.token_id, self.agent_id, self.request_id)
        used = await self.rows_of_day(transaction)
        result = await operation.run(Tx(self, transaction, origin), *args, **kwargs)
        assert isinstance(result, Changed)  # what an operation that changes returns
        if self.principal.agent is not None:
            self.principal.agent.require_rows(used, len(result.touched))
        recorded = await record(transaction, result, origin)
        result.change_id = None if recorded is None else recorded.id
        return result, recorded

    def within(self, transaction: Executor) -> Tx:
        """Return what an operation works with that this caller runs within a transaction, and nothing records."""
        return Tx(self, transaction)

    async def rows_of_day(self, transaction: Transaction) -> int:
        """Count the rows that the agent changed in the last 24 hours, if that is bounded.

        No other write of the person's comes between this and the commit.
        """
        agent = self.principal.agent
        if agent is None or agent.rows_per_day is None:
            return 0
        statement = agent_queries.ROWS_OF_DAY_WITHIN_LISTS if self.has_lists else agent_queries.ROWS_OF_DAY
        used: int = await transaction.value(statement, id=agent.id)
        return used

    async def _rehearse(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an operation for its answer alone: the transaction is rolled back."""
        begin = self.core.database.begin(
            user_id=self.principal.user_id,
            token_id=self.principal.token_id,
            agent=self.acting,
            role=operation.role,
            lock=True,
        )
        result: Changed[Any] | None = None
        with suppress(_RehearsedError):
            async with self.core.writing.one_of(self.principal.user_id), begin as transaction:
                used = await self.rows_of_day(transaction)
                result = cast("Changed[Any]", await operation.run(Tx(self, transaction), *args, **kwargs))
                if self.principal.agent is not None:
                    self.principal.agent.require_rows(used, len(result.touched))
                raise _RehearsedError
        assert result is not None
        return replace(result, secret=None, dry_run=True)  # type: ignore[return-value]  # as above
