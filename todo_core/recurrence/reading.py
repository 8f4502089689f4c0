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
from todo_core.recurrence.vocabulary import UNIT_LETTERS, UNITS, number_of, weekday_of
from todo_core.recurrence.wording import is_week_start_felt
from todo_core.text.phrases import spelled_out, typed

_AFTER_NUMBER: Final = re.compile(rf"(?<=\d) ?({'|'.join((*UNIT_LETTERS, *UNITS))})(s?)\b", re.ASCII)
_FIRST_DATE: Final = re.compile(
    r"(.+?),? (?:start(?:s|ing)?|beginning|since|from)(?: (?:on|from))? (?!completion)"
    r"(?!.*\b(?:until|till?|through|thru|end(?:s|ing)?|for|times?)\b).+",  # an end that is not understood stays
    re.ASCII,
)
_TIME_FIRST: Final = re.compile(rf"(?:at |@ ?)?({SURE_CLOCK}),? ((?:on )?(?!after|from|when|until)[a-z].*)", re.ASCII)


def read(
    text: str,
    start: datetime | date,
    zone: tzinfo | None = None,
    week_start: int = 0,
    *,
    now: datetime | None = None,
    from_today: bool = False,
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
        from_today: Whether `start` is only today: "every june" is then the 1st, else the day of a start in June.

    Raises:
        UnclearRepeat: A part of the text is not understood, it has two readings, or its days come at most once.
    """
    start = in_range(start)
    if len(text) > MAX_LENGTH or not (phrase := _normalized(text)).isascii():
        raise UnclearRepeat(f"This is no text of at most {MAX_LENGTH} plain characters. {UNCLEAR}")
    core, tails, after_completion = _parts(phrase)
    try:
        rule = checked(ended(_rule(core, tails, zone, week_start), tails, day_of(start)))
    except UnclearRepeat as unclear:
        raise _first_date_given(phrase, day_of(start), week_start) or unclear from None
    if "=" not in core and rule.names_only_months and (from_today or day_of(start).month not in rule.months):
        rule = replace(rule, month_days=(1,))
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
    if "=" not in phrase:  # in a rule, `1mo` is a Monday
        phrase = _AFTER_NUMBER.sub(
            lambda match: f" {UNIT_LETTERS.get(match[1], match[1])}{match[2]}", spelled_out(phrase)
        )
    phrase = re.sub(r"^repeat(?:s|ing)? ", "", phrase)
    phrase = re.sub(rf"^after (?=(?:\d+ )(?:{'|'.join(UNITS)})s?$)", "every! ", phrase)
    phrase = re.sub(r"^ev(?:ery)?(?= |!) ?(!?) ?", r"every\1 ", phrase)
    phrase = " ".join(re.sub(r"^every ?day\b", "every day", phrase).split())
    first = _TIME_FIRST.fullmatch(phrase)
    return f"{first[2]} at {first[1]}" if first else phrase


def _parts(phrase: str) -> tuple[str, dict[str, str], bool]:
    """Return a phrase without its tails, as `every …`; the tails; and whether it counts from completion."""
    core, tails = without_tails(phrase)
    after_completion = "after" in tails
    if core.startswith("every!"):
        core, after_completion = f"every {core.removeprefix('every!').strip()}", True
    if after_completion and re.match(r"\d", core):
        core = f"every {core}"
    return core, tails, after_completion


def _first_date_given(phrase: str, start: date, week_start: int) -> UnclearRepeat | None:
    """Return the refusal of `every! 2 weeks starting dec 1`, with the repeat that is left; None for other phrases."""
    before, ends = without_tails(phrase)
    match = _FIRST_DATE.fullmatch(before) or _FIRST_DATE.fullmatch(phrase)
    if match is None:
        return None
    core, tails, after_completion = _parts(match[1])
    tails = ends | tails if match.string == before else tails
    try:
        rule = checked(ended(_rule(core, tails, None, week_start), tails, start))
        end = f" for {tails['lasting']}" if "lasting" in tails else ""
        at = f" at {time_of_day(tails['at'], ''):%H:%M}" if "at" in tails else ""
    except UnclearRepeat:
        return None
    words = words_with_end(rule, from_completion=after_completion) + end + at
    return UnclearRepeat(f'A first date was given. Put it into `due`, and write the repeat without it: "{words}".')


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
    # Whatever a person's week is, a weekend is a Saturday and the Sunday after it.
    if week_start and "weekend" not in core and rule.interval > 1 and rule.weekdays and is_week_start_felt(rule):
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
    sought = replace(rule, interval=1)
    if rule.is_of_leap_years:
        sought = replace(sought, month_days=(29,), positions=())
    first = earliest if rule.is_plain else next(days(sought, earliest, earliest), None)
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
