"""A user's own row in SQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    DateTime,
    Text,
    and_,
    any_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert

from todo_core.models.analytics import ActivityDay
from todo_core.models.todos import Todo
from todo_core.models.users import PATCHABLE, ProfileRead, User
from todo_core.queries.roles import role_now
from todo_core.storage.statements import Columns, Statement, json_object, mine, parameter

_table = User.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_mine = _table.c.id == parameter("user_id", BigInteger())


def _read(users: Columns) -> ColumnElement[Any]:
    """Return rows of users as `ProfileRead`."""
    return json_object(ProfileRead, users, role=role_now(users))


ONE = Statement(select(_read(_table.c).label("row")).where(_mine))
"""Read the user's profile, as `ProfileRead`."""

_todo = Todo.__table__  # type: ignore[attr-defined]
DUES = Statement(
    select(
        _todo.c.id,
        _todo.c.due_date,
        _todo.c.due_time,
        _todo.c.due_at,
        and_(_todo.c.deleted_at.is_(None), _todo.c.completed_at.is_(None)).label("is_open"),
    ).where(mine(Todo), _todo.c.due_at.is_not(None))
)
"""Read the dues of all todos, and which of these are open."""

# One value to look each moment up in, not a join: PostgreSQL has no statistics of it.
_moment = parameter("moments", JSONB())[cast(_todo.c.id, Text)].astext
MOVE = Statement(
    update(_todo)
    .values(due_at=cast(_moment, DateTime(timezone=True)))
    .where(mine(Todo), _todo.c.id == any_(parameter("ids", ARRAY(BigInteger))))
)
"""Set the moment by which the todos with `ids` are due, of each that of `moments`, a JSON object by id.

They stay due on the same day at the same wall-clock time, so their versions stay. Reads `uq_todos_user_id_id`.
"""

ZONE = Statement(select(_table.c.time_zone).where(_mine))
"""Read the user's time zone."""

SEEN = Statement(
    insert(ActivityDay.__table__)  # type: ignore[attr-defined]
    .from_select(
        ["user_id", "day"],
        select(parameter("user_id", BigInteger()).label("user_id"), parameter("day", Date()).label("day")),
    )
    .on_conflict_do_nothing()
)
"""Record that the user was here on a `day`."""

CUSTOMS = Statement(select(_table.c.time_zone, _table.c.week_start, _table.c.locale).where(_mine))
"""Read what the user's dates are read by: time zone, first day of the week, locale."""

_stored = select(_table).where(_mine).with_for_update().cte("stored")
_given = parameter("given", ARRAY(Text))
_new = {
    name: case((literal(name) == any_(_given), parameter(name, _table.c[name].type)), else_=_stored.c[name])
    for name in PATCHABLE
}
_revised = (
    update(_table)
    .values(
        **_new,
        is_name_chosen=or_(_stored.c.is_name_chosen, literal("display_name") == any_(_given)),
        updated_at=func.statement_timestamp(),
        version=_stored.c.version + 1,
    )
    .where(
        _table.c.id == _stored.c.id,
        tuple_(*_new.values()).is_distinct_from(tuple_(*(_stored.c[name] for name in PATCHABLE))),
    )
    .returning(_table)
    .cte("revised")
)
REVISE = Statement(
    select(
        _stored.c.id,
        _read(_stored.c).label("before"),
        case((_revised.c.id.is_not(None), _read(_revised.c))).label("after"),
    ).select_from(_stored.outerjoin(_revised, _revised.c.id == _stored.c.id))
)
"""Set the fields of the user's profile that are in `given` to their values; the others keep theirs.

Values: `display_name`, `time_zone`, `locale`, `week_start`, `default_list_id`, `new_todos`. Columns: `ProfileRead`
before, and after or null if nothing changed.
"""
