"""The time that a look at the history is about, in words or in ISO 8601."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from todo_core.boundary.operation import Tx
from todo_core.dates import UnclearDate
from todo_core.errors import FieldError, InvalidInput
from todo_core.models.changes import ChangeFilter, UndoChoice
from todo_core.rules.schedules import Calendar

_SINCE: Final = re.compile(r"(?:since|from|after)\s+", re.IGNORECASE)
_UNTIL: Final = re.compile(r"(?:until|till|before|up to)\s+", re.IGNORECASE)
_DURING: Final = re.compile(r"(?:in|within|during|over|for)\s+(?=(?:the\s+)?(?:last|past)\s)", re.IGNORECASE)
_INTERVAL: Final = re.compile(r"(\d{4}-[^/[]*(?:\[[^]]*\])*)/(\d{4}-[^/[]*(?:\[[^]]*\])*)")
"""The names of zones have slashes, too: `[Europe/Berlin]`."""
_SPAN: Final = re.compile(
    r"(?:(?P<day>\S.*?)\s+)?between\s+(?P<least>.+?)\s+and\s+(?P<most>.+)"
    r"|(?:(?P<its_day>\S.*?)\s+)?(?:from\s+)(?P<first>.+?)\s+(?:to|until|till|through)\s+(?P<last>.+)"
    r"|(?:since\s+)?(?P<begin>.+?)(?:\s+(?:to|until|till|through)\s+|\s+[-\u2013\u2014]\s+)(?P<end>.+)",
    re.IGNORECASE,
)
"""`yesterday between 2pm and 4pm`, `from monday to wednesday`, `nov 1 - nov 15`."""
_HOUR: Final = re.compile(r"(?:at\s+)?(?P<number>\d{1,2})", re.IGNORECASE)
_CLOCK: Final = re.compile(
    r"(?P<time>(?:at\s+)?(?:\d{1,2}(?:[:.]\d\d)?\s?(?P<half>[ap]\.?m\b\.?)|\d{1,2}:\d\d|noon|midday|midnight))"
    r"(?:\s+(?P<day>.+))?",
    re.IGNORECASE,
)
"""A time, and perhaps its day."""
_WHICH_HALF: Final = (
    'These hours may be before or after noon. Send them as in "from 9am to 10am" or "from 21:00 to 22:00".'
)
_NO_SPAN: Final = 'This ends before it begins. Send the earlier end first, as in "from monday to wednesday".'


@dataclass(frozen=True, slots=True)
class Time:
    """A span of time, in UTC; None for no bound on that side."""

    begin: datetime | None = None
    end: datetime | None = None
    """Exclusive."""


async def time_of(tx: Tx, query: ChangeFilter | UndoChoice) -> Time:
    """Return the time that a filter, or a set to undo, is about.

    Raises:
        InvalidInput: It is not clear when that is, two fields say it, or it ends before it begins.
    """
    if query.when is None and query.made_after is None and query.made_before is None:
        return Time()
    calendar = await Calendar.of(tx)
    if query.when is None:
        begin, end = (
            None if text is None else calendar.bound(field, text)
            for field, text in (("made_after", query.made_after), ("made_before", query.made_before))
        )
        if begin is not None and end is not None and end <= begin:
            message = "leaves no time after made_after; send the earlier one as made_after"
            raise InvalidInput(errors=[FieldError("made_before", message, code="conflicting")])
        return Time(begin, end)
    for field in ("made_after", "made_before"):
        if getattr(query, field) is not None:
            message = "cannot be given together with when; leave one of them out"
            raise InvalidInput(errors=[FieldError(field, message, code="conflicting")])
    return time_in(calendar, query.when)


def time_in(calendar: Calendar, text: str) -> Time:
    """Return the time that one text names: `last hour`, `since monday`, `until noon`, or an interval of ISO 8601.

    A moment, such as `2 hours ago`, is one since when.

    Raises:
        InvalidInput: It is not clear when that is.
    """
    try:
        return _one_sided(calendar, text)
    except UnclearDate as error:
        unclear = error
    try:
        if not unclear.readings and (span := _SPAN.fullmatch(text.strip())) is not None:
            return _span(calendar, span)
    except UnclearDate as error:
        unclear = error
    raise InvalidInput(errors=[FieldError("when", str(unclear), unclear.readings, "unclear")])


def _one_sided(calendar: Calendar, text: str) -> Time:
    """Return the time of a text that names one period or one bound, or of an interval of ISO 8601.

    Raises:
        UnclearDate: It is not clear when that is.
    """
    if (interval := _INTERVAL.fullmatch(text)) is not None:
        begin, end = calendar.begin(interval[1]), calendar.end(interval[2])
        if end <= begin:  # as where the second day is the one before the first
            raise UnclearDate(_NO_SPAN)
        return Time(begin, end)
    if (since := _SINCE.match(text)) is not None:
        return Time(calendar.begin(text[since.end() :]))
    if (until := _UNTIL.match(text)) is not None:
        is_before = text.lower().startswith("before")
        read = calendar.begin if is_before else calendar.end
        return Time(None, read(text[until.end() :]))
    period = _DURING.sub("", text, count=1) if _DURING.match(text) else text
    begin, end = calendar.begin(period), calendar.end(period)
    return Time(begin, None if begin == end else end)


def _span(calendar: Calendar, span: re.Match[str]) -> Time:
    """Return the time between two that a text names. Of two times of the day one may have the day of both.

    Raises:
        UnclearDate: It is not clear when one of them is, or they are in the wrong order.
    """
    day = span["day"] or span["its_day"]
    first, last = (
        next(filter(None, span.group(*names))) for names in (("least", "first", "begin"), ("most", "last", "end"))
    )
    opening, closing = _CLOCK.fullmatch(first), _CLOCK.fullmatch(last)
    if closing and closing["half"] and (hour := _HOUR.fullmatch(first)) and int(hour["number"]) < _hour_of(closing):
        first = f"{hour['number']}{closing['half']}"  # `2 to 4pm`, and not `11 to 1pm`
        opening = _CLOCK.fullmatch(first)
    if _HOUR.fullmatch(first) or _HOUR.fullmatch(last):
        raise UnclearDate(_WHICH_HALF)
    if day is not None:
        first, last = f"{day} {first}", f"{day} {last}"
    elif opening and closing and closing["day"] and not opening["day"]:
        first = f"{first} {closing['day']}"
    begin = calendar.begin(first)
    if day is None and closing and not closing["day"]:
        last = f"{begin.astimezone(calendar.zone).date()} {last}"
    end = calendar.end(last)
    if end <= begin and closing and opening and not closing["day"]:  # `from 10pm to 2am`
        end = calendar.end(f"{begin.astimezone(calendar.zone).date() + timedelta(days=1)} {closing['time']}")
    if end <= begin:
        raise UnclearDate(_NO_SPAN)
    return Time(begin, end)


def _hour_of(clock: re.Match[str]) -> int:
    """Return the hour of a time that says which half of the day it is in, counted from the begin of that half."""
    return int(re.findall(r"\d{1,2}", clock["time"])[0]) % 12
