"""Turn everyday English into recurrence rules.

A phrase counts only if every word of it is understood.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from todo_core.recurrence.rule import MOST_TIMES, Rule, UnclearRepeat, days_of_every_month
from todo_core.recurrence.vocabulary import (
    CARDINALS,
    COUNT,
    DATE,
    DAY,
    MONTH,
    MONTHS,
    ORDINALS,
    SHORT_DAYS,
    UNITS,
    UNNAMED_DATE,
    WEEKDAY,
    WORKDAYS,
    as_ordinal,
    day_of_month,
    is_date,
    listed,
    number_of,
    weekday_of,
)

UNCLEAR: Final = (
    'No repeat was understood. Write a phrase such as "every day", "every weekday", "every 2 weeks on mon, thu", '
    '"last friday of the month", "every march 3", "3 days after completion", or an RFC 5545 RRULE such as '
    '"FREQ=WEEKLY;BYDAY=TU".'
)
"""The advice for a text that nothing else is known about."""
_ADVICE: Final = (  # what a text has in it, and what to write instead; the first that matches is used
    (
        r"bi-?weekly",
        'This may mean every other week or two days of each. Write "every 2 weeks", or the days, such as '
        '"every mon and thu".',
    ),
    (
        r"bi-?monthly",
        'This may mean every other month or two days of each. Write "every 2 months", or the days, such as '
        '"every 1st and 15th".',
    ),
    (
        r"bi-?annual(?:ly)?|biennial(?:ly)?",
        'This may be twice a year or not. Write "every 6 months" or "every 2 years".',
    ),
    (r"hours?|hourly|minutes?|minutely", 'A todo repeats daily at most; write "every day".'),
    (
        r"start(?:s|ing)?|from|beginning|since",
        'A first date was given. Put it into `due`, and write the repeat without it, as in "every 2 weeks".',
    ),
    (
        r"until|till|til|through|thru|ending|ends?",
        'An end was given that is no certain date. Write it as a date at the end, as in "every day until dec 31" or '
        '"every day until 2100-12-31".',
    ),
    (
        r"at|morning|afternoon|evening|night|noon|@",
        'A time of day was given. Write it at the end, as in "every day at 9am" or "every day at 17:30".',
    ),
    (r"times?|twice|occurrences?", 'A number of times was given. Write it at the end, as in "every 3 days, 10 times".'),
)
_ONE_DAY: Final = r"(?:weekday|workday|(?:work|working|business) day)"
"""Words for a day from Monday to Friday."""
_EVERY: Final = {**UNITS, "quarter": ("MONTHLY", 3), "fortnight": ("WEEKLY", 2)}
_ADVERBS: Final = {
    "daily": "every day",
    "weekly": "every week",
    "fortnightly": "every fortnight",
    "monthly": "every month",
    "quarterly": "every quarter",
    "yearly": "every year",
    "annually": "every year",
    "half-yearly": "every 6 months",
    "semiannually": "every 6 months",
    "semi-annually": "every 6 months",
}

_FROM_TO = rf"(?:from )?{WEEKDAY}(?: ?- ?| to | through | thru ){WEEKDAY}"
_DAYS = listed(rf"(?:{_FROM_TO}|{WEEKDAY})")
_NTH = rf"(?:(?:{'|'.join(ORDINALS)}|last)|[1-5](?:st|nd|rd|th))"
_ON_DAYS = listed(rf"(?:the )?(?:{DAY}|(?:first|1st|last) day|first)")
_ON_NTH = rf"(?P<nth>{listed(_NTH)}) (?P<nth_day>{WEEKDAY}|{_ONE_DAY})"
# Without `on` before them: `monthly 15th`, `weekly mon`; `every month 15` may mean so many times.
_SURE_DAYS = rf"(?:the )?(?:\d{{1,2}}(?:st|nd|rd|th)|first|last|{MONTH}|{WEEKDAY})\b"
_EVERY_UNIT = (
    rf"every (?:(?P<n>\d{{1,4}}|other|alternate|{'|'.join(CARDINALS)}|{'|'.join(ORDINALS)}|\d{{1,2}}(?:nd|rd|th)) )?"
    rf"(?P<unit>{'|'.join(_EVERY)})s?(?:(?: on| in|(?= {_SURE_DAYS})) (?:the )?(?P<on>.+))?"
)
_EVERY_WEEKDAY = rf"every (?P<n>other |alternate |second |2nd )?(?P<days>{_DAYS})"
# One weekday alone is a date: `monday` belongs to `due`.
_SEVERAL_DAYS = rf"{WEEKDAY}(?:(?:,? and |, ?| )(?:{_FROM_TO}|{WEEKDAY}))+"
_WEEKDAYS_PLURAL = rf"(?:on )?(?P<days>{listed(rf'{WEEKDAY}(?<=days)')}|{_FROM_TO}|{_SEVERAL_DAYS})"
_OF_THE_MONTH = r"(?:every |on )?(?:the )?(?P<on>.+?) (?:of (?:(?:the|every|each|a) )?|(?:in )?(?:every|each) )month"
_OF_THE_YEAR = r"(?:on )?(?:the )?(?P<on>.+?) (?:of )?(?:every|each) year"
_MONTH_EDGE = (
    r"every month end|every (?:the )?(?P<edge>end|start|beginning) of (?:the )?month"
    r"|(?:at )?(?:the )?(?P<at_edge>end|start|beginning) of (?:every|each) month"
)
_EVERY_MONTH_DAY = rf"every (?:the )?(?P<on>{listed(r'(?:the )?(?:[0-9]{1,2}(?:st|nd|rd|th)|(?:first|last) day)')})"
# `every third friday` has two readings; with `first`, `last` or several numbers, only the month's is left.
_EVERY_NTH = (
    rf"every (?:the )?(?P<on>(?:(?:first|1st|last)|{_NTH}(?:(?:,? and |, ?| ){_NTH})+) (?:{WEEKDAY}|{_ONE_DAY}))"
)
_EVERY_THIRD = rf"every (?P<n>third|fourth|fifth|3rd|4th|5th) (?P<day>{WEEKDAY})"
_EVERY_NUMBER = r"every (?P<day>[1-9]|[12]\d|3[01])"
_EVERY_NUMBERS = r"every (?P<on>\d{1,2}(?:(?:,? and |, ?)\d{1,2})+)"
_MONTHS = rf"(?:(?P<edge>first|last) day (?:of|in) )?(?P<months>{listed(MONTH)})"
_EVERY_DATE = rf"every (?:the )?(?P<on>{listed(UNNAMED_DATE)}|{_MONTHS}|{_ON_NTH} (?:of|in) {MONTH})"
_WEEKENDS = r"every (?P<n>other |alternate |second |2nd )?weekend|(?:on )?weekends"
_WHOLE_WEEK = rf"every day of the week|every single day|(?:every |on )?(?:{_ONE_DAY}s)|every {_ONE_DAY}"
_SEVERAL = (
    rf"(?P<n>{COUNT})(?: times| ?x)? (?:(?:a|an|per|each|every|in a) (?P<unit>{'|'.join(UNITS)})"
    r"|(?P<adverb>daily|weekly|monthly|yearly))"
)
_DAYS_OF = rf"(?P<n>{COUNT}) days (?:a|per|each|every|in a) (?P<unit>week|month)"
_SPREAD: Final = {
    "week": ("mon and thu", "mon, wed and fri", "mon, tue, thu and fri", "mon-fri", "mon-sat", "mon-sun"),
    "month": ("1st and 15th", "1st, 10th and 20th", "1st, 8th, 15th and 22nd"),
    "year": ("6 months", "4 months", "3 months"),
}
"""For 2, 3, … times in each week, month or year: what goes after `every`."""


def rule_of(text: str) -> Rule:
    """Read a phrase, in lower case and with single spaces.

    Raises:
        UnclearRepeat: The text is no phrase that is known, or has two readings.
    """
    for pattern in (_SEVERAL, _DAYS_OF):
        if (several := re.fullmatch(pattern, text, re.ASCII)) and number_of(several["n"]) > 1:
            raise several_times(number_of(several["n"]), _unit_of(several), in_all=pattern == _SEVERAL)
    text = re.sub(_ADVERB, lambda match: _ADVERBS[match[0]], text)
    text = re.sub(r"^(?:each|once an?|once every|once per) ", "every ", text)
    if match := re.fullmatch(_WEEKENDS, text):
        return Rule("WEEKLY", 2 if match["n"] else 1, weekdays=((0, 5), (0, 6)))
    if re.fullmatch(_WHOLE_WEEK, text):
        return Rule("DAILY") if text.startswith(("every day", "every single")) else Rule("WEEKLY", weekdays=WORKDAYS)
    for pattern, build in _GRAMMAR:
        if match := re.fullmatch(pattern, text, re.ASCII):
            return build(match)
    for pattern_text, advice in _ADVICE:
        if re.search(rf"(?<!\w)(?:{pattern_text})(?!\w)", text):
            raise UnclearRepeat(advice)
    raise UnclearRepeat(UNCLEAR)


def bare_unit(text: str) -> str | None:
    """Return the unit of `every week` or `weekly`; None for every other phrase."""
    text = _ADVERBS.get(text, text)
    match = re.fullmatch(rf"(?:every|each) (?P<unit>{'|'.join(UNITS)})", text)
    return match["unit"] if match else None


def several_times(count: int, unit: str, *, in_all: bool = True) -> UnclearRepeat:
    """Return the refusal of `three times a week`, with both readings.

    Args:
        count: How many times, from 2.
        unit: A unit of time.
        in_all: Whether so many in all may be meant, too.
    """
    total = f"every {unit}, {min(count, MOST_TIMES)} times"
    if unit == "day":
        return UnclearRepeat(
            f'This may mean {count} each day, but a todo repeats daily at most: make {count} with "every day"; '
            f'or {count} in all: "{total}".',
            (total,),
        )
    spread = f"every {_SPREAD[unit][min(count - 2, len(_SPREAD[unit]) - 1)]}"
    if not in_all:
        return UnclearRepeat(f'Name the days of each {unit}, as in "{spread}".')
    return UnclearRepeat(
        f'This may mean {count} in each {unit}: name their days, as in "{spread}"; or {count} in all: "{total}".',
        (spread, total),
    )


def _unit_of(match: re.Match[str]) -> str:
    named = match.groupdict()
    return named["unit"] or _ADVERBS[named["adverb"]].removeprefix("every ")


def _every_unit(match: re.Match[str]) -> Rule:
    """Return the rule of `every 2 weeks on mon, thu`, the match of `_EVERY_UNIT`."""
    frequency, interval_of_unit = _EVERY[match["unit"]]
    interval = interval_of_unit * number_of(match["n"])
    on = match["on"]
    if on is None:
        return Rule(frequency, interval)
    match frequency:
        case "WEEKLY" if re.fullmatch(_DAYS, on):
            return Rule(frequency, interval, weekdays=_days_of_week(on))
        case "MONTHLY":
            return _on_days_of_month(on, interval)
        case "YEARLY":
            return _on_date(on, interval)
    raise UnclearRepeat(UNCLEAR)


def _on_days_of_month(on: str, interval: int = 1) -> Rule:
    """Return the monthly rule of `1st and 15th`, `last day`, `second tuesday` or `last weekday`."""
    if re.fullmatch(_ON_DAYS, on):
        month_days, positions = days_of_every_month({day_of_month(item) for item in re.findall(_ON_DAY, on)})
        return Rule("MONTHLY", interval, month_days=month_days, positions=positions)
    match = re.fullmatch(_ON_NTH, on)
    if match is None:
        raise UnclearRepeat(UNCLEAR)
    if re.fullmatch(_ONE_DAY, match["nth_day"]):
        positions = tuple(ordinal for ordinal, _ in _nth_weekdays(match["nth"], 0))
        return Rule("MONTHLY", interval, weekdays=WORKDAYS, positions=positions)
    return Rule("MONTHLY", interval, weekdays=_nth_weekdays(match["nth"], weekday_of(match["nth_day"])))


def _every_third(number: int, weekday: int) -> Rule:
    """Refuse `every third friday`, with both readings.

    Raises:
        UnclearRepeat: Always.
    """
    weeks = f"every {number} weeks on {SHORT_DAYS[weekday]}"
    month = f"every month on the {as_ordinal(number)} {SHORT_DAYS[weekday]}"
    raise UnclearRepeat(
        f'This may mean "{weeks}" or "{month}", the day of the month. Send the one that is meant.', (weeks, month)
    )


def _days_or_day(day: int) -> Rule:
    """Refuse `every 27`, with both readings.

    Raises:
        UnclearRepeat: Always.
    """
    days, month = f"every {day} days", f"every month on the {as_ordinal(day)}"
    raise UnclearRepeat(f'This may mean "{days}" or "{month}". Send the one that is meant.', (days, month))


def _is_begin(month_edge: re.Match[str]) -> bool:
    """Return whether a match of `_MONTH_EDGE` is of the begin of a month."""
    return (month_edge["edge"] or month_edge["at_edge"]) in ("start", "beginning")


def _on_dates(on: str, interval: int) -> Rule:
    """Return the yearly rule of `march 3`, `3rd of march` or `jan 1, jul 1`, one day of several months."""
    found = [
        (MONTHS[date["month"] or date["month_last"]], day_of_month(date["day"] or date["day_first"]))
        for date in re.finditer(DATE, on)
    ]
    months, (day, *others) = tuple(sorted({month for month, _ in found})), sorted({day for _, day in found})
    if others:
        raise UnclearRepeat(
            'No rule says different days of several months. Make a todo for each date, as in "every march 3".'
        )
    if not all(is_date(month, day) for month in months):
        raise UnclearRepeat('That month does not have that day; write a date as in "every march 3".')
    month_days, positions = days_of_every_month({day}) if (months, day) == ((2,), 29) else ((day,), ())
    return Rule("YEARLY", interval, months=months, month_days=month_days, positions=positions)


def _on_date(on: str, interval: int = 1) -> Rule:
    """Return the yearly rule of a date, of `june`, `last day of june` or `first monday of may`.

    That of `june` has no day: it is that of the first date, or the 1st (`reading`).
    """
    if re.fullmatch(listed(UNNAMED_DATE), on):
        return _on_dates(on, interval)
    if match := re.fullmatch(_MONTHS, on):
        months = {MONTHS[name] for name in re.findall(MONTH, match["months"])}
        day = {None: (), "first": (1,), "last": (-1,)}[match["edge"]]
        return Rule("YEARLY", interval, months=tuple(sorted(months)), month_days=day)
    match = re.fullmatch(rf"{_ON_NTH} (?:of|in) (?P<month>{MONTH})", on)
    if match is None or re.fullmatch(_ONE_DAY, match["nth_day"]):
        raise UnclearRepeat(UNCLEAR)
    weekdays = _nth_weekdays(match["nth"], weekday_of(match["nth_day"]))
    return Rule("YEARLY", interval, months=(MONTHS[match["month"]],), weekdays=weekdays)


def _days_of_week(text: str) -> tuple[tuple[int, int], ...]:
    """Return the weekdays of `mon, wed and fri` or `mon-wed, fri` as `Rule.weekdays` has them."""
    found: set[int] = set()
    for item in re.findall(rf"{_FROM_TO}|{WEEKDAY}", text):
        first, last = (weekday_of(name) for name in (re.findall(WEEKDAY, item) * 2)[:2])
        found |= {(first + later) % 7 for later in range((last - first) % 7 + 1)}
    return tuple((0, day) for day in sorted(found))


def _nth_weekdays(nth: str, weekday: int) -> tuple[tuple[int, int], ...]:
    """Return the weekdays of `first and last` with a weekday, as `Rule.weekdays` has them."""
    numbers = {-1 if word == "last" else number_of(word) for word in re.findall(_NTH, nth)}
    return tuple((number, weekday) for number in sorted(numbers, key=lambda number: (number < 0, number)))


_ADVERB: Final = rf"^(?:{'|'.join(_ADVERBS)})\b"
_ON_DAY: Final = rf"(?:first|1st|last) day|{DAY}|first"
# Each form of a phrase with what builds its rule. `re` compiles and keeps them at first use: together they take 5 ms.
_GRAMMAR: Final[tuple[tuple[str, Callable[[re.Match[str]], Rule]], ...]] = (
    (_EVERY_UNIT, _every_unit),
    (_EVERY_WEEKDAY, lambda match: Rule("WEEKLY", 2 if match["n"] else 1, weekdays=_days_of_week(match["days"]))),
    (_WEEKDAYS_PLURAL, lambda match: Rule("WEEKLY", weekdays=_days_of_week(match["days"]))),
    (_MONTH_EDGE, lambda match: Rule("MONTHLY", month_days=(1 if _is_begin(match) else -1,))),
    (_OF_THE_MONTH, lambda match: _on_days_of_month(match["on"])),
    (_EVERY_MONTH_DAY, lambda match: _on_days_of_month(match["on"])),
    (_EVERY_NTH, lambda match: _on_days_of_month(match["on"])),
    (_EVERY_THIRD, lambda match: _every_third(number_of(match["n"]), weekday_of(match["day"]))),
    (_EVERY_NUMBER, lambda match: _days_or_day(int(match["day"]))),
    (_EVERY_NUMBERS, lambda match: _on_days_of_month(match["on"])),
    (_EVERY_DATE, lambda match: _on_date(match["on"])),
    (_OF_THE_YEAR, lambda match: _on_date(match["on"])),
)
