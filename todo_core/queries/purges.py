"""What nobody can reach any more, deleted for good, in SQL, as `todo_janitor`.

Its row-level security shows only what is in the trash, deleted lists and tags, and expired answers.
"""

from __future__ import annotations

from sqlalchemy import Integer, Interval, Table, delete, func, select

from todo_core.models.changes import IdempotencyKey
from todo_core.models.lists import TodoList
from todo_core.models.tags import Tag
from todo_core.models.todos import Todo
from todo_core.queries.idempotency import LIFETIME
from todo_core.storage.statements import Statement, parameter

_todo = Todo.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_list = TodoList.__table__  # type: ignore[attr-defined]
_tag = Tag.__table__  # type: ignore[attr-defined]
_answer = IdempotencyKey.__table__  # type: ignore[attr-defined]
_before = func.now() - parameter("age", Interval())


def _deleted(table: Table) -> Statement:
    return Statement(delete(table).where(table.c.deleted_at < _before).returning(table.c.id))


_old_trash = select(_todo.c.id).where(_todo.c.deleted_at < _before).limit(parameter("chunk", Integer()))
TODOS = Statement(delete(_todo).where(_todo.c.id.in_(_old_trash)).returning(_todo.c.id))
"""Delete todos that have been in the trash longer than `age`, at most `chunk` of them. Reads `ix_todos_trashed`."""

LISTS = _deleted(_list)
"""Delete lists that were deleted longer than `age` ago; they are empty by now."""

TAGS = _deleted(_tag)
"""Delete tags that were deleted longer than `age` ago, with what is left of their links."""

ANSWERS = Statement(delete(_answer).where(_answer.c.created_at < func.now() - LIFETIME).returning(_answer.c.created_at))
"""Delete answers that have expired. Reads `ix_idempotency_keys_created_at`."""
