"""Due dates and repeats: from what people write to what is stored, where the user is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from todo_core import dates, recurrence
from todo_core.boundary.operation import Tx
from todo_core.dates import UnclearDate, When
from todo_core.errors import FieldProblem, InvalidInput
from todo_core.queries import users as queries
from todo_core.recurrence import Repeat, UnclearRepeat

Local = datetime | date
"""Wall-clock time of the user, without a zone; a date where only the day counts."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Now, where the user is."""

    now: datetime
    zone: ZoneInfo

    @classmethod
    async def of(cls, tx: Tx) -> Calendar:
        """The user's."""
        zone: str = await tx.value(queries.ZONE)
        tx.core.zones[tx.caller.principal.user_id] = zone
        return cls(tx.core.clock(), ZoneInfo(zone))

    @classmethod
    async def remembered(cls, tx: Tx) -> Calendar:
        """The user's, most likely: without a round trip, if the time zone was seen before."""
        zone = tx.core.zones.get(tx.caller.principal.user_id)
        return await cls.of(tx) if zone is None else cls(tx.core.clock(), ZoneInfo(zone))

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()

    @property
    def wall_clock(self) -> datetime:
        return self.now.astimezone(self.zone).replace(tzinfo=None)

    def bound(self, field: str, text: str, read: Callable[[str, datetime, ZoneInfo], datetime]) -> datetime:
        """A bound of a filter, read by `dates.lower_bound` or `dates.upper_bound`.

        Raises:
            InvalidInput: It is not clear when that is.
        """
        if (moment := _moment(text)) is not None:
            return moment
        try:
            return read(text, self.now, self.zone)
        except UnclearDate as error:
            raise InvalidInput(problems=[FieldProblem(field, str(error), error.readings)]) from None

    def due(self, text: str) -> When:
        """The deadline that a text names.

        Raises:
            InvalidInput: It is not clear when that is.
        """
        try:
            return dates.read(text, self.now, self.zone)
        except UnclearDate as error:
            raise InvalidInput(problems=[FieldProblem("due", str(error), error.readings)]) from None

    def repeat(self, text: str, due: When | None) -> Repeat:
        """The repeat that a text names, with its first occurrence at or after `due`, or today.

        Raises:
            InvalidInput: It is not clear how that repeats.
        """
        try:
            return recurrence.read(text, self.today if due is None else self.local(due), self.zone)
        except UnclearRepeat as error:
            raise InvalidInput(problems=[FieldProblem("repeat", str(error))]) from None

    def following(self, repeat: Repeat, due: When) -> Repeat | None:
        """The occurrence after one that is done, or skipped, now; None after the last."""
        return recurrence.following(repeat, self.local(due), self.wall_clock, self.zone)

    def local(self, when: When) -> Local:
        return when.at.astimezone(self.zone).replace(tzinfo=None) if when.on is None else when.on

    def moment(self, local: Local) -> When:
        """When that is; a wall-clock time that a change of the clocks leaves out is moved on by as much."""
        if isinstance(local, datetime):
            return When(local.replace(tzinfo=self.zone).astimezone(UTC), None)
        return When(dates.end_of_day(local, self.zone), local)

    def columns(self, given: Mapping[str, Any], present: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What `due` and `repeat` of a request make of a todo: its columns.

        Args:
            given: The request; what is not in it stays, None clears.
            present: The todo's read shape, if there is one already.

        Raises:
            InvalidInput: One of them is not clear, or a repeat would be left without a date.
        """
        if "due" not in given and "repeat" not in given:
            return {}
        due = due_of(present)
        if "due" in given:
            due = None if given["due"] is None else self.due(given["due"])
        columns: dict[str, Any] = {}
        if given.get("repeat") is not None:
            repeat = self.repeat(given["repeat"], due)
            due = self.moment(repeat.scheduled)
            columns["repeat"] = repeat.as_json()
        elif "repeat" in given:
            columns["repeat"] = None
        elif due is None and present is not None and present["repeat"]:
            raise InvalidInput(problems=[FieldProblem("due", "of a todo that repeats: clear `repeat`, too")])
        return columns | due_columns(due)


def _moment(text: str) -> datetime | None:
    """A moment with its offset, however far away: many send a far one for "no bound"."""
    try:
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def due_columns(due: When | None) -> dict[str, Any]:
    """A deadline as it is stored."""
    return {"due_on": None, "due_at": None} if due is None else {"due_on": due.on, "due_at": due.at}


def due_of(row: Mapping[str, Any] | None) -> When | None:
    """The deadline in a todo's read shape."""
    if row is None or row["due"] is None:
        return None
    due = row["due"]
    return When(datetime.fromisoformat(due["at"]), date.fromisoformat(due["date"]) if due["time"] is None else None)
