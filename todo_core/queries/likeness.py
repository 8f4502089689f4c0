"""Open todos that may look the same as new ones, in SQL."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Text,
    any_,
    case,
    collate,
    column,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from todo_core.models.lists import TodoList
from todo_core.models.todos import Todo
from todo_core.storage.statements import Columns, Statement, mine, parameter

_table = Todo.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_list = TodoList.__table__  # type: ignore[attr-defined]
_there = _table.alias("there")
_IDS: Final = ARRAY(BigInteger)
_WORDS: Final = ARRAY(Text)
_MOST: Final[ColumnElement[int]] = literal_column("8")
"""Most todos that are looked at for one; of those with the same words, and of all together."""


def alike_to(new: Columns) -> ColumnElement[Any]:
    """Return the ids of open todos that may look the same as a new one, some of them twice: those with its `alike_key`.

    As JSON: of an array of `bigint` asyncpg asks PostgreSQL what it is, once for each connection.

    Those with its `same_key` come first, for of the others there may be more than are looked at. Without an order: the
    planner might take it from another index than `ix_todos_open_alike`.

    Args:
        new: Columns of the enclosing query: `alike_key` and `same_key` of the new todo.
    """
    ids = select(_there.c.id).where(
        mine(_there),
        _there.c.deleted_at.is_(None),
        _there.c.completed_at.is_(None),
        _there.c.alike_key == new.alike_key,
    )
    same = ids.where(_there.c.same_key == new.same_key).limit(_MOST).correlate_except(_there)
    alike = ids.limit(_MOST).correlate_except(_there)
    both: ColumnElement[list[int]] = func.array_cat(
        func.array(same.scalar_subquery(), type_=_IDS), func.array(alike.scalar_subquery(), type_=_IDS), type_=_IDS
    )
    return func.to_json(both)


# Most todos that look the same have the same title, and to make the words of one takes longer than to read ten.
_nth = func.row_number().over(partition_by=collate(_table.c.title, "C"))
_is_first = _nth == literal_column("1")
LOOKS = Statement(
    select(
        _table.c.id,
        _table.c.title,
        _table.c.parent_id,
        _table.c.list_id,
        _list.c.name.label("list"),
        case((_is_first, func.telling_words(_table.c.title, type_=_WORDS))).label("words"),
    )
    .select_from(_table.join(_list, _list.c.id == _table.c.list_id))
    .where(mine(Todo), mine(TodoList), _table.c.id == any_(parameter("ids", _IDS)), _list.c.archived_at.is_(None))
)
"""Read how the todos with `ids` look; those in archived lists are left out.

Columns: `id`, `title`, `parent_id`, `list_id`, `list`, its name, and `words`, the telling ones of the title. Of todos
with the same title one alone has them, the others null.
"""

_titles = (
    func.unnest(parameter("titles", _WORDS))
    .table_valued(column("title", Text), with_ordinality="n")
    .render_derived("given")
)
_keys = (
    func.likeness_keys(_titles.c.title)
    .table_valued(column("alike_key", BigInteger), column("same_key", BigInteger))
    .render_derived("keys")
    .lateral()
)
_asked = (
    select(
        _titles.c.n.cast(Integer).label("n"),
        func.telling_words(_titles.c.title, type_=_WORDS).label("words"),
        _keys.c.alike_key,
        _keys.c.same_key,
    )
    .select_from(_titles.join(_keys, literal_column("true")))
    .subquery("asked")
)
ALIKE = Statement(select(_asked.c.n, _asked.c.words, _asked.c.alike_key, alike_to(_asked.c).label("alike")))
"""Look for open todos that may look the same as new ones with `titles`.

Columns: `n`, the place of the title, from 1; the telling `words` of the title; `alike_key`, which titles share that may
look the same; `alike`, ids as JSON, some of them twice. Reads `ix_todos_open_alike`.
"""
