"""Read what stands at the end of a phrase: how often, until when, at what time, from when it counts."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, time, timedelta
from typing import Final

from todo_core.recurrence.repeat import in_range
from todo_core.recurrence.rule import LAST_DAY, MOST_TIMES, Rule, UnclearRepeat
from todo_core.recurrence.vocabulary import COUNT, DATE, DAY, LONG_DAYS, MONTH, MONTHS, day_of_month, number_of

SURE_CLOCK: Final = r"\d{1,2}(?::\d{2})? ?[ap]m|\d{1,2}:\d{2}|noon|midday|midnight"
_END_AFTER: Final = r"(?:for|ending after|ends after|end after|stop after)"
_REPETITIONS: Final = r"(?:occurrences?|repetitions?)"
_WEEKS_FROM = rf"weeks (?:from|start(?:ing)?|begin(?:ning)?)(?: on)? ({'|'.join(day.lower() for day in LONG_DAYS)})"
"""What says with which day a week begins."""
_LAST_DAY_WORDS = (
    rf"\d{{4}}-\d{{1,2}}-\d{{1,2}}|(?:{MONTH} (?:the )?{DAY}|{DAY} (?:of )?{MONTH})(?:,? \d{{4}})?"
    rf"|end of (?:(?:the |this )?(?:month|year)|{MONTH}(?: \d{{4}})?)"
)
"""A date that ends a series."""
_TAILS: Final = {  # each pattern: what is before the tail, and the tail's value
    "count": re.compile(
        rf"(.+?)(?:, (?:{_END_AFTER} )?| {_END_AFTER} )({COUNT}) (?:times?|{_REPETITIONS})"
        rf"|(.+?) ({COUNT}) {_REPETITIONS}",
        re.ASCII,
    ),
    "bare count": re.compile(rf"(.+?) ({COUNT})(?:(?<=twice)|(?<=thrice)| times?)", re.ASCII),
    "lasting": re.compile(
        rf"(.+?),? for (?:the next )?((?:{COUNT}|an?) (?:day|week|fortnight|month|quarter|year)s?)", re.ASCII
    ),
    "until": re.compile(
        rf"(.+?),? (?:until|till|til|through|thru|to|(?:ending|ends?)(?: on)?) (?:the )?({_LAST_DAY_WORDS})", re.ASCII
    ),
    "at": re.compile(rf"(.+?),? (?:(?:at |@ ?|by )?({SURE_CLOCK})|(?:at |@ ?)(\d{{1,2}}))", re.ASCII),
    "after": re.compile(
        r"(.+?),? ((?:after|from) (?:its )?completion|after (?:completing|finishing)"
        r"|(?:after|when) (?:it is |it's )?(?:done|completed|finished))",
        re.ASCII,
    ),
    "weeks": re.compile(rf"(.+?),? {_WEEKS_FROM}", re.ASCII),
}
_CLOCK: Final = re.compile(r"(\d{1,2})(?::(\d{2}))? ?([ap]m)?", re.ASCII)
_NO_SUCH_TIME: Final = 'There is no such time. Write it as in "every day at 9am" or "every day at 17:30".'


def without_tails(text: str) -> tuple[str, dict[str, str]]:
    """Split off the tails of `_TAILS`, in any order: a count, an end date, a time of day, "after completion", …"""
    tails: dict[str, str] = {}
    for _ in _TAILS:
        for name, pattern in _TAILS.items():
            if name not in tails and (match := pattern.fullmatch(text)):
                text, tails[name] = (part for part in match.groups() if part is not None)
                break
    return text, tails


def ended(rule: Rule, tails: Mapping[str, str], start: date) -> Rule:
    """Return the rule with the end that a tail gives it: COUNT or UNTIL.

    Raises:
        UnclearRepeat: There are two ends, or the end is out of range.
    """
    ends = tails.keys() & {"count", "bare count", "until", "lasting"}
    if not ends:
        return rule
    if rule.count is not None or rule.until is not None or len(ends) > 1:
        raise UnclearRepeat(
            'The repeat has two ends. Give one end, a number of times as in "every day, 10 times" or a last day.'
        )
    if "lasting" in tails:
        return rule
    if "until" in tails:
        try:
            return replace(rule, until=in_range(_last_day(tails["until"], start)))
        except ValueError:
            raise UnclearRepeat(
                'The last day is no day up to the year 2199. Write it as in "every day until dec 31" or '
                '"every day until 2100-12-31".'
            ) from None
    if not 1 <= (count := number_of(tails.get("count") or tails["bare count"])) <= MOST_TIMES:
        raise UnclearRepeat(f'The number of times is from 1 to {MOST_TIMES}, as in "every day, 10 times".')
    return replace(rule, count=count)


def last_of(lasting: str, first: date) -> date:
    """Return the last day of `8 weeks` or `a month` from the first occurrence on."""
    number, unit = lasting.split(" ")
    count = 1 if number in ("a", "an") else number_of(number)
    kind = unit.rstrip("s")
    if kind in ("day", "week", "fortnight"):
        later = min(count * {"day": 1, "week": 7, "fortnight": 14}[kind] - 1, (LAST_DAY - first).days)
        return first + timedelta(days=later)
    months = first.year * 12 + first.month - 1 + count * {"month": 1, "quarter": 3, "year": 12}[kind]
    year, month = divmod(months, 12)
    if year > LAST_DAY.year:
        return LAST_DAY
    return date(year, month + 1, min(first.day, monthrange(year, month + 1)[1])) - timedelta(days=1)


def _last_day(text: str, start: date) -> date:
    """Return the day that a match of `_LAST_DAY_WORDS` names; without a year, the next such day from `start` on.

    Raises:
        ValueError: There is no such day.
    """
    if re.match(r"\d{4}-", text):
        year, month, day = map(int, text.split("-"))
        return date(year, month, day)
    words = text.replace(",", "")
    year_given = re.search(r" (\d{4})$", words)
    words = words[: year_given.start()] if year_given else words
    year = int(year_given[1]) if year_given else start.year
    if words.startswith("end of "):
        month = MONTHS.get(words.split()[-1]) or (start.month if words.endswith("month") else 12)
        ends = (date(later, month, monthrange(later, month)[1]) for later in (year, year + 1))
    else:
        match = re.fullmatch(DATE, words)
        assert match  # the pattern of the words has the same shape
        month = MONTHS[match["month"] or match["month_last"]]
        day = day_of_month(match["day"] or match["day_first"])
        years = range(year, year + 9)  # 29 February can be eight years away
        ends = (date(later, month, day) for later in years if day <= monthrange(later, month)[1])
    last = next((end for end in ends if year_given or end >= start), None)
    if last is None or (year_given and last.year != year):
        raise ValueError("no such day")
    return last


def time_of_day(text: str, words: str) -> time:
    """Read the tail `at`: `9am`, `9:30 pm`, `17:30`, `17`, `noon` or `midnight`.

    Args:
        text: The tail.
        words: The repeat, for the readings.

    Raises:
        UnclearRepeat: There is no such time, or it may be in the morning or in the evening.
    """
    if text in ("noon", "midday", "midnight"):
        return time(0 if text == "midnight" else 12)
    match = _CLOCK.fullmatch(text)
    assert match is not None  # the pattern of the tail has the same shape
    hour, minute, half = int(match[1]), int(match[2] or 0), match[3]
    if half is None and match[2] is None and 1 <= hour <= 12:
        morning, evening = (f"{words} at {hour}{name}" for name in ("am", "pm"))
        raise UnclearRepeat(
            f'The hour may mean "{morning}" or "{evening}". Send the one that is meant.', (morning, evening)
        )
    if half is not None:
        no_hour = 24  # which `time` refuses
        hour = hour % 12 + (12 if half == "pm" else 0) if 1 <= hour <= 12 else no_hour
    try:
        return time(hour, minute)
    except ValueError:
        raise UnclearRepeat(_NO_SUCH_TIME) from None
