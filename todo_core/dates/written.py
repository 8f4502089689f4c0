"""Dates as they are written, `2026-11-27`, `nov 27`, `the 15th`, `03/04/2027`: by the calendar alone.

Phrases are in lower case. Where people write different dates alike, all of them are given, and the caller refuses.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date

YEARS = range(1970, 2200)

Days = tuple[date, ...]

MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?"
    r"|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FIRST_TO_TENTH = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_ORDINAL = rf"(?:\d\d?(?:st|nd|rd|th)|{'|'.join(_FIRST_TO_TENTH)})"


class UnclearDate(ValueError):
    """A phrase that is no date, or may be more than one.

    The message says what to do next and holds nothing of the phrase. `readings` are the dates it may mean, in
    ISO 8601, earliest first; there are none unless it is ambiguous.
    """

    def __init__(self, message: str, readings: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.readings = readings


def require_year(year: int) -> None:
    """Refuse a year outside `YEARS`.

    Raises:
        UnclearDate: It is.
    """
    if year not in YEARS:
        raise _outside_years()


def _outside_years() -> UnclearDate:
    return UnclearDate(f"The year must be {YEARS[0]} to {YEARS[-1]}. Send a date within these years.")


def calendar_day(year: int, month: int, day: int) -> date:
    """That day of the calendar.

    Raises:
        UnclearDate: There is none, or its year is outside `YEARS`.
    """
    require_year(year)
    try:
        return date(year, month, day)
    except ValueError:
        raise UnclearDate("The calendar has no such day. Check the day, the month and the year.") from None


def iso_week_day(year: int, week: int, weekday: int) -> date:
    """That day of an ISO 8601 week, Monday being 1.

    Raises:
        UnclearDate: There is none, or its year is outside `YEARS`.
    """
    require_year(year)
    try:
        return date.fromisocalendar(year, week, weekday)
    except ValueError:
        raise UnclearDate("That year has no such ISO week, or the week no such day. Check both numbers.") from None


def moved(day: date, days: int) -> date:
    """So many days on.

    Raises:
        UnclearDate: That is outside `YEARS`.
    """
    number = day.toordinal() + days
    if not date(YEARS[0], 1, 1).toordinal() <= number <= date(YEARS[-1], 12, 31).toordinal():
        raise _outside_years()
    return date.fromordinal(number)


def plus_months(day: date, months: int) -> date:
    """So many months on, on the month's last day where it has no such day, as PostgreSQL and ECMAScript's Temporal do.

    Raises:
        UnclearDate: That is outside `YEARS`.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    require_year(year)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def last_of_month(day: date) -> date:
    """The last day of its month."""
    return day.replace(day=monthrange(day.year, day.month)[1])


def month_number(name: str) -> int:
    """The month that `MONTH` matched, 1 to 12."""
    return _MONTHS.index(name[:3]) + 1


def next_day_numbered(number: int, today: date) -> date:
    """The next day with that number in its month, today included.

    Raises:
        UnclearDate: No month has one.
    """
    for months in range(3):  # of two months in a row, one has 31 days; the third is for a day that has passed
        month = plus_months(today.replace(day=1), months)
        if 1 <= number <= last_of_month(month).day and month.replace(day=number) >= today:
            return month.replace(day=number)
    raise UnclearDate("No month has such a day. Check the number of the day.")


def calendar_dates(phrase: str, today: date) -> Days | None:
    """The days that a written date may mean; None when it is not written like one.

    A date without a year is the next such date, today included.

    Raises:
        UnclearDate: There is no such day, or its year is outside `YEARS`.
    """
    for rule in (_iso, _numbers, _day_and_month, _day_of_month):
        if (found := rule(phrase, today)) is not None:
            return found
    return None


def _iso(phrase: str, _: date) -> Days | None:
    if found := re.fullmatch(r"(\d{4})-?w(\d\d)-?(\d)", phrase):
        return (iso_week_day(int(found[1]), int(found[2]), int(found[3])),)
    if found := re.fullmatch(r"(\d{4})(-?)(\d\d)\2(\d\d)|(\d{4})/(\d\d?)/(\d\d?)", phrase):
        year, month, day = (found[1], found[3], found[4]) if found[1] else (found[5], found[6], found[7])
        return (calendar_day(int(year), int(month), int(day)),)
    return None


def _numbers(phrase: str, today: date) -> Days | None:
    """`03/04/2027` is 4 March to some and 3 April to others; `13/04/2027` is 13 April to all."""
    found = re.fullmatch(r"(\d\d?)([/.-])(\d\d?)\2(\d{4})|(\d\d?)/(\d\d?)", phrase)
    if not found:
        return None
    one, other = (int(found[1]), int(found[3])) if found[4] else (int(found[5]), int(found[6]))
    orders = [order for order in ((one, other), (other, one)) if 1 <= order[0] <= 12]
    possible = [order for order in orders if 1 <= order[1] <= monthrange(2000, order[0])[1]]
    if not possible:
        raise UnclearDate("The calendar has no such day. Send the date as year-month-day, such as 2026-11-27.")
    return tuple(_in_year(found[4], month, day, today) for month, day in possible)


def _day_and_month(phrase: str, today: date) -> Days | None:
    day, year = rf"(?P<day>{_ORDINAL}|\d\d?)", r"(?P<year>\d{4})"
    found = re.fullmatch(rf"{day}[ -](?:of )?(?P<month>{MONTH})(?:[ -]{year})?", phrase) or re.fullmatch(
        rf"(?P<month>{MONTH}) (?:the )?{day}(?: {year})?", phrase
    )
    if not found:
        return None
    return (_in_year(found["year"], month_number(found["month"]), _day_number(found["day"]), today),)


def _day_of_month(phrase: str, today: date) -> Days | None:
    found = re.fullmatch(rf"(?P<day>{_ORDINAL})(?: (?:of )?(?P<which>the|this|next) month)?", phrase)
    if not found:
        return None
    number, which = _day_number(found["day"]), found["which"]
    if which in (None, "the"):
        return (next_day_numbered(number, today),)
    month = plus_months(today.replace(day=1), 1 if which == "next" else 0)
    return (calendar_day(month.year, month.month, number),)


def _day_number(word: str) -> int:
    return _FIRST_TO_TENTH.index(word) + 1 if word in _FIRST_TO_TENTH else int(re.sub(r"\D+$", "", word))


def _in_year(year: str | None, month: int, day: int, today: date) -> date:
    """That day of the year; without one the next that there is, today included."""
    if year:
        return calendar_day(int(year), month, day)
    for candidate in range(today.year, today.year + 9):  # leap days can be eight years apart
        if 1 <= day <= monthrange(candidate, month)[1] and date(candidate, month, day) >= today:
            return date(candidate, month, day)
    raise UnclearDate("The calendar has no such day. Check the day and the month.")
