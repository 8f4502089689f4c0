"""Undo what a change did to lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Changed, Done
from todo_core.errors import Conflict, UndoRefused
from todo_core.models.lists import ListRead
from todo_core.queries import lists as queries
from todo_core.rules.lists import Lists, ListState, rows_of
from todo_core.rules.reverting.entries import Entries, Entry, require_as_left
from todo_core.storage.transactions import Row
from todo_core.text import name_key


def was_there(entry: Row) -> bool:
    """Return whether a list was there before a change, as the record has it, deleted or not."""
    return entry["before"] is not None


async def revert(tx: Tx, entries: Entries) -> Changed[ListRead]:
    """Put lists back as they were before a change, or several, the latest first. One that it made is deleted, if empty.

    Raises:
        UndoRefused: A list changed since, its name is another list's, or it has todos in it.
    """
    lists = await Lists.of(tx)
    ids = entries.ids
    rows = await rows_of(tx, ids)
    made = [entry.id for entry in entries if entry.before is None]
    if made and (held := await tx.row(queries.NONEMPTY, ids=made)):
        raise UndoRefused.in_the_way("list", held["id"], [("todo", held["todo_id"])])
    for of_change in entries.by_change:
        _put_back(lists, of_change)
    try:
        touched = await lists.save(tx)
    except Conflict:  # with a list that the agent that acts does not see
        raise UndoRefused.in_the_way("list", ids[0]) from None
    after = await rows_of(tx, [row.id for row in touched])
    return Changed([Done(after.get(one.id, rows.get(one.id, "")), before=rows.get(one.id)) for one in touched], touched)


def _put_back(lists: Lists, entries: Sequence[Entry]) -> None:
    """Put lists back as they were before one change, in memory.

    Raises:
        UndoRefused: A list changed since, or its name is another list's.
    """
    # All are compared first, and named last: a name that one gives back may be another's.
    present = {entry.id: require_as_left(entry, lists.known(entry.id), _is_as_left) for entry in entries}
    for entry in entries:
        lists.put_together(_before(present[entry.id], entry))
        if entry.before is not None:
            lists.put_back(entry.id, Decimal(entry.before["position"]), [*present])
    for list_id in present:
        try:
            lists.require_own_name(list_id)
        except Conflict as taken:
            raise UndoRefused.in_the_way("list", list_id, [("list", taken.extra["existing_id"])]) from None


def _is_as_left(present: ListState, entry: Entry) -> bool:
    """Return whether a list is as a change left it; a version that was raised since alone does not count."""
    if Decimal(entry.after["position"]) != present.chosen:  # as text it may have an exponent
        return False
    apart = ("position", "version")
    return all(entry.after[name] == value for name, value in present.as_recorded().items() if name not in apart)


def _before(present: ListState, entry: Entry) -> ListState:
    """Return a list as it was before a change, but for its position: deleted, if the change made it.

    Args:
        present: The list as it is now.
        entry: What the change did to it.
    """
    if entry.before is None:
        return replace(present, is_deleted=True)
    put_back = replace(
        present,
        **{name: entry.before[name] for name in ("name", "colour", "is_archived", "is_deleted")},
        name_key=name_key(entry.before["name"]),
    )
    before, after = _archived_at(entry.before), _archived_at(entry.after)
    return put_back if before == after else replace(put_back, archived_at=before)


def _archived_at(recorded: Mapping[str, Any]) -> datetime | None:
    """Return when a list was archived, as the record shows it; the oldest ones do not."""
    moment = recorded.get("row", {}).get("archived_at")
    return None if moment is None else datetime.fromisoformat(moment)
