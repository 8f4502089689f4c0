"""Keep what an agent would do for a person to decide on: rehearse the call, and keep it with what it would do (SA6).

The call is performed and rolled back, within the transaction that keeps it. What was written down is what is rehearsed,
so that no approval meets another call than the one that was shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
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
    """Rehearse a call and store it as a proposal; return the answer of the call, and the recorded change.

    A call that would change nothing is answered like a dry run and not stored: then there is no change.

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
        token_id=caller.principal.token_id,
        expires_at=now + LIFETIME,
    )
    proposal, change = await _record_kept(transaction, caller, proposal_id, now)
    return replace(answer, proposal=proposal), change


async def _record_kept(
    transaction: Transaction, caller: Caller, proposal_id: int, now: datetime
) -> tuple[Proposed, Recorded | None]:
    """Record that a proposal was kept; return what the agent is told of it, and the change."""
    row = (await transaction.one(queries.ONE, id=proposal_id, agent_id=None, with_rows=0, now=now))["row"]
    kept: Changed[Any] = Changed([], [Touched("proposal", proposal_id, None, recorded(row))])
    token_id = caller.principal.token_id
    origin = Origin(PROPOSED, caller.via, caller.client, token_id, caller.agent_id, caller.request_id)
    return Proposed(proposal_id, orjson.loads(row)["expires_at"]), await record(transaction, kept, origin)


def recorded(row: str) -> str:
    """Return the state of a proposal for the change record, as JSON: the fields `RECORDED` alone.

    Its rows and the agent's reason are for the person alone, and other agents may read the record.

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
    """Return the row that a recorded state shows. Those of lists and tags have it in `row`, beside what undo needs."""
    if state is None:
        return None
    kept: dict[str, Any] = orjson.loads(state)
    row = kept.get("row")
    return row if isinstance(row, dict) else kept


def _todo_of(row: Touched, after: Mapping[str, Any] | None) -> int | None:
    """Return the id of the todo that was touched, or on which a note was; None for rows of another kind."""
    if row.entity == "note":
        return None if after is None else after.get("todo_id")
    return row.id if row.entity == "todo" else None
