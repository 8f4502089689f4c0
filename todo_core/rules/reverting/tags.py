"""Undo what a change did to tags."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from todo_core.boundary.chunks import chunks_of_links
from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Changed
from todo_core.errors import UndoRefused
from todo_core.models.tags import TagRead
from todo_core.queries import tags as queries
from todo_core.rules.reverting.entries import Entries, Entry, require_as_left
from todo_core.rules.tagging import TagRevision, merge_links, name_holders, revise_tags
from todo_core.storage.transactions import Row
from todo_core.text import name_key


def was_there(row: Row) -> bool:
    """Return whether a recorded tag was there before the change, deleted or not."""
    return row["before"] is not None


def stays(row: Row) -> bool:
    """Return whether a recorded tag is there once the change is undone."""
    return was_there(row) and not orjson.loads(row["before"])["deleted"]


def come_first(entries: Entries) -> Callable[[Row], bool]:
    """Return which recorded tags go back before the todos: those that stay, and those that have a name of these."""
    names = {name_key(orjson.loads(row["before"])["name"]) for row in entries.of("tag") if stays(row)}
    return lambda row: was_there(row) and (stays(row) or name_key(orjson.loads(row["after"])["name"]) in names)


async def revert_changed(tx: Tx, entries: Entries) -> Changed[TagRead]:
    """Put tags back as they were before a change that renamed, merged or deleted them.

    Raises:
        UndoRefused: A tag changed since, its name is another tag's, or the tag it was merged into is gone.
    """
    present = await _states(tx, entries)
    waiting: dict[int, Entry] = {}
    for entry in entries:
        require_as_left(entry, present.get(entry.id), _is_as_left)
        waiting[entry.id] = entry
    reverted: Changed[TagRead] = Changed([])
    while waiting:
        ready = await _ready(tx, waiting)
        part = await revise_tags(tx, [await _put_back_links(tx, entry) for entry in ready])
        reverted = Changed([*reverted.results, *part.results], [*reverted.touched, *part.touched])
        for entry in ready:
            del waiting[entry.id]
    return reverted


async def _ready(tx: Tx, waiting: Mapping[int, Entry]) -> list[Entry]:
    """Return the entries of the tags that wait for none of the others: to give up a name, or to be there again.

    Raises:
        UndoRefused: A name is that of a tag that keeps it, or two tags are to exchange theirs.
    """
    befores = {tag_id: entry.before or {} for tag_id, entry in waiting.items()}  # each was there
    names = [TagRevision(tag_id, before["name"], before["deleted"]) for tag_id, before in befores.items()]
    holders = await name_holders(tx, names)
    ready = [
        entry
        for tag_id, entry in waiting.items()
        if tag_id not in holders and (befores[tag_id].get("linked") or {}).get("into") not in waiting
    ]
    if not ready or {*holders.values()} - waiting.keys():
        raise UndoRefused.in_the_way("tag", next(iter(holders or waiting)))
    return ready


async def revert_made(tx: Tx, entries: Entries) -> Changed[TagRead]:
    """Delete tags that a change made. Those that were changed since, or are on a todo outside the trash, stay."""
    present = await _states(tx, entries)
    used = {row["id"] for row in await tx.rows(queries.USED, ids=entries.ids)}
    revisions = [
        TagRevision(entry.id, state["name"], deleted=True)
        for entry in entries
        if (state := present.get(entry.id)) is not None
        and state["version"] == entry.after["version"]
        and entry.id not in used
    ]
    return await revise_tags(tx, revisions)


async def _states(tx: Tx, entries: Entries) -> dict[int, Row]:
    """Return the tags as they are now, deleted or not, by id."""
    return {row["id"]: row for row in await tx.rows(queries.STATE, ids=entries.ids)}


def _is_as_left(present: Row, entry: Entry) -> bool:
    return (present["name"], present["is_deleted"]) == (entry.after["name"], entry.after["deleted"])


async def _put_back_links(tx: Tx, entry: Entry) -> TagRevision:
    """Put a tag's links to todos back as they were before a change, and return what is left to do for the tag.

    The undo of a merge takes the other tag from the todos that got it. Undoing that undo merges once more, with all
    todos that have the tag now.

    Raises:
        UndoRefused: The tag it was merged into is gone.
    """
    assert entry.before is not None  # a row that was there
    unlinked: Mapping[str, Any] | None = entry.after.get("linked")
    linked: Mapping[str, Any] | None = entry.before.get("linked")
    if unlinked is not None:
        for chunk in chunks_of_links(unlinked["todos"]):
            await tx.rows(queries.UNLINK, into=unlinked["into"], todos=chunk)
    if linked is not None:
        if await tx.row(queries.ONE, id=linked["into"]) is None:
            raise UndoRefused.in_the_way("tag", linked["into"])
        linked = await merge_links(tx, entry.id, linked["into"])
    return TagRevision(entry.id, entry.before["name"], entry.before["deleted"], linked, unlinked)
