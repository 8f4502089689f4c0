"""Keep what an agent would do for a person to decide on: rehearse the call, and keep it with what it would do (SA6).

The call is performed and rolled back, within the transaction that keeps it. What was written down is what is rehearsed,
so that no approval meets another call than the one that was shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import orjson

from todo_core.boundary import calls
from todo_core.boundary.effects import effects_of
from todo_core.boundary.recording import Origin, record
from todo_core.boundary.results import Changed, Proposed, Touched
from todo_core.errors import TooManyProposals
from todo_core.models.proposals import MAX_WAITING, RECORDED, SHOWN
from todo_core.queries import proposals as queries
from todo_core.queries import users
from todo_core.text.json_text import json_text

if TYPE_CHECKING:
    from todo_core.boundary.caller import Caller
    from todo_core.boundary.operation import Operation
    from todo_core.boundary.results import Recorded
    from todo_core.storage.transactions import Transaction

LIFETIME: Final = timedelta(days=7)
"""How long a proposal waits."""
PROPOSED: Final = "proposals.add"
"""What the record calls it: no operation of its own, for any writing one may be proposed."""


async def propose(
    transaction: Transaction,
    caller: Caller,
    operation: Operation[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> tuple[Changed[Any], Recorded | None]:
    """Rehearse a call, and keep it as a proposal; return its answer, and the record's entry of the proposal.

    What would change nothing is answered as a dry run, and not kept.

    Args:
        transaction: The person's, with the lock of the person's writes.
        caller: The agent.
        operation: What it calls.
        args: The positional arguments, without the transaction.
        kwargs: The arguments by name.

    Raises:
        InvalidInput: An item of a batch is refused: a proposal is kept whole, or not at all.
        TooManyProposals: As many of the agent's wait as may.
        TodoError: Whatever the operation raises.
    """
    call = orjson.loads(json_text(calls.written(operation, args, kwargs)))
    arguments = calls.read(operation, call)
    now = caller.core.clock()
    rehearsing = replace(caller, dry_run=True, said_at=now)
    used = await caller.rows_of_day(transaction)
    async with transaction.rehearsal():
        result = await operation.run(rehearsing.within(transaction), **arguments)
        assert isinstance(result, Changed)  # what an operation that changes returns
        calls.require_accepted(operation, result.results)
        shown = await preview(transaction, result.touched)
        effects = await effects_of(transaction, result.touched)
    answer = replace(result, secret=None, dry_run=True)
    if not result.touched:
        return answer, None
    principal = caller.principal
    if caller.agent is not None:
        caller.agent.require_rows(used, len(result.touched))
    if await transaction.value(queries.WAITING, agent_id=caller.agent_id, now=now) >= MAX_WAITING:
        raise TooManyProposals
    proposal_id = await transaction.value(
        queries.KEEP,
        agent_id=caller.agent_id,
        operation=operation.name,
        call=json_text(call),
        now=now,
        said_in=await transaction.value(users.ZONE),
        shown=shown,
        effects=json_text([[*effect] for effect in effects]),
        rows=len(result.touched),
        reason=caller.reason,
        via=caller.via,
        client=caller.client,
        token_id=principal.token_id,
        expires_at=now + LIFETIME,
    )
    row = (await transaction.one(queries.ONE, id=proposal_id, agent_id=None, with_rows=0, now=now))["row"]
    kept: Changed[Any] = Changed([], [Touched("proposal", proposal_id, None, recorded(row))])
    origin = Origin(PROPOSED, caller.via, caller.client, principal.token_id, caller.agent_id, caller.request_id)
    proposal = Proposed(proposal_id, orjson.loads(row)["expires_at"])
    return replace(answer, proposal=proposal), await record(transaction, kept, origin)


def recorded(row: str) -> str:
    """Return what the change record keeps of a proposal: whose it is, what became of it, and nothing of its rows.

    Nor what the agent says: that is for the person alone, and other agents read the record.

    Args:
        row: Its `ProposalRead`.
    """
    read = orjson.loads(row)
    return json_text({name: read[name] for name in RECORDED})


async def preview(transaction: Transaction, rows: Sequence[Touched]) -> str:
    """Return the first of the rows that a write touches as a JSON array of `ChangeEntry`.

    Args:
        transaction: That of the write, before it is rolled back: it tells the titles of todos of which the record keeps
            less than the whole.
        rows: The rows.
    """
    states = [(row, _shown(row.before), _shown(row.after)) for row in rows[:SHOWN]]
    named = {_todo_of(row, after) for row, _, after in states if after is not None and "title" not in after}
    titles = {row["id"]: row["title"] for row in await transaction.rows(queries.TITLES, ids=sorted(named - {None}))}
    entries = [
        {
            "entity": row.entity,
            "id": row.id,
            "title": (after or {}).get("title") or (after or {}).get("name") or titles.get(_todo_of(row, after)),
            "number": number,
            "is_new": before is None,
            "before": before,
            "after": after,
        }
        for number, (row, before, after) in enumerate(states, 1)
    ]
    return json_text(entries)


def _shown(state: str | None) -> dict[str, Any] | None:
    """Return the row in a state: of lists and tags the record has more than that, for undo."""
    if state is None:
        return None
    kept: dict[str, Any] = orjson.loads(state)
    row = kept.get("row")
    return row if isinstance(row, dict) else kept


def _todo_of(row: Touched, after: Mapping[str, Any] | None) -> int | None:
    """Return the id of the todo that a row is, or is a note on; None of others."""
    if row.entity == "note":
        return None if after is None else after.get("todo_id")
    return row.id if row.entity == "todo" else None
