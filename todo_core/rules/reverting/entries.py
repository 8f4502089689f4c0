"""What a change did to each row, and the check that every undo begins with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType
from typing import Any, TypeVar

import orjson

from todo_core.boundary.chunks import chunks
from todo_core.boundary.turns import in_turns
from todo_core.errors import UndoRefused
from todo_core.models.changes import Entity
from todo_core.storage.transactions import Row

State = TypeVar("State")


@dataclass(frozen=True, slots=True)
class Entry:
    """A row that a change touched, as the change record has it (`ChangeEntry`)."""

    entity: Entity
    id: int
    before: dict[str, Any] | None
    """None for a row that the change made."""
    after: dict[str, Any]
    change_id: int = 0
    """The change, which tells the entries of several apart."""

    @classmethod
    def of(cls, row: Row) -> Entry:
        """Parse a row of `queries.reverting.ENTRIES`."""
        before = None if row["before"] is None else orjson.loads(row["before"])
        return cls(row["entity"], row["id"], before, orjson.loads(row["after"]), row["change_id"])

    def changed(self, field: str) -> bool:
        """Return whether the change set a field of a row that was there to another value.

        A field that only one of the two recorded states has does not count: earlier versions recorded the place of
        a todo that was moved and got a note in one change only in the state before.
        """
        before = self.before
        return before is not None and field in before and field in self.after and before[field] != self.after[field]


class Entries:
    """The entries of a change, in its order, as rows whose JSON is parsed while they are iterated over.

    A change may have touched very many rows, and parsed they take several times the memory. `take` and `drain` remove
    the entries that they return.
    """

    def __init__(self, rows: list[Row], names: Mapping[int, Sequence[str]] = MappingProxyType({})) -> None:
        """Take rows of `queries.reverting.ENTRIES`.

        Args:
            rows: The rows.
            names: Of todos the names of their tags as they were before the undo, where that changes tags, too.
        """
        self._rows = rows
        self.names = names
        self.made_tags: frozenset[int] = frozenset()
        """Tags that a change made, beside which it changed others; known while these are put back."""
        self.released: set[int] = set()
        """Those of them that have given up their name for another one, as they go."""

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Entry]:
        return map(Entry.of, self._rows)

    @property
    def ids(self) -> list[int]:
        """The ids of the rows, each once."""
        return [*dict.fromkeys(row["id"] for row in self._rows)]

    @property
    def by_change(self) -> Iterator[list[Entry]]:
        """The entries of each change, in their order."""
        return ([*entries] for _, entries in groupby(self, lambda entry: entry.change_id))

    @property
    def undone_by(self) -> int | None:
        """The id of the change that has undone this one, if any."""
        undone_by: int | None = self._rows[0]["undone_by"]
        return undone_by

    @property
    def entities(self) -> set[Entity]:
        """The kinds of the rows."""
        return {row["entity"] for row in self._rows}

    def of(self, entity: Entity) -> Iterator[Row]:
        """Yield the rows of one kind, as the record has them."""
        return (row for row in self._rows if row["entity"] == entity)

    def take(self, entity: Entity, which: Callable[[Row], bool] | None = None) -> Entries:
        """Remove the entries of one kind of rows, and return them.

        Args:
            entity: The kind.
            which: Only those for which it holds.
        """
        taken: list[Row] = []
        left: list[Row] = []
        for row in self._rows:
            is_taken = row["entity"] == entity and (which is None or which(row))
            (taken if is_taken else left).append(row)
        self._rows = left
        part = Entries(taken, self.names)
        part.made_tags, part.released = self.made_tags, self.released
        return part

    async def drain(self) -> AsyncIterator[list[Entry]]:
        """Remove all entries, and yield them parsed, a chunk at a time."""
        rows, self._rows = self._rows, []
        for chunk in chunks(rows):
            yield [Entry.of(row) async for row in in_turns(chunk)]


def require_as_left(entry: Entry, present: State | None, is_as_left: Callable[[State, Entry], bool]) -> State:
    """Return the row of an entry as it is now.

    Args:
        entry: What a change did to the row.
        present: The row now; None where it is gone.
        is_as_left: Compares the row with the entry's `after`, as far as the undo of its kind cares.

    Raises:
        UndoRefused: The row is gone, or a later change is in the way.
    """
    if present is None or not is_as_left(present, entry):
        raise UndoRefused.in_the_way(entry.entity, entry.id)
    return present
