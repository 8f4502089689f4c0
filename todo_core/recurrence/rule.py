"""Recurrence rules of RFC 5545 (section 3.3.10) by the day: read, checked, and written in one canonical form.

A rule says on which days; the time of day is the todo's.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo
from typing import Final

FIRST_DAY: Final = date(1970, 1, 1)
LAST_DAY: Final = date(2199, 12, 31)
MOST_TIMES: Final = 9999
WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
LARGEST_INTERVAL: Final = {"DAILY": 3650, "WEEKLY": 520, "MONTHLY": 120, "YEARLY": 50}
_NO_TIMES: Final = "A rule repeats by days, weeks, months or years; put the time of day into `due`."
_NO_DATES: Final = "Give only the rule, such as FREQ=WEEKLY;BYDAY=TU; put the first date into `due`."
_REFUSED: Final = {
    "BYHOUR": _NO_TIMES,
    "BYMINUTE": _NO_TIMES,
    "BYSECOND": _NO_TIMES,
    "BYEASTER": "BYEASTER is no part of RFC 5545; use another rule, or set the dates one by one.",
}
_LISTS: Final = {
    "BYMONTH": ("months", 1, 12),
    "BYWEEKNO": ("weeks", -53, 53),
    "BYYEARDAY": ("year_days", -366, 366),
    "BYMONTHDAY": ("month_days", -31, 31),
    "BYSETPOS": ("positions", -366, 366),
}
_WEEKDAY: Final = re.compile(r"([+-]?[1-9]\d?)?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?\d{1,4}", re.ASCII)
_UNTIL: Final = re.compile(r"\d{8}(T\d{6}Z?)?", re.ASCII)


class UnclearRepeat(ValueError):
    """The text names no repetition for certain. The message says what to write instead and never echoes the text."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. A weekday is an ordinal and 0 (Monday) to 6: (0, 1) is every Tuesday, (-1, 4) the last Friday."""

    frequency: str
    interval: int = 1
    months: tuple[int, ...] = ()
    weeks: tuple[int, ...] = ()
    year_days: tuple[int, ...] = ()
    month_days: tuple[int, ...] = ()
    weekdays: tuple[tuple[int, int], ...] = ()
    positions: tuple[int, ...] = ()
    week_start: int = 0
    count: int | None = None
    until: date | None = None
    """Inclusive, in local wall time; a date without a time includes the whole day."""

    @property
    def is_plain(self) -> bool:
        """Whether only the interval decides: no part says on which days."""
        return self == Rule(self.frequency, self.interval, count=self.count, until=self.until)

    @property
    def until_day(self) -> date:
        """The last day on which the series can have an occurrence."""
        return LAST_DAY if self.until is None else day_of(self.until)

    def __str__(self) -> str:
        """The canonical text, without `RRULE:`."""
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
    """The day of a date or a date-time."""
    return moment.date() if isinstance(moment, datetime) else moment


def parse(text: str, zone: tzinfo | None = None) -> Rule:
    """Read the value of an RRULE, with or without `RRULE:`.

    Args:
        text: In upper or lower case.
        zone: The zone in which the todo lives, for an UNTIL in UTC.

    Raises:
        UnclearRepeat: RFC 5545 forbids it, or it says more than the days.
    """
    text = text.upper()
    if re.search("DTSTART|DTEND|RDATE|EXDATE|EXRULE", text):
        raise UnclearRepeat(_NO_DATES)
    parts: dict[str, str] = {}
    for part in text.removeprefix("RRULE:").split(";"):
        name, _, value = part.partition("=")
        if name in _REFUSED:
            raise UnclearRepeat(_REFUSED[name])
        if name in parts:
            raise UnclearRepeat("The rule gives a part twice; join its values with commas in one part.")
        parts[name] = value
    frequency = parts.pop("FREQ", "")
    if frequency in ("HOURLY", "MINUTELY", "SECONDLY"):
        raise UnclearRepeat(_NO_TIMES)
    if frequency not in LARGEST_INTERVAL:
        raise UnclearRepeat("Give FREQ=DAILY, FREQ=WEEKLY, FREQ=MONTHLY or FREQ=YEARLY.")
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
        raise UnclearRepeat("The rule has a part that RFC 5545 does not know; write name=value parts joined by `;`.")
    return checked(rule)


def checked(rule: Rule) -> Rule:
    """The rule without what has no effect, and with one of several ways to say the same days.

    Raises:
        UnclearRepeat: Parts that RFC 5545 forbids together, or an interval that is too large.
    """
    yearly = rule.frequency == "YEARLY"
    if not 1 <= rule.interval <= LARGEST_INTERVAL[rule.frequency]:
        raise UnclearRepeat(f"INTERVAL is a number from 1 to {LARGEST_INTERVAL[rule.frequency]} here.")
    if rule.count is not None and rule.until is not None:
        raise UnclearRepeat("Give COUNT or UNTIL, not both.")
    if (rule.weeks or rule.year_days) and not yearly:
        raise UnclearRepeat("BYWEEKNO and BYYEARDAY need FREQ=YEARLY.")
    if rule.month_days and rule.frequency == "WEEKLY":
        raise UnclearRepeat("BYMONTHDAY does not go with FREQ=WEEKLY; use FREQ=MONTHLY.")
    if rule.positions and replace(rule, positions=(), week_start=0).is_plain:
        raise UnclearRepeat("BYSETPOS needs another part that says from which days, such as BYDAY.")
    largest = max((abs(ordinal) for ordinal, _ in rule.weekdays), default=0)
    if largest and (rule.frequency not in ("MONTHLY", "YEARLY") or rule.weeks):
        raise UnclearRepeat("BYDAY takes numbers, as in 2TU, only with FREQ=MONTHLY or YEARLY and without BYWEEKNO.")
    if largest > (5 if rule.months or not yearly else 53):
        raise UnclearRepeat("BYDAY counts to 5 in a month and to 53 in a year.")
    if rule.frequency == "DAILY" and rule.interval == 1 and not rule.positions:
        rule = replace(rule, frequency="MONTHLY" if rule.month_days else "WEEKLY" if rule.weekdays else "DAILY")
    if rule.weeks or (rule.frequency == "WEEKLY" and (rule.interval > 1 or rule.positions)):
        return rule
    return replace(rule, week_start=0)


def made_explicit(rule: Rule, start: date) -> Rule:
    """The rule with the days that it takes from its start: RFC 5545 has DTSTART fill what the parts leave open.

    A day that not every month has means "that day or the last day of the month".
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
    # In a year, BYSETPOS would pick one day of all months.
    if start.day <= shortest or rule.positions or (rule.frequency == "YEARLY" and len(rule.months) > 1):
        return replace(rule, month_days=(start.day,))
    month_days, positions = days_of_every_month({start.day})
    return replace(rule, month_days=month_days, positions=positions)


def days_of_every_month(wanted: set[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """BYMONTHDAY and BYSETPOS for these days (-1 is the last), with 29 to 31 meaning "or the month's last day".

    Raises:
        UnclearRepeat: More than one of the days is past the 28th, which no rule can say.
    """
    late = {day for day in wanted if not 0 < day <= 28}
    if len(late) > 1:
        raise UnclearRepeat("Name at most one day past the 28th, such as `every month on the 15th and 30th`.")
    early = sorted(wanted - late)
    if not late or late == {-1}:
        return (*early, *late), ()
    (last,) = late
    positions = (*range(1, len(early) + 1), -1)
    return tuple(sorted({*early, *range(28, last + 1)})), positions


def _number(name: str, text: str, low: int, high: int) -> int:
    if _NUMBER.fullmatch(text) and low <= int(text) <= high:
        return int(text)
    raise UnclearRepeat(f"{name} is a number from {low} to {high} here.")


def _numbers(name: str, text: str, low: int, high: int) -> tuple[int, ...]:
    found = {_number(name, item, low, high) for item in text.split(",")}
    if 0 in found:
        raise UnclearRepeat(f"{name} does not take 0; it counts from 1, or from -1 for the last.")
    return tuple(sorted(found, key=lambda number: (number < 0, number)))


def _weekdays(text: str) -> tuple[tuple[int, int], ...]:
    items = [_WEEKDAY.fullmatch(item) for item in text.split(",")]
    found = {(int(item[1] or 0), WEEKDAYS.index(item[2])) for item in items if item}
    if not all(items):
        raise UnclearRepeat("BYDAY takes MO, TU, WE, TH, FR, SA and SU, with a number before it as in 2TU or -1FR.")
    return tuple(sorted(found, key=lambda item: (item[0] < 0, item)))


def _week_start(text: str) -> int:
    if text not in WEEKDAYS:
        raise UnclearRepeat("WKST is one of MO, TU, WE, TH, FR, SA and SU.")
    return WEEKDAYS.index(text)


def _until(text: str, zone: tzinfo | None) -> date:
    """The end in local wall time."""
    in_utc = text.endswith("Z")
    if in_utc and zone is None:
        raise UnclearRepeat("Give UNTIL in local time, without the Z.")
    try:
        found = datetime.fromisoformat(text if _UNTIL.fullmatch(text) else "")
        local = (found.astimezone(zone) if in_utc else found).replace(tzinfo=None, fold=0)
    except (ValueError, OverflowError):
        raise UnclearRepeat("UNTIL is a date or a date-time such as 20270301 or 20270301T170000.") from None
    if not FIRST_DAY <= local.date() <= LAST_DAY:
        raise UnclearRepeat("UNTIL is in a year from 1970 to 2199.")
    return local if "T" in text else local.date()
