"""Divide changes that are undone together into runs: changes that one call of the steps reverts as if they were one.

One after the other each change costs some ten statements; a run costs about as many. What is reverted stays the same:
a run is of changes that follow each other, and that have no row in common, so that no order among them can show. Where
it could, a change is reverted by itself: where it named a list, a tag or the profile otherwise, by which the rows of
others are found, or moved todos, whose places are chosen one after the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from todo_core.boundary.chunks import CHUNK
from todo_core.boundary.operation import Tx
from todo_core.queries import undoing as queries
from todo_core.rules.reverting.choosing import Past
from todo_core.storage.transactions import Row

_NOTES: Final = frozenset({"note"})
_TODOS: Final = frozenset({"todo", "tag"})


async def runs_of(tx: Tx, changes: Sequence[Past]) -> list[list[int]]:
    """Return the ids of changes in runs, in their order.

    Args:
        tx: The transaction.
        changes: The changes, the latest first.
    """
    rows: defaultdict[int, list[Row]] = defaultdict(list)
    if len(changes) > 1:
        for row in await tx.rows(queries.OUTLINE, ids=[change.id for change in changes]):
            rows[row["change_id"]].append(row)
    return [*_divided((change.id, rows[change.id]) for change in changes)]


def _divided(changes: Iterable[tuple[int, Sequence[Row]]]) -> Iterator[list[int]]:
    """Yield the ids of each run.

    Args:
        changes: The id of each change, and the rows that it touched, as `queries.OUTLINE` has them.
    """
    run: list[int] = []
    kinds: frozenset[str] | None = None
    touched: set[tuple[str, int]] = set()
    for change_id, rows in changes:
        own, names = _kinds(rows), {(row["entity"], row["id"]) for row in rows}
        fits = own is not None and own == kinds and names.isdisjoint(touched) and len(touched | names) <= CHUNK
        if run and not fits:
            yield run
            run, touched = [], set()
        run.append(change_id)
        kinds, touched = own, touched | names
    if run:
        yield run


def _kinds(rows: Sequence[Row]) -> frozenset[str] | None:
    """Return the kinds of rows that a run of such changes has; None for a change that is reverted by itself."""
    entities = {row["entity"] for row in rows}
    if entities and entities <= _NOTES:
        return _NOTES
    is_plain = all(not row["is_moved"] and (row["entity"] == "todo" or row["is_new"]) for row in rows)
    return _TODOS if entities and entities <= _TODOS and is_plain else None
