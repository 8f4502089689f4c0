"""Say in SQL what a caller may see of a change: by its own verb, with the rows of kinds that the caller may read."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    FromClause,
    Select,
    Text,
    and_,
    any_,
    case,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from todo_core.models.changes import OWN_ACCOUNT, ChangedRow, ChangeRead, UndoneChange
from todo_core.models.entries import Entry
from todo_core.models.todos import Todo
from todo_core.models.users import User
from todo_core.queries.records import as_read
from todo_core.queries.roles import is_admin
from todo_core.queries.shapes import NO_JSON_ITEMS
from todo_core.storage.statements import json_object, mine, parameter

_row = ChangedRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_user = User.__table__  # type: ignore[attr-defined]
_todo = Todo.__table__.alias("todo")  # type: ignore[attr-defined]
_undone = UndoneChange.__table__  # type: ignore[attr-defined]
_me = parameter("user_id", BigInteger())


def operation_of(change: FromClause) -> ColumnElement[str]:
    """Return what happened, by its own verb: older versions recorded these pairs under one name each (decision 21)."""
    return case(
        _opposite(change, "todos.complete", "completed_at", "todos.reopen"),
        _opposite(change, "todos.delete", "deleted_at", "todos.restore"),
        _opposite(change, "accounts.suspend", "suspended_at", "accounts.reactivate"),
        else_=change.c.operation,
    )


def _opposite(
    change: FromClause, recorded: str, field: str, verb: str
) -> tuple[ColumnElement[bool], ColumnElement[str]]:
    """Return the condition that `recorded` was the opposite, since it cleared a moment of some row; and that verb."""
    touched = _row.alias()
    before, after = (moment.op("->>")(literal_column(f"'{field}'")) for moment in (touched.c.before, touched.c.after))
    cleared: Select[Any] = select(literal_column("1")).where(
        *of_change(change, touched), before.is_not(None), after.is_(None)
    )
    return (
        and_(change.c.operation == literal_column(f"'{recorded}'"), cleared.correlate(change).exists()),
        literal_column(f"'{verb}'"),
    )


def of_change(change: FromClause, touched: Any) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a row was touched by a change of the enclosing query."""
    return touched.c.user_id == change.c.user_id, touched.c.change_id == change.c.id


_admin = _user.alias("admin")
_shown = parameter("shown", ARRAY(Text()))
_i_am_admin = select(is_admin(_admin.c)).where(_admin.c.id == _me).scalar_subquery()


def is_shown(touched: Any) -> ColumnElement[bool]:
    """Return the condition that the caller may see a row that a change touched; `shown` says which kinds.

    Accounts of others are for admins, and for them only as long as they are.
    """
    is_mine = and_(touched.c.entity == literal_column("'account'"), touched.c.entity_id == _me)
    return or_(
        and_(
            touched.c.entity == any_(_shown),
            or_(touched.c.entity != literal_column("'account'"), touched.c.entity_id == _me, _i_am_admin),
        ),
        and_(is_mine, literal_column(f"'{OWN_ACCOUNT}'") == any_(_shown)),
    )


def shows_something(change: Any) -> ColumnElement[bool]:
    """Return the condition that the caller may see a row of a change.

    By OFFSET it is asked for each change, by `pk_change_entries`: a join would read the entries of all changes.
    """
    touched = _row.alias("touched")
    seen: Select[Any] = select(literal_column("1")).where(*of_change(change, touched), is_shown(touched))
    return seen.offset(literal_column("0")).correlate(change).exists()


_named = (
    select(
        func.coalesce(_row.c.after.op("->>")(literal_column("'todo_id'")).cast(BigInteger), _row.c.entity_id).label(
            "id"
        )
    )
    .where(_row.c.entity.in_([literal_column("'todo'"), literal_column("'note'")]))
    .offset(literal_column("0"))
    .correlate(_row)
    .subquery("named")
)
_title_now = (
    select(_todo.c.title)
    .select_from(_named.join(_todo, and_(_todo.c.id == _named.c.id, mine(_todo))))
    .correlate(_row)
    .scalar_subquery()
)
"""The title of a todo of which the record kept what changed alone, and of the todo that a note is on.

The id is made apart: under row-level security no index is asked for what a function makes of a row.
"""
_also = _undone.alias("also")
_rows = parameter("rows", Boolean())
_seen_before = case((func.in_mandate(_row.c.list_before), _row.c.before))
_seen_after = case((func.in_mandate(_row.c.list_after), _row.c.after))
entry_row = json_object(
    Entry,
    _row.c,
    id=_row.c.entity_id,
    title=func.coalesce(
        *(_seen_after.op("->>")(literal_column(f"'{name}'")) for name in ("title", "name")), _title_now
    ),
    number=_row.c.number,
    is_new=_seen_before.is_(None),
    before=case((_rows, as_read(_seen_before, _row.c.entity))),
    after=case((_rows, as_read(_seen_after, _row.c.entity))),
)
"""A row that a change touched, as `Entry`. `rows`: whether it has the row before and after.

To an agent that sees some lists only, a todo that came from another list is new, and one that went to another has no
`after`.
"""


def undoes_also(change: FromClause) -> ColumnElement[Any]:
    """Return the ids of the changes that a change of the enclosing query reverted besides the latest, as JSON."""
    others = (
        select(
            func.coalesce(func.json_agg(aggregate_order_by(_also.c.change_id, _also.c.change_id.desc())), NO_JSON_ITEMS)
        )
        .where(
            _also.c.user_id == change.c.user_id,
            _also.c.undone_by == change.c.id,
            _also.c.change_id != change.c.undoes,
        )
        .correlate(change)
        .scalar_subquery()
    )
    return case((change.c.undoes.is_not(None), others), else_=NO_JSON_ITEMS)


def change_row(change: FromClause, entries: Select[Any], more: ColumnElement[int], until: ColumnElement[int]) -> Any:
    """Return the JSON of a change of the enclosing query, as `ChangeRead`.

    Args:
        change: The change.
        entries: The JSON of its entries that are shown (`entries_of`).
        more: How many others it has; less than 1 for none.
        until: The number of the entry after which these are read.
    """
    undone_by = (
        select(_undone.c.undone_by)
        .where(_undone.c.user_id == change.c.user_id, _undone.c.change_id == change.c.id)
        .correlate(change)
        .scalar_subquery()
    )
    return json_object(
        ChangeRead,
        change.c,
        undone_by=undone_by,
        undoes_also=undoes_also(change),
        operation=operation_of(change),
        entries=entries.correlate(change).scalar_subquery(),
        more_entries=func.greatest(more, literal_column("0")),
        next_entry=case((more > literal_column("0"), until)),
    )


def entries_of(change: FromClause, *conditions: ColumnElement[bool]) -> Select[Any]:
    """Return the query of the entries of a change that the caller may see and that meet conditions, as JSON."""
    entries = func.coalesce(func.json_agg(aggregate_order_by(entry_row, _row.c.number)), NO_JSON_ITEMS)
    return select(entries).where(*of_change(change, _row), is_shown(_row), *conditions)
