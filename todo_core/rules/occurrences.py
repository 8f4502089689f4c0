"""The next occurrence of a repeating todo, made when one is done, with its subtasks."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from todo_core.boundary.chunks import chunks
from todo_core.boundary.operation import Tx
from todo_core.boundary.turns import in_turns
from todo_core.models.todos import PRIORITIES
from todo_core.queries import occurrences
from todo_core.recurrence import Repeat
from todo_core.rules.dues import due_columns, due_of
from todo_core.rules.families import Family
from todo_core.rules.schedules import Calendar
from todo_core.rules.series import series_to_go_on
from todo_core.rules.starts import later_start
from todo_core.rules.tagging import ensure_tags
from todo_core.rules.writing import WrittenRow, insert_todos, update_todos

TodoRow = Mapping[str, Any]
"""A todo's read shape."""


@dataclass(slots=True)
class Occurrences:
    """The next occurrences of todos that were completed."""

    rows: dict[int, WrittenRow] = field(default_factory=dict)
    """What was made, by id: the occurrences and their subtasks."""
    copies: dict[int, int] = field(default_factory=dict)
    """The ids of the copies, by the id of the copied todo."""
    nexts: dict[int, int] = field(default_factory=dict)
    """The id of the next occurrence of each completed todo, by that todo's; not of its subtasks."""
    earlier: dict[int, str] = field(default_factory=dict)
    """The read shapes of next occurrences that existed already, by the id of the completed todo."""

    def after(self, todo_id: int) -> str | None:
        """Return the read shape of the occurrence after a completed todo, if there is one."""
        return self.rows[self.nexts[todo_id]]["after"] if todo_id in self.nexts else self.earlier.get(todo_id)


async def next_occurrences(
    tx: Tx,
    completed: Sequence[TodoRow],
    family: Family,
    calendar: Calendar | None,
    written: dict[int, WrittenRow],
    *,
    moments: Mapping[int, datetime],
) -> Occurrences:
    """Make the next occurrence of each todo, with its subtasks open again and their dates moved by as many days.

    Each takes over the key of the todo that it follows. A repeating subtask goes on below it by its own rule. A todo
    that was completed before and reopened has its next occurrence already, and gets no second one.

    Args:
        tx: The transaction.
        completed: Repeating todos that were just completed, as they are now.
        family: The families of these todos, as they are now.
        calendar: The user's; None only where nothing repeats.
        written: The rows that the request has written so far, by id. Those of todos that lose their key are replaced or
            added.
        moments: By id, when todos were completed, for those that the request says were completed earlier.
    """
    if not completed or calendar is None:
        return Occurrences()
    ids = [row["id"] for row in completed]
    subtasks = [subtask for todo_id in ids for subtask in series_to_go_on(family, todo_id)]
    followed = await _followed(tx, [*ids, *subtasks])
    copies = _Copies(family, calendar, frozenset(subtasks) - followed.keys(), moments)
    async for row in in_turns(completed):
        if row["id"] not in followed:
            copies.add(row)
    await _release_keys(tx, [one for one, n in copies.numbers.items() if copies.items[n].get("key")], written)
    rows = await _insert(tx, copies.items)
    made = {todo_id: rows[number]["id"] for todo_id, number in copies.numbers.items()}
    return Occurrences(
        rows={row["id"]: row for row in rows},
        copies=made,
        nexts={todo_id: made[todo_id] for todo_id in ids if todo_id in made},
        earlier={todo_id: followed[todo_id] for todo_id in ids if todo_id in followed},
    )


async def _release_keys(tx: Tx, ids: Sequence[int], written: dict[int, WrittenRow]) -> None:
    """Clear the keys of todos that their next occurrences take over, without raising versions a second time."""
    changed = [todo_id for todo_id in ids if todo_id in written and written[todo_id]["after"] is not None]
    for row in await tx.rows(occurrences.RELEASE_KEYS, ids=changed) if changed else ():
        written[row["id"]] = {**written[row["id"]], "after": row["row"]}
    others = [{"id": todo_id, "key": None} for todo_id in ids if todo_id not in changed]
    written |= {row["id"]: row for row in await update_todos(tx, others, trash_too=True)}


async def _followed(tx: Tx, ids: Sequence[int]) -> dict[int, str]:
    """Return the read shapes of next occurrences that exist, by the id of the todo that they follow."""
    parts = [await tx.rows(occurrences.FOLLOWING, ids=list(chunk)) for chunk in chunks(ids)]
    return {row["follows_id"]: row["row"] for part in parts for row in part}


async def _insert(tx: Tx, copies: Sequence[dict[str, Any]]) -> Sequence[WrittenRow]:
    """Insert copies of todos, which name their tags; return their rows, in order."""
    tag_ids, _ = await ensure_tags(tx, {number: copy["tags"] for number, copy in enumerate(copies)})
    return await insert_todos(
        tx,
        [
            {name: value for name, value in copy.items() if name != "tags"} | {"n": number, "tag_ids": tag_ids[number]}
            for number, copy in enumerate(copies)
        ],
    )


class _Copies:
    """Todos about to be made: next occurrences, each with its subtasks below it."""

    def __init__(
        self, family: Family, calendar: Calendar, series: Container[int], moments: Mapping[int, datetime]
    ) -> None:
        """Begin without any.

        Args:
            family: The families of the todos.
            calendar: The user's.
            series: Subtasks that are the last of their series, which goes on.
            moments: When todos were completed that were not completed right now, by id.
        """
        self.items: list[dict[str, Any]] = []
        """The columns of each, and the names of its tags in `tags`."""
        self.numbers: dict[int, int] = {}
        """Its place among them, from 0, by the id of the todo that it is a copy of."""
        self._family = family
        self._calendar = calendar
        self._series = series
        self._moments = moments

    def add(self, row: TodoRow) -> None:
        """Add the next occurrence of a todo, with its subtasks; nothing after the last one."""
        if (following := self._following(row)) is not None:
            self._append(row, following.dates)
            self._add_subtasks(row["id"], following.moved_by)

    def _add_subtasks(self, parent_id: int, moved_by: timedelta) -> None:
        """Add copies of the subtasks of a todo, at every depth.

        Args:
            parent_id: The todo.
            moved_by: How much later its copy is.
        """
        for member in self._family.children(parent_id):
            if member.deleted_at is not None or member.is_open:  # an open one is still to come, and goes there itself
                continue
            row = orjson.loads(member.row)
            if row["repeat"] is None:
                dates, later = _moved(self._calendar, row, moved_by), moved_by
            elif member.id in self._series and (following := self._following(row)) is not None:
                dates, later = following.dates, following.moved_by
            else:
                continue
            self._append(row, dates | {"parent_id": None, "parent_n": self.numbers[parent_id]})
            self._add_subtasks(member.id, later)

    def _append(self, row: TodoRow, columns: dict[str, Any]) -> None:
        """Append a new, open todo like another, with other dates and perhaps another parent."""
        same = {name: row[name] for name in ("title", "description", "list_id", "parent_id", "source", "tags")}
        self.numbers[row["id"]] = len(self.items)
        kept = {"priority": PRIORITIES.index(row["priority"]) + 1, "place": self._family.member(row["id"]).place}
        self.items.append(same | kept | columns)

    def _following(self, row: TodoRow) -> _Following | None:
        """Return the dates of the occurrence after a todo; None after the last one."""
        due = due_of(row)
        assert due is not None  # the database keeps it with a repeat
        calendar = self._calendar.at(self._moments.get(row["id"]))
        following = calendar.following(Repeat.from_json(row["repeat"]), due)
        if following is None:
            return None
        dates = due_columns(self._calendar.moment(following.scheduled))
        moved_by = self._calendar.days_between(due, following.scheduled)
        series = {"repeat": following.as_json(), "follows_id": row["id"], "key": row["key"]}
        return _Following(dates | later_start(row, moved_by) | series, moved_by)


@dataclass(frozen=True, slots=True)
class _Following:
    """When a todo comes again."""

    dates: dict[str, Any]
    """Its dates, its repeat, its key and what it follows, as columns."""
    moved_by: timedelta
    """How much later than the todo it is, in whole days."""


def _moved(calendar: Calendar, subtask: TodoRow, moved_by: timedelta) -> dict[str, Any]:
    """Return the dates of a subtask that does not repeat, as columns, as many days later."""
    due = due_of(subtask)
    return later_start(subtask, moved_by) | ({} if due is None else due_columns(calendar.later(due, moved_by)))
