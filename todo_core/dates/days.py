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
    "tomorrow": 1,
    "tmrw": 1,
    "tmr": 1,
    "day after tomorrow": 2,
    "yesterday": -1,
    "day before yesterday": -2,
}
_WEEK = timedelta(days=7)


def days(phrase: str, today: date) -> Days | None:
    """Read a phrase for one day; None for other phrases. Several days: the phrase may mean each of them.

    Raises:
        UnclearDate: There is no such day, it is another weekday than the phrase says, or its year is outside `YEARS`.
    """
    phrase = re.sub(r"^(?:due )?(?:(?:on|by|until) )?(?:the )?", "", phrase, count=1)
    if phrase in _NEAR:
        return (today + timedelta(days=_NEAR[phrase]),)
    for rule in (_weekday, calendar_dates, _weekday_and_date, _counted, _edge, _weekday_of_month):
        if (readings := rule(phrase, today)) is not None:
            return readings
    return None


def spans(phrase: str, today: date) -> Days | None:
    """Read a phrase for several days; None for other phrases. The caller refuses it with what this returns.

    For `next week`: its first and its last day. For a mere `2 weeks`: the day two weeks ago and the day in two weeks.

    Raises:
        UnclearDate: There is no such week or month, or its year is outside `YEARS`.
    """
    if match := re.fullmatch(r"(?:(?:the )?(?P<which>this|next|last) )?(?:the )?(?P<unit>week|month|year)", phrase):
        return _period(match["unit"], _steps(match["which"]), today)
    if match := re.fullmatch(r"(?:(?P<which>this|next|the) )?weekend", phrase):
        saturdays = sorted(set(_weekdays("next", 5, today))) if match["which"] == "next" else _monday_week(5, today)
        return tuple(saturdays) if len(saturdays) > 1 else (saturdays[0], saturdays[0] + timedelta(days=1))
    if re.fullmatch(rf"{NUMBER} ?{_UNIT}|fortnight", phrase):
        amount = re.fullmatch(_AMOUNT, phrase)
        assert amount
        return _shifted(today, amount, -1), _shifted(today, amount, 1)
    return _written_span(phrase, today)


def _written_span(phrase: str, today: date) -> Days | None:
    """Return the first and the last day of `november 2027`, `2027-11` or `2027-w48`; None for other phrases."""
    if match := re.fullmatch(rf"(?:in )?(?P<month>{MONTH})(?: (?P<year>\d{{4}}))?", phrase):
        return _named_month(match["month"], match["year"], today)
    if match := re.fullmatch(r"(\d{4})-(\d\d)", phrase):
        first = calendar_day(int(match[1]), int(match[2]), 1)
        return first, last_of_month(first)
    if match := re.fullmatch(r"(\d{4})-?w(\d\d)", phrase):
        monday = iso_week_day(int(match[1]), int(match[2]), 1)
        return monday, monday + timedelta(days=6)
    return None


def number(word: str) -> int:
    """Return the value of what `NUMBER` matched."""
    return _NUMBERS[word] if word in _NUMBERS else int(word)


def _steps(which: str | None) -> int:
    """Return how many weeks, months or years away a period is: `next` 1, `last` -1, `this` and nothing 0."""
    return {"next": 1, "last": -1}.get(which or "", 0)


def _weekday(phrase: str, today: date) -> Days | None:
    """Read `friday`, `next friday`, `friday next week`; None for other phrases."""
    which = r"(?P<which>this|next|last)"
    if match := re.fullmatch(rf"(?P<day>{_WEEKDAY}) (?:of )?{which} week", phrase) or re.fullmatch(
        rf"{which} week (?:on )?(?P<day>{_WEEKDAY})", phrase
    ):
        return _of_week(_WEEKDAYS.index(match["day"][:3]), _steps(match["which"]), today)
    which = r"(?P<which>this|next|last|(?:this )?(?:up)?coming|this past|past)"
    if match := re.fullmatch(rf"(?:{which} )?(?P<day>{_WEEKDAY})", phrase):
        return _weekdays(match["which"], _WEEKDAYS.index(match["day"][:3]), today)
    return None


def _weekdays(which: str | None, weekday: int, today: date) -> Days:
    """Return every day that a weekday (0 is Monday) may mean.

    `next friday` is the nearest one to some people, and the one of next week to others; `last friday` likewise.
    """
    from_today = today + timedelta(days=(weekday - today.weekday()) % 7)
    after_today = from_today if from_today > today else from_today + _WEEK
    before_today = from_today - _WEEK
    match which:
        case None:
            return from_today, after_today
        case "this":
            return *_monday_week(weekday, today), from_today
        case "next":
            return after_today, *_of_week(weekday, 1, today)
        case "last":
            return before_today, *_of_week(weekday, -1, today)
        case _:
            return (before_today if which.endswith("past") else after_today,)


def _monday_week(weekday: int, today: date) -> Days:
    """Return the weekday of this week, which begins on Monday."""
    return (today + timedelta(days=weekday - today.weekday()),)


def _of_week(weekday: int, weeks: int, today: date) -> Days:
    """Return the weekday of the week that is `weeks` away: once for weeks from Monday, once for weeks from Sunday."""
    sunday = today - timedelta(days=(today.weekday() + 1) % 7)
    return (
        _monday_week(weekday, today)[0] + weeks * _WEEK,
        sunday + weeks * _WEEK + timedelta(days=(weekday + 1) % 7),
    )


def _weekday_and_date(phrase: str, today: date) -> Days | None:
    """Read `friday nov 27` or `nov 27 (fri)`; None for other phrases. The weekday may tell two dates apart."""
    match = re.fullmatch(rf"(?P<day>{_WEEKDAY}) (?:the )?(?P<date>.+)", phrase) or re.fullmatch(
        rf"(?P<date>.+) \(?(?P<day>{_WEEKDAY})\)?", phrase
    )
    dates = calendar_dates(match["date"], today) if match else None
    if not match or not dates:
        return None
    on_weekday = tuple(day for day in dates if day.weekday() == _WEEKDAYS.index(match["day"][:3]))
    if not on_weekday:
        truth = " and ".join(f"{day.isoformat()} is a {_weekday_name(day)}" for day in dates)
        raise UnclearDate(f"The weekday contradicts the date: {truth}. Correct the one that is wrong.")
    return on_weekday


def _weekday_name(day: date) -> str:
    """Return the weekday in English; `strftime` would follow the process's locale."""
    return ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[day.weekday()]


def _counted(phrase: str, today: date) -> Days | None:
    """Read `in 2 weeks`, `2 weeks ago`, `a week from tuesday`, `2 days before dec 24`; None for other phrases."""
    if match := re.fullmatch(rf"in {_AMOUNT}", phrase):
        return (_shifted(today, match, 1),) if match["number"] else None
    if match := re.fullmatch(rf"{_AMOUNT} (?:ago|from now)", phrase):
        return (_shifted(today, match, -1 if phrase.endswith("ago") else 1),) if match["number"] else None
    if match := re.fullmatch(rf"{_AMOUNT} (?P<way>from|after|before) (?P<anchor>.+)", phrase):
        anchors = days(match["anchor"], today)
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


def _edge(phrase: str, today: date) -> Days | None:
    """Read `end of month`, `eow`, `beginning of next week`, `end of november 2027`; None for other phrases."""
    phrase = {"eow": "end of week", "eom": "end of month", "eoy": "end of year"}.get(phrase, phrase)
    match = re.fullmatch(
        r"(?P<edge>end|last day|beginning|start|first day) of "
        rf"(?:(?:(?P<which>the|this|next) )?(?P<unit>week|month|year)|(?P<month>{MONTH})(?: (?P<year>\d{{4}}))?)",
        phrase,
    )
    if not match:
        return None
    edge = 1 if match["edge"] in ("end", "last day") else 0
    if match["month"]:
        return (_named_month(match["month"], match["year"], today)[edge],)
    which, unit = match["which"], match["unit"]
    readings = [_period(unit, _steps(which), today)[edge]]
    if unit == "week" and today.weekday() == 6:  # to those whose weeks begin on Sunday, today is in the next one
        readings.append(readings[0] + _WEEK)
    if edge == 0 and which in (None, "the") and readings[0] < today:
        readings.append(_period(unit, 1, today)[edge])
    return tuple(readings)


def _weekday_of_month(phrase: str, today: date) -> Days | None:
    """Read `first monday of december`, `last friday of next month`; None for other phrases."""
    match = re.fullmatch(
        rf"(?P<nth>first|second|third|fourth|last) (?P<day>{_WEEKDAY}) (?:of|in) "
        rf"(?:(?P<which>the|this|next) month|(?P<month>{MONTH})(?: (?P<year>\d{{4}}))?)",
        phrase,
    )
    if not match:
        return None
    if match["month"]:
        first, last = _named_month(match["month"], match["year"], today)
    else:
        first, last = _period("month", _steps(match["which"]), today)
    weekday = _WEEKDAYS.index(match["day"][:3])
    if match["nth"] == "last":
        return (last - timedelta(days=(last.weekday() - weekday) % 7),)
    weeks = ("first", "second", "third", "fourth").index(match["nth"])
    return (first + weeks * _WEEK + timedelta(days=(weekday - first.weekday()) % 7),)


def _period(unit: str, steps: int, today: date) -> Days:
    """Return the first and the last day of the week (Monday to Sunday), month or year that is `steps` away."""
    if unit == "week":
        monday = _monday_week(0, today)[0] + steps * _WEEK
        return monday, monday + timedelta(days=6)
    if unit == "month":
        first = plus_months(today.replace(day=1), steps)
        return first, last_of_month(first)
    year = today.year + steps
    return calendar_day(year, 1, 1), calendar_day(year, 12, 31)


def _named_month(name: str, year: str | None, today: date) -> Days:
    """Return the first and the last day of a month; without a year, of the next such month, this one included."""
    month = month_number(name)
    first = calendar_day(int(year) if year else today.year + (month < today.month), month, 1)
    return first, last_of_month(first)
