"""Tell listeners that a user's todos changed, with PostgreSQL's NOTIFY.

Not inside the writing transaction: a commit that notifies holds a lock of the whole database
until its data is on disk, so that no two commits can share a write to disk (see
`docs/decisions/0009-notify-after-commit.md`). The record of changes is what listeners read, and it is
complete; a notification only wakes them, and the latest one of a user says it all.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog
from cachetools import LRUCache
from sqlalchemy import Text, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from todo_core.storage.database import Database
from todo_core.storage.statements import Statement, parameter
from todo_core.upkeep.background import Background

CHANNEL: Final = "todo_changes"
"""The payload is `<user id>:<change id>`, the user's latest change."""

_log = structlog.get_logger()
_NOTIFY = Statement(select(func.pg_notify(CHANNEL, func.unnest(parameter("payloads", ARRAY(Text))))))


class Announcer(Background):
    """Sends the notifications of one process, many at a time when there are many."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        self._latest: dict[int, int] = {}
        self._told: LRUCache[int, int] = LRUCache(10_000)

    def announce(self, user_id: int, change_id: int) -> None:
        """Say, soon, that `change_id` was committed, unless a later one was told already."""
        if change_id <= self._told.get(user_id, 0):
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
                await transaction.rows(_NOTIFY, payloads=payloads)
            self._told.update(latest)
        except asyncio.CancelledError:
            self._latest = latest | self._latest
            raise
        except Exception as error:  # the record has it: listeners find it there
            _log.warning("notifications_lost", count=len(payloads), error=type(error).__name__)
