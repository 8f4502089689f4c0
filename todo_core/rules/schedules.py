"""Due dates and repeats: from what people write to what is stored, in the user's time zone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from todo_core import dates, recurrence
from todo_core.boundary.operation import Tx
from todo_core.dates import UnclearDate, When
from todo_core.errors import FieldError, InvalidInput
from todo_core.queries import users as queries
from todo_core.recurrence import Repeat, UnclearRepeat

Local = datetime | date
"""Wall-clock time of the user, without a zone; a date where only the day counts."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """The present moment and the user's time zone."""

    now: datetime
    zone: ZoneInfo

    @classmethod
    async def of(cls, tx: Tx) -> Calendar:
        """Read the user's time zone, and remember it."""
        zone: str = await tx.value(queries.ZONE)
        tx.core.zones[tx.caller.principal.user_id] = zone
        return cls(tx.core.clock(), ZoneInfo(zone))

    @classmethod
    async def remembered(cls, tx: Tx) -> Calendar:
        """Return the calendar with the time zone that was read last, which may have changed since; read it if none was.

        It saves a round trip. Whoever uses it compares the zone with the row it reads, and tries again with `of`.
        """
        zone = tx.core.zones.get(tx.caller.principal.user_id)
        return await cls.of(tx) if zone is None else cls(tx.core.clock(), ZoneInfo(zone))

    @property
    def today(self) -> date:
        """The date where the user is."""
        return self.now.astimezone(self.zone).date()

    @property
    def wall_clock(self) -> datetime:
        """The local time where the user is, without a zone."""
        return self.now.astimezone(self.zone).replace(tzinfo=None)

    def bound(self, field: str, text: str, read: Callable[[str, datetime, ZoneInfo], datetime]) -> datetime:
        """Return a bound of a filter as a moment.

        Args:
            field: The filter's name, for the refusal.
            text: A moment with its offset, or words.
            read: Reads words: `dates.lower_bound` or `dates.upper_bound`.

        Raises:
            InvalidInput: It is not clear when that is.
        """
        if (moment := _moment(text)) is not None:
            return moment
        try:
            return read(text, self.now, self.zone)
        except UnclearDate as error:
            raise InvalidInput(errors=[FieldError(field, str(error), error.readings)]) from None

    def due(self, text: str) -> When:
        """Return the deadline that a text names.

        Raises:
            InvalidInput: It is not clear when that is.
        """
        try:
            return dates.read(text, self.now, self.zone)
        except UnclearDate as error:
            raise InvalidInput(errors=[FieldError("due", str(error), error.readings)]) from None

    def repeat(self, text: str, due: When | None) -> Repeat:
        """Return the repeat that a text names, with its first occurrence at or after `due`, or today.

        Raises:
            InvalidInput: It is not clear how that repeats.
        """
        try:
            return recurrence.read(text, self.today if due is None else self.local(due), self.zone)
        except UnclearRepeat as error:
            raise InvalidInput(errors=[FieldError("repeat", str(error))]) from None

    def following(self, repeat: Repeat, due: When) -> Repeat | None:
        """Return the repeat at its next occurrence, after one that is done or skipped now; None after the last.

        Args:
            repeat: The repeat.
            due: When the todo was due, which may be another time than the scheduled one.
        """
        return recurrence.following(repeat, self.local(due), self.wall_clock, self.zone)

    def local(self, when: When) -> Local:
        """Return a deadline as wall-clock time, or as a date where only the day counts."""
        return when.at.astimezone(self.zone).replace(tzinfo=None) if when.on is None else when.on

    def moment(self, local: Local) -> When:
        """Return the deadline at a local time. A time that a change of the clocks skips moves on by the gap."""
        if isinstance(local, datetime):
            return When(local.replace(tzinfo=self.zone).astimezone(UTC), None)
        return When(dates.end_of_day(local, self.zone), local)

    def columns(self, patch: Mapping[str, Any], present: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the columns that `due` and `repeat` of a request set.

        Args:
            patch: The request; what is not in it stays, None clears.
            present: The todo's read shape, if there is one already.

        Raises:
            InvalidInput: One of them is not clear, or a repeat would be left without a date.
        """
        if "due" not in patch and "repeat" not in patch:
            return {}
        due = due_of(present)
        if "due" in patch:
            due = None if patch["due"] is None else self.due(patch["due"])
        columns: dict[str, Any] = {}
        if patch.get("repeat") is not None:
            repeat = self.repeat(patch["repeat"], due)
            due = self.moment(repeat.scheduled)
            columns["repeat"] = repeat.as_json()
        elif "repeat" in patch:
            columns["repeat"] = None
        elif due is None and present is not None and present["repeat"]:
            raise InvalidInput(errors=[FieldError("due", "of a todo that repeats: clear `repeat`, too")])
        return columns | due_columns(due)


def _moment(text: str) -> datetime | None:
    """Return the moment that an ISO 8601 text with an offset names, or None. Any year will do: some send 9999."""
    try:
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def due_columns(due: When | None) -> dict[str, Any]:
    """Return a deadline as it is stored."""
    return {"due_on": None, "due_at": None} if due is None else {"due_on": due.on, "due_at": due.at}


def due_of(row: Mapping[str, Any] | None) -> When | None:
    """Return the deadline in a todo's read shape; None where there is none, or no row."""
    if row is None or row["due"] is None:
        return None
    due = row["due"]
    return When(datetime.fromisoformat(due["at"]), date.fromisoformat(due["date"]) if due["time"] is None else None)
