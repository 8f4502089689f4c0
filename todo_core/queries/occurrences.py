"""Occurrences of repeating todos, in SQL."""

from __future__ import annotations

from sqlalchemy import BigInteger, any_, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from todo_core.models.todos import Todo
from todo_core.queries.shapes import read
from todo_core.storage.statements import Statement, mine, parameter

_table = Todo.__table__  # type: ignore[attr-defined]  # SQLModel sets it

_ids = parameter("ids", ARRAY(BigInteger))

FOLLOWING = Statement(
    select(_table.c.follows_id, read(_table).label("row"))
    .where(
        mine(Todo),
        _table.c.follows_id == any_(_ids),
        _table.c.deleted_at.is_(None),
    )
    .order_by(_table.c.id)
)
"""Read the live todos that are the next occurrences of the todos with `ids`, where these were made already.

Columns: `follows_id`, one of `ids`; `row`, the `TodoRead` of the next occurrence. Reads `ix_todos_follows`.
"""

_released = (
    update(_table).values(key=None).where(mine(Todo), _table.c.id == any_(_ids)).returning(_table).cte("released")
)
RELEASE_KEYS = Statement(select(_released.c.id, read(_released).label("row")))
"""Take their keys from the todos with `ids`, which this transaction has written already: the version stays.

Columns: `row`, their `TodoRead`. Reads `uq_todos_user_id_id`.
"""
