"""Notes on todos, in SQL.

A todo counts its notes (`todos.note_count`), so that no read looks for notes where there are none.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    DateTime,
    FromClause,
    Integer,
    Select,
    Text,
    any_,
    column,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB

from todo_core.models.notes import MAX_NOTES, Note, NoteRead, NoteRecorded
from todo_core.models.todos import Todo
from todo_core.models.tokens import ApiToken
from todo_core.storage.statements import Statement, json_object, mine, parameter

_table = Note.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_todo = Todo.__table__  # type: ignore[attr-defined]
_token = ApiToken.__table__  # type: ignore[attr-defined]
_me = parameter("user_id", BigInteger())
_id = parameter("id", BigInteger())
_ids = parameter("ids", ARRAY(BigInteger))
_MOST = literal_column(str(MAX_NOTES), Integer)


def _recorded(source: FromClause, *, is_deleted: bool) -> ColumnElement[Any]:
    """Return a note as the record of changes has it (`NoteRecorded`)."""
    return json_object(NoteRecorded, source.c, is_deleted=literal_column(str(is_deleted).lower()))


def _noted(*conditions: ColumnElement[bool]) -> CTE:
    """Count one note more on each of the todos with `ids`, and return those that take it."""
    counted = update(_todo).values(note_count=_todo.c.note_count + 1)
    counted = counted.where(mine(Todo), _todo.c.id == any_(_ids), _todo.c.note_count < _MOST, *conditions)
    return counted.returning(_todo.c.id).cte("noted")


def _add() -> Select[Any]:
    item = (
        func.jsonb_to_recordset(parameter("items", JSONB()))
        .table_valued(column("todo_id", BigInteger), column("text", Text))
        .render_derived(name="item", with_types=True)
    )
    noted = _noted(_todo.c.deleted_at.is_(None))
    named = select(_token.c.name).where(mine(ApiToken), _token.c.id == parameter("token_id", BigInteger()))
    author = func.coalesce(parameter("author", Text()), named.scalar_subquery(), parameter("otherwise", Text()))
    values = {
        "user_id": _me,
        "todo_id": item.c.todo_id,
        "text": item.c.text,
        "author": author,
        "created_at": func.statement_timestamp(),
    }
    rows = select(*(value.label(name) for name, value in values.items())).join(noted, noted.c.id == item.c.todo_id)
    added = insert(_table).from_select(list(values), rows).returning(_table).cte("added")
    return select(
        added.c.id,
        added.c.todo_id,
        json_object(NoteRead, added.c).label("row"),
        _recorded(added, is_deleted=False).label("after"),
    ).order_by(added.c.id)


ADD = Statement(_add())
"""Add a note to each of the live todos with `ids` that has room for one.

`items`: a JSON array of objects with `todo_id`, each once, and `text`. Who adds it: `author`; if that is null, the name
of the API token `token_id`; and `otherwise` without such a token.
Columns: the note's `id`, its `todo_id`, its `NoteRead` as `row` and its `NoteRecorded` as `after`.
"""

FULL = Statement(
    select(
        func.array(
            select(_todo.c.id)
            .where(mine(Todo), _todo.c.id == any_(_ids), _todo.c.note_count >= _MOST)
            .scalar_subquery(),
            type_=ARRAY(BigInteger),
        )
    )
)
"""Return those of the todos with `ids` that have no room for another note, as an array."""


def _page() -> Select[Any]:
    limit, before = parameter("limit", Integer()), parameter("before", BigInteger())
    found = (
        select(json_object(NoteRead, _table.c).label("row"), _table.c.id)
        .where(mine(Note), _table.c.todo_id == _id, _table.c.id < before)
        .order_by(_table.c.id.desc())
        .limit(limit + 1)
        .subquery("found")
    )
    rows = func.array_to_json(func.array_agg(found.c.row, type_=ARRAY(JSON))[1:limit])
    page = select(
        func.coalesce(rows, literal_column("'[]'::json")).label("rows"),
        (func.count() > limit).label("more"),
        func.array_agg(found.c.id, type_=ARRAY(BigInteger))[limit].label("last"),
    ).select_from(found)
    shown = page.subquery("page")
    return select(_todo.c.note_count.label("total"), shown).where(
        mine(Todo), _todo.c.id == _id, _todo.c.deleted_at.is_(None)
    )


PAGE = Statement(_page())
"""Read a page of the notes of the live todo `id`, the newest first; no row where there is no such todo.

At most `limit` notes whose ids are below `before`. Columns: `rows`, a JSON array of `NoteRead`; `total`, of every page;
`more`, whether there is a next page; `last`, the id of its last note. Reads `uq_todos_user_id_id` and `ix_notes_todo`.
"""


def _remove() -> Select[Any]:
    removed = delete(_table).where(mine(Note), _table.c.id == any_(_ids)).returning(_table).cte("removed")
    per_todo = select(removed.c.todo_id, func.count().label("count")).group_by(removed.c.todo_id).cte("per_todo")
    counted = (
        update(_todo)
        .values(note_count=_todo.c.note_count - per_todo.c.count)
        .where(mine(Todo), _todo.c.id == per_todo.c.todo_id)
        .cte("counted")
    )
    return select(
        removed.c.id,
        json_object(NoteRead, removed.c).label("row"),
        _recorded(removed, is_deleted=False).label("before"),
        _recorded(removed, is_deleted=True).label("after"),
    ).add_cte(counted)


REMOVE = Statement(_remove())
"""Delete the notes with `ids`, as an undo does. Columns: `row` (`NoteRead`), `before` and `after` (`NoteRecorded`)."""


def _put_back() -> Select[Any]:
    moment = DateTime(timezone=True)
    fields: dict[str, Any] = {
        "id": BigInteger,
        "todo_id": BigInteger,
        "text": Text,
        "author": Text,
        "created_at": moment,
    }
    item = (
        func.jsonb_to_recordset(parameter("items", JSONB()))
        .table_valued(*(column(name, kind) for name, kind in fields.items()))
        .render_derived(name="item", with_types=True)
    )
    given = select(item).cte("given").prefix_with("MATERIALIZED", dialect="postgresql")
    # One value for each todo, not a join: PostgreSQL has no statistics of the notes.
    more = select(func.count()).where(given.c.todo_id == _todo.c.id).correlate(_todo).scalar_subquery()
    counted = update(_todo).values(note_count=_todo.c.note_count + more)
    counted = counted.where(mine(Todo), _todo.c.id == any_(_ids), _todo.c.note_count + more <= _MOST)
    noted = counted.returning(_todo.c.id).cte("noted")
    rows = select(_me.label("user_id"), *(given.c[name] for name in fields)).join(noted, noted.c.id == given.c.todo_id)
    added = insert(_table).from_select(["user_id", *fields], rows).returning(_table).cte("added")
    return select(
        added.c.id,
        json_object(NoteRead, added.c).label("row"),
        _recorded(added, is_deleted=True).label("before"),
        _recorded(added, is_deleted=False).label("after"),
    )


PUT_BACK = Statement(_put_back())
"""Add notes again that an undo took away, in the trash too: those for which their todo is there and has room.

`items`: a JSON array of `NoteRecorded`. `ids`: the ids of their todos. Columns: as in `REMOVE`.
"""
