"""Remember the days on which a user was here, for streaks.

A request only leaves a note in memory; one task of the process writes it down, once for each user and day. What
is lost with the database or the process, the user's next call brings again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from cachetools import LRUCache

from todo_core.dates import start_of_day
from todo_core.queries import analytics, users
from todo_core.storage.database import Database
from todo_core.upkeep.background import Background

REMEMBERED: Final = 10_000
"""Users whose day is known to be written down, and at most as many whose day is to be."""

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_log = structlog.get_logger()


class Activity(Background):
    """Writes down the days of a process's users."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        super().__init__()
        self._database = database
        self._clock = clock
        self._until: LRUCache[int, datetime] = LRUCache(REMEMBERED)
        """When the day that was written down ends, where the user is."""
        self._waiting: dict[int, datetime] = {}

    def seen(self, user_id: int) -> None:
        """Have it written down, soon, that the user is here today, unless it was."""
        now = self._clock()
        if now < self._until.get(user_id, _LONG_AGO) or user_id in self._waiting or len(self._waiting) >= REMEMBERED:
            return
        self._waiting[user_id] = now
        self._wake.set()

    def moved(self, user_id: int) -> None:
        """The user has another time zone: the day may be another one."""
        self._until.pop(user_id, None)

    async def _flush(self) -> None:
        while self._waiting:
            user_id, at = next(iter(self._waiting.items()))
            try:
                self._until[user_id] = await self._write(user_id, at)
            except Exception as error:  # each of them comes again with the user's next call
                _log.warning("activity_lost", count=len(self._waiting), error=type(error).__name__)
                self._waiting.clear()
                return
            del self._waiting[user_id]

    async def _write(self, user_id: int, at: datetime) -> datetime:
        """Write down the user's day of a moment; when that day ends."""
        async with self._database.begin(user_id=user_id) as transaction:
            zone = ZoneInfo(await transaction.value(users.ZONE))
            today = at.astimezone(zone).date()
            await transaction.rows(analytics.SEEN, day=today)
        return start_of_day(today + timedelta(days=1), zone)
