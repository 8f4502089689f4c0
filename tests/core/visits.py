"""How many rows PostgreSQL comes to while it runs the statements of a test: a measure that no busy machine changes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg
import pytest

from todo_core.storage.connection import Connection

_PASSED_BY: Final = ("Rows Removed by Filter", "Rows Removed by Join Filter", "Rows Removed by Index Recheck")


@dataclass
class Visits:
    """The rows that statements came to."""

    rows: int = 0


@contextmanager
def counted() -> Iterator[Visits]:
    """Count the rows that the steps of each plan give or pass by, for every statement of this test.

    Each statement runs twice, the first time to be counted; what that does is rolled back.
    """
    visits = Visits()
    counting = ContextVar("counting", default=False)
    original, original_ask = asyncpg.Connection.fetch, Connection.ask

    async def ask(self: Connection, query: str, arguments: Sequence[Any], *, keep: bool) -> list[asyncpg.Record]:
        if not keep and counting.get():
            visits.rows += await _count(self, query, arguments)
        return await original_ask(self, query, arguments, keep=keep)

    async def fetch(self: asyncpg.Connection, query: str, *args: Any, **more: Any) -> Any:
        if counting.get():
            visits.rows += await _count(self, query, args)
        return await original(self, query, *args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncpg.Connection, "fetch", fetch)
        patch.setattr(Connection, "ask", ask)
        token = counting.set(True)
        try:
            yield visits
        finally:
            counting.reset(token)


async def _count(connection: asyncpg.Connection, query: str, args: Sequence[Any]) -> int:
    """Run a statement, planned as a prepared one is, and return how many rows it came to."""
    given = f"({', '.join(map(_literal, args))})" if args else ""
    async with _nothing_stays(connection):
        await connection.execute(f"PREPARE counted AS {query}")
        plan = await connection.fetchval(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) EXECUTE counted{given}")
    return _rows(json.loads(plan)[0]["Plan"])


@asynccontextmanager
async def _nothing_stays(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Undo at the end what the block writes and prepares. Outside a transaction it only reads."""
    is_in_transaction = connection.is_in_transaction()
    if is_in_transaction:
        await connection.execute("SAVEPOINT counting")
    yield
    if is_in_transaction:
        await connection.execute("ROLLBACK TO counting")
    await connection.execute("DEALLOCATE counted")


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool | int):
        return str(value)
    if isinstance(value, list):
        value = "{" + ",".join("NULL" if item is None else json.dumps(str(item)) for item in value) + "}"
    if isinstance(value, datetime):
        value = value.isoformat()
    return "'" + str(value).replace("'", "''") + "'"


def _rows(node: dict[str, Any]) -> int:
    """Return the rows of a step of a plan, each time that it runs, and of the steps below it."""
    rows = node["Actual Rows"] + sum(node.get(name, 0) for name in _PASSED_BY)
    return round(rows * node["Actual Loops"]) + sum(map(_rows, node.get("Plans", ())))
