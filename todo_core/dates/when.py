"""Days, wall-clock times of days, and moments, in a time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from todo_core.dates.written import UnclearDate, require_year

_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class When:
    """A day, a wall-clock time of a day, or a moment."""

    at: datetime
    """The moment in UTC; of a day, its last microsecond in the user's zone."""
    on: date | None
    """The day in the user's zone; None for a moment."""
    time: time | None = None
    """The wall-clock time there, which follows the user to another zone; None for a day, and for a moment."""

    @property
    def is_day(self) -> bool:
        """Whether only the day counts."""
        return self.on is not None and self.time is None

    def local(self, zone: ZoneInfo) -> datetime | date:
        """Return the wall-clock time in a zone, without it; the date of a day."""
        if self.on is None:
            return self.at.astimezone(zone).replace(tzinfo=None, fold=0)
        return self.on if self.time is None else datetime.combine(self.on, self.time)

    def text(self, zone: ZoneInfo) -> str:
        """Return ISO 8601 that is read as just this: a moment has an offset, that of the zone."""
        return (self.at.astimezone(zone) if self.on is None else self.local(zone)).isoformat()


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of a day in the user's zone, in UTC."""
    # Fold 0 is the first of two midnights. Of a midnight that is skipped it is the instant of the clock change, because
    # in no zone since 1970 does a skipped time begin before midnight and end after it.
    return datetime.combine(day, time(), zone).astimezone(UTC)


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Return the last microsecond of a day in the user's zone, in UTC."""
    return start_of_day(day + _DAY, zone) - _MICROSECOND


def on_day(day: date, zone: ZoneInfo) -> When:
    """Return a day without a time.

    Raises:
        UnclearDate: The zone skipped that day when it crossed the date line, or its year is out of range.
    """
    require_year(day.year)
    when = When(end_of_day(day, zone), day)
    if when.at.astimezone(zone).date() != day:
        raise UnclearDate(f'The time zone skipped that day. Send another, such as "{(day + _DAY).isoformat()}".')
    return when


def at_wall_clock(wall: datetime, zone: ZoneInfo) -> When:
    """Return the wall-clock time in a zone, as the clocks there show it.

    Of a time that they show twice it is the first; one that they skip is later by what is skipped (RFC 5545, section
    3.3.5).

    Args:
        wall: The local time, without a zone.
        zone: The user's.
    """
    # PEP 495: fold 0 is the first of two; in a gap it counts with the offset before the change, so it moves forward.
    at = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    shown = at.astimezone(zone)
    return When(at, shown.date(), shown.time().replace(fold=0))


def in_zone(when: When, zone: ZoneInfo) -> When:
    """Return a due for somebody who is in a zone now: a day and a wall-clock time stay what they are, a moment too."""
    if when.on is None:
        return when
    if when.time is None:
        return When(end_of_day(when.on, zone), when.on)
    wall = datetime.combine(when.on, when.time)
    return When(wall.replace(tzinfo=zone, fold=0).astimezone(UTC), when.on, when.time)


def at_moment(moment: datetime, zone: ZoneInfo) -> When:
    """Return a moment that stays what it is wherever the user goes.

    Args:
        moment: The moment, with an offset.
        zone: The user's.

    Raises:
        UnclearDate: Its year there is out of range.
    """
    at = moment.astimezone(UTC)
    require_year(at.astimezone(zone).year)
    return When(at, None)


def moments(day: date, wall_time: timedelta, zone: ZoneInfo) -> list[When]:
    """Return the wall-clock time of a day; both moments, as such, if a clock change repeats it.

    A time that a clock change skips is moved forward by what is skipped (RFC 5545 §3.3.5).
    """
    wall = datetime.combine(day, time()) + wall_time
    require_year(wall.year)
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return [When(first, None), When(second, None)] if first < second else [at_wall_clock(wall, zone)]
