"""Dates of a file as they are stored: what cannot be kept becomes text in the description, and is told."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from todo_core.dates import UnclearDate, When
from todo_core.errors import InvalidInput
from todo_core.recurrence import Repeat, UnclearRepeat
from todo_core.rules.dues import due_columns, exact_repeat
from todo_core.rules.importing.items import Item
from todo_core.rules.schedules import Calendar

_TROUBLE: Final = (InvalidInput, UnclearDate, UnclearRepeat, ValueError, TypeError, KeyError, OverflowError)
"""What a date that is none may raise."""
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)


def date_columns(item: Item, calendar: Calendar) -> dict[str, Any]:
    """Return the columns of start, due and repeat of a todo."""
    due = _due(item, calendar)
    repeat = _repeat(item, calendar, due)
    if repeat is not None:
        scheduled = calendar.moment(repeat.scheduled)
        if due is None or ("own" not in (item.repeat or {}) and calendar.local(due) != repeat.scheduled):
            if due is not None:
                item.changed("due", "It is no occurrence of the repeat, which begins with its next one.")
            due = scheduled
    start = _day(item.start)
    if item.start is not None and start is None:
        item.lost("start", "It is no day.")
    if start is not None and due is not None and start > _day_of(calendar, due):
        start = None
        item.lost("start", "It is after the due.")
    return due_columns(due) | {"start": start, "repeat": None if repeat is None else repeat.as_json()}


def _due(item: Item, calendar: Calendar) -> When | None:
    if item.due is None:
        return None
    try:
        return calendar.due(_exact(item.due, calendar.zone))
    except _TROUBLE:
        _describe(item, "Due", item.due)
        item.changed("due", "It is not understood; it is in the description.")
        return None


def _exact(due: dict[str, Any], zone: ZoneInfo) -> str | dict[str, Any]:
    """Return a due as a request says it: text as said, or exactly.

    Args:
        due: As an item has it.
        zone: The user's: a time in it follows the user, and one in another zone is a moment.
    """
    if "words" in due:
        return str(due["words"])
    if "own" in due:
        return _own(due["own"])
    if "midnight" in due:
        there = datetime.fromisoformat(due["midnight"]).astimezone(zone)
        return {"date": there.date().isoformat() if there.time() == time() else due["day"]}
    if "local" not in due:
        return {"at": due["at"]} if "at" in due else {"date": due["day"]}
    local = datetime.fromisoformat(due["local"])
    if due["zone"] not in (None, zone.key):
        return {"at": local.replace(tzinfo=ZoneInfo(due["zone"])).astimezone(UTC).isoformat()}
    return {"date": local.date().isoformat(), "time": local.time().isoformat()}


def _own(due: dict[str, Any]) -> dict[str, Any]:
    """Return an exported due: what it was said by, and not what follows from that."""
    if due["kind"] == "moment":
        return {"at": due["at"]}
    return {"date": due["date"]} | ({} if due["time"] is None else {"time": due["time"]})


def _repeat(item: Item, calendar: Calendar, due: When | None) -> Repeat | None:
    given = item.repeat
    if given is None:
        return None
    if item.is_done and "own" not in given:
        _describe(item, "Repeats", given)
        item.changed("repeat", "It is done, so it does not repeat; how it did is in the description.")
        return None
    try:
        if "own" in given:
            return Repeat.from_json(given["own"])
        if "words" in given:
            return calendar.repeat(str(given["words"]), due, said=False)
        start = calendar.today if due is None else calendar.local(due)
        return exact_repeat({"rule": given["rule"]}, start, calendar.zone)
    except _TROUBLE:
        _describe(item, "Repeats", given)
        item.changed("repeat", "There is no such repeat here; it is in the description.")
        return None


def _describe(item: Item, label: str, value: dict[str, Any]) -> None:
    """Put what cannot be kept into the description."""
    own = value.get("own")
    shown = own.get("rule") or own.get("at") if isinstance(own, dict) else next(iter(value.values()))
    item.description = f"{item.description or ''}\n\n{label}: {shown}".strip()


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except (ValueError, TypeError):
        return None


def _day_of(calendar: Calendar, due: When) -> date:
    local = calendar.local(due)
    return local.date() if isinstance(local, datetime) else local


def past_moment(text: Any, now: datetime) -> datetime | None:
    """Return a moment that has been; one that is still to come is now. None of what is none, and of one before 1970."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except _TROUBLE:
        return None
    return None if moment < _EARLIEST else min(moment, now)


def state_columns(item: Item, now: datetime) -> dict[str, Any]:
    """Return when a todo was made, completed and deleted. Where the file does not say when, it was now."""
    return {
        "created_at": past_moment(item.created_at, now) or now,
        "completed_at": (past_moment(item.completed_at, now) or now) if item.is_done else None,
        "deleted_at": (past_moment(item.deleted_at, now) or now) if item.is_trashed else None,
    }
