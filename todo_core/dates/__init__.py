"""Dates for people and models: ISO 8601 and everyday English, read for certain or refused.

A phrase that people read in two ways is refused with both (`UnclearDate.readings`). Otherwise these rules hold, which
docs/decisions/0015-dates.md explains:

- A day ends at its last microsecond in the user's zone, and so do `tonight`, `evening` and `eod`. A morning ends at
  12:00, an afternoon at 18:00.
- `17:00` and `05:00` are the 24-hour clock; `5` and `5:30` may be morning or evening.
- A local time that a clock change skips moves forward by what is skipped (RFC 5545, section 3.3.5); one that a
  clock change repeats is ambiguous.
- A date without a year is the next such date, today included.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from todo_core.dates.clock import WallTimes, day_and_times, elapsed, time_of_day
from todo_core.dates.days import days, spans
from todo_core.dates.written import UnclearDate, next_day_numbered, require_year

__all__ = ["UnclearDate", "When", "end_of_day", "lower_bound", "read", "start_of_day", "upper_bound"]

LONGEST = 100
_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)
_NOT_UNDERSTOOD = (
    "This is not a date that can be read for certain. Send only the date: as 2026-11-27 or 2026-11-27T17:00, "
    "or in words such as 'tomorrow 5pm', 'friday' or 'in 2 weeks'."
)


@dataclass(frozen=True, slots=True)
class When:
    """A day, or a moment of it, where the user is.

    Attributes:
        at: In UTC. For a day without a time, its last microsecond in the user's zone.
        on: The day, when no time was named.
    """

    at: datetime
    on: date | None


def read(text: str, now: datetime, zone: ZoneInfo) -> When:
    """What a date in ISO 8601 or everyday English means.

    Args:
        text: The date and nothing else.
        now: The present moment, with a zone.
        zone: Where the user is.

    Raises:
        UnclearDate: It is none, or people may read it in two ways.
    """
    phrase = _normal(text)
    readings = _iso_moment(phrase, zone) or _from_now(phrase, now, zone) or _by_calendar(phrase, now, zone)
    return _only(readings, zone)


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a day where the user is, in UTC."""
    # Fold 0 is the first of two midnights. Of a midnight that is skipped it is the instant of the clock change, because
    # in no zone since 1970 does a skipped time begin before midnight and end after it.
    return datetime.combine(day, time(), zone).astimezone(UTC)


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The last microsecond of a day where the user is, in UTC."""
    return start_of_day(day + _DAY, zone) - _MICROSECOND


def lower_bound(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Where a filter "from this date on" begins: the start of the day, or the moment.

    Raises:
        UnclearDate: As `read` does.
    """
    when = read(text, now, zone)
    return start_of_day(when.on, zone) if when.on else when.at


def upper_bound(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Where a filter "up to this date" ends, itself not included: the start of the next day, or the moment.

    Raises:
        UnclearDate: As `read` does.
    """
    when = read(text, now, zone)
    return start_of_day(when.on + _DAY, zone) if when.on else when.at


def _normal(text: str) -> str:
    """In lower case, with single spaces, and without the marks that carry no meaning."""
    if len(text) > LONGEST:
        raise UnclearDate(f"A date has at most {LONGEST} characters. Send only the date.")
    phrase = " ".join(text.replace("\u2019", "'").split())  # phones type U+2019 in o'clock
    if not phrase.isascii():
        raise UnclearDate(_NOT_UNDERSTOOD)
    phrase = re.sub(r"\b([ap])\.m\b", r"\1m", phrase.lower())
    phrase = " ".join(re.sub(r"(?<=[a-z])\.(?= |,|$)|,(?= |$)", " ", phrase).split())
    phrase = re.sub(r"\bthis (morning|afternoon|evening)\b", r"today \1", phrase)
    return phrase.replace("tonight", "today night")


def _only(found: list[When], zone: ZoneInfo) -> When:
    readings = sorted(set(found), key=lambda when: when.at)
    if not readings:
        raise UnclearDate(_NOT_UNDERSTOOD)
    if len(readings) == 1:
        return readings[0]
    names = tuple((when.on or when.at.astimezone(zone)).isoformat() for when in readings)
    raise UnclearDate(f"It may mean {', '.join(names[:-1])} or {names[-1]}. Send the one that is meant.", names)


def _day(day: date, zone: ZoneInfo) -> When:
    require_year(day.year)
    when = When(end_of_day(day, zone), day)
    if when.at.astimezone(zone).date() != day:
        raise UnclearDate("The time zone has no such day: its clocks skipped it. Send another date.")
    return when


def _moments(day: date, wall_time: timedelta, zone: ZoneInfo) -> list[When]:
    """The moment, or both, when the clocks show that time; where they skip it, moved forward by what they skip."""
    wall = datetime.combine(day, time()) + wall_time
    require_year(wall.year)
    # PEP 495: of a repeated time, fold 0 is the first; in a gap it is what the clocks would show had they not changed.
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return [When(first, None), When(second, None)] if first < second else [When(first, None)]


def _iso_moment(phrase: str, zone: ZoneInfo) -> list[When]:
    if not re.fullmatch(
        r"(?:\d{4}-\d\d-\d\d[t ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?|\d{8}t\d{4}(?:\d\d)?) ?(?:z|[+-]\d\d(?::?\d\d)?)?",
        phrase,
    ):
        return []
    require_year(int(phrase[:4]))
    try:
        moment = datetime.fromisoformat(phrase.upper().replace(" ", "T", 1).replace(" ", ""))
    except ValueError:
        raise UnclearDate("There is no such date or time. Check the day, the time and the offset.") from None
    if moment.tzinfo is None:
        return _moments(moment.date(), moment - datetime.combine(moment.date(), time()), zone)
    return _within_years(moment.astimezone(UTC), zone)


def _within_years(moment: datetime, zone: ZoneInfo) -> list[When]:
    require_year(moment.astimezone(zone).year)
    return [When(moment, None)]


def _from_now(phrase: str, now: datetime, zone: ZoneInfo) -> list[When]:
    """`in 90 minutes`: to the second, by the clock that no clock change touches."""
    second = now.astimezone(UTC).replace(microsecond=0)
    return [when for amount in elapsed(phrase) or () for when in _within_years(second + amount, zone)]


def _by_calendar(phrase: str, now: datetime, zone: ZoneInfo) -> list[When]:
    today = now.astimezone(zone).date()
    if re.fullmatch(r"\d\d?", phrase):
        return _number_alone(int(phrase), now, zone)
    if (times := time_of_day(phrase)) is not None:
        return _coming(times, now, zone) if times else [_day(today, zone)]
    if found := day_and_times(phrase):
        day_phrase, times = found
        return [when for day in days(day_phrase, today) or () for when in _at(day, times, zone)]
    return [_day(day, zone) for day in days(phrase, today) or spans(phrase, today) or ()]


def _number_alone(number: int, now: datetime, zone: ZoneInfo) -> list[When]:
    """`5` may be the day or the hour, in the morning or in the evening."""
    times = time_of_day(f"at {number}") if 1 <= number <= 23 else None
    hours = _coming(times, now, zone) if times else []
    return [*hours, _day(next_day_numbered(number, now.astimezone(zone).date()), zone)]


def _coming(times: WallTimes, now: datetime, zone: ZoneInfo) -> list[When]:
    """`5pm`: today. When that has passed, today or tomorrow; `at 5`: the next 5 in the morning and in the evening."""
    today = now.astimezone(zone).date()
    found: list[When] = []
    for wall_time in times:
        passed = _at(today, (wall_time,), zone)[0].at <= now
        if len(times) == 1 or not passed:
            found += _at(today, (wall_time,), zone)
        if passed:
            found += _at(today + _DAY, (wall_time,), zone)
    return found


def _at(day: date, times: WallTimes, zone: ZoneInfo) -> list[When]:
    return [when for wall_time in times for when in _moments(day, wall_time, zone)] if times else [_day(day, zone)]
