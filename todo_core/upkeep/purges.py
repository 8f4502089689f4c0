"""Delete for good what nobody can reach any more: old trash, deleted lists and tags, expired answers for retries.

Purges run as `todo_janitor`. Row-level security shows this role nothing else, so that a mistake here cannot delete a
todo outside the trash. The change record stays.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

import structlog

from todo_core.queries import purges as queries
from todo_core.storage.database import JANITOR_ROLE, Database

CHUNK: Final = 5_000
"""Todos that one transaction deletes, so that it holds its locks for a short time."""
INTERVAL_SECONDS: Final = 3600
"""Seconds between two purges of a server."""

_log = structlog.get_logger()


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
                deleted = len(await transaction.rows(queries.TODOS, age=self._age, chunk=CHUNK))
            todos += deleted
            if deleted < CHUNK:
                break
        async with self._database.begin(role=JANITOR_ROLE) as transaction:
            lists = len(await transaction.rows(queries.LISTS, age=self._age))
            tags = len(await transaction.rows(queries.TAGS, age=self._age))
        async with self._database.begin(role=JANITOR_ROLE) as transaction:
            answers = len(await transaction.rows(queries.ANSWERS))
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
