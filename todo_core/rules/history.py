"""The time that a look at the history is about, in words or in ISO 8601."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
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


@dataclass(frozen=True, slots=True)
class Time:
    """A span of time, in UTC; None for no bound on that side."""

    begin: datetime | None = None
    end: datetime | None = None
    """Exclusive."""


async def time_of(tx: Tx, query: ChangeFilter | UndoChoice) -> Time:
    """Return the time that a filter, or a set to undo, is about.

    Raises:
        InvalidInput: It is not clear when that is, or two fields say it.
    """
    if query.when is None and query.made_after is None and query.made_before is None:
        return Time()
    calendar = await Calendar.of(tx)
    if query.when is None:
        begin, end = (
            None if text is None else calendar.bound(field, text)
            for field, text in (("made_after", query.made_after), ("made_before", query.made_before))
        )
        return Time(begin, end)
    for field in ("made_after", "made_before"):
        if getattr(query, field) is not None:
            message = "cannot be given together with when; leave one of them out"
            raise InvalidInput(errors=[FieldError(field, message, code="conflicting")])
    return _said(calendar, query.when)


def _said(calendar: Calendar, text: str) -> Time:
    """Return the time that one text names: `last hour`, `since monday`, `until noon`, or an interval of ISO 8601.

    A moment, such as `2 hours ago`, is one since when.

    Raises:
        InvalidInput: It is not clear when that is.
    """
    if (interval := _INTERVAL.fullmatch(text)) is not None:
        return Time(_bound(calendar.begin, interval[1]), _bound(calendar.end, interval[2]))
    if (since := _SINCE.match(text)) is not None:
        return Time(_bound(calendar.begin, text[since.end() :]))
    if (until := _UNTIL.match(text)) is not None:
        is_before = text.lower().startswith("before")
        return Time(None, _bound(calendar.begin if is_before else calendar.end, text[until.end() :]))
    period = _DURING.sub("", text, count=1) if _DURING.match(text) else text
    begin, end = _bound(calendar.begin, period), _bound(calendar.end, period)
    return Time(begin, None if begin == end else end)


def _bound(read: Callable[[str], datetime], text: str) -> datetime:
    try:
        return read(text)
    except UnclearDate as error:
        raise InvalidInput(errors=[FieldError("when", str(error), error.readings, "unclear")]) from None
