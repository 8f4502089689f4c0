"""Read times as people say them, `5pm`, `17:00`, `noon`, `tomorrow morning at 9`, `in 90 minutes`, without a zone.

Phrases are in lower case. `at 5` and `5:30` are in the morning for some people and in the evening for others: both
are returned, and the caller refuses. Two digits and a colon, `05:30`, are the 24-hour clock, and so is `5:30` where the
person's country has it.
"""

from __future__ import annotations

import re
from datetime import timedelta

from todo_core.dates.units import NUMBER, number
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
_HOUR_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NAMED: dict[str, WallTimes] = {"noon": (12 * _HOUR,), "midday": (12 * _HOUR,), "midnight": (0 * _HOUR, 24 * _HOUR)}
_OFFSETS = {"half": 30, "quarter": 15, "a quarter": 15, "five": 5, "ten": 10, "twenty": 20, "twenty five": 25}
# `10 to 11` is as likely a span of time: it needs the word `minutes`.
_OFFSET = (
    r"(?P<offset>half(?= past)|(?:a )?quarter|twenty(?:[ -]five)?|(?:five|ten|[1-5]?\d)(?= past | min(?:ute)?s? ))"
    r"(?: min(?:ute)?s?)? (?P<way>past|to) "
)
_CLOCK = (
    rf"(?P<at>at |@ ?|by )?(?:{_OFFSET})?(?:(?P<name>{'|'.join(_NAMED)}|eod|end of (?:the )?day)"
    rf"|(?P<hour>\d\d?|{'|'.join(_HOUR_WORDS)})(?:(?P<colon>[:.])(?P<minute>\d\d)(?::(?P<second>\d\d))?)?"
    rf"(?: ?(?P<half>[ap]m)| ?(?P<oclock>o'clock))?(?: (?:in the|at) (?P<part>{_PART}))?)"
)
_ALL_DAY = (
    r"all[ -]?day(?: long)?|(?:the )?whole day|any ?time|no (?:fixed |specific |set )?time"
    r"|without (?:a |any |the )?time|(?:remove|drop|clear) the time"
)
_NO_SUCH_TIME = 'There is no such time. Send day and time as in "tomorrow 17:00" or "tomorrow 5pm".'
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
    match = re.fullmatch(rf"(?P<in>in |\+ ?(?=\d))?(?:{_AMOUNT})(?P<way> ago| from now)?", phrase)
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


def running(phrase: str) -> timedelta | None:
    """Return how long `last 24 hours` or `past hour` is: negative up to now, positive from now on; else None."""
    match = re.fullmatch(r"(?:the )?(?P<way>last|past|previous|next|coming) (?P<amount>.+)", phrase)
    if match is None:
        return None
    amount = match["amount"]
    found = elapsed(f"in {amount}") or elapsed(f"in an {amount}")
    if found is None:
        return None
    return found[0] if match["way"] in ("next", "coming") else -found[0]


def time_of_day(phrase: str, *, is_24_hour: bool = False, is_today: bool = True) -> WallTimes | None:
    """Read a phrase that names a time and nothing else; None for other phrases.

    Args:
        phrase: The phrase.
        is_24_hour: Whether `5:30` is the 24-hour clock to the person.
        is_today: Whether it is a time of today, of which only the last midnight is to come.

    Raises:
        UnclearDate: There is no such time.
    """
    clock = re.fullmatch(_CLOCK, phrase)
    return _wall_times(clock, "today" if is_today else "", None, is_24_hour) if clock else None


def day_and_times(phrase: str, *, is_24_hour: bool = False) -> tuple[str, WallTimes] | None:
    """Split a phrase into the words for the day and the times; None if it names no time.

    Args:
        phrase: The phrase.
        is_24_hour: As for `time_of_day`.

    Raises:
        UnclearDate: There is no such time, or it is not in the part of the day that is named too.
    """
    for clock in (re.fullmatch(rf"(?P<day>.+?) {_CLOCK}", phrase), re.fullmatch(rf"{_CLOCK} (?P<day>.+)", phrase)):
        if clock:
            day, part = _without_part(clock["day"])
            if (times := _wall_times(clock, day, part, is_24_hour)) is not None:
                return day, times
    day, part = _without_part(phrase)
    if not part:
        return None
    return day, ((_PARTS[part][1],) if part in ("morning", "afternoon") else ())


def day_and_part(phrase: str) -> tuple[str, timedelta, timedelta] | None:
    """Split `friday afternoon` into the day, and the begin and the end of its part; None if no part is named.

    A morning begins with the day, an evening and a night at 18:00.
    """
    day, part = _without_part(phrase)
    if part is None:
        return None
    begin = {"morning": 0, "afternoon": 12}.get(part, 18)
    return day, begin * _HOUR, _PARTS[part][1]


def without_all_day(phrase: str) -> str | None:
    """Return `tuesday` for `tuesday all day`, and nothing for `all day` and `no time`; None for other phrases."""
    match = re.fullmatch(rf"(?:{_ALL_DAY})(?: (?:on )?(?P<after>.+))?|(?P<before>.+) \(?(?:{_ALL_DAY})\)?", phrase)
    return (match["after"] or match["before"] or "") if match else None


def without_same(phrase: str) -> str:
    """Return `tuesday` for `tuesday at the same time`, and `4pm` for `4pm the same day`: what stays is kept anyway."""
    same = r"(?:(?:at )?(?:the )?same time|(?:on )?(?:the )?same day)"
    return re.sub(rf"^{same} (?:on |at )?(?=.)|(?<=.) {same}$", "", phrase, count=1)


def names_the_end(phrase: str) -> bool:
    """Return whether a phrase means a day by its end, or later than now: of another date it keeps no time."""
    return bool(re.match(r"(?:by )?(?:the )?end of (?:today|tomorrow)\b|later (?:today|this)\b", phrase))


def _without_part(phrase: str) -> tuple[str, str | None]:
    """Split off a part of the day at the end: `friday morning` is `friday` and `morning`."""
    match = re.fullmatch(rf"(?P<day>.+) (?P<part>{_PART})", phrase)
    return (match["day"], match["part"]) if match else (phrase, None)


def _wall_times(clock: re.Match[str], day: str, part: str | None, is_24_hour: bool) -> WallTimes | None:
    """Return the times that `_CLOCK` matched; None for a mere number, which may be a day or a year.

    Args:
        clock: The match.
        day: The words for the day.
        part: The part of the day that is named with the day.
        is_24_hour: As for `time_of_day`.
    """
    if name := clock["name"]:
        # Midnight is the begin and the end of a day; of today, only the end is still to come.
        if name == "midnight" and day == "today" and not clock["offset"]:
            return (24 * _HOUR,)
        named = _NAMED.get(name, ())
        return _offset(clock, named) if clock["offset"] else named
    if not _is_surely_a_time(clock):
        return None
    named_part = part or clock["part"]
    times = _shown_times(clock, is_24_hour=is_24_hour and not named_part)
    return times if named_part is None else _within(named_part, times)


def _is_surely_a_time(clock: re.Match[str]) -> bool:
    """Return whether a number is a time: `5pm`, `5:30`, `at 5`, `half past 5`; `5`, `by 5` and `5.30` may be days."""
    if clock["half"] or clock["colon"] == ":" or clock["offset"]:
        return True
    is_announced = bool(clock["oclock"] or clock["part"] or clock["at"] not in (None, "by "))
    return is_announced and not clock["colon"]


def _shown_times(clock: re.Match[str], *, is_24_hour: bool) -> WallTimes:
    """Return hours, minutes and seconds; in the morning and in the evening where the phrase leaves that open.

    Raises:
        UnclearDate: No clock shows such a time.
    """
    minute, second, hours = int(clock["minute"] or 0), int(clock["second"] or 0), _hours(clock, is_24_hour=is_24_hour)
    if minute > 59 or second > 59 or not hours or (clock["offset"] and clock["colon"]):
        raise UnclearDate(_NO_SUCH_TIME)
    times = tuple(timedelta(hours=hour, minutes=minute, seconds=second) for hour in hours)
    return _offset(clock, times) if clock["offset"] else times


def _offset(clock: re.Match[str], times: WallTimes) -> WallTimes:
    """Return the times earlier or later by what `half past` or `20 minutes to` says."""
    said = clock["offset"].replace("-", " ")
    minutes = timedelta(minutes=_OFFSETS[said] if said in _OFFSETS else int(said))
    moved = (wall_time + (minutes if clock["way"] == "past" else -minutes) for wall_time in times)
    return tuple(dict.fromkeys(wall_time % (24 * _HOUR) for wall_time in moved))


def _within(part: str, times: WallTimes) -> WallTimes:
    """Return the times that are in a part of the day: of `at 5 in the morning`, 5:00.

    Raises:
        UnclearDate: None of them is.
    """
    begin, end = _PARTS[part]
    within = tuple(wall_time for wall_time in times if begin <= wall_time < end)
    if not within:
        raise UnclearDate('The time is not in that part of the day. Send day and time alone, as in "tomorrow 17:00".')
    return within


def _hours(clock: re.Match[str], *, is_24_hour: bool) -> tuple[int, ...]:
    """Return the hours of the 24-hour clock that may be meant; empty if there is no such hour."""
    said, half = clock["hour"], clock["half"]
    hour = _HOUR_WORDS.index(said) + 1 if said in _HOUR_WORDS else int(said)
    if half:
        return (hour % 12 + (12 if half == "pm" else 0),) if 1 <= hour <= 12 else ()
    if clock["colon"] and (is_24_hour or len(said) > 1):
        return (hour,) if hour <= 23 else ()
    if 1 <= hour <= 12:
        return hour % 12, hour % 12 + 12
    return (hour,) if hour <= 23 else ()
