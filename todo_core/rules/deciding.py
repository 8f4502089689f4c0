"""Decide on proposals: perform one as it was called, if it does what was shown, or reject it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import orjson

from todo_core.boundary import calls
from todo_core.boundary.agents import Agent
from todo_core.boundary.caller import Caller
from todo_core.boundary.effects import Effect, differences, effects_of
from todo_core.boundary.operation import Tx, operation_named
from todo_core.boundary.ownership import missing
from todo_core.boundary.proposing import recorded
from todo_core.boundary.recording import Origin
from todo_core.boundary.results import Changed, Done, Recorded, Touched
from todo_core.errors import ProposalDecided, ProposalStale, TodoError
from todo_core.models.proposals import Decision
from todo_core.queries import agents, users
from todo_core.queries import proposals as queries
from todo_core.storage.transactions import Row

LISTED: Final = 20
"""Most rows that a refusal names."""


async def approve_one(tx: Tx, proposal_id: int, note: str | None) -> Changed[Any]:
    """Perform a proposal as it was called, as the agent's change, and return it as it is now.

    Raises:
        NotFound, NotOwner: There is none.
        ProposalDecided: It does not wait any more.
        ProposalStale: It would do something else than was shown, or cannot be done any more.
    """
    proposal = await _to_decide(tx, proposal_id)
    result = await _performed(tx, proposal)
    change = None
    if tx.origin is not None:  # else it is a dry run
        change = await tx.record(result, _origin(tx, proposal))
    row = await _decide(tx, proposal_id, "approved", note, change)
    return Changed([Done(row, before=proposal["row"])], result.touched, recorded=change)


async def reject_one(tx: Tx, proposal_id: int, note: str | None) -> Changed[Any]:
    """Reject a proposal, and return it as it is now.

    Raises:
        NotFound, NotOwner: There is none.
        ProposalDecided: It does not wait any more.
    """
    proposal = await _to_decide(tx, proposal_id)
    row = await _decide(tx, proposal_id, "rejected", note, None)
    touched = Touched("proposal", proposal_id, recorded(proposal["row"]), recorded(row))
    return Changed([Done(row, before=proposal["row"])], [touched])


async def _to_decide(tx: Tx, proposal_id: int) -> Row:
    """Lock a proposal that waits, and return its row."""
    proposal = await tx.row(queries.TO_DECIDE, id=proposal_id, now=tx.core.clock())
    if proposal is None:
        raise (await missing(tx, "proposal", [proposal_id]))[proposal_id]
    if proposal["status"] != "waiting":
        raise ProposalDecided(extra={"proposal_status": proposal["status"]})
    return proposal


async def _decide(tx: Tx, proposal_id: int, decision: Decision, note: str | None, change: Recorded | None) -> str:
    """Write a decision down, and return the proposal as it is read."""
    row = await tx.one(
        queries.DECIDE,
        id=proposal_id,
        now=tx.core.clock(),
        decision=decision,
        decided_by=decided_by(tx.caller),
        note=note,
        change_id=None if change is None else change.id,
    )
    return str(row["row"])


def decided_by(caller: Caller) -> str:
    """Return how a person decides: the transport, and the client if it names itself."""
    return caller.via if caller.client is None else f"{caller.via} ({caller.client})"


def _origin(tx: Tx, proposal: Row) -> Origin:
    """Return where the change of a proposal comes from: whoever proposed it, and who approved it."""
    return Origin(
        proposal["operation"],
        proposal["via"],
        proposal["client"],
        proposal["token_id"],
        proposal["agent_id"],
        tx.caller.request_id,
        proposal_id=proposal["id"],
        approved_by=decided_by(tx.caller),
    )


async def _performed(tx: Tx, proposal: Row) -> Changed[Any]:
    """Perform a proposal as it was called, and compare what that does with what was shown.

    Raises:
        ProposalStale: It is something else, or it is refused.
    """
    operation = operation_named(proposal["operation"])
    if operation is None or not operation.proposable:
        raise ProposalStale("This version of the server does not know any more what was proposed; nothing was changed.")
    if proposal["is_token_gone"]:
        raise ProposalStale("The token of the agent that proposed it was revoked or has expired; nothing was changed.")
    if proposal["is_agent_out"]:
        raise ProposalStale("The agent that proposed it is blocked, or its time is over; nothing was changed.")
    agent = _proposer(proposal)
    proposer = replace(
        tx.caller,
        principal=replace(tx.caller.principal, token_id=proposal["token_id"]),
        agent=agent,
        via=proposal["via"],
        client=proposal["client"],
        idempotency_key=None,
        confirmed=True,  # the person saw what it does
        confirmed_count=None,
        confirmed_by=None,
        said_at=proposal["said_at"],
    )
    try:
        arguments = calls.read(operation, orjson.loads(proposal["call"]))
        agent.require(operation.needed([*arguments.values()]), is_write=False, within_lists=operation.within_lists)
        used = 0 if agent.rows_per_day is None else await tx.value(agents.ROWS_OF_DAY, id=agent.id)
        async with tx.acting_as(agent.acting):
            result = await operation.run(tx.as_called_by(proposer), **arguments)
        calls.require_accepted(operation, result.results)
        agent.require_rows(used, len(result.touched))
    except TodoError as refused:
        raise _refused(refused) from None
    await _require_same(tx, proposal, result)
    return replace(result, secret=None)


def _proposer(proposal: Row) -> Agent:
    """Return the agent that made a proposal, as operations know it."""
    verbs = None if proposal["agent_verbs"] is None else frozenset(proposal["agent_verbs"])
    return Agent(
        proposal["agent_id"],
        proposal["agent_version"],
        verbs,
        proposal["agent_mode"],
        proposal["agent_rows_per_day"],
        lists=None if proposal["agent_lists"] is None else frozenset(orjson.loads(proposal["agent_lists"])),
        own_lists=proposal["agent_own_lists"],
    )


def _refused(refused: TodoError) -> ProposalStale:
    """Return the error for a proposal that is refused by now."""
    reasons = [f"`{error.field}` {error.message}" for error in refused.errors] or [refused.detail]
    detail = f"What was proposed cannot be done any more; nothing was changed. {'; '.join(reasons)}"
    return ProposalStale(detail, extra={"refused_as": refused.code})


async def _require_same(tx: Tx, proposal: Row, result: Changed[Any]) -> None:
    """Refuse a proposal that did something else than was shown."""
    then = [Effect(*effect) for effect in orjson.loads(proposal["effects"])]
    now = await effects_of(tx, result.touched)
    if then == now:
        return
    found = differences(then, now, _titles(orjson.loads(proposal["row"])["entries"], result.touched))
    if not found:
        return
    more = len(found) - LISTED
    extra: dict[str, Any] = {"differences": [one.as_dict() for one in found[:LISTED]]}
    if more > 0:
        extra["more_differences"] = more
    is_elsewhere = await tx.value(users.ZONE) != proposal["said_in"]
    raise ProposalStale(
        "The time zone is another one since, so this would do something else than was shown; nothing was changed."
        if is_elsewhere
        else None,
        extra=extra,
    )


def _titles(entries: Sequence[dict[str, Any]], rows: Sequence[Touched]) -> dict[tuple[str, int | None], str]:
    """Return what rows are called, as `differences` takes it."""
    titles: dict[tuple[str, int | None], str] = {
        (entry["entity"], entry["id"]): entry["title"] for entry in entries if entry["title"] is not None
    }
    for place, row in enumerate(rows, 1):
        after = orjson.loads(row.after)
        title = after.get("title") or after.get("name")
        if title is not None:
            titles[row.entity, -place if row.before is None else row.id] = title
    return titles
