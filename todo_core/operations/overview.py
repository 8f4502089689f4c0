"""Where a user stands right now."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from sqlalchemy import Date, DateTime, Text, cast, func, select
from sqlmodel import col

from todo_core.database import Statement, json_text, mine, parameter
from todo_core.models.changes import Change
from todo_core.models.overview import Overview
from todo_core.models.todos import PRIORITIES, Todo
from todo_core.models.users import User
from todo_core.operation import Tx, operation
from todo_core.results import Found

_todo = Todo.__table__  # type: ignore[attr-defined]
_user = User.__table__  # type: ignore[attr-defined]
_live = _todo.c.deleted_at.is_(None)
_open = _live & _todo.c.completed_at.is_(None)
_today = cast(func.timezone(parameter("time_zone", Text()), parameter("now", DateTime(timezone=True))), Date)
_time_zone = Statement(select(_user.c.time_zone).where(_user.c.id == parameter("user_id", _user.c.id.type)))
_COUNTS = Statement(
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


@operation(effect="reads", scope="todos:read")
async def get(tx: Tx) -> Found[Overview]:
    """Now, today's date and weekday in the user's time zone, and how many todos wait."""
    zone = await tx.value(_time_zone)
    now = tx.core.clock().astimezone(ZoneInfo(zone))
    counts = await tx.one(_COUNTS, time_zone=zone, now=now)
    return Found(
        json_text(
            {
                "now": now.isoformat(timespec="seconds"),
                "today": now.date(),
                "weekday": f"{now:%A}",
                "time_zone": zone,
                "open": counts["open"],
                "open_by_priority": {word: counts[word] for word in PRIORITIES},
                "completed_today": counts["completed_today"],
                "done": counts["done"],
                "trashed": counts["trashed"],
                "last_change_id": counts["last_change_id"],
            }
        )
    )
