"""Find the occurrence after one that was completed or skipped."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import islice

from todo_core.recurrence.days import days, names_several
from todo_core.recurrence.repeat import Repeat, is_past_end, on_day, time_of
from todo_core.recurrence.rule import LAST_DAY, Rule, day_of, made_explicit, parse


def following(repeat: Repeat, due: datetime | date, done: datetime) -> Repeat | None:
    """Return the occurrence after one that was completed or skipped; None if the series is over.

    Counted from the due: the first day of the rule after the scheduled day and after the due's day that is not past
    (of whole days: after the day of `done`; with a time: later than `done`). Each day that is left out uses up one
    of COUNT.
    Counted from completion: one interval after the day of `done`; if the rule names days, the first of them from then
    on, later than the scheduled day. Of several days in each week, month or year (`every! weekday`) it is the next.
    It uses up one of COUNT.
    The day comes from the rule, the time of day from the scheduled one, wherever the due was moved.

    Args:
        repeat: The occurrence.
        due: Its local due, a date for a whole day.
        done: The local wall time of completion.
    """
    rule = parse(repeat.rule)
    scheduled, at = day_of(repeat.scheduled), time_of(repeat.scheduled)
    if max(scheduled, day_of(due), done.date()) >= LAST_DAY:
        return None
    if repeat.from_completion:
        used, day = 1, _after_completion(rule, scheduled, done.date())
    else:
        # At the time of day `at`, this is the last day that is past.
        past = done.date() if at is None or at <= done.time() else done.date() - timedelta(days=1)
        used, day = _after_due(rule, scheduled, max(scheduled, day_of(due), past))
    if day is None or (rule.count is not None and rule.count <= used):
        return None
    next_scheduled = on_day(day, at)
    if is_past_end(rule, next_scheduled):
        return None
    if rule.count is not None:
        rule = replace(rule, count=rule.count - used)
    return Repeat.of(rule, from_completion=repeat.from_completion, scheduled=next_scheduled)


def _after_due(rule: Rule, scheduled: date, past: date) -> tuple[int, date | None]:
    """Return how many of COUNT are used up, and the first day of the rule after `past`, or None."""
    if rule.count is None:
        return 1, next(days(rule, scheduled, past + timedelta(days=1)), None)
    later = islice(days(rule, scheduled, scheduled + timedelta(days=1)), rule.count - 1)
    return next(((used, day) for used, day in enumerate(later, 1) if day > past), (rule.count, None))


def _after_completion(rule: Rule, scheduled: date, done: date) -> date | None:
    """Return the day of the next occurrence, with the interval counted from the day of completion, or None."""
    if rule.is_plain:
        return _an_interval_after(done, rule)
    is_spread = rule.interval == 1 and names_several(rule, done)
    earliest = done + timedelta(days=1) if is_spread else _an_interval_after(done, rule)
    if earliest is None:
        return None
    earliest = max(earliest, scheduled + timedelta(days=1))
    return next(days(replace(rule, interval=1), earliest, earliest), None)


def _an_interval_after(day: date, rule: Rule) -> date | None:
    """Return the day that is INTERVAL days, weeks, months or years later; None if that is after the year 2199.

    A month without such a day has its last.
    """
    every = made_explicit(Rule(rule.frequency, rule.interval), day)
    return next(days(every, day, day + timedelta(days=1)), None)
