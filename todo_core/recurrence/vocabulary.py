"""Name days, months, numbers and units of time, as people write them."""

from __future__ import annotations

import re
from calendar import monthrange
from typing import Final

from todo_core.recurrence.rule import UnclearRepeat

_WEEKDAYS: Final = {
    name: at
    for at, names in enumerate(
        (
            ("mon", "monday"),
            ("tue", "tues", "tuesday"),
            ("wed", "weds", "wednesday"),
            ("thu", "thur", "thurs", "thursday"),
            ("fri", "friday"),
            ("sat", "saturday"),
            ("sun", "sunday"),
        )
    )
    for name in names
}
MONTHS: Final = {
    name: at
    for at, names in enumerate(
        (
            ("jan", "january"),
            ("feb", "february"),
            ("mar", "march"),
            ("apr", "april"),
            ("may",),
            ("jun", "june"),
            ("jul", "july"),
            ("aug", "august"),
            ("sep", "sept", "september"),
            ("oct", "october"),
            ("nov", "november"),
            ("dec", "december"),
        ),
        start=1,
    )
    for name in names
}
_COUNTED: Final = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
CARDINALS: Final = {word: number for number, word in enumerate(_COUNTED, 1)}
ORDINALS: Final = {word: number for number, word in enumerate(("first", "second", "third", "fourth", "fifth"), 1)}
SHORT_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LONG_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SHORT_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WORKDAYS: Final = tuple((0, day) for day in range(5))
UNITS: Final = {"day": ("DAILY", 1), "week": ("WEEKLY", 1), "month": ("MONTHLY", 1), "year": ("YEARLY", 1)}
"""Frequency and interval of a unit of time."""
UNIT_LETTERS: Final = {"d": "day", "w": "week", "mo": "month", "y": "year"}
"""What is a unit of time only after a number: `every mo` may be a Monday."""


def listed(item: str) -> str:
    """Return a pattern for one item or several, with commas, `and` or spaces between them."""
    return rf"{item}(?:(?:,? and |, ?| ){item})*"


WEEKDAY = rf"(?:{'|'.join(_WEEKDAYS)})s?"
MONTH = rf"(?:{'|'.join(MONTHS)})"
DAY = r"(?:day )?\d{1,2}(?:st|nd|rd|th)?"
DATE = rf"(?:(?P<month>{MONTH}) (?:the )?(?P<day>{DAY})|(?P<day_first>{DAY}) (?:of )?(?P<month_last>{MONTH}))"
UNNAMED_DATE = rf"(?:{MONTH} (?:the )?{DAY}|{DAY} (?:of )?{MONTH})"
COUNT = rf"(?:\d{{1,4}}|{'|'.join(CARDINALS)}|twice|thrice)"
"""A number, in digits or words."""


def is_date(month: int, day: int) -> bool:
    """Return whether a month has that day, at least in a leap year."""
    return day <= monthrange(2000, month)[1]


def number_of(text: str | None) -> int:
    """Return the number of a word or of digits: `two`, `second`, `2`, `2nd`; 2 for `other`, 1 for nothing."""
    if not text:
        return 1
    if text in ("other", "alternate", "twice"):
        return 2
    if text == "thrice":
        return 3
    return CARDINALS.get(text) or ORDINALS.get(text) or int(text.rstrip("stndrh"))


def day_of_month(text: str) -> int:
    """Return the day of `15th`, `day 15`, `first` or `first day`; -1 for `last day`."""
    if text == "last day":
        return -1
    if text in ("first", "first day", "1st day"):
        return 1
    day = int(re.sub(r"\D", "", text))
    if not 1 <= day <= 31:
        raise UnclearRepeat(
            'A day of the month is a number from 1 to 31, or the last, as in "every 31st" or "every last day".'
        )
    return day


def weekday_of(text: str) -> int:
    """Return the number of `tue` or `tuesdays`, 0 for Monday."""
    return _WEEKDAYS[text] if text in _WEEKDAYS else _WEEKDAYS[text.removesuffix("s")]


def as_ordinal(number: int) -> str:
    """Return `1st`, `2nd`, `3rd`, `4th`, …"""
    suffix = "th" if 11 <= number <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
