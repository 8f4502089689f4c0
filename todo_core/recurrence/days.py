"""The days of a recurrence rule, in a bounded walk.

The walk is ours: python-dateutil searches to the year 9999 before it gives up on a rule that never matches (4 s).
Tests hold it to python-dateutil's answers.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import cache
from typing import Final

from todo_core.recurrence.rule import Rule

# How many periods one walk looks at: 10, 10, 40 and 50 years at an interval of 1; Monday, February 29, can be 40 away.
_LONGEST_WALK: Final = {"DAILY": 3660, "WEEKLY": 522, "MONTHLY": 481, "YEARLY": 50}


def days(rule: Rule, anchor: date, earliest: date) -> Iterator[date]:
    """The rule's days from `earliest` to UNTIL or the year 2199, in order; COUNT is not looked at.

    The walk is bounded (`_LONGEST_WALK`): it may end without a day, or before the last.

    Args:
        rule: What to walk.
        anchor: A day in the period from which INTERVAL counts: what DTSTART is in RFC 5545.
        earliest: Not before `anchor`.
    """
    tests = _tests(rule)
    last = rule.until_day
    first_period = _period_of(rule, anchor, earliest)
    end = min(_period_of(rule, anchor, last) + 1, first_period + _LONGEST_WALK[rule.frequency])
    for period in range(first_period, end):
        found = _days_in_period(rule, anchor, period)
        for test in tests:
            found = [day for day in found if test(day)]
        if rule.positions:
            found = sorted({found[at] for at in _indexes(rule.positions, len(found))})
        yield from (day for day in found if earliest <= day <= last)


def _period_of(rule: Rule, anchor: date, day: date) -> int:
    """How many intervals after the anchor's period this day's lies."""
    match rule.frequency:
        case "DAILY":
            return (day - anchor).days // rule.interval
        case "WEEKLY":
            return (day - _week_of(rule, anchor)).days // (7 * rule.interval)
        case "MONTHLY":
            return (12 * (day.year - anchor.year) + day.month - anchor.month) // rule.interval
        case _:
            return (day.year - anchor.year) // rule.interval


def _days_in_period(rule: Rule, anchor: date, period: int) -> list[date]:
    steps = period * rule.interval
    match rule.frequency:
        case "DAILY":
            return [anchor + timedelta(days=steps)]
        case "WEEKLY":
            first = (_week_of(rule, anchor) + timedelta(weeks=steps)).toordinal()
            return [date.fromordinal(day) for day in range(first, first + 7)]
        case "MONTHLY":
            years, month = divmod(anchor.month - 1 + steps, 12)
            if rule.months and month + 1 not in rule.months:
                return []
            return _days_in_month(anchor.year + years, month + 1)
        case _:
            months = rule.months or range(1, 13)
            return [day for month in months for day in _days_in_month(anchor.year + steps, month)]


def _week_of(rule: Rule, day: date) -> date:
    return day - timedelta(days=(day.weekday() - rule.week_start) % 7)


def _days_in_month(year: int, month: int) -> list[date]:
    return [date(year, month, day) for day in range(1, _month_length(year, month) + 1)]


@cache
def _month_length(year: int, month: int) -> int:
    return monthrange(year, month)[1]


@cache
def _new_year(year: int) -> int:
    return date(year, 1, 1).toordinal()


def _indexes(positions: tuple[int, ...], length: int) -> Iterator[int]:
    for position in positions:
        if abs(position) <= length:
            yield position - 1 if position > 0 else length + position


def _tests(rule: Rule) -> list[Callable[[date], bool]]:
    """What a day must pass, the quick ones first."""
    tests: list[Callable[[date], bool]] = []
    if rule.months:
        tests.append(lambda day: day.month in rule.months)
    if rule.month_days:
        tests.append(lambda day: day.day in rule.month_days)
        if rule.month_days[-1] < 0:
            tests[-1] = lambda day: day.day in rule.month_days or _from_month_end(day) in rule.month_days
    if any(ordinal for ordinal, _ in rule.weekdays):
        tests.append(lambda day: _is_nth_weekday(rule, day))
    elif rule.weekdays:
        plain = {weekday for _, weekday in rule.weekdays}
        tests.append(lambda day: day.weekday() in plain)
    if year_days := set(rule.year_days):
        tests.append(lambda day: not year_days.isdisjoint(_in_year(day)))
    if weeks := set(rule.weeks):
        tests.append(lambda day: not weeks.isdisjoint(_week_numbers(day, rule.week_start)))
    return tests


def _from_month_end(day: date) -> int:
    return day.day - _month_length(day.year, day.month) - 1


def _in_year(day: date) -> tuple[int, int]:
    """A day's number in its year, from the start and (negative) from the end."""
    today = day.toordinal()
    return today - _new_year(day.year) + 1, today - _new_year(day.year + 1)


def _is_nth_weekday(rule: Rule, day: date) -> bool:
    by_year = rule.frequency == "YEARLY" and not rule.months
    number, from_end = _in_year(day) if by_year else (day.day, _from_month_end(day))
    weekday = day.weekday()
    ordinals = (0, (number + 6) // 7, -((6 - from_end) // 7))
    return any((ordinal, weekday) in rule.weekdays for ordinal in ordinals)


def _week_numbers(day: date, week_start: int) -> tuple[int, int]:
    """A day's week number, from the start and (negative) from the end of the year that has most of the week."""
    middle = day + timedelta(days=3 - (day.weekday() - week_start) % 7)
    number, from_end = _in_year(middle)
    return (number + 6) // 7, -((6 - from_end) // 7)
