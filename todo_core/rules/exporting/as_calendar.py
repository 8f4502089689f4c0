"""What a calendar address shows: iCalendar (RFC 5545) with an event or a todo for each that is due.

A series is its open occurrence, with the rule for those after it. It begins at the day that the rule has for it; where
its due was moved, an exception says so (RECURRENCE-ID), and days that are passed over are left out (EXDATE).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, Final

from todo_core.models.calendars import Shows
from todo_core.recurrence import Repeat
from todo_core.recurrence.days import days
from todo_core.recurrence.repeat import on_day, time_of
from todo_core.recurrence.rule import day_of, parse
from todo_core.rules.exporting.as_icalendar import END, HEAD, Told, described, due_of, rule_of, standing
from todo_core.rules.exporting.content_lines import dated, escaped, folded
from todo_core.rules.exporting.zones import vtimezone

REFRESH: Final = "PT1H"
"""How often a calendar program is to look again (ISO 8601)."""
MOST_BYTES: Final = 5 * 1024 * 1024
"""Bytes from which on no further todo is shown: programs refuse calendars that are much larger."""
_MOST_LEFT_OUT: Final = 400
"""Days of a rule that are left out: more than a year of days."""
_DONE: Final = "\u2713 "
"""Before the title of an event that is done: events have no such status."""


@dataclass(frozen=True, slots=True)
class Shown:
    """How an address shows todos."""

    told: Told
    name: str
    """What the calendar is called."""
    shows: Shows
    now: datetime
    """The local wall time of the person."""


def calendar_of(todos: Sequence[Mapping[str, Any]], shown: Shown) -> bytes:
    """Return a calendar of todos (`ShownTodo`), as many as there is room for."""
    parts = [folded(_head(shown))]
    size = 0
    for todo in todos:
        part = folded(_components(todo, shown))
        size += len(part)
        if size > MOST_BYTES:
            break
        parts.append(part)
    return b"".join([*parts, folded(END)])


def _head(shown: Shown) -> Iterator[str]:
    yield from HEAD
    yield from ("CALSCALE:GREGORIAN", "METHOD:PUBLISH")
    for name in ("NAME", "X-WR-CALNAME"):  # RFC 7986, and what programs read that do not know it
        yield f"{name}:{escaped(shown.name)}"
    yield f"X-WR-TIMEZONE:{shown.told.zone.key}"
    yield f"REFRESH-INTERVAL;VALUE=DURATION:{REFRESH}"
    yield f"X-PUBLISHED-TTL:{REFRESH}"
    yield from vtimezone(shown.told.zone.key, shown.now.year)


def _components(todo: Mapping[str, Any], shown: Shown) -> Iterator[str]:
    """Yield the lines of a todo: one component, or two where an occurrence of a series was moved."""
    due = due_of(todo["due"])
    if todo["repeat"] is None or todo["repeat"]["counts_from"] == "completion":
        # When what counts from completion comes again, nobody knows yet.
        yield from _component(todo, shown, due)
    elif todo["completed_at"] or todo["is_followed"]:
        yield from _component(todo, shown, due)
    else:
        yield from _series(todo, shown, due)


def _series(todo: Mapping[str, Any], shown: Shown, due: date) -> Iterator[str]:
    repeat = Repeat.from_json(todo["repeat"])

    def at(scheduled: date) -> date:
        is_moment = isinstance(scheduled, datetime) and isinstance(due, datetime) and due.tzinfo is not None
        return scheduled.replace(tzinfo=shown.told.zone) if is_moment else scheduled  # type: ignore[call-arg]

    first = at(repeat.scheduled)
    left_out = [dated("EXDATE", at(day)) for day in _left_out(repeat, todo["due"], shown.now)]
    rule = f"RRULE:{rule_of(repeat.rule, first, shown.told.zone)}"
    yield from _component(todo, shown, first, rule, *left_out)
    if first != due:
        yield from _component(todo, shown, due, dated("RECURRENCE-ID", first))


def _left_out(repeat: Repeat, due: Mapping[str, Any], now: datetime) -> Iterator[date]:
    """Yield the occurrences that will not come: completing the open one passes over them (`recurrence.following`)."""
    rule, scheduled, at = parse(repeat.rule), day_of(repeat.scheduled), time_of(repeat.scheduled)
    past = now.date() if at is None or at <= now.time() else now.date() - timedelta(days=1)
    last = max(date.fromisoformat(due["date"]), past)
    most = _MOST_LEFT_OUT if rule.count is None else min(rule.count - 1, _MOST_LEFT_OUT)
    for day in islice(days(rule, scheduled, scheduled + timedelta(days=1)), most):
        if day > last:
            return
        yield on_day(day, at)


def _component(todo: Mapping[str, Any], shown: Shown, at: date, *more: str) -> Iterator[str]:
    """Yield the lines of one component of a todo, which is due `at`."""
    is_event = shown.shows == "events"
    title = _DONE + todo["title"] if is_event and todo["completed_at"] else todo["title"]
    facts = {**todo, "title": title, "tags": [shown.told.lists[todo["list_id"]]], "source": None}
    yield "BEGIN:VEVENT" if is_event else "BEGIN:VTODO"
    yield from described(facts, shown.told)
    if is_event:
        yield "TRANSP:TRANSPARENT"
    else:
        yield from standing(todo)
        yield dated("DUE", at)
    if is_event or more:  # a rule counts from it
        yield dated("DTSTART", at)
    yield from more
    yield "END:VEVENT" if is_event else "END:VTODO"
