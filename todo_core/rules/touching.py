"""Join the writes of one change to the same row into one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import orjson

from todo_core.boundary.results import Touched
from todo_core.boundary.turns import in_turns
from todo_core.rules.spots import place_of, with_place

_COUNTED: Final = frozenset(
    {"row", "version", "updated_at", "open_todos", "all_subtasks", "open_subtasks", "done_subtasks", "note_count"}
)
"""What a row has because of its writes, or shows of other rows. `row` is how it is read, beside what is stored."""


def once_each(touched: Iterable[Touched]) -> list[Touched]:
    """Return each row that was touched once: before the first time, and after the last.

    A note that is what it was is left out: it has no version, and an undo would take it for one that went or came.
    """
    rows: dict[tuple[str, int], Touched] = {}
    for one in touched:
        name = (one.entity, one.id)
        rows[name] = _both(rows[name], one) if name in rows else one
    return [one for one in rows.values() if one.entity != "note" or one.before != one.after]


def _both(first: Touched, last: Touched) -> Touched:
    """Return what two writes of a row did to it together. Its place is recorded of those that moved it (`Moved`)."""
    if first.before is None:
        return Touched(last.entity, last.id, None, with_place(last.after, None))
    before = place_of(first.before) or place_of(last.before)
    after = place_of(last.after) or place_of(first.after)
    return Touched(last.entity, last.id, with_place(first.before, before), with_place(last.after, after))


async def comes_to_nothing(touched: Iterable[Touched]) -> bool:
    """Return whether each row is what it was before, whatever it was in between."""
    async for one in in_turns(touched):
        if one.before is None or _itself(one.before) != _itself(one.after):
            return False
    return True


def _itself(row: str) -> dict[str, Any]:
    """Return what a row is, apart from what is counted. Since when a list is archived is kept as it is read alone."""
    recorded = orjson.loads(row)
    archived_at = recorded.get("row", {}).get("archived_at")
    return {name: value for name, value in recorded.items() if name not in _COUNTED} | {"archived_at": archived_at}
