"""Divide changes that are undone together into runs: changes that one call of the steps reverts as if they were one.

One after the other each change costs some ten statements; a run costs about as many. What is reverted stays the same:
the steps take back the changes of todos in memory, the latest first (`Present`), and choose places one after the other
(`Order`). Changes of notes have no row in common in a run. Alone is what moved a whole list or merged a tag, by which
rows of others are found, and what is of several kinds.
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

MOVES: Final = 50
"""Most moves of a run: around each as many siblings are read as there are moves, for they may all have left."""
_KINDS: Final = {
    "todos": {("todo", False), ("todo", True), ("tag", True)},
    "notes": {("note", False), ("note", True)},
    "lists": {("list", False)},
    "new lists": {("list", True)},
    "tags": {("tag", False)},
    "profile": {("user", False)},
}
"""What runs there are: the rows of their changes, and whether they made them."""
_APART: Final = frozenset({"notes"})
"""Kinds of runs in which no two changes have a row in common."""


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
    together: list[Row] = []
    for change_id, rows in changes:
        if run and not _fit(together, rows):
            yield run
            run, together = [], []
        run.append(change_id)
        together += rows
    if run:
        yield run


def _fit(run: Sequence[Row], rows: Sequence[Row]) -> bool:
    """Return whether a change of these rows is reverted with the changes of a run."""
    kind = _kind(rows)
    if kind is None or kind != _kind(run) or len(run) + len(rows) > CHUNK:
        return False
    if kind in _APART and not {row["id"] for row in run}.isdisjoint(row["id"] for row in rows):
        return False
    return len([row for part in (run, rows) for row in part if row["is_moved"]]) <= MOVES


def _kind(rows: Sequence[Row]) -> str | None:
    """Return what kind of run a change of these rows belongs to; None for a change that is reverted by itself."""
    kinds = {(row["entity"], row["is_new"]) for row in rows}
    if not kinds or any(row["is_swept"] or row["is_merged"] for row in rows):
        return None
    return next((name for name, among in _KINDS.items() if kinds <= among), None)
