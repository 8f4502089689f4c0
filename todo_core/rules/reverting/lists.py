"""Undo what a change did to lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Changed, Done
from todo_core.errors import Conflict, UndoRefused
from todo_core.models.lists import ListRead
from todo_core.queries import lists as queries
from todo_core.rules.lists import Lists, ListState, rows_of
from todo_core.text import name_key


async def revert(tx: Tx, entries: Sequence[Mapping[str, Any]]) -> Changed[ListRead]:
    """Put lists back as they were before a change; one that was made is deleted, if nothing is in it.

    Raises:
        UndoRefused: A list changed since, its name is taken, or there are todos in it.
    """
    present = await Lists.of(tx)
    ids = [entry["id"] for entry in entries]
    rows = await rows_of(tx, ids)
    made = [entry["id"] for entry in entries if entry["before"] is None]
    if made and (held := await tx.value(queries.HOLD_TODOS, ids=made)):
        raise UndoRefused.in_the_way("list", held)
    for entry in entries:
        before, after = entry["before"], entry["after"]
        one = present.known(entry["id"])
        if one is None or one.as_recorded() | {"version": after["version"]} != after:
            raise UndoRefused.in_the_way("list", entry["id"])
        try:
            present.put(_as_recorded(present, one, before) if before else replace(one, is_deleted=True))
        except Conflict:
            raise UndoRefused.in_the_way("list", one.id) from None
    touched = await present.save(tx)
    rows |= await rows_of(tx, ids)
    return Changed([Done(rows[one.id]) for one in touched], touched)


def _as_recorded(present: Lists, one: ListState, recorded: Mapping[str, Any]) -> ListState:
    names = ("name", "colour", "is_archived", "is_deleted")
    return replace(
        one,
        **{name: recorded[name] for name in names},
        name_key=name_key(recorded["name"]),
        position=present.free_position(Decimal(recorded["position"]), one.id),
    )
