"""What all forms of an export read of its snapshot."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

from todo_core.boundary.operation import Tx
from todo_core.queries import exports as queries
from todo_core.queries import users
from todo_core.storage.statements import Statement

SIZE: Final = 200
"""Rows of a chunk: of todos with the longest texts two megabytes."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who has what is exported, and the moment of it."""

    profile: str
    """`ProfileRead` as JSON."""
    time_zone: str
    now: datetime
    """In UTC."""

    @classmethod
    async def of(cls, tx: Tx) -> Owner:
        """Read the caller's."""
        profile: str = (await tx.one(users.ONE))["row"]
        return cls(profile, orjson.loads(profile)["time_zone"], tx.core.clock())

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.time_zone)


def installation(secret: bytes) -> str:
    """Return what names an installation in what it exports; another one has another (RFC 7986, section 5.3).

    Args:
        secret: The installation's.
    """
    return f"{hashlib.blake2b(secret, digest_size=8, person=b'uid').hexdigest()}.todo-mcp"


def rows_of(tx: Tx, statement: Statement, *, size: int = SIZE, **given: Any) -> AsyncIterator[list[str]]:
    """Yield the rows of a statement as JSON texts, a chunk at a time."""
    return tx.stream(statement, size=size, **given)


async def list_names(tx: Tx) -> dict[int, str]:
    """Return the names of all lists, by id."""
    return {row["id"]: row["name"] async for rows in rows_of(tx, queries.LISTS) for row in map(orjson.loads, rows)}


async def todos_of(tx: Tx, owner: Owner) -> AsyncIterator[list[dict[str, Any]]]:
    """Yield the todos (`ExportedTodo`), a chunk at a time."""
    async for rows in rows_of(tx, queries.TODOS, zone=owner.time_zone):
        yield [orjson.loads(row) for row in rows]
