"""Write todos: the two statements that do, and what they return as results and as the change record has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from todo_core.boundary.batches import Batch, Patch, accepted_versions
from todo_core.boundary.operation import Tx
from todo_core.boundary.ownership import missing
from todo_core.boundary.results import Changed, Done, Touched
from todo_core.errors import TodoError, VersionConflict
from todo_core.models.todos import TodoWritten
from todo_core.queries import adding, revising
from todo_core.storage.database import Row
from todo_core.text import json_text


async def insert_todos(tx: Tx, items: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Insert todos; return a row for each, in order: its `id`, and its read shape in `after`.

    Args:
        tx: The transaction.
        items: The columns of each, its number `n`, its tags in `tag_ids`, and its parent in `parent_id`, or in
            `parent_n` if that is inserted with it.
    """
    return await tx.rows(adding.ADD, items=json_text(items)) if items else []


async def update_todos(tx: Tx, patches: Sequence[Patch], *, trash_too: bool) -> list[Row]:
    """Update todos; return a row for each patch, in order.

    Args:
        tx: The transaction.
        patches: The columns that change, with the `id` of the todo and, where they change, its tags in `tag_ids`.
        trash_too: Whether todos in the trash are updated.

    Returns:
        `id` (None where there is no such todo), `version`, `before` and `after`: read shapes, `before` and `version`
        as it was, `after` None where nothing changed.
    """
    if not patches:
        return []
    ids = [patch["id"] for patch in patches]
    return await tx.rows(revising.REVISE, items=json_text(patches), ids=ids, trash_too=trash_too)


async def write_patches(tx: Tx, batch: Batch[Patch], *, trash_too: bool = False) -> Changed[TodoWritten]:
    """Update todos by patches of columns, each on its own: nothing follows for its relatives.

    Args:
        tx: The transaction.
        batch: The patches; one may name its todo's versions in `if_version`.
        trash_too: Whether todos in the trash are updated.
    """
    patches = batch.accepted
    rows = await update_todos(tx, patches, trash_too=trash_too)
    pairs = list(zip(patches, rows, strict=True))
    absent = await missing(tx, "todo", [patch["id"] for patch, row in pairs if row["id"] is None])
    results = [absent[patch["id"]] if row["id"] is None else _result(patch, row) for patch, row in pairs]
    return Changed(batch.answer(results), touched(rows))


def _result(patch: Patch, row: Row) -> Done | TodoError:
    """Return the result of a patch whose todo is there."""
    if row["version"] not in accepted_versions(patch, row["version"]):
        return VersionConflict(extra={"current": orjson.loads(row["before"])})
    return updated(row)


def updated(row: Row, *, subtasks: int = 0, following: str | None = None) -> Done:
    """Return the result of a todo that was updated.

    Args:
        row: Its row, as `update_todos` returns it.
        subtasks: How many subtasks changed with it.
        following: The read shape of its next occurrence, if completing it made one.
    """
    if row["after"] is None:
        return _written(row["before"], changed=subtasks > 0, subtasks=subtasks)
    return _written(row["after"], subtasks=subtasks, following=following)


def inserted(row: Row) -> Done:
    """Return the result of a todo that was inserted."""
    return _written(row["after"])


def _written(row: str, *, changed: bool = True, subtasks: int = 0, following: str | None = None) -> Done:
    """Return a result as `TodoWritten` has it."""
    upcoming = None if following is None else orjson.loads(following)
    return Done(row, changed, {"subtasks_changed": subtasks, "next": upcoming})


def touched(rows: Iterable[Row]) -> list[Touched]:
    """Return what changed, as the change record has it, from rows of `insert_todos` or `update_todos`."""
    return [Touched("todo", row["id"], row.get("before"), row["after"]) for row in rows if row["after"] is not None]
