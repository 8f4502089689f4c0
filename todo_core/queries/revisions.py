"""Todos as they are written, in SQL: made, changed, and their families looked at."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Integer,
    SmallInteger,
    Text,
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
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from todo_core.models.lists import TodoList
from todo_core.models.tags import Tag, TodoTag
from todo_core.models.todos import Todo
from todo_core.models.users import User
from todo_core.queries.todos import LANGUAGE, read, tag_names
from todo_core.storage.statements import Statement, mine, parameter

_table = Todo.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_list = TodoList.__table__  # type: ignore[attr-defined]
_tag = Tag.__table__  # type: ignore[attr-defined]
_link = TodoTag.__table__  # type: ignore[attr-defined]
_user = User.__table__  # type: ignore[attr-defined]
_me = parameter("user_id", BigInteger())
_INSTANT = DateTime(timezone=True)

_chosen = (
    select(_list.c.id)
    .join(_user, _user.c.default_list_id == _list.c.id)
    .where(mine(TodoList), _user.c.id == _me, _list.c.deleted_at.is_(None), _list.c.archived_at.is_(None))
)
_inbox = select(_list.c.id).where(mine(TodoList), _list.c.is_inbox)
DEFAULT_LIST: Final = func.coalesce(_chosen.scalar_subquery(), _inbox.scalar_subquery())
"""The list of a todo for which none was named: the one chosen in the profile, or the inbox."""

_given = (
    func.jsonb_to_recordset(parameter("items", JSONB()))
    .table_valued(
        column("n", Integer),
        column("title", Text),
        column("description", Text),
        column("priority", SmallInteger),
        column("list_id", BigInteger),
        column("parent_id", BigInteger),
        column("parent_n", Integer),
        column("due_on", Date),
        column("due_at", _INSTANT),
        column("repeat", JSONB),
        column("follows_id", BigInteger),
        column("tag_ids", ARRAY(BigInteger)),
        name="given",
    )
    .render_derived(with_types=True)
)
FOLLOWING = Statement(
    select(_table.c.follows_id, read(_table).label("row"))
    .where(
        mine(Todo),
        _table.c.follows_id == any_(parameter("ids", ARRAY(BigInteger))),
        _table.c.deleted_at.is_(None),
    )
    .order_by(_table.c.id)
)
"""The next occurrences of todos, where they were made already."""

_ordered = select(_given).order_by(_given.c.n).subquery("ordered")
_item = (
    select(func.nextval("todos_id_seq", type_=BigInteger()).label("id"), _ordered)
    .cte("item")
    .prefix_with("MATERIALIZED", dialect="postgresql")
)
_above = _item.alias("above")
_ADDED: Final[dict[str, ColumnElement[Any]]] = {
    "id": _item.c.id,
    "user_id": _me,
    "title": _item.c.title,
    "description": _item.c.description,
    "priority": _item.c.priority,
    "list_id": func.coalesce(_item.c.list_id, DEFAULT_LIST),
    "parent_id": func.coalesce(
        _item.c.parent_id, select(_above.c.id).where(_above.c.n == _item.c.parent_n).scalar_subquery()
    ),
    "due_on": _item.c.due_on,
    "due_at": _item.c.due_at,
    "repeat": _item.c.repeat,
    "follows_id": _item.c.follows_id,
    "language": LANGUAGE,
    "created_at": func.statement_timestamp(),
    "updated_at": func.statement_timestamp(),
}
_new = (
    insert(_table)
    .from_select(list(_ADDED), select(*(value.label(name) for name, value in _ADDED.items())).select_from(_item))
    .returning(_table)
    .cte("new")
)
_linked = (
    insert(_link)
    .from_select(["user_id", "todo_id", "tag_id"], select(_me, _item.c.id, func.unnest(_item.c.tag_ids)))
    .cte("linked")
)
_below = _item.alias("below")
ADD = Statement(
    select(
        _new.c.id,
        read(
            _new,
            tags=tag_names(_item.c.tag_ids),
            open_subtasks=select(func.count()).where(_below.c.parent_n == _item.c.n).correlate(_item).scalar_subquery(),
        ).label("after"),
    )
    .join(_item, _item.c.id == _new.c.id)
    .order_by(_item.c.n)
    .add_cte(_linked)
)


_patch = (
    func.jsonb_array_elements(parameter("items", JSONB()))
    .table_valued(column("patch", JSONB), with_ordinality="n", name="item")
    .render_derived()
)
_wanted = select(
    _patch.c.n,
    _patch.c.patch,
    _patch.c.patch["id"].astext.cast(BigInteger).label("id"),
    _patch.c.patch["if_version"].label("if_version"),
).cte("wanted")
_live_tags = (
    select(_link.c.tag_id)
    .join(_tag, _tag.c.id == _link.c.tag_id)
    .where(mine(TodoTag), mine(Tag), _link.c.todo_id == _table.c.id, _tag.c.deleted_at.is_(None))
    .order_by(_link.c.tag_id)
    .correlate(_table)
)
_old = (
    select(
        _table,
        func.array(_live_tags.scalar_subquery(), type_=ARRAY(BigInteger)).label("tag_ids"),
        _wanted.c.n,
        _wanted.c.patch,
        _wanted.c.if_version,
    )
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


def _patched(name: str, kind: Any) -> ColumnElement[Any]:
    """The patch's value where it names the field, else the old one."""
    value = (
        func.nullif(_old.c.patch[name], literal_column("'null'::jsonb")) if kind is JSONB else _old.c.patch[name].astext
    )
    return case(
        (_old.c.patch.has_key(name), value if kind is Text or kind is JSONB else value.cast(kind)), else_=_old.c[name]
    )


def _moment(name: str, flag: str) -> ColumnElement[Any]:
    """A date that a flag sets (keeping the first moment) or clears; an undo names the date itself."""
    return case(
        (_old.c.patch.has_key(name), _old.c.patch[name].astext.cast(_INSTANT)),
        (_old.c.patch[flag].astext.cast(Boolean), func.coalesce(_old.c[name], func.statement_timestamp())),
        (_old.c.patch.has_key(flag), None),
        else_=_old.c[name],
    )


_wanted_tags = func.translate(_old.c.patch["tag_ids"].astext, "[]", "{}").cast(ARRAY(BigInteger))
PATCHABLE: Final[dict[str, ColumnElement[Any]]] = {
    "title": _patched("title", Text),
    "description": _patched("description", Text),
    "priority": _patched("priority", SmallInteger),
    "list_id": _patched("list_id", BigInteger),
    "parent_id": _patched("parent_id", BigInteger),
    "due_on": _patched("due_on", Date),
    "due_at": _patched("due_at", _INSTANT),
    "repeat": _patched("repeat", JSONB),
    "completed_at": _moment("completed_at", "is_completed"),
    "deleted_at": _moment("deleted_at", "is_deleted"),
}
"""The columns that a change can set, as the change sets them."""
_next = (
    select(
        _old.c.id,
        _old.c.tag_ids.label("old_tag_ids"),
        case((_old.c.patch.has_key("tag_ids"), _wanted_tags), else_=_old.c.tag_ids).label("tag_ids"),
        *(value.label(name) for name, value in PATCHABLE.items()),
    )
    .where(or_(_old.c.if_version.is_(None), _old.c.if_version.contains(func.to_jsonb(_old.c.version))))
    .cte("next")
)
_revised = (
    update(_table)
    .values(
        {name: _next.c[name] for name in PATCHABLE}
        | {"language": LANGUAGE, "version": _table.c.version + 1, "updated_at": func.statement_timestamp()}
    )
    .where(
        mine(Todo),
        _table.c.id == _next.c.id,
        or_(
            tuple_(*(_table.c[name] for name in PATCHABLE)).is_distinct_from(
                tuple_(*(_next.c[name] for name in PATCHABLE))
            ),
            _next.c.tag_ids != _next.c.old_tag_ids,
        ),
    )
    .returning(_table)
    .cte("revised")
)
_taken = (
    _link.delete()
    .where(
        mine(TodoTag),
        _link.c.todo_id == _next.c.id,
        # A link to a deleted tag stays: the tag may come back.
        _link.c.tag_id == any_(_next.c.old_tag_ids),
        _link.c.tag_id != func.all(_next.c.tag_ids),
    )
    .cte("taken")
)
_tag_id = func.unnest(_next.c.tag_ids).column_valued("tag_id")
_given_tags = (
    insert(_link)
    .from_select(
        ["user_id", "todo_id", "tag_id"],
        select(_me, _next.c.id, _tag_id).where(_tag_id != func.all(_next.c.old_tag_ids)),
    )
    .cte("given_tags")
)
_child = _table.alias("child")
_sibling = _next.alias("sibling")
_subtasks_now = (
    # Of the rows below, those that this statement leaves alone count as they are in the table.
    select(func.count())
    .where(
        mine(_child),
        _child.c.parent_id == _revised.c.id,
        _child.c.completed_at.is_(None),
        _child.c.deleted_at.is_(None),
        _child.c.id.not_in(select(_sibling.c.id)),
    )
    .correlate(_revised)
    .scalar_subquery()
    + select(func.count())
    .where(_sibling.c.parent_id == _revised.c.id, _sibling.c.completed_at.is_(None), _sibling.c.deleted_at.is_(None))
    .correlate(_revised)
    .scalar_subquery()
)
REVISE = Statement(
    select(
        _old.c.id,
        _old.c.version,
        read(_old, tags=tag_names(_old.c.tag_ids)).label("before"),
        case(
            (
                _revised.c.id.is_not(None),
                read(_revised, tags=tag_names(_next.c.tag_ids), open_subtasks=_subtasks_now),
            )
        ).label("after"),
    )
    .select_from(
        _wanted.outerjoin(_old, _old.c.n == _wanted.c.n)
        .outerjoin(_next, _next.c.id == _old.c.id)
        .outerjoin(_revised, _revised.c.id == _old.c.id)
    )
    .order_by(_wanted.c.n)
    .add_cte(_taken, _given_tags)
)
