"""Store the days on which a user sent requests, for streaks.

A request only notes its user in memory; one task of the process stores the day, once for each user and day. A note
that is lost, with the process or because the database cannot be reached, is made again by the user's next request.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from todo_core.boundary.latest import Latest
from todo_core.dates import start_of_day
from todo_core.log import structlog
from todo_core.queries import users
from todo_core.storage.database import Database
from todo_core.upkeep.background import Background

REMEMBERED: Final = 10_000
"""Most users for whom it is remembered that today is stored, and most whose day waits to be stored."""

_log = structlog.get_logger()


class Activity(Background):
    """Stores the days of the users of one process."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        """Store nothing yet.

        Args:
            database: Where days are stored.
            clock: Returns the present moment, with a time zone.
        """
        super().__init__()
        self._database = database
        self._clock = clock
        self._day_ends: Latest[int, datetime] = Latest(REMEMBERED)
        """By user id, when the last stored day ends in the user's time zone."""
        self._waiting: dict[int, datetime] = {}
        """By user id, the moment of a request on a day that is not stored."""

    def seen(self, user_id: int) -> None:
        """Note that the user sent a request now, unless today is stored or noted."""
        now = self._clock()
        day_ends = self._day_ends.get(user_id)
        is_stored = day_ends is not None and now < day_ends
        if is_stored or user_id in self._waiting or len(self._waiting) >= REMEMBERED:
            return
        self._waiting[user_id] = now
        self._wake.set()

    def forget(self, user_id: int) -> None:
        """Forget a user who is gone."""
        self._day_ends.pop(user_id, None)
        self._waiting.pop(user_id, None)

    def moved(self, user_id: int) -> None:
        """Forget which day is stored: the user's time zone changed, and with it perhaps the date."""
        self._day_ends.pop(user_id, None)

    async def _flush(self) -> None:
        while self._waiting:
            user_id, at = next(iter(self._waiting.items()))
            try:
                self._day_ends[user_id] = await self._store(user_id, at)
            except Exception as error:  # the next request of each user notes it again
                _log.warning("activity_lost", count=len(self._waiting), error=type(error).__name__)
                self._waiting.clear()
                return
            self._waiting.pop(user_id, None)

    async def _store(self, user_id: int, at: datetime) -> datetime:
        """Store the user's day at a moment, and return when that day ends."""
        async with self._database.begin(user_id=user_id, upkeep=True) as transaction:
            zone = ZoneInfo(await transaction.value(users.ZONE))
            today = at.astimezone(zone).date()
            await transaction.rows(users.SEEN, day=today)
        return _end_of(today, zone)


@lru_cache(maxsize=256)
def _end_of(day: date, zone: ZoneInfo) -> datetime:
    """Return when a day ends: one object for all persons whose day it is."""
    return start_of_day(day + timedelta(days=1), zone)
