"""Read times as people say them, `5pm`, `17:00`, `noon`, `tomorrow morning at 9`, `in 90 minutes`, without a zone.

Phrases are in lower case. `at 5` and `5:30` are in the morning for some people and in the evening for others: both
are returned, and the caller refuses. Two digits and a colon, `05:30`, are the 24-hour clock.
"""

from __future__ import annotations

import re
from datetime import timedelta

from todo_core.dates.days import NUMBER, number
from todo_core.dates.written import UnclearDate

WallTimes = tuple[timedelta, ...]
"""Times on the wall clock, counted from the day's midnight, of which one is meant; empty: the whole day, no time."""

_HOUR = timedelta(hours=1)
_PARTS = {  # begin and end of each part of the day; where the parts overlap, people differ
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
    """Return how far from now `in 90 minutes` or `an hour ago` is; None for other phrases.

    An amount alone, `90 minutes`, is returned in both directions.
    """
    if phrase in ("now", "right now"):
        return (timedelta(),)
    match = re.fullmatch(rf"(?P<in>in )?(?:{_AMOUNT})(?P<way> ago| from now)?", phrase)
    if not match or (match["in"] and match["way"]):
        return None
    if re.fullmatch(r"\d\d? ?h", phrase):
        return None  # `17h` is 17:00 in many countries
    hours, minutes, seconds, more = (number(match[unit] or "0") for unit in ("hours", "minutes", "seconds", "more"))
    amount = timedelta(hours=hours, minutes=minutes + more, seconds=seconds)
    if match["half"] or (match["and_half"] and not more):
        amount += _HOUR / 2
    elif match["decimal"]:
        amount = timedelta(seconds=round(float(match["decimal"]) * 3600))
    if match["way"] == " ago":
        return (-amount,)
    return (amount,) if match["in"] or match["way"] else (-amount, amount)


def time_of_day(phrase: str) -> WallTimes | None:
    """Read a phrase that names a time and nothing else; None for other phrases.

    Raises:
        UnclearDate: There is no such time.
    """
    clock = re.fullmatch(_CLOCK, phrase)
    return _wall_times(clock, "today", None) if clock else None


def day_and_times(phrase: str) -> tuple[str, WallTimes] | None:
    """Split a phrase into the words for the day and the times; None if it names no time.

    Raises:
        UnclearDate: There is no such time, or it is not in the part of the day that is named too.
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
    """Split off a part of the day at the end: `friday morning` is `friday` and `morning`."""
    match = re.fullmatch(rf"(?P<day>.+) (?P<part>{_PART})", phrase)
    return (match["day"], match["part"]) if match else (phrase, None)


def _wall_times(clock: re.Match[str], day: str, part: str | None) -> WallTimes | None:
    """Return the times that `_CLOCK` matched; None for a mere number, which may be a day or a year.

    Args:
        clock: The match.
        day: The words for the day.
        part: The part of the day that is named with the day.
    """
    if name := clock["name"]:
        # Midnight is the begin and the end of a day; of today, only the end is still to come.
        return (24 * _HOUR,) if name == "midnight" and day == "today" else _NAMED.get(name, ())
    if not _is_surely_a_time(clock):
        return None
    times = _shown_times(clock)
    named_part = part or clock["part"]
    return times if named_part is None else _within(named_part, times)


def _is_surely_a_time(clock: re.Match[str]) -> bool:
    """Return whether a number is a time: `5pm`, `5:30`, `at 5`; `5`, `by 5` and `5.30` may be days."""
    if clock["half"] or clock["colon"] == ":":
        return True
    is_announced = bool(clock["oclock"] or clock["part"] or clock["at"] not in (None, "by "))
    return is_announced and not clock["colon"]


def _shown_times(clock: re.Match[str]) -> WallTimes:
    """Return hours, minutes and seconds; in the morning and in the evening where the phrase leaves that open.

    Raises:
        UnclearDate: No clock shows such a time.
    """
    minute, second, hours = int(clock["minute"] or 0), int(clock["second"] or 0), _hours(clock)
    if minute > 59 or second > 59 or not hours:
        raise UnclearDate("There is no such time. Send the time as 17:00 or 5pm.")
    return tuple(timedelta(hours=hour, minutes=minute, seconds=second) for hour in hours)


def _within(part: str, times: WallTimes) -> WallTimes:
    """Return the times that are in a part of the day: of `at 5 in the morning`, 5:00.

    Raises:
        UnclearDate: None of them is.
    """
    begin, end = _PARTS[part]
    within = tuple(wall_time for wall_time in times if begin <= wall_time < end)
    if not within:
        raise UnclearDate("The time is not in that part of the day. Send the time as 17:00 or 5pm.")
    return within


def _hours(clock: re.Match[str]) -> tuple[int, ...]:
    """Return the hours of the 24-hour clock that may be meant; empty if there is no such hour."""
    hour, half = int(clock["hour"]), clock["half"]
    if half:
        return (hour % 12 + (12 if half == "pm" else 0),) if 1 <= hour <= 12 else ()
    if 1 <= hour <= 12 and (not clock["colon"] or len(clock["hour"]) == 1):
        return hour % 12, hour % 12 + 12
    return (hour,) if hour <= 23 else ()
