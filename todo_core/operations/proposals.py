"""Proposals: read what agents would do, and decide on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from todo_core.boundary.operation import Tx, operation
from todo_core.boundary.ownership import missing
from todo_core.boundary.results import Changed, Done, Feed, Found, Recorded
from todo_core.errors import (
    FieldError,
    InvalidInput,
    NotForAgents,
    NotForApps,
    NotFound,
    NotOwner,
    ProposalDecided,
    ProposalStale,
    TodoError,
)
from todo_core.models.fields import MAX_ID
from todo_core.models.proposals import ProposalQuery, ProposalRead
from todo_core.queries import proposals as queries
from todo_core.rules.deciding import approve_one, reject_one

_DECISIONS = (NotFound, NotOwner, NotForApps, NotForAgents, ProposalDecided)


@operation(effect="reads", scope="todos:read", verbs=("read",), within_lists=True)
async def list_(tx: Tx, query: ProposalQuery) -> Feed[ProposalRead]:
    """List proposals, the newest first: what agents would do, which waits for the person, or was decided.

    An agent sees its own, without the rows, which it was shown when it proposed them.
    """
    mine = None if tx.caller.is_person else tx.caller.agent_id or 0  # 0: new, and could not be stored
    if mine is not None and query.agent_id not in (None, mine):
        return Feed("[]", query.limit, False, None, None)
    row = await tx.one(
        queries.PAGE,
        agent_id=query.agent_id if mine is None else mine,
        status=query.status,
        before=MAX_ID if query.before is None else query.before,
        limit=query.limit,
        with_rows=int(mine is None),
        now=tx.core.clock(),
    )
    return Feed(row["rows"], query.limit, row["more"], str(row["last"]) if row["more"] else None, None)


@operation(effect="reads", scope="todos:read", raises=(NotFound, NotOwner), verbs=("read",), within_lists=True)
async def get(tx: Tx, proposal_id: int) -> Found[ProposalRead]:
    """Read one proposal: the rows that it would touch, before and after, and what became of it."""
    mine = None if tx.caller.is_person else tx.caller.agent_id or 0  # 0: new, and could not be stored
    row = await tx.row(queries.ONE, id=proposal_id, agent_id=mine, with_rows=int(mine is None), now=tx.core.clock())
    if row is None:
        raise (await missing(tx, "proposal", [proposal_id]))[proposal_id]
    return Found(row["row"])


@operation(
    effect="changes",
    scope="todos:write",
    raises=(*_DECISIONS, ProposalStale),
    destructive=True,
    for_apps=False,
    for_agents=False,
    proposable=False,
)
async def approve(tx: Tx, proposal_id: int, note: str | None = None) -> Changed[ProposalRead]:
    """Approve a proposal: it is performed as it was called, as the agent's change, which one undo takes back.

    It is refused, and nothing changes, where it would do something else by now than was shown. No agent may.
    """
    return await approve_one(tx, proposal_id, note)


@operation(
    effect="changes",
    scope="todos:write",
    raises=(*_DECISIONS, ProposalStale, InvalidInput),
    destructive=True,
    for_apps=False,
    for_agents=False,
    proposable=False,
    batch=True,
)
async def approve_several(tx: Tx, ids: Sequence[int], note: str | None = None) -> Changed[ProposalRead]:
    """Approve proposals, in this order, each by itself: one change each.

    One that is refused leaves the others alone.
    """
    return await _each(tx, ids, note, approve_one)


@operation(
    effect="changes",
    scope="todos:write",
    raises=_DECISIONS,
    for_apps=False,
    for_agents=False,
    proposable=False,
)
async def reject(tx: Tx, proposal_id: int, note: str | None = None) -> Changed[ProposalRead]:
    """Reject a proposal, with a note that the agent reads. It stays rejected; the agent may propose it again.

    No agent may.
    """
    return await reject_one(tx, proposal_id, note)


@operation(
    effect="changes",
    scope="todos:write",
    raises=(*_DECISIONS, InvalidInput),
    for_apps=False,
    for_agents=False,
    proposable=False,
    batch=True,
)
async def reject_several(tx: Tx, ids: Sequence[int], note: str | None = None) -> Changed[ProposalRead]:
    """Reject proposals, each by itself, all with the same note. One that is refused leaves the others alone."""
    return await _each(tx, ids, note, reject_one)


async def _each(
    tx: Tx,
    ids: Sequence[int],
    note: str | None,
    decide: Callable[[Tx, int, str | None], Awaitable[Changed[Any]]],
) -> Changed[ProposalRead]:
    """Decide on proposals one after another: a change for each, and the last of these for the answer.

    Raises:
        InvalidInput: One is named twice.
    """
    if repeated := [n for n, proposal_id in enumerate(ids) if proposal_id in ids[:n]]:
        message = "names a proposal that is there already; leave it out"
        raise InvalidInput(errors=[FieldError(f"ids.{n}", message, code="repeated") for n in repeated])
    results: list[Done | TodoError] = []
    last: Recorded | None = None
    for proposal_id in ids:
        try:
            async with tx.part():
                decided = await decide(tx, proposal_id, note)
                if tx.origin is not None:  # else it is a dry run
                    last = await tx.record(decided, tx.origin) or last
            results.append(decided.one())
        except TodoError as refused:
            results.append(refused)
    return Changed(results, recorded=last)
