"""Undo what a change did to tags."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from todo_core.boundary.chunks import CHUNK, chunks_of_links
from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Changed
from todo_core.errors import UndoRefused
from todo_core.models.tags import TagRead
from todo_core.queries import tags as queries
from todo_core.rules.reverting.entries import Entries, Entry, require_as_left
from todo_core.rules.tagging import TagRevision, exchange_names, merge_links, name_holders, revise_tags
from todo_core.storage.transactions import Row
from todo_core.text import name_key


@dataclass(frozen=True, slots=True)
class _State:
    """A tag as it is, deleted or not."""

    name: str
    is_deleted: bool
    version: int


def was_there(row: Row) -> bool:
    """Return whether a recorded tag was there before the change, deleted or not."""
    return row["before"] is not None


async def revert_changed(tx: Tx, entries: Entries) -> Changed[TagRead]:
    """Put tags back as they were before a change that renamed, merged or deleted them, or before several changes.

    Of several, the latest comes first, and none has merged a tag (`runs`).

    Raises:
        UndoRefused: A tag changed since, its name is another tag's, or the tag it was merged into is gone.
    """
    present = await _states(tx, entries)
    changes = [*entries.by_change]
    await _release_names(tx, entries)
    if len(changes) > 1:
        return await _revert_in_memory(tx, present, changes)
    waiting: dict[int, Entry] = {}
    for entry in entries:
        require_as_left(entry, present.get(entry.id), _is_as_left)
        waiting[entry.id] = entry
    reverted: Changed[TagRead] = Changed([])
    while waiting:
        ready, in_circle = await _ready(tx, waiting)
        revisions = [await _put_back_links(tx, entry, present) for entry in ready]
        part = await exchange_names(tx, revisions, [entry.id for entry in ready] if in_circle else [])
        reverted = Changed([*reverted.results, *part.results], [*reverted.touched, *part.touched])
        for entry in ready:
            del waiting[entry.id]
    return reverted


async def _release_names(tx: Tx, entries: Entries) -> None:
    """Have tags that the same change made, and that go last, give up names that others get back."""
    if entries.made_tags:
        befores = [(entry.id, entry.before or {}) for entry in entries]
        back = [TagRevision(tag_id, before["name"], before["deleted"]) for tag_id, before in befores]
        entries.released |= {*(await name_holders(tx, back)).values()} & entries.made_tags
        await tx.rows(queries.RELEASE_NAMES, ids=sorted(entries.released))


async def _revert_in_memory(
    tx: Tx, present: Mapping[int, _State], changes: Sequence[Sequence[Entry]]
) -> Changed[TagRead]:
    """Put tags back as they were before several changes, each on what the later ones have left."""
    now = {**present}
    names = {name_key((entry.before or {})["name"]) for entries in changes for entry in entries}
    holders = {row["name_key"]: row["id"] for row in await tx.rows(queries.BY_KEYS, keys=sorted(names))}
    for entries in changes:
        for entry in entries:
            state = require_as_left(entry, now.get(entry.id), _is_as_left)
            if holders.get(name_key(state.name)) == entry.id:
                del holders[name_key(state.name)]
        for entry in entries:
            before = entry.before or {}
            now[entry.id] = replace(now[entry.id], name=before["name"], is_deleted=before["deleted"])
            holder = entry.id if before["deleted"] else holders.setdefault(name_key(before["name"]), entry.id)
            if holder != entry.id:
                raise UndoRefused.in_the_way("tag", entry.id, [("tag", holder)])
    revisions = [TagRevision(tag_id, state.name, state.is_deleted) for tag_id, state in now.items()]
    changing = [tag_id for tag_id, state in now.items() if state != present[tag_id]]
    return await exchange_names(tx, revisions, changing)


async def _ready(tx: Tx, waiting: Mapping[int, Entry]) -> tuple[list[Entry], bool]:
    """Return the entries that can be reverted now, and whether they are tags that exchange their names.

    A tag has to wait while another one has its name, or while it is to be deleted and another one is first to be merged
    into it again. If all wait, tags that exchange their names in a circle can be put back together.

    Raises:
        UndoRefused: A name is that of a tag that keeps it, or tags wait for each other in another way.
    """
    befores = {tag_id: entry.before or {} for tag_id, entry in waiting.items()}  # each was there
    names = [TagRevision(tag_id, before["name"], before["deleted"]) for tag_id, before in befores.items()]
    holders = await name_holders(tx, names)
    for tag_id, holder in holders.items():
        if holder not in waiting:
            raise UndoRefused.in_the_way("tag", tag_id, [("tag", holder)])
    into = {(before.get("linked") or {}).get("into") for before in befores.values()}
    free = [tag_id for tag_id in waiting if tag_id not in into or not befores[tag_id]["deleted"]]
    if ready := [tag_id for tag_id in free if tag_id not in holders]:
        return [waiting[tag_id] for tag_id in ready], False
    circle = _circle(holders)
    if not circle or not {*circle} <= {*free}:
        raise UndoRefused.in_the_way("tag", next(iter(waiting)))
    return [waiting[tag_id] for tag_id in circle], True


def _circle(holders: Mapping[int, int]) -> list[int]:
    """Return a circle of tags in which each is to get the name that the next one has; empty if there is none.

    Args:
        holders: By tag, the id of the tag that has the name which it is to get.
    """
    for start in holders:
        line = [start]
        while (other := holders.get(line[-1])) is not None and other not in line:
            line.append(other)
        if other is not None:
            return line[line.index(other) :]
    return []


async def revert_made(tx: Tx, entries: Entries) -> Changed[TagRead]:
    """Delete tags that a change made. Those that have another name by now, or are on a todo outside the trash, stay.

    Raises:
        UndoRefused: One stays, and another one has got its name back.
    """
    present = await _states(tx, entries)
    used = {row["id"] for row in await tx.rows(queries.USED, ids=entries.ids)}
    revisions = [
        TagRevision(entry.id, state.name, deleted=True)
        for entry in entries
        if (state := present.get(entry.id)) is not None and state.name == entry.after["name"] and entry.id not in used
    ]
    for tag_id in entries.released.difference(revision.id for revision in revisions):
        tagged = await tx.value(queries.TAGGED, id=tag_id, into=0)
        raise UndoRefused.in_the_way(
            "tag", tag_id, [("tag", tag_id), *(("todo", todo) for todo in sorted(tagged)[-CHUNK:])]
        )
    return await revise_tags(tx, revisions)


async def _states(tx: Tx, entries: Entries) -> dict[int, _State]:
    """Return the tags as they are now, deleted or not, by id."""
    rows = await tx.rows(queries.STATE, ids=entries.ids)
    return {row["id"]: _State(row["name"], row["is_deleted"], row["version"]) for row in rows}


def _is_as_left(present: _State, entry: Entry) -> bool:
    return (present.name, present.is_deleted) == (entry.after["name"], entry.after["deleted"])


async def _put_back_links(tx: Tx, entry: Entry, together: Collection[int]) -> TagRevision:
    """Put a tag's links to todos back as they were before a change, and return what is left to do for the tag.

    The undo of a merge takes the other tag from the todos that got it; those that have lost it since do not get the
    first one back. Undoing that undo merges once more, with all todos that have the tag now, but for those that the
    undo found without the other one: they had both before the merge, and had lost one of them since.

    Args:
        tx: The transaction.
        entry: What the change did to the tag.
        together: The ids of all tags that are put back.

    Raises:
        UndoRefused: The tag it was merged into is gone, was there when the merge was undone, and is none of these.
    """
    assert entry.before is not None  # a row that was there
    unlinked: Mapping[str, Any] | None = entry.after.get("linked")
    linked: Mapping[str, Any] | None = entry.before.get("linked")
    into_gone, apart = False, list[int]()
    if unlinked is not None:
        into_gone = await tx.row(queries.ONE, id=unlinked["into"]) is None
        for chunk in chunks_of_links(unlinked["todos"]):
            await tx.rows(queries.UNLINK_LOST, id=entry.id, into=unlinked["into"], todos=chunk)
        apart = await tx.value(queries.TAGGED, id=entry.id, into=unlinked["into"])
        for chunk in chunks_of_links(unlinked["todos"]):
            await tx.rows(queries.UNLINK, into=unlinked["into"], todos=chunk)
    if linked is not None:
        is_known = entry.before.get("into_gone") or linked["into"] in together
        if not is_known and await tx.row(queries.ONE, id=linked["into"]) is None:
            raise UndoRefused.in_the_way("tag", linked["into"])
        linked = await merge_links(tx, entry.id, linked["into"], entry.before.get("apart", ()))
    return TagRevision(entry.id, entry.before["name"], entry.before["deleted"], linked, unlinked, into_gone, apart)
