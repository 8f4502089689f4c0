"""When todos start: the day that a text names, the order of start and due, and the start of what comes again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

from todo_core.errors import FieldError, InvalidInput
from todo_core.rules.schedules import Calendar

_NO_TIME: Final = (
    'A start is a whole day, and this names a time. Send the day alone, as in "{day}"; times belong to `due`.'
)


def date_columns(
    calendar: Calendar, patch: Mapping[str, Any], present: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the columns that `due`, `repeat` and `start` of a request set.

    Args:
        calendar: The user's.
        patch: The request; what is not in it stays, None clears.
        present: The todo's read shape, if there is one already.

    Raises:
        InvalidInput: One of them is not clear, a repeat would be left without a date, or the start is after the due.
    """
    columns = calendar.columns(patch, present)
    if "start" in patch:
        columns["start"] = None if patch["start"] is None else _day_said(calendar, patch["start"])
    _require_order(calendar, patch, columns, present)
    return columns


def later_start(row: Mapping[str, Any], by: timedelta) -> dict[str, Any]:
    """Return the column of the start of a todo's next occurrence; empty if the todo has no start.

    Args:
        row: The todo's read shape.
        by: How much later the next occurrence is due, in whole days.
    """
    start = _start_of(row)
    return {} if start is None else {"start": start + by}


def _day_said(calendar: Calendar, text: str) -> date:
    """Return the day that a text names.

    Raises:
        InvalidInput: The text can be read in several ways or in none, or it names a time.
    """
    try:
        when = calendar.read("start", text)
    except InvalidInput as error:
        readings = [str(reading) for reading in error.errors[0].allowed]
        if any("T" in reading for reading in readings):
            raise _names_a_time(sorted({reading[:10] for reading in readings})) from None
        raise
    local = calendar.local(when)
    if isinstance(local, datetime):
        raise _names_a_time([local.date().isoformat()])
    return local


def _names_a_time(days: list[str]) -> InvalidInput:
    """Return the refusal of a start with a time of day.

    Args:
        days: The days that the text may mean, in ISO 8601.
    """
    return InvalidInput(errors=[FieldError("start", _NO_TIME.format(day=days[0]), days, "unclear")])


def _require_order(
    calendar: Calendar, patch: Mapping[str, Any], columns: Mapping[str, Any], present: Mapping[str, Any] | None
) -> None:
    """Refuse a request that changes a start or a due so that the todo starts after the day on which it is due.

    A todo may be in this state already: where the due is a moment, its day may be earlier in another time zone. A
    request that leaves both days as they are is not refused for it.

    Args:
        calendar: The user's.
        patch: The request.
        columns: What it sets.
        present: The todo's read shape; None for a new one.

    Raises:
        InvalidInput: It is.
    """
    before = _start_of(present), _due_day_of(present)
    start = columns.get("start", before[0])
    day = calendar.day_in(columns) if "due_at" in columns else before[1]
    if start is None or day is None or start <= day or (start, day) == before:
        return
    if "start" in patch:
        message = f"would be {start}, after the due on {day}. Send a day up to {day}, or a later due as well."
        raise InvalidInput(errors=[FieldError("start", message, (day.isoformat(),), "conflicting")])
    field = "due" if "due" in patch else "repeat"
    message = f"would be due on {day}, before the start on {start}. Send a later one, or an earlier `start` as well."
    raise InvalidInput(errors=[FieldError(field, message, code="conflicting")])


def _start_of(row: Mapping[str, Any] | None) -> date | None:
    """Return the start in a todo's read shape; None where there is none, or no row."""
    return None if row is None or row["start"] is None else date.fromisoformat(row["start"])


def _due_day_of(row: Mapping[str, Any] | None) -> date | None:
    """Return the day of the due in a todo's read shape, where the user is; None where there is none, or no row."""
    return None if row is None or row["due"] is None else date.fromisoformat(row["due"]["date"])
