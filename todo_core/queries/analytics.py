"""Insight, in SQL. Days and weeks come as moments from `todo_core.dates`: the user's, whatever the clocks do.

What is in the trash counts if it was completed before: tidying up takes no achievement away, and what was added by
mistake does not count as added.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Select,
    Subquery,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY

from todo_core.models.analytics import ActivityDay
from todo_core.models.lists import TodoList
from todo_core.models.tags import Tag, TodoTag
from todo_core.models.todos import Todo
from todo_core.models.users import User
from todo_core.queries.standing import NEWEST, TRASHED
from todo_core.queries.starts import STARTED
from todo_core.queries.todos import DUE_KEY, NEXT_DUE, UNARCHIVED
from todo_core.storage.statements import Statement, mine, parameter

_todo = Todo.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_list = TodoList.__table__  # type: ignore[attr-defined]
_tag = Tag.__table__  # type: ignore[attr-defined]
_link = TodoTag.__table__  # type: ignore[attr-defined]
_user = User.__table__  # type: ignore[attr-defined]
_activity = ActivityDay.__table__  # type: ignore[attr-defined]
_INSTANT: Final = DateTime(timezone=True)
_me = parameter("user_id", BigInteger())

CALENDAR = Statement(select(_user.c.time_zone, _user.c.week_start).where(_user.c.id == _me))
"""Read the time zone and the first day of the week of the user."""

# --- streaks -----------------------------------------------------------------------------------

_today = parameter("today", Date())
_days = union_all(
    # Whoever asks is here today, though the day may not be recorded yet.
    select(literal("logins").label("kind"), _today.label("day")),
    select(literal("logins").label("kind"), _activity.c.day).where(mine(ActivityDay), _activity.c.day != _today),
    select(
        literal("completions").label("kind"),
        cast(func.timezone(parameter("time_zone", Text()), _todo.c.completed_at), Date).label("day"),
    )
    .where(mine(Todo), _todo.c.completed_at.is_not(None))
    .distinct(),
).cte("days")
# Days in a row have the same distance to their rank.
_rank = cast(func.row_number().over(partition_by=_days.c.kind, order_by=_days.c.day), Integer)
_ranked = select(_days.c.kind, _days.c.day, (_days.c.day - _rank).label("island")).subquery("ranked")
_islands = (
    select(_ranked.c.kind, func.count().label("length"), func.max(_ranked.c.day).label("last_day"))
    .group_by(_ranked.c.kind, _ranked.c.island)
    .subquery("islands")
)
STREAKS = Statement(
    select(
        _islands.c.kind,
        func.coalesce(func.max(_islands.c.length).filter(_islands.c.last_day >= _today - 1), 0).label("current"),
        func.max(_islands.c.length).label("longest"),
        func.max(_islands.c.last_day).label("last_day"),
    ).group_by(_islands.c.kind)
)
"""Count days in a row, until `today` or yesterday and the most ever: of `logins` and of `completions`.

`time_zone`: where a todo's completion becomes a day. Reads `ix_todos_completed`. A row for each `kind` that ever was.
"""

# --- summary -----------------------------------------------------------------------------------

_now = parameter("now", _INSTANT)
_OPEN = and_(mine(Todo), _todo.c.deleted_at.is_(None), _todo.c.completed_at.is_(None), UNARCHIVED, STARTED)
_DONE = and_(mine(Todo), _todo.c.completed_at.is_not(None))
_today_ends = parameter("today_ends", _INSTANT)
# Without the dates, so that `ix_todos_open_list` has all that it needs.
_open = select(func.count().label("open")).select_from(_todo).where(_OPEN).subquery("open")
_due = (
    select(
        func.count().filter(_todo.c.due_at >= parameter("today_begins", _INSTANT)).label("due_today"),
        func.count().filter(_todo.c.due_at < _now).label("overdue"),
    )
    .where(_OPEN, _today_ends > DUE_KEY)
    .subquery("due")
)
# What was done offline may have been added here after it was done.
_took = func.greatest(func.extract("epoch", _todo.c.completed_at - _todo.c.created_at), literal_column("0"))
_done = (
    select(
        func.count().filter(_todo.c.completed_at >= parameter("days_7", _INSTANT)).label("completed_7_days"),
        func.count().label("completed_30_days"),
        cast(func.round(func.avg(_took)), BigInteger).label("average_seconds_to_complete"),
    )
    .where(_DONE, _todo.c.completed_at >= parameter("days_30", _INSTANT))
    .subquery("done")
)
SUMMARY = Statement(select(*_open.c, *_due.c, *_done.c).select_from(_open.join(_due, true()).join(_done, true())))
"""Count open todos, those due today or overdue, and those completed lately; average how long these took.

`now`: overdue is what was due before; it says what has started. `today_begins`, `today_ends`: today, the end excluded.
`days_7`, `days_30`: when the last seven and thirty days begin. Reads `ix_todos_open_list`, `ix_todos_open_due`
and `ix_todos_completed`.
"""

# --- a week and the one before -----------------------------------------------------------------

_bounds = parameter("bounds", ARRAY(_INSTANT))
_since, _until = parameter("since", _INSTANT), parameter("until", _INSTANT)


def _events(moment: ColumnElement[Any], *, added: bool) -> Select[Any]:
    """Return the todos that were added, or completed, in the two weeks, with the day: 1 to 14."""
    return select(
        _todo.c.id,
        _todo.c.list_id,
        _todo.c.priority,
        func.width_bucket(moment, _bounds, type_=Integer()).label("day"),
        literal(int(added)).label("added"),
        literal(int(not added)).label("completed"),
    ).where(mine(Todo), moment >= _since, moment < _until)


# Each branch has the condition of an index; one condition for all would read every todo.
_event = union_all(
    _events(_todo.c.created_at, added=True).where(_todo.c.deleted_at.is_(None)),
    _events(_todo.c.created_at, added=True).where(_todo.c.deleted_at.is_not(None), _todo.c.completed_at.is_not(None)),
    _events(_todo.c.completed_at, added=False).where(_todo.c.completed_at.is_not(None)),
).cte("event")
_of_the_week = _event.c.day > 7
_flow = (func.sum(_event.c.added).label("added"), func.sum(_event.c.completed).label("completed"))


def _array(rows: Select[Any]) -> ColumnElement[Any]:
    """Return rows as one JSON array, in their order."""
    found = rows.subquery("found")
    objects = func.json_agg(func.row_to_json(found.table_valued()))
    return select(func.coalesce(objects, literal_column("'[]'::json"))).select_from(found).scalar_subquery()


_moment, _moment_before = parameter("moment", _INSTANT), parameter("moment_before", _INSTANT)


def _overdue_at(moment: BindParameter[Any]) -> ColumnElement[int]:
    """Count the todos that were open and past their due at a moment, by the due that they have now."""
    was_open = or_(_todo.c.completed_at.is_(None), _todo.c.completed_at >= moment)
    return func.count().filter(_todo.c.due_at < moment, _todo.c.created_at < moment, was_open)


def _overdue(name: str, *conditions: ColumnElement[bool]) -> Subquery:
    now, before = _overdue_at(_moment).label("overdue"), _overdue_at(_moment_before).label("overdue_before")
    return select(now, before, func.count().label("counted")).where(*conditions).subquery(name)


_happened = select(func.count()).select_from(_event).scalar_subquery()
_still_open = _overdue("still_open", _OPEN, _moment > DUE_KEY)
_done_since = _overdue("done_since", _DONE, _todo.c.completed_at >= _moment_before, UNARCHIVED)

WEEKS = Statement(
    select(
        _array(select(_event.c.day, *_flow).group_by(_event.c.day)).label("days"),
        _array(
            select(_list.c.id, _list.c.name, *_flow)
            .select_from(_event.join(_list, _list.c.id == _event.c.list_id))
            .where(mine(TodoList), _of_the_week)
            .group_by(_list.c.id, _list.c.name)
            .order_by(func.count().desc(), _list.c.id)
        ).label("lists"),
        _array(
            select(_tag.c.name, *_flow)
            .select_from(_event.join(_link, _link.c.todo_id == _event.c.id).join(_tag, _tag.c.id == _link.c.tag_id))
            .where(mine(TodoTag), mine(Tag), _tag.c.deleted_at.is_(None), _of_the_week)
            .group_by(_tag.c.id, _tag.c.name)
            .order_by(func.count().desc(), _tag.c.id)
        ).label("tags"),
        _array(select(_event.c.priority, *_flow).where(_of_the_week).group_by(_event.c.priority)).label("priorities"),
        *((_still_open.c[name] + _done_since.c[name]).label(name) for name in ("overdue", "overdue_before")),
        (_still_open.c.counted + _done_since.c.counted + _happened).label("counted"),
        case((_moment >= _now, NEXT_DUE)).label("next_due"),
        TRASHED.label("trashed"),
        NEWEST.label("newest"),
    ).select_from(_still_open.join(_done_since, true()))
)
"""Count what was added and completed in two weeks, by day, and of the second week by list, tag and priority.

`bounds`: the 15 moments at which the 14 days begin and the last one ends. `since`, `until`: the first and the last of
them. `moment`, `moment_before`: when to count what is overdue now, and what was a week before. `now`: what has not
started by then counts for neither.
`counted`: how many todos and events were looked at; `newest` and `trashed`: as in `standing.STANDING`; `next_due`: when
the next todo is overdue, if `moment` is now.
Each event is read by its own index: `ix_todos_live_created`, `ix_todos_trashed`, `ix_todos_completed`.
"""
