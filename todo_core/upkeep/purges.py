"""Delete for good what nobody can reach any more: old trash, deleted lists and tags, expired answers for retries.

Purges run as `todo_janitor`. Row-level security shows this role nothing else, so that a mistake here cannot delete a
todo outside the trash. The change record stays.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import Integer, Interval, delete, func, select
from sqlmodel import col

from todo_core.boundary.idempotency import LIFETIME
from todo_core.models.changes import IdempotencyKey
from todo_core.models.lists import TodoList
from todo_core.models.tags import Tag
from todo_core.models.todos import Todo
from todo_core.storage.database import JANITOR_ROLE, Database
from todo_core.storage.statements import Statement, parameter

CHUNK: Final = 5_000
"""Todos that one transaction deletes, so that it holds its locks for a short time."""
INTERVAL_SECONDS: Final = 3600
"""Seconds between two purges of a server."""

_log = structlog.get_logger()
_old_trash = (
    select(col(Todo.id))
    .where(col(Todo.deleted_at) < func.now() - parameter("age", Interval()))
    .limit(parameter("chunk", Integer()))
)
_TRASH = Statement(delete(Todo).where(col(Todo.id).in_(_old_trash)).returning(col(Todo.id)))
_NAMES = [
    Statement(
        delete(kind).where(col(kind.deleted_at) < func.now() - parameter("age", Interval())).returning(col(kind.id))
    )
    for kind in (TodoList, Tag)
]
"""Delete lists and tags. A list is empty by then: its todos left it or were purged."""
_ANSWERS = Statement(
    delete(IdempotencyKey)
    .where(col(IdempotencyKey.created_at) < func.now() - LIFETIME)
    .returning(col(IdempotencyKey.created_at))
)


class Purges:
    """Deletes old trash and expired answers, on request and once an hour."""

    def __init__(self, database: Database, trash_days: int) -> None:
        """Delete nothing yet.

        Args:
            database: Where the rows are.
            trash_days: Days after which trash is deleted.
        """
        self._database = database
        self._age = timedelta(days=trash_days)

    async def purge(self) -> dict[str, int]:
        """Delete old trash and expired answers, and return the number of todos, lists, tags and answers.

        Raises:
            Unavailable: The database cannot be reached; what was purged so far stays purged.
        """
        todos = 0
        while True:
            async with self._database.begin(role=JANITOR_ROLE) as transaction:
                deleted = len(await transaction.rows(_TRASH, age=self._age, chunk=CHUNK))
            todos += deleted
            if deleted < CHUNK:
                break
        async with self._database.begin(role=JANITOR_ROLE) as transaction:
            lists, tags = [len(await transaction.rows(statement, age=self._age)) for statement in _NAMES]
        async with self._database.begin(role=JANITOR_ROLE) as transaction:
            answers = len(await transaction.rows(_ANSWERS))
        return {"todos": todos, "lists": lists, "tags": tags, "answers": answers}

    async def run(self) -> None:
        """Purge once an hour until cancelled. Log a purge that fails and try again an hour later."""
        while True:
            try:
                purged = await self.purge()
            except Exception as error:
                _log.warning("purge_postponed", error=type(error).__name__)
            else:
                _log.info("purged", **purged)
            await asyncio.sleep(INTERVAL_SECONDS)
