"""Secrets that end: how an API token and a calendar address are revoked, once."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from sqlalchemy import CTE, Select, Table, case, func, select, update

from todo_core.storage.statements import json_object, mine


def revoke(table: Table, stored: CTE, shape: type[BaseModel]) -> Select[Any]:
    """Return the query that revokes rows, but none of them twice.

    Its columns: `id`, `before`, and `after`, which is null where the row was revoked already.

    Args:
        table: Has the rows.
        stored: Those to revoke, as they are, locked.
        shape: The read shape of `before` and `after`.
    """
    revoked = (
        update(table)
        .values(revoked_at=func.statement_timestamp())
        .where(mine(table), table.c.id == stored.c.id, stored.c.revoked_at.is_(None))
        .returning(table)
        .cte("revoked")
    )
    return select(
        stored.c.id,
        json_object(shape, stored.c).label("before"),
        case((revoked.c.id.is_not(None), json_object(shape, revoked.c))).label("after"),
    ).select_from(stored.outerjoin(revoked, revoked.c.id == stored.c.id))
