"""Read periods as people say them, `last week`, `november`, and days by the period they are in: `end of month`.

Phrases are in lower case. Where people differ in what a phrase means, all of its days are returned.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

from todo_core.dates.units import (
    AMOUNT,
    MONDAY,
    NUMBER,
    SATURDAY,
    SUNDAY,
    WEEK,
    WEEKDAY,
    WEEKDAYS,
    first_of_week,
    shifted,
    steps_away,
)
from todo_core.dates.written import (
    MONTH,
    Days,
    UnclearDate,
    View,
    calendar_day,
    iso_week_day,
    last_of_month,
    month_number,
    plus_days,
    plus_months,
)

_ORDINALS = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4}
_ORDINALS |= {"fifth": 5, "5th": 5, "last": -1}
_WORKDAY = r"(?:weekday|workday|working day|work day|business day)"
_MOST_STEPS = 41
"""Months or years that are looked at for a weekday of a month: a 29 February on a Monday can be 40 years away."""


def period(phrase: str, view: View) -> tuple[date, date] | None:
    """Return the first and the last day of `last week`, `last 7 days`, `november`; None for other phrases.

    So many days count today: `last 7 days` are today and the six before it.

    Raises:
        UnclearDate: There is no such week or month, or its year is outside `YEARS`.
    """
    phrase = re.sub("^(?:the |(?:in|at|on|over) (?:the )?)", "", phrase, count=1)
    which = r"(?P<which>this|current|next|coming|last|previous)"
    if match := re.fullmatch(rf"(?:{which} )?(?:the )?(?P<unit>week|month|quarter|year)", phrase):
        return _period(match["unit"], steps_away(match["which"]), view)
    if match := re.fullmatch(r"(?:(?P<which>this|last|previous) )?weekend", phrase):
        monday = first_of_week(view.today, MONDAY) + steps_away(match["which"]) * WEEK
        saturday = monday + timedelta(days=SATURDAY)
        if view.looks_back and not match["which"] and saturday > view.today:
            saturday -= WEEK
        return saturday, saturday + timedelta(days=1)
    if match := re.fullmatch(rf"(?:(?:this )?past |(?:last|previous|next|coming) (?={NUMBER})){AMOUNT}", phrase):
        return _running(match, view.today, back=not phrase.startswith(("next", "coming")))
    return _written_span(phrase, view)


def _running(amount: re.Match[str], today: date, *, back: bool) -> tuple[date, date]:
    """Return the first and the last of so many days up to today, or from today on."""
    if back:
        return plus_days(shifted(today, amount, -1), 1), today
    return today, plus_days(shifted(today, amount, 1), -1)


def _written_span(phrase: str, view: View) -> tuple[date, date] | None:
    """Return the first and the last day of `november 2027`, `2027-11` or `2027-w48`; None for other phrases."""
    if match := re.fullmatch(rf"(?P<month>{MONTH})(?: (?P<year>\d{{4}}))?", phrase):
        first = _named_month(match["month"], match["year"], view)
        return first, last_of_month(first)
    if match := re.fullmatch(r"(\d{4})-(\d\d?)", phrase):
        first = calendar_day(int(match[1]), int(match[2]), 1)
        return first, last_of_month(first)
    if match := re.fullmatch(r"(\d{4})-?w(\d\d)", phrase):
        monday = iso_week_day(int(match[1]), int(match[2]), 1)
        return monday, monday + timedelta(days=6)
    return None


def day_at_edge(phrase: str, view: View) -> Days | None:
    """Read `end of month`, `eow`, `beginning of next week`, `end of november 2027`; None for other phrases."""
    phrase = {"eow": "end of week", "eom": "end of month", "eoy": "end of year"}.get(phrase, phrase)
    match = re.fullmatch(
        r"(?P<edge>end|last day|beginning|start|first day) (?:of|in) "
        rf"(?:(?:(?P<which>the|this|next|last) )?(?P<unit>week|month|year)|(?P<month>{MONTH})(?: (?P<year>\d{{4}}))?)",
        phrase,
    )
    if not match:
        return None
    edge = 1 if match["edge"] in ("end", "last day") else 0
    if match["month"]:
        return (_edge_of_month(match["month"], match["year"], edge, view),)
    which, unit = match["which"], match["unit"]
    readings = [_period(unit, steps_away(which), view)[edge]]
    if unit == "week" and view.week_start is None and view.today.weekday() == SUNDAY:
        readings.append(readings[0] + WEEK)  # to those whose weeks begin on Sunday, today is in the next one
    if which in (None, "the"):
        if view.looks_back and readings[0] > view.today:
            return (_period(unit, -1, view)[edge],)
        if edge == 0 and readings[0] < view.today:
            readings.append(_period(unit, 1, view)[edge])
    return tuple(readings)


def _edge_of_month(name: str, year: str | None, edge: int, view: View) -> date:
    """Return the first (edge 0) or the last day (1) of a month; without a year, the nearest such day."""
    month = month_number(name)

    def in_year(number: int) -> date:
        first = calendar_day(number, month, 1)
        return last_of_month(first) if edge else first

    if year:
        return in_year(int(year))
    found = view.nearest(lambda years: in_year(view.today.year + years), 2)
    assert found  # one of two years has it on this side of today
    return found


def weekday_of_period(phrase: str, view: View) -> Days | None:
    """Read `first monday of december`, `last workday of next month`, `1st friday of the year`; None for other phrases.

    Of `the month` and of a month without a year, it is the nearest such day, as it is for `15th` and `nov 1`.
    """
    match = re.fullmatch(
        rf"(?P<nth>{'|'.join(_ORDINALS)}) (?P<day>{WEEKDAY}|{_WORKDAY}) (?:(?:of|in) )?"
        rf"(?:(?P<which>the|this|next|last) (?P<unit>month|year)|(?P<month>{MONTH})(?: (?P<year>\d{{4}}))?)",
        phrase,
    )
    if not match:
        return None
    nth, today, unit = _ORDINALS[match["nth"]], view.today, match["unit"]
    weekday = None if re.fullmatch(_WORKDAY, match["day"]) else WEEKDAYS.index(match["day"][:3])

    def in_period(steps: int) -> date | None:
        if unit:
            first, last = _period(unit, steps, view)
        else:
            first = calendar_day(today.year + steps, month_number(match["month"]), 1)
            last = last_of_month(first)
        return _nth_between(first, last, nth, weekday)

    if match["year"]:
        found = in_period(int(match["year"]) - today.year)
    elif match["which"] in (None, "the"):
        found = view.nearest(in_period, _MOST_STEPS)
    else:
        found = in_period(steps_away(match["which"]))
    if found is None:
        raise UnclearDate('That month or year has no such day. Send another, as in "last friday of next month".')
    return (found,)


def _nth_between(first: date, last: date, nth: int, weekday: int | None) -> date | None:
    """Return the nth (-1: the last) of a weekday, or of Monday to Friday, between two days; None if there is none.

    Args:
        first: The first of the days.
        last: The last of the days.
        nth: Which one, from 1, or -1.
        weekday: 0 is Monday; None: any from Monday to Friday.
    """
    wanted = range(SATURDAY) if weekday is None else (weekday,)
    # In five weeks from the begin there is a fifth of every weekday, in one week from the end a last.
    from_begin = [first + timedelta(days=number) for number in range(min(35, (last - first).days + 1))]
    from_end = [last - timedelta(days=number) for number in range(7)]
    matching = [day for day in (from_end if nth < 0 else from_begin) if day.weekday() in wanted]
    return matching[abs(nth) - 1] if abs(nth) <= len(matching) else None


def _period(unit: str, steps: int, view: View) -> tuple[date, date]:
    """Return the first and the last day of the week, month, quarter or year that is `steps` away.

    Weeks are the person's; from Monday where those are not known.
    """
    today = view.today
    if unit == "week":
        first = first_of_week(today, view.week_start or MONDAY) + steps * WEEK
        return first, first + timedelta(days=6)
    if unit == "month":
        first = plus_months(today.replace(day=1), steps)
        return first, last_of_month(first)
    if unit == "quarter":
        first = plus_months(today.replace(day=1), 3 * steps - (today.month - 1) % 3)
        return first, last_of_month(plus_months(first, 2))
    year = today.year + steps
    return calendar_day(year, 1, 1), calendar_day(year, 12, 31)


def _named_month(name: str, year: str | None, view: View) -> date:
    """Return the first day of a month; without a year, of the next such month, or the last one, this one included."""
    month, today = month_number(name), view.today
    years = -(month > today.month) if view.looks_back else month < today.month
    return calendar_day(int(year) if year else today.year + years, month, 1)
