"""The statements of the floor and of pgbench: what a person writes by hand.

Parameters are pgbench's (`:user`); `numbered` makes them PostgreSQL's.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

_COLUMNS: Final = (
    "id, title, description, priority, completed_at IS NOT NULL AS is_completed,"
    " completed_at, created_at, updated_at, deleted_at, version"
)
_OPEN: Final = "user_id = :user AND deleted_at IS NULL AND completed_at IS NULL"

LIST: Final = (
    f"SELECT {_COLUMNS}, (SELECT count(*) FROM todos WHERE {_OPEN}) AS total"
    f" FROM todos WHERE {_OPEN} ORDER BY created_at DESC, id DESC LIMIT :limit"
)
GET: Final = f"SELECT {_COLUMNS} FROM todos WHERE user_id = :user AND id = :id AND deleted_at IS NULL"
ADD: Final = (
    "INSERT INTO todos (user_id, title, description, priority) VALUES (:user, :title, :description, :priority)"
    f" RETURNING {_COLUMNS}"
)
COMPLETE: Final = (
    "UPDATE todos SET completed_at = CASE WHEN :completed THEN now() END, updated_at = now(), version = version + 1"
    f" WHERE user_id = :user AND id = :id AND deleted_at IS NULL RETURNING {_COLUMNS}"
)

_PARAMETER: Final = re.compile(r":([a-z]+)")


@cache
def numbered(statement: str) -> str:
    """The statement with `$1`, `$2`, … for its parameters, in the order of their first use."""
    names = list(dict.fromkeys(_PARAMETER.findall(statement)))
    return _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", statement)
