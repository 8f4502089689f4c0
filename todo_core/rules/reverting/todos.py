"""Undo what a change did to todos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from todo_core.boundary.batches import Batch
from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Changed
from todo_core.errors import UndoRefused
from todo_core.models.todos import PRIORITIES, TodoWritten
from todo_core.queries import families
from todo_core.queries import todos as queries
from todo_core.rules.schedules import Calendar, due_columns, due_of
from todo_core.rules.tagging import ensure_tags
from todo_core.rules.writing import write_patches

_REVERTED: Final = ("title", "description", "list_id", "parent_id", "repeat", "completed_at", "deleted_at")
"""What an undo puts back as it is recorded."""


async def revert(tx: Tx, entries: Sequence[Mapping[str, Any]]) -> Changed[TodoWritten]:
    """Put todos back as they were before a change; one that was made goes to the trash.

    Raises:
        UndoRefused: A todo changed since, is gone, or would not fit in any more; nothing is reverted then.
    """
    ids = [entry["id"] for entry in entries]
    present = {row["id"]: orjson.loads(row["row"]) for row in await tx.rows(queries.ROWS, ids=ids)}
    for entry in entries:
        if entry["id"] not in present or not _is_as_left(present[entry["id"]], entry):
            raise UndoRefused.in_the_way("todo", entry["id"])
    tagged = {entry["id"]: entry["before"]["tags"] for entry in entries if _changed(entry, "tags")}
    tag_ids, made = await ensure_tags(tx, tagged)
    is_dated = any(entry["before"] is not None and entry["before"].get("due") for entry in entries)
    calendar = await Calendar.of(tx) if is_dated else None
    patches = [_back(entry, calendar) for entry in entries]
    for patch in patches:
        if patch["id"] in tag_ids:
            patch["tag_ids"] = tag_ids[patch["id"]]
    reverted = await write_patches(tx, Batch(patches), trash_too=True)
    if (odd := await tx.value(families.ODD_ONE, ids=ids)) is not None:
        raise UndoRefused.in_the_way("todo", odd)
    moved = [entry["id"] for entry in entries if _changed(entry, "parent_id")]
    if moved and await tx.value(families.TOO_DEEP, ids=moved):
        raise UndoRefused.in_the_way("todo", moved[0])
    return Changed(reverted.results, [*made, *reverted.touched])


def _changed(entry: Mapping[str, Any], field: str) -> bool:
    before, after = entry["before"], entry["after"]
    return before is not None and field in before and before[field] != after[field]


def _is_as_left(row: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    """Whether a todo is as a change left it, whatever came and went in between.

    The names of its tags may be others by now; they count where the change was about them.
    """
    after = entry["after"]
    if "due" in after and _deadline(row) != _deadline(after):
        return False
    names = (*_REVERTED, "priority", *(("tags",) if _changed(entry, "tags") else ()))
    return all(row[name] == after[name] for name in names if name in after)


def _deadline(row: Mapping[str, Any]) -> object:
    """A day, or a moment: what of a deadline does not change with the user's time zone."""
    due = due_of(row)
    return due and (due.on or due.at)


def _back(entry: Mapping[str, Any], calendar: Calendar | None) -> dict[str, Any]:
    """The patch that takes a todo back; a day ends where the user is now."""
    before, row = entry["before"], {"id": entry["id"]}
    if before is None:
        return row | {"is_deleted": True}
    patch = row | {name: before[name] for name in _REVERTED if name in before}
    if "priority" in before:
        patch["priority"] = PRIORITIES.index(before["priority"]) + 1
    if "due" not in before:
        return patch
    due = due_of(before)
    if due is not None and due.on is not None and calendar is not None:
        due = calendar.moment(due.on)
    return patch | due_columns(due)
