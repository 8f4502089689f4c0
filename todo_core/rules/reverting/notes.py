"""Undo what a change did to notes: one that it added goes, and one that an undo took away comes back."""

from __future__ import annotations

from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Changed, Done, Touched
from todo_core.errors import UndoRefused
from todo_core.models.notes import NoteRead
from todo_core.queries import notes as queries
from todo_core.rules.reverting.entries import Entries
from todo_core.storage.transactions import Row
from todo_core.text.json_text import json_text


async def revert(tx: Tx, entries: Entries) -> Changed[NoteRead]:
    """Take away the notes that a change added, and add those again that it took away.

    Raises:
        UndoRefused: A note is gone with its todo, or the todo has no room for it any more.
    """
    in_order: list[Row] = []
    async for chunk in entries.drain():
        added = [entry.id for entry in chunk if not entry.after["is_deleted"]]
        removed = [entry.after for entry in chunk if entry.after["is_deleted"]]
        rows = await tx.rows(queries.REMOVE, ids=added) if added else []
        if removed:
            todo_ids = [note["todo_id"] for note in removed]
            rows += await tx.rows(queries.PUT_BACK, items=json_text(removed), ids=todo_ids)
        by_id = {row["id"]: row for row in rows}
        for entry in chunk:
            if entry.id not in by_id:
                raise UndoRefused.in_the_way("note", entry.id)
        in_order += [by_id[entry.id] for entry in chunk]
    touched = [Touched("note", row["id"], row["before"], row["after"]) for row in in_order]
    return Changed([Done(row["row"]) for row in in_order], touched)
