"""Read dates in ISO 8601 and everyday English; refuse what has more than one meaning.

A phrase that people read in two ways is refused with both readings (`UnclearDate.readings`). These rules hold
(`docs/decisions/0015-dates.md`):

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
"""Characters of a phrase."""
_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)
_NOT_UNDERSTOOD = (
    "This is not a date that can be read for certain. Send only the date: as 2026-11-27 or 2026-11-27T17:00, "
    "or in words such as 'tomorrow 5pm', 'friday' or 'in 2 weeks'."
)


@dataclass(frozen=True, slots=True)
class When:
    """A day, or a moment of it, in the user's zone."""

    at: datetime
    """The moment in UTC; for a day without a time, its last microsecond in the user's zone."""
    on: date | None
    """The day, if no time was named; None for a moment."""


def read(text: str, now: datetime, zone: ZoneInfo) -> When:
    """Read a date in ISO 8601 or everyday English.

    Args:
        text: The date and nothing else.
        now: The present moment, with a zone.
        zone: The user's.

    Raises:
        UnclearDate: The text is no date, or people read it in two ways.
    """
    phrase = _normalized(text)
    readings = _iso_moment(phrase, zone) or _from_now(phrase, now, zone) or _by_calendar(phrase, now, zone)
    return _only_reading(readings, zone)


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of a day in the user's zone, in UTC."""
    # Fold 0 is the first of two midnights. Of a midnight that is skipped it is the instant of the clock change, because
    # in no zone since 1970 does a skipped time begin before midnight and end after it.
    return datetime.combine(day, time(), zone).astimezone(UTC)


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Return the last microsecond of a day in the user's zone, in UTC."""
    return start_of_day(day + _DAY, zone) - _MICROSECOND


def lower_bound(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Return where a filter "from this date on" begins: the start of the day, or the moment. In UTC, inclusive.

    Raises:
        UnclearDate: As in `read`.
    """
    when = read(text, now, zone)
    return start_of_day(when.on, zone) if when.on else when.at


def upper_bound(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Return where a filter "up to this date" ends: the start of the next day, or the moment. In UTC, exclusive.

    Raises:
        UnclearDate: As in `read`.
    """
    when = read(text, now, zone)
    return start_of_day(when.on + _DAY, zone) if when.on else when.at


def _normalized(text: str) -> str:
    """Return the text in lower case, with single spaces, without full stops and commas, `tonight` as `today night`."""
    if len(text) > LONGEST:
        raise UnclearDate(f"A date has at most {LONGEST} characters. Send only the date.")
    phrase = " ".join(text.replace("\u2019", "'").split())  # phones type U+2019 in o'clock
    if not phrase.isascii():
        raise UnclearDate(_NOT_UNDERSTOOD)
    phrase = re.sub(r"\b([ap])\.m\b", r"\1m", phrase.lower())
    phrase = " ".join(re.sub(r"(?<=[a-z])\.(?= |,|$)|,(?= |$)", " ", phrase).split())
    phrase = re.sub(r"\bthis (morning|afternoon|evening)\b", r"today \1", phrase)
    return phrase.replace("tonight", "today night")


def _only_reading(candidates: list[When], zone: ZoneInfo) -> When:
    """Return the one reading; refuse none, and refuse several with all of them."""
    readings = sorted(set(candidates), key=lambda when: when.at)
    if not readings:
        raise UnclearDate(_NOT_UNDERSTOOD)
    if len(readings) == 1:
        return readings[0]
    names = tuple((when.on or when.at.astimezone(zone)).isoformat() for when in readings)
    raise UnclearDate(f"It may mean {', '.join(names[:-1])} or {names[-1]}. Send the one that is meant.", names)


def _whole_day(day: date, zone: ZoneInfo) -> When:
    """Return a day without a time; refuse one that the zone skipped when it crossed the date line."""
    require_year(day.year)
    when = When(end_of_day(day, zone), day)
    if when.at.astimezone(zone).date() != day:
        raise UnclearDate("The time zone has no such day: its clocks skipped it. Send another date.")
    return when


def _moments(day: date, wall_time: timedelta, zone: ZoneInfo) -> list[When]:
    """Return the moment at which the clocks show a time; both moments if a clock change repeats it.

    A time that a clock change skips is moved forward by what is skipped (RFC 5545 §3.3.5).
    """
    wall = datetime.combine(day, time()) + wall_time
    require_year(wall.year)
    # PEP 495: fold 0 is the first of two; in a gap it counts with the offset before the change, so it moves forward.
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return [When(first, None), When(second, None)] if first < second else [When(first, None)]


def _iso_moment(phrase: str, zone: ZoneInfo) -> list[When]:
    """Read an ISO 8601 date-time, with or without an offset; empty if the phrase is none."""
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
    """Read an amount of time such as `in 90 minutes`, to the second and counted in UTC; empty if the phrase is none."""
    second = now.astimezone(UTC).replace(microsecond=0)
    return [when for amount in elapsed(phrase) or () for when in _within_years(second + amount, zone)]


def _by_calendar(phrase: str, now: datetime, zone: ZoneInfo) -> list[When]:
    """Read a day, a time, or both in either order; empty if the phrase is none of them."""
    today = now.astimezone(zone).date()
    if re.fullmatch(r"\d\d?", phrase):
        return _number_alone(int(phrase), now, zone)
    if (times := time_of_day(phrase)) is not None:
        return _next_at(times, now, zone) if times else [_whole_day(today, zone)]
    if (parts := day_and_times(phrase)) is not None:
        day_phrase, times = parts
        return [when for day in days(day_phrase, today) or () for when in _on_day(day, times, zone)]
    return [_whole_day(day, zone) for day in days(phrase, today) or spans(phrase, today) or ()]


def _number_alone(number: int, now: datetime, zone: ZoneInfo) -> list[When]:
    """Read `5`: the day of the month, or the hour in the morning or in the evening."""
    times = time_of_day(f"at {number}") if 1 <= number <= 23 else None
    hours = _next_at(times, now, zone) if times else []
    return [*hours, _whole_day(next_day_numbered(number, now.astimezone(zone).date()), zone)]


def _next_at(times: WallTimes, now: datetime, zone: ZoneInfo) -> list[When]:
    """Return when the clocks next show one of the times.

    `5pm` is today's; once that has passed it may also be tomorrow's. `at 5` has two times: of each, the next.
    """
    today = now.astimezone(zone).date()
    readings: list[When] = []
    for wall_time in times:
        passed = _on_day(today, (wall_time,), zone)[0].at <= now
        if len(times) == 1 or not passed:
            readings += _on_day(today, (wall_time,), zone)
        if passed:
            readings += _on_day(today + _DAY, (wall_time,), zone)
    return readings


def _on_day(day: date, times: WallTimes, zone: ZoneInfo) -> list[When]:
    """Return the day at each of the times; without times, the whole day."""
    if not times:
        return [_whole_day(day, zone)]
    return [when for wall_time in times for when in _moments(day, wall_time, zone)]
