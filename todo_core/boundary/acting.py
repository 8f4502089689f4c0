"""Find the agent that acts for a person, and have PostgreSQL say whether they may act.

A process caches agents, and a cached one may be out of date. So nobody is refused by the cache alone, and where
PostgreSQL refuses a call because the stored agent differs, the call is tried again with that one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

import asyncpg

from todo_core.boundary.agents import Agent, AgentKey
from todo_core.errors import AgentBlocked, InsufficientScope, OutsideMandate, Suspended, Unauthenticated, Unavailable
from todo_core.log import structlog
from todo_core.storage.database import ATTEMPTS, retried

if TYPE_CHECKING:
    from todo_core.boundary.caller import Caller

R = TypeVar("R")

GONE: Final = "TD401"
SUSPENDED: Final = "TD403"
NO_ADMIN: Final = "TD4AD"
BLOCKED: Final = "TD4AG"
CHANGED: Final = "TD4MA"
"""SQLSTATEs that `require_active` raises; `CHANGED` where the cached agent is out of date."""
ENDED: Final = frozenset({GONE, SUSPENDED, BLOCKED, CHANGED})
"""Those that end a stream of changes: its client has to connect again."""

_log = structlog.get_logger()


async def as_who_acts(
    caller: Caller,
    attempt: Callable[[Caller], Awaitable[R]],
    require: Callable[[Agent], None] | None = None,
    *,
    to_write: bool = False,
) -> R:
    """Run an attempt as the agent that acts, or as the person; again if the agent that it ran with was out of date.

    Args:
        caller: Who calls.
        attempt: Is called with the caller, whose `agent` is set.
        require: Refuses an agent with `OutsideMandate`. A refusal of a cached agent is checked again with the stored
            one: the person may have allowed more since.
        to_write: Whether the attempt may change something.
    """
    key = caller.agent_key
    if key is None:
        return await retried(lambda: attempt(caller))
    for last in range(ATTEMPTS):
        agent = await _allowed(caller, key, require, to_write)
        if agent is not None and caller.told is not None:
            caller.told.acts(agent.id)
        me = caller.acting_by(agent)
        try:
            return await retried(lambda: attempt(me))  # noqa: B023  # it is awaited in this round
        except asyncpg.PostgresError as error:
            if error.sqlstate != CHANGED or last == ATTEMPTS - 1:
                raise
            caller.core.agents.forget(caller.principal.user_id, key)
    raise AssertionError("unreachable")  # pragma: no cover


async def _allowed(
    caller: Caller, key: AgentKey, require: Callable[[Agent], None] | None, to_write: bool
) -> Agent | None:
    """Return the cached agent if `require` passes it, else the stored one.

    Raises:
        OutsideMandate: `require` refuses the stored one, too.
    """
    agent = await _agent(caller, key, to_write)
    if agent is None or require is None:
        return agent
    try:
        require(agent)
    except OutsideMandate:
        caller.core.agents.forget(caller.principal.user_id, key)
        agent = await _agent(caller, key, to_write)
        if agent is not None:
            require(agent)
    return agent


async def _agent(caller: Caller, key: AgentKey, to_write: bool) -> Agent | None:
    """Return the agent, in mode `propose` if its token allows no more; None if it is new and cannot be stored now."""
    agent = await caller.core.agents.find(caller.principal.user_id, key, caller.client, to_write=to_write)
    return replace(agent, mode="propose") if agent is not None and caller.only_proposes else agent


async def begin(caller: Caller) -> Caller:
    """Return the caller if PostgreSQL lets it act at all.

    Raises:
        asyncpg.PostgresError: It does not; `refuse` translates the SQLSTATE.
    """
    principal = caller.principal
    async with caller.core.database.begin(
        user_id=principal.user_id, token_id=principal.token_id, agent=caller.acting, read_only=True
    ):
        return caller


def refuse(caller: Caller, sqlstate: str | None) -> None:
    """Raise the error for a SQLSTATE of `require_active`; do nothing for any other.

    Raises:
        Unauthenticated, Suspended, InsufficientScope, AgentBlocked: The caller may not act.
        Unavailable: The agent was changed at every attempt.
    """
    if sqlstate == GONE:
        _log.info("token_refused", reason="api token revoked or expired, or user gone")
        caller.core.identity.end(caller.principal.user_id, caller.principal.token_id)
        raise Unauthenticated(presented=True) from None
    if sqlstate == SUSPENDED:
        raise Suspended from None
    if sqlstate == NO_ADMIN:
        raise InsufficientScope("admin") from None
    if sqlstate == BLOCKED:
        raise AgentBlocked from None
    if sqlstate == CHANGED:
        raise Unavailable from None
