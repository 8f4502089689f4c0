"""What people look for among todos, in SQL: what these have or lack, and how pressing they are."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Select,
    and_,
    case,
    cast,
    extract,
    false,
    func,
    literal_column,
    select,
    type_coerce,
)

from todo_core.models.lists import TodoList
from todo_core.models.tags import Tag, TodoTag
from todo_core.models.todos import PRIORITIES, Todo
from todo_core.storage.statements import mine, parameter

_table = Todo.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_list = TodoList.__table__  # type: ignore[attr-defined]
_tag = Tag.__table__  # type: ignore[attr-defined]
_link = TodoTag.__table__  # type: ignore[attr-defined]
_child = _table.alias("child")


def _any_of(rows: Select[Any]) -> ColumnElement[bool]:
    """Return whether `rows`, which aggregates one boolean of what belongs to a todo, says so.

    A value for each todo, looked up by an index: joined, it would be read whole for each where statistics mislead.
    """
    return func.coalesce(rows.correlate(_table).scalar_subquery(), false())


_has_tags = _any_of(
    select(func.bool_or(_tag.c.deleted_at.is_(None)))
    .select_from(_link.join(_tag, and_(mine(Tag), _tag.c.id == _link.c.tag_id)))
    .where(mine(TodoTag), _link.c.todo_id == _table.c.id)
)
_has_subtasks = _any_of(
    select(func.bool_or(_child.c.deleted_at.is_(None))).where(mine(_child), _child.c.parent_id == _table.c.id)
)
_inbox = select(_list.c.id).where(mine(TodoList), _list.c.is_inbox).scalar_subquery()
HAVING: Final[dict[str, ColumnElement[bool]]] = {
    "has_due": _table.c.due_at.is_not(None),
    "has_tags": _has_tags,
    "has_list": _table.c.list_id != _inbox,
    "has_subtasks": _has_subtasks,
    "repeats": _table.c.repeat.is_not(None),
}
"""What a todo has or lacks, by the filter that asks; `no_` before its name asks for the others."""

_is_due_now = and_(_table.c.completed_at.is_(None), _table.c.due_at < parameter("tomorrow", DateTime(timezone=True)))
_due_number = case(
    (_table.c.due_at.is_(None), literal_column("4e17::bigint", BigInteger())),
    else_=cast(extract("epoch", _table.c.due_at) * 1_000_000, BigInteger()),
)
_rank = case((_is_due_now, len(PRIORITIES)), else_=0) + _table.c.priority
PRESSING: Final = type_coerce(_rank * literal_column("1000000000000000000", BigInteger()) - _due_number, BigInteger())
"""How pressing a todo is, as one number, so that a cursor can hold it: what is open and due before `tomorrow`, then the
higher priority, then the earlier due.

The first two are 1 to 8, in quintillions. The due is microseconds since 1970: the year 9999 ends at 2.5e17.
"""
