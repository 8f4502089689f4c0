"""Read dates in ISO 8601 and everyday English; refuse what has more than one meaning.

A phrase that people read in two ways is refused with both readings (`UnclearDate.readings`). These rules hold
(`docs/decisions/0015-dates.md`):

- A day ends at its last microsecond in the user's zone, and so do `tonight`, `evening` and `eod`. A morning ends at
  12:00, an afternoon at 18:00.
- A text is *as said* (`docs/decisions/0035-three-kinds-of-due.md`): of a date that is there already, a day alone keeps
  the time, a time alone keeps the day, and `all day` drops the time.
- `17:00` and `05:00` are the 24-hour clock; `5` and `5:30` may be morning or evening.
- A local time that a clock change skips moves forward by what is skipped (RFC 5545, section 3.3.5); one that a
  clock change repeats is ambiguous.
- A date without a year is the next such date, today included. In a filter of what has happened it is the last one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from todo_core.dates.clock import (
    WallTimes,
    day_and_part,
    day_and_times,
    elapsed,
    names_the_end,
    running,
    time_of_day,
    without_all_day,
    without_same,
)
from todo_core.dates.days import days, is_by_name, is_near, spans
from todo_core.dates.iso import iso_moments, without_tags
from todo_core.dates.periods import period
from todo_core.dates.when import When, at_moment, at_wall_clock, end_of_day, in_zone, moments, on_day, start_of_day
from todo_core.dates.written import UnclearDate, View, day_numbered, require_year
from todo_core.text.phrases import spelled_out, typed

__all__ = [
    "Habits",
    "UnclearDate",
    "When",
    "at_moment",
    "at_wall_clock",
    "end_of_day",
    "in_zone",
    "lower_bound",
    "on_day",
    "read",
    "start_of_day",
    "upper_bound",
]

LONGEST = 100
"""Characters of a phrase."""
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_NOT_UNDERSTOOD = (
    'No date was understood. Send only the date: as "2027-01-31" or "2027-01-31T17:00", or in words such as '
    '"tomorrow 5pm", "in 2 weeks" or "dec 24".'
)
_NOT_UNDERSTOOD_BACK = (
    'No time was understood. Send only the time: as "2026-01-31" or "2026-01-31T17:00", or in words such as '
    '"yesterday", "this morning", "last 2 hours", "this week" or "nov 1".'
)
"""The same where what has happened is looked for."""


@dataclass(frozen=True, slots=True)
class Habits:
    """What in reading a date depends on the person. Where it is not known, what would differ is refused."""

    week_start: int | None = None
    """First day of the week, 0 for Monday."""
    is_24_hour: bool = False
    """Whether `5:30` is the 24-hour clock."""


_UNKNOWN = Habits()


@dataclass(frozen=True, slots=True)
class _Speaker:
    """Who says a phrase, when and where, and which way it looks."""

    now: datetime
    zone: ZoneInfo
    habits: Habits
    looks_back: bool = False
    present: When | None = None
    """The date that is there already: what is not said stays."""

    @property
    def hint(self) -> str:
        """What is said of a phrase that is no date."""
        return _NOT_UNDERSTOOD_BACK if self.looks_back else _NOT_UNDERSTOOD

    @property
    def view(self) -> View:
        return View(self.now.astimezone(self.zone).date(), self.habits.week_start, self.looks_back)


def read(text: str, now: datetime, zone: ZoneInfo, habits: Habits = _UNKNOWN, *, present: When | None = None) -> When:
    """Read a date in ISO 8601 or everyday English.

    Args:
        text: The date and nothing else.
        now: The present moment, with a zone.
        zone: The user's.
        habits: The user's.
        present: The date that the text changes: a day alone keeps its time, a time alone its day.

    Raises:
        UnclearDate: The text is no date, or people read it in two ways.
    """
    phrase = _normalized(text)
    if (day_phrase := without_all_day(phrase)) is not None:
        return _all_day(day_phrase, _Speaker(now, zone, habits), present)
    is_by_its_end = names_the_end(typed(text).lower())
    said = _Speaker(now, zone, habits, present=None if is_by_its_end else present)
    return _only_reading(_readings(phrase if present is None else without_same(phrase), said), said)


def lower_bound(
    text: str, now: datetime, zone: ZoneInfo, habits: Habits = _UNKNOWN, *, looks_back: bool = False
) -> datetime:
    """Return where a filter "from this date on" begins: the start of the day or the period, or the moment. In UTC.

    Args:
        text: As for `read`; also a period such as `last week`.
        now: As for `read`.
        zone: As for `read`.
        habits: As for `read`.
        looks_back: Whether the filter is of what has happened: `monday` and `nov 1` are then the last such day.

    Raises:
        UnclearDate: As in `read`.
    """
    said = _Speaker(now, zone, habits, looks_back)
    return _bounds(re.sub(r"^(?:since|from) ", "", _normalized(text, said.hint), count=1), said)[0]


def upper_bound(
    text: str, now: datetime, zone: ZoneInfo, habits: Habits = _UNKNOWN, *, looks_back: bool = False
) -> datetime:
    """Return where a filter "up to this date" ends: after the day or the period, or the moment. In UTC, exclusive.

    Args and errors are those of `lower_bound`.
    """
    said = _Speaker(now, zone, habits, looks_back)
    return _bounds(_normalized(text, said.hint), said)[1]


def _bounds(phrase: str, said: _Speaker) -> tuple[datetime, datetime]:
    """Return the start and the end of a period, of a day or of its part; twice the moment for a moment.

    Looking back, `earlier today` and `this week so far` are the day and the week.
    """
    if said.looks_back:
        phrase = re.sub(r"^(?:earlier|so far) (?=today|this )|(?<=.) so far$", "", phrase, count=1)
    if (night := _last_night(phrase, said)) is not None:
        return night
    if (amount := running(phrase)) is not None:
        ends = sorted((said.now, said.now + amount))
        for end in ends:
            require_year(end.astimezone(said.zone).year)
        return ends[0].astimezone(UTC), ends[1].astimezone(UTC)
    if (named := period(phrase, said.view)) is not None:
        return start_of_day(named[0], said.zone), start_of_day(named[1] + _DAY, said.zone)
    if (part := day_and_part(phrase)) is not None and (named_days := days(part[0], said.view)):
        begins = [when for day in named_days for when in moments(day, part[1], said.zone)[:1]]
        begin = _only_reading(_not_ahead(begins, said), said).at
        return begin, moments(begin.astimezone(said.zone).date(), part[2], said.zone)[-1].at
    when = _only_reading(_not_ahead(_readings(phrase, said), said), said)
    if not when.is_day:
        return when.at, when.at
    assert when.on is not None
    return start_of_day(when.on, said.zone), start_of_day(when.on + _DAY, said.zone)


def _last_night(phrase: str, said: _Speaker) -> tuple[datetime, datetime] | None:
    """Return the span from 18:00 yesterday to 06:00 today for `last night`; None for other phrases."""
    if not re.fullmatch(r"(?:the |during )?last night|overnight", phrase):
        return None
    today = said.view.today
    begin, end = moments(today - _DAY, 18 * _HOUR, said.zone)[0], moments(today, 6 * _HOUR, said.zone)[-1]
    return begin.at, end.at


def _not_ahead(readings: list[When], said: _Speaker) -> list[When]:
    """Leave out the readings that are still to come, looking back, if there are others."""
    if not said.looks_back:
        return readings
    come = [
        when
        for when in readings
        if (start_of_day(when.on, said.zone) if when.on and when.is_day else when.at) <= said.now
    ]
    return come or readings


def _normalized(text: str, hint: str = _NOT_UNDERSTOOD) -> str:
    """Return the text in lower case, with single spaces, without full stops and commas, `tonight` as `today night`.

    Raises:
        UnclearDate: It is too long, or not of ASCII: with the hint.
    """
    if len(text) > LONGEST:
        raise UnclearDate(f'This is longer than {LONGEST} characters. Send only the date, such as "tomorrow 5pm".')
    phrase = typed(text)
    if not phrase.isascii():
        raise UnclearDate(hint)
    phrase = re.sub(r"\b([ap])\.m\b", r"\1m", phrase.lower().rstrip("; "))
    phrase = spelled_out(" ".join(re.sub(r"(?<=[a-z])\.(?= |,|$)|,(?= |$)", " ", phrase).split()))
    phrase = re.sub(r"^later (?=today|tonight|this (?:morning|afternoon|evening))", "", phrase, count=1)
    phrase = re.sub(r"\bthis (morning|afternoon|evening)\b", r"today \1", phrase)
    phrase = re.sub(r"(?<=^in )(\d\d?)h(\d\d)$", r"\1h \2m", phrase)
    # ISO 8601 has two digits everywhere; with a `T`, one digit of the hour is no doubt the 24-hour clock.
    phrase = re.sub(r"^(\d{4})-(\d\d?)-(\d\d?)(?=[t ]\d)", _padded, phrase, count=1)
    phrase = re.sub(r"(?<=^....-..-..t)\d(?=:)", r"0\g<0>", phrase, count=1)
    return phrase.replace("tonight", "today night")


def _padded(written: re.Match[str]) -> str:
    """Return `2026-12-01` for `2026-12-1`."""
    return f"{written[1]}-{int(written[2]):02}-{int(written[3]):02}"


def _readings(phrase: str, said: _Speaker) -> list[When]:
    """Return all that a phrase may mean."""
    phrase = without_tags(phrase)
    return iso_moments(phrase, said.zone) or _from_now(phrase, said) or _by_calendar(phrase, said)


def _only_reading(candidates: list[When], said: _Speaker) -> When:
    """Return the one reading; refuse none, and refuse several with all of them."""
    readings = sorted(set(candidates), key=lambda when: when.at)
    if not readings:
        raise UnclearDate(said.hint)
    if len(readings) == 1:
        return readings[0]
    names = tuple(when.text(said.zone) for when in readings)
    raise UnclearDate(f"It may mean {', '.join(names[:-1])} or {names[-1]}. Send the one that is meant.", names)


def _all_day(day_phrase: str, said: _Speaker, present: When | None) -> When:
    """Return the day that a phrase names, without a time; that of `present` if it names none.

    Raises:
        UnclearDate: It names a time, or no day, or several.
    """
    if not day_phrase and present is not None:
        local = present.local(said.zone)
        return on_day(local.date() if isinstance(local, datetime) else local, said.zone)
    readings = _readings(day_phrase, said) if day_phrase else []
    if not readings or not all(when.is_day for when in readings):
        raise UnclearDate('Without a time it needs a day, and nothing else. Send the day alone, such as "tomorrow".')
    return _only_reading(readings, said)


def _from_now(phrase: str, said: _Speaker) -> list[When]:
    """Read an amount of time such as `in 90 minutes`, to the second and counted in UTC; empty if the phrase is none."""
    second = said.now.astimezone(UTC).replace(microsecond=0)
    return [at_moment(second + amount, said.zone) for amount in elapsed(phrase) or ()]


def _by_calendar(phrase: str, said: _Speaker) -> list[When]:
    """Read a day, a time, or both in either order; empty if the phrase is none of them."""
    zone, view, is_24_hour = said.zone, said.view, said.habits.is_24_hour
    if re.fullmatch(r"\d\d?", phrase):
        return _number_alone(int(phrase), said)
    if (times := _time_alone(phrase, said)) is not None:
        return _nearest_at(times, said) if times else [on_day(view.today, zone)]
    if (parts := day_and_times(phrase, is_24_hour=is_24_hour)) is not None:
        day_phrase, times = parts
        _require_part_to_come(phrase, times, said)
        return [when for day in days(day_phrase, view) or () for when in _on_day(day, times, zone)]
    named = days(phrase, view) or spans(phrase, view) or ()
    return [_day_alone(day, said) for day in named] or _at_number(phrase, said)


def _day_alone(day: date, said: _Speaker) -> When:
    """Return the day, at the time of the date that is there already, if that has one; a moment stays one."""
    present = said.present
    if present is None or present.is_day:
        return on_day(day, said.zone)
    local = present.local(said.zone)
    assert isinstance(local, datetime)
    moved = at_wall_clock(datetime.combine(day, local.time()), said.zone)
    return When(moved.at, None) if present.on is None else moved


def _time_alone(phrase: str, said: _Speaker) -> WallTimes | None:
    """Return the times that a phrase names without a day; None for other phrases."""
    today, day = said.view.today, _kept_day(said)
    return time_of_day(phrase, is_24_hour=said.habits.is_24_hour, is_today=day in (None, today))


def _kept_day(said: _Speaker) -> date | None:
    """Return the day of the date that is there already, where the user is."""
    if said.present is None:
        return None
    local = said.present.local(said.zone)
    return local.date() if isinstance(local, datetime) else local


def _require_part_to_come(phrase: str, times: WallTimes, said: _Speaker) -> None:
    """Refuse `this morning` after it.

    Raises:
        UnclearDate: That part of today is over.
    """
    if not re.fullmatch(r"today (?:morning|afternoon)", phrase):
        return
    if moments(said.view.today, times[0], said.zone)[0].at <= said.now:
        raise UnclearDate('That part of today is over. Send another time, such as "tomorrow morning" or "today".')


def _number_alone(number: int, said: _Speaker) -> list[When]:
    """Read `5`: the day of the month, or the hour in the morning or in the evening."""
    times = time_of_day(f"at {number}") if 1 <= number <= 23 else None
    hours = _nearest_at(times, said) if times else []
    return [*hours, _day_alone(day_numbered(number, said.view), said)]


def _at_number(phrase: str, said: _Speaker) -> list[When]:
    """Read `tomorrow 9` as `tomorrow at 9`; after a weekday it may be the number of the day, too. Else empty."""
    day, _, number = phrase.rpartition(" ")
    if not (re.fullmatch(r"\d\d?", number) and is_by_name(day, said.view)):
        return []
    is_day = not is_near(day) and 1 <= int(number) <= 31
    as_day = [_day_alone(day_numbered(int(number), said.view), said)] if is_day else []
    return _by_calendar(f"{day} at {number}", said) + as_day


def _nearest_at(times: WallTimes, said: _Speaker) -> list[When]:
    """Return when the clocks next show one of the times; looking back, when they last did.

    `5pm` is today's; once that has passed it may also be tomorrow's. `at 5` has two times: of each, the next. Where a
    date is there already, it is on its day.
    """
    if (kept := _kept_day(said)) is not None:
        return _on_day(kept, times, said.zone)
    today = said.view.today
    readings: list[When] = []
    for wall_time in times:
        passed = _on_day(today, (wall_time,), said.zone)[0].at <= said.now
        if said.looks_back:
            readings += _on_day(today if passed else today - _DAY, (wall_time,), said.zone)
            continue
        if len(times) == 1 or not passed:
            readings += _on_day(today, (wall_time,), said.zone)
        if passed:
            readings += _on_day(today + _DAY, (wall_time,), said.zone)
    return readings


def _on_day(day: date, times: WallTimes, zone: ZoneInfo) -> list[When]:
    """Return the day at each of the times; without times, the whole day."""
    if not times:
        return [on_day(day, zone)]
    return [when for wall_time in times for when in moments(day, wall_time, zone)]
