"""Todos in SQL."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    DateTime,
    Integer,
    Select,
    SmallInteger,
    Text,
    and_,
    any_,
    case,
    column,
    func,
    insert,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB

from todo_core.database import Statement, json_object, mine, parameter
from todo_core.models.todos import PRIORITIES, Sort, Todo, TodoRead

_table = Todo.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_PRIORITY_WORDS = literal_column("(ARRAY[" + ",".join(f"'{word}'" for word in PRIORITIES) + "])", ARRAY(Text))


def _read(source: Any) -> ColumnElement[Any]:
    """A todo's read shape, as JSON built by PostgreSQL."""
    return json_object(
        TodoRead,
        source,
        priority=_PRIORITY_WORDS[source.priority],
        is_completed=source.completed_at.is_not(None),
    )


ONE = Statement(
    select(_read(_table.c).label("row")).where(
        mine(Todo), _table.c.id == parameter("id", BigInteger()), _table.c.deleted_at.is_(None)
    )
)

_SORT_KEYS: Final[dict[Sort, ColumnElement[Any]]] = {
    "created": _table.c.created_at,
    "updated": _table.c.updated_at,
    "priority": _table.c.priority,
    "title": func.lower(_table.c.title),
}
_INSTANT = DateTime(timezone=True)
CONDITIONS: Final[dict[str, ColumnElement[bool]]] = {
    "priority": _table.c.priority == any_(parameter("priority", ARRAY(SmallInteger))),
    "ids": _table.c.id == any_(parameter("ids", ARRAY(BigInteger))),
    "text": or_(
        _table.c.title.icontains(parameter("text", Text()), autoescape=False),
        _table.c.description.icontains(parameter("text", Text()), autoescape=False),
    ),
    "created_after": _table.c.created_at >= parameter("created_after", _INSTANT),
    "created_before": _table.c.created_at < parameter("created_before", _INSTANT),
    "updated_after": _table.c.updated_at >= parameter("updated_after", _INSTANT),
    "updated_before": _table.c.updated_at < parameter("updated_before", _INSTANT),
    "completed_after": _table.c.completed_at >= parameter("completed_after", _INSTANT),
    "completed_before": _table.c.completed_at < parameter("completed_before", _INSTANT),
}
_STATUS: Final[dict[str, ColumnElement[bool]]] = {
    "open": and_(_table.c.deleted_at.is_(None), _table.c.completed_at.is_(None)),
    "done": and_(_table.c.deleted_at.is_(None), _table.c.completed_at.is_not(None)),
    "all": _table.c.deleted_at.is_(None),
    "trashed": _table.c.deleted_at.is_not(None),
}


@lru_cache(maxsize=512)
def page(status: str, conditions: frozenset[str], sort: Sort, descending: bool, after: bool) -> Statement:
    """One page and its total, in one statement: compiled once for each shape of request."""
    wanted = and_(mine(Todo), _STATUS[status], *(CONDITIONS[name] for name in sorted(conditions)))
    key = _SORT_KEYS[sort]
    order = [key.desc(), _table.c.id.desc()] if descending else [key.asc(), _table.c.id.asc()]
    rows: Select[Any] = select(_read(_table.c).label("row"), key.label("key"), _table.c.id.label("id")).where(wanted)
    if after:
        here = tuple_(key, _table.c.id)
        there = tuple_(parameter("after_key", key.type), parameter("after_id", BigInteger()))
        rows = rows.where(here < there if descending else here > there)
    # One row more than the page tells whether there is a next one.
    limit = parameter("limit", Integer())
    found = rows.order_by(*order).limit(limit + 1).offset(parameter("offset", Integer())).subquery()
    page_rows = func.array_to_json(func.array_agg(found.c.row, type_=ARRAY(JSON))[1:limit])
    return Statement(
        select(
            func.coalesce(page_rows, literal_column("'[]'::json")).label("rows"),
            select(func.count()).select_from(_table).where(wanted).scalar_subquery().label("total"),
            (func.count() > limit).label("more"),
            func.to_json(func.array_agg(found.c.key, type_=ARRAY(key.type))[limit]).label("key"),
            func.array_agg(found.c.id, type_=ARRAY(BigInteger))[limit].label("id"),
        ).select_from(found)
    )


_new_item = (
    func.jsonb_to_recordset(parameter("items", JSONB()))
    .table_valued(
        column("n", Integer), column("title", Text), column("description", Text), column("priority", SmallInteger)
    )
    .render_derived(name="item", with_types=True)
)
_new = (
    insert(_table)
    .from_select(
        ["user_id", "title", "description", "priority", "created_at", "updated_at"],
        select(
            parameter("user_id", BigInteger()),
            _new_item.c.title,
            _new_item.c.description,
            _new_item.c.priority,
            func.statement_timestamp(),
            func.statement_timestamp(),
        ).order_by(_new_item.c.n),
    )
    .returning(_table)
    .cte("new")
)
ADD = Statement(select(_new.c.id, _read(_new.c).label("after")).order_by(_new.c.id))


_item = (
    func.jsonb_array_elements(parameter("items", JSONB()))
    .table_valued(column("patch", JSONB), with_ordinality="n", name="item")
    .render_derived()
)
_wanted = select(
    _item.c.n,
    _item.c.patch,
    _item.c.patch["id"].astext.cast(BigInteger).label("id"),
    _item.c.patch["if_version"].label("if_version"),
).cte("wanted")
_old = (
    select(_table, _wanted.c.n, _wanted.c.patch, _wanted.c.if_version)
    .join(_wanted, _wanted.c.id == _table.c.id)
    .where(
        mine(Todo),
        _table.c.id == any_(parameter("ids", ARRAY(BigInteger))),  # the index finds them, however many the user has
        or_(_table.c.deleted_at.is_(None), parameter("trash_too", Boolean())),
    )
    .order_by(_table.c.id)
    .with_for_update(of=_table)
    .cte("old")
)


def _patched(name: str, value: ColumnElement[Any]) -> ColumnElement[Any]:
    """The patch's value where it names the field, else the old one."""
    return case((_old.c.patch.has_key(name), value), else_=_old.c[name])


def _moment(name: str, flag: str) -> ColumnElement[Any]:
    """A date that a flag sets (keeping the first moment) or clears; an undo names the date itself."""
    return case(
        (_old.c.patch.has_key(name), _old.c.patch[name].astext.cast(_INSTANT)),
        (_old.c.patch[flag].astext.cast(Boolean), func.coalesce(_old.c[name], func.statement_timestamp())),
        (_old.c.patch.has_key(flag), None),
        else_=_old.c[name],
    ).label(name)


_next = (
    select(
        _old.c.id,
        _patched("title", _old.c.patch["title"].astext).label("title"),
        _patched("description", _old.c.patch["description"].astext).label("description"),
        _patched("priority", _old.c.patch["priority"].astext.cast(SmallInteger)).label("priority"),
        _moment("completed_at", "is_completed"),
        _moment("deleted_at", "is_deleted"),
    )
    .where(or_(_old.c.if_version.is_(None), _old.c.if_version.contains(func.to_jsonb(_old.c.version))))
    .cte("next")
)
PATCHABLE: Final = ("title", "description", "priority", "completed_at", "deleted_at")
_revised = (
    update(_table)
    .values(
        {name: _next.c[name] for name in PATCHABLE}
        | {"version": _table.c.version + 1, "updated_at": func.statement_timestamp()}
    )
    .where(
        mine(Todo),
        _table.c.id == _next.c.id,
        tuple_(*(_table.c[name] for name in PATCHABLE)).is_distinct_from(
            tuple_(*(_next.c[name] for name in PATCHABLE))
        ),
    )
    .returning(_table)
    .cte("revised")
)
REVISE = Statement(
    select(
        _old.c.id,
        _old.c.version,
        _read(_old.c).label("before"),
        case((_revised.c.id.is_not(None), _read(_revised.c))).label("after"),
    )
    .select_from(_wanted.outerjoin(_old, _old.c.n == _wanted.c.n).outerjoin(_revised, _revised.c.id == _old.c.id))
    .order_by(_wanted.c.n)
)
