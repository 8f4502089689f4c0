"""Calendar addresses in SQL: a person's own, as `todo_app`, and what one of them shows, as `todo_calendar`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    DateTime,
    LargeBinary,
    Text,
    and_,
    case,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from todo_core.models.calendars import Calendar, CalendarRead, ShownTodo
from todo_core.models.lists import TodoList
from todo_core.models.todos import Todo
from todo_core.models.users import User
from todo_core.queries.revoking import revoke
from todo_core.queries.shapes import due_read, priority_word
from todo_core.storage.statements import Statement, json_object, mine, parameter

MOST: Final = 5_000
"""Todos that an address shows at most."""

_table = Calendar.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_user = User.__table__  # type: ignore[attr-defined]
_list = TodoList.__table__  # type: ignore[attr-defined]
_todo = Todo.__table__  # type: ignore[attr-defined]
_id = parameter("id", BigInteger())
_READ = json_object(CalendarRead, _table.c)

ALL = Statement(
    select(
        func.coalesce(func.json_agg(_READ.op("ORDER BY")(_table.c.id)), literal_column("'[]'::json")).label("rows"),
        func.count().label("total"),
    ).where(mine(Calendar))
)
"""Read every calendar address of the user, oldest first: `rows`, a JSON array of `CalendarRead`, and `total`."""

_created = (
    insert(_table)
    .values(
        user_id=parameter("user_id", BigInteger()),
        name=parameter("name", Text()),
        hint=parameter("hint", Text()),
        hash=parameter("hash", LargeBinary()),
        list_id=parameter("list_id", BigInteger()),
        shows=parameter("shows", Text()),
    )
    .returning(_table)
    .cte("created")
)
CREATE = Statement(select(_created.c.id, json_object(CalendarRead, _created.c).label("row")))
"""Make a calendar address with a `name`, of the list `list_id` or of all, that `shows` events or todos.

`hash`: SHA-256 of its secret, which is itself not stored. `hint`: the part of it that a person may recognize. `row` is
its `CalendarRead`.
"""

_stored = select(_table).where(mine(Calendar), _table.c.id == _id).with_for_update().cte("stored")
REVOKE = Statement(revoke(_table, _stored, CalendarRead))
"""Revoke the calendar address with an `id`; `CalendarRead` before, and after or null if it was revoked already."""

OF_OTHERS = Statement(select(func.calendars_of_others(parameter("ids", ARRAY(BigInteger)))))
"""Return those of `ids` that are calendar addresses of other users, as an array."""

# --- As `todo_calendar` ------------------------------------------------------------------------

_hash = parameter("hash", LargeBinary())
PRESENT = Statement(select(func.set_config("app.calendar_hash", func.encode(_hash, "hex"), True)))
"""Let this transaction see what the address shows whose secret has the SHA-256 `hash`."""

_last_use_is_old = func.coalesce(_table.c.last_used_at <= func.now() - timedelta(minutes=1), True)
FIND = Statement(
    select(
        _table.c.id,
        _table.c.user_id,
        _table.c.list_id,
        _table.c.shows,
        _list.c.name.label("list_name"),
        _user.c.time_zone,
        _last_use_is_old.label("last_use_is_old"),
    )
    .select_from(
        _table.join(_user, _user.c.id == _table.c.user_id).outerjoin(
            _list,
            and_(_list.c.user_id == _table.c.user_id, _list.c.id == _table.c.list_id, _list.c.deleted_at.is_(None)),
        )
    )
    .where(
        _table.c.hash == _hash, _table.c.revoked_at.is_(None), or_(_table.c.list_id.is_(None), _list.c.id.is_not(None))
    )
)
"""Find the address whose secret has the SHA-256 `hash`, by `uq_calendars_hash`: nothing of one that is revoked, of a
person who is suspended, or of a list that is deleted."""

_owner = parameter("owner", BigInteger())
_now = parameter("now", DateTime(timezone=True))
_of_owner = and_(_list.c.user_id == _owner, _list.c.deleted_at.is_(None))
LISTS = Statement(select(_list.c.id, _list.c.name).where(_of_owner))
"""Read the names of the lists of a user `owner` that an address shows."""

_on = parameter("list_id", BigInteger())
_shown_lists = select(_list.c.id).where(
    _of_owner, or_(and_(_on.is_(None), _list.c.archived_at.is_(None)), _list.c.id == _on)
)
READ: Final = (
    *("id", "title", "description", "priority", "list_id", "start", "due_date", "due_time", "due_at", "repeat"),
    *("completed_at", "created_at", "updated_at"),
)
"""Columns of todos that `todo_calendar` needs for what an address shows."""
_follower = _todo.alias("follower")
_is_followed = (
    select(literal_column("1"))
    .where(_follower.c.user_id == _owner, _follower.c.follows_id == _todo.c.id, _follower.c.deleted_at.is_(None))
    .exists()
)
_is_to_come = _todo.c.due_at >= _now
_nearest = (
    select(*(_todo.c[name] for name in READ), _is_followed.label("is_followed"))
    .where(
        _todo.c.user_id == _owner,
        _todo.c.deleted_at.is_(None),
        _todo.c.due_at.between(
            parameter("since", DateTime(timezone=True)), parameter("until", DateTime(timezone=True))
        ),
        _todo.c.list_id.in_(_shown_lists),
    )
    .order_by(case((_is_to_come, _todo.c.due_at)).nulls_last(), _todo.c.due_at.desc(), _todo.c.id)
    .limit(literal_column(str(MOST)))
    .subquery("nearest")
)
_columns: dict[str, Any] = {
    "priority": priority_word(_nearest),
    "due": due_read(_nearest, parameter("zone", Text())),
}
TODOS = Statement(select(json_object(ShownTodo, _nearest.c, **_columns).label("row")).select_from(_nearest))
"""Read what an address shows as `ShownTodo`: what is due between `since` and `until`, what is next to `now` first.

`owner`: the user. `list_id`: the list; null: all that are not archived. `zone`: the user's time zone. At most `MOST`.
"""

USE = Statement(update(_table).where(_table.c.hash == _hash, _last_use_is_old).values(last_used_at=func.now()))
"""Store that the address whose secret has the SHA-256 `hash` is used now, unless that was stored in the last minute."""
