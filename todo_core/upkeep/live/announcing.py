"""Tell other processes that a person's todos changed, by PostgreSQL's NOTIFY, while any of them listens.

It is sent after the commit, not inside the transaction: a commit that notifies holds a lock of the whole server until
its data is on disk, so that no two commits can share a write to disk (`docs/decisions/0009-notify-after-commit.md`).
"""

from __future__ import annotations

import asyncio
from typing import Final

from todo_core.log import structlog
from todo_core.queries import events
from todo_core.storage.database import Database
from todo_core.upkeep.background import Background

PAUSE: Final = 0.1
"""Seconds between two notifications: what changes meanwhile is told together, of each person the latest."""

_log = structlog.get_logger()


class Announcer(Background):
    """Sends the notifications of one process, many at a time when there are many."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        self._latest: dict[int, int] = {}
        """By user id, the latest change to announce."""

    def announce(self, user_id: int, change_id: int) -> None:
        """Have a change announced soon that was committed."""
        self._latest[user_id] = max(change_id, self._latest.get(user_id, 0))
        self._wake.set()

    async def _flush(self) -> None:
        latest, self._latest = self._latest, {}
        if not latest:
            return
        payloads = [f"{user_id}:{change_id}" for user_id, change_id in latest.items()]
        try:
            # Nothing is stored, so it need not wait with those that write.
            await self._database.tell(events.NOTIFY, payloads=payloads)
            await asyncio.sleep(PAUSE)
        except asyncio.CancelledError:
            self._latest = latest | self._latest
            raise
        except Exception as error:  # followers find the change in the record, at their next look
            _log.warning("notifications_lost", count=len(payloads), error=type(error).__name__)
