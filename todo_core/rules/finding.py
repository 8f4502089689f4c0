"""Find todos: filtered, ordered, a page at a time."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple
from weakref import ReferenceType, ref

from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Page
from todo_core.errors import FieldError, InvalidInput
from todo_core.models.todos import PRIORITIES, Sort, Status, TodoFilter, TodoRead
from todo_core.queries import search, wanted
from todo_core.queries import todos as queries
from todo_core.rules import matches, pages, remembering, totals
from todo_core.rules.schedules import Calendar
from todo_core.storage.transactions import Row
from todo_core.text import name_key
from todo_core.text.json_text import json_text

_BOUNDS: Final = tuple(
    f"{field}_{side}" for field in ("due", "created", "updated", "completed") for side in ("after", "before")
)
"""Filters by a moment."""
_DIRECT: Final = ("list_id", "parent_id", "ids", "key")
"""Filters that point at todos directly; with one of them, archived lists are not left out."""
_NAMING: Final = ("ids", "key", "text")
"""Filters that search for particular todos; with one of them, todos that have not started are not left out."""
_OPEN: Final = ("open", "all")
"""Statuses of which todos that have not started are left out, unless the filter asks for them."""


async def find_todos(tx: Tx, todo_filter: TodoFilter, offset: int = 0) -> Page[TodoRead]:
    """Return a page of todos.

    Args:
        tx: The transaction.
        todo_filter: The filter, the order, the size of the page, and the cursor of the page before.
        offset: How many rows to leave out.

    Raises:
        InvalidInput: It sorts by match without a text, a date is not clear, or the cursor is of another filter.
    """
    order = _order(todo_filter)
    place: dict[str, Any] = {"limit": todo_filter.limit, "offset": offset, "now": tx.core.clock()}
    if todo_filter.cursor is not None:
        place |= _place_of(tx.core.cursors.open(todo_filter.cursor, _cursor_scope(tx, todo_filter)))
    conditions, calendar = await _dated_conditions(tx, todo_filter)
    asked = _Asked.of(tx, todo_filter.status, conditions, order, _on_its_day(place, order, calendar))
    rows: pages.Rows | None = await remembering.unchanged(tx, asked.key)
    if rows is None:
        row = await _read(tx, asked)
        if calendar is not None and not calendar.is_of(row):
            # Another process changed the profile since this one read it: what was remembered is out of date.
            calendar = await Calendar.of(tx)
            conditions = _conditions(todo_filter, calendar)
            asked = _Asked.of(tx, todo_filter.status, conditions, order, _on_its_day(place, order, calendar))
            row = await _read(tx, asked)
        rows = _remembered(tx, asked, row)
    return Page(rows.json, rows.total, todo_filter.limit, _cursor(tx, todo_filter, rows), forms=rows.forms)


def _cursor(tx: Tx, todo_filter: TodoFilter, rows: pages.Rows) -> str | None:
    """Return what leads to the page after some rows; None after the last.

    With a page that is remembered, so is its latest cursor, for the same filter object: REST keeps that of an address
    that it has read (`rest_api.running`).
    """
    if rows.end is None:
        return None
    kept: tuple[ReferenceType[TodoFilter], str] | None = rows.forms.get("cursor")
    if kept is not None and kept[0]() is todo_filter:
        return kept[1]
    cursor = tx.core.cursors.make(rows.end, _cursor_scope(tx, todo_filter))
    rows.forms["cursor"] = ref(todo_filter), cursor
    return cursor


def _place_of(cursor: list[Any]) -> dict[str, Any]:
    """Return the parameters of the place where a page begins, from its cursor.

    Args:
        cursor: The key and the id of the last row; with `sort=pressing` also the end of the day of the first page.
    """
    key, row_id, *tomorrow = cursor
    place = {"after_key": key, "after_id": row_id}
    if tomorrow:
        place["tomorrow"] = datetime.fromisoformat(tomorrow[0])
    return place


def _on_its_day(place: dict[str, Any], order: tuple[Sort, bool], calendar: Calendar | None) -> dict[str, Any]:
    """Return the parameters of a place; of `sort=pressing` with `tomorrow`, the end of the first page's day.

    By another day the rows would be in another order, and a page after midnight would repeat or leave out some.
    """
    if order[0] != "pressing" or calendar is None or "tomorrow" in place:
        return place
    return place | {"tomorrow": calendar.tomorrow}


async def find_nearest(tx: Tx, todo_filter: TodoFilter, text: str) -> Row:
    """Return the todos that match the filter and have the most words of a text (`queries.search.nearest`).

    Args:
        tx: The transaction.
        todo_filter: The filter; its own text does not count.
        text: Words.

    Raises:
        InvalidInput: A date is not clear.
    """
    conditions, _ = await _dated_conditions(tx, todo_filter)
    conditions["text"] = text
    now = tx.core.clock()
    return await tx.one(search.nearest(todo_filter.status, frozenset(conditions)), **_values(conditions), now=now)


def _order(todo_filter: TodoFilter) -> tuple[Sort, bool]:
    """Return what to sort by, and whether it descends.

    Raises:
        InvalidInput: It sorts by match without a text.
    """
    sort = todo_filter.sort or ("created" if todo_filter.text is None else "match")
    if sort == "match" and todo_filter.text is None:
        raise InvalidInput(
            errors=[FieldError("sort", "match goes with text; choose another order", code="conflicting")]
        )
    direction = todo_filter.direction or ("asc" if sort in ("start", "due", "title", "manual") else "desc")
    return sort, direction == "desc"


class _Asked(NamedTuple):
    """What a page is asked for by."""

    status: Status
    conditions: dict[str, Any]
    """The conditions, each with its value."""
    order: tuple[Sort, bool]
    """What to sort by, and whether it descends."""
    place: dict[str, Any]
    """Where the page begins, its size, and the present moment."""
    of_total: totals.Key | None
    key: remembering.Key | None
    """By what its total and the page itself are cached; None where they are not."""

    @classmethod
    def of(
        cls, tx: Tx, status: Status, conditions: dict[str, Any], order: tuple[Sort, bool], place: dict[str, Any]
    ) -> _Asked:
        """Add the keys."""
        of_total = totals.key_of(tx, status, conditions)
        return cls(status, conditions, order, place, of_total, pages.key_of(of_total, order, place))


async def _read(tx: Tx, asked: _Asked) -> Row:
    """Read a page by the statement for what it is asked for by, and cache its total and its matches."""
    conditions, order, place, key = asked.conditions, asked.order, asked.place, asked.of_total
    now = place["now"]
    known = totals.known(tx, key, now)
    if remembering.is_asked_again(tx, asked.key):
        known = known or totals.UNKNOWN
    about = frozenset(conditions) | ({"knows_total"} if known else frozenset())
    best = matches.known(tx, key, order, known, place)
    row = await tx.one(
        queries.page(asked.status, about, *order, "after_id" in place),
        **_values(conditions),
        **place,
        **known,
        **best,
    )
    totals.remember(tx, key, conditions, row, now)
    if row.get("best_ids") is not None and key in tx.core.totals:
        matches.remember(tx, key, order, row, (now, totals.end_of(conditions, row, now)))
    return row


def _remembered(tx: Tx, asked: _Asked, row: Row) -> pages.Rows:
    """Return the rows of a page, and cache them if they are asked for again."""
    end = None
    if row["more"]:
        end = [row["key"], row["id"]]
        if asked.order[0] == "pressing":
            end.append(asked.place["tomorrow"])
    rows, now = pages.Rows(row["rows"], row["total"], end, {}), asked.place["now"]
    span = now, totals.end_of(asked.conditions, row, now)
    remembering.remember(tx, asked.key, rows, row.get("newest_change"), span)
    return rows


def _values(conditions: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of a statement for conditions."""
    return {"tags" if name.startswith("tags_") else name: value for name, value in conditions.items()}


def _cursor_scope(tx: Tx, todo_filter: TodoFilter) -> str:
    """Return what a cursor belongs to: the user, the filter and the order."""
    chosen = todo_filter.model_dump(exclude={"cursor", "limit", "offset", "detail"}, exclude_defaults=True)
    return json_text([tx.caller.principal.user_id, chosen])


async def _dated_conditions(tx: Tx, todo_filter: TodoFilter) -> tuple[dict[str, Any], Calendar | None]:
    """Return the conditions of a filter, and the calendar that its dates were read by; None if it has no dates.

    A date that is not clear by the cached profile is read again by the stored one.

    Raises:
        InvalidInput: A date is not clear.
    """
    needs_today = todo_filter.sort == "pressing" and todo_filter.cursor is None
    if not needs_today and todo_filter.model_fields_set.isdisjoint(_BOUNDS):
        return _conditions(todo_filter, None), None
    calendar = await Calendar.remembered(tx)
    try:
        return _conditions(todo_filter, calendar), calendar
    except InvalidInput:
        calendar = await Calendar.of(tx)
        return _conditions(todo_filter, calendar), calendar


def _conditions(todo_filter: TodoFilter, calendar: Calendar | None) -> dict[str, Any]:
    """Return the conditions of a filter, each with its value.

    Args:
        todo_filter: The filter.
        calendar: Reads the dates; None where there are none.

    Raises:
        InvalidInput: A date is not clear.
    """
    conditions: dict[str, Any] = {name: value for name in _DIRECT if (value := getattr(todo_filter, name)) is not None}
    if todo_filter.archived == "only":
        conditions["archived"] = True
    elif not (conditions or todo_filter.archived == "include" or todo_filter.status == "trashed"):
        conditions["unarchived"] = True
    if todo_filter.priority is not None:
        conditions["priority"] = [PRIORITIES.index(word) + 1 for word in todo_filter.priority]
    if todo_filter.tags is not None:
        conditions[f"tags_{todo_filter.tags_match}"] = sorted({name_key(name) for name in todo_filter.tags})
    if todo_filter.text is not None:
        conditions["text"] = todo_filter.text
    if todo_filter.started is not None:
        conditions["started" if todo_filter.started else "not_started"] = True
    elif todo_filter.status in _OPEN and not conditions.keys() & set(_NAMING):
        conditions["started"] = True
    conditions |= {name: True for name in ("top_level", "overdue", "shows_notes") if getattr(todo_filter, name)}
    having = {name: value for name in wanted.HAVING if (value := getattr(todo_filter, name)) is not None}
    conditions |= {name if value else f"no_{name}": True for name, value in having.items()}
    if calendar is not None:
        bounds = {name: text for name in _BOUNDS if (text := getattr(todo_filter, name)) is not None}
        conditions |= {name: calendar.bound(name, text) for name, text in bounds.items()}
    return conditions
