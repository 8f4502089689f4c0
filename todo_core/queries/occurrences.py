"""Occurrences of repeating todos, in SQL."""

from __future__ import annotations

from sqlalchemy import BigInteger, any_, select
from sqlalchemy.dialects.postgresql import ARRAY

from todo_core.models.todos import Todo
from todo_core.queries.todos import read
from todo_core.storage.statements import Statement, mine, parameter

_table = Todo.__table__  # type: ignore[attr-defined]  # SQLModel sets it

FOLLOWING = Statement(
    select(_table.c.follows_id, read(_table).label("row"))
    .where(
        mine(Todo),
        _table.c.follows_id == any_(parameter("ids", ARRAY(BigInteger))),
        _table.c.deleted_at.is_(None),
    )
    .order_by(_table.c.id)
)
"""Read the live todos that are the next occurrences of the todos with `ids`, where these were made already.

Columns: `follows_id`, one of `ids`; `row`, the `TodoRead` of the next occurrence. Reads `ix_todos_follows`.
"""
