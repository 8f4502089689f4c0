"""Read the words that phrases of days and of times are made of: weekdays, numbers, and amounts such as `2 weeks`."""

from __future__ import annotations

import re
from datetime import date, timedelta

from todo_core.dates.written import plus_days, plus_months

WEEKDAY = (
    r"(?:mon(?:day)?|tue(?:s(?:day)?)?|wed(?:s|nesday)?|thu(?:r(?:s(?:day)?)?)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)"
)
"""Regular expression of a weekday's name; its first three letters are in `WEEKDAYS`."""
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""In the order of `date.weekday()`."""
_COUNTS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_TENS = {"fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "sixty": 60, "ninety": 90}
_NUMBERS = {"a": 1, "an": 1} | {word: count for count, word in enumerate(_COUNTS, start=1)} | _TENS
NUMBER = rf"(?:\d{{1,5}}|(?:{'|'.join(_NUMBERS)})(?= ))"
"""Regular expression of a number in digits or as a word; `number` tells its value."""
UNIT = r"(?:d|days?|w|wks?|weeks?|fortnights?|mos?|months?|y|yrs?|years?)"
AMOUNT = rf"(?:(?P<number>{NUMBER}) ?)?(?P<unit>{UNIT})"
"""Regular expression of so many days, weeks, months or years; `shifted` counts with its match."""
WEEK = timedelta(days=7)
MONDAY, SATURDAY, SUNDAY = 0, 5, 6


def number(word: str) -> int:
    """Return the value of what `NUMBER` matched."""
    return _NUMBERS[word] if word in _NUMBERS else int(word)


def shifted(day: date, amount: re.Match[str], direction: int) -> date:
    """Return the day later (direction 1) or earlier (-1) by an amount, the match of `AMOUNT`."""
    count = direction * number(amount["number"] or "a")
    match amount["unit"][0]:
        case "m":
            return plus_months(day, count)
        case "y":
            return plus_months(day, 12 * count)
        case unit:
            return plus_days(day, count * {"d": 1, "w": 7, "f": 14}[unit])


def steps_away(which: str | None) -> int:
    """Return how many weeks, months or years away a period is: `next` 1, `last` -1, `this` and nothing 0."""
    return {"next": 1, "coming": 1, "last": -1, "previous": -1}.get(which or "", 0)


def first_of_week(day: date, week_start: int) -> date:
    """Return the first day of the day's week."""
    return day - timedelta(days=(day.weekday() - week_start) % 7)
