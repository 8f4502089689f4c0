"""The next occurrence of a repeating todo, made when one is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import orjson

from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Touched
from todo_core.models.todos import PRIORITIES
from todo_core.queries import revisions as queries
from todo_core.recurrence import Repeat
from todo_core.rules import tagging
from todo_core.rules.families import ENTITY, Family
from todo_core.rules.schedules import Calendar, Local, due_columns, due_of
from todo_core.text import json_text

Row = Mapping[str, Any]
"""A todo's read shape."""


async def next_occurrences(
    tx: Tx, done: Sequence[Row], family: Family, calendar: Calendar | None
) -> tuple[dict[int, str], list[Touched]]:
    """Make the next occurrence of each todo, with its subtasks open again, their dates moved by as many days.

    Args:
        tx: The transaction.
        done: Repeating todos that were just completed, as they are now.
        family: Where their subtasks are.
        calendar: Now, where the user is.

    Returns:
        The next occurrence of each todo as JSON, by the id of the one that is done; what was made.
    """
    if not done or calendar is None:
        return {}, []
    # Somebody opened it again and completes it once more: it goes on as it did.
    there = await tx.rows(queries.FOLLOWING, ids=[row["id"] for row in done])
    found = {row["follows_id"]: row["row"] for row in there}
    items: list[dict[str, Any]] = []
    roots: dict[int, int] = {}
    for row in done:
        if row["id"] not in found and (item := _following(calendar, row)) is not None:
            roots[row["id"]] = len(items)
            items += [item, *_subtasks(family, calendar, row, item, len(items))]
    tag_ids, _ = await tagging.ensure_each(tx, {n: item["tags"] for n, item in enumerate(items)})
    new = [_columns(item) | {"n": n, "tag_ids": tag_ids[n]} for n, item in enumerate(items)]
    rows = await tx.rows(queries.ADD, items=json_text(new)) if new else []
    made = [Touched(ENTITY, row["id"], None, row["after"]) for row in rows]
    return found | {todo_id: rows[n]["after"] for todo_id, n in roots.items()}, made


def _following(calendar: Calendar, row: Row) -> dict[str, Any] | None:
    """The next occurrence of a todo, or None after the last one."""
    due = due_of(row)
    assert due is not None  # the database keeps it with a repeat
    following = calendar.following(Repeat.from_json(row["repeat"]), due)
    if following is None:
        return None
    moved = {"by": _day(following.scheduled) - _day(calendar.local(due)), "follows_id": row["id"]}
    return _copy(row) | due_columns(calendar.moment(following.scheduled)) | {"repeat": following.as_json()} | moved


def _subtasks(family: Family, calendar: Calendar, row: Row, item: Row, number: int) -> list[dict[str, Any]]:
    """What is below a todo, for its next occurrence, which has a number in the request."""
    copies: list[dict[str, Any]] = []
    numbers = {row["id"]: number}
    for member in family.below(row["id"]):
        if member.deleted_at is None:
            subtask = orjson.loads(member.row)
            numbers[member.id] = number + 1 + len(copies)
            place = {"parent_id": None, "parent_n": numbers[subtask["parent_id"]]}
            copies.append(_copy(subtask) | place | _moved(calendar, subtask, item["by"]))
    return copies


def _columns(item: Row) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in ("by", "tags")}


def _copy(row: Row) -> dict[str, Any]:
    """A new todo like this one."""
    same = {name: row[name] for name in ("title", "description", "list_id", "parent_id", "tags")}
    return same | {"priority": PRIORITIES.index(row["priority"]) + 1}


def _moved(calendar: Calendar, subtask: Row, by: timedelta) -> dict[str, Any]:
    """The dates of a subtask, as many days later as its parent's."""
    due = due_of(subtask)
    if due is None:
        return {}
    local: Local = calendar.local(due) + by
    columns = due_columns(calendar.moment(local))
    return columns if subtask["repeat"] is None else columns | {"repeat": subtask["repeat"] | {"scheduled": local}}


def _day(local: Local) -> date:
    return local.date() if isinstance(local, datetime) else local
