"""Add and read notes on todos. Nothing changes one; undo takes it away."""

from __future__ import annotations

from typing import Any

from todo_core.boundary.operation import Tx, operation
from todo_core.boundary.ownership import missing
from todo_core.boundary.results import Changed, Done, Page
from todo_core.errors import InvalidInput, NotFound, NotOwner
from todo_core.models.fields import MAX_ID
from todo_core.models.notes import NoteQuery, NoteRead
from todo_core.queries import notes as queries
from todo_core.rules.notes import insert_notes, no_room, recorded
from todo_core.text.json_text import json_text


@operation(
    effect="reads",
    scope="todos:read",
    raises=(NotFound, NotOwner, InvalidInput),
    verbs=("read",),
    within_lists=True,
)
async def list_(tx: Tx, todo_id: int, query: NoteQuery) -> Page[NoteRead]:
    """List the notes on a todo, the newest first, a page at a time."""
    scope = json_text([tx.caller.principal.user_id, "notes", todo_id])
    before = MAX_ID if query.cursor is None else tx.core.cursors.open(query.cursor, scope)[0]
    row = await tx.row(queries.PAGE, id=todo_id, limit=query.limit, before=before)
    if row is None:
        raise (await missing(tx, "todo", [todo_id]))[todo_id]
    cursor = tx.core.cursors.make([row["last"]], scope) if row["more"] else None
    return Page(row["rows"], row["total"], query.limit, cursor)


@operation(
    effect="changes",
    scope="todos:write",
    raises=(NotFound, NotOwner, InvalidInput),
    idempotent=False,
    verbs=("change",),
    within_lists=True,
)
async def add(tx: Tx, todo_id: int, text: str) -> Changed[NoteRead]:
    """Add a note to a todo, with who adds it and when. It stays as it is; undo takes it away.

    The todo keeps its version. It takes up to 1000 notes; one in the trash takes none.
    """
    rows = await insert_notes(tx, {todo_id: text})
    if not rows:
        raise await _refused(tx, todo_id)
    results: list[Any] = [Done(row["row"]) for row in rows]
    return Changed(results, recorded(rows))


async def _refused(tx: Tx, todo_id: int) -> Exception:
    """Return why a todo takes no note."""
    if await tx.row(queries.PAGE, id=todo_id, limit=1, before=MAX_ID) is not None:
        return no_room("text")
    return (await missing(tx, "todo", [todo_id]))[todo_id]
