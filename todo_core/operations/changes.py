"""The record of changes: read it, and undo from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from todo_core.boundary import confirmation
from todo_core.boundary.operation import Tx, operation
from todo_core.boundary.ownership import missing
from todo_core.boundary.results import Changed, Feed, Found
from todo_core.errors import (
    ConfirmationRequired,
    FieldError,
    HistoryDeleted,
    InvalidInput,
    NotFound,
    NotOwner,
    TodoError,
    UndoRefused,
)
from todo_core.models.changes import ChangeFilter, ChangeRead, EntryForm
from todo_core.models.fields import MAX_ID, MAX_PAGE
from todo_core.queries import changes as queries
from todo_core.queries import reverting
from todo_core.rules.reverting.entries import Entries
from todo_core.rules.reverting.steps import can_revert, require_scopes, revert
from todo_core.rules.showing import shown_to


@operation(effect="reads", scope="todos:read", raises=(InvalidInput, HistoryDeleted))
async def list_(tx: Tx, query: ChangeFilter, form: EntryForm = "rows") -> Feed[ChangeRead]:
    """List what changed: by whom, when, before and after, of the rows that your scopes cover.

    With `since`, everything after that change in the order it was committed, nothing missed. Without it, the latest
    first, and with `before` what came before that. `since` in the answer is that of the next call.
    """
    if query.since is None:
        return await _going_back(tx, query, form)
    if query.before is not None:
        raise InvalidInput(
            errors=[
                FieldError("before", "cannot be given together with since; leave one of them out", code="conflicting")
            ]
        )
    shown = shown_to(tx.caller)
    row = await tx.one(queries.SINCE, limit=query.limit, since=query.since, shown=shown, rows=form == "rows")
    if query.since < row["deleted_through"]:
        newest = await tx.value(queries.NEWEST, shown=shown)
        raise HistoryDeleted(max(newest or 0, row["deleted_through"]))
    last = row["highest"] if row["highest"] is not None else query.since
    if row["more"]:
        return Feed(row["rows"], query.limit, True, str(last), last)
    behind_hidden = row["behind_hidden"]
    return Feed(row["rows"], query.limit, False, None, last if behind_hidden is None else behind_hidden)


async def _going_back(tx: Tx, query: ChangeFilter, form: EntryForm) -> Feed[ChangeRead]:
    """Return a page of the changes before `query.before`, or of the latest, newest first."""
    before = MAX_ID if query.before is None else query.before
    row = await tx.one(queries.LATEST, limit=query.limit, before=before, shown=shown_to(tx.caller), rows=form == "rows")
    newest = row["deleted_through"] if row["highest"] is None else row["highest"]
    next_cursor = str(row["lowest"]) if row["more"] else None
    return Feed(row["rows"], query.limit, row["more"], next_cursor, newest if query.before is None else None)


@operation(effect="reads", scope="todos:read", raises=(NotFound, NotOwner))
async def get(tx: Tx, change_id: int, after: int = 0, form: EntryForm = "rows") -> Found[ChangeRead]:
    """Read one change, with the rows it touched before and after that your scopes cover.

    Of one that touched very many it has a part, and `next_entry`, which leads to the next part.
    """
    row = await tx.row(queries.ONE, id=change_id, after=after, shown=shown_to(tx.caller), rows=form == "rows")
    if row is None:
        raise await _absent(tx, change_id)
    return Found(row["row"])


@operation(
    effect="changes",
    scope="todos:write",
    raises=(NotFound, NotOwner, UndoRefused, ConfirmationRequired),
    destructive=True,
)
async def undo(tx: Tx, change_id: int) -> Changed[Any]:
    """Revert a change, a batch as one. What it made goes to the trash.

    It is refused, with the reason, when a later change is in the way; an undo is a change
    like any other, so it can be undone.
    """
    entries = Entries(await tx.rows(reverting.ENTRIES, id=change_id))
    if not entries:
        raise await _absent(tx, change_id)
    is_possible, shown = can_revert(entries), shown_to(tx.caller)
    if not is_possible and not await tx.rows(queries.ONE, id=change_id, after=0, shown=shown, rows=False):
        raise await _absent(tx, change_id)
    require_scopes(tx, entries)
    if (undone_by := entries.undone_by) is not None:
        raise UndoRefused("It is undone already.", extra={"undone_by": undone_by})
    if not is_possible:
        raise UndoRefused("A change to an API token or an account cannot be undone; make the change you want.")
    try:
        reverted = await revert(tx, entries)
    except UndoRefused as refused:
        blocked_by = await tx.value(
            queries.BLOCKING, id=change_id, entity=refused.extra["entity"], entity_id=refused.extra["id"]
        )
        raise UndoRefused(refused.detail, extra=refused.extra | {"blocked_by": blocked_by}) from None
    if confirmation.is_needed(tx):
        await confirmation.confirm(tx, await tx.value(reverting.TO_TRASH, id=change_id))
    more = max(len(reverted.results) - MAX_PAGE, 0)
    return replace(reverted, results=reverted.results[:MAX_PAGE], more_results=more, undoes=change_id)


async def _absent(tx: Tx, change_id: int) -> TodoError:
    """Return the error for a change that the user does not have."""
    error = (await missing(tx, "change", [change_id]))[change_id]
    days = tx.core.settings.history_days
    if isinstance(error, NotFound) and days is not None:
        return NotFound(f"There is no such change, or not any more: changes are kept for {days} days.")
    return error
