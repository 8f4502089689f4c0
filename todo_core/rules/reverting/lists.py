"""Undo what a change did to lists."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from decimal import Decimal

from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Changed, Done
from todo_core.errors import Conflict, UndoRefused
from todo_core.models.lists import ListRead
from todo_core.queries import lists as queries
from todo_core.rules.lists import Lists, ListState, rows_of
from todo_core.rules.reverting.entries import Entries, Entry, require_as_left
from todo_core.text import name_key


async def revert(tx: Tx, entries: Entries) -> Changed[ListRead]:
    """Put lists back as they were before a change. One that the change made is deleted, if it is empty.

    Raises:
        UndoRefused: A list changed since, its name is another list's, or it has todos in it.
    """
    lists = await Lists.of(tx)
    ids = entries.ids
    rows = await rows_of(tx, ids)
    made = [entry.id for entry in entries if entry.before is None]
    if made and (holds_todos := await tx.value(queries.NONEMPTY, ids=made)):
        raise UndoRefused.in_the_way("list", holds_todos)
    # All are compared first: putting one back may give others shorter positions.
    present = {entry.id: require_as_left(entry, lists.known(entry.id), _is_as_left) for entry in entries}
    for entry in entries:
        try:
            lists.put(_before(lists, present[entry.id], entry, ids))
        except Conflict:
            raise UndoRefused.in_the_way("list", entry.id) from None
    touched = await lists.save(tx)
    rows |= await rows_of(tx, [row.id for row in touched])
    return Changed([Done(rows[row.id]) for row in touched], touched)


def _is_as_left(present: ListState, entry: Entry) -> bool:
    """Return whether a list is as a change left it; a version that was raised since alone does not count."""
    return present.as_recorded() | {"version": entry.after["version"]} == entry.after


def _before(lists: Lists, present: ListState, entry: Entry, moving: Collection[int]) -> ListState:
    """Return a list as it was before a change: deleted, if the change made it.

    Args:
        lists: All lists.
        present: The list as it is now.
        entry: What the change did to it.
        moving: The lists of the change.
    """
    if entry.before is None:
        return replace(present, is_deleted=True)
    return replace(
        present,
        **{name: entry.before[name] for name in ("name", "colour", "is_archived", "is_deleted")},
        name_key=name_key(entry.before["name"]),
        position=lists.free_position(Decimal(entry.before["position"]), entry.id, moving),
    )
