"""Read days as people say them, `tomorrow`, `next friday`, `in 2 weeks`, `end of month`, without a zone.

Phrases are in lower case. Where people differ in what a phrase means, all of its days are returned, and the caller
refuses: `friday` on a Friday, `next friday` before one, and what names several days (`next week`).
"""

from __future__ import annotations

import re
from datetime import date, timedelta

from todo_core.dates.periods import day_at_edge, period, weekday_of_period
from todo_core.dates.units import (
    AMOUNT,
    MONDAY,
    NUMBER,
    SATURDAY,
    SUNDAY,
    UNIT,
    WEEK,
    WEEKDAY,
    WEEKDAYS,
    first_of_week,
    shifted,
    steps_away,
)
from todo_core.dates.written import Days, UnclearDate, View, calendar_dates

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


def days(phrase: str, view: View) -> Days | None:
    """Read a phrase for one day; None for other phrases. Several days: the phrase may mean each of them.

    Raises:
        UnclearDate: There is no such day, it is another weekday than the phrase says, or its year is outside `YEARS`.
    """
    phrase = re.sub(r"^(?:due )?(?:(?:on|by|until|till) )?(?:the )?", "", phrase, count=1)
    near = phrase.removeprefix("end of ")
    if near in _NEAR:
        return (view.today + timedelta(days=_NEAR[near]),)
    for rule in (_weekday, calendar_dates, _weekday_and_date, _counted, day_at_edge, weekday_of_period):
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
        return tuple(sorted(set(_weekdays("next", SATURDAY, view))))
    if re.fullmatch(rf"{NUMBER} ?{UNIT}|fortnight", phrase):
        amount = re.fullmatch(AMOUNT, phrase)
        assert amount
        return shifted(view.today, amount, -1), shifted(view.today, amount, 1)
    return period(phrase, view)


def is_near(phrase: str) -> bool:
    """Return whether a phrase is `today`, `tomorrow` or the like, with or without a part of the day."""
    return phrase in _NEAR or re.sub(r" (?:morning|afternoon|evening|night)$", "", phrase) in _NEAR


def is_by_name(phrase: str, view: View) -> bool:
    """Return whether a phrase is a day by its name, without any number: `tomorrow`, `next friday`."""
    return is_near(phrase) or _weekday(phrase, view) is not None


def _weekday(phrase: str, view: View) -> Days | None:
    """Read `friday`, `next friday`, `friday next week`; None for other phrases."""
    which = r"(?P<which>this|next|last)"
    if match := re.fullmatch(rf"(?P<day>{WEEKDAY}) (?:of )?{which} week", phrase) or re.fullmatch(
        rf"{which} week (?:on )?(?P<day>{WEEKDAY})", phrase
    ):
        return _of_week(WEEKDAYS.index(match["day"][:3]), steps_away(match["which"]), view)
    which = r"(?P<which>this|next|last|(?:this )?(?:up)?coming|this past|past)"
    if match := re.fullmatch(rf"(?:{which} )?(?P<day>{WEEKDAY})", phrase):
        return _weekdays(match["which"], WEEKDAYS.index(match["day"][:3]), view)
    return None


def _weekdays(which: str | None, weekday: int, view: View) -> Days:
    """Return every day that a weekday (0 is Monday) may mean.

    `next friday` is the nearest one to some people, and the one of next week to others; `last friday` likewise.
    """
    today = view.today
    from_today = today + timedelta(days=(weekday - today.weekday()) % 7)
    after_today = from_today if from_today > today else from_today + WEEK
    before_today = from_today - WEEK
    match which:
        case None if view.looks_back:
            return before_today, after_today - WEEK
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
        first_of_week(view.today, start) + weeks * WEEK + timedelta(days=(weekday - start) % 7)
        for start in (MONDAY, SUNDAY)
    )


def _of_week(weekday: int, weeks: int, view: View) -> Days:
    """Return the weekday of the person's week that is `weeks` away; of either week if it is not known."""
    if view.week_start is None:
        return _of_either_week(weekday, weeks, view)
    first = first_of_week(view.today, view.week_start)
    return (first + weeks * WEEK + timedelta(days=(weekday - view.week_start) % 7),)


def _weekday_and_date(phrase: str, view: View) -> Days | None:
    """Read `friday nov 27` or `nov 27 (fri)`; None for other phrases. The weekday may tell two dates apart."""
    match = re.fullmatch(rf"(?P<day>{WEEKDAY}) (?:the )?(?P<date>.+)", phrase) or re.fullmatch(
        rf"(?P<date>.+) \(?(?P<day>{WEEKDAY})\)?", phrase
    )
    dates = calendar_dates(match["date"], view) if match else None
    if not match or not dates:
        return None
    on_weekday = tuple(day for day in dates if day.weekday() == WEEKDAYS.index(match["day"][:3]))
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
    if match := re.fullmatch(rf"(?:in |(?P<sign>\+ ?|-)(?=\d)){AMOUNT}", phrase):
        return (shifted(view.today, match, -1 if match["sign"] == "-" else 1),) if match["number"] else None
    if match := re.fullmatch(rf"{AMOUNT} (?:ago|from now)", phrase):
        return (shifted(view.today, match, -1 if phrase.endswith("ago") else 1),) if match["number"] else None
    if match := re.fullmatch(rf"{AMOUNT} (?P<way>from|after|before|on) (?P<anchor>.+)", phrase):
        anchors = days(match["anchor"], view)
        return anchors and tuple(shifted(day, match, -1 if match["way"] == "before" else 1) for day in anchors)
    return None
