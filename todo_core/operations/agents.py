"""Agents: who acts for the person, and what each may do. For the person alone: no agent may see or change another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from todo_core.boundary.operation import Tx, operation
from todo_core.boundary.ownership import missing
from todo_core.boundary.results import Changed, Done, Found, Page, Touched
from todo_core.errors import InvalidInput, NotForAgents, NotForApps, NotFound, NotOwner, VersionConflict
from todo_core.models.agents import PATCHABLE, AgentPatch, AgentRead
from todo_core.queries import agents as queries
from todo_core.rules.mandates import mandated_lists
from todo_core.storage.statements import Statement
from todo_core.storage.transactions import Row


@operation(effect="reads", scope="profile", raises=(NotForApps, NotForAgents), for_apps=False, for_agents=False)
async def list_(tx: Tx) -> Page[AgentRead]:
    """List the agents that have acted for you, blocked ones too, the one used last first."""
    row = await tx.one(queries.ALL)
    return Page(row["rows"], row["total"], row["total"], None)


@operation(
    effect="reads",
    scope="profile",
    raises=(NotForApps, NotForAgents, NotFound, NotOwner),
    for_apps=False,
    for_agents=False,
)
async def get(tx: Tx, agent_id: int) -> Found[AgentRead]:
    """Read an agent: by what it is known, when it was used, how much it changed, what it may do."""
    row = await tx.row(queries.ONE, id=agent_id)
    if row is None:
        raise (await missing(tx, "agent", [agent_id]))[agent_id]
    return Found(row["row"])


@operation(
    effect="changes",
    proposable=False,
    scope="profile",
    raises=(NotForApps, NotForAgents, NotFound, NotOwner, InvalidInput, VersionConflict),
    for_apps=False,
    for_agents=False,
)
async def update(
    tx: Tx, agent_id: int, patch: AgentPatch, if_version: Sequence[int] | None = None
) -> Changed[AgentRead]:
    """Change what an agent is called, what it may do and until when. What is left out stays.

    It holds at once, for every request that begins, in every process.
    """
    values: dict[str, Any] = {name: patch.get(name) for name in PATCHABLE}
    given = [*patch]
    if "lists" in patch or "own_lists" in patch:
        row = await tx.row(queries.LISTS, id=agent_id)
        if row is None:
            raise (await missing(tx, "agent", [agent_id]))[agent_id]
        known = await mandated_lists(
            tx,
            patch.get("lists", None if row["lists"] is None else orjson.loads(row["lists"])),
            patch.get("own_lists", row["own_lists"] or patch.get("lists") is None),
        )
        values |= known
        given = [*{*given, *known}]
    return await _revised(tx, queries.REVISE, agent_id, if_version, given=given, **values)


@operation(
    effect="changes",
    proposable=False,
    scope="profile",
    raises=(NotForApps, NotForAgents, NotFound, NotOwner),
    destructive=True,
    for_apps=False,
    for_agents=False,
)
async def block(tx: Tx, agent_id: int) -> Changed[AgentRead]:
    """Block an agent: everything that it asks for is refused, at once and in every process, until it is unblocked."""
    return await _revised(tx, queries.BLOCK, agent_id)


@operation(
    effect="changes",
    proposable=False,
    scope="profile",
    raises=(NotForApps, NotForAgents, NotFound, NotOwner),
    for_apps=False,
    for_agents=False,
)
async def unblock(tx: Tx, agent_id: int) -> Changed[AgentRead]:
    """Let a blocked agent in again."""
    return await _revised(tx, queries.UNBLOCK, agent_id)


async def _revised(
    tx: Tx, statement: Statement, agent_id: int, if_version: Sequence[int] | None = None, **values: Any
) -> Changed[AgentRead]:
    """Change an agent by a statement that `queries.agents` makes.

    Raises:
        NotFound, NotOwner: There is no such agent.
        VersionConflict: It has another version than those in `if_version`.
    """
    row: Row | None = await tx.row(statement, id=agent_id, **values)
    if row is None:
        raise (await missing(tx, "agent", [agent_id]))[agent_id]
    if if_version is not None and row["version"] not in if_version:
        raise VersionConflict(extra={"current": orjson.loads(row["before"])})
    touched = [] if row["after"] is None else [Touched("agent", agent_id, row["before"], row["after"])]
    return Changed([Done.of(row["before"], row["after"])], touched)
