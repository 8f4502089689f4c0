"""The record of changes: read it, and undo from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from todo_core.boundary.operation import Tx, operation
from todo_core.boundary.results import Changed, Feed, Found
from todo_core.errors import (
    ConfirmationRequired,
    FieldError,
    HistoryDeleted,
    InvalidInput,
    NotFound,
    NotOwner,
    UndoRefused,
)
from todo_core.models.changes import ChangeFilter, ChangeRead, Entity, EntryForm, UndoChoice
from todo_core.models.fields import MAX_ID
from todo_core.queries import history as queries
from todo_core.rules.history import time_of
from todo_core.rules.reverting.choosing import absence
from todo_core.rules.reverting.undoing import undo_all, undo_one
from todo_core.rules.showing import shown_of, shown_to
from todo_core.storage.statements import Statement


@operation(
    effect="reads",
    scope="todos:read",
    raises=(InvalidInput, HistoryDeleted),
    verbs=("read",),
    within_lists=True,
)
async def list_(tx: Tx, query: ChangeFilter, form: EntryForm = "rows") -> Feed[ChangeRead]:
    """List what changed: by whom, when, before and after, of the rows that your scopes cover.

    With `since`, everything after that change in the order it was committed, nothing missed. Without it, the latest
    first, and with `before` what came before that. `since` in the answer is that of the next call. Time, client,
    agent, kind of row and row narrow it down.
    """
    if query.since is not None and query.before is not None:
        message = "cannot be given together with since; leave one of them out"
        raise InvalidInput(errors=[FieldError("before", message, code="conflicting")])
    time = await time_of(tx, query)
    entity = query.entity or ("todo" if query.entity_id is not None else None)
    shown = shown_to(tx.caller) if entity is None else shown_of(entity, tx.caller)
    asked = {
        "limit": query.limit,
        "shown": shown,
        "rows": form == "rows",
        "made_from": time.begin,
        "made_until": time.end,
        "client": query.client,
        "agent": query.agent,
        "entity": entity,
        "entity_id": query.entity_id,
    }
    latest, later = _statements(query, entity)
    if query.since is None:
        before = MAX_ID if query.before is None else query.before
        row = await tx.one(latest, before=before, **asked)
        newest = row["deleted_through"] if row["highest"] is None else row["highest"]
        next_cursor = str(row["lowest"]) if row["more"] else None
        return Feed(row["rows"], query.limit, row["more"], next_cursor, newest if query.before is None else None)
    row = await tx.one(later, since=query.since, **asked)
    if query.since < row["deleted_through"]:
        newest = await tx.value(queries.NEWEST, shown=shown)
        raise HistoryDeleted(max(newest or 0, row["deleted_through"]))
    # Nothing is between the user's newest change and a higher number, be that of another user or made up.
    newest = max(row["newest"] or 0, row["deleted_through"])
    last = row["highest"] if row["highest"] is not None else min(query.since, newest)
    if row["more"]:
        return Feed(row["rows"], query.limit, True, str(last), last)
    behind_hidden = row["behind_hidden"]
    return Feed(row["rows"], query.limit, False, None, last if behind_hidden is None else behind_hidden)


def _statements(query: ChangeFilter, entity: Entity | None) -> tuple[Statement, Statement]:
    """Return what reads the pages that a filter asks for: newest first, and oldest first.

    Nearly every change touched a todo: those that did are all changes, but for the few others.
    """
    if query.entity_id is not None:
        return queries.LATEST_OF_ROW, queries.SINCE_OF_ROW
    if entity in (None, "todo") and query.agent is not None:
        return queries.LATEST_OF_AGENT, queries.SINCE_OF_AGENT
    if entity in (None, "todo"):
        return queries.LATEST, queries.SINCE
    return queries.LATEST_OF_KIND, queries.SINCE_OF_KIND


@operation(
    effect="reads",
    scope="todos:read",
    raises=(NotFound, NotOwner),
    verbs=("read",),
    within_lists=True,
)
async def get(tx: Tx, change_id: int, after: int = 0, form: EntryForm = "rows") -> Found[ChangeRead]:
    """Read one change, with the rows it touched before and after that your scopes cover.

    Of one that touched very many it has a part, and `next_entry`, which leads to the next part.
    """
    row = await tx.row(queries.ONE, id=change_id, after=after, shown=shown_to(tx.caller), rows=form == "rows")
    if row is None:
        raise (await absence(tx, [change_id]))[change_id]
    return Found(row["row"])


@operation(
    effect="changes",
    scope="todos:write",
    raises=(NotFound, NotOwner, UndoRefused, ConfirmationRequired),
    destructive=True,
    verbs=("add", "complete", "change", "delete"),
    within_lists=True,
)
async def undo(tx: Tx, change_id: int) -> Changed[Any]:
    """Revert a change, a batch as one. What it made goes to the trash.

    It is refused, with the reason, when a later change is in the way; an undo is a change
    like any other, so it can be undone.
    """
    return await undo_one(tx, change_id)


@operation(
    effect="changes",
    scope="todos:write",
    raises=(NotFound, NotOwner, UndoRefused, ConfirmationRequired, InvalidInput),
    destructive=True,
    batch=True,
    weight=50,
    verbs=("add", "complete", "change", "delete"),
    within_lists=True,
)
async def undo_several(tx: Tx, change_ids: Sequence[int], choice: UndoChoice | None = None) -> Changed[Any]:
    """Revert several changes as one, the latest first: by ids, of an agent, of a time, or of these together.

    All of them, or none: it is refused, with each change that cannot be undone and what is in its way (`conflicts`),
    when there is one. With `skip_conflicts` the others are undone, and `skipped` names these. The undo of several is
    one change, so it can be undone as one. An agent takes back sets of its own changes only.
    """
    if not change_ids and (choice is None or not choice.selects):
        message = "is required, or agent, when, made_after or made_before"
        raise InvalidInput(errors=[FieldError("change_ids", message, code="required")])
    if repeated := [n for n, change_id in enumerate(change_ids) if change_id in change_ids[:n]]:
        message = "names a change that is there already; leave it out"
        raise InvalidInput(errors=[FieldError(f"change_ids.{n}", message, code="repeated") for n in repeated])
    return await undo_all(tx, change_ids, choice)
