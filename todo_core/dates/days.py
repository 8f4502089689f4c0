"""Read days as people say them, `tomorrow`, `next friday`, `in 2 weeks`, `end of month`, without a zone.

Phrases are in lower case. Where people differ in what a phrase means, all of its days are returned, and the caller
refuses: `friday` on a Friday, `next friday` before one, and what names several days (`next week`).
"""

from __future__ import annotations

import re
from datetime import date, timedelta

from todo_core.dates.written import (
    MONTH,
    Days,
    UnclearDate,
    View,
    calendar_dates,
    calendar_day,
    iso_week_day,
    last_of_month,
    month_number,
    plus_days,
    plus_months,
)

_WEEKDAY = (
    r"(?:mon(?:day)?|tue(?:s(?:day)?)?|wed(?:s|nesday)?|thu(?:r(?:s(?:day)?)?)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)"
)
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_COUNTS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_TENS = {"fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "sixty": 60, "ninety": 90}
_NUMBERS = {"a": 1, "an": 1} | {word: count for count, word in enumerate(_COUNTS, start=1)} | _TENS
NUMBER = rf"(?:\d{{1,5}}|(?:{'|'.join(_NUMBERS)})(?= ))"
_UNIT = r"(?:d|days?|w|wks?|weeks?|fortnights?|mos?|months?|y|yrs?|years?)"
_AMOUNT = rf"(?:(?P<number>{NUMBER}) ?)?(?P<unit>{_UNIT})"
_NEAR = {
    "today": 0,
    "tod": 0,
    "tomorrow": 1,
    "tom": 1,
    "tmrw": 1,
    "tmr": 1,
    "tmw": 1,
    "day after tomorrow": 2,
    "yesterday": -1,
    "day before yesterday": -2,
}
_WEEK = timedelta(days=7)
_MONDAY, _SATURDAY, _SUNDAY = 0, 5, 6
_ORDINALS = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4}
_ORDINALS |= {"fifth": 5, "5th": 5, "last": -1}
_WORKDAY = r"(?:weekday|workday|working day|work day|business day)"
_MOST_STEPS = 41
"""Months or years that are looked at for a weekday of a month: a 29 February on a Monday can be 40 years away."""


def days(phrase: str, view: View) -> Days | None:
    """Read a phrase for one day; None for other phrases. Several days: the phrase may mean each of them.

    Raises:
        UnclearDate: There is no such day, it is another weekday than the phrase says, or its year is outside `YEARS`.
    """
    phrase = re.sub(r"^(?:due )?(?:(?:on|by|until|till) )?(?:the )?", "", phrase, count=1)
    near = phrase.removeprefix("end of ")
    if near in _NEAR:
        return (view.today + timedelta(days=_NEAR[near]),)
    for rule in (_weekday, calendar_dates, _weekday_and_date, _counted, _edge, _weekday_of_period):
        if (readings := rule(phrase, view)) is not None:
            return readings
    return None


def spans(phrase: str, view: View) -> Days | None:
    """Read a phrase for several days; None for other phrases. The caller refuses it with what this returns.

    For `next week`: its first and its last day. For a mere `2 weeks`: the day two weeks ago and the day in two weeks.

    Raises:
        UnclearDate: There is no such week or month, or its year is outside `YEARS`.
    """
    if phrase in ("next weekend", "the next weekend"):
        return tuple(sorted(set(_weekdays("next", _SATURDAY, view))))
    if re.fullmatch(rf"{NUMBER} ?{_UNIT}|fortnight", phrase):
        amount = re.fullmatch(_AMOUNT, phrase)
        assert amount
        return _shifted(view.today, amount, -1), _shifted(view.today, amount, 1)
    return period(phrase, view)


def period(phrase: str, view: View) -> tuple[date, date] | None:
    """Return the first and the last day of `last week`, `last 7 days`, `november`; None for other phrases.

    So many days count today: `last 7 days` are today and the six before it.

    Raises:
        UnclearDate: There is no such week or month, or its year is outside `YEARS`.
    """
    phrase = re.sub("^(?:the |(?:in|at|on|over) (?:the )?)", "", phrase, count=1)
    which = r"(?P<which>this|current|next|coming|last|previous)"
    if match := re.fullmatch(rf"(?:{which} )?(?:the )?(?P<unit>week|month|quarter|year)", phrase):
        return _period(match["unit"], _steps(match["which"]), view)
    if match := re.fullmatch(r"(?:(?P<which>this|last|previous) )?weekend", phrase):
        saturday = _monday_week(_SATURDAY, view)[0] + _steps(match["which"]) * _WEEK
        if view.looks_back and not match["which"] and saturday > view.today:
            saturday -= _WEEK
        return saturday, saturday + timedelta(days=1)
    if match := re.fullmatch(rf"(?:past |(?:last|previous|next|coming) (?={NUMBER})){_AMOUNT}", phrase):
        return _running(match, view.today, back=not phrase.startswith(("next", "coming")))
    return _written_span(phrase, view)


def _running(amount: re.Match[str], today: date, *, back: bool) -> tuple[date, date]:
    """Return the first and the last of so many days up to today, or from today on."""
    if back:
        return plus_days(_shifted(today, amount, -1), 1), today
    return today, plus_days(_shifted(today, amount, 1), -1)


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


def is_near(phrase: str) -> bool:
    """Return whether a phrase is `today`, `tomorrow` or the like, with or without a part of the day."""
    return phrase in _NEAR or re.sub(r" (?:morning|afternoon|evening|night)$", "", phrase) in _NEAR


def is_by_name(phrase: str, view: View) -> bool:
    """Return whether a phrase is a day by its name, without any number: `tomorrow`, `next friday`."""
    return is_near(phrase) or _weekday(phrase, view) is not None


def number(word: str) -> int:
    """Return the value of what `NUMBER` matched."""
    return _NUMBERS[word] if word in _NUMBERS else int(word)


def _steps(which: str | None) -> int:
    """Return how many weeks, months or years away a period is: `next` 1, `last` -1, `this` and nothing 0."""
    return {"next": 1, "coming": 1, "last": -1, "previous": -1}.get(which or "", 0)


def _weekday(phrase: str, view: View) -> Days | None:
    """Read `friday`, `next friday`, `friday next week`; None for other phrases."""
    which = r"(?P<which>this|next|last)"
    if match := re.fullmatch(rf"(?P<day>{_WEEKDAY}) (?:of )?{which} week", phrase) or re.fullmatch(
        rf"{which} week (?:on )?(?P<day>{_WEEKDAY})", phrase
    ):
        return _of_week(_WEEKDAYS.index(match["day"][:3]), _steps(match["which"]), view)
    which = r"(?P<which>this|next|last|(?:this )?(?:up)?coming|this past|past)"
    if match := re.fullmatch(rf"(?:{which} )?(?P<day>{_WEEKDAY})", phrase):
        return _weekdays(match["which"], _WEEKDAYS.index(match["day"][:3]), view)
    return None


def _weekdays(which: str | None, weekday: int, view: View) -> Days:
    """Return every day that a weekday (0 is Monday) may mean.

    `next friday` is the nearest one to some people, and the one of next week to others; `last friday` likewise.
    """
    today = view.today
    from_today = today + timedelta(days=(weekday - today.weekday()) % 7)
    after_today = from_today if from_today > today else from_today + _WEEK
    before_today = from_today - _WEEK
    match which:
        case None if view.looks_back:
            return before_today, after_today - _WEEK
        case None:
            return from_today, after_today
        case "this":
            return *_monday_week(weekday, view), from_today
        case "next":
            return after_today, *_of_either_week(weekday, 1, view)
        case "last":
            return before_today, *_of_either_week(weekday, -1, view)
        case _:
            return (before_today if which.endswith("past") else after_today,)


def _monday_week(weekday: int, view: View) -> Days:
    """Return the weekday of this week, which begins on Monday."""
    return (view.today + timedelta(days=weekday - view.today.weekday()),)


def _of_either_week(weekday: int, weeks: int, view: View) -> Days:
    """Return the weekday of the week that is `weeks` away: once for weeks from Monday, once for weeks from Sunday."""
    return tuple(
        _first_of_week(view.today, start) + weeks * _WEEK + timedelta(days=(weekday - start) % 7)
        for start in (_MONDAY, _SUNDAY)
    )


def _of_week(weekday: int, weeks: int, view: View) -> Days:
    """Return the weekday of the person's week that is `weeks` away; of either week if it is not known."""
    if view.week_start is None:
        return _of_either_week(weekday, weeks, view)
    first = _first_of_week(view.today, view.week_start)
    return (first + weeks * _WEEK + timedelta(days=(weekday - view.week_start) % 7),)


def _first_of_week(day: date, week_start: int) -> date:
    """Return the first day of the day's week."""
    return day - timedelta(days=(day.weekday() - week_start) % 7)


def _weekday_and_date(phrase: str, view: View) -> Days | None:
    """Read `friday nov 27` or `nov 27 (fri)`; None for other phrases. The weekday may tell two dates apart."""
    match = re.fullmatch(rf"(?P<day>{_WEEKDAY}) (?:the )?(?P<date>.+)", phrase) or re.fullmatch(
        rf"(?P<date>.+) \(?(?P<day>{_WEEKDAY})\)?", phrase
    )
    dates = calendar_dates(match["date"], view) if match else None
    if not match or not dates:
        return None
    on_weekday = tuple(day for day in dates if day.weekday() == _WEEKDAYS.index(match["day"][:3]))
    if not on_weekday:
        truth = " and ".join(f"{day.isoformat()} is a {_weekday_name(day)}" for day in dates)
        raise UnclearDate(
            f'The weekday contradicts the date: {truth}. If the date is right, send it alone: "{dates[0].isoformat()}".'
        )
    return on_weekday


def _weekday_name(day: date) -> str:
    """Return the weekday in English; `strftime` would follow the process's locale."""
    return ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[day.weekday()]


def _counted(phrase: str, view: View) -> Days | None:
    """Read `in 2 weeks`, `+2d`, `2 weeks ago`, `a week from tuesday`, `2 days before dec 24`, or return None."""
    if match := re.fullmatch(rf"(?:in |(?P<sign>\+ ?|-)(?=\d)){_AMOUNT}", phrase):
        return (_shifted(view.today, match, -1 if match["sign"] == "-" else 1),) if match["number"] else None
    if match := re.fullmatch(rf"{_AMOUNT} (?:ago|from now)", phrase):
        return (_shifted(view.today, match, -1 if phrase.endswith("ago") else 1),) if match["number"] else None
    if match := re.fullmatch(rf"{_AMOUNT} (?P<way>from|after|before|on) (?P<anchor>.+)", phrase):
        anchors = days(match["anchor"], view)
        return anchors and tuple(_shifted(day, match, -1 if match["way"] == "before" else 1) for day in anchors)
    return None


def _shifted(day: date, amount: re.Match[str], direction: int) -> date:
    """Return the day later (direction 1) or earlier (-1) by an amount, the match of `_AMOUNT`."""
    count = direction * number(amount["number"] or "a")
    match amount["unit"][0]:
        case "m":
            return plus_months(day, count)
        case "y":
            return plus_months(day, 12 * count)
        case unit:
            return plus_days(day, count * {"d": 1, "w": 7, "f": 14}[unit])


def _edge(phrase: str, view: View) -> Days | None:
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
    readings = [_period(unit, _steps(which), view)[edge]]
    if unit == "week" and view.week_start is None and view.today.weekday() == _SUNDAY:
        readings.append(readings[0] + _WEEK)  # to those whose weeks begin on Sunday, today is in the next one
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


def _weekday_of_period(phrase: str, view: View) -> Days | None:
    """Read `first monday of december`, `last workday of next month`, `1st friday of the year`; None for other phrases.

    Of `the month` and of a month without a year, it is the nearest such day, as it is for `15th` and `nov 1`.
    """
    match = re.fullmatch(
        rf"(?P<nth>{'|'.join(_ORDINALS)}) (?P<day>{_WEEKDAY}|{_WORKDAY}) (?:(?:of|in) )?"
        rf"(?:(?P<which>the|this|next|last) (?P<unit>month|year)|(?P<month>{MONTH})(?: (?P<year>\d{{4}}))?)",
        phrase,
    )
    if not match:
        return None
    nth, today, unit = _ORDINALS[match["nth"]], view.today, match["unit"]
    weekday = None if re.fullmatch(_WORKDAY, match["day"]) else _WEEKDAYS.index(match["day"][:3])

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
        found = in_period(_steps(match["which"]))
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
    wanted = range(_SATURDAY) if weekday is None else (weekday,)
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
        first = _first_of_week(today, view.week_start or _MONDAY) + steps * _WEEK
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
