"""Read a phrase or an RRULE into a repeat."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final

from todo_core.recurrence.days import days
from todo_core.recurrence.phrases import UNCLEAR, bare_unit, rule_of, several_times
from todo_core.recurrence.repeat import (
    MAX_LENGTH,
    Repeat,
    in_range,
    is_past_end,
    on_day,
    time_of,
    words_with_end,
)
from todo_core.recurrence.rule import Rule, UnclearRepeat, checked, day_of, made_explicit, parse
from todo_core.recurrence.tails import SURE_CLOCK, ended, last_of, time_of_day, without_tails
from todo_core.recurrence.vocabulary import number_of, weekday_of
from todo_core.recurrence.wording import is_week_start_felt
from todo_core.text import typed

_TIME_FIRST: Final = re.compile(rf"(?:at |@ ?)?({SURE_CLOCK}),? ((?:on )?(?!after|from|when|until)[a-z].*)", re.ASCII)


def read(
    text: str,
    start: datetime | date,
    zone: tzinfo | None = None,
    week_start: int = 0,
    *,
    now: datetime | None = None,
) -> Repeat:
    """Read a phrase or an RRULE, and return its first occurrence.

    That is the first day of the rule on or after the day of `start`; the interval counts from there. A time of day
    ("at 9am") replaces the start's.

    Args:
        text: A phrase or an RRULE, in upper or lower case, at most `MAX_LENGTH` characters.
        start: The local due; today if the todo has none.
        zone: The user's, for an UNTIL in UTC.
        week_start: The user's first day of the week, 0 for Monday. Words write it into the rule where it matters; an
            RRULE without WKST has Monday.
        now: The local wall time, if a time of day in the text must be still to come: with one that has passed, the
            rule begins on its next day. None: it may be past.

    Raises:
        UnclearRepeat: A part of the text is not understood, it has two readings, or its days come at most once.
    """
    start = in_range(start)
    if len(text) > MAX_LENGTH or not (phrase := _normalized(text)).isascii():
        raise UnclearRepeat(f"This is no text of at most {MAX_LENGTH} plain characters. {UNCLEAR}")
    core, tails = without_tails(phrase)
    after_completion = "after" in tails
    if core.startswith("every!"):
        core, after_completion = f"every {core.removeprefix('every!').strip()}", True
    if after_completion and re.match(r"\d", core):
        core = f"every {core}"
    rule = _rule(core, tails, zone, week_start)
    rule = checked(ended(rule, tails, day_of(start)))
    if not (after_completion and rule.is_plain):
        rule = made_explicit(rule, day_of(start))
    words = words_with_end(rule, from_completion=after_completion)
    at, earliest = time_of(start), day_of(start)
    if "at" in tails:
        at = time_of_day(tails["at"], words)
        earliest = earliest if now is None else _not_passed(earliest, at, now)
    first = _first(rule, earliest, at)
    if "lasting" in tails:
        rule = replace(rule, until=in_range(last_of(tails["lasting"], day_of(first))))
    repeat = Repeat.of(rule, from_completion=after_completion, scheduled=first)
    if len(repeat.words) > MAX_LENGTH:
        raise UnclearRepeat('The rule names too many days; write a simpler one, such as "every month on the 15th".')
    return repeat


def _normalized(text: str) -> str:
    """Return the text in lower case, with plain spaces and hyphens, without marks at its end."""
    phrase = typed(text).lower().replace("&", " and ").replace("@", " @ ").rstrip(";., ")
    phrase = re.sub(r"(?<=[a-z]) ?[/+] ?(?=[a-z])", ", ", phrase)  # mon/wed/fri, sat + sun
    phrase = re.sub(r"\b([ap])\.m\b\.?", r"\1m", phrase)
    phrase = " ".join(re.sub(r"^every ?day\b", "every day", phrase).split())
    first = _TIME_FIRST.fullmatch(phrase)
    return f"{first[2]} at {first[1]}" if first else phrase


def _rule(core: str, tails: Mapping[str, str], zone: tzinfo | None, week_start: int) -> Rule:
    """Return the rule of a text without its tails, with the first day of the week.

    Raises:
        UnclearRepeat: It is not understood, or it may mean so many times in each week or in all.
    """
    if re.match("rrule:|freq=|dtstart", core) or "=" in core:
        rule, week_start = parse(core, zone), 0
    else:
        if (unit := bare_unit(core)) and (count := number_of(tails.get("bare count"))) > 1:
            raise several_times(count, unit)
        rule = rule_of(core)
    if "weeks" in tails:
        return replace(rule, week_start=weekday_of(tails["weeks"]))
    if week_start and rule.weekdays and rule.interval > 1 and is_week_start_felt(rule):
        return replace(rule, week_start=week_start)
    return rule


def _not_passed(earliest: date, at: time, now: datetime) -> date:
    """Return the first day from `earliest` on whose time of day `at` is later than `now`."""
    today = now.date() if at > now.time() else now.date() + timedelta(days=1)
    return max(earliest, today)


def _first(rule: Rule, earliest: date, at: time | None) -> datetime | date:
    """Return the first occurrence from a day on, at the time of day `at`.

    Raises:
        UnclearRepeat: The rule has no day, or only one, in the years that are looked at.
    """
    first = earliest if rule.is_plain else next(days(replace(rule, interval=1), earliest, earliest), None)
    if first is None or is_past_end(rule, on_day(first, at)):
        raise UnclearRepeat(
            "The rule has no day in the years to come, or it ends before its first. Change its days or its end, as in "
            '"every month on the last day".'
        )
    if rule.count != 1 and rule.until is None and next(days(rule, first, first + timedelta(days=1)), None) is None:
        raise UnclearRepeat(
            'The rule has only one day in the years to come. Leave it out, or change its days, as in "every year".'
        )
    return on_day(first, at)
