"""List the days of a recurrence rule, in bounded time.

python-dateutil would search to the year 9999 before it gave up on a rule that never matches (4 s). Tests hold this
module to python-dateutil's answers.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Final

from todo_core.recurrence.rule import Rule

_MOST_PERIODS: Final = {"DAILY": 3660, "WEEKLY": 522, "MONTHLY": 481, "YEARLY": 50}
"""Intervals that are looked at: 10, 10, 40 and 50 years if INTERVAL is 1. Monday, 29 February, can be 40 years away."""

_MOST_DAYS: Final = {"DAILY": 1, "WEEKLY": 7, "MONTHLY": 31, "YEARLY": 366}
"""Most days of a period, which BYSETPOS counts."""


def days(rule: Rule, anchor: date, earliest: date) -> Iterator[date]:
    """Yield the rule's days from `earliest` to UNTIL or the year 2199, in order; COUNT is ignored.

    At most `_MOST_PERIODS` intervals are looked at: it may end without a day, or before the last one.

    Args:
        rule: The rule.
        anchor: A day in the period from which INTERVAL counts, like DTSTART in RFC 5545.
        earliest: The first day to yield; not before `anchor`.
    """
    if rule.positions and min(map(abs, rule.positions)) > _MOST_DAYS[rule.frequency]:
        return
    tests = _tests(rule)
    last = rule.until_day
    first_period = _period_of(rule, anchor, earliest)
    end = min(_period_of(rule, anchor, last) + 1, first_period + _MOST_PERIODS[rule.frequency])
    periods = range(first_period, end)
    for period in _named_periods(rule, anchor, periods) if rule.frequency == "DAILY" else periods:
        yield from (day for day in _matching(rule, tests, anchor, period) if earliest <= day <= last)


def names_several(rule: Rule, day: date) -> bool:
    """Return whether a rule has more than one day in the week, month or year of a day."""
    return len(_matching(rule, _tests(rule), day, 0)) > 1


def _matching(rule: Rule, tests: Sequence[Callable[[date], bool]], anchor: date, period: int) -> list[date]:
    """Return the rule's days in the period that is so many intervals after the anchor's."""
    matching = _days_in_period(rule, anchor, period)
    for test in tests:
        matching = [day for day in matching if test(day)]
    if rule.positions:
        matching = sorted({matching[index] for index in _indexes(rule.positions, len(matching))})
    return matching


def _period_of(rule: Rule, anchor: date, day: date) -> int:
    """Return how many intervals after the anchor's period the period of this day is."""
    match rule.frequency:
        case "DAILY":
            return (day - anchor).days // rule.interval
        case "WEEKLY":
            return (day - _week_of(rule, anchor)).days // (7 * rule.interval)
        case "MONTHLY":
            return (12 * (day.year - anchor.year) + day.month - anchor.month) // rule.interval
        case _:
            return (day.year - anchor.year) // rule.interval


def _named_periods(rule: Rule, anchor: date, periods: range) -> Iterator[int]:
    """Yield the periods of a DAILY rule, from one day that BYMONTH and BYMONTHDAY name to the next of these."""
    if not (rule.months or rule.month_days):
        yield from periods
        return
    period = periods.start
    while period < periods.stop:
        day = anchor + timedelta(days=period * rule.interval)
        is_named = not rule.months or day.month in rule.months
        later = [named for named in _days_in_month(rule, day.year, day.month) if named >= day] if is_named else []
        if later and later[0] == day:
            yield period
            period += 1
        else:
            following = later[0] if later else day + timedelta(days=_month_length(day.year, day.month) - day.day + 1)
            period = -((anchor - following).days // rule.interval)


def _days_in_period(rule: Rule, anchor: date, period: int) -> list[date]:
    """Return the days of the day, week, month or year that is `period` intervals after the anchor's.

    Most of what the rule leaves out is left out here already, which spares most of the tests: a rule that never
    matches is looked at for decades.
    """
    steps = period * rule.interval
    match rule.frequency:
        case "DAILY":
            return [anchor + timedelta(days=steps)]
        case "WEEKLY":
            first = (_week_of(rule, anchor) + timedelta(weeks=steps)).toordinal()
            return _named_weekdays(rule, first, first + 7)
        case "MONTHLY":
            years, month = divmod(anchor.month - 1 + steps, 12)
            if rule.months and month + 1 not in rule.months:
                return []
            return _days_in_month(rule, anchor.year + years, month + 1)
        case _:
            return _days_in_year(rule, anchor.year + steps)


def _week_of(rule: Rule, day: date) -> date:
    """Return the first day of the day's week, which begins on WKST."""
    return day - timedelta(days=(day.weekday() - rule.week_start) % 7)


def _days_in_month(rule: Rule, year: int, month: int) -> list[date]:
    """Return the days of a month, or of them those that BYMONTHDAY names, or else BYDAY."""
    length = _month_length(year, month)
    if not rule.month_days:
        first = date(year, month, 1).toordinal()
        return _named_weekdays(rule, first, first + length)
    named = {day if day > 0 else length + 1 + day for day in rule.month_days}
    return [date(year, month, day) for day in sorted(named) if 1 <= day <= length]


def _days_in_year(rule: Rule, year: int) -> list[date]:
    """Return the days of a year, or of them at least those that one of the rule's parts names."""
    first, beyond = _new_year(year), _new_year(year + 1)
    if rule.year_days:
        named = {(first - 1 if number > 0 else beyond) + number for number in rule.year_days}
        return [date.fromordinal(day) for day in sorted(named) if first <= day < beyond]
    if rule.weeks:
        owners = (year - 1, year, year + 1)  # to which the week of a day of this year may belong
        starts = {_week_in_year(number, owner, rule.week_start) for owner in owners for number in rule.weeks}
        days = [date.fromordinal(start + place) for start in sorted(starts) for place in range(7)]
        return [day for day in days if day.year == year]
    if not (rule.months or rule.month_days):
        return _named_weekdays(rule, first, beyond)
    return [day for month in rule.months or range(1, 13) for day in _days_in_month(rule, year, month)]


def _named_weekdays(rule: Rule, first: int, beyond: int) -> list[date]:
    """Return the days that BYDAY names, counted among those from one ordinal to before another; without it all."""
    named: set[int] = set() if rule.weekdays else {*range(first, beyond)}
    for number, weekday in rule.weekdays:
        earliest = first + (weekday + 1 - first) % 7  # ordinal 1 is a Monday
        latest = beyond - 1 - (beyond - 2 - weekday) % 7
        if number:
            named.add(earliest + 7 * (number - 1) if number > 0 else latest + 7 * (number + 1))
        else:
            named.update(range(earliest, beyond, 7))
    return [date.fromordinal(day) for day in sorted(named) if first <= day < beyond]


def _week_in_year(number: int, year: int, week_start: int) -> int:
    """Return the ordinal of the first day of a week of a year, counted from 1, or from -1 for its last."""
    fourth_of_january = _new_year(year if number > 0 else year + 1) + 3  # is in the first week, wherever weeks begin
    first = fourth_of_january - (fourth_of_january - 1 - week_start) % 7
    return first + 7 * (number - 1 if number > 0 else number)


@cache
def _month_length(year: int, month: int) -> int:
    return monthrange(year, month)[1]


@cache
def _new_year(year: int) -> int:
    """Return the ordinal (`date.toordinal`) of 1 January."""
    return date(year, 1, 1).toordinal()


def _indexes(positions: tuple[int, ...], length: int) -> Iterator[int]:
    """Yield the list indexes of BYSETPOS, which counts from 1, or from -1 for the last."""
    for position in positions:
        if abs(position) <= length:
            yield position - 1 if position > 0 else length + position


def _tests(rule: Rule) -> list[Callable[[date], bool]]:
    """Return the tests of which a day must pass all, the quickest first."""
    tests: list[Callable[[date], bool]] = []
    if rule.months:
        tests.append(lambda day: day.month in rule.months)
    if rule.month_days:
        tests.append(lambda day: day.day in rule.month_days)
        if rule.month_days[-1] < 0:
            tests[-1] = lambda day: day.day in rule.month_days or _from_month_end(day) in rule.month_days
    if rule.weekdays:
        plain = {weekday for _, weekday in rule.weekdays}
        tests.append(lambda day: day.weekday() in plain)
    if any(ordinal for ordinal, _ in rule.weekdays):
        named = frozenset(rule.weekdays)
        tests.append(lambda day: _is_nth_weekday(rule, named, day))
    if year_days := set(rule.year_days):
        tests.append(lambda day: not year_days.isdisjoint(_in_year(day)))
    if weeks := set(rule.weeks):
        tests.append(lambda day: not weeks.isdisjoint(_week_numbers(day, rule.week_start)))
    return tests


def _from_month_end(day: date) -> int:
    """Return the day's number counted from the month's end: -1 is its last day."""
    return day.day - _month_length(day.year, day.month) - 1


def _in_year(day: date) -> tuple[int, int]:
    """Return the day's number in its year, from 1, and counted from its end, where -1 is the last day."""
    ordinal = day.toordinal()
    return ordinal - _new_year(day.year) + 1, ordinal - _new_year(day.year + 1)


def _is_nth_weekday(rule: Rule, named: frozenset[tuple[int, int]], day: date) -> bool:
    """Return whether BYDAY names the day, counted within the year for a yearly rule without BYMONTH, else the month.

    Args:
        rule: The rule.
        named: Its `weekdays`.
        day: The day.
    """
    by_year = rule.frequency == "YEARLY" and not rule.months
    number, from_end = _in_year(day) if by_year else (day.day, _from_month_end(day))
    weekday = day.weekday()
    return (0, weekday) in named or ((number + 6) // 7, weekday) in named or (-((6 - from_end) // 7), weekday) in named


def _week_numbers(day: date, week_start: int) -> tuple[int, int]:
    """Return the day's week number, from 1, and counted from the end, where -1 is the last week.

    The week belongs to the year that has most of its days (ISO 8601), wherever the week begins.
    """
    middle = day + timedelta(days=3 - (day.weekday() - week_start) % 7)
    number, from_end = _in_year(middle)
    return (number + 6) // 7, -((6 - from_end) // 7)
