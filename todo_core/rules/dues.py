"""What objects say of a due and a repeat, exactly, and how a due is stored and read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from todo_core import recurrence
from todo_core.dates import UnclearDate, When, at_moment, at_wall_clock, on_day
from todo_core.errors import FieldError, InvalidInput
from todo_core.notations import known_time_zone
from todo_core.recurrence import Repeat, UnclearRepeat

Local = datetime | date
"""Wall-clock time of the user, without a zone; a date where only the day counts."""

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME: Final = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?", re.ASCII)
_NEITHER: Final = (
    "needs `date`, and with it `time`, which may be null; or `at` alone, a moment. Or send text such as"
    ' "2027-01-31T17:00".'
)
_CONTRADICTION: Final = (
    "is a moment, and its `at` is not at its `date` and `time`. Send `at` alone, or `date` and `time` alone; or text"
    ' such as "2027-01-31T17:00".'
)
_NO_RULE: Final = 'must be an RRULE here; send words as text, such as "every 2 weeks on mon".'
_NOT_SCHEDULED: Final = (
    "is no occurrence of the rule, or no local date or date-time. Leave it out, and the series begins with the due; or"
    ' send text such as "every 2 weeks on mon".'
)


def exact_due(given: Mapping[str, Any], present: When | None, zone: ZoneInfo) -> When:
    """Return the due that an object says. What is as it is read of the present one is that one, whole.

    Args:
        given: A `DueExact`.
        present: The due that there is.
        zone: The user's.

    Raises:
        InvalidInput: It lacks something, contradicts itself, or there is no such day or time.
    """
    try:
        if given.get("kind") == "moment" or "date" not in given:
            return _exact_moment(given, zone)
        day, wall = _day(given["date"]), _time(given.get("time"))
        if present is not None and (day, wall) == (present.on, present.time):
            return present
        whole_day = on_day(day, zone)
        return whole_day if wall is None else at_wall_clock(datetime.combine(day, wall), zone)
    except UnclearDate as error:
        raise _refusal("due", str(error)) from None


def _exact_moment(given: Mapping[str, Any], zone: ZoneInfo) -> When:
    if "at" not in given:
        raise _refusal("due", _NEITHER)
    try:
        moment = datetime.fromisoformat(given["at"])
        is_fixed = moment.tzinfo is not None
    except ValueError:
        is_fixed = False
    if not is_fixed:
        raise _refusal("due.at", 'must be a date-time with an offset, such as "2027-01-31T17:00:00Z"')
    try:
        when = at_moment(moment, zone)
    except OverflowError:
        raise _refusal("due.at", 'is out of range; send a moment such as "2027-01-31T17:00:00Z"') from None
    if "date" in given and not _agrees(given, moment, zone):
        raise _refusal("due", _CONTRADICTION)
    return when


def _agrees(given: Mapping[str, Any], moment: datetime, zone: ZoneInfo) -> bool:
    """Return whether a moment is at the date and the time that are given with it, in the zone in which it was read."""
    try:
        there = moment.astimezone(ZoneInfo(known_time_zone(given["time_zone"])) if "time_zone" in given else zone)
    except ValueError:
        return False
    shown = f"{there:%H:%M}"
    return bool(given["date"] == there.date().isoformat() and (given.get("time", shown) or "")[:5] == shown)


def _day(text: str) -> date:
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise _refusal("due.date", 'must be a day of the calendar, such as "2027-01-31"')


def _time(text: str | None) -> time | None:
    if text is None:
        return None
    if _TIME.fullmatch(text):
        return time.fromisoformat(text)
    raise _refusal("due.time", 'must be a time of the 24-hour clock, such as "17:00", or null')


def exact_repeat(given: Mapping[str, Any], start: Local, zone: ZoneInfo) -> Repeat:
    """Return the repeat that an object says.

    Args:
        given: A `RepeatExact`.
        start: When the series begins if it has no `scheduled`: the local due, or today.
        zone: The user's, for an UNTIL in UTC.

    Raises:
        InvalidInput: The rule is none, or has nothing at `scheduled`.
    """
    if "=" not in given["rule"]:
        raise _refusal("repeat.rule", _NO_RULE)
    scheduled = _scheduled(given["scheduled"]) if "scheduled" in given else None
    after = " after completion" if given.get("counts_from") == "completion" else ""
    try:
        repeat = recurrence.read(given["rule"] + after, start if scheduled is None else scheduled, zone)
    except UnclearRepeat as error:
        raise InvalidInput(errors=[FieldError("repeat.rule", str(error), error.readings, "unclear")]) from None
    if scheduled not in (None, repeat.scheduled):
        raise _refusal("repeat.scheduled", _NOT_SCHEDULED)
    return repeat


def is_present(given: Mapping[str, Any], present: Mapping[str, Any] | None) -> bool:
    """Return whether an object says of a repeat just what is there already.

    Args:
        given: A `RepeatExact`.
        present: The repeat's read shape, or None.
    """
    return present is not None and all(
        given[name] == present[name] for name in ("rule", "counts_from", "scheduled") if name in given
    )


def _scheduled(text: str) -> Local:
    try:
        when = date.fromisoformat(text) if len(text) == len("2027-01-31") else datetime.fromisoformat(text)
        if not isinstance(when, datetime) or when.tzinfo is None:
            return when
    except ValueError:
        pass
    raise _refusal("repeat.scheduled", _NOT_SCHEDULED)


def _refusal(field: str, message: str) -> InvalidInput:
    return InvalidInput(errors=[FieldError(field, message)])


def due_columns(due: When | None) -> dict[str, Any]:
    """Return a deadline as it is stored."""
    if due is None:
        return {"due_date": None, "due_time": None, "due_at": None}
    return {"due_date": due.on, "due_time": due.time, "due_at": due.at}


def due_of(row: Mapping[str, Any] | None) -> When | None:
    """Return the deadline in a todo's read shape; None where there is none, or no row.

    In rows that were recorded before there were three kinds, a time is a wall-clock time.
    """
    if row is None or row["due"] is None:
        return None
    due = row["due"]
    at = datetime.fromisoformat(due["at"])
    if due.get("kind") == "moment":
        return When(at, None)
    return When(at, date.fromisoformat(due["date"]), None if due["time"] is None else time.fromisoformat(due["time"]))
