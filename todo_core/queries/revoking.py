"""Secrets that end: when an API token works, and how it and a calendar address are revoked, once."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from sqlalchemy import CTE, ColumnElement, Select, Table, and_, case, func, or_, select, update

from todo_core.storage.statements import json_object, mine


def is_live(tokens: Any) -> ColumnElement[bool]:
    """Return the condition that an API token works: it is neither revoked nor expired.

    Args:
        tokens: Columns of `api_tokens`.
    """
    return and_(tokens.revoked_at.is_(None), or_(tokens.expires_at.is_(None), tokens.expires_at > func.now()))


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
