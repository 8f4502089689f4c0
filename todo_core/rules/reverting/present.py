"""Take back changes of todos in memory, the latest first, and refuse each that does not find them as it left them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import orjson

from todo_core.boundary.operation import Tx
from todo_core.errors import UndoRefused
from todo_core.rules.dues import due_of
from todo_core.rules.reverting.earlier import is_earlier
from todo_core.rules.reverting.entries import Entry, require_as_left
from todo_core.rules.writing import read_todos
from todo_core.storage.transactions import Row

AS_RECORDED: Final = (
    "title",
    "description",
    "list_id",
    "parent_id",
    "start",
    "repeat",
    "completed_at",
    "deleted_at",
    "key",
    "source",
)
"""Fields that are stored as the change record has them."""
_PUT_BACK: Final = (*AS_RECORDED, "priority", "due", "tags")


class Present:
    """Todos as they are stored, less the changes that were taken back so far."""

    def __init__(self, rows: Mapping[int, dict[str, Any]], names: Mapping[int, Sequence[str]]) -> None:
        self._rows = {todo_id: row | {"tags": names.get(todo_id, row["tags"])} for todo_id, row in rows.items()}
        self._names = names

    @classmethod
    async def of(
        cls, tx: Tx, entries: Iterable[Entry], names: Mapping[int, Sequence[str]] = MappingProxyType({})
    ) -> Present:
        """Read the todos of entries.

        Args:
            tx: The transaction.
            entries: What changes did to them.
            names: The names of tags to compare with, by todo, where they are not those of now (`Entries.names`).
        """
        ids = [*dict.fromkeys(entry.id for entry in entries)]
        return cls({todo_id: _present(row) for todo_id, row in (await read_todos(tx, ids)).items()}, names)

    def take_back(self, entry: Entry) -> None:
        """Put a todo back as it was before a change.

        Raises:
            UndoRefused: It is not as the change left it, or is gone.
        """
        row = self._rows.get(entry.id)
        if row is not None and is_retagged(entry, self._names) and row["tags"] != entry.after["tags"]:
            raise UndoRefused.in_the_way("todo", entry.id, [("todo", entry.id)], tagged=[entry.id])
        row = require_as_left(entry, row, _is_as_left)
        before = entry.before or {}
        self._rows[entry.id] = row | {name: before[name] for name in _PUT_BACK if entry.changed(name)}
        if entry.changed("place"):
            self._rows[entry.id]["place"] = {"number": before["place"]["number"]}

    def in_the_way(self, changes: Mapping[int, Sequence[Entry]]) -> dict[int, UndoRefused]:
        """Take back those changes that can be; return the refusal of each other one, by its id.

        Args:
            changes: What each did to todos, by its id, the latest first.
        """
        refusals: dict[int, UndoRefused] = {}
        for change_id, entries in changes.items():
            left = {entry.id: self._rows[entry.id] for entry in entries if entry.id in self._rows}
            try:
                for entry in entries:
                    self.take_back(entry)
            except UndoRefused as refused:
                self._rows |= left
                refusals[change_id] = refused
        return refusals


def is_retagged(entry: Entry, names: Mapping[int, Sequence[str]]) -> bool:
    """Return whether a change gave a todo other tags. If it renamed tags as well, their names may still be equal.

    Args:
        entry: What the change did to the todo.
        names: As `Entries` has them.
    """
    before = entry.before or {}
    return entry.changed("tags") or (entry.id in names and "tags" in before and "tags" in entry.after)


def _present(row: Row) -> dict[str, Any]:
    """Return a todo as it is now, with its place."""
    present: dict[str, Any] = orjson.loads(row["row"])
    return present | {"place": {"number": row["place"]}}


def _is_as_left(present: Mapping[str, Any], entry: Entry) -> bool:
    """Return whether a todo is as a change left it, even if it was different in between; tags are not compared.

    Its place is compared only if the change moved it: else the record has none.
    """
    if "due" in entry.after and not _is_due_as_left(present, entry.after):
        return False
    names = (*AS_RECORDED, "priority", "place")
    return all(present[name] == entry.after[name] for name in names if name in entry.after)


def _is_due_as_left(present: Mapping[str, Any], recorded: Mapping[str, Any]) -> bool:
    """Return whether a todo has the due that was recorded, whatever time zone the user was in then.

    Of a due that was recorded as a moment and stored as a wall-clock time since, either may be equal.
    """
    now, then = due_of(present), due_of(recorded)
    if now is None or then is None:
        return now is then
    if is_earlier(recorded) and now.at == then.at:
        return True
    return (now.on, now.time) == (then.on, then.time) and (now.on is not None or now.at == then.at)
