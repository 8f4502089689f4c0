"""Where a user stands, in SQL."""

from __future__ import annotations

from sqlalchemy import Date, DateTime, Text, cast, func, select
from sqlmodel import col

from todo_core.database import Statement, mine, parameter
from todo_core.models.changes import Change
from todo_core.models.todos import PRIORITIES, Todo
from todo_core.models.users import User

_todo = Todo.__table__  # type: ignore[attr-defined]
_user = User.__table__  # type: ignore[attr-defined]
_live = _todo.c.deleted_at.is_(None)
_open = _live & _todo.c.completed_at.is_(None)
_today = cast(func.timezone(parameter("time_zone", Text()), parameter("now", DateTime(timezone=True))), Date)
PROFILE = Statement(
    select(_user.c.time_zone, _user.c.display_name, _user.c.locale, _user.c.week_start).where(
        _user.c.id == parameter("user_id", _user.c.id.type)
    )
)
COUNTS = Statement(
    select(
        func.count().filter(_open).label("open"),
        *(func.count().filter(_open, _todo.c.priority == rank).label(word) for rank, word in enumerate(PRIORITIES, 1)),
        func.count()
        .filter(_live, cast(func.timezone(parameter("time_zone", Text()), _todo.c.completed_at), Date) == _today)
        .label("completed_today"),
        func.count().filter(_live, _todo.c.completed_at.is_not(None)).label("done"),
        func.count().filter(_todo.c.deleted_at.is_not(None)).label("trashed"),
        select(func.max(col(Change.id))).where(mine(Change)).scalar_subquery().label("last_change_id"),
    ).where(mine(Todo))
)
