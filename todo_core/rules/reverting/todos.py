"""Undo what a change did to todos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from todo_core.boundary.batches import Batch, Patch
from todo_core.boundary.chunks import chunks
from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Changed, Done, Touched
from todo_core.boundary.turns import in_turns
from todo_core.dates import in_zone
from todo_core.errors import TodoError, UndoRefused
from todo_core.models.todos import PRIORITIES, TodoWritten
from todo_core.queries import families
from todo_core.queries.revising import NOW
from todo_core.rules.dues import due_columns, due_of
from todo_core.rules.reverting.earlier import as_meant, is_earlier
from todo_core.rules.reverting.entries import Entries, Entry, require_as_left
from todo_core.rules.reverting.order import Return, put_back
from todo_core.rules.schedules import Calendar
from todo_core.rules.spots import Moved, siblings_of
from todo_core.rules.tagging import ensure_tags
from todo_core.rules.writing import read_todos, write_patches
from todo_core.storage.transactions import Row

_AS_RECORDED: Final = (
    "title",
    "description",
    "list_id",
    "parent_id",
    "start",
    "repeat",
    "completed_at",
    "deleted_at",
    "key",
    "source",
)
"""Fields that are stored as the change record has them."""


async def revert(tx: Tx, entries: Entries) -> Changed[TodoWritten]:
    """Put todos back as they were before a change. One that the change made goes to the trash.

    Raises:
        UndoRefused: A todo changed since, is gone, or does not fit its family or its list any more.
    """
    patches: list[Patch] = []
    tags_made: list[Touched] = []
    moved: dict[int, Moved] = {}
    async for recorded in entries.drain():
        chunk = [as_meant(entry) async for entry in in_turns(recorded)]
        await _require_as_left(tx, chunk)
        chunk_patches, made = await _patches(tx, chunk)
        places = await put_back(tx, {entry.id: _return(entry) for entry in chunk if entry.changed("place")})
        patches += [
            {**patch, **places[patch["id"]].columns} if patch["id"] in places else patch for patch in chunk_patches
        ]
        moved |= {todo_id: place.moved for todo_id, place in places.items()}
        tags_made += made
    results: list[Done | TodoError] = []
    touched: list[Touched] = [*tags_made]
    parts = await _keys_in_order(patches)
    now = await tx.value(NOW) if len(parts) > 1 else None
    for part in parts:
        reverted = await write_patches(tx, Batch(part), trash_too=True, moved=moved, now=now)
        results += reverted.results
        touched += reverted.touched
    await _check_fit(tx, patches)
    return Changed(results, touched)


async def _keys_in_order(patches: Sequence[Patch]) -> list[list[Patch]]:
    """Return patches in the parts in which they are written: no todo gets a key that another one has still.

    An occurrence that a completion made has the key of the completed one. It gives it back on its way to the trash.
    """
    back = {patch["key"] async for patch in in_turns(patches) if patch.get("key") and "is_deleted" not in patch}
    freeing: list[Patch] = []
    others: list[Patch] = []
    async for patch in in_turns(patches):
        gives_back = "is_deleted" in patch and patch.get("key") in back
        part = freeing if gives_back or patch.get("key", "") is None else others
        part.append({**patch, "key": None} if gives_back else patch)
    return [part for part in (freeing, others) if part]


def _return(entry: Entry) -> Return:
    """Return where a todo goes back to. Of some todos the record has only what a change of lists did to them."""
    before = entry.before or {}
    siblings = siblings_of(before["list_id"], before["parent_id"]) if "parent_id" in before else None
    return Return(siblings, before["place"], entry.after["place"])


async def _require_as_left(tx: Tx, entries: Sequence[Entry]) -> None:
    """Check that todos are as a change left them.

    Raises:
        UndoRefused: One is not.
    """
    rows = await read_todos(tx, [entry.id for entry in entries])
    async for entry in in_turns(entries):
        row = rows.get(entry.id)
        require_as_left(entry, None if row is None else _present(row), _is_as_left)


def _present(row: Row) -> dict[str, Any]:
    """Return a todo as it is now, with its place."""
    present: dict[str, Any] = orjson.loads(row["row"])
    return present | {"place": {"number": row["place"]}}


def _is_as_left(present: Mapping[str, Any], entry: Entry) -> bool:
    """Return whether a todo is as a change left it, even if it was different in between.

    Its tags may have other names by now, so they count only where the change was about them. So does its place, which
    the record has of such changes only.
    """
    if "due" in entry.after and not _is_due_as_left(present, entry.after):
        return False
    names = (*_AS_RECORDED, "priority", "place", *(("tags",) if entry.changed("tags") else ()))
    return all(present[name] == entry.after[name] for name in names if name in entry.after)


def _is_due_as_left(present: Mapping[str, Any], recorded: Mapping[str, Any]) -> bool:
    """Return whether a todo has the due that was recorded, whatever the time zone that the user was in.

    What was recorded as a moment, and became a wall-clock time, may be it by either.
    """
    now, then = due_of(present), due_of(recorded)
    if now is None or then is None:
        return now is then
    if is_earlier(recorded) and now.at == then.at:
        return True
    return (now.on, now.time) == (then.on, then.time) and (now.on is not None or now.at == then.at)


async def _patches(tx: Tx, entries: Sequence[Entry]) -> tuple[list[Patch], Sequence[Touched]]:
    """Return the patches of columns that put todos back, and the tags that were made for it."""
    names = {entry.id: entry.before["tags"] for entry in entries if entry.before and entry.changed("tags")}
    tag_ids, made = await ensure_tags(tx, names)
    calendar = await Calendar.of(tx) if any(entry.changed("due") for entry in entries) else None
    return [
        _patch(entry, calendar) | ({"tag_ids": tag_ids[entry.id]} if entry.id in tag_ids else {})
        async for entry in in_turns(entries)
    ], made.touched


def _patch(entry: Entry, calendar: Calendar | None) -> dict[str, Any]:
    """Return the columns that put a todo back: those that the change set. Days and their times are where the user is.

    Args:
        entry: What the change did to the todo.
        calendar: The user's; None only where the change set no due.
    """
    if entry.before is None:
        return {"id": entry.id, "is_deleted": True} | ({"key": key} if (key := entry.after.get("key")) else {})
    columns = {"id": entry.id} | {name: entry.before[name] for name in _AS_RECORDED if entry.changed(name)}
    if entry.changed("priority"):
        columns["priority"] = PRIORITIES.index(entry.before["priority"]) + 1
    if entry.changed("due"):
        due = due_of(entry.before)
        if due is not None and calendar is not None:
            due = in_zone(due, calendar.zone)
        columns |= due_columns(due)
    return columns


async def _check_fit(tx: Tx, patches: Sequence[Patch]) -> None:
    """Check that todos that were put back fit their lists, their parents and their subtasks.

    Raises:
        UndoRefused: One does not, or is too deep.
    """
    for chunk in chunks([patch["id"] for patch in patches]):
        odd = await tx.value(families.INCONSISTENT, ids=list(chunk))
        if odd is not None:
            raise UndoRefused.in_the_way("todo", odd)
    for chunk in chunks([patch["id"] for patch in patches if "parent_id" in patch]):
        too_deep = await tx.value(families.TOO_DEEP, ids=list(chunk))
        if too_deep is not None:
            raise UndoRefused.in_the_way("todo", too_deep)
