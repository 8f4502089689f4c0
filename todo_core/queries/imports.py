"""What an import writes, in SQL: rows with the moments that they had elsewhere."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Numeric,
    Select,
    SmallInteger,
    Text,
    Time,
    and_,
    any_,
    column,
    func,
    insert,
    literal_column,
    not_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from todo_core.models.lists import TodoList
from todo_core.models.notes import Note, NoteRecorded
from todo_core.models.tags import TodoTag
from todo_core.models.todos import Todo
from todo_core.models.users import User
from todo_core.queries.shapes import Subtasks, read, tag_names
from todo_core.storage.statements import Statement, json_object, mine, parameter

_todo = Todo.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_list = TodoList.__table__  # type: ignore[attr-defined]
_link = TodoTag.__table__  # type: ignore[attr-defined]
_note = Note.__table__  # type: ignore[attr-defined]
_user = User.__table__  # type: ignore[attr-defined]
_me = parameter("user_id", BigInteger())
_INSTANT: Final = DateTime(timezone=True)
_now = parameter("now", _INSTANT)

_present: ColumnElement[bool] = select(_todo.c.id).where(mine(Todo)).exists()
_other_lists: ColumnElement[bool] = select(_list.c.id).where(mine(TodoList), not_(_list.c.is_inbox)).exists()
ACCOUNT = Statement(
    select(
        and_(not_(_present), not_(_other_lists)).label("is_empty"),
        (_user.c.new_todos == literal_column("'first'")).label("comes_first"),
        _user.c.default_list_id,
        func.statement_timestamp().label("now"),
    ).where(_user.c.id == _me)
)
"""Read whether the user has nothing but the inbox, where new todos come, and the default list; and the moment."""

_FOUND: Final = (
    _todo.c.id,
    _todo.c.key,
    _todo.c.list_id,
    _todo.c.deleted_at.is_not(None).label("is_trashed"),
    _todo.c.completed_at.is_not(None).label("is_done"),
)
KEYED = Statement(select(*_FOUND).where(mine(Todo), _todo.c.key == any_(parameter("keys", ARRAY(Text)))))
"""Find the todos that have one of `keys`, the trash too. Reads `uq_todos_key`."""

WITH_IDS = Statement(select(*_FOUND).where(mine(Todo), _todo.c.id == any_(parameter("ids", ARRAY(BigInteger)))))
"""Find those of the todos with `ids` that the user has, the trash too; columns as in `KEYED`.

Reads `uq_todos_user_id_id`.
"""

_each = (
    func.generate_series(literal_column("1"), parameter("count", Integer())).table_valued("n").render_derived("each")
)
_next_id: ColumnElement[int] = func.nextval("todos_id_seq", type_=BigInteger())
IDS = Statement(
    select(
        func.coalesce(func.array_agg(_next_id, type_=ARRAY(BigInteger)), literal_column("'{}'::bigint[]")).label("ids")
    ).select_from(_each)
)
"""Draw the ids of `count` todos: `ids`, ascending."""


def _given(*fields: ColumnElement[Any]) -> Any:
    """Return the rows of the parameter `items`, a JSON array of objects."""
    rows = func.jsonb_to_recordset(parameter("items", JSONB())).table_valued(*fields)
    return rows.render_derived(name="item", with_types=True)


def _add_lists() -> Select[Any]:
    moments = {name: column(name, _INSTANT) for name in ("archived_at", "deleted_at", "created_at")}
    texts = {name: column(name, Text) for name in ("name", "name_key", "colour")}
    item = _given(column("n", Integer), column("position", Numeric), *texts.values(), *moments.values())
    names = ["user_id", *texts, "position", "archived_at", "deleted_at", "created_at", "updated_at"]
    rows = select(
        _me.label("user_id"),
        *(item.c[name] for name in (*texts, "position", "archived_at", "deleted_at")),
        func.coalesce(item.c.created_at, _now).label("created_at"),
        _now.label("updated_at"),
    ).order_by(item.c.n)
    added = insert(_list).from_select(names, rows).returning(_list.c.id).cte("added")
    return select(added.c.id).order_by(added.c.id)


ADD_LISTS = Statement(_add_lists())
"""Make lists, in the order of `n`, and return their ids in the same order.

`items`: a JSON array of objects with `n`, `name`, `name_key`, `colour`, `position`, `archived_at`, `deleted_at` and
`created_at`, which may be null: then it is `now`.
"""

_COPIED: Final[dict[str, Any]] = {
    "id": BigInteger,
    "title": Text,
    "description": Text,
    "priority": SmallInteger,
    "list_id": BigInteger,
    "parent_id": BigInteger,
    "follows_id": BigInteger,
    "start": Date,
    "due_date": Date,
    "due_time": Time,
    "due_at": _INSTANT,
    "repeat": JSONB,
    "place": BigInteger,
    "key": Text,
    "source": Text,
    "completed_at": _INSTANT,
    "deleted_at": _INSTANT,
    "created_at": _INSTANT,
    "note_count": Integer,
}
"""Columns of a todo that an import writes as they are."""


def _add_todos() -> Select[Any]:
    counts = [column(name, BigInteger) for name in ("open_subtasks", "live_subtasks")]
    given = _given(
        *(column(name, kind) for name, kind in _COPIED.items()), column("tag_ids", ARRAY(BigInteger)), *counts
    )
    item = select(given).cte("items").prefix_with("MATERIALIZED", dialect="postgresql")
    language = select(func.language_of(_user.c.locale)).where(_user.c.id == _me).scalar_subquery()
    rows = select(
        _me.label("user_id"), language.label("language"), _now.label("updated_at"), *(item.c[name] for name in _COPIED)
    )
    names = ["user_id", "language", "updated_at", *_COPIED]
    added = insert(_todo).from_select(names, rows).returning(_todo).cte("added")
    links = select(_me.label("user_id"), item.c.id, func.unnest(item.c.tag_ids).label("tag_id"))
    linked = insert(_link).from_select(["user_id", "todo_id", "tag_id"], links).cte("linked")
    after = read(
        added,
        zone=parameter("zone", Text()),
        tags=tag_names(item.c.tag_ids),
        subtasks=Subtasks(open=item.c.open_subtasks, live=item.c.live_subtasks),
    )
    joined = added.join(item, item.c.id == added.c.id)
    return select(added.c.id, after.label("after")).select_from(joined).order_by(added.c.id).add_cte(linked)


ADD_TODOS = Statement(_add_todos())
"""Make todos whose ids were drawn by `IDS`.

`items`: a JSON array of objects with the columns of each as they are stored, its tags in `tag_ids`, and how many
subtasks it has by the same import that are outside the trash (`live_subtasks`), and open (`open_subtasks`). `now`: the
moment of the import. `zone`: the user's time zone.
Columns: the `id` of each, ascending, and `after`, its `TodoRead`.
"""


_after = _given(column("id", BigInteger), column("follows_id", BigInteger))
FOLLOW = Statement(
    update(_todo)
    .values(follows_id=_after.c.follows_id)
    .where(mine(Todo), _todo.c.id == any_(parameter("ids", ARRAY(BigInteger))), _todo.c.id == _after.c.id)
)
"""Say of todos with `ids` that were just made which todo each follows.

`items`: a JSON array of objects with `id` and `follows_id`: todos that were made after them. Reads
`uq_todos_user_id_id`.
"""


def _add_notes() -> Select[Any]:
    item = _given(
        column("n", Integer),
        column("todo_id", BigInteger),
        column("text", Text),
        column("author", Text),
        column("created_at", _INSTANT),
    )
    rows = select(
        _me.label("user_id"),
        item.c.todo_id,
        item.c.text,
        item.c.author,
        func.coalesce(item.c.created_at, _now).label("created_at"),
    ).order_by(item.c.n)
    names = ["user_id", "todo_id", "text", "author", "created_at"]
    added = insert(_note).from_select(names, rows).returning(_note).cte("added")
    after = json_object(NoteRecorded, added.c, is_deleted=literal_column("false"))
    return select(added.c.id, after.label("after")).order_by(added.c.id)


ADD_NOTES = Statement(_add_notes())
"""Add notes, in the order of `n`, to todos that count them already (`note_count`).

`items`: a JSON array of objects with `n`, `todo_id`, `text`, `author` and `created_at`, which may be null: then it is
`now`. Columns: the `id` of each, and `after`, its `NoteRecorded`.
"""
