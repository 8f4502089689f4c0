"""Todos as they are read, in SQL."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    DateTime,
    FromClause,
    Integer,
    Select,
    SmallInteger,
    Text,
    all_,
    and_,
    any_,
    case,
    cast,
    column,
    func,
    literal_column,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, REAL

from todo_core.models.lists import TodoList
from todo_core.models.tags import Tag, TodoTag
from todo_core.models.todos import PRIORITIES, Due, Sort, Todo, TodoRead
from todo_core.models.users import User
from todo_core.storage.statements import Statement, json_object, mine, parameter

_table = Todo.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_list = TodoList.__table__  # type: ignore[attr-defined]
_tag = Tag.__table__  # type: ignore[attr-defined]
_link = TodoTag.__table__  # type: ignore[attr-defined]
_user = User.__table__  # type: ignore[attr-defined]
_PRIORITY_WORDS = literal_column("(ARRAY[" + ",".join(f"'{word}'" for word in PRIORITIES) + "])", ARRAY(Text))
_INSTANT = DateTime(timezone=True)
_is_me = _user.c.id == parameter("user_id", BigInteger())


def tag_names(tag_ids: Any) -> ColumnElement[Any]:
    """The names of live tags as a JSON array, in alphabetical order.

    Args:
        tag_ids: Their ids: a select of them, or an array.
    """
    is_it = _tag.c.id.in_(tag_ids) if isinstance(tag_ids, Select) else _tag.c.id == any_(tag_ids)
    names = select(_tag.c.name).where(mine(Tag), is_it, _tag.c.deleted_at.is_(None)).order_by(_tag.c.name_key)
    return func.to_json(func.array(names.correlate_except(_tag, _link).scalar_subquery(), type_=ARRAY(Text)))


def links_of(source: FromClause) -> Any:
    """The ids of the tags that a todo has."""
    linked = select(_link.c.tag_id).where(mine(TodoTag), _link.c.todo_id == source.c.id)
    return linked.correlate(source)


def subtasks_of(source: FromClause) -> Any:
    """How many open todos are right below a todo."""
    child = _table.alias("child")
    counted: Select[Any] = select(func.count()).where(
        mine(child), child.c.parent_id == source.c.id, child.c.completed_at.is_(None), child.c.deleted_at.is_(None)
    )
    return counted.correlate(source)


def _due(source: FromClause, zone: ColumnElement[Any] | None) -> ColumnElement[Any]:
    """The deadline where the user is. Without a `zone`, the user's row is looked up for a todo that has one."""
    there = func.timezone(_user.c.time_zone if zone is None else zone, source.c.due_at)
    fields: dict[str, ColumnElement[Any]] = {
        "date": func.coalesce(source.c.due_on, cast(there, Date)),
        "time": case((source.c.due_on.is_(None), func.to_char(there, literal_column("'HH24:MI'")))),
        "weekday": func.to_char(there, literal_column("'FMDay'")),
        "time_zone": _user.c.time_zone if zone is None else zone,
        "at": source.c.due_at,
    }
    if zone is not None:
        return case((source.c.due_at.is_not(None), json_object(Due, source.c, **fields)))
    here = select(*(fields[name].label(name) for name in Due.model_fields)).where(_is_me, source.c.due_at.is_not(None))
    shaped = here.correlate_except(_user).subquery("due")
    due: ColumnElement[Any] = select(func.row_to_json(shaped.table_valued())).scalar_subquery()
    return due


def read(source: FromClause, *, zone: ColumnElement[Any] | None = None, **computed: Any) -> ColumnElement[Any]:
    """A todo's read shape, as JSON built by PostgreSQL.

    Args:
        source: The todo.
        zone: The user's time zone, where a statement has it.
        computed: Other fields that it knows better than the tables.
    """
    fields = {
        "priority": _PRIORITY_WORDS[source.c.priority],
        "is_completed": source.c.completed_at.is_not(None),
        "due": _due(source, zone),
    }
    if "tags" not in computed:
        fields["tags"] = tag_names(links_of(source))
    if "open_subtasks" not in computed:
        fields["open_subtasks"] = subtasks_of(source).scalar_subquery()
    return json_object(TodoRead, source.c, **fields, **computed)


ONE = Statement(
    select(read(_table).label("row")).where(
        mine(Todo), _table.c.id == parameter("id", BigInteger()), _table.c.deleted_at.is_(None)
    )
)

ROWS = Statement(
    select(_table.c.id, read(_table).label("row")).where(
        mine(Todo), _table.c.id == any_(parameter("ids", ARRAY(BigInteger)))
    )
)
"""Todos by their ids, those in the trash, too."""

DUE_KEY: Final = case(
    (_table.c.due_at.is_(None), literal_column("'infinity'::timestamptz", _INSTANT)), else_=_table.c.due_at
)
"""What is not due comes after everything that is. Not COALESCE: PostgreSQL does not know it to be leakproof, so that
row-level security would keep it out of index conditions."""
_archived = select(_list.c.id).where(mine(TodoList), _list.c.archived_at.is_not(None)).scalar_subquery()
# An array: PostgreSQL looks for these few once, from their own index, and hashes nothing.
UNARCHIVED: Final = _table.c.list_id != all_(func.array(_archived, type_=ARRAY(BigInteger)))
"""As lists of todos show them: without those in archived lists."""
_TAGGED = select(_link.c.todo_id).where(
    mine(TodoTag),
    _link.c.tag_id.in_(
        select(_tag.c.id).where(
            mine(Tag), _tag.c.name_key == any_(parameter("tags", ARRAY(Text))), _tag.c.deleted_at.is_(None)
        )
    ),
)
CONDITIONS: Final[dict[str, ColumnElement[bool]]] = {
    "priority": _table.c.priority == any_(parameter("priority", ARRAY(SmallInteger))),
    "list_id": _table.c.list_id == parameter("list_id", BigInteger()),
    "unarchived": UNARCHIVED,
    "tags_any": _table.c.id.in_(_TAGGED),
    "tags_all": _table.c.id.in_(
        _TAGGED.group_by(_link.c.todo_id).having(func.count() == func.cardinality(parameter("tags", ARRAY(Text))))
    ),
    "parent_id": _table.c.parent_id == parameter("parent_id", BigInteger()),
    "top_level": _table.c.parent_id.is_(None),
    "ids": _table.c.id == any_(parameter("ids", ARRAY(BigInteger))),
    "overdue": and_(parameter("now", _INSTANT) > DUE_KEY, _table.c.completed_at.is_(None)),
    "due_after": and_(parameter("due_after", _INSTANT) <= DUE_KEY, _table.c.due_at.is_not(None)),
    "due_before": parameter("due_before", _INSTANT) > DUE_KEY,
} | {
    f"{name}_{side}": column >= parameter(f"{name}_after", _INSTANT)
    if side == "after"
    else column < parameter(f"{name}_before", _INSTANT)
    for name, column in (
        ("created", _table.c.created_at),
        ("updated", _table.c.updated_at),
        ("completed", _table.c.completed_at),
    )
    for side in ("after", "before")
}
_STATUS: Final[dict[str, ColumnElement[bool]]] = {
    "open": and_(_table.c.deleted_at.is_(None), _table.c.completed_at.is_(None)),
    "done": and_(_table.c.deleted_at.is_(None), _table.c.completed_at.is_not(None)),
    "all": _table.c.deleted_at.is_(None),
    "trashed": _table.c.deleted_at.is_not(None),
}


LANGUAGE: Final = select(func.language_of(_user.c.locale, type_=Text())).where(_is_me).scalar_subquery()
"""The text search configuration of the user's locale."""
_matches = (
    func.search_todos(parameter("text", Text()), LANGUAGE)
    .table_valued(column("id", BigInteger), column("rank", REAL), name="matches")
    .render_derived()
)
_found = select(_matches.c.id, _matches.c.rank).cte("found").prefix_with("MATERIALIZED", dialect="postgresql")
"""The todos that have the words, with how well they match."""


_here = select(_user.c.time_zone).where(_is_me).cte("here").prefix_with("MATERIALIZED", dialect="postgresql")
"""Where the user is: looked up once, however many rows have a deadline."""


def _sort_key(sort: Sort, descending: bool) -> ColumnElement[Any]:
    keys: dict[Sort, ColumnElement[Any]] = {
        "match": _found.c.rank,
        "created": _table.c.created_at,
        "updated": _table.c.updated_at,
        # What is not due comes last in either direction.
        "due": func.coalesce(_table.c.due_at, literal_column("'-infinity'::timestamptz"), type_=_INSTANT)
        if descending
        else DUE_KEY,
        "priority": _table.c.priority,
        "title": func.lower(_table.c.title, type_=Text()),
    }
    return keys[sort]


@lru_cache(maxsize=512)
def page(status: str, conditions: frozenset[str], sort: Sort, descending: bool, after: bool) -> Statement:
    """One page and its total, in one statement: compiled once for each shape of request.

    Args:
        status: One of `Status`.
        conditions: Names of `CONDITIONS`, and `text` for a search.
        sort: What to order by; `match` only with `text`.
        descending: In which direction.
        after: Whether there is a page before it.
    """
    wanted = and_(mine(Todo), _STATUS[status], *(CONDITIONS[name] for name in sorted(conditions - {"text"})))
    key = _sort_key(sort, descending)
    source: Any = _table
    total = select(func.count()).select_from(_table).where(wanted)
    if "text" in conditions:
        # What was found is looked up once, for the total and for the page.
        hit = select(_table.c.id, key.label("key")).join(_found, _found.c.id == _table.c.id).where(wanted).cte("hit")
        total, source, key, wanted = select(func.count()).select_from(hit), hit, hit.c.key, true()
    order = [key.desc(), source.c.id.desc()] if descending else [key.asc(), source.c.id.asc()]
    rows: Select[Any] = select(source.c.id, key.label("key")).where(wanted)
    if after:
        here = tuple_(key, source.c.id)
        there = tuple_(cast(parameter("after_key", Text()), key.type), parameter("after_id", BigInteger()))
        rows = rows.where(here < there if descending else here > there)
    # One row more than the page tells whether there is a next one.
    limit = parameter("limit", Integer())
    rows = rows.order_by(*order).limit(limit + 1).offset(parameter("offset", Integer()))
    if source is _table:
        rows = rows.add_columns(read(_table, zone=_here.c.time_zone).label("row")).join(_here, true())
    else:
        chosen = rows.subquery("chosen")
        order = [chosen.c.key.desc(), chosen.c.id.desc()] if descending else [chosen.c.key.asc(), chosen.c.id.asc()]
        rows = select(chosen, read(_table, zone=_here.c.time_zone).label("row")).order_by(*order)
        rows = rows.join(_table, and_(mine(Todo), _table.c.id == chosen.c.id)).join(_here, true())
    found = rows.subquery("page")
    page_rows = func.array_to_json(func.array_agg(found.c.row, type_=ARRAY(JSON))[1:limit])
    return Statement(
        select(
            func.coalesce(page_rows, literal_column("'[]'::json")).label("rows"),
            total.scalar_subquery().label("total"),
            (func.count() > limit).label("more"),
            cast(func.array_agg(found.c.key, type_=ARRAY(key.type))[limit], Text).label("key"),
            func.array_agg(found.c.id, type_=ARRAY(BigInteger))[limit].label("id"),
            select(_here.c.time_zone).scalar_subquery().label("time_zone"),
        ).select_from(found)
    )
