"""Read dates as they are written, `2026-11-27`, `nov 27`, `the 15th`, `03/04/2027`, without a zone.

Phrases are in lower case. Where people write different dates alike, all of them are returned, and the caller refuses.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

YEARS = range(1970, 2200)
"""Years in which a date may be."""

Days = tuple[date, ...]
"""The days that a phrase may mean."""

MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?"
    r"|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FIRST_TO_TENTH = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_ORDINAL = rf"(?:\d\d?(?:st|nd|rd|th)|{'|'.join(_FIRST_TO_TENTH)})"


@dataclass(frozen=True, slots=True)
class View:
    """From where a phrase is said, and which way it looks."""

    today: date
    week_start: int | None = None
    """First day of the person's week, 0 for Monday; None if unknown: what depends on it means each."""
    looks_back: bool = False
    """Whether what has happened is looked for: `monday` and `nov 1` are then the last such day, else the next."""

    def nearest(self, day_of: Callable[[int], date | None], tries: int) -> date | None:
        """Return the next of `day_of(0)`, `day_of(1)`, … from today on; looking back, the last up to today, going back.

        Args:
            day_of: The day that is so many steps away; None where a step has no such day.
            tries: How many steps to look at.
        """
        for step in range(tries):
            day = day_of(-step if self.looks_back else step)
            if day is not None and (day <= self.today if self.looks_back else day >= self.today):
                return day
        return None


class UnclearDate(ValueError):
    """A phrase that is no date, or may be more than one.

    The message says what was understood and, in double quotes, what would be read; it never echoes the phrase.
    """

    def __init__(self, message: str, readings: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.readings = readings
        """The dates that an ambiguous phrase may mean, in ISO 8601, earliest first; empty for no date."""


_NO_SUCH_DAY = 'The calendar has no such day. Check the day, the month and the year, as in "2027-01-31".'


def require_year(year: int) -> None:
    """Refuse a year outside `YEARS`.

    Raises:
        UnclearDate: The year is outside.
    """
    if year not in YEARS:
        raise _outside_years()


def _outside_years() -> UnclearDate:
    return UnclearDate(
        f'The year is outside {YEARS[0]} to {YEARS[-1]}. Send a date within these years, such as "2027-01-31".'
    )


def calendar_day(year: int, month: int, day: int) -> date:
    """Return a day of the calendar.

    Raises:
        UnclearDate: There is no such day, or its year is outside `YEARS`.
    """
    require_year(year)
    try:
        return date(year, month, day)
    except ValueError:
        raise UnclearDate(_NO_SUCH_DAY) from None


def iso_week_day(year: int, week: int, weekday: int) -> date:
    """Return a day of an ISO 8601 week; weekday 1 is Monday.

    Raises:
        UnclearDate: There is no such week or day, or its year is outside `YEARS`.
    """
    require_year(year)
    try:
        return date.fromisocalendar(year, week, weekday)
    except ValueError:
        raise UnclearDate(
            'That year has no such ISO week, or the week no such day. Check both numbers, as in "2027-W05-7".'
        ) from None


def plus_days(day: date, days: int) -> date:
    """Return the day that is `days` later.

    Raises:
        UnclearDate: It is outside `YEARS`.
    """
    number = day.toordinal() + days
    if not date(YEARS[0], 1, 1).toordinal() <= number <= date(YEARS[-1], 12, 31).toordinal():
        raise _outside_years()
    return date.fromordinal(number)


def plus_months(day: date, months: int) -> date:
    """Return the same day `months` later; the last of that month where it has no such day (as PostgreSQL does it).

    Raises:
        UnclearDate: It is outside `YEARS`.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    require_year(year)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def last_of_month(day: date) -> date:
    """Return the last day of the day's month."""
    return day.replace(day=monthrange(day.year, day.month)[1])


def month_number(name: str) -> int:
    """Return the number, 1 to 12, of the month that `MONTH` matched."""
    return _MONTHS.index(name[:3]) + 1


def day_in(month: date, number: int) -> date | None:
    """Return the day with that number in the month of a date; None if the month has none."""
    return month.replace(day=number) if 1 <= number <= last_of_month(month).day else None


def day_numbered(number: int, view: View) -> date:
    """Return the next day with that number in its month, today included; the last one if the view looks back.

    Raises:
        UnclearDate: No month has such a day.
    """
    first = view.today.replace(day=1)
    # Of two months in a row, one has 31 days; the third, if this month's day has passed.
    day = view.nearest(lambda months: day_in(plus_months(first, months), number), 3)
    if day is None:
        raise UnclearDate('No month has such a day. Check the number of the day, as in "15th".')
    return day


def calendar_dates(phrase: str, view: View) -> Days | None:
    """Return the days that a written date may mean; None if it is not written like one.

    A date without a year is the next such date, today included; the last one if the view looks back.

    Raises:
        UnclearDate: There is no such day, or its year is outside `YEARS`.
    """
    for rule in (_iso, _numbers, _day_and_month, _day_of_month):
        if (readings := rule(phrase, view)) is not None:
            return readings
    return None


def _iso(phrase: str, _: View) -> Days | None:
    """Read `2026-11-27`, `20261127`, `2026-w48-5` (ISO 8601), `2026-12-1`, `2026/11/27`; None for other phrases."""
    if match := re.fullmatch(r"(\d{4})-?w(\d\d)-?(\d)", phrase):
        return (iso_week_day(int(match[1]), int(match[2]), int(match[3])),)
    marked = r"(?P<year>\d{4})(?P<mark>[/.-])(?P<month>\d\d?)(?P=mark)(?P<day>\d\d?)"
    match = re.fullmatch(marked, phrase) or re.fullmatch(r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)", phrase)
    return (calendar_day(int(match["year"]), int(match["month"]), int(match["day"])),) if match else None


def _numbers(phrase: str, view: View) -> Days | None:
    """Read `03/04/2027`, 4 March to some and 3 April to others; `13/04/2027` is 13 April to all. Else None."""
    match = re.fullmatch(r"(\d\d?)([/.-])(\d\d?)\2(\d{4})|(\d\d?)/(\d\d?)", phrase)
    if not match:
        return None
    left, right = (int(match[1]), int(match[3])) if match[4] else (int(match[5]), int(match[6]))
    orders = [(month, day) for month, day in ((left, right), (right, left)) if 1 <= month <= 12]
    possible = [(month, day) for month, day in orders if 1 <= day <= monthrange(2000, month)[1]]  # a leap year
    if not possible:
        raise UnclearDate(_NO_SUCH_DAY)
    return tuple(_day_in_year(match[4], month, day, view) for month, day in possible)


def _day_and_month(phrase: str, view: View) -> Days | None:
    """Read `27 nov`, `24. december`, `nov 27 2027`, `1st of november`; None for other phrases."""
    day, year = rf"(?P<day>{_ORDINAL}|\d\d?)\.?", r"(?P<year>\d{4})"
    match = re.fullmatch(rf"{day}[ -](?:of )?(?P<month>{MONTH})(?:[ -]{year})?", phrase) or re.fullmatch(
        rf"(?P<month>{MONTH}) (?:the )?{day}(?: {year})?", phrase
    )
    if not match:
        return None
    return (_day_in_year(match["year"], month_number(match["month"]), _day_number(match["day"]), view),)


def _day_of_month(phrase: str, view: View) -> Days | None:
    """Read `15th`, `first of next month`, `next month 12th`; None for other phrases."""
    day, which = rf"(?P<day>{_ORDINAL})", r"(?P<which>the|this|next|last) month"
    match = re.fullmatch(rf"{day}(?: (?:of )?{which})?", phrase) or re.fullmatch(
        rf"{which} (?:on )?(?:the )?{day}", phrase
    )
    if not match:
        return None
    number, which = _day_number(match["day"]), match["which"]
    if which in (None, "the"):
        return (day_numbered(number, view),)
    month = plus_months(view.today.replace(day=1), {"this": 0, "next": 1, "last": -1}[which])
    return (calendar_day(month.year, month.month, number),)


def _day_number(word: str) -> int:
    """Return the number of `first`, `15th` or `15`."""
    return _FIRST_TO_TENTH.index(word) + 1 if word in _FIRST_TO_TENTH else int(re.sub(r"\D+$", "", word))


def _day_in_year(year: str | None, month: int, day: int, view: View) -> date:
    """Return that day of the year; without a year, the next such day, today included, or the last one."""
    if year:
        return calendar_day(int(year), month, day)
    # Leap days can be eight years apart.
    found = view.nearest(lambda years: day_in(calendar_day(view.today.year + years, month, 1), day), 9)
    if found is None:
        raise UnclearDate(_NO_SUCH_DAY)
    return found
