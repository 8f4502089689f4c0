"""Times as people say them, `5pm`, `17:00`, `noon`, `tomorrow morning at 9`, `in 90 minutes`: no zone, no clock.

Phrases are in lower case. `at 5` and `5:30` are the morning's to some and the evening's to others: both are given, and
the caller refuses. Two digits and a colon, `05:30`, are the 24-hour clock.
"""

from __future__ import annotations

import re
from datetime import timedelta

from todo_core.dates.days import NUMBER, number
from todo_core.dates.written import UnclearDate

WallTimes = tuple[timedelta, ...]
"""Times as the clock on the wall has them, counted from the day's midnight; none of them is the end of the day."""

_HOUR = timedelta(hours=1)
_PARTS = {
    "morning": (1 * _HOUR, 12 * _HOUR),
    "afternoon": (12 * _HOUR, 18 * _HOUR),
    "evening": (16 * _HOUR, 24 * _HOUR),
    "night": (18 * _HOUR, 24 * _HOUR),
}
_PART = "|".join(_PARTS)
_NAMED: dict[str, WallTimes] = {"noon": (12 * _HOUR,), "midday": (12 * _HOUR,), "midnight": (0 * _HOUR, 24 * _HOUR)}
_CLOCK = (
    rf"(?P<at>at |@ ?|by )?(?:(?P<name>{'|'.join(_NAMED)}|eod|end of (?:the )?day)"
    r"|(?P<hour>\d\d?)(?:(?P<colon>[:.])(?P<minute>\d\d)(?::(?P<second>\d\d))?)?"
    rf"(?: ?(?P<half>[ap]m)| ?(?P<oclock>o'clock))?(?: (?:in the|at) (?P<part>{_PART}))?)"
)
_HOURS = r"(?:h|hrs?|hours?)"
_MINUTES = r"(?:mins?|minutes?)"
_AMOUNT = (
    rf"(?P<half>half an hour)|(?P<decimal>\d\d?\.\d\d?) ?{_HOURS}|(?P<seconds>{NUMBER}) ?(?:secs?|seconds?)"
    rf"|(?P<hours>{NUMBER}) ?{_HOURS}(?P<and_half> and a half| ?(?:and )?(?P<more>{NUMBER}) ?(?:m|{_MINUTES}))?"
    rf"|(?P<minutes>{NUMBER}) ?{_MINUTES}"
)


def elapsed(phrase: str) -> WallTimes | None:
    """How far from now `in 90 minutes` or `an hour ago` is; both ways without `in` and `ago`; None for others."""
    if phrase in ("now", "right now"):
        return (timedelta(),)
    found = re.fullmatch(rf"(?P<in>in )?(?:{_AMOUNT})(?P<way> ago| from now)?", phrase)
    if not found or (found["in"] and found["way"]):
        return None
    if re.fullmatch(r"\d\d? ?h", phrase):
        return None  # to many, `17h` is 17:00
    hours, minutes, seconds, more = (number(found[unit] or "0") for unit in ("hours", "minutes", "seconds", "more"))
    amount = timedelta(hours=hours, minutes=minutes + more, seconds=seconds)
    if found["half"] or (found["and_half"] and not more):
        amount += _HOUR / 2
    elif found["decimal"]:
        amount = timedelta(seconds=round(float(found["decimal"]) * 3600))
    if found["way"] == " ago":
        return (-amount,)
    return (amount,) if found["in"] or found["way"] else (-amount, amount)


def time_of_day(phrase: str) -> WallTimes | None:
    """The times that a phrase may mean that names a time and nothing else; None when it does not.

    Raises:
        UnclearDate: It names one that no clock shows.
    """
    clock = re.fullmatch(_CLOCK, phrase)
    return _wall_times(clock, "today", None) if clock else None


def day_and_times(phrase: str) -> tuple[str, WallTimes] | None:
    """The part of a phrase that names the day, and the times it may mean; None when it names no time.

    Raises:
        UnclearDate: It names a time that no clock shows, or that is not in the named part of the day.
    """
    for clock in (re.fullmatch(rf"(?P<day>.+?) {_CLOCK}", phrase), re.fullmatch(rf"{_CLOCK} (?P<day>.+)", phrase)):
        if clock:
            day, part = _without_part(clock["day"])
            if (times := _wall_times(clock, day, part)) is not None:
                return day, times
    day, part = _without_part(phrase)
    if not part:
        return None
    return day, ((_PARTS[part][1],) if part in ("morning", "afternoon") else ())


def _without_part(phrase: str) -> tuple[str, str | None]:
    found = re.fullmatch(rf"(?P<day>.+) (?P<part>{_PART})", phrase)
    return (found["day"], found["part"]) if found else (phrase, None)


def _wall_times(clock: re.Match[str], day: str, part: str | None) -> WallTimes | None:
    """The times that `_CLOCK` matched; None for a mere number, which may be anything."""
    if name := clock["name"]:
        return (24 * _HOUR,) if name == "midnight" and day == "today" else _NAMED.get(name, ())
    announced = clock["oclock"] or clock["part"] or (clock["at"] or "by ") != "by "
    if not (clock["half"] or clock["colon"] == ":" or (announced and not clock["colon"])):
        return None
    minutes = timedelta(minutes=int(clock["minute"] or 0), seconds=int(clock["second"] or 0))
    times = tuple(hour * _HOUR + minutes for hour in _hours(clock))
    if int(clock["minute"] or 0) > 59 or int(clock["second"] or 0) > 59 or not times:
        raise UnclearDate("There is no such time. Send the time as 17:00 or 5pm.")
    if part := part or clock["part"]:
        begin, end = _PARTS[part]
        times = tuple(wall_time for wall_time in times if begin <= wall_time < end)
        if not times:
            raise UnclearDate("The time is not in that part of the day. Send the time as 17:00 or 5pm.")
    return times


def _hours(clock: re.Match[str]) -> tuple[int, ...]:
    """The hours of the 24-hour clock that are meant; none when there is no such hour."""
    hour, half = int(clock["hour"]), clock["half"]
    if half:
        return (hour % 12 + (12 if half == "pm" else 0),) if 1 <= hour <= 12 else ()
    if 1 <= hour <= 12 and (not clock["colon"] or len(clock["hour"]) == 1):
        return hour % 12, hour % 12 + 12
    return (hour,) if hour <= 23 else ()
