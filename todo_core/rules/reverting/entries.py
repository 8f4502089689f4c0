"""What a change did to each row, and the check that every undo begins with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from todo_core.errors import UndoRefused
from todo_core.models.changes import Entity

State = TypeVar("State")


@dataclass(frozen=True, slots=True)
class Entry:
    """A row that a change touched, as the change record has it (`ChangeEntry`)."""

    entity: Entity
    id: int
    before: dict[str, Any] | None
    """None for a row that the change made."""
    after: dict[str, Any]

    def changed(self, field: str) -> bool:
        """Return whether the change set a field of a row that was there to another value."""
        return self.before is not None and field in self.before and self.before[field] != self.after[field]


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
