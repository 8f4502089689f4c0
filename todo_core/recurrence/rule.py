"""Read recurrence rules (RFC 5545 §3.3.10), check them, and write them in one canonical form.

A rule gives the days; the time of day is the todo's.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo
from typing import Final

FIRST_DAY: Final = date(1970, 1, 1)
"""The first day on which a todo may repeat."""
LAST_DAY: Final = date(2199, 12, 31)
"""The last day on which a todo may repeat."""
MOST_TIMES: Final = 9999
"""Largest COUNT."""
WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
"""Names of the weekdays; a weekday's number is its place here, from 0."""
LARGEST_INTERVAL: Final = {"DAILY": 3650, "WEEKLY": 520, "MONTHLY": 120, "YEARLY": 50}
"""Largest INTERVAL of each frequency: 10 years, but 50 for YEARLY."""
_NO_TIMES: Final = 'A rule repeats by days, weeks, months or years, as "FREQ=DAILY"; put the time of day into `due`.'
_NO_DATES: Final = 'Give only the rule, such as "FREQ=WEEKLY;BYDAY=TU"; put the first date into `due`.'
_REFUSED: Final = {
    "BYHOUR": _NO_TIMES,
    "BYMINUTE": _NO_TIMES,
    "BYSECOND": _NO_TIMES,
    "BYEASTER": 'BYEASTER is no part of RFC 5545; use a rule such as "FREQ=YEARLY", or set the dates one by one.',
}
"""Parts that are refused, with the message."""
_LISTS: Final = {  # part: field of `Rule`, least and greatest number
    "BYMONTH": ("months", 1, 12),
    "BYWEEKNO": ("weeks", -53, 53),
    "BYYEARDAY": ("year_days", -366, 366),
    "BYMONTHDAY": ("month_days", -31, 31),
    "BYSETPOS": ("positions", -366, 366),
}
_EXAMPLES: Final = {
    "INTERVAL": "FREQ=WEEKLY;INTERVAL=2",
    "COUNT": "FREQ=DAILY;COUNT=10",
    "BYMONTH": "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24",
    "BYWEEKNO": "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO",
    "BYYEARDAY": "FREQ=YEARLY;BYYEARDAY=-1",
    "BYMONTHDAY": "FREQ=MONTHLY;BYMONTHDAY=-1",
    "BYSETPOS": "FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1",
}
"""A rule with each part that takes numbers."""
_WEEKDAY: Final = re.compile(r"([+-]?[1-9]\d?)?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?\d{1,4}", re.ASCII)
_UNTIL: Final = re.compile(r"\d{8}(T\d{6}Z?)?", re.ASCII)


class UnclearRepeat(ValueError):
    """A text that is no rule, or more than one.

    The message says what was understood and, in double quotes, what would be read; it never echoes the text.
    """

    def __init__(self, message: str, readings: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.readings = readings
        """Texts for what an ambiguous text may mean; empty for no rule."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A recurrence rule. Negative numbers count from the end: -1 is the last."""

    frequency: str
    """FREQ: DAILY, WEEKLY, MONTHLY or YEARLY."""
    interval: int = 1
    """INTERVAL, at most `LARGEST_INTERVAL`."""
    months: tuple[int, ...] = ()
    """BYMONTH."""
    weeks: tuple[int, ...] = ()
    """BYWEEKNO: weeks of the year."""
    year_days: tuple[int, ...] = ()
    """BYYEARDAY."""
    month_days: tuple[int, ...] = ()
    """BYMONTHDAY."""
    weekdays: tuple[tuple[int, int], ...] = ()
    """BYDAY, each an ordinal and 0 (Monday) to 6: (0, 1) is every Tuesday, (-1, 4) the last Friday."""
    positions: tuple[int, ...] = ()
    """BYSETPOS: which of the days that the other parts give in a period."""
    week_start: int = 0
    """WKST, 0 (Monday) to 6."""
    count: int | None = None
    """COUNT: occurrences in all, at most `MOST_TIMES`."""
    until: date | None = None
    """UNTIL, inclusive, in local wall time; a date without a time includes the whole day."""

    @property
    def is_plain(self) -> bool:
        """Return whether the rule has an interval and perhaps an end, and no part that names days."""
        return self == Rule(self.frequency, self.interval, count=self.count, until=self.until)

    @property
    def names_only_months(self) -> bool:
        """Return whether the rule names months of the year and no days of them."""
        return bool(self.months) and replace(self, months=()).is_plain and self.frequency == "YEARLY"

    @property
    def is_of_leap_years(self) -> bool:
        """Return whether the rule is "every 4 years on Feb 29", whose years have that day."""
        february = Rule("YEARLY", self.interval, months=(2,), month_days=(28, 29), positions=(-1,))
        return self.interval % 4 == 0 and self == replace(february, count=self.count, until=self.until)

    @property
    def until_day(self) -> date:
        """Return the last day on which an occurrence may be."""
        return LAST_DAY if self.until is None else day_of(self.until)

    def __str__(self) -> str:
        """Return the canonical text, without `RRULE:`."""
        parts = [("FREQ", self.frequency), ("INTERVAL", str(self.interval) if self.interval > 1 else "")]
        parts += [(name, ",".join(map(str, getattr(self, field)))) for name, (field, _, _) in _LISTS.items()]
        days = ",".join(f"{ordinal or ''}{WEEKDAYS[weekday]}" for ordinal, weekday in self.weekdays)
        parts.insert(-1, ("BYDAY", days))
        parts.append(("WKST", WEEKDAYS[self.week_start] if self.week_start else ""))
        parts.append(("COUNT", str(self.count or "")))
        if self.until is not None:
            parts.append(("UNTIL", re.sub("[-:]", "", self.until.isoformat())))
        return ";".join(f"{name}={value}" for name, value in parts if value)


def day_of(moment: date) -> date:
    """Return the day of a date or a date-time."""
    return moment.date() if isinstance(moment, datetime) else moment


def parse(text: str, zone: tzinfo | None = None) -> Rule:
    """Read an RRULE, with or without `RRULE:`.

    Args:
        text: The rule, in upper or lower case.
        zone: The user's, for an UNTIL in UTC.

    Raises:
        UnclearRepeat: RFC 5545 forbids it, or it says more than the days, such as a first date or an hour.
    """
    text = text.upper().rstrip("; ")
    if re.search("DTSTART|DTEND|RDATE|EXDATE|EXRULE", text):
        raise UnclearRepeat(_NO_DATES)
    parts: dict[str, str] = {}
    for part in text.removeprefix("RRULE:").split(";"):
        name, _, value = part.partition("=")
        if name in _REFUSED:
            raise UnclearRepeat(_REFUSED[name])
        if name in parts:
            raise UnclearRepeat(
                'The rule gives a part twice; join its values with commas in one part, as in "FREQ=WEEKLY;BYDAY=MO,TH".'
            )
        parts[name] = value
    frequency = parts.pop("FREQ", "")
    if frequency in ("HOURLY", "MINUTELY", "SECONDLY"):
        raise UnclearRepeat(_NO_TIMES)
    if frequency not in LARGEST_INTERVAL:
        raise UnclearRepeat(
            'The rule has no FREQ that is known. Give "FREQ=DAILY", "FREQ=WEEKLY", "FREQ=MONTHLY" or "FREQ=YEARLY".'
        )
    rule = Rule(
        frequency,
        interval=_number("INTERVAL", parts.pop("INTERVAL", "1"), 1, LARGEST_INTERVAL[frequency]),
        weekdays=_weekdays(parts.pop("BYDAY")) if "BYDAY" in parts else (),
        week_start=_week_start(parts.pop("WKST", "MO")),
        count=_number("COUNT", parts.pop("COUNT"), 1, MOST_TIMES) if "COUNT" in parts else None,
        until=_until(parts.pop("UNTIL"), zone) if "UNTIL" in parts else None,
        **{
            field: _numbers(name, parts.pop(name), low, high)
            for name, (field, low, high) in _LISTS.items()
            if name in parts
        },
    )
    if parts:
        raise UnclearRepeat(
            "The rule has a part that RFC 5545 does not know; write name=value parts joined by `;`, as in "
            '"FREQ=WEEKLY;BYDAY=TU".'
        )
    return checked(rule)


def checked(rule: Rule) -> Rule:
    """Check a rule, and return it in its canonical form.

    Raises:
        UnclearRepeat: RFC 5545 forbids its parts together, or its interval is too large.
    """
    _require_parts_that_agree(rule)
    _require_possible_ordinals(rule)
    return _canonical(rule)


def _require_parts_that_agree(rule: Rule) -> None:
    """Refuse parts that RFC 5545 §3.3.10 forbids together or with this frequency, and an interval out of range."""
    if not 1 <= rule.interval <= LARGEST_INTERVAL[rule.frequency]:
        raise UnclearRepeat(_out_of_range("INTERVAL", 1, LARGEST_INTERVAL[rule.frequency]))
    if rule.count is not None and rule.until is not None:
        raise UnclearRepeat('The rule has two ends. Give COUNT or UNTIL, not both, as in "FREQ=DAILY;COUNT=10".')
    if (rule.weeks or rule.year_days) and rule.frequency != "YEARLY":
        raise UnclearRepeat('BYWEEKNO and BYYEARDAY need FREQ=YEARLY, as in "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO".')
    if rule.month_days and rule.frequency == "WEEKLY":
        raise UnclearRepeat('BYMONTHDAY does not go with FREQ=WEEKLY; use "FREQ=MONTHLY;BYMONTHDAY=15".')
    if rule.positions and replace(rule, positions=(), week_start=0).is_plain:
        raise UnclearRepeat(
            'BYSETPOS needs another part that says from which days, as in "FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=1".'
        )


def _require_possible_ordinals(rule: Rule) -> None:
    """Refuse numbers in BYDAY (2TU) where nothing can be counted, and numbers that no month or year reaches."""
    largest = max((abs(ordinal) for ordinal, _ in rule.weekdays), default=0)
    if largest and (rule.frequency not in ("MONTHLY", "YEARLY") or rule.weeks):
        raise UnclearRepeat(
            'BYDAY takes numbers only with FREQ=MONTHLY or YEARLY and without BYWEEKNO, as in "FREQ=MONTHLY;BYDAY=2TU".'
        )
    counts_in_a_year = rule.frequency == "YEARLY" and not rule.months
    if largest > (53 if counts_in_a_year else 5):
        raise UnclearRepeat('BYDAY counts to 5 in a month and to 53 in a year, as in "FREQ=MONTHLY;BYDAY=5TU".')


def _canonical(rule: Rule) -> Rule:
    """Return the one form that stands for all rules with the same days, without a WKST that has no effect.

    `FREQ=DAILY;BYDAY=TU` is `FREQ=WEEKLY;BYDAY=TU`, and `FREQ=DAILY;BYMONTHDAY=1` is `FREQ=MONTHLY;BYMONTHDAY=1`.
    """
    if rule.frequency == "DAILY" and rule.interval == 1 and not rule.positions:
        rule = replace(rule, frequency="MONTHLY" if rule.month_days else "WEEKLY" if rule.weekdays else "DAILY")
    if rule.weeks or (rule.frequency == "WEEKLY" and (rule.interval > 1 or rule.positions)):
        return rule
    return replace(rule, week_start=0)


def made_explicit(rule: Rule, start: date) -> Rule:
    """Return the rule with the days that DTSTART gives it where its parts name none (RFC 5545 §3.3.10).

    Of a day that not every month has, shorter months take their last day; RFC 5545 would leave them out.
    """
    if rule.frequency == "WEEKLY" and not rule.weekdays:
        return replace(rule, weekdays=((0, start.weekday()),))
    if rule.frequency in ("DAILY", "WEEKLY") or rule.month_days or rule.weekdays or rule.year_days:
        return rule
    if rule.weeks:
        return replace(rule, weekdays=((0, start.weekday()),))
    if rule.frequency == "YEARLY" and not rule.months:
        rule = replace(rule, months=(start.month,))
    shortest = min(monthrange(2001, month)[1] for month in rule.months or (2,))
    # BYSETPOS would pick days of the whole year instead of each of several months.
    if start.day <= shortest or rule.positions or (rule.frequency == "YEARLY" and len(rule.months) > 1):
        return replace(rule, month_days=(start.day,))
    month_days, positions = days_of_every_month({start.day})
    return replace(rule, month_days=month_days, positions=positions)


def days_of_every_month(days: set[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return BYMONTHDAY and BYSETPOS for days of the month that every month has.

    A day past the 28th becomes the last of the days from the 28th to it: for the 15th and the 30th, BYMONTHDAY is
    15,28,29,30 and BYSETPOS is 1,-1, which is 15 and 28 in a February.

    Args:
        days: 1 to 31, or -1 for the last day.

    Raises:
        UnclearRepeat: More than one of the days is past the 28th, which no rule can say.
    """
    late = {day for day in days if not 0 < day <= 28}
    if len(late) > 1:
        raise UnclearRepeat(
            'No rule says more than one day past the 28th. Name one, as in "every month on the 15th and 30th".'
        )
    early = sorted(days - late)
    if not late or late == {-1}:
        return (*early, *late), ()
    (last,) = late
    positions = (*range(1, len(early) + 1), -1)
    return tuple(sorted({*early, *range(28, last + 1)})), positions


def _number(name: str, text: str, low: int, high: int) -> int:
    if _NUMBER.fullmatch(text) and low <= int(text) <= high:
        return int(text)
    raise UnclearRepeat(_out_of_range(name, low, high))


def _out_of_range(name: str, low: int, high: int) -> str:
    return f'{name} is a number from {low} to {high} here, as in "{_EXAMPLES[name]}".'


def _numbers(name: str, text: str, low: int, high: int) -> tuple[int, ...]:
    """Return the numbers of a part with commas, ascending, those from the end last."""
    numbers = {_number(name, item, low, high) for item in text.split(",")}
    if 0 in numbers:
        raise UnclearRepeat(
            f'{name} does not take 0; it counts from 1, or from -1 for the last, as in "{_EXAMPLES[name]}".'
        )
    return tuple(sorted(numbers, key=lambda number: (number < 0, number)))


def _weekdays(text: str) -> tuple[tuple[int, int], ...]:
    """Return the weekdays of BYDAY as `Rule.weekdays` has them, those from the end last."""
    matches = [_WEEKDAY.fullmatch(item) for item in text.split(",")]
    weekdays = {(int(match[1] or 0), WEEKDAYS.index(match[2])) for match in matches if match}
    if not all(matches):
        raise UnclearRepeat(
            'BYDAY takes MO, TU, WE, TH, FR, SA and SU, with a number before it as in "FREQ=MONTHLY;BYDAY=-1FR".'
        )
    return tuple(sorted(weekdays, key=lambda weekday: (weekday[0] < 0, weekday)))


def _week_start(text: str) -> int:
    if text not in WEEKDAYS:
        raise UnclearRepeat('WKST is one of MO, TU, WE, TH, FR, SA and SU, as in "FREQ=WEEKLY;WKST=SU".')
    return WEEKDAYS.index(text)


def _until(text: str, zone: tzinfo | None) -> date:
    """Return UNTIL in local wall time: a date, or a date-time."""
    in_utc = text.endswith("Z")
    if in_utc and zone is None:
        raise UnclearRepeat('Give UNTIL in local time, without the Z, as in "FREQ=DAILY;UNTIL=21001231T170000".')
    try:
        moment = datetime.fromisoformat(text if _UNTIL.fullmatch(text) else "")
        local = (moment.astimezone(zone) if in_utc else moment).replace(tzinfo=None, fold=0)
    except (ValueError, OverflowError):
        raise UnclearRepeat(
            'UNTIL is no date or date-time; write it as in "FREQ=DAILY;UNTIL=21001231T170000".'
        ) from None
    if not FIRST_DAY <= local.date() <= LAST_DAY:
        raise UnclearRepeat('UNTIL is outside the years 1970 to 2199; write it as in "FREQ=DAILY;UNTIL=21001231".')
    return local if "T" in text else local.date()
