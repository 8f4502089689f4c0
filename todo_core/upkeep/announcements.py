"""Wake listeners after a user's todos changed, with PostgreSQL's NOTIFY.

It is sent after the commit, not inside the transaction: a commit that notifies holds a lock of the whole database until
its data is on disk, so that no two commits can share a write to disk (`docs/decisions/0009-notify-after-commit.md`).
Listeners read the change record, which is complete. A notification only wakes them, so a user's latest one replaces
those before it.
"""

from __future__ import annotations

import asyncio

import structlog
from cachetools import LRUCache

from todo_core.queries.announcements import NOTIFY
from todo_core.storage.database import Database
from todo_core.upkeep.background import Background

_log = structlog.get_logger()


class Announcer(Background):
    """Sends the notifications of one process, many at a time when there are many."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        self._latest: dict[int, int] = {}
        """By user id, the latest change to announce."""
        self._announced: LRUCache[int, int] = LRUCache(10_000)
        """By user id, the latest change that was announced."""

    def announce(self, user_id: int, change_id: int) -> None:
        """Have the committed change announced soon, unless the user's announcements are past it."""
        if change_id <= self._announced.get(user_id, 0):
            return
        self._latest[user_id] = max(change_id, self._latest.get(user_id, 0))
        self._wake.set()

    async def _flush(self) -> None:
        latest, self._latest = self._latest, {}
        if not latest:
            return
        payloads = [f"{user_id}:{change_id}" for user_id, change_id in latest.items()]
        try:
            async with self._database.begin() as transaction:
                await transaction.rows(NOTIFY, payloads=payloads)
            self._announced.update(latest)
        except asyncio.CancelledError:
            self._latest = latest | self._latest
            raise
        except Exception as error:  # listeners find the change in the record, later
            _log.warning("notifications_lost", count=len(payloads), error=type(error).__name__)
