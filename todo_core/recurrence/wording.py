"""Say recurrence rules in everyday English."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from todo_core.recurrence.rule import Rule, UnclearRepeat, days_of_every_month
from todo_core.recurrence.vocabulary import LONG_DAYS, SHORT_DAYS, SHORT_MONTHS, UNITS, WORKDAYS, as_ordinal, is_date

_WEEK_STARTS: Final = (0, 5, 6)
"""First days of the week that people have: Monday, Saturday, Sunday."""


def words_of(rule: Rule) -> str | None:
    """Return the canonical phrase of a rule, without its end; None if no phrase says it."""
    unit = next(unit for unit, (frequency, _) in UNITS.items() if frequency == rule.frequency)
    every = f"every {unit}" if rule.interval == 1 else f"every {rule.interval} {unit}s"
    if rule.is_plain:
        return every
    if rule.weeks or rule.year_days:
        return None
    weeks = f", weeks from {LONG_DAYS[rule.week_start]}" if is_week_start_felt(rule) else ""
    if rule == Rule("WEEKLY", weekdays=WORKDAYS, count=rule.count, until=rule.until):
        return "every weekday"
    on = _ON_WHICH_DAYS[rule.frequency](rule)
    return on and f"{every} on {on}{weeks}"


def is_week_start_felt(rule: Rule) -> bool:
    """Return whether the rule's days depend on the first day of the week, or it is not Monday.

    They do if another of the weekdays is then the first of its week: those of `every 2 weeks on sun, mon` fall into one
    week from Sunday on, and into two from Monday on.
    """
    if rule.frequency != "WEEKLY" or rule.interval == 1:
        return rule.week_start != 0
    firsts = {min((day - start) % 7 + start for _, day in rule.weekdays) % 7 for start in _WEEK_STARTS}
    return rule.week_start != 0 or len(firsts) > 1


def _on_weekdays_words(rule: Rule) -> str | None:
    """Return `Mon, Thu` for a weekly rule; None if no phrase says it."""
    if rule.months or rule.positions:
        return None
    return ", ".join(SHORT_DAYS[day] for _, day in rule.weekdays)


def _on_month_days_words(rule: Rule) -> str | None:
    """Return `the 1st, 15th` or `the last Fri` for a monthly rule; None if no phrase says it."""
    if rule.months:
        return None
    if rule.weekdays == WORKDAYS and rule.positions and not rule.month_days:
        return _nth_words(rule.positions, "weekday")
    if rule.weekdays:
        return _nth_weekday_words(rule)
    named = _named_days(rule)
    if named is None:
        return None
    return "the " + ", ".join("last day" if day == -1 else as_ordinal(day) for day in named)


def _on_date_words(rule: Rule) -> str | None:
    """Return `Mar 3`, `Jan 1, Jul 1` or `the 1st Mon of May` for a yearly rule; None if no phrase says it."""
    if len(rule.months) > 1 and rule == Rule(
        "YEARLY", rule.interval, months=rule.months, month_days=rule.month_days[:1], count=rule.count, until=rule.until
    ):
        (day,) = rule.month_days or (-1,)
        is_said = all(day >= 1 and is_date(month, day) for month in rule.months)
        return ", ".join(f"{SHORT_MONTHS[month - 1]} {day}" for month in rule.months) if is_said else None
    if len(rule.months) != 1:
        return None
    month = SHORT_MONTHS[rule.months[0] - 1]
    if rule.weekdays:
        nth = _nth_weekday_words(rule)
        return nth and f"{nth} of {month}"
    days = _named_days(rule) if rule.months == (2,) else rule.month_days
    if days is None or len(days) != 1 or days[0] < 1 or (rule.positions and days[0] != 29):
        return None
    return f"{month} {days[0]}"


def _named_days(rule: Rule) -> list[int] | None:
    """Return the days that a person named, -1 for the last: the inverse of `days_of_every_month`; None if it has none.

    For BYMONTHDAY=15,28,29,30 and BYSETPOS=1,-1 that is 15 and 30: the last of the listed days, and those before the
    28th. The 28th itself is one if BYSETPOS has one position more than there are days before it.
    """
    named = list(rule.month_days)
    if rule.positions and named:
        early = [day for day in named if day < 28]
        if len(rule.positions) - 1 > len(early):
            early.append(28)
        named = [*early, max(named)]
    # Other rules look alike: the days say this one only if they lead back to it.
    try:
        parts = days_of_every_month(set(named))
    except UnclearRepeat:
        return None
    return named if parts == (rule.month_days, rule.positions) else None


def _nth_weekday_words(rule: Rule) -> str | None:
    """Return `the 1st, last Mon`; None unless the rule has ordinals of one weekday and nothing else."""
    numbers = tuple(ordinal for ordinal, _ in rule.weekdays)
    names = {day for _, day in rule.weekdays}
    if len(names) > 1 or rule.month_days or rule.positions:
        return None
    return _nth_words(numbers, SHORT_DAYS[names.pop()])


def _nth_words(numbers: tuple[int, ...], name: str) -> str | None:
    """Return `the 1st, last Mon`; None for numbers that a phrase does not take."""
    if not set(numbers) <= {1, 2, 3, 4, 5, -1}:
        return None
    return f"the {', '.join('last' if number == -1 else as_ordinal(number) for number in numbers)} {name}"


_ON_WHICH_DAYS: Final[dict[str, Callable[[Rule], str | None]]] = {
    "DAILY": lambda _: None,
    "WEEKLY": _on_weekdays_words,
    "MONTHLY": _on_month_days_words,
    "YEARLY": _on_date_words,
}
