"""Find todos: filtered, ordered, a page at a time."""

from __future__ import annotations

from typing import Any, Final

from todo_core import dates
from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Page
from todo_core.errors import FieldProblem, InvalidInput
from todo_core.models.todos import PRIORITIES, TodoFilter, TodoRead
from todo_core.queries import todos as queries
from todo_core.rules.schedules import Calendar
from todo_core.storage.database import Row
from todo_core.text import json_text, name_key

_BOUNDS: Final = tuple(
    (f"{what}_{side}", read)
    for what in ("due", "created", "updated", "completed")
    for side, read in (("after", dates.lower_bound), ("before", dates.upper_bound))
)
_NAMED: Final = ("list_id", "parent_id", "ids")
"""Filters that name what they want, wherever it is."""


async def find_todos(tx: Tx, wanted: TodoFilter, offset: int = 0) -> Page[TodoRead]:
    """Return a page of todos.

    Raises:
        InvalidInput: It sorts by match without a text, a date is not clear, or the cursor is of another filter.
    """
    sort = wanted.sort or ("created" if wanted.text is None else "match")
    if sort == "match" and wanted.text is None:
        raise InvalidInput(problems=[FieldProblem("sort", "match goes with text; choose another order")])
    descending = (wanted.direction or ("asc" if sort in ("due", "title") else "desc")) == "desc"
    place: dict[str, Any] = {"limit": wanted.limit, "offset": offset, "now": tx.core.clock()}
    if wanted.cursor is not None:
        place["after_key"], place["after_id"] = tx.core.cursors.open(wanted.cursor, _cursor_scope(tx, wanted))

    async def look(calendar: Calendar | None) -> Row:
        given = _conditions(wanted, calendar)
        statement = queries.page(wanted.status, frozenset(given), sort, descending, "after_id" in place)
        values = {"tags" if name.startswith("tags_") else name: value for name, value in given.items()}
        return await tx.one(statement, **values, **place)

    calendar = await Calendar.remembered(tx) if any(getattr(wanted, name) for name, _ in _BOUNDS) else None
    row = await look(calendar)
    if calendar is not None and row["time_zone"] != calendar.zone.key:  # changed, by way of another process
        row = await look(await Calendar.of(tx))
    cursor = tx.core.cursors.make([row["key"], row["id"]], _cursor_scope(tx, wanted)) if row["more"] else None
    return Page(row["rows"], row["total"], wanted.limit, cursor)


def _cursor_scope(tx: Tx, wanted: TodoFilter) -> str:
    """What a cursor belongs to: the user, the filter and the order."""
    asked = wanted.model_dump(exclude={"cursor", "limit", "offset", "detail"}, exclude_defaults=True)
    return json_text([tx.caller.principal.user_id, asked])


def _conditions(wanted: TodoFilter, calendar: Calendar | None) -> dict[str, Any]:
    """The conditions that a filter names, each with its value; a calendar reads its dates."""
    given: dict[str, Any] = {name: value for name in _NAMED if (value := getattr(wanted, name)) is not None}
    if not (given or wanted.archived or wanted.status == "trashed"):
        given["unarchived"] = True
    if wanted.priority is not None:
        given["priority"] = [PRIORITIES.index(word) + 1 for word in wanted.priority]
    if wanted.tags is not None:
        given[f"tags_{wanted.tags_match}"] = sorted({name_key(name) for name in wanted.tags})
    if wanted.text is not None:
        given["text"] = wanted.text
    given |= {name: True for name in ("top_level", "overdue") if getattr(wanted, name)}
    if calendar is not None:
        bounds = [(name, text, read) for name, read in _BOUNDS if (text := getattr(wanted, name)) is not None]
        given |= {name: calendar.bound(name, text, read) for name, text, read in bounds}
    return given
