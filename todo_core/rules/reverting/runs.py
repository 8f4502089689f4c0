"""Divide changes that are undone together into runs: changes that one call of the steps reverts as if they were one.

Undone one by one, each change costs some ten statements; a run costs about as many. The rows end as they would one by
one, if each change could be undone by itself; the states in between are not checked. Within a run the steps take back
the changes of todos in memory, the latest first (`Present`), and choose places one after the other (`Order`). No two
changes of notes in a run touch the same note. A change is a run by itself if it moved the todos of a whole list, merged
a tag, deleted or restored a list, or touched rows of several kinds.

Changes of todos and of lists may alternate: as neither depends on the other, a run of each is open at the same time.
The run of todos ends first, because a list can only be deleted once it is empty.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
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
_BESIDE: Final = {"todos": 0, "lists": 1, "new lists": 1}
"""Kinds of which two runs can be open at the same time: by kind, the number of its run, in the order in which they
end. Kinds with the same number share a run's place, so only one of them is open."""


@dataclass(slots=True)
class _Run:
    """Changes that one call of the steps reverts."""

    kind: str | None = None
    ids: list[int] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def fits(self, kind: str | None, rows: Sequence[Row]) -> bool:
        """Return whether a change of a kind, with the rows that it touched, can join the run."""
        if not self.ids:
            return True
        if kind is None or kind != self.kind or len(self.rows) + len(rows) > CHUNK:
            return False
        if kind in _APART and not {row["id"] for row in self.rows}.isdisjoint(row["id"] for row in rows):
            return False
        return len([row for part in (self.rows, rows) for row in part if row["is_moved"]]) <= MOVES

    def end(self) -> Iterator[list[int]]:
        """Yield the ids of the changes, unless there are none, and begin a new run."""
        if self.ids:
            yield self.ids
        self.kind, self.ids, self.rows = None, [], []


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
    runs = [_Run(), _Run()]
    for change_id, rows in changes:
        kind = _kind(rows)
        place = _BESIDE.get(kind or "", 0)
        for run in runs[: _ending(runs, kind, place, rows)]:
            yield from run.end()
        runs[place].kind = kind
        runs[place].ids.append(change_id)
        runs[place].rows += rows
    for run in runs:
        yield from run.end()


def _ending(runs: Sequence[_Run], kind: str | None, place: int, rows: Sequence[Row]) -> int:
    """Return how many of the runs, counted from the first, end before a change joins the run at `place`."""
    if kind not in _BESIDE or (runs[0].ids and runs[0].kind not in _BESIDE):
        return 0 if not runs[1].ids and runs[0].fits(kind, rows) else 2
    return 0 if runs[place].fits(kind, rows) else place + 1


def _kind(rows: Sequence[Row]) -> str | None:
    """Return the kind of run for a change that touched these rows; None for one that is a run by itself."""
    kinds = {(row["entity"], row["is_new"]) for row in rows}
    if not kinds or any(row["is_swept"] or row["is_merged"] or row["is_gone"] for row in rows):
        return None
    return next((name for name, among in _KINDS.items() if kinds <= among), None)
