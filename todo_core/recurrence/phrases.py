"""Turn everyday English into recurrence rules, and rules into English.

A phrase counts only if every word of it is understood.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import date
from typing import Final

from todo_core.recurrence.rule import MOST_TIMES, Rule, UnclearRepeat, days_of_every_month

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
_LONG_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WEEK_STARTS: Final = (0, 5, 6)
"""First days of the week that people have: Monday, Saturday, Sunday."""
WEEKS_FROM = rf"weeks (?:from|start(?:ing)?|begin(?:ning)?)(?: on)? ({'|'.join(day.lower() for day in _LONG_DAYS)})"
"""What says with which day a week begins."""
_SHORT_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WORKDAYS: Final = tuple((0, day) for day in range(5))
_ONE_DAY: Final = r"(?:weekday|workday|(?:work|working|business) day)"
"""Words for a day from Monday to Friday."""
_UNITS: Final = {"day": ("DAILY", 1), "week": ("WEEKLY", 1), "month": ("MONTHLY", 1), "year": ("YEARLY", 1)}
"""Frequency and interval of a unit of time."""
_EVERY: Final = {**_UNITS, "quarter": ("MONTHLY", 3), "fortnight": ("WEEKLY", 2)}
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
}


def _listed(item: str) -> str:
    """Return a pattern for one item or several, with commas, `and` or spaces between them."""
    return rf"{item}(?:(?:,? and |, ?| ){item})*"


_WEEKDAY = rf"(?:{'|'.join(_WEEKDAYS)})s?"
_FROM_TO = rf"{_WEEKDAY}(?: ?- ?| to | through | thru ){_WEEKDAY}"
_DAYS = _listed(rf"(?:{_FROM_TO}|{_WEEKDAY})")
_MONTH = rf"(?:{'|'.join(_MONTHS)})"
_DAY = r"(?:day )?\d{1,2}(?:st|nd|rd|th)?"
_NTH = rf"(?:(?:{'|'.join(_ORDINALS)}|last)|[1-5](?:st|nd|rd|th))"
_ON_DAYS = _listed(rf"(?:the )?(?:{_DAY}|(?:first|last) day|first)")
_ON_NTH = rf"(?P<nth>{_listed(_NTH)}) (?P<nth_day>{_WEEKDAY}|{_ONE_DAY})"
_DATE = rf"(?:(?P<month>{_MONTH}) (?:the )?(?P<day>{_DAY})|(?P<day_first>{_DAY}) (?:of )?(?P<month_last>{_MONTH}))"
_EVERY_UNIT = (
    rf"every (?:(?P<n>\d{{1,4}}|other|alternate|{'|'.join(_CARDINALS)}|{'|'.join(_ORDINALS)}|\d{{1,2}}(?:nd|rd|th)) )?"
    rf"(?P<unit>{'|'.join(_EVERY)})s?(?: on (?:the )?(?P<on>.+))?"
)
_EVERY_WEEKDAY = rf"every (?P<n>other |alternate |second |2nd )?(?P<days>{_DAYS})"
_WEEKDAYS_PLURAL = rf"(?:on )?(?P<days>{_listed(rf'{_WEEKDAY}(?<=days)')}|{_FROM_TO})"
_OF_THE_MONTH = r"(?:every |on )?(?:the )?(?P<on>.+?) (?:of (?:the|every|each|a)|(?:in )?(?:every|each)) month"
_EVERY_MONTH_DAY = rf"every (?:the )?(?P<on>{_listed(r'(?:the )?(?:[0-9]{1,2}(?:st|nd|rd|th)|(?:first|last) day)')})"
# `every third friday` has two readings; with `first`, `last` or several numbers, only the month's is left.
_EVERY_NTH = (
    rf"every (?:the )?(?P<on>(?:(?:first|1st|last)|{_NTH}(?:(?:,? and |, ?| ){_NTH})+) (?:{_WEEKDAY}|{_ONE_DAY}))"
)
_EVERY_THIRD = rf"every (?P<n>third|fourth|fifth|3rd|4th|5th) (?P<day>{_WEEKDAY})"
_EVERY_DATE = rf"every (?:the )?(?P<on>{_DATE}|{_ON_NTH} (?:of|in) {_MONTH})"
_WHOLE_WEEK = rf"every day of the week|every single day|(?:every |on )?(?:{_ONE_DAY}s)|every {_ONE_DAY}"
COUNT = rf"(?:\d{{1,4}}|{'|'.join(_CARDINALS)}|twice|thrice)"
"""A number, in digits or words."""
_SEVERAL = (
    rf"(?P<n>{COUNT})(?: times| ?x)? (?:(?:a|an|per|each|every|in a) (?P<unit>{'|'.join(_UNITS)})"
    r"|(?P<adverb>daily|weekly|monthly|yearly))"
)
_DAYS_OF = rf"(?P<n>{COUNT}) days (?:a|per|each|every|in a) (?P<unit>week|month)"
_SPREAD: Final = {
    "week": ("mon and thu", "mon, wed and fri", "mon, tue, thu and fri", "mon-fri", "mon-sat", "mon-sun"),
    "month": ("1st and 15th", "1st, 10th and 20th", "1st, 8th, 15th and 22nd"),
    "year": ("6 months", "4 months", "3 months"),
}
"""For 2, 3, … times in each week, month or year: what goes after `every`."""
LAST_DAY_WORDS = (
    rf"\d{{4}}-\d{{1,2}}-\d{{1,2}}|(?:{_MONTH} (?:the )?{_DAY}|{_DAY} (?:of )?{_MONTH})(?:,? \d{{4}})?"
    rf"|end of (?:(?:the |this )?(?:month|year)|{_MONTH}(?: \d{{4}})?)"
)
"""A date that ends a series."""


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
    if text in ("every weekend", "weekends", "on weekends"):
        return Rule("WEEKLY", weekdays=((0, 5), (0, 6)))
    if re.fullmatch(_WHOLE_WEEK, text):
        return Rule("DAILY") if text.startswith(("every day", "every single")) else Rule("WEEKLY", weekdays=_WORKDAYS)
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
    match = re.fullmatch(rf"(?:every|each) (?P<unit>{'|'.join(_UNITS)})", text)
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


def last_day(text: str, start: date) -> date:
    """Return the day that a match of `LAST_DAY_WORDS` names; without a year, the next such day from `start` on.

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
        month = _MONTHS.get(words.split()[-1]) or (start.month if words.endswith("month") else 12)
        ends = (date(number, month, monthrange(number, month)[1]) for number in (year, year + 1))
    else:
        match = re.fullmatch(_DATE, words)
        assert match  # the pattern of the words has the same shape
        month, number = (
            _MONTHS[match["month"] or match["month_last"]],
            _day_of_month(match["day"] or match["day_first"]),
        )
        possible = (year + later for later in range(9) if number <= monthrange(year + later, month)[1])
        ends = (date(candidate, month, number) for candidate in possible)
    found = next((end for end in ends if year_given or end >= start), None)
    if found is None or (year_given and found.year != year):
        raise ValueError("no such day")
    return found


def weekday_of(name: str) -> int:
    """Return the number of a weekday's name, 0 for Monday."""
    return _WEEKDAYS[name]


def number_of(text: str | None) -> int:
    """Return the number of a word or of digits: `two`, `second`, `2`, `2nd`; 2 for `other`, 1 for nothing."""
    if not text:
        return 1
    if text in ("other", "alternate", "twice"):
        return 2
    if text == "thrice":
        return 3
    return _CARDINALS.get(text) or _ORDINALS.get(text) or int(text.rstrip("stndrh"))


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
        month_days, positions = days_of_every_month({_day_of_month(item) for item in re.findall(_ON_DAY, on)})
        return Rule("MONTHLY", interval, month_days=month_days, positions=positions)
    match = re.fullmatch(_ON_NTH, on)
    if match is None:
        raise UnclearRepeat(UNCLEAR)
    if re.fullmatch(_ONE_DAY, match["nth_day"]):
        positions = tuple(ordinal for ordinal, _ in _nth_weekdays(match["nth"], 0))
        return Rule("MONTHLY", interval, weekdays=_WORKDAYS, positions=positions)
    return Rule("MONTHLY", interval, weekdays=_nth_weekdays(match["nth"], _weekday(match["nth_day"])))


def _every_third(number: int, weekday: int) -> Rule:
    """Refuse `every third friday`, with both readings.

    Raises:
        UnclearRepeat: Always.
    """
    weeks = f"every {number} weeks on {_SHORT_DAYS[weekday]}"
    month = f"every month on the {_ordinal(number)} {_SHORT_DAYS[weekday]}"
    raise UnclearRepeat(
        f'This may mean "{weeks}" or "{month}", the day of the month. Send the one that is meant.', (weeks, month)
    )


def _on_date(on: str, interval: int = 1) -> Rule:
    """Return the yearly rule of `march 3`, `3rd of march` or `first monday of may`."""
    if match := re.fullmatch(_DATE, on):
        month = _MONTHS[match["month"] or match["month_last"]]
        day = _day_of_month(match["day"] or match["day_first"])
        try:
            date(2000, month, day)  # a leap year
        except ValueError:
            raise UnclearRepeat('That month does not have that day; write a date as in "every march 3".') from None
        month_days, positions = days_of_every_month({day}) if (month, day) == (2, 29) else ((day,), ())
        return Rule("YEARLY", interval, months=(month,), month_days=month_days, positions=positions)
    match = re.fullmatch(rf"{_ON_NTH} (?:of|in) (?P<month>{_MONTH})", on)
    if match is None or re.fullmatch(_ONE_DAY, match["nth_day"]):
        raise UnclearRepeat(UNCLEAR)
    weekdays = _nth_weekdays(match["nth"], _weekday(match["nth_day"]))
    return Rule("YEARLY", interval, months=(_MONTHS[match["month"]],), weekdays=weekdays)


def _day_of_month(text: str) -> int:
    """Return the day of `15th`, `day 15`, `first` or `first day`; -1 for `last day`."""
    if text == "last day":
        return -1
    if text in ("first", "first day"):
        return 1
    day = int(re.sub(r"\D", "", text))
    if not 1 <= day <= 31:
        raise UnclearRepeat(
            'A day of the month is a number from 1 to 31, or the last, as in "every 31st" or "every last day".'
        )
    return day


def _weekday(text: str) -> int:
    """Return the number of `tue` or `tuesdays`, 0 for Monday."""
    return _WEEKDAYS[text] if text in _WEEKDAYS else _WEEKDAYS[text.removesuffix("s")]


def _days_of_week(text: str) -> tuple[tuple[int, int], ...]:
    """Return the weekdays of `mon, wed and fri` or `mon-wed, fri` as `Rule.weekdays` has them."""
    found: set[int] = set()
    for item in re.findall(rf"{_FROM_TO}|{_WEEKDAY}", text):
        first, last = (_weekday(name) for name in (re.findall(_WEEKDAY, item) * 2)[:2])
        found |= {(first + later) % 7 for later in range((last - first) % 7 + 1)}
    return tuple((0, day) for day in sorted(found))


def _nth_weekdays(nth: str, weekday: int) -> tuple[tuple[int, int], ...]:
    """Return the weekdays of `first and last` with a weekday, as `Rule.weekdays` has them."""
    numbers = {-1 if word == "last" else number_of(word) for word in re.findall(_NTH, nth)}
    return tuple((number, weekday) for number in sorted(numbers, key=lambda number: (number < 0, number)))


_ADVERB: Final = rf"^(?:{'|'.join(_ADVERBS)})\b"
_ON_DAY: Final = rf"{_DAY}|(?:first|last) day|first"
# Each form of a phrase with what builds its rule. `re` compiles and keeps them at first use: together they take 5 ms.
_GRAMMAR: Final[tuple[tuple[str, Callable[[re.Match[str]], Rule]], ...]] = (
    (_EVERY_UNIT, _every_unit),
    (_EVERY_WEEKDAY, lambda match: Rule("WEEKLY", 2 if match["n"] else 1, weekdays=_days_of_week(match["days"]))),
    (_WEEKDAYS_PLURAL, lambda match: Rule("WEEKLY", weekdays=_days_of_week(match["days"]))),
    (_OF_THE_MONTH, lambda match: _on_days_of_month(match["on"])),
    (_EVERY_MONTH_DAY, lambda match: _on_days_of_month(match["on"])),
    (_EVERY_NTH, lambda match: _on_days_of_month(match["on"])),
    (_EVERY_THIRD, lambda match: _every_third(number_of(match["n"]), _weekday(match["day"]))),
    (_EVERY_DATE, lambda match: _on_date(match["on"])),
)


def words_of(rule: Rule) -> str | None:
    """Return the canonical phrase of a rule, without its end; None if no phrase says it."""
    unit = next(unit for unit, (frequency, _) in _UNITS.items() if frequency == rule.frequency)
    every = f"every {unit}" if rule.interval == 1 else f"every {rule.interval} {unit}s"
    if rule.is_plain:
        return every
    if rule.weeks or rule.year_days:
        return None
    weeks = f", weeks from {_LONG_DAYS[rule.week_start]}" if is_week_start_felt(rule) else ""
    if rule == Rule("WEEKLY", weekdays=_WORKDAYS, count=rule.count, until=rule.until):
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
    return ", ".join(_SHORT_DAYS[day] for _, day in rule.weekdays)


def _on_month_days_words(rule: Rule) -> str | None:
    """Return `the 1st, 15th` or `the last Fri` for a monthly rule; None if no phrase says it."""
    if rule.months:
        return None
    if rule.weekdays == _WORKDAYS and rule.positions and not rule.month_days:
        return _nth_words(rule.positions, "weekday")
    if rule.weekdays:
        return _nth_weekday_words(rule)
    named = _named_days(rule)
    if named is None:
        return None
    return "the " + ", ".join("last day" if day == -1 else _ordinal(day) for day in named)


def _on_date_words(rule: Rule) -> str | None:
    """Return `Mar 3` or `the 1st Mon of May` for a yearly rule; None if no phrase says it."""
    if len(rule.months) != 1:
        return None
    month = _SHORT_MONTHS[rule.months[0] - 1]
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
    return _nth_words(numbers, _SHORT_DAYS[names.pop()])


def _nth_words(numbers: tuple[int, ...], name: str) -> str | None:
    """Return `the 1st, last Mon`; None for numbers that a phrase does not take."""
    if not set(numbers) <= {1, 2, 3, 4, 5, -1}:
        return None
    return f"the {', '.join('last' if number == -1 else _ordinal(number) for number in numbers)} {name}"


def _ordinal(number: int) -> str:
    """Return `1st`, `2nd`, `3rd`, `4th`, …"""
    suffix = "th" if 11 <= number <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


_ON_WHICH_DAYS: Final[dict[str, Callable[[Rule], str | None]]] = {
    "DAILY": lambda _: None,
    "WEEKLY": _on_weekdays_words,
    "MONTHLY": _on_month_days_words,
    "YEARLY": _on_date_words,
}
