"""Everyday English for recurrence rules, and back. Only a text that is understood as a whole counts."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Final

from todo_core.recurrence.rule import Rule, UnclearRepeat, days_of_every_month

UNCLEAR: Final = (
    'Write a phrase such as "every day", "every weekday", "every 2 weeks on mon, thu", "last friday of the month", '
    '"every march 3", "3 days after completion", or an RFC 5545 RRULE such as FREQ=WEEKLY;BYDAY=TU.'
)
_ADVICE: Final = (
    (r"bi-?weekly", 'Write "every 2 weeks", or the two days of every week, such as "every mon and thu".'),
    (r"bi-?monthly", 'Write "every 2 months", or the two days of every month, such as "every 1st and 15th".'),
    (r"bi-?annual(?:ly)?|biennial(?:ly)?", 'Write "every 6 months" or "every 2 years".'),
    (r"hours?|hourly|minutes?|minutely", 'A todo repeats daily at most; write "every day".'),
    (r"start(?:s|ing)?|from|beginning|since", "Put the first date into `due` and leave the start out of the repeat."),
    (r"until|till|through|ending", 'Write the end as a date at the end, as in "every day until 2027-03-01".'),
    (r"at", 'Write the time at the end, as in "every day at 9am" or "every day at 17:30".'),
    (r"times?", 'Write the number at the end, as in "every 3 days, 10 times".'),
    (
        r"(?:first|third|fourth|fifth|last|1st|3rd|4th|5th) [a-z]+",
        'Write "every 3 weeks on fri", or "third friday of the month".',
    ),
)
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
_MONTHS: Final = {
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
_CARDINALS: Final = {word: number for number, word in enumerate(_COUNTED, 1)}
_ORDINALS: Final = {word: number for number, word in enumerate(("first", "second", "third", "fourth", "fifth"), 1)}
_SHORT_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_SHORT_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WORKDAYS: Final = tuple((0, day) for day in range(5))
_UNITS: Final = {"day": ("DAILY", 1), "week": ("WEEKLY", 1), "month": ("MONTHLY", 1), "year": ("YEARLY", 1)}
_EVERY: Final = {**_UNITS, "quarter": ("MONTHLY", 3), "fortnight": ("WEEKLY", 2)}
_ADVERBS: Final = {
    "daily": "every day",
    "weekly": "every week",
    "fortnightly": "every fortnight",
    "monthly": "every month",
    "quarterly": "every quarter",
    "yearly": "every year",
    "annually": "every year",
}


def _listed(item: str) -> str:
    return rf"{item}(?:(?:,? and |, ?| ){item})*"


_WEEKDAY = rf"(?:{'|'.join(_WEEKDAYS)})s?"
_MONTH = rf"(?:{'|'.join(_MONTHS)})"
_DAY = r"(?:day )?\d{1,2}(?:st|nd|rd|th)?"
_NTH = rf"(?:(?:{'|'.join(_ORDINALS)}|last)|[1-5](?:st|nd|rd|th))"
_ON_DAYS = _listed(rf"(?:the )?(?:{_DAY}|last day)")
_ON_NTH = rf"(?P<nth>{_listed(_NTH)}) (?P<nth_day>{_WEEKDAY}|weekday|workday)"
_DATE = rf"(?:(?P<month>{_MONTH}) (?:the )?(?P<day>{_DAY})|(?P<day_first>{_DAY}) (?:of )?(?P<month_last>{_MONTH}))"
_EVERY_UNIT = (
    rf"every (?:(?P<n>\d{{1,4}}|other|{'|'.join(_CARDINALS)}|{'|'.join(_ORDINALS)}|\d{{1,2}}(?:nd|rd|th)) )?"
    rf"(?P<unit>{'|'.join(_EVERY)})s?(?: on (?:the )?(?P<on>.+))?"
)
_EVERY_WEEKDAY = rf"every (?P<n>other |second |2nd )?(?P<days>{_listed(_WEEKDAY)})"
_WEEKDAYS_PLURAL = rf"(?:on )?(?P<days>{_listed(rf'{_WEEKDAY}(?<=days)')})"
_OF_THE_MONTH = r"(?:every |on )?(?:the )?(?P<on>.+) of (?:the|every|each) month"
_EVERY_MONTH_DAY = rf"every (?:the )?(?P<on>{_listed(r'(?:the )?(?:[0-9]{1,2}(?:st|nd|rd|th)|last day)')})"
_EVERY_DATE = rf"every (?:the )?(?P<on>{_DATE}|{_ON_NTH} (?:of|in) {_MONTH})"


def rule_of(text: str) -> Rule:
    """The rule of a phrase in lower case and with single spaces.

    Raises:
        UnclearRepeat: The text is no phrase, or one with two readings.
    """
    text = re.sub(_ADVERB, lambda found: _ADVERBS[found[0]], text)
    text = re.sub(r"^(?:each|once an?|once every) ", "every ", text)
    if text in ("every weekday", "every workday", "every weekdays", "weekdays", "workdays", "on weekdays"):
        return Rule("WEEKLY", weekdays=_WORKDAYS)
    if text in ("every weekend", "weekends", "on weekends"):
        return Rule("WEEKLY", weekdays=((0, 5), (0, 6)))
    for pattern, build in _GRAMMAR:
        if found := re.fullmatch(pattern, text, re.ASCII):
            return build(found)
    for pattern_text, advice in _ADVICE:
        if re.search(rf"\b(?:{pattern_text})\b", text):
            raise UnclearRepeat(advice)
    raise UnclearRepeat(UNCLEAR)


def number_of(text: str | None) -> int:
    """The number a word or digits stand for; 1 for nothing."""
    if not text:
        return 1
    if text == "other":
        return 2
    return _CARDINALS.get(text) or _ORDINALS.get(text) or int(text.rstrip("stndrh"))


def _every_unit(found: re.Match[str]) -> Rule:
    frequency, times = _EVERY[found["unit"]]
    interval = times * number_of(found["n"])
    on = found["on"]
    if on is None:
        return Rule(frequency, interval)
    match frequency:
        case "WEEKLY" if re.fullmatch(_listed(_WEEKDAY), on):
            return Rule(frequency, interval, weekdays=_days_of_week(on))
        case "MONTHLY":
            return _on_days_of_month(on, interval)
        case "YEARLY":
            return _on_date(on, interval)
    raise UnclearRepeat(UNCLEAR)


def _on_days_of_month(on: str, interval: int = 1) -> Rule:
    if re.fullmatch(_ON_DAYS, on):
        month_days, positions = days_of_every_month({_day_of_month(item) for item in re.findall(_ON_DAY, on)})
        return Rule("MONTHLY", interval, month_days=month_days, positions=positions)
    found = re.fullmatch(_ON_NTH, on)
    if found is None:
        raise UnclearRepeat(UNCLEAR)
    if found["nth_day"] in ("weekday", "workday"):
        positions = tuple(ordinal for ordinal, _ in _nth_weekdays(found["nth"], 0))
        return Rule("MONTHLY", interval, weekdays=_WORKDAYS, positions=positions)
    return Rule("MONTHLY", interval, weekdays=_nth_weekdays(found["nth"], _weekday(found["nth_day"])))


def _on_date(on: str, interval: int = 1) -> Rule:
    if found := re.fullmatch(_DATE, on):
        month = _MONTHS[found["month"] or found["month_last"]]
        day = _day_of_month(found["day"] or found["day_first"])
        try:
            date(2000, month, day)
        except ValueError:
            raise UnclearRepeat("That month does not have that day; write a date such as every march 3.") from None
        month_days, positions = days_of_every_month({day}) if (month, day) == (2, 29) else ((day,), ())
        return Rule("YEARLY", interval, months=(month,), month_days=month_days, positions=positions)
    found = re.fullmatch(rf"{_ON_NTH} (?:of|in) (?P<month>{_MONTH})", on)
    if found is None or found["nth_day"] in ("weekday", "workday"):
        raise UnclearRepeat(UNCLEAR)
    weekdays = _nth_weekdays(found["nth"], _weekday(found["nth_day"]))
    return Rule("YEARLY", interval, months=(_MONTHS[found["month"]],), weekdays=weekdays)


def _day_of_month(text: str) -> int:
    if text == "last day":
        return -1
    day = int(re.sub(r"\D", "", text))
    if not 1 <= day <= 31:
        raise UnclearRepeat("A day of the month is a number from 1 to 31, or `last day`.")
    return day


def _weekday(text: str) -> int:
    return _WEEKDAYS[text] if text in _WEEKDAYS else _WEEKDAYS[text.removesuffix("s")]


def _days_of_week(text: str) -> tuple[tuple[int, int], ...]:
    return tuple((0, day) for day in sorted({_weekday(name) for name in re.findall(_WEEKDAY, text)}))


def _nth_weekdays(nth: str, weekday: int) -> tuple[tuple[int, int], ...]:
    numbers = {-1 if word == "last" else number_of(word) for word in re.findall(_NTH, nth)}
    return tuple((number, weekday) for number in sorted(numbers, key=lambda number: (number < 0, number)))


_ADVERB: Final = rf"^(?:{'|'.join(_ADVERBS)})\b"
_ON_DAY: Final = rf"{_DAY}|last day"
# Compiled at first use, by `re`'s cache: together they take 5 ms.
_GRAMMAR: Final[tuple[tuple[str, Callable[[re.Match[str]], Rule]], ...]] = (
    (_EVERY_UNIT, _every_unit),
    (_EVERY_WEEKDAY, lambda found: Rule("WEEKLY", 2 if found["n"] else 1, weekdays=_days_of_week(found["days"]))),
    (_WEEKDAYS_PLURAL, lambda found: Rule("WEEKLY", weekdays=_days_of_week(found["days"]))),
    (_OF_THE_MONTH, lambda found: _on_days_of_month(found["on"])),
    (_EVERY_MONTH_DAY, lambda found: _on_days_of_month(found["on"])),
    (_EVERY_DATE, lambda found: _on_date(found["on"])),
)


def words_of(rule: Rule) -> str | None:
    """The canonical phrase of a rule, without its end; None where no phrase says it."""
    unit = next(unit for unit, (frequency, _) in _UNITS.items() if frequency == rule.frequency)
    every = f"every {unit}" if rule.interval == 1 else f"every {rule.interval} {unit}s"
    if rule.is_plain:
        return every
    if rule.week_start or rule.weeks or rule.year_days:
        return None
    if rule == Rule("WEEKLY", weekdays=_WORKDAYS, count=rule.count, until=rule.until):
        return "every weekday"
    on = _SAID[rule.frequency](rule)
    return on and f"{every} on {on}"


def _said_week(rule: Rule) -> str | None:
    if rule.months or rule.positions:
        return None
    return ", ".join(_SHORT_DAYS[day] for _, day in rule.weekdays)


def _said_month(rule: Rule) -> str | None:
    if rule.months:
        return None
    if rule.weekdays == _WORKDAYS and rule.positions and not rule.month_days:
        return _said_nth(rule.positions, "weekday")
    if rule.weekdays:
        return _said_nth_weekday(rule)
    wanted = _wanted_days(rule)
    if wanted is None:
        return None
    return "the " + ", ".join("last day" if day == -1 else _nth(day) for day in wanted)


def _said_year(rule: Rule) -> str | None:
    if len(rule.months) != 1:
        return None
    month = _SHORT_MONTHS[rule.months[0] - 1]
    if rule.weekdays:
        nth = _said_nth_weekday(rule)
        return nth and f"{nth} of {month}"
    days = _wanted_days(rule) if rule.months == (2,) else rule.month_days
    if days is None or len(days) != 1 or days[0] < 1 or (rule.positions and days[0] != 29):
        return None
    return f"{month} {days[0]}"


def _wanted_days(rule: Rule) -> list[int] | None:
    """The days of the month that give these parts in `days_of_every_month`."""
    listed = set(rule.month_days)
    guess = sorted(listed, key=lambda day: (day < 0, day))
    if rule.positions and listed:
        largest = max(listed)
        early = {day for day in listed if day < 28 + (len(rule.positions) - 1 > sum(day < 28 for day in listed))}
        guess = [*sorted(early), largest]
    try:
        parts = days_of_every_month(set(guess))
    except UnclearRepeat:
        return None
    return guess if parts == (rule.month_days, rule.positions) else None


def _said_nth_weekday(rule: Rule) -> str | None:
    numbers = tuple(ordinal for ordinal, _ in rule.weekdays)
    names = {day for _, day in rule.weekdays}
    if len(names) > 1 or rule.month_days or rule.positions:
        return None
    return _said_nth(numbers, _SHORT_DAYS[names.pop()])


def _said_nth(numbers: tuple[int, ...], name: str) -> str | None:
    if not set(numbers) <= {1, 2, 3, 4, 5, -1}:
        return None
    return f"the {', '.join('last' if number == -1 else _nth(number) for number in numbers)} {name}"


def _nth(number: int) -> str:
    suffix = "th" if 11 <= number <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


_SAID: Final[dict[str, Callable[[Rule], str | None]]] = {
    "DAILY": lambda _: None,
    "WEEKLY": _said_week,
    "MONTHLY": _said_month,
    "YEARLY": _said_year,
}
