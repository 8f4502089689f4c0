"""Join the writes of one change to the same row into one."""

from __future__ import annotations

from collections.abc import Iterable

from todo_core.boundary.results import Touched
from todo_core.rules.spots import place_of, with_place


def once_each(touched: Iterable[Touched]) -> list[Touched]:
    """Return each row that was touched once: before the first time, and after the last."""
    rows: dict[tuple[str, int], Touched] = {}
    for one in touched:
        name = (one.entity, one.id)
        rows[name] = _both(rows[name], one) if name in rows else one
    return [*rows.values()]


def _both(first: Touched, last: Touched) -> Touched:
    """Return what two writes of a row did to it together. Its place is recorded of those that moved it (`Moved`)."""
    if first.before is None:
        return Touched(last.entity, last.id, None, with_place(last.after, None))
    before = place_of(first.before) or place_of(last.before)
    after = place_of(last.after) or place_of(first.after)
    return Touched(last.entity, last.id, with_place(first.before, before), with_place(last.after, after))
