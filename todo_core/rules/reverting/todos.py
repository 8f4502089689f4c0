"""Undo what a change did to todos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from todo_core.boundary.batches import Batch, Patch
from todo_core.boundary.chunks import chunks
from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Changed, Done, Touched
from todo_core.boundary.turns import in_turns
from todo_core.dates import in_zone
from todo_core.errors import TodoError, UndoRefused
from todo_core.models.todos import PRIORITIES, TodoWritten
from todo_core.queries import families, revising
from todo_core.rules.dues import due_columns, due_of
from todo_core.rules.reverting.earlier import as_meant
from todo_core.rules.reverting.entries import Entries, Entry
from todo_core.rules.reverting.order import Return, put_back
from todo_core.rules.reverting.present import AS_RECORDED, Present, is_retagged
from todo_core.rules.schedules import Calendar
from todo_core.rules.spots import Moved, siblings_of
from todo_core.rules.tagging import ensure_tags
from todo_core.rules.writing import write_patches

_FEW: Final = 50
"""Todos up to which one statement reads and writes them: the time that it takes grows with the square."""


async def revert(tx: Tx, entries: Entries) -> Changed[TodoWritten]:
    """Put todos back as they were before a change, or before several. One that a change made goes to the trash.

    Args:
        tx: The transaction.
        entries: What was done to them, the latest first; of one and the same todo at most `CHUNK`, all in one chunk.

    Raises:
        UndoRefused: A todo changed since, is gone, or does not fit its family or its list any more.
    """
    patches: dict[int, Patch] = {}
    tags_made: list[Touched] = []
    moved: dict[int, Moved] = {}
    async for recorded in entries.drain():
        chunk = [as_meant(entry) async for entry in in_turns(recorded)]
        present = await Present.of(tx, chunk, entries.names)
        async for entry in in_turns(chunk):
            present.take_back(entry)
        made = await _put_back(tx, chunk, patches, entries.names)
        places = await put_back(tx, [(entry.id, _return(entry)) for entry in chunk if entry.changed("place")])
        patches |= {todo_id: {**patches[todo_id], **place.columns} for todo_id, place in places.items()}
        moved |= {todo_id: place.moved for todo_id, place in places.items()}
        tags_made += made
    results: list[Done | TodoError] = []
    touched: list[Touched] = [*tags_made]
    parts = await _keys_in_order([*patches.values()])
    now = await tx.value(revising.NOW) if len(parts) > 1 or len(patches) > _FEW else None
    for part in parts:
        reverted = await write_patches(tx, Batch(part), trash_too=True, moved=moved, now=now)
        results += reverted.results
        touched += reverted.touched
    await _check_fit(tx, [*patches.values()])
    return Changed(results, touched)


async def changed_since(tx: Tx, changes: Mapping[int, Sequence[Entry]]) -> dict[int, UndoRefused]:
    """Return the refusals of those changes whose todos changed since, by the id of the change.

    Args:
        tx: The transaction.
        changes: What each did to todos, by its id, the latest first.
    """
    meant = {change_id: [as_meant(entry) for entry in entries] for change_id, entries in changes.items()}
    present = await Present.of(tx, (entry for entries in meant.values() for entry in entries))
    return present.in_the_way(meant)


async def _keys_in_order(patches: Sequence[Patch]) -> list[list[Patch]]:
    """Divide patches into those that free keys and all others, in the order of writing: a key has one todo at a time.

    An occurrence that a completion made has the key of the completed one. It gives it back on its way to the trash,
    even if that one goes there, too, for the same changes made it.
    """
    holders: dict[str, tuple[bool, int]] = {}
    async for patch in in_turns(patches):
        if key := patch.get("key"):
            claim = "is_deleted" in patch, patch["id"]
            holders[key] = min(claim, holders.get(key, claim))
    freeing: list[Patch] = []
    others: list[Patch] = []
    async for patch in in_turns(patches):
        key = patch.get("key", "")
        gives_back = bool(key) and holders[key] != ("is_deleted" in patch, patch["id"])
        part = freeing if gives_back or key is None else others
        part.append({**patch, "key": None} if gives_back else patch)
    return [part for part in (freeing, others) if part]


def _return(entry: Entry) -> Return:
    """Return the place to which a todo goes back. The record has no siblings of one that moved with its whole list."""
    before = entry.before or {}
    siblings = siblings_of(before["list_id"], before["parent_id"]) if "parent_id" in before else None
    return Return(siblings, before["place"], entry.after["place"])


async def _put_back(
    tx: Tx, entries: Sequence[Entry], patches: dict[int, Patch], shown: Mapping[int, Sequence[str]]
) -> Sequence[Touched]:
    """Extend `patches`, columns by todo id, by what puts todos back; return the tags that had to be made.

    If several changes set a column of a todo, the state before the earliest wins: entries come the latest first.
    """
    tagged = [(n, entry.before) for n, entry in enumerate(entries) if is_retagged(entry, shown)]
    names = {n: before["tags"] for n, before in tagged if before is not None}
    tag_ids, made = await ensure_tags(tx, names)
    calendar = await Calendar.of(tx) if any(entry.changed("due") for entry in entries) else None
    async for n, entry in in_turns(enumerate(entries)):
        patch = {**patches.get(entry.id, {}), **_patch(entry, calendar)}
        if "is_deleted" in patch:
            patch.pop("deleted_at", None)  # the change made the todo: later deletions and restores no longer matter
        patches[entry.id] = patch | ({"tag_ids": tag_ids[n]} if n in tag_ids else {})
    return made.touched


def _patch(entry: Entry, calendar: Calendar | None) -> dict[str, Any]:
    """Return the columns that put a todo back: those that the change set. A due is read in the user's present zone.

    Args:
        entry: What the change did to the todo.
        calendar: The user's; None only where the change set no due.
    """
    if entry.before is None:
        return {"id": entry.id, "is_deleted": True} | ({"key": key} if (key := entry.after.get("key")) else {})
    columns = {"id": entry.id} | {name: entry.before[name] for name in AS_RECORDED if entry.changed(name)}
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
        odd = await tx.row(families.INCONSISTENT, ids=list(chunk))
        if odd is not None:
            others = [("todo", odd["id"]), (odd["entity"], odd["other_id"])]
            raise UndoRefused.in_the_way("todo", odd["id"], others)
    for chunk in chunks([patch["id"] for patch in patches if "parent_id" in patch]):
        too_deep = await tx.value(families.TOO_DEEP, ids=list(chunk))
        if too_deep is not None:
            family = await tx.rows(families.RELATIVES, ids=[too_deep])
            raise UndoRefused.in_the_way("todo", too_deep, [("todo", row["id"]) for row in family])
