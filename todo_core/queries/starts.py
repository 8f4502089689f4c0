"""Which todos have started, in SQL.

An open todo has not started before the day of its start, and neither has what is below it. Few have not, as a rule:
these are found first, and the others are compared with them.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    DateTime,
    FromClause,
    Integer,
    Select,
    any_,
    cast,
    func,
    literal_column,
    not_,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from todo_core.models.todos import MAX_DEPTH, Todo
from todo_core.models.users import User
from todo_core.storage.statements import mine, parameter

_table = Todo.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_below = _table.alias("below")
_user = User.__table__  # type: ignore[attr-defined]

_there = func.timezone(_user.c.time_zone, parameter("now", DateTime(timezone=True)))
_today = select(cast(_there, Date)).where(_user.c.id == parameter("user_id", BigInteger())).scalar_subquery()


def _ids_of(todos: FromClause, *conditions: ColumnElement[bool]) -> Select[Any]:
    """Select the ids of those open todos that meet conditions."""
    return select(todos.c.id).where(
        mine(todos), todos.c.deleted_at.is_(None), todos.c.completed_at.is_(None), *conditions
    )


def _array(ids: Select[Any]) -> ColumnElement[Any]:
    return func.array(ids.scalar_subquery(), type_=ARRAY(BigInteger))


# A level at a time, as arrays, not a row at a time: PostgreSQL has no statistics of what a recursion finds.
_top = _ids_of(_table, _table.c.start > _today)
_level = select(_array(_top).label("ids"), literal_column("0", Integer()).label("depth")).cte("later", recursive=True)
_next = _ids_of(_below, _below.c.parent_id == any_(_level.c.ids)).correlate(_level)
_is_last = or_(func.cardinality(_level.c.ids) == literal_column("0"), _level.c.depth == literal_column(str(MAX_DEPTH)))
_later = _level.union_all(select(_array(_next), _level.c.depth + literal_column("1")).where(not_(_is_last)))
_id = func.unnest(_later.c.ids, type_=BigInteger())


def started(todo_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Return whether a todo has started, or is done or in the trash. `now`: the moment that says which day it is.

    Reads `ix_todos_start`, and below what that finds `ix_todos_parent`.
    """
    # NOT IN, which PostgreSQL never makes a join: it hashes the ids, whatever it expects. With none, which is the rule,
    # a todo costs a look at an empty table.
    return todo_id.not_in(select(_id))


def not_started(todo_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Return whether it has not. `now`: as in `started`."""
    return todo_id == any_(_array(select(_id)))


STARTED: Final = started(_table.c.id)
"""`started`, of a row of todos."""
