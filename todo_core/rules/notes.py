"""Add notes to todos: by themselves, and beside other changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import orjson

from todo_core.boundary.batches import Batch, Patch
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Changed, Done, Touched
from todo_core.errors import FieldError, InvalidInput, TodoError
from todo_core.models.notes import MAX_NOTES
from todo_core.models.todos import TodoWritten
from todo_core.queries import notes as queries
from todo_core.rules.revising import revise
from todo_core.rules.spots import place_of, with_place
from todo_core.rules.writing import read_todos
from todo_core.storage.transactions import Row
from todo_core.text.json_text import json_text

_NAMELESS: Final = "an agent"
"""The author of a note whom neither its client nor its token names."""


async def insert_notes(tx: Tx, texts: Mapping[int, str]) -> list[Row]:
    """Add a note to each of some todos; return the rows of `queries.notes.ADD` for those that are there and have room.

    Args:
        tx: The transaction.
        texts: The text of each, by the todo's id.
    """
    if not texts:
        return []
    items = json_text([{"todo_id": todo_id, "text": text} for todo_id, text in texts.items()])
    return await tx.rows(queries.ADD, items=items, ids=[*texts], **_author(tx.caller))


def _author(caller: Caller) -> dict[str, Any]:
    """Return by whom a note is, as parameters of `queries.notes.ADD`: an agent by its name; all null for the person.

    What comes through MCP is an agent's, which says its name there. So is what comes with an API token, which has one,
    and with the token of an app.
    """
    is_agent = caller.via.startswith("mcp") or caller.principal.token_id is not None or caller.principal.is_delegated
    says = caller.client if caller.via.startswith("mcp") else None
    return {
        "author": says,
        "token_id": caller.principal.token_id,
        "otherwise": caller.client or _NAMELESS if is_agent else None,
    }


def no_room(field: str) -> InvalidInput:
    """Return the refusal of a note on a todo that has as many as it can have."""
    message = f"cannot be added: the todo has {MAX_NOTES} notes; add another todo, or use its description"
    return InvalidInput(errors=[FieldError(field, message, code="not_possible")])


def recorded(rows: list[Row]) -> list[Touched]:
    """Return notes that were added, as the change record has them."""
    return [Touched("note", row["id"], None, row["after"]) for row in rows]


async def revise_and_note(tx: Tx, patches: Batch[Patch], *, alone: bool = False) -> Changed[TodoWritten]:
    """Apply each patch to its todo (`revise`), and add the note that it has in `add_note`.

    An item that has a note has changed its todo, though the todo keeps its version: a note is no field of it.

    Args:
        tx: The transaction.
        patches: As `revise` takes them, and `add_note`.
        alone: As `revise` takes it.
    """
    texts = {patch["id"]: patch["add_note"] for patch in patches.accepted if "add_note" in patch}
    if not texts:
        return await revise(tx, patches, alone=alone)
    full = {*await tx.value(queries.FULL, ids=[*texts])}

    def without_note(patch: Patch) -> Patch:
        if "add_note" in patch and patch["id"] in full:
            raise no_room("add_note")
        return {name: value for name, value in patch.items() if name != "add_note"}

    changed = await revise(tx, patches.each(without_note))
    ids = [None if isinstance(result, TodoError) else orjson.loads(result.row)["id"] for result in changed.results]
    rows = await insert_notes(
        tx, {todo_id: texts[todo_id] for todo_id in ids if todo_id is not None and todo_id in texts}
    )
    noted = {todo_id: row["row"] for todo_id, row in (await read_todos(tx, [row["todo_id"] for row in rows])).items()}
    results = [
        replace(result, row=noted[todo_id], changed=True) if isinstance(result, Done) and todo_id in noted else result
        for todo_id, result in zip(ids, changed.results, strict=True)
    ]
    touched = [
        Touched("todo", one.id, one.before, with_place(noted[one.id], place_of(one.after)))
        if one.entity == "todo" and one.id in noted
        else one
        for one in changed.touched
    ]
    return Changed(results, [*touched, *recorded(rows)])
