"""The next occurrence of a repeating todo, made when one is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import orjson

from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Touched
from todo_core.boundary.turns import in_turns
from todo_core.models.todos import PRIORITIES
from todo_core.queries import occurrences
from todo_core.recurrence import Repeat
from todo_core.rules.families import Family
from todo_core.rules.schedules import Calendar, Local, due_columns, due_of
from todo_core.rules.tagging import ensure_tags
from todo_core.rules.writing import WrittenRow, insert_todos, touched

TodoRow = Mapping[str, Any]
"""A todo's read shape."""


async def next_occurrences(
    tx: Tx, completed: Sequence[TodoRow], family: Family, calendar: Calendar | None
) -> tuple[dict[int, str], list[Touched]]:
    """Make the next occurrence of each todo, with its subtasks open again and their dates moved by as many days.

    A todo that was completed before and reopened has its next occurrence already: no second one is made.

    Args:
        tx: The transaction.
        completed: Repeating todos that were just completed, as they are now.
        family: The families of these todos.
        calendar: The user's; None only where nothing repeats.

    Returns:
        The next occurrence of each todo as JSON, by the id of the completed one; what was made.
    """
    if not completed or calendar is None:
        return {}, []
    existing = await tx.rows(occurrences.FOLLOWING, ids=[row["id"] for row in completed])
    following = {row["follows_id"]: row["row"] for row in existing}
    copies: list[dict[str, Any]] = []
    numbers: dict[int, int] = {}
    async for row in in_turns(completed):
        if row["id"] not in following and (copy := _following(calendar, row)) is not None:
            numbers[row["id"]] = len(copies)
            copies += [copy, *_subtasks(family, calendar, row, copy["moved_by"], len(copies))]
    rows = await _insert(tx, copies)
    return following | {todo_id: rows[number]["after"] for todo_id, number in numbers.items()}, touched(rows)


async def _insert(tx: Tx, copies: Sequence[dict[str, Any]]) -> Sequence[WrittenRow]:
    """Insert copies of todos, which name their tags; return their rows, in order."""
    tag_ids, _ = await ensure_tags(tx, {number: copy["tags"] for number, copy in enumerate(copies)})
    return await insert_todos(
        tx,
        [
            {name: value for name, value in copy.items() if name not in ("moved_by", "tags")}
            | {"n": number, "tag_ids": tag_ids[number]}
            for number, copy in enumerate(copies)
        ],
    )


def _following(calendar: Calendar, row: TodoRow) -> dict[str, Any] | None:
    """Return the next occurrence of a todo, and in `moved_by` how much later it is; None after the last one."""
    due = due_of(row)
    assert due is not None  # the database keeps it with a repeat
    following = calendar.following(Repeat.from_json(row["repeat"]), due)
    if following is None:
        return None
    moved_by = _day(following.scheduled) - _day(calendar.local(due))
    dates = due_columns(calendar.moment(following.scheduled)) | {"repeat": following.as_json()}
    return _copy(row) | dates | {"moved_by": moved_by, "follows_id": row["id"]}


def _subtasks(
    family: Family, calendar: Calendar, row: TodoRow, moved_by: timedelta, number: int
) -> list[dict[str, Any]]:
    """Return copies of all subtasks of a todo, below its next occurrence.

    Args:
        family: The todo's.
        calendar: The user's.
        row: The todo.
        moved_by: How much later the next occurrence is.
        number: The number of the next occurrence among what is inserted; the copies have those after it.
    """
    copies: list[dict[str, Any]] = []
    numbers = {row["id"]: number}
    for member in family.below(row["id"]):
        if member.deleted_at is None:
            subtask = orjson.loads(member.row)
            numbers[member.id] = number + 1 + len(copies)
            place = {"parent_id": None, "parent_n": numbers[subtask["parent_id"]]}
            copies.append(_copy(subtask) | place | _moved(calendar, subtask, moved_by))
    return copies


def _copy(row: TodoRow) -> dict[str, Any]:
    """Return a new, open todo like another, without dates: its columns, and the names of its tags in `tags`."""
    same = {name: row[name] for name in ("title", "description", "list_id", "parent_id", "tags")}
    return same | {"priority": PRIORITIES.index(row["priority"]) + 1}


def _moved(calendar: Calendar, subtask: TodoRow, moved_by: timedelta) -> dict[str, Any]:
    """Return the dates of a subtask, as columns, as many days later."""
    due = due_of(subtask)
    if due is None:
        return {}
    local: Local = calendar.local(due) + moved_by
    columns = due_columns(calendar.moment(local))
    return columns if subtask["repeat"] is None else columns | {"repeat": subtask["repeat"] | {"scheduled": local}}


def _day(local: Local) -> date:
    return local.date() if isinstance(local, datetime) else local
