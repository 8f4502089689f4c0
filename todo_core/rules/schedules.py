"""Due dates and repeats: from what people write to what is stored, in the user's time zone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from todo_core import dates, recurrence
from todo_core.boundary.operation import Tx
from todo_core.dates import Habits, UnclearDate, When, at_wall_clock, end_of_day
from todo_core.errors import FieldError, InvalidInput
from todo_core.notations import uses_24_hours
from todo_core.queries import users as queries
from todo_core.recurrence import Repeat, UnclearRepeat
from todo_core.rules.dues import Local, due_columns, due_of, exact_due, exact_repeat, is_present
from todo_core.storage.transactions import Row
from todo_core.text.phrases import typed

FIRST_DAYS: Final = {"monday": 0, "sunday": 6, "saturday": 5}
"""Number of the day with which a week begins, 0 for Monday."""
_OF_A_REPEAT: Final = re.compile(
    r"(?:every|ev|each|once an?|(?:dai|week|month|quarter|year)ly|annually)\b|(?:rrule:|freq=)"
)
_READ_AS_REPEAT: Final = (
    'This says how it repeats: send it as `repeat`. `{field}` takes one date, such as "tomorrow" or "in 2 weeks".'
)
_READ_AS_DATE: Final = (
    'This is a date or a length of time: send a date as `due`. `repeat` takes how often, such as "every week" or '
    '"every 3 days".'
)


@dataclass(frozen=True, slots=True)
class Calendar:
    """The moments, the time zone and the habits by which dates are read.

    `now` and `said_at` differ only for a request that waited for a person's approval: its "tomorrow" is the day after
    it was sent, but a series goes on from the moment at which an occurrence is completed.
    """

    now: datetime
    zone: ZoneInfo
    week_start: str = "monday"
    locale: str = "en"
    said_at: datetime | None = None
    """When the request was sent whose words are read; None for now."""

    @classmethod
    async def of(cls, tx: Tx) -> Calendar:
        """Read the user's time zone, first day of the week and locale, and remember them."""
        row = await tx.one(queries.CUSTOMS)
        customs = _shared((row["time_zone"], row["week_start"], row["locale"]))
        tx.core.customs[tx.caller.principal.user_id] = customs
        return cls._with(tx, customs)

    @classmethod
    async def remembered(cls, tx: Tx) -> Calendar:
        """Return the calendar by the cached profile of the user, or read it if there is none.

        That saves a round trip. The cache may be out of date: compare the calendar with the row that is read afterwards
        (`is_of`), and if they differ, repeat the read with `of`.
        """
        customs = tx.core.customs.get(tx.caller.principal.user_id)
        return await cls.of(tx) if customs is None else cls._with(tx, customs)

    @classmethod
    def _with(cls, tx: Tx, customs: tuple[str, str, str]) -> Calendar:
        zone, week_start, locale = customs
        return cls(tx.core.clock(), ZoneInfo(zone), week_start, locale, tx.caller.said_at)

    def is_of(self, row: Row) -> bool:
        """Return whether the calendar has the time zone, the first day of the week and the locale of a row."""
        return (self.zone.key, self.week_start, self.locale) == (row["time_zone"], row["week_start"], row["locale"])

    @property
    def habits(self) -> Habits:
        """The first day of the week and the clock (12 or 24 hours) of the person."""
        return Habits(FIRST_DAYS[self.week_start], uses_24_hours(self.locale))

    @property
    def said(self) -> datetime:
        """The moment at which the request was sent whose words are read."""
        return self.now if self.said_at is None else self.said_at

    @property
    def today(self) -> date:
        """The date in the user's time zone when the request was sent."""
        return self.said.astimezone(self.zone).date()

    @property
    def tomorrow(self) -> datetime:
        """The moment at which today ends where the user is."""
        return dates.start_of_day(self.today + timedelta(days=1), self.zone)

    @property
    def wall_clock(self) -> datetime:
        """The local time where the user is now, without a zone."""
        return self.now.astimezone(self.zone).replace(tzinfo=None)

    def bound(self, field: str, text: str) -> datetime:
        """Return a bound of a filter as a moment.

        Args:
            field: The filter's name: `due_after`, `created_before`, …
            text: A moment with its offset, or words.

        Raises:
            InvalidInput: It is not clear when that is.
        """
        try:
            return self.begin(text, field) if field.endswith("_after") else self.end(text, field)
        except UnclearDate as error:
            raise InvalidInput(errors=[FieldError(field, str(error), error.readings, "unclear")]) from None

    def begin(self, text: str, field: str = "") -> datetime:
        """Return the moment with which the time that a text names begins. A day of the week is the last one, but the
        next one in a filter of dues.

        Raises:
            UnclearDate: It is not clear when that is.
        """
        return self._bound(dates.lower_bound, text, field)

    def end(self, text: str, field: str = "") -> datetime:
        """Return the moment with which the time that a text names ends, as `begin` does."""
        return self._bound(dates.upper_bound, text, field)

    def _bound(self, read: Callable[..., datetime], text: str, field: str) -> datetime:
        if (moment := moment_in(text)) is not None:
            return moment
        return read(text, self.said, self.zone, self.habits, looks_back=not field.startswith("due_"))

    def due(self, given: str | Mapping[str, Any], present: When | None = None) -> When:
        """Return the deadline that a text or an object names.

        Args:
            given: Text is as said: a day alone keeps the time of the present due. An object (`DueExact`) is exact.
            present: The due that there is.

        Raises:
            InvalidInput: It is not clear when that is.
        """
        if not isinstance(given, str):
            return exact_due(given, present, self.zone)
        return self.read("due", given, present)

    def read(self, field: str, text: str, present: When | None = None) -> When:
        """Return the date that a text in a field names.

        Args:
            field: The field's name.
            text: The date as said.
            present: The date that is there: a day alone keeps its time.

        Raises:
            InvalidInput: It is not clear when that is.
        """
        try:
            return dates.read(text, self.said, self.zone, self.habits, present=present)
        except UnclearDate as error:
            is_repeat = not error.readings and self._repeats(text)
            message = _READ_AS_REPEAT.format(field=field) if is_repeat else str(error)
            raise InvalidInput(errors=[FieldError(field, message, error.readings, "unclear")]) from None

    def repeat(self, text: str, due: When | None, *, said: bool) -> Repeat:
        """Return the repeat that a text names, with its first occurrence from the day of `due` on, or today.

        A time of day in the text replaces that of the due. If it has passed today, the repeat begins on its next day.
        A due on another day that the same request names is taken as it is, even in the past.

        Args:
            text: How it repeats.
            due: The due; None if there is none.
            said: Whether the request named the due, too.

        Raises:
            InvalidInput: It is not clear how that repeats.
        """
        start = self.today if due is None else self.local(due)
        now = None if said and _day_of(start) != self.today else self.said.astimezone(self.zone).replace(tzinfo=None)
        try:
            week_start = FIRST_DAYS[self.week_start]
            return recurrence.read(text, start, self.zone, week_start, now=now, from_today=due is None)
        except UnclearRepeat as error:
            message = _READ_AS_DATE if not error.readings and self._is_date(text) else str(error)
            raise InvalidInput(errors=[FieldError("repeat", message, error.readings, "unclear")]) from None

    def _repeats(self, text: str) -> bool:
        """Return whether a text says how something repeats, clearly or not."""
        if _OF_A_REPEAT.match(typed(text).lower()):
            return True
        try:
            recurrence.read(text, self.today, self.zone)
        except UnclearRepeat as error:
            return bool(error.readings)
        return True

    def _is_date(self, text: str) -> bool:
        """Return whether a text names a date, or several that it may mean."""
        try:
            dates.read(text, self.said, self.zone, self.habits)
        except UnclearDate as error:
            return bool(error.readings)
        return True

    def at(self, moment: datetime | None) -> Calendar:
        """Return the calendar as it was at a moment; None leaves it at the present."""
        return self if moment is None else replace(self, now=moment)

    def following(self, repeat: Repeat, due: When) -> Repeat | None:
        """Return the repeat at its next occurrence, after one that is done or skipped now; None after the last.

        Args:
            repeat: The repeat.
            due: When the todo was due, which may be another time than the scheduled one.
        """
        if due == self.moment(repeat.scheduled):
            # The clocks may have pushed it into the next day, which has its own; after a skipped day it has not.
            following = recurrence.following(repeat, repeat.scheduled, self.wall_clock)
            if following is None or self.moment(following.scheduled).at > due.at:
                return following
        return recurrence.following(repeat, self.local(due), self.wall_clock)

    def local(self, when: When) -> Local:
        """Return a deadline as wall-clock time, or as a date where only the day counts."""
        return when.local(self.zone)

    def moment(self, local: Local) -> When:
        """Return the deadline at a local time, which follows the user to another zone.

        A time that a change of the clocks skips moves on by the gap; of one that it repeats it is the first.
        """
        return (
            at_wall_clock(local, self.zone)
            if isinstance(local, datetime)
            else When(end_of_day(local, self.zone), local)
        )

    def later(self, due: When, by: timedelta) -> When:
        """Return a deadline so many days later, at the same local time; a moment stays one."""
        when = self.moment(self.local(due) + by)
        return When(when.at, None) if due.on is None else when

    def days_between(self, due: When, scheduled: Local) -> timedelta:
        """Return how much later than a deadline a local time is, in whole days by the calendar."""
        return _day_of(scheduled) - _day_of(self.local(due))

    def day_in(self, columns: Mapping[str, Any]) -> date | None:
        """Return the day of the deadline that `columns` sets; None if it clears it."""
        at: datetime | None = columns["due_at"]
        day: date | None = columns["due_date"]
        return day if day is not None or at is None else at.astimezone(self.zone).date()

    def _hour(self, due: When | None) -> time | None:
        """Return the time of day of a deadline; None of a day, and of none."""
        local = None if due is None else self.local(due)
        return local.time() if isinstance(local, datetime) else None

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
            due = None if patch["due"] is None else self.due(patch["due"], due)
        columns: dict[str, Any] = {}
        given = patch.get("repeat")
        if isinstance(given, str):
            repeat = self.repeat(given, due, said=due is not None and "due" in patch)
            if due is not None and "due" in patch and self._hour(due) != self._hour(due_of(present)):
                _require_one_hour(self.local(due), repeat)
            due = self.moment(repeat.scheduled)
            columns["repeat"] = repeat.as_json()
        elif given is not None and not (due and is_present(given, present and present["repeat"])):
            repeat = exact_repeat(given, self.today if due is None else self.local(due), self.zone)
            if due is None or "scheduled" not in given:
                due = self.moment(repeat.scheduled)
            columns["repeat"] = repeat.as_json()
        elif "repeat" in patch and given is None:
            columns["repeat"] = None
        elif due is None and present is not None and present["repeat"]:
            raise InvalidInput(
                errors=[FieldError("due", "of a todo that repeats: clear `repeat`, too", code="not_possible")]
            )
        return columns | due_columns(due)


@lru_cache(maxsize=1_000)
def _shared(customs: tuple[str, str, str]) -> tuple[str, str, str]:
    """Return an equal tuple that is there already, if there is one: thousands of cached users have the same."""
    return customs


def moment_in(text: str) -> datetime | None:
    """Return the moment that an ISO 8601 text with an offset names, or None. Any year will do: some send 9999."""
    try:
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _day_of(local: Local) -> date:
    return local.date() if isinstance(local, datetime) else local


def _require_one_hour(due: Local, repeat: Repeat) -> None:
    """Refuse a due and a repeat that were given together with different times of day.

    Raises:
        InvalidInput: They are.
    """
    if not isinstance(due, datetime) or not isinstance(repeat.scheduled, datetime):
        return
    if due.time() == repeat.scheduled.time():
        return
    times = f"`due` says {due:%H:%M} and `repeat` says {repeat.scheduled:%H:%M}."
    day = due.date().isoformat()
    raise InvalidInput(
        errors=[
            FieldError(
                "due", f'{times} For the hour of the repeat, send the day alone: "{day}".', (day,), "conflicting"
            ),
            FieldError(
                "repeat",
                f'{times} For the hour of the due, send it without one: "{repeat.words}".',
                (repeat.words,),
                "conflicting",
            ),
        ]
    )
