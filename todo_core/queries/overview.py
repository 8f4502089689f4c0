"""The overview, in SQL."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import DateTime, FromClause, ScalarSelect, Select, and_, case, func, literal_column, not_, select
from sqlmodel import col

from todo_core.models.changes import Change
from todo_core.models.lists import TodoList
from todo_core.models.overview import Counted
from todo_core.models.tags import Tag
from todo_core.models.todos import PRIORITIES, Todo
from todo_core.models.users import User
from todo_core.queries import lists, tags
from todo_core.queries.standing import NEWEST
from todo_core.queries.starts import STARTED
from todo_core.queries.todos import NEXT_DUE, UNARCHIVED
from todo_core.storage.statements import Statement, json_object, mine, parameter

_todo = Todo.__table__  # type: ignore[attr-defined]
_user = User.__table__  # type: ignore[attr-defined]
_list = TodoList.__table__  # type: ignore[attr-defined]
_tag = Tag.__table__  # type: ignore[attr-defined]
_INSTANT = DateTime(timezone=True)
MAX_TAGS: Final = 50
_start, _end = parameter("start", _INSTANT), parameter("end", _INSTANT)
_is_open = and_(_todo.c.deleted_at.is_(None), _todo.c.completed_at.is_(None), UNARCHIVED)
# OFFSET 0: what is asked of each todo is found out once, however many counts need it.
_rows = (
    select(
        _todo.c.priority,
        _todo.c.due_at,
        _todo.c.completed_at,
        _todo.c.deleted_at,
        case((_is_open, STARTED)).label("has_started"),
    )
    .where(mine(Todo))
    .offset(literal_column("0"))
    .subquery("todo")
)
"""The user's todos; of those that are open, outside archived lists, whether they have started."""
_live = _rows.c.deleted_at.is_(None)
_open = _rows.c.has_started
PROFILE = Statement(
    select(_user.c.time_zone, _user.c.display_name, _user.c.locale, _user.c.week_start).where(
        _user.c.id == parameter("user_id", _user.c.id.type)
    )
)
"""Read what the overview says of the user."""


def _as_array(counted: Select[Any]) -> ScalarSelect[Any]:
    """Return rows as a JSON array, in their order."""
    source: FromClause = counted.subquery("counted")
    rows = func.json_agg(json_object(Counted, source.c))
    return select(func.coalesce(rows, literal_column("'[]'::json"))).select_from(source).scalar_subquery()


def _count(table: Any, model: type[Any], *conditions: Any) -> ScalarSelect[Any]:
    """Return the number of the user's rows that meet conditions."""
    return select(func.count()).select_from(table).where(mine(model), *conditions).scalar_subquery()


_LISTS = _as_array(
    select(_list.c.id, _list.c.name, lists.open_todos(_list, STARTED).label("open"))
    .where(mine(TodoList), _list.c.deleted_at.is_(None), _list.c.archived_at.is_(None))
    .order_by(_list.c.position, _list.c.id)
)
_used = tags.open_todos_of_all(_tag, STARTED).label("open")
_TAGS = _as_array(
    select(_tag.c.id, _tag.c.name, _used)
    .where(mine(Tag), _tag.c.deleted_at.is_(None))
    .order_by(_used.desc(), _tag.c.name_key)
    .limit(MAX_TAGS)
)
COUNTS = Statement(
    select(
        func.count().filter(_open).label("open"),
        func.count().filter(not_(_open)).label("not_started"),
        *(func.count().filter(_open, _rows.c.priority == rank).label(word) for rank, word in enumerate(PRIORITIES, 1)),
        func.count().filter(_open, _rows.c.due_at.between(_start, _end)).label("due_today"),
        func.count().filter(_open, _rows.c.due_at < parameter("now", _INSTANT)).label("overdue"),
        func.count().filter(_live, _rows.c.completed_at.between(_start, _end)).label("completed_today"),
        func.count().filter(_live, _rows.c.completed_at.is_not(None)).label("done"),
        func.count().filter(_rows.c.deleted_at.is_not(None)).label("trashed"),
        func.count().label("counted"),
        NEXT_DUE.label("next_due"),
        NEWEST.label("newest"),
        select(func.max(col(Change.id))).where(mine(Change)).scalar_subquery().label("last_change_id"),
        _LISTS.label("lists"),
        _TAGS.label("tags"),
        _count(_tag, Tag, _tag.c.deleted_at.is_(None)).label("all_tags"),
        _count(_list, TodoList, _list.c.deleted_at.is_(None), _list.c.archived_at.is_not(None)).label("archived_lists"),
    )
)
"""Count the user's todos by what they are, and read live lists and the 50 tags with the most open todos.

What has not started counts for `not_started` alone. `start`, `end`: today where the user is, both included. `now`:
overdue is what was due before; it says what has started. `lists` and `tags` are JSON arrays of `Counted`;
`all_tags` and `archived_lists` count what may not be among them; `last_change_id` is the `since` of the next changes.
`counted`: how many todos there are; `newest`: as in `standing.STANDING`; `next_due`: when the next todo is overdue.
"""
