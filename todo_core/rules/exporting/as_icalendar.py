"""Todos for calendar programs: iCalendar (RFC 5545), a VTODO for each that is not in the trash.

A day is a DATE, a wall-clock time is floating (section 3.3.5, form 1), a moment is in UTC: so each is what it was. A
moment that repeats is by the clocks of its owner (form 3): in UTC it would be an hour off once they change, and its
weekdays might be others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from anyio import to_thread

from todo_core import __version__
from todo_core.boundary.operation import Tx
from todo_core.dates import start_of_day
from todo_core.rules.exporting.content_lines import dated, escaped, folded, value_of
from todo_core.rules.exporting.file import ExportFile
from todo_core.rules.exporting.reading import Owner, installation, list_names, todos_of
from todo_core.rules.exporting.zones import vtimezone

PRIORITIES: Final = {"urgent": 1, "high": 3, "medium": 5, "low": 9}
"""RFC 5545 section 3.8.1.9: 1 to 4 are high, 5 is medium, 6 to 9 are low."""
HEAD: Final = ("BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:-//todo-mcp//{__version__}//EN")
END: Final = ("END:VCALENDAR",)
_STORED_UNTIL: Final = re.compile(r"(?<=UNTIL=)[0-9]{8}(T[0-9]{6})?")
"""A local day or time, as rules are stored."""


async def write(tx: Tx, file: ExportFile, owner: Owner) -> None:
    """Write the todos that are not in the trash.

    Args:
        tx: A snapshot.
        file: Where to.
        owner: Who has them.
    """
    names = await list_names(tx)
    zone = await to_thread.run_sync(vtimezone, owner.zone.key, tx.core.clock().year, limiter=tx.core.formatting)
    file.write(folded((*HEAD, *zone)))
    told = Told(names, owner.zone, installation(tx.core.secret))
    async for todos in todos_of(tx, owner):
        live = [todo for todo in todos if todo["deleted_at"] is None]
        file.write(await to_thread.run_sync(_components, live, file.todos, told, limiter=tx.core.formatting))
        file.todos += len(live)
    file.write(folded(END))


@dataclass(frozen=True, slots=True)
class Told:
    """What components say that their rows do not have."""

    lists: Mapping[int, str]
    """Names by id."""
    zone: ZoneInfo
    """The owner's."""
    installation: str
    """Makes UIDs of one server other than those of another (RFC 7986, section 5.3)."""

    def uid(self, todo_id: int) -> str:
        """Return what names a todo in every export."""
        return f"todo-{todo_id}@{self.installation}"


def _components(todos: Sequence[Mapping[str, Any]], already: int, told: Told) -> bytes:
    return b"".join(folded(vtodo(todo, told, place)) for place, todo in enumerate(todos, already + 1))


def vtodo(todo: Mapping[str, Any], told: Told, place: int) -> Iterator[str]:
    """Yield the lines of a todo (`ExportedTodo`); `place` is its place in the file, in the order by hand."""
    yield "BEGIN:VTODO"
    yield from described(todo, told)
    yield from standing(todo)
    if todo["parent_id"] is not None:
        yield f"RELATED-TO:{told.uid(todo['parent_id'])}"
    yield from _dates(todo, told.zone)
    yield f"X-APPLE-SORT-ORDER:{place}"
    yield f"X-TODO-MCP-LIST:{escaped(told.lists[todo['list_id']])}"
    yield "END:VTODO"


def described(todo: Mapping[str, Any], told: Told) -> Iterator[str]:
    """Yield what a todo is called and when it changed, as lines."""
    changed = value_of(_moment(todo["updated_at"]))
    yield f"UID:{told.uid(todo['id'])}"
    yield f"DTSTAMP:{changed}"
    yield dated("CREATED", _moment(todo["created_at"]))
    yield f"LAST-MODIFIED:{changed}"
    yield f"SUMMARY:{escaped(todo['title'])}"
    if todo["description"]:
        yield f"DESCRIPTION:{escaped(todo['description'])}"
    if todo["tags"]:
        yield f"CATEGORIES:{','.join(map(escaped, todo['tags']))}"
    if todo["source"]:
        yield f"URL:{todo['source']}"


def standing(todo: Mapping[str, Any]) -> Iterator[str]:
    """Yield how important a todo is, and whether it is done, as lines."""
    yield f"PRIORITY:{PRIORITIES[todo['priority']]}"
    yield f"STATUS:{'COMPLETED' if todo['completed_at'] else 'NEEDS-ACTION'}"
    if todo["completed_at"]:
        yield dated("COMPLETED", _moment(todo["completed_at"]))
        yield "PERCENT-COMPLETE:100"


def _dates(todo: Mapping[str, Any], zone: ZoneInfo) -> Iterator[str]:
    """Yield DTSTART, DUE and RRULE.

    DTSTART has the kind of DUE and is before it (section 3.8.2.3). A rule counts from DTSTART (section 3.8.5.3): it
    is the due itself there, as Apple's Reminders write it.
    """
    start = None if todo["start"] is None else date.fromisoformat(todo["start"])
    due = None if todo["due"] is None else due_of(todo["due"])
    if todo["repeat"] is not None and isinstance(due, datetime) and due.tzinfo is not None:
        due = due.astimezone(zone)
    if due is None:
        begin = start
    elif todo["repeat"] is not None:
        begin = due
    else:
        begin = None if start is None or (begin := _like(start, due, zone)) >= due else begin
    if begin is not None:
        yield dated("DTSTART", begin)
    if due is not None:
        yield dated("DUE", due)
        if todo["repeat"] is not None:
            yield f"RRULE:{rule_of(todo['repeat']['rule'], due, zone)}"


def due_of(due: Mapping[str, Any]) -> date:
    """Return a due as a date, a local date-time without a zone, or a date-time in UTC."""
    if due["kind"] == "moment":
        return _moment(due["at"])
    day = date.fromisoformat(due["date"])
    return day if due["kind"] == "day" else datetime.combine(day, time.fromisoformat(due["time"]))


def _like(day: date, due: date, zone: ZoneInfo) -> date:
    """Return the start of a day as a value of the kind of a due."""
    if not isinstance(due, datetime):
        return day
    return datetime.combine(day, time()) if due.tzinfo is None else start_of_day(day, zone)


def rule_of(rule: str, due: date, zone: ZoneInfo) -> str:
    """Return a rule with UNTIL as DTSTART needs it (section 3.3.10): of a moment in UTC. Stored it is a local one."""
    return _STORED_UNTIL.sub(lambda until: value_of(_until(until[0], due, zone)), rule)


def _until(stored: str, due: date, zone: ZoneInfo) -> date:
    day = date.fromisoformat(stored[:8])
    if not isinstance(due, datetime):
        return day
    last = datetime.combine(day, time.fromisoformat(stored[9:]) if len(stored) > 8 else time(23, 59, 59))
    return last if due.tzinfo is None else last.replace(tzinfo=zone).astimezone(UTC)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
