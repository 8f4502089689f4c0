"""Whether what was counted of a person's todos is still so, in SQL."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, ScalarSelect, Text, func, literal_column, select

from todo_core.models.changes import Change
from todo_core.models.todos import Todo
from todo_core.models.users import User
from todo_core.storage.statements import Statement, mine, parameter

_change = Change.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_user = User.__table__  # type: ignore[attr-defined]
_todo = Todo.__table__  # type: ignore[attr-defined]

_AT: Final[ColumnElement[str]] = literal_column("'@'")
_latest = (
    select(func.concat(_change.c.id, _AT, func.extract("epoch", _change.c.at)).label("newest"))
    .where(mine(Change))
    .order_by(_change.c.id.desc())
    .limit(literal_column("1"))
)
_deleted = select(func.concat(_user.c.changes_deleted_through, _AT).label("newest")).where(
    _user.c.id == parameter("user_id", BigInteger())
)
LATEST_CHANGE: Final[ScalarSelect[Any]] = _latest.scalar_subquery()
"""The same as `NEWEST`, but null where no change is left. Reads `pk_changes`."""
NEWEST: Final[ColumnElement[str]] = func.coalesce(LATEST_CHANGE, _deleted.scalar_subquery())
"""The user's newest change, as text: its id and its moment; or the last that was deleted, where none is left.

Of a database that was restored to an earlier moment the ids come again, but not the moments. Reads `pk_changes`.
"""
_standing = select(NEWEST.label("newest_change")).cte("standing").prefix_with("MATERIALIZED", dialect="postgresql")
NEWEST_CHANGE: Final[ScalarSelect[Any]] = select(_standing.c.newest_change).scalar_subquery()
"""The same, read once, however often a statement asks for it."""
IS_UNCHANGED: Final[ColumnElement[bool]] = parameter("known_change", Text()) == NEWEST_CHANGE
"""Whether it is `known_change`."""
TRASHED: Final[ScalarSelect[Any]] = (
    select(func.count()).select_from(_todo).where(mine(Todo), _todo.c.deleted_at.is_not(None)).scalar_subquery()
)
"""How many todos of the user are in the trash. Reads `ix_todos_trashed`."""

LATEST = Statement(_latest)
"""Read the newest change, as in `NEWEST`; no row where none is left. Reads `pk_changes`."""

DELETED = Statement(_deleted)
"""Read the last change that was deleted, as in `NEWEST`.

It is a statement of its own, for nearly everybody has a newest change, and PostgreSQL makes ready for all that a
statement may read.
"""

STANDING = Statement(select(NEWEST.label("newest"), TRASHED.label("trashed")))
"""Read what differs after whatever changes how many todos of the user there are, of which kind and with which names.

That is the `newest` change; but a purge of the trash records nothing: of todos that are `trashed` it makes fewer.
"""
