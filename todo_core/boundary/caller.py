"""The one boundary between a transport and an operation.

An operation is a plain async function that takes a `Tx`. `Caller.perform` runs it; what is true of every operation
happens there and nowhere else, in this order:

1. rate limit and scope; at most one request at a time under an idempotency key; a place among the user's requests;
2. the agent that acts, if any, and its mandate (`acting`); long work on the input (`Operation.first`);
3. begin; the stored reply, if the key was used before; else the operation, or, for an agent that proposes, its
   rehearsal and the proposal; change record; stored reply; commit (`transacting`);
4. the notification of whoever follows the changes.

The answer leaves after the commit.
"""

from __future__ import annotations

from collections.abc import Collection, Coroutine
from contextlib import nullcontext
from dataclasses import dataclass, fields, replace
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, ParamSpec, Protocol, TypeVar

import asyncpg

from todo_core.boundary import acting, transacting
from todo_core.boundary.agents import Agent, AgentKey
from todo_core.boundary.authentication import Principal
from todo_core.boundary.counters import Budget
from todo_core.boundary.operation import Operation, Tx
from todo_core.boundary.results import Changed
from todo_core.errors import Conflict, InsufficientScope, NotForApps, OutsideMandate
from todo_core.identity.scopes import Scope
from todo_core.models.agents import Verb
from todo_core.queries import agents as agent_queries
from todo_core.storage.roles import Acting
from todo_core.storage.transactions import Executor, Transaction

if TYPE_CHECKING:
    from todo_core.core import Core

P = ParamSpec("P")
R = TypeVar("R")


class Told(Protocol):
    """Is told what becomes of a request, by which a transport answers it and writes its log."""

    def weigh(self) -> int:
        """Return the least cost of the request for the rate limit, by the size of its body."""

    def spent(self, budget: Budget) -> None:
        """Take what an operation left of the user's rate limit."""

    def began(self, operation: str) -> None:
        """Take the name of an operation that begins."""

    def acts(self, agent_id: int) -> None:
        """Take the id of the agent that acts."""

    def changed(self, change_id: int) -> None:
        """Take the id of a change that was committed."""


@dataclass(slots=True, eq=False)
class Caller:
    """A person or an agent whose token was accepted: the only way to run an operation.

    Nobody changes one. It is not frozen all the same: Python takes seven times as long to make one that is, and a
    request makes two.
    """

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
    """Whether to compute the answer and roll everything back."""
    confirmed: bool = True
    """Whether a person agreed to move many todos to the trash; only MCP sets it to False."""
    confirmed_count: int | None = None
    """How many todos the person agreed to move to the trash; None for any number."""
    confirmed_by: str | None = None
    """How the person agreed, for the change record: `in a form`, or `by the agent`, on the agent's word alone."""
    reason: str | None = None
    """The reason that an agent gives for a proposal, in its words."""
    said_at: datetime | None = None
    """The moment by which words such as "tomorrow" are read; None for now. See `rules.schedules.Calendar`."""
    told: Told | None = None
    """Is told what becomes of the request."""
    agent: Agent | None = None
    """The agent that acts, set while `perform` runs; None for the person, and before."""

    @classmethod
    async def authenticated(
        cls,
        core: Core,
        via: str,
        *,
        token: str | None,
        address: str | None = None,
        client: str | None = None,
        request_id: str | None = None,
        told: Told | None = None,
    ) -> Caller:
        """Return the caller that a token names.

        Args:
            core: The core.
            via: The transport.
            token: What the caller presents.
            address: Where the request comes from.
            client: How the client names itself.
            request_id: The id of the request, for the record.
            told: Is told what becomes of the request.

        Raises:
            Unauthenticated: There is no token, or it is not accepted.
            Suspended: The user was deleted for good, and this is a ban.
            TooManyRequests: The address sent too many tokens that were not accepted; or the user keeps sending requests
                although the rate limit was reached.
            Unavailable: The token cannot be checked right now.
        """
        principal = await core.identity.authenticate(token, address, via)
        core.limits.require_restraint(principal.user_id, None if told is None else told.spent)
        return cls(core, principal, via, client, request_id, told=told)

    def acting_by(self, agent: Agent | None) -> Caller:
        """Return this caller with the agent that acts, if there is one."""
        if agent is self.agent:
            return self
        return Caller(*_ALL_BUT_AGENT(self), agent)  # type: ignore[call-arg]  # mypy does not count them

    @property
    def agent_id(self) -> int | None:
        """The agent that calls, once it was found; None for the person."""
        return None if self.agent is None else self.agent.id

    @property
    def proposes(self) -> bool:
        """Whether what it writes waits for the person's approval; known once the agent was found."""
        return self.agent is not None and self.agent.mode == "propose"

    @property
    def agent_key(self) -> AgentKey | None:
        """Return what identifies the agent that acts for the person; None if the person acts.

        Whatever comes through MCP is an agent. If it presents the person's own token, its client name identifies it.
        """
        key = self.principal.agent_key
        if key is None and self.via.startswith("mcp"):
            key = AgentKey.of_program(self.principal.issuer, self.client)
        return key

    @property
    def acting(self) -> Acting | None:
        """Return the agent as `Database.begin` takes it; None for the person."""
        agent = self.agent
        return None if agent is None else agent.acting

    def once(self, key: str | None, *, dry_run: bool = False) -> Caller:
        """Return this caller for a request that happens at most once under `key`, or, as a dry run, not at all."""
        return self if key is None and not dry_run else replace(self, idempotency_key=key, dry_run=dry_run)

    def may(self, scope: Scope | None) -> bool:
        """Return whether the caller's token allows what needs a scope; None needs none.

        A token with `todos:propose` passes for `todos:write`, too: what its agent writes is only proposed.
        """
        scopes = self.principal.scopes
        if scope == "todos:propose":
            return "todos:write" in scopes or scope in scopes
        return scope is None or scope in scopes or (scope == "todos:write" and self.only_proposes)

    @property
    def is_person(self) -> bool:
        """Return whether the person calls, and no agent (`agent` may be None for one that is not stored yet)."""
        return self.agent_key is None

    @property
    def may_read(self) -> bool:
        """Return whether token and mandate allow to read todos."""
        agent = self.agent
        return self.may("todos:read") and (agent is None or agent.verbs is None or "read" in agent.verbs)

    def could(self, operation: Operation[..., Any]) -> bool:
        """Return whether the token allows some call of an operation, and the mandate too, once `agent` is known."""
        agent = self.agent
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

    def _writes(self, operation: Operation[..., Any]) -> bool:
        """Return whether a call would change something, by an operation that cannot be proposed."""
        return operation.effect == "changes" and not self.dry_run and not operation.proposable

    @property
    def has_lists(self) -> bool:
        """Return whether it is an agent that may see some lists only; known once the agent was found."""
        return self.agent is not None and self.agent.lists is not None

    @property
    def sees_all(self) -> bool:
        """Return whether it is the person, or an agent bounded in nothing; known once the agent was found."""
        return self.agent is None or not self.agent.is_bounded

    @property
    def only_proposes(self) -> bool:
        """Return whether the token lets an agent propose, and not write."""
        scopes = self.principal.scopes
        return "todos:propose" in scopes and "todos:write" not in scopes and self.agent_key is not None

    def perform(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
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
        if self.told is not None:
            self.told.began(operation.name)
        perform = self._perform if self.core.hooks.operation is None else self._perform_watched
        return perform(operation, *args, **kwargs)

    async def _perform_watched(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do what `perform` does, within its hook."""
        assert self.core.hooks.operation is not None
        with self.core.hooks.operation(operation.name):
            return await self._perform(operation, *args, **kwargs)

    async def _perform(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do what `perform` does, without calling its hook."""
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
        with nullcontext() if key is None else self.core.running.alone(user_id, self.agent_key, key):
            async with self.core.places.one_of(user_id):
                try:
                    if operation.first is not None:
                        await acting.as_who_acts(self, acting.begin, require, to_write=changes)
                        await operation.first(self, *args, **kwargs)
                    answer = await acting.as_who_acts(
                        self, lambda me: transacting.run(me, operation, *args, **kwargs), require, to_write=changes
                    )
                except asyncpg.PostgresError as error:
                    acting.refuse(self, error.sqlstate)
                    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
                        raise Conflict from error
                    raise
        if isinstance(answer, Changed) and answer.gone is not None:
            self.core.forget(answer.gone)
        if not (isinstance(answer, Changed) and answer.gone == user_id):
            self.core.activity.seen(user_id)
        return answer

    async def check(self) -> Caller:
        """Refuse a caller who may not act at all, where no operation runs that would; return it with its agent, if any.

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
                me = await acting.as_who_acts(self, acting.begin)
        except asyncpg.PostgresError as error:
            acting.refuse(self, error.sqlstate)
            raise
        self.core.activity.seen(user_id)
        return me

    def count(self, cost: int = 1) -> Coroutine[Any, Any, None]:
        """Take the cost of a request from the user's rate limit, also if it runs no operation or is refused before one.

        Raises:
            TooManyRequests: The user's rate limit is reached.
        """
        user_id, told = self.principal.user_id, self.told
        if told is None:
            return self.core.limits.spend(user_id, cost)
        return self.core.limits.spend(user_id, max(cost, told.weigh()), told.spent)

    def within(self, transaction: Executor) -> Tx:
        """Return a `Tx` for an operation within an open transaction, whose changes the boundary does not record."""
        return Tx(self, transaction)

    async def rows_of_day(self, transaction: Transaction) -> int:
        """Return how many rows the agent changed in the last 24 hours; 0 if its mandate does not bound them.

        The transaction holds the lock of the person's writes, so the number stays true until the commit.
        """
        agent = self.agent
        if agent is None or agent.rows_per_day is None:
            return 0
        statement = agent_queries.ROWS_OF_DAY_WITHIN_LISTS if self.has_lists else agent_queries.ROWS_OF_DAY
        used: int = await transaction.value(statement, id=agent.id)
        return used


_ALL_BUT_AGENT: Final = attrgetter(*(field.name for field in fields(Caller) if field.name != "agent"))
"""Returns the fields before the last. `dataclasses.replace` takes several times as long, and every request of an agent
would pay it."""
